"""What is known to go wrong in Keras 3.15.1, each as a test of what happens here, beside Keras where that is cheap."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx

import taut
from taut import constraints, regularizers
from taut.constraints import Box, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from taut.model import ModelFileError, files
from taut.optimizers import SGD, Adam
from taut.regularizers import L1, L2

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype(np.float32)
Y = (X[:, :1] - X[:, 1:2]).astype(np.float32)


def regression(optimizer: Any = "sgd", seed: int = 0, units: int = 1, **terms: Any) -> taut.Sequential:
    """One Dense layer on six inputs, compiled."""
    taut.utils.set_random_seed(seed)
    model = taut.Sequential([taut.layers.Dense(units, input_shape=(6,), **terms)])
    model.compile(optimizer, "mse")
    return model


def norms(w: Any, axis: Any = 0) -> np.ndarray:
    return np.sqrt((np.asarray(w, np.float64) ** 2).sum(axis=axis))


# --- 1. L1 never gives an exact zero -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_l1_ends_in_exact_zeros(seed: int) -> None:
    """Nineteen useless inputs of twenty. Keras: none of them is 0.0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, 20)).astype(np.float32)
    y = (3 * x[:, :1] + 0.1 * rng.normal(size=(1000, 1))).astype(np.float32)
    taut.utils.set_random_seed(seed)
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(20,), kernel_regularizer=L1(0.05))])
    model.compile(Adam(0.01), "mse")
    model.fit(x, y, epochs=50, verbose=0)
    w = model.get_weights()[0][:, 0]
    assert (w[1:] == 0).sum() == 19
    assert not np.signbit(w[1:]).any()
    # One useful input: the optimum is the least-squares slope less half the strength over the variance.
    centred = x[:, 0].astype(np.float64) - x[:, 0].mean()
    optimum = (centred @ (y[:, 0] - y.mean()) / 1000 - 0.025) / (centred @ centred / 1000)
    assert w[0] == pytest.approx(optimum, rel=0.01)
    model.compile(Adam(0.01), "mse", terms="keras")
    model.fit(x, y, epochs=1, verbose=0)
    assert (model.get_weights()[0] != 0).all()  # by gradient, as Keras has it, they are gone again


# --- 2. ε shrinks feasible weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("constraint", [MaxNorm(1.0), MinMaxNorm(0.0, 1.0), NonNeg() & MaxNorm(1.0)], ids=str)
def test_a_thousand_projections_move_no_bit_of_a_feasible_kernel(constraint: Any) -> None:
    w = np.abs(RNG.normal(size=(5, 3))).astype(np.float32)
    w *= np.float32(1e-3) / np.float32(norms(w))  # columns of norm 0.001

    @jax.jit
    def projected(w: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, 1000, lambda i, w: constraint(w), w)

    np.testing.assert_array_equal(projected(w), w)
    theirs = keras.constraints.MaxNorm(1.0)
    shrunk = w
    for _ in range(20):
        shrunk = np.asarray(theirs(shrunk))
    assert (norms(shrunk) < 0.999 * norms(w)).all()  # a tenth is lost in a thousand


# --- 3. Averages are taken before projection and never projected ----------------------------------------------------------


def test_averages_are_of_projected_weights_and_are_projected() -> None:
    averaging = {"use_ema": True, "ema_momentum": 0.9}
    model = regression(SGD(0.2, **averaging), kernel_constraint=NonNeg(), kernel_regularizer=L1(0.05))
    history = model.fit(X, Y, batch_size=16, epochs=6, validation_data=(X, Y), verbose=0).history
    w = model.get_weights()[0]
    assert w.min() == 0.0
    assert (w == 0).sum() >= 3  # not 2e-10: an averaged zero is zero where the latest weight is
    # What validation measured is what came out.
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)

    model = regression(SGD(0.2, **averaging, ema_overwrite_frequency=3), units=3, kernel_constraint=UnitNorm())
    model.fit(X, np.tile(Y, 3), batch_size=16, epochs=6, verbose=0)
    np.testing.assert_allclose(norms(model.get_weights()[0]), 1, rtol=2e-6)  # two unit vectors average to less


# --- 4. Under gradient accumulation constraints run on every micro-step ---------------------------------------------------


