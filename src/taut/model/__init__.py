"""Sequential and its training engine."""

from taut.model.compacting import Compaction, compact
from taut.model.history import History
from taut.model.loading import ModelFileError, load_model
from taut.model.sequential import Sequential
from taut.model.training import NonFiniteError

__all__ = ["Compaction", "History", "ModelFileError", "NonFiniteError", "Sequential", "compact", "load_model"]
