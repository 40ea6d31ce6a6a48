"""What a user's function reads is read again for every model that is made, compiled or copied; and forgotten with it."""

from __future__ import annotations

import copy
import dataclasses
import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import taut
from taut import constraints, regularizers
from taut.model import engine
from taut.model.programs import holds_user_code
from tests.laws.table import GRADIENT_ONLY, PENALTIES, SETS

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3)).astype(np.float32)
Y = (X @ np.float32([1.0, -2.0, 0.5]))[:, None]

K = 1.0  # what the functions below read


class Strength:
    """A callable object whose attribute changes."""

    def __init__(self) -> None:
        self.k = 1.0

    def __call__(self, w: Any) -> Any:
        return self.k * jnp.sum(w**2)


OBJECT = Strength()


@dataclasses.dataclass(frozen=True, eq=False)
class Squares(regularizers.Regularizer):
    """A term of a user's own, in taut's way, which reads more than its fields."""

    strength: float = 0.5

    def __call__(self, w: Any, *, fan_in: Any = None) -> Any:
        return K * self.strength * jnp.sum(w**2)


class Below(constraints.Constraint):
    """A constraint of a user's own."""

    convex = True

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        return jnp.clip(w, -0.1 * K, 0.1 * K)

    def violation(self, w: Any, *, fan_in: Any = None) -> Any:
        return jnp.max(jnp.abs(w) - 0.1 * K).clip(0)


BELOW = Below()


