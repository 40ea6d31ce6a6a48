"""Keras-named layers as Flax NNX modules."""

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

from taut.layers._base import Layer
from taut.layers.dense import Dense
from taut.layers.shape import Activation, Dropout, Flatten, Input, Select

InputLayer = Input

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "Layer", "Select"]
