"""Which constraints are active: how many units, or entries, sit on the bound.

Nothing is asked of a constraint but its projection: a weight is on the bound if a tiny push leads out of the
set. That holds for the edge of a ball, for both edges of a shell, and for a set such as the unit sphere,
which is all edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut.constraints import Constraint, Intersection
from taut.functional._axes import resolve
from taut.plans import Entry, Plan

__all__ = ["BoundRow", "bounds_table", "on_bound"]

PUSH = 1e-4  # of a unit's own size: above the tolerance of every projection, below what anyone calls a distance


@dataclass(frozen=True)
class BoundRow:
    """One constraint on one parameter: how many of its units (or entries) sit on the bound."""

    path: str
    constraint: Constraint
    held: int
    of: int
    entries: bool  # counted by entry, for a constraint that bounds each entry on its own
    violation: float


def on_bound(constraint: Constraint, w: Any, fan_in: Sequence[int] | None = None) -> np.ndarray:
    """Which units of ``w`` (which entries, if the constraint is separable) a tiny push takes out of the set.

    Pushed are: the unit's length, both ways, and each of its entries in a fixed direction drawn at random.

    Args:
        constraint: any constraint.
        w: a feasible array.
        fan_in: the axes over one unit's weights; by default all but the last, and axis 0 of a vector.

    >>> from taut.constraints import MaxNorm, NonNeg
    >>> w = np.asarray([[3.0, 0.1], [4.0, 0.0]])
    >>> on_bound(MaxNorm(5.0), w)
    array([ True, False])
    >>> on_bound(NonNeg(), w)
    array([[False, False],
           [False,  True]])
    """
    w = np.asarray(w, np.float64)
    axes = resolve(None, fan_in, w.shape)
    typical = float(np.sqrt(np.mean(np.square(w)))) if w.size else 0.0
    if constraint.separable:
        push = PUSH * np.maximum(np.abs(w), typical or 1.0)
        moves: Sequence[np.ndarray] = (push, -push)
    else:
        size = np.sqrt(np.mean(np.square(w), axis=axes, keepdims=True))
        size = np.where(size > 0, size, typical or 1.0)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], w.shape)
        moves = (PUSH * w, -PUSH * w, PUSH * size * signs)
    held = np.zeros(w.shape, bool)
    for move in moves:
        if held.any(axis=axes).all() and not constraint.separable:
            break  # every unit is: a set of matrices may take an SVD to ask again
        pushed = w + move
        back = np.asarray(constraint(pushed, fan_in=fan_in))
        held |= np.abs(back - pushed) > 0.01 * np.max(np.abs(move), axis=axes, keepdims=True, initial=0.0)
    return held if constraint.separable else np.asarray(held.any(axis=axes))


def bounds_table(plan: Plan, params: Mapping[str, Any]) -> list[BoundRow]:
    """One row a constraint of a plan, the members of an intersection each on its own.

    Args:
        plan: of the model.
        params: its arrays by path.
    """
    arrays = {path: np.asarray(w) for path, w in params.items()}
    return [
        _row(entry, term, np.asarray(entry.weight(arrays)))
        for entry in plan.constrained
        for term in _members(entry.constraint)
    ]


def _members(constraint: Constraint | None) -> Iterator[Constraint]:
    if isinstance(constraint, Intersection):
        yield from constraint.terms
    elif constraint is not None:
        yield constraint


def _row(entry: Entry, constraint: Constraint, w: np.ndarray) -> BoundRow:
    held = on_bound(constraint, w, entry.fan_in)
    violation = float(np.asarray(constraint.violation(w, fan_in=entry.fan_in)))
    return BoundRow(entry.path, constraint, int(held.sum()), held.size, constraint.separable, violation)
