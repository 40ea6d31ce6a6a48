"""Sequential and its training engine."""

from taut.model.history import History
from taut.model.saving import ModelFileError, load_model
from taut.model.sequential import Sequential
from taut.model.training import NonFiniteError

__all__ = ["History", "ModelFileError", "NonFiniteError", "Sequential", "load_model"]
