"""Layers without parameters: Input, Flatten, Select, Activation, Dropout."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from taut import activations, errors
from taut.layers._base import Layer, Shape, Source, check_shape

__all__ = ["Activation", "Dropout", "Flatten", "Input", "Select"]


class Input(Layer):
    """The shape of one row of data, as the first of a model's layers: ``Input(shape=(10,))``."""

    def __init__(self, shape: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = check_shape(shape, "Input")
        self.input_shape = self.shape

    def __call__(self, x: Any) -> Any:
        return x


class Flatten(Layer):
    """Turns each row into one vector: (batch, a, b, ...) → (batch, a·b·...)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def __call__(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)


class Select(Layer):
    """Selects the listed entries of each row: (batch, ..., n) → (batch, ..., len(indices)).

    Args:
        indices: the entries, counted from 0 along the last axis of a row; each at most once.
        axis: -1, or None to count over the row as one vector, which is then the output: (batch, a, b) → (batch,
            len(indices)).
    """

    def __init__(self, indices: Any, axis: int | None = -1, **kwargs: Any) -> None:
        try:
            numbers = np.asarray(indices)
        except ValueError:
            numbers = np.zeros(0)
        if numbers.ndim != 1 or numbers.size == 0 or numbers.dtype.kind not in "iu" or (numbers < 0).any():
            raise ValueError(f"Select: indices={errors.shown(indices)}, expected a list of integers ≥ 0, at least one.")
        if len(np.unique(numbers)) != len(numbers):
            raise ValueError(
                f"Select: indices={errors.shown(indices)} names an entry twice; expected each at most once."
            )
        if axis not in (-1, None):
            raise ValueError(f"Select: axis={axis!r}, expected -1 (the last axis) or None (the row as one vector).")
        super().__init__(**kwargs)
        self.indices = tuple(int(i) for i in numbers)
        self.axis = axis

    def output_shape(self, input_shape: Shape) -> Shape:
        entries = math.prod(input_shape) if self.axis is None else input_shape[-1]
        if max(self.indices) >= entries:
            raise ValueError(
                f"Select: index {max(self.indices)} is beyond the {entries} entries of rows of {input_shape}."
            )
        return (len(self.indices),) if self.axis is None else (*input_shape[:-1], len(self.indices))

    def __call__(self, x: Any) -> Any:
        flat = x.reshape(x.shape[0], -1) if self.axis is None else x
        # "fill" would check each index, but the shape was checked when the model was built.
        return jnp.asarray(flat).at[..., np.asarray(self.indices)].get(mode="promise_in_bounds")


class Activation(Layer):
    """An activation as a separate layer."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def before_activation(self, x: Any) -> Any:
        return x

    def __call__(self, x: Any) -> Any:
        return self.activation(x)


class Dropout(Layer):
    """Sets a random ``rate`` of the inputs to zero while training and scales the rest by 1/(1−rate).

    Args:
        rate: the fraction dropped, in [0, 1).
        seed: a seed for this layer only, independent of the model's seed.
    """

    def __init__(self, rate: Any, seed: int | None = None, **kwargs: Any) -> None:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
            raise ValueError(f"Dropout: rate={rate!r}, expected a number in [0, 1).")
        seed = None if seed is None else errors.integer("Dropout: seed", seed, 0)
        super().__init__(**kwargs)
        self.rate = float(rate)
        self.terms.by_name["seed"] = seed  # beside the initializers: it says nothing about a program's shape
        self.deterministic = False  # the mode, by NNX's name for it

    @property
    def seed(self) -> int | None:
        return self.terms.by_name["seed"]

    @property
    def built(self) -> bool:
        return hasattr(self, "rngs")

    def build(self, input_shape: Shape, source: Source) -> None:
        seed = source("seed", (), None) if self.seed is None else self.seed
        self.rngs = nnx.Rngs(int(seed)).fork()

    def __call__(self, x: Any) -> Any:
        if self.deterministic or self.rate == 0:
            return x
        keep = jax.random.bernoulli(self.rngs(), 1 - self.rate, x.shape)
        return jnp.where(keep, x / (1 - self.rate), 0)
