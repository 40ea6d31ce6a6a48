"""Keras's second name for the same things: ``taut.models.Sequential`` is ``taut.Sequential``."""

from taut.model import Sequential, load_model

__all__ = ["Sequential", "load_model"]
