"""Utilities for training scripts."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _keras_words, errors

__all__ = ["set_random_seed", "to_categorical"]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "util")

_stream: np.random.Generator | None = None
# For `drawn_from`: thread-local, so that draws of another thread are not changed.
_inner: ContextVar[np.random.Generator | None] = ContextVar("taut_inner_stream", default=None)


def set_random_seed(seed: int) -> None:
    """Set the random seed of everything drawn from now on: initial weights, shuffling, dropout.

    The same seed gives the same bits on the same machine with the same visible cores and library versions. Without a
    seed, every model and every ``fit`` draws its own, recorded as ``model.seed`` and ``History.seed``.

    Args:
        seed: an integer from 0 to 2³² − 1.
    """
    global _stream
    _stream = _begun(seed)


def _begun(seed: int) -> np.random.Generator:
    return np.random.default_rng(errors.integer("seed", seed, 0, 2**32 - 1))


def draw_seed() -> int:
    """The next seed of the stream that ``set_random_seed`` started, or a new one from the operating system."""
    stream = _inner.get() or _stream
    return secrets.randbits(31) if stream is None else int(stream.integers(2**31))


@contextlib.contextmanager
def drawn_from(seed: int) -> Generator[None]:
    """Inside the block, draws are those after ``set_random_seed(seed)``; the stream outside is not changed."""
    token = _inner.set(_begun(seed))
    try:
        yield
    finally:
        _inner.reset(token)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows, float32.

    Args:
        x: class numbers 0, 1, ..., any shape; a last axis of one entry is dropped, as in Keras.
        num_classes: the number of classes; None means the largest class number plus one.

    Returns:
        An array of shape (*x.shape, num_classes).

    Raises:
        ValueError: a value that is not a class number below ``num_classes``.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    given = np.asarray(x)
    whole = given.dtype.kind in "iub" or (given.dtype.kind == "f" and bool((given == np.floor(given)).all()))
    if not whole or given.size == 0:
        raise ValueError(f"to_categorical: x has dtype {given.dtype} and shape {given.shape}, expected class numbers.")
    numbers = given.astype(np.int64)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    classes = int(numbers.max()) + 1 if num_classes is None else num_classes
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"to_categorical: x holds {low if low < 0 else high}, expected class numbers from 0 to {classes - 1}."
        )
    return np.eye(classes, dtype=np.float32)[numbers]
