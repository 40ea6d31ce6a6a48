"""What a column is, decided from the training rows: numbers, levels, or nothing that can be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from taut._extras import require
from taut.tables import numerals
from taut.tables._errors import cell
from taut.tables.columns import Choice, Column, LeftOut, Number, as_texts, refuse_infinity
from taut.tables.numerals import Reading
from taut.tables.reading import Table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["dates_in", "fit_column"]

_DATES = "make numbers of them first, such as days since a date, or the month"
_DATE = (
    r"^\d{4}([-/.])\d{1,2}([-/.])\d{1,2}([T ].*)?$"  # 2024-01-31, 2024-01-31T12:00:00Z
    r"|^\d{1,2}([-/.])\d{1,2}([-/.])(\d{4}|\d{2})( .*)?$"  # 31.01.2024, 1/31/24 12:00
    r"|^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?$"  # 12:00
)
_IDENTIFIER = re.compile(r"(?i:(^|[^a-z])(id|ids|idx|index|nr|no|number|key|code|row|uid))$|[a-z](ID|Id|Nr|No|Key)$")
_ENOUGH_ROWS = 20  # for whole numbers in ascending order to be taken for row numbers


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
        found = numerals.read(series, table.decimal, table.usual)
        if found.bad is None:
            return _fit_number(table, name, found, notes)
        date = dates_in(series)
        if date is not None:
            return LeftOut(name, f"it holds dates or times, such as {cell(date)}; {_DATES}")
        return _fit_choice(table, name, max_levels, notes, almost=found)
    if series.dtype.is_numeric():
        return _fit_number(table, name, numerals.read(series), notes)
    if series.dtype == pl.Boolean or series.dtype in (pl.Categorical, pl.Enum):
        return _fit_choice(table, name, max_levels, notes)
    if series.dtype.is_temporal():
        return LeftOut(name, f"it holds dates or times ({series.dtype}); {_DATES}")
    return LeftOut(name, f"{series.dtype} is neither numbers nor text nor true and false")


def _fit_number(table: Table, name: str, found: Reading, notes: list[str]) -> Column | LeftOut:
    values, notation = found.values, found.notation
    refuse_infinity(table, name, values)
    present = values[~np.isnan(values)]
    if present.size == 0:
        return LeftOut(name, "every value is missing")
    gaps = present.size < values.size
    constant = present.min() == present.max()
    if constant and not gaps:
        return LeftOut(name, f"every value is {present[0]:g}")
    if _is_identifier(name, present):
        notes.append(
            f"{name!r}: all {present.size} values are unique whole numbers (looks like an identifier). To leave the column "
            f"out use --drop {_in_a_shell(name)}"
        )
    # Scaled by the largest magnitude first: the squares of 1e200 overflow.
    largest = np.abs(present).max() or 1.0
    std = 0.0 if constant else float((present / largest).std() * largest)
    mean = float((present / largest).mean() * largest)
    median = float(np.median(present))
    written = "" if found.example is None else found.example[0]
    if found.ambiguous:
        notes.append(f"{name!r} was read as numbers: {found.says()}")
    return Number(name, median, mean, std, gaps, notation.decimal, notation.percent, notation.unit, written)


def _is_identifier(name: str, present: np.ndarray) -> bool:
    """Whole numbers, each once, under a name such as id; or in ascending order with hardly a gap between them."""
    if len(present) < 3 or not (present == np.floor(present)).all() or len(np.unique(present)) < len(present):
        return False
    if _IDENTIFIER.search(name):
        return True
    ascending = bool((np.diff(present) > 0).all())
    return ascending and len(present) >= _ENOUGH_ROWS and float(np.ptp(present)) < 2 * len(present)


def _in_a_shell(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else f'"{name}"'


def _fit_choice(
    table: Table, name: str, max_levels: int, notes: list[str], almost: Reading | None = None
) -> Column | LeftOut:
    series = table.frame[name]
    pl = require("polars", "Reading tables")
    boolean = series.dtype == pl.Boolean or _says_true_or_false(series)
    texts = as_texts(table, name, boolean)
    counts: dict[str, int] = {}
    for text in texts:
        if text is not None:
            counts[text] = counts.get(text, 0) + 1
    if not counts:
        return LeftOut(name, "every value is missing")
    gaps = sum(counts.values()) < len(texts)
    if len(counts) == 1 and not gaps:
        return LeftOut(name, f"every value is {cell(next(iter(counts)))}")
    if almost is not None:
        _note_almost_numbers(table, name, almost, notes)
    shared = sorted((level for level, n in counts.items() if n > 1), key=lambda level: (-counts[level], level))
    if not shared and len(counts) > 1:
        return LeftOut(name, f"all {len(counts)} values are unique (looks like an identifier)")
    levels = tuple(sorted(shared[:max_levels])) if len(counts) > 1 else tuple(counts)
    if len(shared) > max_levels:
        kept = sum(counts[level] for level in levels) / sum(counts.values())
        notes.append(
            f"{name!r} has {len(counts)} levels: the {max_levels} most frequent ({kept:.0%} of its values) "
            "get one feature each, the others share one. To keep more use --max-levels, to leave the column out use --drop"
        )
    return Choice(name, levels, len(levels) < len(counts), gaps, boolean)


def _note_almost_numbers(table: Table, name: str, almost: Reading, notes: list[str]) -> None:
    """A column read as text although most of it is numbers is more often a slip than a wish."""
    series, bad = table.frame[name], almost.bad
    assert bad is not None
    share = (~np.isnan(almost.values)).sum() / max(1, len(series) - series.null_count())
    other = numerals.read(series) if table.decimal else almost
    if other.bad is None:
        notes.append(
            f"{name!r} was read as text: {cell(series[bad])} on {table.where(bad)} is no number with the decimal sign "
            f"{table.decimal!r}. With --decimal {other.notation.decimal!r} the column is numbers"
        )
    elif share == 1:
        notes.append(
            f"{name!r} holds numbers, but {cell(series[bad])} on {table.where(bad)} has another unit than the cells above "
            f"it, or lacks their %, so it was read as text. Write all of them in one unit"
        )
    elif share >= 0.5:
        notes.append(
            f"{share:.0%} of {name!r} are numbers, but {table.where(bad)} has {cell(series[bad])}, so it "
            "was read as text. Correct it, or leave it empty to mark it as missing"
        )


def dates_in(series: pl.Series) -> str | None:
    """The first value of a column of text that holds nothing but dates or times; None if it does not."""
    present = series.drop_nulls()
    return str(present[0]) if len(present) and present.str.contains(_DATE).all() else None


def _says_true_or_false(series: pl.Series) -> bool:
    seen = {str(text).lower() for text in series.drop_nulls().unique().to_list()}
    return bool(seen) and seen <= {"true", "false"}
