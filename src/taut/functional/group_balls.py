"""The ball of Σ_g ‖w_g‖: the group lasso's penalty as a constraint."""

from __future__ import annotations

from taut.functional import _newton
from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, Number, eps, namespace, narrow_inward, number, real, widen
from taut.functional._norms import disagreement, kappa, positive, root_sum_squares, total
from taut.functional._threshold import above_waterline
from taut.functional.proximal import group_shrink
from taut.functional.sums import metric

LIMIT = 80
"""Most trials of the multiplier; about ten are usual."""


def project_group_ball(w: Array, radius: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point whose groups' L2 norms add up to at most ``radius``; whole groups become 0.0.

    Euclidean: the norms are projected onto the L1 ball and every group is scaled to its new norm. With a step size per
    weight: the groups are shrunk as by the group lasso, with the strength at which the norms add up to the radius.

    Args:
        w: weights, any shape.
        radius: ≥ 0, a number.
        axes: the axes that one group spans; the sum is over all groups of the array.
        step: the step size, a number or shaped like ``w``; > 0.

    Reference: Sra (2011), Fast projections onto l1,q-norm balls for grouped feature selection.

    >>> import numpy as np
    >>> project_group_ball(np.asarray([[3.0, 0.1], [4.0, 0.0]]), 1.0, (0,)).round(4)
    array([[0.6, 0. ],
           [0.8, 0. ]])
    """
    xp = namespace(w, radius, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = widen(xp, w)
    s = metric(xp, x, step)
    everywhere = tuple(range(w.ndim))
    norm = root_sum_squares(xp, w, axes)
    before = total(xp, norm, everywhere)
    top = number(xp, radius, norm)
    if s is not None:
        # If the point is inside already, an equation with ordinary numbers is solved instead, and its result is not
        # used.
        far = xp.where(before <= top, xp.ones_like(x), x)
        shrunk = group_shrink(xp, far, s, _strength(xp, far, s, number(xp, radius, x), axes), axes)
        x = xp.where(before <= top, x, shrunk)
        norm = root_sum_squares(xp, x, axes)
    aim = top * (1 - kappa(w.dtype))
    left = above_waterline(xp, norm, None, aim, everywhere)
    scaled = xp.astype(x, norm.dtype) * (xp.where(left > 0, left, xp.zeros_like(left)) / positive(xp, norm))
    # With a step size per weight the solution is inside up to rounding, and is not scaled again.
    scaled = xp.where(total(xp, norm, everywhere) <= aim, xp.astype(x, norm.dtype), scaled)
    return xp.where(before <= top, w, narrow_inward(xp, xp.where(scaled == 0, xp.zeros_like(scaled), scaled), w.dtype))


def group_sum_excess(w: Array, radius: Number, axes: tuple[int, ...]) -> Array:
    """Σ_g ‖w_g‖ − radius, and at least 0."""
    xp = namespace(w, radius)
    w = real(xp, w)
    over = xp.sum(root_sum_squares(xp, w, axes))
    top = number(xp, radius, over)
    over = over - top
    return xp.astype(xp.where(over <= disagreement(w.dtype) * top, xp.zeros_like(over), over), widen(xp, w).dtype)


def _strength(xp: Namespace, x: Array, s: Array, radius: Array, axes: tuple[int, ...]) -> Array:
    """λ with Σ_g n_g(λ) = radius, n_g being the norm that the group lasso of strength λ leaves of a group.

    n solves Σ x²/(n + λs)² = 1, so dn/dλ = −Σ x²s/(n+λs)³ / Σ x²/(n+λs)³. Newton's steps are kept between bounds
    and give way to halving every third time.
    """
    everywhere = tuple(range(x.ndim))
    tiny = 4 * eps(x.dtype)

    def newton(strength: Array, x: Array, s: Array, r: Array) -> tuple[Array, Array]:
        t = strength * s
        n = _newton.shrunk_norm(xp, x, s, strength, axes)
        alive = n > 0
        reach = positive(xp, n + t)
        cube = (x / reach) * (x / reach) / reach
        slope = total(xp, cube * s, axes) / positive(xp, total(xp, cube, axes))
        left = total(xp, xp.where(alive, n, xp.zeros_like(n)), everywhere)
        falls = total(xp, xp.where(alive, slope, xp.zeros_like(n)), everywhere)
        return left - r, xp.where(falls > 0, (left - r) / positive(xp, falls), xp.zeros_like(left))

    fx, fs, r = constant(x), constant(s), constant(radius)
    dead = fx / fs  # a group is gone from λ = ‖x/s‖ on
    high = xp.astype(xp.max(root_sum_squares(xp, dead, axes)), x.dtype) + xp.zeros_like(total(xp, fx, everywhere))
    low = xp.zeros_like(high)

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, here, count, _ = state
        over, move = newton(here, fx, fs, r)
        low, high = xp.where(over > 0, here, low), xp.where(over > 0, high, here)
        ahead = here + move
        good = (ahead > low) & (ahead < high) & (count % 3 != 2)
        done = (xp.abs(over) <= tiny * r) | (high - low <= tiny * high)
        ahead = xp.where(done, here, xp.where(good, ahead, (low + high) / 2))
        return low, high, ahead, count + 1, xp.any(~done)

    state = (low, high, low, xp.sum(xp.zeros_like(low)), xp.any(low == low))
    here = while_(xp, LIMIT, lambda state: state[4], body, state)[2]
    # Outside the loop: the derivative of this step is the root's.
    return here + newton(here, x, s, radius)[1]