def test_constraints_and_penalties_act_once_an_optimizer_step() -> None:
    """MinMaxNorm(rate=0.5) goes half of the way each time it runs, so running four times would show."""
    terms = {"kernel_constraint": MinMaxNorm(0.0, 0.1, rate=0.5), "kernel_regularizer": L2(0.1)}
    in_parts = regression(SGD(0.1, gradient_accumulation_steps=4), **terms)
    at_once = regression(SGD(0.1), **terms)
    in_parts.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    at_once.fit(X, Y, batch_size=64, shuffle=False, verbose=0)
    for a, b in zip(in_parts.get_weights(), at_once.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_weights_stand_still_between_optimizer_steps() -> None:
    model = regression(
        SGD(0.1, gradient_accumulation_steps=4), kernel_regularizer=L1(0.1), kernel_constraint=MaxNorm(0.5)
    )
    before = model.get_weights()
    model.fit(X[:48], Y[:48], batch_size=16, shuffle=False, verbose=0)  # three of four
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X[48:], Y[48:], batch_size=16, shuffle=False, verbose=0)
    assert (before[0] != model.get_weights()[0]).any()


# --- 5. Nothing is projected at the start or on load ----------------------------------------------------------------------


@pytest.mark.parametrize("constraint", [NonNeg(), Box(-0.1, 0.1), MaxNorm(0.3), UnitNorm()], ids=str)
def test_weights_are_feasible_from_the_first_moment(constraint: Any, tmp_path: Any) -> None:
    def feasible(model: taut.Sequential) -> bool:
        return not any(model.plan.violations(model.params).values())

    given = 3 * RNG.normal(size=(6, 2)).astype(np.float32)
    model = regression(units=2, kernel_constraint=constraint)
    assert feasible(model)  # built
    model.set_weights([given, np.zeros(2)])
    assert feasible(model)

    free = regression(units=2)
    free.set_weights([given, np.zeros(2)])
    free.attach({"**/kernel": constraint})
    assert feasible(free)  # attached to a trained model

    path = tmp_path / "model.taut"
    model.save(path)
    tensors, body = files.read(path)
    files.write(path, {**tensors, "params/dense/kernel": given}, body)  # weights that the description forbids
    assert feasible(taut.load_model(path))


# --- 6. MaxNorm's default axis on a convolution ---------------------------------------------------------------------------


def test_max_norm_bounds_every_filter_without_an_axis() -> None:
    class Images(nnx.Module):
        def __init__(self) -> None:
            self.conv = nnx.Conv(3, 8, (5, 5), rngs=nnx.Rngs(0))

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.conv(x).mean(axis=(1, 2))

    model = taut.Sequential([taut.layers.Input((6, 6, 3)), Images()])
    kernel = 2 * RNG.normal(size=(5, 5, 3, 8)).astype(np.float32)
    model.set_weights([kernel, np.zeros(8)])
    model.attach({"**/kernel": MaxNorm(1.0)})
    assert model.plan["images/conv/kernel"].fan_in == (0, 1, 2)
    bounded = model.params["images/conv/kernel"]
    assert (norms(bounded, (0, 1, 2)) <= 1 + 2**-21).all()
    theirs = np.asarray(keras.constraints.MaxNorm(1.0)(kernel))
    assert norms(theirs, (0, 1, 2)).max() > 3.8  # of the 5 × 3 × 8 norms over its axis 0, each is at most 1

    # Written for Keras, the axes are spelled out, so that Keras does the same.
    config = constraints.serialize(MaxNorm(1.0), for_keras=(0, 1, 2))
    again = np.asarray(keras.constraints.deserialize(config)(kernel))
    np.testing.assert_allclose(again, bounded, rtol=1e-5)


# --- 7. Bounds that mean nothing are accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: MaxNorm(-1), r"MaxNorm.*-1"),
        (lambda: MinMaxNorm(2, 1), r"MinMaxNorm.*2.*1"),
        (lambda: MinMaxNorm(rate=5), r"rate.*5"),
        (lambda: MinMaxNorm(rate=0), r"rate.*0"),
        (lambda: Box(1, -1), r"Box.*1.*-1"),
        (lambda: Box(), r"Box.*bounds nothing"),
        (lambda: MaxNorm(float("nan")), "MaxNorm.*nan"),
        (lambda: L1(-0.1), r"L1.*-0\.1"),
        (lambda: L2(float("inf")), r"L2.*inf"),
    ],
)
def test_bounds_and_strengths_without_a_meaning_are_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


def test_strings_are_no_strengths() -> None:
    with pytest.raises(TypeError, match=r"L1.*strong"):
        L1("strong")  # pyright: ignore


# --- 8. Identifiers and configs -------------------------------------------------------------------------------------------


