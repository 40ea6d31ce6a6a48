"""How one column of a table becomes numbers: decided in training, kept, and applied as it was.

Two kinds. A `Number` has its missing values filled with the training median, is standardised, and has
a second feature, 0 or 1, saying which values were missing, if any were in training. A `Choice` (text,
categories, true and false) has one 0-or-1 feature a level.

The rule for levels: one that at least two training rows have gets its own feature, the most frequent
first, up to ``max_levels``; the rest share one feature, "other". A level never seen in training is
"other" too where that feature exists, and all zeros where it does not. Missing values get a feature of
their own if training had any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taut._extras import require
from taut.tables._errors import TableError, listed
from taut.tables.reading import Table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Choice", "Column", "LeftOut", "Number", "fit_column"]

_DECIMAL_COMMA = r"^[+-]?\d{1,3}(\.\d{3})*,\d+$"


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

    @property
    def features(self) -> tuple[str, ...]:
        value = (self.name,) if self.std > 0 else ()
        return (*value, f"{self.name}: missing") if self.missing else value

    def encode(self, table: Table, notes: list[str]) -> np.ndarray:
        """Float32 features, shape (rows, len(features))."""
        values = _as_numbers(table, self.name)
        gaps = np.isnan(values)
        if gaps.any() and not self.missing:
            notes.append(
                f"{self.name!r} is missing on {table.places(np.flatnonzero(gaps))}, and never was in "
                f"training: the training median, {self.median:g}, was used"
            )
        features: list[np.ndarray] = []
        if self.std > 0:
            scaled = (np.where(gaps, self.median, values) - self.mean) / self.std
            too_large = np.flatnonzero(np.abs(scaled) > np.finfo(np.float32).max)
            if too_large.size:
                raise TableError(
                    f"{self.name!r} is {values[too_large[0]]:g} on {table.where(too_large[0])} of "
                    f"{table.source}: too large to compute with, beside a training mean of {self.mean:g}. "
                    "Correct it or empty it."
                )
            features.append(scaled)
        if self.missing:
            features.append(gaps)
        return np.stack(features, axis=1).astype(np.float32)


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
        texts = _as_texts(table, self.name, self.boolean)
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
            notes.append(f"{self.name!r} is missing on {table.places(gaps)}, and never was in training: all zeros")
        if strange and not self.other:
            seen = sorted({str(texts[row]) for row in strange})
            notes.append(
                f"{self.name!r} has {listed(map(repr, seen), 3)} on {table.places(strange)}, "
                f"never seen in training: all zeros"
            )
        features = np.zeros((len(texts), nothing + 1), dtype=np.float32)
        features[np.arange(len(texts)), codes] = 1
        return features[:, :nothing]

    def _refuse_numbers(self, table: Table) -> None:
        """Not one known level, and nothing but numbers: this is another column under the same name."""
        values, bad = _parse(table.frame[self.name])
        if bad is None and not np.isnan(values).all():
            raise TableError(
                f"{self.name!r} holds only numbers in {table.source}; in training it held "
                f"{'true and false' if self.boolean else 'text'}, such as "
                f"{listed(map(repr, self.levels), 3)}."
            )


Column = Number | Choice


def fit_column(table: Table, name: str, max_levels: int, notes: list[str]) -> Column | LeftOut:
    """Decide, from the training rows, how a column becomes features, or why it cannot.

    Raises:
        TableError: an infinity.
    """
    pl = require("polars", "Reading tables")
    series = table.frame[name]
    if series.null_count() == len(series):
        return LeftOut(name, "every value is missing")
    if series.dtype == pl.String:
        values, bad = _parse(series)
        if bad is None:
            return _fit_number(table, name, values)
        return _fit_choice(table, name, max_levels, notes, stray=bad)
    if series.dtype.is_numeric():
        return _fit_number(table, name, _as_numbers(table, name))
    if series.dtype == pl.Boolean or series.dtype in (pl.Categorical, pl.Enum):
        return _fit_choice(table, name, max_levels, notes)
    if series.dtype.is_temporal():
        return LeftOut(name, f"{series.dtype} is not understood yet; make numbers of it, such as days since a date")
    return LeftOut(name, f"{series.dtype} is neither numbers nor text nor true and false")


def _fit_number(table: Table, name: str, values: np.ndarray) -> Column | LeftOut:
    _refuse_infinity(table, name, values)
    present = values[~np.isnan(values)]
    if present.size == 0:
        return LeftOut(name, "every value is missing")
    gaps = present.size < values.size
    constant = present.min() == present.max()
    if constant and not gaps:
        return LeftOut(name, f"every value is {present[0]:g}")
    # Scaled by the largest magnitude first: the squares of 1e200 overflow.
    largest = np.abs(present).max() or 1.0
    std = 0.0 if constant else float((present / largest).std() * largest)
    return Number(name, float(np.median(present)), float((present / largest).mean() * largest), std, gaps)


def _fit_choice(
    table: Table, name: str, max_levels: int, notes: list[str], stray: int | None = None
) -> Column | LeftOut:
    series = table.frame[name]
    pl = require("polars", "Reading tables")
    boolean = series.dtype == pl.Boolean or _says_true_or_false(series)
    texts = _as_texts(table, name, boolean)
    counts: dict[str, int] = {}
    for text in texts:
        if text is not None:
            counts[text] = counts.get(text, 0) + 1
    if not counts:
        return LeftOut(name, "every value is missing")
    gaps = sum(counts.values()) < len(texts)
    if len(counts) == 1 and not gaps:
        return LeftOut(name, f"every value is {next(iter(counts))!r}")
    if stray is not None:
        _note_almost_numbers(table, name, stray, notes)
    shared = sorted((level for level, n in counts.items() if n > 1), key=lambda level: (-counts[level], level))
    if not shared and len(counts) > 1:
        return LeftOut(name, f"its {len(counts)} values all differ, like a name or a number on a form")
    levels = tuple(sorted(shared[:max_levels])) if len(counts) > 1 else tuple(counts)
    if len(shared) > max_levels:
        kept = sum(counts[level] for level in levels) / sum(counts.values())
        notes.append(
            f"{name!r} has {len(counts)} levels: the {max_levels} most frequent ({kept:.0%} of its values) "
            "have a feature each, the rest share one. More with --max-levels, or leave it out with --drop"
        )
    return Choice(name, levels, len(levels) < len(counts), gaps, boolean)


def _note_almost_numbers(table: Table, name: str, stray: int, notes: list[str]) -> None:
    """A column read as text although most of it is numbers is more often a slip than a wish."""
    series = table.frame[name]
    values, _ = _parse(series)
    share = (~np.isnan(values)).sum() / max(1, len(series) - series.null_count())
    if series.str.contains(_DECIMAL_COMMA).fill_null(True).all():
        notes.append(f"{name!r} looks like numbers with a decimal comma and was read as text; write 1.5 for 1,5")
    elif share >= 0.5:
        notes.append(
            f"{share:.0%} of {name!r} are numbers, but {table.where(stray)} has {series[stray]!r}, so it "
            "was read as text. Correct it, or leave it empty to mark it as missing"
        )


def _says_true_or_false(series: pl.Series) -> bool:
    seen = {str(text).lower() for text in series.drop_nulls().unique().to_list()}
    return bool(seen) and seen <= {"true", "false"}


def _parse(series: pl.Series) -> tuple[np.ndarray, int | None]:
    """A series as float64, NaN where missing, and the first row that is not a number, if there is one."""
    pl = require("polars", "Reading tables")
    numbers = series.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & series.is_not_null()
    bad: Any = wrong.arg_max() if wrong.any() else None
    return numbers.fill_null(float("nan")).to_numpy().astype(np.float64), bad


def _as_numbers(table: Table, name: str) -> np.ndarray:
    """The column as float64, NaN where missing; refused if it holds anything else, or an infinity."""
    pl = require("polars", "Reading tables")
    series = table.frame[name]
    if series.dtype not in (pl.String, pl.Null) and not series.dtype.is_numeric():
        raise TableError(f"{name!r} is {series.dtype} in {table.source}; in training it was numbers.")
    values, bad = _parse(series)
    if bad is not None:
        raise TableError(
            f"{name!r} has {series[bad]!r} on {table.where(bad)} of {table.source}; in training it was "
            "numbers. Correct it, or leave it empty to mark it as missing."
        )
    _refuse_infinity(table, name, values)
    return values


def _refuse_infinity(table: Table, name: str, values: np.ndarray) -> None:
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise TableError(
            f"{name!r} is infinite on {table.places(infinite)} of {table.source}. Expected finite numbers: "
            f"correct it, or leave it empty to mark it as missing."
        )


def _as_texts(table: Table, name: str, boolean: bool) -> list[str | None]:
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
