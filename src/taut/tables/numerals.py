"""Columns of numbers as people write them (`taut.tables.cells`).

Whether a comma is decimal or stands between thousands is decided for a whole column, in training, and kept with the
model. A cell such as 0,5 or 1.234,50 can be read in one way only and decides for its column; where no cell does (1,234),
the other columns of the file decide, and the user is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from taut._extras import require
from taut.tables._errors import cell
from taut.tables.cells import DECIMALS, PLAIN, Cell, Notation, is_plain, number, parse

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Reading", "doubtful", "read", "read_as", "usual_decimal"]


@dataclass(frozen=True)
class Reading:
    """A column as numbers.

    Attributes:
        values: float64, NaN where a value is missing or is no number.
        bad: the first row that is not missing and is no number, or does not fit the others; None if there is none.
        notation: how the numbers are written.
        example: a cell that is not written plainly, and its value.
        ambiguous: all cells can be read with the other decimal sign as well, and some have another value then.
    """

    values: np.ndarray
    bad: int | None = None
    notation: Notation = PLAIN
    example: tuple[str, float] | None = None
    ambiguous: bool = False

    def says(self) -> str:
        """What a user is told of a column that is not written plainly."""
        assert self.example is not None
        text = f"{cell(self.example[0])} is {self.example[1]:.12g}"
        if self.ambiguous:
            other = "," if self.notation.decimal == "." else "."
            text += f" (if it is {number(self.example[0], other):.12g}, add --decimal {other!r})"
        return text


def read(series: pl.Series, decimal: str | None = None, usual: str = ".") -> Reading:
    """A column as numbers, its notation found.

    Args:
        series: text or numbers.
        decimal: the decimal sign, where the user named it.
        usual: the one of the file, where the column does not tell.
    """
    pl = require("polars", "Reading tables")
    if series.dtype != pl.String:
        return Reading(_plain_values(pl, series))
    if (decimal or usual) == ".":
        values, wrong = _plain(pl, series)
        if not wrong.any():
            return Reading(values)
    texts = series.drop_nulls().unique(maintain_order=True).to_list()
    cells = {sign: {text: parse(text, sign) for text in texts} for sign in DECIMALS}
    fits = {sign: _fit(cells[sign].values()) for sign in DECIMALS}
    chosen, ambiguous = decimal or usual, False
    if decimal is None and (fits["."] is None) != (fits[","] is None):
        chosen = "," if fits["."] is None else "."
    elif decimal is None and fits["."] is not None:
        ambiguous = cells["."] != cells[","]
        chosen = usual if ambiguous else "."
    elif decimal is None:
        count = {sign: sum(found is not None for found in cells[sign].values()) for sign in DECIMALS}
        chosen = usual if count["."] == count[","] else max(DECIMALS, key=lambda sign: count[sign])
    found = _reading(pl, series, cells[chosen], fits[chosen], chosen)
    if not ambiguous:
        return found
    text = next(text for text in texts if cells["."][text] != cells[","][text])
    return replace(found, ambiguous=True, example=(text, number(text, chosen)))


def read_as(series: pl.Series, notation: Notation, decimal: str | None = None) -> Reading:
    """A column as numbers in the notation of training; ``decimal`` is what the user says of this file."""
    pl = require("polars", "Reading tables")
    if series.dtype != pl.String:
        return Reading(_plain_values(pl, series))
    sign = decimal or notation.decimal
    if sign == "." and not notation.percent:
        values, wrong = _plain(pl, series)
        if not wrong.any():
            return Reading(values)
    cells = {text: parse(text, sign) for text in series.drop_nulls().unique(maintain_order=True).to_list()}
    if not cells:
        return Reading(np.full(len(series), np.nan))
    fit = _fit(cells.values())
    agrees = fit is not None and fit.percent == notation.percent and fit.unit in ("", notation.unit or fit.unit)
    wanted = Notation(sign, notation.percent, notation.unit)
    return _reading(pl, series, cells, wanted if agrees else None, sign, wanted)


def _fit(cells: Iterable[Cell | None]) -> Notation | None:
    """What all cells have in common, or None if one is no number, or they have two units, or only some have a %."""
    units: set[str] = set()
    percents: set[bool] = set()
    for found in cells:
        if found is None:
            return None
        units.add(found.unit)
        percents.add(found.percent)
    units.discard("")
    if len(units) > 1 or len(percents) > 1:
        return None
    return Notation(percent=True in percents, unit=next(iter(units), ""))


def _reading(
    pl: Any,
    series: pl.Series,
    cells: dict[str, Cell | None],
    fit: Notation | None,
    sign: str,
    wanted: Notation | None = None,
) -> Reading:
    values = {text: None if found is None else found.value for text, found in cells.items()}
    bad = None
    if fit is None:
        odd = _odd(cells, wanted)
        bad = next(row for row, text in enumerate(series.to_list()) if text in odd)
    numbers = series.replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.Float64)
    notation = Notation(sign) if fit is None else Notation(sign, fit.percent, fit.unit)
    strange = next((text for text, found in cells.items() if found and not is_plain(text, found.value)), None)
    example = None if strange is None else (strange, values[strange] or 0.0)
    return Reading(_as_float(numbers), bad, notation, example)


def _odd(cells: dict[str, Cell | None], wanted: Notation | None) -> set[str]:
    """The cells that do not fit the notation of training, or the first cell's."""
    if wanted is None:
        first = next((found for found in cells.values() if found is not None), Cell(0.0, "", False))
        unit = next((found.unit for found in cells.values() if found is not None and found.unit), "")
        wanted = Notation(percent=first.percent, unit=unit)
    units = ("", wanted.unit) if wanted.unit else None
    return {
        text
        for text, found in cells.items()
        if found is None or found.percent != wanted.percent or (found.unit not in units if units else False)
    } or set(cells)


