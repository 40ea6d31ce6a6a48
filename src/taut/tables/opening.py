"""How a text file begins: its encoding, Excel's ``sep=`` line, comments above the header, and the separator."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from taut.tables._errors import TableError

__all__ = ["Opening", "encoding_of", "find_header", "is_number", "not_text", "rest"]

_SEPARATORS = ",;\t|"
_SEP = re.compile(r"sep=(.)", re.IGNORECASE)
_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Opening:
    """The line of the header, counted from 1; its text; the separator; and what was noticed."""

    line: int
    header: str
    separator: str
    notes: tuple[str, ...] = ()


def encoding_of(path: Path) -> str:
    """UTF-8, or what the mark at the start of the file says; without a mark, UTF-16 has a zero in every other byte."""
    with path.open("rb") as file:
        start = file.read(1000)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = start[offset : 100 + offset : 2]
        if len(start) > 3 and zeros.count(0) > 0.9 * len(zeros):
            return encoding
    return "utf-8-sig"


def not_text(path: Path, encoding: str) -> str:
    """Why a file cannot be decoded, with the line."""
    if encoding != "utf-8-sig":
        return f"{path.name} begins like {encoding.upper()} text, but is damaged or cut off. Save it again, as UTF-8."
    number = 1
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):  # noqa: B007 (used after the loop)
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                break
    return (
        f"{path.name}, line {number}: not UTF-8 text. Save it as UTF-8 (in a spreadsheet: "
        f'"CSV UTF-8"), or convert it: iconv -f LATIN1 -t UTF-8.'
    )


def find_header(file: TextIO, source: str, separator: str | None) -> Opening:
    """The header is the first line that is neither blank, nor Excel's ``sep=``, nor a comment.

    The last line that begins with # is the header if it has as many fields as the line below it, and either the line
    below holds only numbers, or there is no space after the # (``#id,age``).
    """
    if separator is not None and len(separator) != 1:
        raise TableError(f"The separator is {separator!r}; expected one character, such as ';' or a tab.")
    notes: list[str] = []
    comments: list[tuple[int, str]] = []
    for number, line in enumerate(file, 1):
        text = line.strip("\r\n")
        told = _SEP.fullmatch(text.strip(' "')) if not comments else None
        if told and not notes:
            separator = separator or told[1]
            notes.append(f"line {number} of {source} is {text!r}: it names the separator and is no row")
        elif text.startswith("#"):
            comments.append((number, text))
        elif text.strip():
            separator = separator or best_separator(text)
            if comments and _names_columns(comments[-1][1], text, separator):
                number, line = comments.pop()
                line = line.lstrip("#").lstrip()
            if comments:
                notes.append(
                    f"{len(comments)} line{'s' * (len(comments) > 1)} of comments above the header of {source}"
                )
            return Opening(number, line, separator, tuple(notes))
    if comments:  # all lines: then the first is no comment but a name
        return Opening(comments[0][0], comments[0][1], separator or best_separator(comments[0][1]))
    raise TableError(f"{source} holds only blank lines. Expected a header line and rows below it.")


def rest(file: TextIO, start: Opening) -> Iterable[str]:
    """The lines from the header on, ``file`` being at its line."""
    first = file.readline()
    yield start.header if first.startswith("#") else first
    yield from file


def best_separator(header: str) -> str:
    """Of comma, semicolon, tab and bar, what cuts the header into the most names; among equals, the earlier."""
    return max(_SEPARATORS, key=lambda one: len(_cut(header, one)))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names_columns(comment: str, below: str, separator: str) -> bool:
    names, fields = _cut(comment, separator), _cut(below, separator)
    if len(names) != len(fields):
        return False
    numbers = all(is_number(field) for field in fields)
    return numbers or (len(names) > 1 and re.match(r"#[^#\s]", comment) is not None)


def _cut(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])
