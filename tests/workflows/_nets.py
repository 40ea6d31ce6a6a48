"""The one small net and data that the workflow tests share: a program of the same shapes is compiled once for them all."""

from typing import Any

import numpy as np

import taut

ROWS, BATCH = 24, 8  # three whole batches
_generator = np.random.default_rng(0)
NUMBERS = _generator.integers(0, 2, ROWS)
X = (_generator.normal(size=(ROWS, 3)) + 2 * NUMBERS[:, None] * [1, 0, 0]).astype(np.float32)
Y = taut.utils.to_categorical(NUMBERS)


def net(
    seed: int = 0, optimizer: Any = "sgd", terms: str = "exact", between: tuple[Any, ...] = (), **first: Any
) -> Any:
    """Dense(4, relu) on three inputs, ``between``, Dense(2, softmax), compiled; ``first`` goes to the first layer."""
    taut.utils.set_random_seed(seed)
    model = taut.Sequential(
        [
            taut.layers.Dense(4, activation="relu", input_shape=(3,), **first),
            *between,
            taut.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], terms=terms)
    return model


def fit(model: Any, x: Any = X, y: Any = Y, **arguments: Any) -> Any:
    """A silent ``fit`` in batches of eight."""
    return model.fit(x, y, **{"batch_size": BATCH, "verbose": 0, **arguments})


def weights(model: Any) -> dict[str, np.ndarray]:
    """Copies of the parameters by path."""
    return {path: np.array(w) for path, w in model.params.items()}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """The same parameters, to the bit."""
    assert list(a) == list(b)
    for path in a:
        np.testing.assert_array_equal(a[path].view(np.uint32), b[path].view(np.uint32), err_msg=path)


def assert_differ(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """At least one parameter differs."""
    assert any((a[path] != b[path]).any() for path in a)
