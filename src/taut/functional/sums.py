"""Sets given by sums: the simplex, a fixed sum, a half-space, doubly stochastic matrices, the L1 balls.

A sum in floating point is never exactly 1: as for `UnitNorm`, a slice is *accepted*, and then not changed, if its sum
is right within ``kappa`` of the sum of its magnitudes (2·eps in half precision). A bound (≤) holds exactly, with the
margin ``kappa`` for a slice that was moved.
"""

from __future__ import annotations

import math
from typing import Any

from taut.functional._dtype import (
    Array,
    Namespace,
    Number,
    is_half,
    namespace,
    narrow,
    narrow_inward,
    number,
    real,
    smallest,
    widen,
    widest,
)
from taut.functional._norms import _careful_total, disagreement, kappa, largest, positive, total
from taut.functional._threshold import above_waterline


def wide_total(xp: Namespace, w: Array, axes: tuple[int, ...]) -> Array:
    """Σw over ``axes``, kept as size 1, in the widest float there is."""
    return add_up(xp, xp.astype(w, widest(xp, w)), axes, w.dtype)


def add_up(xp: Namespace, x: Array, axes: tuple[int, ...], dtype: Any) -> Array:
    """Σx of numbers made from weights of ``dtype``, carefully where ``x`` is no wider than they are."""
    return _careful_total(xp, x, axes) if dtype.itemsize == 8 else total(xp, x, axes)


def tolerance(dtype: object) -> float:
    """The relative error of a sum that is accepted."""
    return 2 * kappa(dtype) if is_half(dtype) else kappa(dtype)


def metric(xp: Namespace, x: Array, step: Number | None) -> Array | None:
    """``step`` as an array shaped like ``x``; None if it is one number, which weighs nothing."""
    if step is None:
        return None
    s = number(xp, step, x)
    return None if s.ndim == 0 else s + xp.zeros_like(x)


def sum_error(
    xp: Namespace, w: Array, amount: Number, axes: tuple[int, ...], slack: float = 0.0
) -> tuple[Array, Array]:
    """|Σw − amount| by slice, and whether it is accepted (never for NaN), ``slack`` beside `tolerance`."""
    off = wide_total(xp, w, axes)
    size = wide_total(xp, xp.abs(w), axes)
    off = xp.abs(off - number(xp, amount, off))
    allowed = (tolerance(w.dtype) + slack) * xp.maximum(size, xp.abs(number(xp, amount, off)) + 0 * size)
    # And half a subnormal for each entry.
    allowed = allowed + smallest(w.dtype) * math.prod([w.shape[a] for a in axes])
    return off, off <= allowed


