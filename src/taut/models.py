"""Keras's second name for the same things: ``taut.models.Sequential`` is ``taut.Sequential``."""

from typing import TYPE_CHECKING

from taut import _keras_words
from taut.model import Sequential, load_model

__all__ = ["Sequential", "load_model"]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "model")
