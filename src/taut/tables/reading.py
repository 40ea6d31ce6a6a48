"""A CSV or Parquet file as a polars frame that still knows where each row came from.

CSV cells stay text, as written: whether a column is numbers is decided once, in training
(`taut.tables.columns`), and a cell that breaks that rule later can be named by its line.
The standard library's reader is used because it refuses what polars' own lets pass: polars fills a
short row with nulls, and reads a blank line as a row of them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taut._extras import require
from taut.tables import cells, numerals, opening
from taut.tables._errors import TableError, cell, listed, no_such_column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MISSING", "Table", "read_table"]

# What a CSV cell may say for "no value", beside nothing at all.
MISSING = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "?")

_CHUNK = 50_000  # rows held as Python lists at a time
_LONGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072


@dataclass(frozen=True)
class Table:
    """A frame, where it came from, and what was noticed while reading it."""

    frame: pl.DataFrame
    source: str = "the table"
    lines: Sequence[int] | None = None  # the line of a text file on which each row starts
    notes: tuple[str, ...] = ()
    decimal: str | None = None  # the decimal sign, if the user named it
    usual: str = "."  # the decimal sign of most columns, for those that do not tell

    @classmethod
    def of(cls, data: Table | pl.DataFrame) -> Table:
        return data if isinstance(data, Table) else cls(data)

    @property
    def height(self) -> int:
        return self.frame.height

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def where(self, row: int) -> str:
        """How to find a row: its line in a text file, else its number, counting from 1."""
        return f"line {self.lines[row]}" if self.lines is not None else f"row {row + 1}"

    def places(self, rows: Iterable[int], limit: int = 3) -> str:
        """Several rows, as ``lines 3, 9 and 4 more``."""
        numbers = [self.lines[row] if self.lines is not None else row + 1 for row in rows]
        word = "line" if self.lines is not None else "row"
        return f"{word}{'s' if len(numbers) > 1 else ''} {listed(numbers, limit)}"

    def take(self, rows: Iterable[int]) -> Table:
        """The same table with these rows only."""
        index = [int(row) for row in rows]
        lines = None if self.lines is None else [self.lines[row] for row in index]
        return replace(self, frame=self.frame[index], lines=lines)

    def dropping(self, name: str) -> Table:
        """The same table without one column.

        Raises:
            TableError: there is none of that name.
        """
        if name not in self.columns:
            raise no_such_column(name, self.columns, self.source)
        return replace(self, frame=self.frame.drop(name))


def read_table(path: str | Path, separator: str | None = None, decimal: str | None = None) -> Table:
    """Read a CSV or Parquet file, told apart by their first bytes.

    Args:
        path: the file.
        separator: what stands between the fields of a CSV; by default what its first line says (``sep=;``), else
            whichever of comma, semicolon, tab and bar cuts the header into the most names.
        decimal: "." or ",", the decimal sign of the file; by default found for each column.

    Raises:
        TableError: the file is missing, empty, ragged, not text, or has no usable header.
    """
    if decimal not in (None, *cells.DECIMALS):
        raise TableError(f"The decimal sign is {decimal!r}; expected '.' or ','.")
    path = Path(path)
    if not path.exists():
        beside = [p.name for p in sorted(path.parent.glob("*")) if p.suffix.lower() in {".csv", ".tsv", ".parquet"}]
        hint = f" In {path.parent} there are: {listed(beside)}." if beside else ""
        raise TableError(f"There is no file {str(path)!r}.{hint}")
    if not path.is_file():
        raise TableError(f"{str(path)!r} is not a file. Expected a CSV or Parquet file.")
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise TableError(f"{path.name} is empty (0 bytes). Expected a header line and rows below it.")
    if magic == b"PAR1":
        return _read_parquet(path)
    for start, kind in (
        (b"PK", "a spreadsheet or a zip archive"),
        (b"\x1f\x8b", "gzip-compressed"),
        (b"\xd0\xcf", "an Excel file"),
    ):
        if magic.startswith(start):
            raise TableError(f"{path.name} is {kind}. Expected CSV text or Parquet: export or unpack it first.")
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise TableError(
            f"{path.name} is named as Parquet but is not: its first bytes are {magic!r}, expected b'PAR1'."
        )
    return _read_csv(path, separator, decimal)


def _read_parquet(path: Path) -> Table:
    pl = require("polars", "Reading Parquet")
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{path.name} cannot be read as Parquet ({reason}). Is the file complete?") from None
    if frame.width == 0 or frame.height == 0:
        raise TableError(f"{path.name} has {frame.height} rows and {frame.width} columns: nothing to learn from.")
    return Table(frame, path.name)


def _read_csv(path: Path, separator: str | None, decimal: str | None) -> Table:
    pl = require("polars", "Reading tables")
    encoding = opening.encoding_of(path)
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding=encoding, newline="") as file:
            return _parse_csv(pl, path, file, separator, decimal)
    except UnicodeDecodeError:
        raise TableError(opening.not_text(path, encoding)) from None
    finally:
        csv.field_size_limit(limit)


def _parse_csv(pl: Any, path: Path, file: Any, separator: str | None, decimal: str | None) -> Table:
    start = opening.find_header(file, path.name, separator)
    separator, notes = start.separator, list(start.notes)
    file.seek(0)
    for _ in range(start.line - 1):
        file.readline()
    reader = csv.reader(opening.rest(file, start), delimiter=separator, skipinitialspace=True, strict=True)
    base = start.line - 1
    comments: list[int] = []
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(header, path.name, separator)
        frames: list[pl.DataFrame] = []
        lines: list[int] = []
        records = _records(reader, header, path.name, base, lines, comments)
        while chunk := list(islice(records, _CHUNK)):
            columns = zip(*chunk, strict=True)
            frames.append(pl.DataFrame([pl.Series(str(i), c, dtype=pl.String) for i, c in enumerate(columns)]))
    except csv.Error as error:
        raise TableError(
            f"{path.name}, line {base + reader.line_num}: {error}. Expected fields separated by "
            f"{separator!r}, with double quotes closed and doubled inside a quoted field."
        ) from None
    if not frames:
        raise TableError(f"{path.name} has a header ({listed(header)}) and no rows below it.")
    frame = pl.concat(frames)
    # Spaces around a value are never meant; a cell that says "no value" is one.
    text = pl.all().str.strip_chars()
    frame = frame.with_columns(text).with_columns(pl.when(~pl.all().is_in(["", *MISSING])).then(pl.all()))
    if comments:
        notes.append(f"comments in {path.name} were left out: line{'s' * (len(comments) > 1)} {listed(comments, 3)}")
    unnamed = [i for i, name in enumerate(header) if not name]
    if unnamed:
        notes.append(
            f"column {listed(i + 1 for i in unnamed)} of {path.name} has no name (perhaps an index), so it was left out"
        )
        frame = frame.drop(*[frame.columns[i] for i in unnamed])
    frame.columns = [name for name in header if name]
    usual = numerals.usual_decimal(frame, separator)
    if decimal is None and separator == ";" and usual == ".":  # most files with semicolons have decimal commas
        notes += numerals.doubtful(frame)
    return Table(frame, path.name, lines, tuple(notes), decimal, usual)


def _records(
    reader: Any, header: list[str], source: str, base: int, lines: list[int], comments: list[int]
) -> Iterator[list[str]]:
    """Every record that is not a blank line or a comment, each as wide as the header; fills ``lines`` as it goes."""
    start = base + reader.line_num + 1
    for record in reader:
        if not record and len(header) == 1:
            record = [""]  # in a table of one column, a blank line is a missing value
        if record and record[0].startswith("#") and len(record) != len(header):
            comments.append(start)
        elif record:
            if len(record) != len(header):
                raise _ragged(record, header, source, start)
            lines.append(start)
            yield record
        start = base + reader.line_num + 1


def _ragged(record: list[str], header: list[str], source: str, line: int) -> TableError:
    shown = listed([cell(value) for value in record], 5)
    if len(record) < len(header):
        short = len(header) - len(record)
        fix = f"The last {short} of the header, {listed(header[len(record) :], 3)}, would be without a value"
        fix += ": leave the field empty, with its separators, where a value is missing."
    else:
        fix = "Put a value that contains the separator in double quotes."
    return TableError(
        f"{source}, line {line} has {len(record)} field{'s' if len(record) != 1 else ''} ({shown}); "
        f"the header has {len(header)}. {fix}"
    )


def _check_header(header: list[str], source: str, separator: str) -> None:
    named = [name for name in header if name]
    if not named:
        raise TableError(f"{source}: the header line has no column names.")
    doubled = sorted({name for name in named if named.count(name) > 1}) if len(set(named)) < len(named) else []
    if doubled:
        raise TableError(f"{source}: more than one column is named {listed(map(repr, doubled))}. Rename all but one.")
    if len(named) > 1 and all(opening.is_number(name) for name in named):
        raise TableError(
            f"{source}: the first line holds only numbers ({listed(named, 4)}), where column names were "
            "expected. Put a line of names above the data."
        )
