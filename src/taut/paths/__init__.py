"""Many strengths trained side by side in one program, and choosing among them."""

from taut.paths.many import Many, train_many

__all__ = ["Many", "train_many"]
