"""Tables and small charts as text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

__all__ = ["sparkline", "text_table", "wrapped"]

_BLOCKS = "▁▂▃▄▅▆▇█"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, gap: str = "  ") -> str:
    """Columns under their names, the first ``left`` of them to the left and the others to the right.

    A name may hold a line break; the lines of all names end on the same line.

    >>> print(text_table(["term", "zeros"], [["L1", "812"], ["NonNeg", "9"]]))
    term    zeros
    ─────────────
    L1        812
    NonNeg      9
    """
    names = [name.split("\n") for name in head]
    depth = max(len(lines) for lines in names)
    tops = [[""] * (depth - len(lines)) + lines for lines in names]
    columns = [[*top, *(row[i] for row in rows)] for i, top in enumerate(tops)]
    widths = [max(_width(cell) for cell in column) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell + " " * (width - _width(cell)) if i < left else " " * (width - _width(cell)) + cell
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return gap.join(padded).rstrip()

    body = [line([column[i] for column in columns]) for i in range(depth + len(rows))]
    rule = "─" * (sum(widths) + len(gap) * (len(widths) - 1))
    return "\n".join([*body[:depth], rule, *body[depth:]])


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """A curve in one line, from its lowest to its highest value; longer ones are averaged down to ``width``.

    >>> sparkline([3.0, 2.0, 1.0, 1.0])
    '█▅▁▁'
    """
    finite = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if finite.size == 0:
        return ""
    if finite.size > width:
        finite = np.asarray([part.mean() for part in np.array_split(finite, width)])
    low, span = finite.min(), np.ptp(finite)
    steps = np.zeros(finite.size) if span == 0 else (finite - low) / span * (len(_BLOCKS) - 1)
    return "".join(_BLOCKS[int(step + 0.5)] for step in steps)


def wrapped(names: Sequence[str], width: int = 96, indent: str = "  ") -> str:
    """Names in a row, broken into lines between names.

    >>> print(wrapped(["alpha", "beta", "gamma"], width=14))
      alpha, beta,
      gamma
    """
    lines: list[str] = []
    line = indent
    for i, name in enumerate(names):
        piece = name + ("," if i + 1 < len(names) else "")
        if line.strip() and _width(line) + 1 + _width(piece) > width:
            lines.append(line)
            line = indent
        line += (" " if line.strip() else "") + piece
    return "\n".join([*lines, line] if line.strip() else lines)


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
