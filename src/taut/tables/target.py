"""The column to predict: classes, kept as they are written, or a number.

The rule, where it is not told: text, and true and false, are classes; numbers are classes if they are
all whole, take at most 20 values, and each value occurs five times or more on average. Anything else
is a number to predict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from taut._extras import require
from taut.tables._errors import TableError, listed, no_such_column
from taut.tables.columns import _parse  # pyright: ignore[reportPrivateUsage]
from taut.tables.reading import Table

__all__ = ["MAX_CLASSES", "Target", "Task"]

Task = Literal["classification", "regression"]
Label = str | int | float | bool

MAX_CLASSES = 20  # of a column of whole numbers, for it to be read as classes
_ROWS_PER_CLASS = 5


@dataclass(frozen=True)
class Target:
    """What is predicted, and how its values become what a network is trained on."""

    name: str
    task: Task
    labels: tuple[Label, ...] = ()  # classification: as written, in order
    mean: float = 0.0  # regression: of the training rows
    std: float = 1.0
    why: str = ""  # how the task was found

    @classmethod
    def infer(cls, table: Table, name: str, task: Task | None = None) -> Target:
        """Read the target off a table.

        Raises:
            TableError: no such column, missing values, an infinity, one value only, or values that do
                not fit the task.
        """
        pl = require("polars", "Reading tables")
        if name not in table.columns:
            raise no_such_column(name, table.columns, table.source)
        series = table.frame[name]
        if series.dtype.is_float():
            series = series.fill_nan(None)
        gaps = np.flatnonzero(series.is_null().to_numpy())
        if gaps.size == len(series):
            raise TableError(f"The target {name!r} has no values at all in {table.source}.")
        if gaps.size:
            raise TableError(
                f"The target {name!r} is missing on {table.places(gaps)} of {table.source}. A row can only "
                "be learnt from with its answer: fill it in, or take the row out."
            )
        if not (series.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum) or series.dtype.is_numeric()):
            raise TableError(f"The target {name!r} is {series.dtype}; expected text, true and false, or numbers.")
        if series.dtype == pl.Boolean:
            values, stray = np.empty(0), 0
        else:
            values, stray = _parse(series.cast(pl.String) if series.dtype in (pl.Categorical, pl.Enum) else series)
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            raise TableError(
                f"The target {name!r} is infinite on {table.places(infinite)} of {table.source}. "
                f"Expected finite numbers: correct them, or take the rows out."
            )
        found = series.unique(maintain_order=True).to_list()
        if len(found) == 1:
            raise TableError(
                f"The target {name!r} is {found[0]!r} on all {len(series)} rows of {table.source}: there "
                "is nothing to tell apart. Expected at least two different values."
            )
        why = "as told"
        if task is None:
            task, why = _decide(values, stray, len(found), len(series))
        if task == "regression":
            if stray is not None:
                raise TableError(
                    f"The target {name!r} has {series[stray]!r} on {table.where(stray)} of {table.source}; "
                    "regression expects numbers. Correct it, or use classification."
                )
            return cls(name, task, why=why).fitted(values)
        alone = int(series.is_unique().sum())
        if alone > len(series) // 2 and len(found) > 2:
            raise TableError(
                f"The target {name!r} has {len(found)} different values on {len(series)} rows, most of them "
                f"once only: too many to be classes ({listed(map(repr, found), 3)}). "
                + ("Use regression." if stray is None else "Choose another column.")
            )
        order = _numeric if stray is None and series.dtype != pl.Boolean else str
        return cls(name, task, labels=tuple(sorted(found, key=order)), why=why)

    def encode(self, table: Table) -> np.ndarray:
        """Classification: int32 indices into ``labels``. Regression: float64, in the column's own units.

        Raises:
            TableError: a value that is missing, not a number, or a label never seen.
        """
        series = table.frame[self.name]
        if self.task == "classification":
            # As text: the same labels may come as numbers in Parquet and as text in CSV.
            place = {str(label): i for i, label in enumerate(self.labels)}
            codes = [place.get(str(value), -1) for value in series.to_list()]
            if -1 in codes:
                row = codes.index(-1)
                raise TableError(
                    f"The target {self.name!r} has {series[row]!r} on {table.where(row)} of "
                    f"{table.source}; expected one of {listed(map(repr, self.labels), 8)}."
                )
            return np.asarray(codes, dtype=np.int32)
        values, _ = _parse(series)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise TableError(
                f"The target {self.name!r} has {series[int(bad[0])]!r} on {table.where(bad[0])} of "
                f"{table.source}; expected a finite number."
            )
        return values

    def fitted(self, values: np.ndarray) -> Target:
        """The same target with the mean and spread of these (training) values; classes are left alone."""
        if self.task == "classification":
            return self
        return replace(self, mean=float(values.mean()), std=float(values.std()) or 1.0)

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Regression: what the network is trained on, mean 0 and standard deviation 1."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def unscale(self, outputs: np.ndarray) -> np.ndarray:
        """Regression: a network's outputs in the column's own units."""
        return np.asarray(outputs, dtype=np.float64) * self.std + self.mean

    @property
    def outputs(self) -> int:
        return len(self.labels) if self.task == "classification" else 1


def _decide(values: np.ndarray, stray: int | None, distinct: int, rows: int) -> tuple[Task, str]:
    if stray is not None:
        return "classification", "its values are not numbers"
    if not (values == np.floor(values)).all():
        return "regression", "not all its numbers are whole"
    if distinct > MAX_CLASSES:
        return "regression", f"{distinct} different whole numbers, more than {MAX_CLASSES}"
    if rows < _ROWS_PER_CLASS * distinct:
        return "regression", f"{distinct} different whole numbers on {rows} rows, fewer than five rows each"
    return "classification", f"{distinct} different whole numbers"


def _numeric(value: Any) -> float:
    return float(value)
