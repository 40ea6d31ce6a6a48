"""Penalties on groups of weights, with a group along axes, and their proximal maps with a step size per weight.

Each map has one unknown per group. It is found by Newton's method on a convex, decreasing, piecewise linear function,
which approaches the root from below and reaches it exactly.
"""

from __future__ import annotations

from typing import Any

from taut.functional._control import climb
from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, real, widen
from taut.functional._entry import ready, signed, size
from taut.functional._newton import LIMIT
from taut.functional._norms import largest, positive, root_sum_squares, total
from taut.functional.nonconvex import firm, mcp
from taut.functional.proximal import soft

Axes = tuple[int, ...]


def exclusive(w: Array, strength: Number, axes: Axes) -> Array:
    """The sum of squared L1 norms: strength·Σ_g (Σ|w_g|)².

    Args:
        w: weights, any shape.
        strength: ≥ 0.
        axes: the axes that one group spans.

    >>> float(exclusive([[1.0, 0.0], [-2.0, 1.0]], 1.0, (0,)))
    10.0
    """
    xp, _, x, lam = ready(w, strength)
    sums = total(xp, size(xp, x), axes)
    return xp.sum(lam * sums * sums)


def shrink_exclusive(w: Array, step: Number, strength: Number, axes: Axes) -> Array:
    """The proximal map of `exclusive`: soft-thresholding by 2·step·strength·τ, τ the L1 norm of the result.

    τ is the root of Σ (|w_i| − 2·step_i·strength·τ)₊ = τ, one per group.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.
        axes: the axes that one group spans.

    Reference: Kowalski, Sparse regression using mixed norms (2009).

    >>> import numpy as np
    >>> shrink_exclusive(np.asarray([3.0, 1.0]), 0.5, 1.0, (0,))
    array([1.5, 0. ])
    """
    xp, w, x, s, lam = ready(w, step, strength)
    if 0 in w.shape:
        return w
    a, t = size(xp, x), 2 * s * lam + xp.zeros_like(x)

    def move(tau: Array, a: Array, t: Array) -> Array:
        rest = a - t * tau
        active = rest > 0
        above = total(xp, xp.where(active, rest, xp.zeros_like(rest)), axes) - tau
        return above / (1 + total(xp, xp.where(active, t, xp.zeros_like(t)), axes))

    start = largest(xp, a / (1 + t), axes)  # the root if one entry is all that survives
    tau = _polished(xp, climb(xp, LIMIT, move, start, a, t), move, a, t)
    return narrow(xp, soft(xp, x, t * tau), w.dtype)


def largest_entries(w: Array, strength: Number, axes: Axes) -> Array:
    """The sum of the groups' largest entries: Σ_g strength·max|w_g|.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to the groups.
        axes: the axes that one group spans.

    >>> float(largest_entries([[1.0, 0.0], [-2.0, 1.0]], 1.0, (0,)))
    3.0
    """
    xp, _, x, lam = ready(w, strength)
    return xp.sum(lam * (x if 0 in x.shape else largest(xp, size(xp, x), axes)))


def clip_largest(w: Array, step: Number, strength: Number, axes: Axes) -> Array:
    """The proximal map of `largest_entries`: every entry of a group clipped into [−μ, μ].

    μ is the root of Σ (|w_i| − μ)₊/step_i = strength, one per group, or 0 (and the group 0.0) if Σ |w_i|/step_i
    is no more than strength. In other words, the part that is subtracted is the projection onto an L1 ball.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0, a number or broadcastable to the groups.
        axes: the axes that one group spans.

    Reference: Duchi & Singer, Efficient online and batch learning using forward backward splitting (2009).

    >>> import numpy as np
    >>> clip_largest(np.asarray([3.0, -2.0, 0.5]), 1.0, 2.0, (0,))
    array([ 1.5, -1.5,  0.5])
    """
    xp, w, x, s, lam = ready(w, step, strength)
    if 0 in w.shape:
        return w
    a, s = size(xp, x), s + xp.zeros_like(x)
    lam = lam + 0 * largest(xp, a, axes)

    def move(mu: Array, a: Array, s: Array, lam: Array) -> Array:
        over = a - mu
        active = over > 0
        above = total(xp, xp.where(active, over / s, xp.zeros_like(over)), axes) - lam
        slope = total(xp, xp.where(active, 1 / s, xp.zeros_like(over)), axes)
        return xp.where(slope > 0, above / positive(xp, slope), xp.zeros_like(above))

    reach = largest(xp, a - lam * s, axes)  # the root if one entry is all that is clipped
    start = xp.where(reach > 0, reach, xp.zeros_like(reach))
    mu = _polished(xp, climb(xp, LIMIT, move, start, a, s, lam), move, a, s, lam)
    mu = xp.where(mu > 0, mu, xp.zeros_like(mu))
    return narrow(xp, signed(xp, x, xp.where(a > mu, mu + 0 * a, a)), w.dtype)


def group_mcp(w: Array, strength: Number, gamma: Number, axes: Axes) -> Array:
    """The minimax concave penalty of the groups' L2 norms; see `taut.functional.nonconvex.mcp`.

    Args:
        w: weights, any shape.
        strength: λ ≥ 0, a number or broadcastable to the groups.
        gamma: γ > 0.
        axes: the axes that one group spans.

    >>> float(group_mcp([[3.0, 0.0], [4.0, 1.0]], 1.0, 2.0, (0,)))
    1.75
    """
    xp = namespace(w, strength, gamma)
    x = widen(xp, real(xp, w))
    return mcp(xp.astype(root_sum_squares(xp, x, axes), x.dtype), strength, gamma)


def shrink_group_mcp(w: Array, step: Number, strength: Number, gamma: Number, axes: Axes) -> Array:
    """The proximal map of `group_mcp`: each group scaled so that its norm is firm-thresholded.

    If step sizes differ within a group, no exact method is known, and the smallest one is used.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: λ ≥ 0, a number or broadcastable to the groups.
        gamma: γ > 0.
        axes: the axes that one group spans.

    Reference: Huang, Breheny & Ma, A selective review of group selection (2012).

    >>> import numpy as np
    >>> shrink_group_mcp(np.asarray([0.9, 1.2]), 1.0, 1.0, 2.0, (0,)).round(4)
    array([0.6, 0.8])
    """
    xp, w, x, s, lam, g = ready(w, step, strength, gamma)
    if 0 in w.shape:
        return w
    n = xp.astype(root_sum_squares(xp, x, axes), x.dtype)
    shrunk = firm(xp, n, smallest_step(xp, s, axes), lam, g)
    z = xp.where(shrunk == n, x, x * (shrunk / positive(xp, n)))
    return narrow(xp, xp.where(shrunk == 0, xp.zeros_like(x), z), w.dtype)


def smallest_step(xp: Namespace, step: Array, axes: Axes) -> Array:
    """One step size for a whole group: the smallest, with which the objective still decreases."""
    return step if step.ndim == 0 else -largest(xp, -step, axes)


def _polished(xp: Namespace, root: Array, move: Any, *given: Array) -> Array:
    # `climb` ends when a step is small. If many entries become zero at about the same point, the next step can still
    # be as large.
    return root + move(root, *given)
