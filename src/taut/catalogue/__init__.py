"""Every term with one sentence on when to use it: what `taut terms`, the gallery and the tests read."""

from __future__ import annotations

from taut import identifiers
from taut.catalogue._entry import Entry
from taut.catalogue._penalties import REGULARIZERS
from taut.catalogue._sets import CONSTRAINTS

__all__ = ["ENTRIES", "Entry", "find"]

ENTRIES: tuple[Entry, ...] = (*REGULARIZERS, *CONSTRAINTS)
"""Regularizers first; within a kind in the order of the families."""


def find(name: str) -> tuple[Entry, ...]:
    """The entries with this name, in any spelling that a layer accepts; two if both kinds have it.

    >>> [entry.name for entry in find("max_norm")], find("nothing like it")
    (['MaxNorm'], ())
    """
    return tuple(entry for entry in ENTRIES if entry.cls is _known(entry.kind, name) or _same(entry.name, name))


def _known(kind: str, name: str) -> type | None:
    try:
        return identifiers._find(kind, name)
    except ValueError:
        return None


def _same(one: str, other: str) -> bool:
    return identifiers._key(one) == identifiers._key(other)
