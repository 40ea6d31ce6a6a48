"""Text tables: the one way in which columns are set side by side."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(table: Sequence[Sequence[str]], *, ruled: bool = False, right: bool = False) -> list[str]:
    """The lines of a table of equally long rows, two spaces between columns.

    Args:
        table: the cells; the first row holds the names of the columns.
        ruled: a line below the names.
        right: columns are aligned at the right, as numbers are.

    >>> print("\\n".join(aligned([("layer", "rows"), ("dense", "3")], ruled=True)))
    layer  rows
    ─────  ────
    dense  3
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    place = str.rjust if right else str.ljust
    lines = ["  ".join(place(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [lines[0], "  ".join("─" * width for width in widths), *lines[1:]] if ruled else lines
