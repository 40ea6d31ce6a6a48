"""Proximal maps: the exact minimisers of a penalty plus a squared distance.

    prox(w, step) = argmin_z  R(z) + Σ_i (z_i − w_i)² / (2 step_i)

``step`` is a number or an array shaped like ``w``. Every map returns ``w``'s dtype.
"""

from __future__ import annotations

from taut.functional import _newton
from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, number, real, widen
from taut.functional._norms import root_sum_squares


def soft_threshold(w: Array, threshold: Number) -> Array:
    r"""Shrink every entry towards zero by ``threshold``, stopping at zero.

    The proximal map of the L1 norm: argmin_z ½‖z − w‖² + Σ t_i |z_i|. A zero is +0.0, exactly.

    Args:
        w: weights, any shape.
        threshold: t ≥ 0, a number or shaped like ``w``; in the units of ``w`` (step × strength).

    Reference: Parikh & Boyd, Proximal Algorithms (2014), §6.5.2.

    >>> import numpy as np
    >>> soft_threshold(np.asarray([-3.0, 0.5, 2.0]), 1.0)
    array([-2.,  0.,  1.])
    """
    xp = namespace(w, threshold)
    w = real(xp, w)
    x = widen(xp, w)
    return narrow(xp, soft(xp, x, number(xp, threshold, x)), w.dtype)


def soft(xp: Namespace, x: Array, t: Array) -> Array:
    """`soft_threshold` on arrays that are already in computing precision."""
    # Few operations, or XLA uses a second thread for the map, which costs more than 1e4 entries do. The selection is
    # for −0.0, which −0.0 minus a threshold of 0 may give; NaN passes through every line.
    z = x - xp.minimum(xp.maximum(x, -t), t)
    return xp.where(z == 0, xp.zeros_like(z), z)


def elastic(w: Array, step: Number, l1: Number, l2: Number) -> Array:
    """The proximal map of L1 and L2 together, Σ l1·|z| + l2·z²: soft-threshold, then shrink.

    z = soft(w, step·l1) / (1 + 2·step·l2), entry by entry.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        l1: ≥ 0.
        l2: ≥ 0; Keras's scale, without ½.

    Reference: Zou & Hastie, Regularization and variable selection via the elastic net (2005).

    >>> import numpy as np
    >>> elastic(np.asarray([-3.0, 0.5]), 1.0, 1.0, 0.5)
    array([-1.,  0.])
    """
    xp = namespace(w, step, l1, l2)
    w = real(xp, w)
    x = widen(xp, w)
    z, _ = elastic_step(xp, x, number(xp, step, x), l1, l2)
    return narrow(xp, z, w.dtype)


def elastic_step(xp: Namespace, x: Array, step: Array, l1: Number | None, l2: Number | None) -> tuple[Array, Array]:
    """Absorb L1 and L2 into the quadratic: the point u and the step s' of what is left to minimise.

    Σ l1|z| + l2 z² + (z−w)²/(2s) differs from (z−u)²/(2s') by a constant wherever sign(z) is sign(u) or
    z is 0, with u = soft(w, s·l1)/(1+2·s·l2) and s' = s/(1+2·s·l2). So whatever only shrinks entries
    towards zero (a group penalty, a ball) may be solved at (u, s') instead.
    """
    u = x if l1 is None else soft(xp, x, step * number(xp, l1, x))
    if l2 is None:
        return u, step
    shrink = 1 + 2 * step * number(xp, l2, x)
    return u / shrink, step / shrink


def shrink_groups(w: Array, step: Number, strength: Number, axes: tuple[int, ...]) -> Array:
    """Shrink the norm of every group; a group with a small norm becomes exactly zero.

    The proximal map of strength·Σ_g ‖z_g‖. With one step for the whole group,
    z = w·max(1 − step·strength/‖w‖, 0). With a step for each entry, z_i = n·w_i/(n + strength·step_i),
    where n = ‖z‖ solves Σ w_i²/(n + strength·step_i)² = 1, and z = 0 if Σ (w_i/(strength·step_i))² ≤ 1.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.
        axes: the axes that one group spans.

    Reference: Yuan & Lin (2006) for one step; the equation with a step size per weight is its optimality condition.

    >>> import numpy as np
    >>> shrink_groups(np.asarray([3.0, 4.0]), 1.0, 1.0, (0,))
    array([2.4, 3.2])
    """
    xp = namespace(w, step, strength)
    w = real(xp, w)
    x = widen(xp, w)
    return narrow(xp, group_shrink(xp, x, number(xp, step, x), number(xp, strength, x), axes), w.dtype)


def group_shrink(xp: Namespace, x: Array, step: Array, strength: Array, axes: tuple[int, ...]) -> Array:
    """`shrink_groups` on arrays that are already in computing precision."""
    t = step * strength
    if 0 in x.shape:
        return x
    if t.ndim == 0:
        n = xp.astype(root_sum_squares(xp, x, axes), x.dtype)
        # t = 0 and n = 0 together would give 0/0: a zero group is zero at any threshold. For a group that becomes
        # zero, t/n is not used and may overflow.
        return xp.where(n <= t, xp.zeros_like(x), x * (1 - t / xp.where(n <= t, xp.ones_like(n), n)))
    n = _newton.shrunk_norm(xp, x, step, strength, axes)
    dead = n <= 0
    left = xp.where(dead, xp.ones_like(n), n)
    return xp.where(dead, xp.zeros_like(x), x * (left / (left + t)))