class Times(nnx.Module):
    """A layer of a user's own."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return K * x


def squares(w: Any) -> Any:
    return K * jnp.sum(w**2)


def times(x: Any) -> Any:
    return K * x


def clip(w: Any) -> Any:
    return jnp.clip(w, -0.1 * K, 0.1 * K)


def error(y: Any, p: Any) -> Any:
    return K * jnp.square(y - p)


PARTIAL = functools.partial(squares)
SCHEDULED = optax.sgd(lambda count: 0.1 * K)


def model(*more: Any, loss: Any = "mse", metrics: Any = (), optimizer: Any = None, **dense: Any) -> taut.Sequential:
    made = taut.Sequential(
        [taut.layers.Dense(1, kernel_initializer="ones", use_bias=False, input_shape=(3,), **dense), *more]
    )
    made.compile(optimizer or taut.optimizers.SGD(0.1), loss, metrics=list(metrics))
    return made


def one_step(made: taut.Sequential) -> np.ndarray:
    """The weights after one step on all rows from (1, 1, 1)."""
    made.set_weights([np.ones((3, 1), np.float32)])
    made.fit(X, Y, batch_size=len(X), verbose=0)
    return made.get_weights()[0]


ONES = np.ones((3, 1))


def stepped(
    penalty: Any = 0.0, *, out: float = 1.0, loss: float = 1.0, rate: float = 0.1, start: float = 1.0
) -> np.ndarray:
    """The same by hand: ``penalty`` is its gradient, ``out`` scales the outputs, ``loss`` the loss."""
    w = start * ONES
    return w - rate * (loss * 2 / len(X) * out * X.T @ (out * X @ w - Y) + penalty)


def clipped(k: float) -> np.ndarray:
    return np.clip(stepped(start=0.1 * k), -0.1 * k, 0.1 * k)


KINDS: dict[str, tuple[Callable[[], taut.Sequential], Callable[[float], np.ndarray]]] = {
    "regularizer": (lambda: model(kernel_regularizer=squares), lambda k: stepped(2 * k)),
    "in a sum": (lambda: model(kernel_regularizer=regularizers.L1(0.1) + squares), lambda k: stepped(2 * k + 0.1)),
    "masked": (lambda: model(kernel_regularizer=regularizers.Masked(Squares(), ONES > 0)), lambda k: stepped(k)),
    "scaled": (lambda: model(kernel_regularizer=regularizers.Scaled(Squares(), 2.0)), lambda k: stepped(2 * k)),
    "acting": (lambda: model(kernel_regularizer=Squares().acting("gradient")), lambda k: stepped(k)),
    "object": (lambda: model(kernel_regularizer=OBJECT), lambda k: stepped(2 * k)),
    "partial": (lambda: model(kernel_regularizer=PARTIAL), lambda k: stepped(2 * k)),
    "activity": (lambda: model(activity_regularizer=squares), lambda k: stepped(2 * k / len(X) * X.T @ X @ ONES)),
    "constraint": (lambda: model(kernel_constraint=clip), clipped),
    "constraint of a class": (lambda: model(kernel_constraint=BELOW), clipped),
    "in an intersection": (lambda: model(kernel_constraint=[constraints.LInfBall(9.0), BELOW]), clipped),
    "loss": (lambda: model(loss=error), lambda k: stepped(loss=k)),
    "activation": (lambda: model(activation=times), lambda k: stepped(out=k)),
    "layer": (lambda: model(Times()), lambda k: stepped(out=k)),
    "schedule": (lambda: model(optimizer=SCHEDULED), lambda k: stepped(rate=0.1 * k)),
}


@pytest.fixture(autouse=True)
def _one() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    read(1.0)
    yield
    read(1.0)


def read(k: float) -> None:
    """What all the functions read from now on."""
    global K
    K = OBJECT.k = k


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_new_model_reads_anew(kind: str) -> None:
    make, expected = KINDS[kind]
    for k in (1.0, 4.0):
        read(k)
        close(one_step(make()), expected(k))


def test_one_compile_reads_once_and_the_next_one_anew() -> None:
    """As Keras, whose compiled function is kept until `compile`."""

    def measure() -> list[float]:
        values = made.evaluate(X, Y, verbose=0)
        return [*values, float(made.predict(X)[0, 0]), made.fit(X, Y, verbose=0, batch_size=24).history["own"][0]]

    def by_hand(k: float) -> list[float]:
        out = k * X @ ONES
        own = k * np.abs(Y - out).mean()
        return [float(np.square(Y - out).mean()), own, float(out[0, 0]), own]

    def own(y: Any, p: Any) -> Any:
        return K * jnp.abs(y - p)

    def start() -> None:
        made.set_weights([np.ones((3, 1), np.float32)])

    made = model(Times(), metrics=[own])
    start()
    close(measure(), by_hand(1.0))
    read(2.0)
    start()
    close(measure(), by_hand(1.0))
    start()
    close(made(X), 2 * X @ ONES)  # not compiled
    twin = copy.deepcopy(made)
    made.compile(taut.optimizers.SGD(0.1), "mse", metrics=[own])
    close(measure(), by_hand(2.0))
    made = twin
    close(measure(), by_hand(2.0))


def test_what_is_attached_is_read_anew() -> None:
    made = model()
    for k in (1.0, 3.0):
        read(k)
        made.attach({"dense/kernel": Squares()})
        close(one_step(made), stepped(k))


def test_settling_reads_anew() -> None:
    """With penalty k·Σw² the settled weights are those of ridge regression."""
    for k in (0.5, 3.0):
        read(k)
        made = model(kernel_regularizer=squares)
        made.fit(X, Y, batch_size=24, settle=200, verbose=0)
        close(made.get_weights()[0], np.linalg.solve(X.T @ X / 24 + k * np.eye(3), X.T @ Y / 24))


def test_paths_estimators_and_refits_read_anew() -> None:
    from taut.sklearn import TautRegressor

    made, ends = model(), []
    for k in (1.0, 3.0):
        read(k)
        path = taut.path(
            made,
            X,
            Y,
            {"dense/kernel": Squares},
            strengths=[0.5],
            folds=None,
            seeds=[0],
            epochs=60,
            batch_size="full",
            verbose=0,
        )
        ridge = np.linalg.solve(X.T @ X / 24 + 0.5 * k * np.eye(3), X.T @ Y / 24)
        close(path.weights["dense/kernel"][0], ridge)
        close(path.refit(0).get_weights()[0], ridge)
        options = {"kernel_regularizer": squares, "optimizer": taut.optimizers.SGD(0.1), "batch_size": 24}
        estimator = TautRegressor(hidden=(), epochs=60, random_state=0, verbose=0, **options)
        ends.append(estimator.fit(X, Y[:, 0]).predict(X))
    assert np.abs(ends[1]).mean() < 0.7 * np.abs(ends[0]).mean()


def test_programs_die_with_their_model() -> None:
    """Also where the function knows its model; and with them whatever the function holds."""

    def train() -> weakref.ref[Any]:
        made = model()

        def loss(y: Any, p: Any) -> Any:
            return jnp.square(y - p) + 0 * len(made.layers)

        made.compile("sgd", loss)
        made.fit(X, Y, verbose=0, validation_data=(X, Y), settle=1)
        return weakref.ref(loss)

    known = train()
    gc.collect()
    assert known() is None

    made = model(activation=lambda x: x * K)
    made.predict(X)
    program = weakref.ref(made.layers[0].activation)
    del made
    gc.collect()
    assert program() is None


@pytest.mark.parametrize(
    "wrap",
    [
        jax.vmap,
        jax.jit,
        jax.checkpoint,
        jax.custom_jvp,
        functools.lru_cache,
        lambda f: optax.masked(optax.GradientTransformation(f, f), f),
        lambda f: taut.losses.FunctionLoss(f),
        lambda f: {"a": [(f,)]},
        lambda f: Strength().__call__,
        lambda f: nnx.Sequential(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), f),
        lambda f: jax.tree.structure(regularizers.Masked(regularizers.Plain(f), ONES > 0)),
    ],
)
def test_a_user_s_function_is_found_in_whatever_holds_it(wrap: Callable[[Any], Any]) -> None:
    for function in (times, functools.partial(times), lambda x: x):
        assert holds_user_code(wrap(function))


def test_what_is_of_the_library_is_shared() -> None:
    """Nothing of taut's, and no function of JAX's, counts as a user's code."""
    rows = [*PENALTIES, *GRADIENT_ONLY, *SETS]
    terms = [row.term for row in rows if "Plain" not in str(row)]
    assert len(terms) > 40
    found = {
        "terms": [t for t in terms if holds_user_code(jax.tree.structure(t))],
        "activations": [n for n, f in taut.activations.ACTIVATIONS.items() if holds_user_code(f)],
        "others": [
            thing
            for thing in (jnp.sin, jax.nn.celu, optax.adam(1e-3), optax.cosine_decay_schedule(0.1, 10))
            if holds_user_code(thing)
        ],
        "modules": [
            m for m in (nnx.Linear(2, 2, rngs=nnx.Rngs(0)), nnx.BatchNorm(2, rngs=nnx.Rngs(0))) if holds_user_code(m)
        ],
    }
    assert not any(found.values()), found
    programs = engine.run._cache_size()
    for strength in (0.1, 0.2):
        one_step(model(kernel_regularizer=regularizers.L1(strength), activation=jnp.sin, optimizer="adam"))
    assert engine.run._cache_size() == programs + 1
