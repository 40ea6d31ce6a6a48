"""Penalties on sorted weights."""

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
    """Adds the sorted L1 norm (SLOPE, OSCAR): larger strengths for larger weights; correlated ones become equal.

    Σ λ_i·|w|_(i), the largest weight with the largest strength. The proximal map sorts the weights, which is slow for
    large JAX arrays (XLA takes a third of a second for 1e6 entries). It is exact with one step size per group. If step
    sizes differ within a group, no exact map is known; the smallest one is used for the whole group, which still lowers
    the objective.

    Args:
        strength: the largest strength, ≥ 0, or all strengths, one per entry of a group, largest first. None means 0.01.
        ratio: smallest strength divided by the largest, in [0, 1]; the strengths between are evenly spaced. 1 is L1.
            Not used when all strengths are given.
        by: what a group is, "all" by default; see SparseGroupLasso.
        groups: lists of indices that form one group, all of the same size; see SparseGroupLasso.

    Raises:
        ValueError: strengths that are negative or increase, or a ratio outside [0, 1]; when called, a number of
            strengths other than the number of entries in a group.

    Reference: Bogdan et al., SLOPE: adaptive variable selection via convex optimization (2015).

    >>> import numpy as np
    >>> OrderedL1(1.0).prox(np.asarray([-3.0, 2.8, 0.2]), step=1.0).round(4)
    array([-2.025,  2.025,  0.   ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    metric: ClassVar[str] = "group"
    strength: Number = number(0.01, errors.not_negative)
    ratio: Number = number(0.5, between(0, 1, closed=True, why="the strength of the largest weight is the largest"))
    by: By = "all"
    groups: Groups = None

    def validate(self) -> None:
        super().validate()
        if isinstance(self.strength, np.ndarray) and bool(np.any(np.diff(self.strength) > 0)):
            raise ValueError(
                f"OrderedL1(strength={errors.shown(self.strength)}): strengths must not increase; sort them, "
                "largest first."
            )
        if self.groups is not None and len({len(g) for g in self.groups}) > 1:
            raise ValueError(
                "OrderedL1(groups=...): all groups must have the same size, since they share the strengths."
            )

    def _lines(self, w: Array, fan_in: Axes) -> tuple[Any, Any]:
        """Functions that put each group along the last axis, and back."""
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