def project_simplex(w: Array, amount: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point whose entries are ≥ 0 and add up to ``amount`` over ``axes``.

    z_i = max(w_i − θ·step_i, 0) with one θ per slice and any step size per weight.

    Args:
        w: weights, any shape.
        amount: > 0, a number or broadcastable to the sums.
        axes: the axes that one slice spans.
        step: the step size, a number or shaped like ``w``; > 0.

    Reference: Michelot (1986), A finite algorithm for finding the projection of a point onto the simplex.

    >>> import numpy as np
    >>> project_simplex(np.asarray([0.75, 0.75, -1.0]), 1.0, (0,))
    array([0.5, 0.5, 0. ])
    """
    xp = namespace(w, amount, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = widen(xp, w)
    z = above_waterline(xp, x, metric(xp, x, step), number(xp, amount, x), axes)
    got = wide_total(xp, z, axes)
    z = xp.astype(xp.astype(z, got.dtype) * (number(xp, amount, got) / positive(xp, got)), z.dtype)
    return xp.where(_on_simplex(xp, w, amount, axes), w, narrow(xp, z, w.dtype))


def _on_simplex(xp: Namespace, w: Array, amount: Number, axes: tuple[int, ...]) -> Array:
    return (-largest(xp, -w, axes) >= 0) & sum_error(xp, w, amount, axes)[1]


def simplex_violation(w: Array, amount: Number, axes: tuple[int, ...]) -> Array:
    """The largest of: how far an entry is below 0, how far a sum is from ``amount``."""
    xp = namespace(w, amount)
    w = real(xp, w)
    if 0 in w.shape:
        return xp.sum(widen(xp, w))
    off, accepted = sum_error(xp, w, amount, axes, disagreement(w.dtype))
    below = xp.astype(largest(xp, -w, axes), off.dtype)
    worst = xp.maximum(xp.where(accepted, xp.zeros_like(off), off), below)
    return xp.astype(xp.max(xp.where(worst > 0, worst, xp.where(worst == worst, 0 * worst, worst))), widen(xp, w).dtype)


def project_sum(w: Array, amount: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point whose entries add up to ``amount`` over ``axes``: z = w − step·(Σw − amount)/Σstep.

    Args:
        w: weights, any shape.
        amount: a number or broadcastable to the sums.
        axes: the axes that one slice spans.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_sum(np.asarray([1.0, 2.0, 6.0]), 0.0, (0,))
    array([-2., -1.,  3.])
    """
    xp = namespace(w, amount, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = xp.astype(w, widest(xp, w))
    s = metric(xp, x, step)
    s = xp.ones_like(x) if s is None else s
    share = s / total(xp, s, axes)
    t = number(xp, amount, x)
    z = x
    for _ in range(3):  # the second pass takes away what rounding left of the first; the third, of huge weights
        z = z - share * (add_up(xp, z, axes, w.dtype) - t)
    return xp.where(sum_error(xp, w, amount, axes)[1], w, narrow(xp, z, w.dtype))


def sum_violation(w: Array, amount: Number, axes: tuple[int, ...]) -> Array:
    """The largest distance of a sum from ``amount``; 0.0 where it is accepted."""
    xp = namespace(w, amount)
    w = real(xp, w)
    if 0 in w.shape:
        return xp.sum(widen(xp, w))
    off, accepted = sum_error(xp, w, amount, axes, disagreement(w.dtype))
    return xp.astype(xp.max(xp.where(accepted, xp.zeros_like(off), off)), widen(xp, w).dtype)


def project_half_space(w: Array, a: Array, b: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point with Σ a·w ≤ b over ``axes``: z = w − step·a·(Σa·w − b)₊/Σ(step·a²).

    Args:
        w: weights, any shape.
        a: the normal, broadcastable to ``w``; not zero.
        b: the offset, a number or broadcastable to the sums.
        axes: the axes that one slice spans.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_half_space(np.asarray([3.0, 1.0]), np.asarray([1.0, 0.0]), 2.0, (0,)).round(4)
    array([2., 1.])
    """
    xp = namespace(w, a, b, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = xp.astype(w, widest(xp, w))
    normal = number(xp, a, x) + xp.zeros_like(x)
    s = metric(xp, x, step)
    pull = normal if s is None else normal * s
    share = pull / positive(xp, total(xp, pull * normal, axes))
    top = number(xp, b, x)
    z = x
    for _ in range(2):
        # Inside by kappa times the sum of magnitudes, which allows for a second computation of the sum; twice that in
        # half precision, where rounding the entries needs as much.
        room = tolerance(w.dtype) * total(xp, xp.abs(z * normal), axes) + tolerance(w.dtype) * xp.abs(top)
        over = add_up(xp, z * normal, axes, w.dtype) - (top - room)
        z = z - share * xp.where(over > 0, over, xp.zeros_like(over))
    inside = _reach(xp, w, normal, axes) <= top
    return xp.where(inside, w, narrow(xp, z, w.dtype))


def _reach(xp: Namespace, w: Array, a: Array, axes: tuple[int, ...]) -> Array:
    return add_up(xp, xp.astype(w, a.dtype) * a, axes, w.dtype)


def half_space_violation(w: Array, a: Array, b: Number, axes: tuple[int, ...]) -> Array:
    """The largest Σ a·w − b, and at least 0; to rounding, relative to Σ|a·w| + |b|."""
    xp = namespace(w, a, b)
    w = real(xp, w)
    x = xp.astype(w, widest(xp, w))
    normal, top = number(xp, a, x) + xp.zeros_like(x), number(xp, b, x)
    over = _reach(xp, w, normal, axes) - top
    size = add_up(xp, xp.abs(x * normal), axes, w.dtype) + xp.abs(top)
    out = xp.where(over <= disagreement(w.dtype) * size, xp.zeros_like(over), over)
    return xp.astype(xp.max(out) if 0 not in w.shape else xp.sum(out), widen(xp, w).dtype)


def project_l1_ball(w: Array, radius: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point with Σ|w| ≤ ``radius`` over ``axes``: soft-thresholding by θ·step_i, one θ per slice.

    Entries below the threshold become 0.0, exactly.

    Args:
        w: weights, any shape.
        radius: ≥ 0, a number or broadcastable to the sums.
        axes: the axes that one slice spans.
        step: the step size, a number or shaped like ``w``; > 0.

    Reference: Duchi et al. (2008), Efficient projections onto the l1-ball.

    >>> import numpy as np
    >>> project_l1_ball(np.asarray([3.0, -2.0, 0.5]), 10.0, (0,))
    array([ 3. , -2. ,  0.5])
    """
    xp = namespace(w, radius, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = widen(xp, w)
    size = xp.where(x < 0, -x, x)
    z = above_waterline(xp, size, metric(xp, x, step), number(xp, radius, x), axes)
    z = xp.where(x < 0, -z, z)
    got = wide_total(xp, xp.abs(z), axes)
    aim = number(xp, radius, got) * (1 - kappa(w.dtype))
    z = xp.astype(xp.astype(z, got.dtype) * (aim / positive(xp, got)), z.dtype)
    before = wide_total(xp, xp.abs(w), axes)
    # No −0.0 among the entries that become zero.
    z = xp.where(z == 0, xp.zeros_like(z), z)
    return xp.where(before <= number(xp, radius, before), w, narrow_inward(xp, z, w.dtype))


def l1_violation(w: Array, radius: Number, axes: tuple[int, ...]) -> Array:
    """The largest Σ|w| − radius, and at least 0."""
    xp = namespace(w, radius)
    w = real(xp, w)
    over = wide_total(xp, xp.abs(w), axes)
    top = number(xp, radius, over)
    over = over - top
    out = xp.where(over <= disagreement(w.dtype) * top, xp.zeros_like(over), over)
    return xp.astype(xp.max(out) if 0 not in w.shape else xp.sum(out), widen(xp, w).dtype)
