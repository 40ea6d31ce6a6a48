"""Many strengths trained side by side in one program, and choosing among them."""

from taut.paths.choice import Point
from taut.paths.many import Many, train_many
from taut.paths.result import Path, Stability
from taut.paths.run import path
from taut.paths.table import Table

__all__ = ["Many", "Path", "Point", "Stability", "Table", "path", "train_many"]
