"""Which constraints are active: how many units, or entries, sit on the bound.

A constraint is active for a unit if changing its weights by 0.01 % would violate it. Only the projection is needed for
that, so it works for any constraint: a ball, a shell with two edges, or the unit sphere, on which every point is an edge.
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
    """One constraint on one parameter: for how many of its units (or entries) it is active."""

    path: str
    constraint: Constraint
    held: int
    of: int
    entries: bool  # counted by entry, for a constraint that bounds each entry on its own
    violation: float


def on_bound(constraint: Constraint, w: Any, fan_in: Sequence[int] | None = None) -> np.ndarray:
    """The units of ``w`` for which the constraint is active (the entries, if it acts on each entry alone).

    Each unit's weights are scaled up and down by 0.01 %, and moved in a fixed random direction; the constraint is active if
    one of these changes violates it.

    Args:
        constraint: any constraint.
        w: an array that satisfies it.
        fan_in: the axes of one unit's weights; by default all but the last, and axis 0 for a vector.

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
    """One row per constraint of a plan; the members of an intersection have a row each.

    Args:
        plan: the plan of the model.
        params: its arrays, by path.
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
