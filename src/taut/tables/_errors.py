"""The one error of this room, and how it names things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taut.errors import nearest

__all__ = ["TableError", "listed", "no_such_column"]


class TableError(ValueError):
    """A table that cannot be used: what happened, what was expected, how to put it right."""


def listed(names: Iterable[object], limit: int = 6) -> str:
    """The first few names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], limit=2)
    'a, b and 2 more'
    """
    texts = [str(name) for name in names]
    if len(texts) <= limit:
        return ", ".join(texts)
    return f"{', '.join(texts[:limit])} and {len(texts) - limit} more"


def no_such_column(name: str, columns: Sequence[str], source: str) -> TableError:
    near = nearest(name, columns)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return TableError(f"{source} has no column {name!r}. {hint}It has: {listed(columns, 12)}.")