def test_every_name_that_users_write_resolves() -> None:
    for name in ("l1l2", "l1_l2", "L1L2"):
        term = regularizers.get(name)
        assert (term.l1, term.l2) == (0.01, 0.01)  # Keras: "l1_l2" raises, "l1l2" is no penalty at all
    assert regularizers.l1_l2(l1=0.1, l2=0.2) == regularizers.L1L2(0.1, 0.2)
    for name, term in {
        "maxnorm": MaxNorm(),
        "nonneg": NonNeg(),
        "unitnorm": UnitNorm(),
        "min_max_norm": MinMaxNorm(),
    }.items():
        assert constraints.get(name) == term
    with pytest.raises(ValueError, match="MaxNorm"):
        constraints.get("max_nrom")


def test_configs_keep_the_number_that_was_written() -> None:
    assert L1(0.1).get_config() == {"l1": 0.1}
    assert keras.regularizers.L1(0.1).get_config()["l1"] != 0.1  # 0.10000000149
    text = json.dumps(regularizers.serialize(L1(0.1)))
    assert "0.1}" in text
    assert regularizers.deserialize(json.loads(text)) == L1(0.1)
    assert MaxNorm(0.3).get_config() == {"max_value": 0.3, "axis": None}


# --- 9. Zero columns and half precision -----------------------------------------------------------------------------------


def test_a_zero_column_gets_a_unit_norm() -> None:
    w = np.asarray([[3.0, 0.0], [4.0, 0.0]], np.float32)
    np.testing.assert_allclose(UnitNorm()(w), [[0.6, 1.0], [0.8, 0.0]], rtol=1e-6)
    assert norms(keras.constraints.UnitNorm()(w))[1] == 0
    model = regression(kernel_constraint=UnitNorm(), kernel_initializer="zeros")
    assert norms(model.get_weights()[0])[0] == 1.0


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_neither_overflows_nor_misses(dtype: Any) -> None:
    w = jnp.full((100, 2), 200.0, dtype)  # finite norms of 2,000, whose squares are not finite in float16
    bounded = MaxNorm(1.0)(w)
    assert bounded.dtype == dtype
    assert (norms(bounded) <= 1).all()
    np.testing.assert_allclose(norms(bounded), 1, rtol=3 * float(jnp.finfo(dtype).eps))
    if dtype is jnp.float16:
        assert not np.asarray(keras.constraints.MaxNorm(1.0)(w)).any()


# --- 10. Lists of constraints; a term changed after build -----------------------------------------------------------------


def test_a_list_of_constraints_is_their_intersection() -> None:
    model = regression(kernel_constraint=[NonNeg(), MaxNorm(0.5)])
    assert model.plan["dense/kernel"].constraint == NonNeg() & MaxNorm(0.5)
    model.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    w = model.get_weights()[0]
    assert w.min() >= 0
    assert norms(w)[0] <= 0.5 * (1 + 2**-21)


def test_a_term_changed_after_build_acts_at_the_next_fit() -> None:
    model = regression()
    model.fit(X, Y, batch_size=16, verbose=0)
    layer = model.layers[0]
    layer.kernel_regularizer = L1(10.0)
    layer.bias_constraint = Box(0.5, 1.0)
    history = model.fit(X, Y, batch_size=16, epochs=5, verbose=0).history
    assert history["penalty"][0] > 1
    kernel, bias = model.get_weights()
    assert not kernel.any()
    assert bias[0] >= 0.5
    layer.kernel_regularizer = None
    assert model.fit(X, Y, batch_size=16, verbose=0).history["penalty"] == [0.0]
    assert model.get_weights()[0].all()


# --- 12. A model file that runs code --------------------------------------------------------------------------------------


class Trap:
    """Leaves a mark if anything makes or imports it."""

    sprung = False

    def __init__(self, *_: Any, **__: Any) -> None:
        Trap.sprung = True

    @classmethod
    def from_config(cls, config: Any) -> "Trap":
        return cls()


@pytest.mark.parametrize(
    ("module", "name"),
    [(__name__, "Trap"), ("os", "system"), ("builtins", "eval"), ("keras.layers", "Lambda")],
)
@pytest.mark.parametrize("place", ["layer", "term", "optimizer", "loss"])
def test_a_file_names_no_code(place: str, module: str, name: str, tmp_path: Any) -> None:
    path = tmp_path / "model.taut"
    model = regression(kernel_regularizer=L1(0.1))
    model.save(path)
    tensors, body = files.read(path)
    described = json.loads(body)
    hostile = {
        "module": module,
        "class_name": name,
        "config": {"command": "true"},
        "registered_name": f"{module}>{name}",
    }
    if place == "layer":
        described["layers"][0] = {"name": "dense", **hostile}
    elif place == "term":
        described["layers"][0]["config"]["kernel_regularizer"] = hostile
    else:
        described["compile"][place] = hostile
    files.write(path, tensors, json.dumps(described))
    with pytest.raises(ModelFileError, match=name):
        taut.load_model(path)
    assert not Trap.sprung
