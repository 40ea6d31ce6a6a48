"""The one error of this room, and how it names things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taut.errors import nearest

__all__ = ["TableError", "cell", "listed", "no_such_column"]

_LONGEST = 60  # characters of a cell or a name in a message


class TableError(ValueError):
    """A table that cannot be used: what happened, what was expected, how to put it right."""


def cell(value: object) -> str:
    """A value as it stands in a table, for a message: in quotes if it is text, on one line, not too long.

    >>> cell("ab"), cell(1.5), len(cell("a" * 1000))
    ("'ab'", '1.5', 62)
    """
    if not isinstance(value, str):
        return _short(repr(value))
    return repr(_short(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def listed(names: Iterable[object], limit: int = 6) -> str:
    """The first few names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], limit=2)
    'a, b and 2 more'
    """
    texts = [_short(str(name)) for name in names]
    if len(texts) <= limit:
        return ", ".join(texts)
    return f"{', '.join(texts[:limit])} and {len(texts) - limit} more"


def no_such_column(name: str, columns: Sequence[str], source: str) -> TableError:
    near = nearest(name, columns)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return TableError(f"{source} has no column {name!r}. {hint}It has: {listed(columns, 12)}.")
