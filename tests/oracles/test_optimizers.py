"""Optimizers against Keras's own, update by update, and against the definition of their effective step."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from taut import optimizers, transforms
from taut.plans import Entry, Plan, bind
from taut.regularizers import L1, L2

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")

NAMES = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")
SHAPES = {"dense/kernel": (4, 3), "dense/bias": (3,)}


def free(**terms: object) -> Plan:
    """A plan over ``SHAPES`` without terms, but for those given for the kernel."""
    entries = [Entry(path, path.split("/")[1], shape, (0,)) for path, shape in SHAPES.items()]
    entries[0] = Entry("dense/kernel", "kernel", (4, 3), (0,), **terms)  # pyright: ignore
    return bind(entries)


def start() -> dict[str, jax.Array]:
    rng = np.random.default_rng(1)
    return {path: jnp.asarray(rng.normal(size=shape), jnp.float32) for path, shape in SHAPES.items()}


@jax.jit
def scanned(optimizer: Any, plan: Plan, params: Any, state: Any, gradients: Any) -> tuple[Any, Any, Any]:
    """Numbers are arguments here as in ``fit``, so optimizers of one structure share one compilation."""

    def step(carry: tuple[Any, Any], g: dict[str, jax.Array]) -> tuple[tuple[Any, Any], dict[str, jax.Array]]:
        params, state = transforms.step(optimizer, plan, carry[1], carry[0], g, 1)
        return (params, state), params

    (params, state), every = jax.lax.scan(step, (params, state), gradients)
    return params, state, every


def run(
    optimizer: optimizers.Optimizer, plan: Plan, gradients: list[dict[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    """The parameters after each of the gradients, through the step that ``fit`` takes."""
    optimizer = optimizer.prepared()
    state = transforms.init(optimizer, plan, start())
    stacked = {p: np.stack([g[p] for g in gradients]) for p in SHAPES}
    params, state, every = jax.device_get(scanned(optimizer, plan, start(), state, stacked))
    out = [{p: every[p][i] for p in SHAPES} for i in range(len(gradients))]
    if optimizer.use_ema:
        out[-1] = {p: np.asarray(w) for p, w in transforms.averaged(plan, state.average, params).items()}
    return out


def random_gradients(steps: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(2)
    # Magnitudes from 1e-4 to 10, so that ε, clipping and the moments' decay all show.
    return [
        {p: (rng.normal(size=s) * 10 ** rng.uniform(-4, 1, size=s)).astype(np.float32) for p, s in SHAPES.items()}
        for _ in range(steps)
    ]


# --- defaults and arguments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_those_of_keras(name: str) -> None:
    theirs, ours = getattr(keras.optimizers, name)().get_config(), getattr(optimizers, name)().get_config()
    theirs["learning_rate"] = float(f"{theirs['learning_rate']:.7g}")  # Keras keeps it in float32
    shared = theirs.keys() & ours.keys()
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}
    # What is left of Keras's is off by default, and nothing of ours is new.
    assert ours.keys() <= theirs.keys()
    left = {key: theirs[key] for key in theirs.keys() - ours.keys() - {"name"}}
    assert not any(left.values()), left


@pytest.mark.parametrize("name", NAMES)
def test_arguments_come_in_keras_order(name: str) -> None:
    theirs = list(inspect.signature(getattr(keras.optimizers, name)).parameters)
    ours = inspect.signature(getattr(optimizers, name)).parameters
    positional = [p for p, kind in ours.items() if kind.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    off_by_default = {"amsgrad", "centered", "nesterov"} - set(positional)
    expected = [p for p in theirs if p not in off_by_default][: len(positional)]
    assert positional == expected


def test_adamw_takes_its_learning_rate_first() -> None:
    assert optimizers.AdamW(0.01, 0.1) == optimizers.AdamW(learning_rate=0.01, weight_decay=0.1)
    assert optimizers.AdamW(0.01).weight_decay == 0.004
    assert optimizers.AdamW(weight_decay=None).weight_decay == 0.004  # None is the default, as for every strength


@pytest.mark.parametrize("name", NAMES)
def test_a_config_of_keras_makes_the_same_optimizer(name: str) -> None:
    theirs = keras.optimizers.serialize(getattr(keras.optimizers, name)(0.25, clipnorm=1.0))
    assert optimizers.deserialize(theirs) == getattr(optimizers, name)(0.25, clipnorm=1.0)


def test_what_keras_has_and_taut_has_not_is_refused_by_name() -> None:
    theirs = keras.optimizers.serialize(keras.optimizers.Adam(amsgrad=True))
    with pytest.raises((TypeError, ValueError), match="amsgrad"):
        optimizers.deserialize(theirs)


# --- updates -----------------------------------------------------------------------------------------------------------

CASES = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True}),
    "adam": ("Adam", {"learning_rate": 0.01}),
    "adam with other betas": ("Adam", {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop with momentum": ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.9, "epsilon": 1e-4}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad from zero": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0}),
    "clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    "clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.05}),
    "global_clipnorm": ("Adam", {"learning_rate": 0.01, "global_clipnorm": 0.5}),
    "weight_decay": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "weight_decay of rmsprop": ("RMSprop", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "average": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9}),
    "average put back": (
        "Adam",
        {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7},
    ),
    "accumulation": ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 4}),
    "accumulation, clipped and decayed": (
        "SGD",
        {"learning_rate": 0.1, "gradient_accumulation_steps": 3, "clipnorm": 0.5, "weight_decay": 0.1},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_hundred_updates_are_those_of_keras(case: str) -> None:
    name, arguments = CASES[case]
    gradients = random_gradients(100)
    ours = run(getattr(optimizers, name)(**arguments), free(), gradients)

    theirs = getattr(keras.optimizers, name)(**arguments)
    variables = [keras.Variable(np.asarray(w)) for w in start().values()]
    theirs.build(variables)
    # Keras's optimizer as a pure function, so that a hundred steps cost one small compilation.
    step = jax.jit(theirs.stateless_apply)
    values, slots = [v.value for v in variables], [v.value for v in theirs.variables]
    for i, g in enumerate(gradients):
        values, slots = step(slots, [jnp.asarray(v) for v in g.values()], values)
        if i + 1 < len(gradients):
            for path, value in zip(SHAPES, values, strict=True):
                assert relative(ours[i][path], value) < 1e-5, f"{path} after step {i + 1}"
    if theirs.use_ema:  # what Keras puts in the weights' place when fit ends
        for variable, value in zip(theirs.variables, slots, strict=True):
            variable.assign(value)
        theirs.finalize_variable_values(variables)
        values = [v.value for v in variables]
    for path, value in zip(SHAPES, values, strict=True):
        assert relative(ours[-1][path], value) < 1e-5, path


def relative(a: np.ndarray, b: object) -> float:
    b = np.asarray(b, np.float64)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# --- the effective step ------------------------------------------------------------------------------------------------

METRICS = {
    "sgd": optimizers.SGD(0.01),
    "momentum": optimizers.SGD(0.01, momentum=0.9),
    "nesterov": optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "adam": optimizers.Adam(0.01),
    "adam with other betas": optimizers.Adam(0.01, beta_1=0.5, beta_2=0.99, epsilon=1e-2),
    "adamw": optimizers.AdamW(0.01, weight_decay=0.0),
    "rmsprop": optimizers.RMSprop(0.01),
    "rmsprop with momentum": optimizers.RMSprop(0.01, momentum=0.9, epsilon=1e-2),
    "adagrad": optimizers.Adagrad(0.1),
    "optax": optimizers.Optax(optax.sgd(0.01), lambda state, path: 0.01),
}


@pytest.mark.parametrize("case", METRICS)
def test_the_effective_step_is_the_response_to_a_constant_gradient(case: str) -> None:
    """After the transient, a penalty λ·|w| moves an entry exactly as an additional gradient of size λ would."""
    optimizer, strength = METRICS[case], 0.05
    rng = np.random.default_rng(3)
    constant = {p: (0.1 + rng.random(s)).astype(np.float32) for p, s in SHAPES.items()}
    steps = 400
    bare = run(optimizer, free(regularizer=L1(0.0)), [constant] * steps)
    with_term = run(optimizer, free(regularizer=L1(strength)), [constant] * steps)
    moved = bare[-2]["dense/kernel"] - bare[-1]["dense/kernel"]
    effective = moved / constant["dense/kernel"]
    # Both runs end far below zero, where L1 pulls upwards by λ.
    assert (with_term[-1]["dense/kernel"] < 0).all()
    pulled = moved - (with_term[-2]["dense/kernel"] - with_term[-1]["dense/kernel"])
    np.testing.assert_allclose(pulled, effective * strength, rtol=5e-3)


def test_a_step_of_half_the_size_would_be_noticed() -> None:
    """The law above can fail: an optimizer that forgets its momentum in the metric breaks it tenfold."""

    class Forgetful(optimizers.SGD):
        def size(self, *_: object) -> Any:
            return self.learning_rate

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METRICS, "wrong", Forgetful(0.01, momentum=0.9))
        with pytest.raises(AssertionError):
            test_the_effective_step_is_the_response_to_a_constant_gradient("wrong")


def test_decoupled_decay_is_adamw_with_twice_the_strength() -> None:
    gradients = random_gradients(30)
    by_term = run(optimizers.Adam(0.01), free(regularizer=L2(0.05).acting("decoupled")), gradients)
    by_optimizer = run(optimizers.AdamW(0.01, weight_decay=0.1), free(), gradients)
    np.testing.assert_allclose(by_term[-1]["dense/kernel"], by_optimizer[-1]["dense/kernel"], rtol=2e-6)
    assert (
        relative(by_term[-1]["dense/kernel"], run(optimizers.Adam(0.01), free(), gradients)[-1]["dense/kernel"]) > 1e-3
    )


def test_l2_by_its_prox_is_the_implicit_step() -> None:
    """Under plain SGD, w ← (w − lr·g) / (1 + 2·lr·λ): the closed form of the prox of λ·w²."""
    gradients = random_gradients(1)
    new = run(optimizers.SGD(0.1), free(regularizer=L2(0.5).acting("proximal")), gradients)[0]["dense/kernel"]
    expected = (np.asarray(start()["dense/kernel"], np.float64) - 0.1 * gradients[0]["dense/kernel"]) / 1.1
    np.testing.assert_allclose(new, expected, rtol=1e-6)


# --- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"clipnorm": 0.0}, "clipnorm"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "clipnorm and clipvalue"),
        ({"ema_momentum": 1.5}, "ema_momentum"),
        ({"ema_overwrite_frequency": 3}, "use_ema"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps"),
        ({"gradient_accumulation_steps": 2.5}, "gradient_accumulation_steps"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises((ValueError, TypeError), match=named):
        optimizers.SGD(**arguments)  # pyright: ignore


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(ValueError, match="adam"):
        optimizers.get("adamm")


def test_configs_round_trip_exactly() -> None:
    for optimizer in METRICS.values():
        if isinstance(optimizer, optimizers.Optax):
            continue
        again = optimizers.deserialize(optimizers.serialize(optimizer))
        assert again == optimizer
        assert again.get_config() == optimizer.get_config()
    assert optimizers.Adam(0.1).get_config()["learning_rate"] == 0.1  # Keras writes 0.10000000149
