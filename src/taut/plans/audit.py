"""The audit: what acts where, as a table and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taut import errors
from taut._text import aligned
from taut.plans.entries import Activity, Entry

__all__ = ["HOW", "rows", "show", "show_terms", "text"]

COLUMNS = ("parameter", "shape", "role", "one unit", "regularizer", "mode", "constraint")
HOW = {
    "exact": "Terms act exactly: non-smooth penalties by proximal steps, constraints by projections, both in the "
    "optimizer's scaling.",
    "keras": "Terms act as in Keras: regularizers by gradient, constraints by Euclidean projections.",
}


def rows(acting: Sequence[Entry], activities: Sequence[Activity]) -> list[tuple[str, ...]]:
    """The names of the columns, then a row per parameter, unit or activity."""
    table: list[tuple[str, ...]] = [COLUMNS]
    for e in acting:
        table.append(
            (
                e.path + ("" if e.trainable else " (frozen)"),
                "×".join(map(str, e.shape)) or "scalar",
                e.role,
                _unit(e.fan_in),
                show(e.regularizer),
                e.mode or "–",
                show(e.constraint),
            )
        )
    for a in activities:
        table.append((f"{a.layer}/activity", "rows×…", "activity", "–", show(a.regularizer), "gradient", "–"))
    return table


def text(table: Sequence[Sequence[str]], how: str) -> str:
    """The table in columns, and the sentence below it."""
    return "\n".join([*aligned(table, ruled=True), how])


def _unit(axes: tuple[int, ...] | None) -> str:
    if axes is None:
        return "no layout"
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def show(term: Any) -> str:
    """A term in a cell or a sentence; "–" for none."""
    return "–" if term is None else errors.shown(getattr(term, "__name__", None) or term).strip("'")


def show_terms(entry: Entry) -> str:
    """Both terms of an entry."""
    return " with ".join(show(t) for t in (entry.regularizer, entry.constraint) if t is not None)
