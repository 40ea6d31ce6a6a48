"""The column to predict: classes, kept as they are written, or a number.

The rule, where the task is not given: text, and true and false, are classes; numbers are classes if they are 0 and 1, or
if they are all whole, take at most 20 values, and each value occurs five times or more on average. Anything else is a
number to predict. Spellings of one number (1, 1.0, 01) are one class, under the spelling that is most frequent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from taut._extras import require
from taut.tables import cells, numerals
from taut.tables._errors import TableError, cell, listed, no_such_column
from taut.tables.cells import Notation
from taut.tables.fitting import dates_in
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
    decimal: str = "."
    percent: bool = False
    unit: str = ""
    written: str = ""  # regression: a cell of training that is not written plainly, such as 1,234.50

    @classmethod
    def infer(cls, table: Table, name: str, task: Task | None = None, notes: list[str] | None = None) -> Target:
        """Read the target off a table.

        Args:
            table: all rows.
            name: the column.
            task: by default by the rule of this module.
            notes: a list to which what deserves a look is appended.

        Raises:
            TableError: no such column, missing values, an infinity, one value only, or values that do
                not fit the task.
        """
        pl = require("polars", "Reading tables")
        notes = [] if notes is None else notes
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
                f"The target {name!r} is missing on {table.places(gaps)} of {table.source}. A row without "
                "an answer cannot be used for training: fill it in, or remove the row."
            )
        if not (series.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum) or series.dtype.is_numeric()):
            raise TableError(f"The target {name!r} is {series.dtype}; expected text, true and false, or numbers.")
        if series.dtype in (pl.Categorical, pl.Enum):
            series = series.cast(pl.String)
        if series.dtype == pl.String and (date := dates_in(series)) is not None:
            raise TableError(
                f"The target {name!r} holds dates or times, such as {cell(date)}; expected text, true and false, or "
                f"numbers. To predict a date, make a number of it first, such as days since a fixed date."
            )
        if series.dtype == pl.Boolean:
            found = numerals.Reading(np.empty(0), bad=0)
        else:
            found = numerals.read(series, table.decimal, table.usual)
        values, stray, notation = found.values, found.bad, found.notation
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            raise TableError(
                f"The target {name!r} is infinite on {table.places(infinite)} of {table.source}. "
                f"Expected finite numbers: correct them, or remove the rows."
            )
        spellings = series.unique(maintain_order=True).to_list()
        distinct = len(spellings) if stray is not None else len(np.unique(values))
        if distinct == 1:
            raise TableError(
                f"The target {name!r} is {cell(spellings[0])} on all {len(series)} rows of {table.source}, so "
                "there is nothing to predict. Expected at least two different values."
            )
        why = "as requested"
        if task is None:
            task, why = _decide(values, stray, distinct, len(series))
        written = "" if found.example is None or stray is not None else found.example[0]
        as_read = (notation.decimal, notation.percent, notation.unit)
        if written and (task == "regression" or found.ambiguous):
            notes.append(f"the target {name!r} was read as numbers: {found.says()}")
        if task == "regression":
            if stray is not None:
                raise TableError(
                    f"The target {name!r} has {cell(series[stray])} on {table.where(stray)} of {table.source}; "
                    "regression expects numbers. Correct it, or use classification."
                )
            return cls(name, task, (), 0.0, 1.0, why, *as_read, written).fitted(values)
        alone = int(series.is_unique().sum())
        if alone > len(series) // 2 and distinct > 2:
            raise TableError(
                f"The target {name!r} has {distinct} different values on {len(series)} rows, most of them "
                f"once only: too many to be classes ({listed(map(cell, spellings), 3)}). "
                + ("Use regression." if stray is None else "Choose another column.")
            )
        if stray is not None or series.dtype == pl.Boolean:
            return cls(name, task, labels=tuple(sorted(spellings, key=str)), why=why)
        return cls(name, task, _one_spelling_each(name, series, values, notes), 0.0, 1.0, why, *as_read, written)

    @property
    def notation(self) -> Notation:
        return Notation(self.decimal, self.percent, self.unit)

    def encode(self, table: Table) -> np.ndarray:
        """Classification: int32 indices into ``labels``. Regression: float64, in the column's own units.

        Raises:
            TableError: a value that is missing, not a number, or a label never seen.
        """
        series = table.frame[self.name]
        if self.task == "classification":
            # As text: the same labels may come as numbers in Parquet and as text in CSV.
            place = {str(label): i for i, label in enumerate(self.labels)}
            by_number = self._labels_by_number()
            texts = list(map(str, series.to_list()))
            for text in set(texts) - set(place):
                place[text] = by_number.get(cells.number(text, table.decimal or self.decimal), -1)
            codes = [place[text] for text in texts]
            if -1 in codes:
                row = codes.index(-1)
                raise TableError(
                    f"The target {self.name!r} has {cell(series[row])} on {table.where(row)} of "
                    f"{table.source}; expected one of {listed(map(cell, self.labels), 8)}."
                )
            return np.asarray(codes, dtype=np.int32)
        found = numerals.read_as(series, self.notation, table.decimal)
        bad = np.flatnonzero(~np.isfinite(found.values)) if found.bad is None else np.asarray([found.bad])
        if bad.size:
            like = f", written like {cell(self.written)}" if self.written else ""
            raise TableError(
                f"The target {self.name!r} has {cell(series[int(bad[0])])} on {table.where(bad[0])} of "
                f"{table.source}; expected a finite number{like}."
            )
        return found.values

    def _labels_by_number(self) -> dict[float, int]:
        """Labels that are numbers by their value: 1 is 1.0 and 01."""
        if any(isinstance(label, bool) for label in self.labels):
            return {}
        values = [cells.number(str(label), self.decimal) for label in self.labels]
        return {} if np.isnan(values).any() else {value: i for i, value in enumerate(values)}

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
    if set(np.unique(values).tolist()) == {0.0, 1.0}:
        return "classification", "its values are 0 and 1"
    if not (values == np.floor(values)).all():
        return "regression", "not all its numbers are whole"
    if distinct > MAX_CLASSES:
        return "regression", f"{distinct} different whole numbers, more than {MAX_CLASSES}"
    if rows < _ROWS_PER_CLASS * distinct:
        return "regression", f"{distinct} different whole numbers on {rows} rows, fewer than five rows each"
    return "classification", f"{distinct} different whole numbers"


def _one_spelling_each(name: str, series: Any, values: np.ndarray, notes: list[str]) -> tuple[Label, ...]:
    """The classes of a column of numbers in order, each under its most frequent spelling."""
    counts: dict[float, dict[Any, int]] = {}
    for value, label in zip(values.tolist(), series.to_list(), strict=True):
        spellings = counts.setdefault(value, {})
        spellings[label] = spellings.get(label, 0) + 1
    several = [spellings for _, spellings in sorted(counts.items()) if len(spellings) > 1]
    if several:
        notes.append(
            f"the target {name!r} writes one number in several ways ({listed(several[0], 4)}): they were read as one class"
        )
    return tuple(max(spellings, key=lambda label: spellings[label]) for _, spellings in sorted(counts.items()))
