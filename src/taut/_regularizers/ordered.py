"""Penalties that sort."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taut import errors
from taut._regularizers._checks import between
from taut._regularizers._grouping import By, Grouped, Groups
from taut._term import number
from taut.functional import ordered
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, namespace
from taut.functional.groups import smallest_step


@dataclass(frozen=True, eq=False)
class OrderedL1(Grouped):
    """Adds the sorted L1 norm (SLOPE, OSCAR): larger weights pay more each, and correlated ones become equal.

    Σ λ_i·|w|_(i), the largest weight with the largest strength. Its proximal map sorts (slow on large JAX arrays:
    XLA's sort takes a third of a second for 1e6 entries) and pools. It is exact with one step per group; with steps
    that differ no exact map is known, and the smallest serves for the whole group, with which the objective
    still descends.

    Args:
        strength: the largest strength, ≥ 0, or all of them, largest first, as many as a group has entries. None
            means 0.01.
        ratio: of the smallest strength to the largest, in [0, 1], those between on a line; 1 is L1. Not used
            when all strengths are given.
        by: what a group is, "all" by default; see SparseGroupLasso.
        groups: lists of indices that make one group, of one size; see SparseGroupLasso.

    Raises:
        ValueError: strengths that are negative or rise, or a ratio outside [0, 1]; when called, strengths that are
            not as many as a group's entries.

    Reference: Bogdan et al., SLOPE: adaptive variable selection via convex optimization (2015).

    >>> import numpy as np
    >>> OrderedL1(1.0).prox(np.asarray([-3.0, 2.8, 0.2]), step=1.0).round(4)
    array([-2.025,  2.025,  0.   ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    metric: ClassVar[str] = "group"
    strength: Number = number(0.01, errors.not_negative)
    ratio: Number = number(0.5, between(0, 1, closed=True, why="strengths fall from the largest weight's on"))
    by: By = "all"
    groups: Groups = None

    def validate(self) -> None:
        super().validate()
        if isinstance(self.strength, np.ndarray) and bool(np.any(np.diff(self.strength) > 0)):
            raise ValueError(
                f"OrderedL1(strength={errors.shown(self.strength)}): strengths must not rise; sort them, largest first."
            )
        if self.groups is not None and len({len(g) for g in self.groups}) > 1:
            raise ValueError(
                "OrderedL1(groups=...): the groups must be of one size, since each has the same strengths."
            )

    def _lines(self, w: Array, fan_in: Axes) -> tuple[Any, Any]:
        """The ways to lay arrays out with a group along the last axis, and back."""
        xp = namespace(w)
        layout = self.arrange(w, fan_in)
        shape = tuple(layout.lay(w, 0.0).shape)
        kept = tuple(a for a in range(len(shape)) if a not in layout.axes)
        order = (*kept, *layout.axes)
        moved = tuple(shape[a] for a in order)
        size = math.prod([shape[a] for a in layout.axes])
        home = tuple(order.index(a) for a in range(len(shape)))

        def lay(x: Array) -> Array:
            laid = xp.permute_dims(layout.lay(x, 0.0), order)
            return xp.reshape(laid, (*(shape[a] for a in kept), size))  # (groups…, members)

        def back(z: Array) -> Array:
            return layout.back(xp.permute_dims(xp.reshape(z, moved), home))

        return lay, back

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        lay, _ = self._lines(w, fan_in)
        return ordered.ordered_l1(lay(w), self.strength, self.ratio)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        lay, back = self._lines(w, fan_in)
        if getattr(step, "ndim", 0) > 0:
            laid = lay(step)
            step = step if 0 in laid.shape else smallest_step(namespace(step), laid, (laid.ndim - 1,))
        return back(ordered.shrink_ordered(lay(w), step, self.strength, self.ratio))
