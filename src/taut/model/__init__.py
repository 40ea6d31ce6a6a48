"""Sequential and its training engine."""

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

from taut.model.compacting import Compaction, compact
from taut.model.history import History
from taut.model.loading import ModelFileError, load_model
from taut.model.nonfinite import NonFiniteError
from taut.model.sequential import Sequential

__all__ = ["Compaction", "History", "ModelFileError", "NonFiniteError", "Sequential", "compact", "load_model"]
