"""A small table: columns by name, printable, and convertible to polars or pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut._extras import require
from taut._text import aligned

__all__ = ["Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length.

    Attributes:
        columns: by name, one array each.

    >>> print(Table({"strength": np.array([0.1, 0.01]), "inputs": np.array([3, 10])}))
    strength  inputs
         0.1       3
        0.01      10
    """

    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __str__(self) -> str:
        cells = [[name, *(_shown(v) for v in column)] for name, column in self.columns.items()]
        return "\n".join(aligned(list(zip(*cells, strict=True)), right=True))

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per row, with plain Python numbers."""
        columns = {name: column.tolist() for name, column in self.columns.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_polars(self) -> Any:
        """A polars data frame."""
        return _frame("polars")(self.columns)

    def to_pandas(self) -> Any:
        """A pandas data frame."""
        return _frame("pandas")(self.columns)


def _frame(library: str) -> Callable[..., Any]:
    return require(library, f"A table for {library}").DataFrame


def _shown(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else f"{value:.4g}"
    return str(value)
