"""Keras-named layers as Flax NNX modules."""

from typing import TYPE_CHECKING

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

from taut import _keras_words
from taut.layers._base import Layer
from taut.layers.dense import Dense
from taut.layers.shape import Activation, Dropout, Flatten, Input, Select

InputLayer = Input

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "Layer", "Select"]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "layer")
