"""Penalties that are not convex, on entries between bounds that contain 0.

Clipping the proximal map is wrong here: in one dimension the objective may have a second minimum inside the bounds. But
where the bounds contain 0 the answer has w's sign or is 0, since the penalty is the same for both signs; and on that
side, with the unbounded minimum beyond the bound, the objective can be lowest only

- at 0,
- at the bound,
- or, for penalties that begin as a straight line (SCAD, CappedL1), at the soft threshold.

Away from these the slope P'(z) + (z − w)/step changes sign from − to + at most once more, at the unbounded minimum: for
LogSum, L½ and MCP it is a convex function of z > 0; for L0 it is a line; SCAD bends and CappedL1 jumps downwards past
its straight piece, which makes no minimum.
"""

from __future__ import annotations

from collections.abc import Callable

from taut.functional._dtype import Array, Number, eps, narrow
from taut.functional._entry import ready
from taut.functional.projections import project_box
from taut.functional.proximal import soft


def best_between(
    w: Array,
    step: Number,
    low: Number | None,
    high: Number | None,
    free: Array,
    value: Callable[[Array], Array],
    slope: Number | None = None,
) -> Array:
    """argmin_z P(z) + (z − w)²/(2 step) over low ≤ z ≤ high, entry by entry.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        low: ≤ 0, or None; high: ≥ 0, or None.
        free: the minimum without bounds, shaped like ``w``.
        value: P by entry, of an array.
        slope: the penalty's slope at 0 if it starts as a straight line, otherwise None.

    >>> import numpy as np
    >>> w = np.asarray([3.0, 3.0])
    >>> best_between(w, 1.0, None, np.asarray([1.0, 2.9]), w, lambda z: 4.0 * (z != 0))
    array([0. , 2.9])
    """
    xp, w, x, s = ready(w, step)
    inside = narrow(xp, project_box(free, low, high), w.dtype)
    edge = narrow(xp, project_box(w, low, high), w.dtype)
    candidates = [xp.zeros_like(edge), edge]
    if slope is not None:
        xp, _, x, s, line = ready(w, step, slope)
        candidates.append(project_box(narrow(xp, soft(xp, x, s * line), w.dtype), low, high))

    def objective(z: Array) -> Array:
        z = xp.astype(z, x.dtype)
        return value(z) + (z - x) * (z - x) / (2 * xp.where(s > 0, s, xp.ones_like(s) * eps(x.dtype)))

    found, lowest = candidates[0], objective(candidates[0])
    for z in candidates[1:]:
        here = objective(z)
        found, lowest = xp.where(here < lowest, z, found), xp.where(here < lowest, here, lowest)
    return xp.where((inside == free) | (w != w), inside, found)