def _plain(pl: Any, series: pl.Series) -> tuple[np.ndarray, Any]:
    """The column as a computer writes numbers, and which rows are not so."""
    numbers = series.cast(pl.Float64, strict=False)
    return _as_float(numbers), numbers.is_null() & series.is_not_null()


def _plain_values(pl: Any, series: pl.Series) -> np.ndarray:
    return _as_float(series.cast(pl.Float64, strict=False))


def _as_float(numbers: pl.Series) -> np.ndarray:
    return numbers.fill_null(float("nan")).to_numpy().astype(np.float64)


def usual_decimal(frame: pl.DataFrame, separator: str) -> str:
    """The decimal sign of a file of text: the one that most columns can only be read with.

    A column that is written plainly is looked at only where another one has commas, so that ordinary files cost no time.
    """
    pl = require("polars", "Reading tables")
    written = [series for series in frame if series.str.contains(",", literal=True).any()]
    found = [read(series) for series in written]
    numbers = [one for one in found if one.bad is None]
    if not numbers:
        return "."
    commas = sum(one.notation.decimal == "," and not one.ambiguous for one in numbers)
    points = sum(one.notation.decimal == "." and not one.ambiguous for one in numbers)
    names = {series.name for series in written}
    for series in frame:
        if series.name not in names and not _plain(pl, series)[1].any():
            points += read(series, usual=",").notation.decimal == "." and series.str.contains(".", literal=True).any()
    if commas == points:
        return "," if separator == ";" else "."
    return "," if commas > points else "."


def doubtful(frame: pl.DataFrame) -> list[str]:
    """Notes on columns that are written plainly, but in which every point could stand between thousands."""
    pl = require("polars", "Reading tables")
    notes: list[str] = []
    for series in frame:
        points = series.filter(series.str.contains(".", literal=True).fill_null(value=False))
        if (
            len(points)
            and points.str.contains(r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$").all()
            and not _plain(pl, series)[1].any()
        ):
            text = points[0]
            other = number(text, ",")
            notes.append(
                f"{series.name!r}: {cell(text)} was read as {float(text):g} (if it is {other:.12g}, add --decimal ',')"
            )
    return notes
