"""Layers without parameters: Input, Flatten, Activation, Dropout."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from taut import activations
from taut.layers._base import Layer, Shape, Source, check_shape

__all__ = ["Activation", "Dropout", "Flatten", "Input"]


class Input(Layer):
    """The shape of one row of data, as the first of a model's layers: ``Input(shape=(10,))``."""

    def __init__(self, shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = check_shape(shape, "Input")
        self.input_shape = self.shape

    def __call__(self, x: Any) -> Any:
        return x


class Flatten(Layer):
    """Each row as one vector: (batch, a, b, ...) → (batch, a·b·...)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def __call__(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)


class Activation(Layer):
    """An activation as a layer of its own."""

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
        seed: makes the draws the layer's own, apart from the model's seed.
    """

    def __init__(self, rate: Any, seed: int | None = None, **kwargs: Any) -> None:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
            raise ValueError(f"Dropout: rate={rate!r}, expected a number in [0, 1).")
        if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0):
            raise ValueError(f"Dropout: seed={seed!r}, expected an integer ≥ 0, or None for the model's seed.")
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
