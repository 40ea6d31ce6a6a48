"""Keras-named layers as Flax NNX modules."""

from taut.layers._base import Layer
from taut.layers.dense import Dense
from taut.layers.shape import Activation, Dropout, Flatten, Input, Select

InputLayer = Input

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "Layer", "Select"]
