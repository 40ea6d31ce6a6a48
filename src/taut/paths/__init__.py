"""Many strengths trained side by side in one program, and choosing among them."""

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

from taut.paths.choice import Point
from taut.paths.comparing import Comparison, compare
from taut.paths.many import Many, train_many
from taut.paths.result import Path
from taut.paths.run import path
from taut.paths.stability import Stability
from taut.paths.table import Table

__all__ = ["Comparison", "Many", "Path", "Point", "Stability", "Table", "compare", "path", "train_many"]
