"""How one column of a table becomes numbers: decided in training, kept, and applied as it was.

Two kinds. A `Number` has its missing values filled with the training median, is standardised, and has
a second feature, 0 or 1, saying which values were missing, if any were in training. How its numbers are written
(`taut.tables.numerals`) is decided in training as well. A `Choice` (text, categories, true and false) has one 0-or-1
feature a level.

The rule for levels: one that at least two training rows have gets its own feature, the most frequent
first, up to ``max_levels``; the rest share one feature, "other". A level never seen in training is
"other" too where that feature exists, and all zeros where it does not. Missing values get a feature of
their own if training had any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taut._extras import require
from taut.tables import cells, numerals
from taut.tables._errors import TableError, cell, listed
from taut.tables.cells import Notation
from taut.tables.reading import Table

__all__ = ["Choice", "Column", "LeftOut", "Number"]


@dataclass(frozen=True)
class LeftOut:
    """A column that cannot be used, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Number:
    """A column of numbers: ``(value - mean) / std``, with ``median`` where the value is missing."""

    name: str
    median: float
    mean: float
    std: float  # 0.0: every value present is the same, and only the indicator is a feature
    missing: bool  # training had missing values
    decimal: str = "."
    percent: bool = False  # every cell was written with a %, which divides by 100
    unit: str = ""  # a currency
    written: str = ""  # a cell of training that is not written plainly, such as 1,234.50

    @property
    def notation(self) -> Notation:
        return Notation(self.decimal, self.percent, self.unit)

    @property
    def features(self) -> tuple[str, ...]:
        value = (self.name,) if self.std > 0 else ()
        return (*value, f"{self.name}: missing") if self.missing else value

    def encode(self, table: Table, notes: list[str]) -> np.ndarray:
        """Float32 features, shape (rows, len(features))."""
        values = self._numbers(table, notes)
        gaps = np.isnan(values)
        if gaps.any() and not self.missing:
            notes.append(
                f"{self.name!r} is missing on {table.places(np.flatnonzero(gaps))}; no value was missing in training, so "
                f"the training median, {self.median:g}, was used"
            )
        features: list[np.ndarray] = []
        if self.std > 0:
            scaled = (np.where(gaps, self.median, values) - self.mean) / self.std
            too_large = np.flatnonzero(np.abs(scaled) > np.finfo(np.float32).max)
            if too_large.size:
                raise TableError(
                    f"{self.name!r} is {values[too_large[0]]:g} on {table.where(too_large[0])} of "
                    f"{table.source}: too large to compute with (the training mean is {self.mean:g}). "
                    "Correct it, or leave it empty to mark it as missing."
                )
            features.append(scaled)
        if self.missing:
            features.append(gaps)
        return np.stack(features, axis=1).astype(np.float32)

    def _numbers(self, table: Table, notes: list[str]) -> np.ndarray:
        """The column as float64, NaN where missing; refused if it holds anything else, or an infinity."""
        pl = require("polars", "Reading tables")
        series = table.frame[self.name]
        if series.dtype not in (pl.String, pl.Null) and not series.dtype.is_numeric():
            raise TableError(f"{self.name!r} is {series.dtype} in {table.source}; in training it was numbers.")
        found = numerals.read_as(series, self.notation, table.decimal)
        if found.bad is not None:
            raise TableError(
                f"{self.name!r} has {cell(series[found.bad])} on {table.where(found.bad)} of {table.source}; in training it "
                f"was {_kind_of_numbers(self)}. Correct it, or leave it empty to mark it as missing."
                + _hint(series[found.bad], table.decimal or self.decimal)
            )
        if found.example is not None and not self.written:
            notes.append(f"{self.name!r} was read as numbers: {found.says()}")
        if self.percent and series.dtype.is_numeric():
            notes.append(f"{self.name!r} was written with % in training: 0.1 is read as 10 %, 10 as 1000 %")
        refuse_infinity(table, self.name, found.values)
        return found.values


@dataclass(frozen=True)
class Choice:
    """A column of levels, one feature each."""

    name: str
    levels: tuple[str, ...]
    other: bool  # some training rows had a level without a feature of its own
    missing: bool
    boolean: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        names = [f"{self.name}={level}" for level in self.levels]
        names += [f"{self.name}: other"] * self.other + [f"{self.name}: missing"] * self.missing
        return tuple(names)

    def encode(self, table: Table, notes: list[str]) -> np.ndarray:
        """Float32 features, shape (rows, len(features))."""
        texts = as_texts(table, self.name, self.boolean)
        place = {level: i for i, level in enumerate(self.levels)}
        nothing = len(self.features)  # a column that is cut off at the end
        other = len(self.levels) if self.other else nothing
        missing = nothing - 1 if self.missing else nothing
        codes = np.asarray([missing if text is None else place.get(text, other) for text in texts], dtype=np.int64)

        gaps = [row for row, text in enumerate(texts) if text is None]
        strange = [row for row, text in enumerate(texts) if text is not None and text not in place]
        if strange and len(strange) == len(texts) - len(gaps):
            self._refuse_numbers(table)
        if gaps and not self.missing:
            notes.append(
                f"{self.name!r} is missing on {table.places(gaps)}; no value was missing in training, so its features are all 0"
            )
        if strange and not self.other:
            seen = sorted({str(texts[row]) for row in strange})
            notes.append(
                f"{self.name!r} has {listed(map(cell, seen), 3)} on {table.places(strange)}, "
                f"which did not occur in training, so its features are all 0"
            )
        features = np.zeros((len(texts), nothing + 1), dtype=np.float32)
        features[np.arange(len(texts)), codes] = 1
        return features[:, :nothing]

    def _refuse_numbers(self, table: Table) -> None:
        """Not one known level, and nothing but numbers: this is another column under the same name."""
        found = numerals.read(table.frame[self.name], table.decimal, table.usual)
        if found.bad is None and not np.isnan(found.values).all():
            raise TableError(
                f"{self.name!r} holds only numbers in {table.source}; in training it held "
                f"{'true and false' if self.boolean else 'text'}, such as "
                f"{listed(map(cell, self.levels), 3)}."
            )


Column = Number | Choice


def _kind_of_numbers(column: Number) -> str:
    return f"numbers, written like {cell(column.written)}" if column.written else "numbers"


def _hint(text: str, decimal: str) -> str:
    """Whether the other decimal sign would do."""
    other = "," if decimal == "." else "."
    if np.isnan(cells.number(text, decimal)) and not np.isnan(cells.number(text, other)):
        return f" If it is {cells.number(text, other):g}, add --decimal {other!r}."
    return ""


def refuse_infinity(table: Table, name: str, values: np.ndarray) -> None:
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise TableError(
            f"{name!r} is infinite on {table.places(infinite)} of {table.source}. Expected finite numbers: "
            f"correct it, or leave it empty to mark it as missing."
        )


def as_texts(table: Table, name: str, boolean: bool) -> list[str | None]:
    pl = require("polars", "Reading tables")
    series = table.frame[name]
    kinds = (pl.String, pl.Boolean, pl.Null, pl.Categorical, pl.Enum)
    if series.dtype not in kinds:
        raise TableError(
            f"{name!r} is {series.dtype} in {table.source}; in training it was "
            f"{'true and false' if boolean else 'text'}."
        )
    texts = series.cast(pl.String)
    return (texts.str.to_lowercase() if boolean else texts).to_list()
