"""The scalar equations of groups with a step size per weight: one unknown per group, a few Newton steps.

Each function is arranged so that Newton's steps from one side never pass the root, so only clipping makes a bracket necessary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, eps
from taut.functional._norms import largest, positive, root_sum_squares, total
from taut.functional._rare import rarely, solved

LIMIT = 40
"""Most Newton steps. Two or three are usual; steps that differ a millionfold within a group took nine at
worst in 3,000 random groups."""


def shrunk_norm(xp: Namespace, x: Array, step: Array, strength: Array, axes: tuple[int, ...]) -> Array:
    """The norm n of argmin_z strength·Σ_g ‖z_g‖ + Σ (z − x)²/(2·step), by group; not positive where z = 0.

    With t = step·strength it is the root of h(n) = (Σ x²/(n+t)²)^(-1/2) = 1, and h is concave and increasing: Newton
    from below climbs to it. Its slope is at least 1/‖x‖, and 1/‖x‖ at once with equal t; so τ = (h(‖x‖) − 1)·‖x‖ taken
    off ‖x‖ leaves a start at or below the root. What it leaves is at most 1.5·τ·v, v the variance of t over ‖x‖², which is
    at most t̄·max t/‖x‖²: in a group that is far from dying that is no more than rounding, and no more is asked. (t̄ is at
    most 1.39·τ where max t ≤ ‖x‖/4, by the chord of 1/(n+t)².)

    Elsewhere h is taken at the start as well. What is missing there over τ is 1.5·v, and with it the slope is known, (1 + 1.5v)/‖x‖:
    where its square is small, that step is exact to rounding.
    """
    tiny = 2.0**-126 if x.dtype.itemsize == 4 else 2.0**-1022  # the smallest normal number

    def ratios(n: Array, x: Array, s: Array, lam: Array) -> tuple[Array, Array]:
        # Guarded by group, not by entry: XLA can sum the result of arithmetic without writing it to memory. The
        # product depends on n, because XLA moves anything else out of the loop and then writes a whole array that is
        # not needed.
        reach = xp.where(n > 0, n, xp.full_like(n, tiny)) + s * (lam + 0 * n)
        return x / reach, reach

    def move(n: Array, *given: Array) -> Array:
        ratio, reach = ratios(n, *given)
        square = total(xp, ratio * ratio, axes)
        slope = total(xp, ratio * ratio / reach, axes)
        return square * (xp.sqrt(positive(xp, square)) - 1) / positive(xp, slope)

    def root(x: Array, s: Array, lam: Array) -> Array:
        norm = xp.astype(root_sum_squares(xp, x, axes), x.dtype)
        lam = lam + 0 * norm  # one per group: XLA would write a scalar out as a whole array before it sums
        ratio, _ = ratios(norm, x, s, lam)
        off = (1 / xp.sqrt(positive(xp, total(xp, ratio * ratio, axes))) - 1) * norm
        longest = largest(xp, s, axes) if s.ndim else s
        top = lam * longest / positive(xp, norm)
        missing = 3 * top * (off / positive(xp, norm)) ** 2
        sure = ((top <= 0.25) & (missing <= 4 * eps(x.dtype))) | (norm == 0)

        def finish(below: Array) -> Array:
            ratio, _ = ratios(below, x, s, lam)
            square = total(xp, ratio * ratio, axes)
            left = 1 - 1 / xp.sqrt(positive(xp, square))
            bend = left * norm / positive(xp, norm - below)
            turned = 1 + bend  # 0 only where ``better`` is not used
            better = below + norm * left / xp.where(turned == 0, xp.ones_like(turned), turned)
            close = (below > 0) & (bend * bend * (norm - below) <= 4 * eps(x.dtype) * norm)
            dead = (below <= 0) & (square <= 1)  # h(0) ≥ 1: there is no positive root
            unbounded = (below <= 0) & ~dead & ~sure

            def by_entry(below: Array) -> Array:
                # With both large and small steps (rare entries: lr/ε and 0) τ has no bound, and x/t would overflow.
                over = xp.abs(x + 0 * below) - s * (lam + 0 * below)
                over = largest(xp, xp.where(over > 0, over, xp.zeros_like(over)), axes)
                return xp.where(unbounded, over, below)

            begin = rarely(xp, xp.any(unbounded), by_entry, xp.where(close, better, below))
            done = close | dead | sure
            return xp.where(sure, below, _climb(xp, move, begin, done, x, s, lam))

        return rarely(xp, xp.any(~sure), finish, norm - off)

    def along(n: Array, given: tuple[Array, ...], d: tuple[Array, ...]) -> Array:
        ratio, reach = ratios(n, *given)
        moved = (ratio * d[0] - ratio * ratio * (d[1] * given[2] + given[1] * d[2])) / reach
        return total(xp, moved, axes) / positive(xp, total(xp, ratio * ratio / reach, axes))

    return solved(root, along, x, step, strength)


def ball(xp: Namespace, x: Array, s: Array, radius: Array, axes: tuple[int, ...]) -> Array:
    """The μ for which z = x/(1 + μs) is argmin_z Σ (z − x)²/(2s) over ‖z‖ ≤ radius, by slice.

    Not positive where the slice is inside already. Elsewhere 1/‖z(μ)‖ is concave and increasing in μ (Moré &
    Sorensen, 1983): Newton from below climbs to its value 1/radius. The start is μ = (‖x‖/radius − 1)/s̄, with s̄ the
    mean of s weighted by x²: 1/(1+μs)² is convex in s, so that ‖z‖ is at least the radius there. As in
    `shrunk_norm`, what ‖z‖ is says how much 1 + μs varies, and with it the slope.
    """

    def move(mu: Array, x: Array, s: Array, r: Array) -> Array:
        reach = r + (r * mu) * s
        z = x / reach
        square = total(xp, z * z, axes)
        slope = r * total(xp, z * z * s / reach, axes)
        return square * (xp.sqrt(positive(xp, square)) - 1) / positive(xp, slope)

    def root(x: Array, s: Array, radius: Array) -> Array:
        norm = xp.astype(root_sum_squares(xp, x, axes), x.dtype)
        r = positive(xp, radius) + 0 * norm  # one per slice, as in `shrunk_norm`
        outside = norm > r

        def finish(mu: Array) -> Array:
            unit = x / (positive(xp, norm) + 0 * mu)  # depends on mu, so that it stays in the loop of `rarely`
            mean = positive(xp, total(xp, unit * unit * s, axes))
            start = xp.where(outside, (norm / r - 1) / mean, xp.zeros_like(norm))
            z = x / (r + (r * start) * s)
            square = total(xp, z * z, axes)
            # The slope is s̄/m·(1 + 1.5v − 3v·m/(μs̄)) with m = 1 + μs̄, and v a third of square − 1.
            bend = (square - 1) * (0.5 + 1 / positive(xp, start * mean))
            near = start + (start + 1 / mean) * (1 - 1 / xp.sqrt(positive(xp, square))) / positive(xp, 1 - bend)
            close = xp.abs(bend) <= _near(x.dtype)
            return _climb(xp, move, xp.where(close & outside, near, start), close | ~outside, x, s, r)

        return rarely(xp, xp.any(outside), finish, xp.zeros_like(norm))

    def along(mu: Array, given: tuple[Array, ...], d: tuple[Array, ...]) -> Array:
        x, s, radius = given
        r = positive(xp, radius)
        shrink = 1 + mu * s
        z = x / (r * shrink)
        # Half the derivative of Σ z² = 1: by x, by s through μs, and by r.
        moved = z * (d[0] / (r * shrink) - z * mu * d[1] / shrink)
        moved = total(xp, moved, axes) - total(xp, z * z, axes) * d[2] / r
        return moved / positive(xp, total(xp, z * z * s / shrink, axes))

    return solved(root, along, x, s, radius)


def _near(dtype: Any) -> float:
    """How far h⁻² may be from 1 for its third order, to the power 5/2, to be below rounding."""
    return 2 * eps(dtype) ** 0.5


def _climb(xp: Namespace, move: Callable[..., Array], start: Array, done: Array, *given: Array) -> Array:
    """The root that Newton's steps reach from ``start``, at or below it; where ``done``, ``start`` as it is.

    A step squares the relative error. Zero is left by a step down, where there is no positive root.
    """
    small = eps(start.dtype) ** 0.5 / 2

    def body(state: tuple[Array, Array]) -> tuple[Array, Array]:
        n, busy = state
        step = move(n, *given)
        step = xp.where(busy & ((step > 0) | (n == 0)), step, xp.zeros_like(step))
        return n + step, step > small * xp.abs(n)  # below zero there is nothing to look for

    return while_(xp, LIMIT, lambda state: xp.any(state[1]), body, (start, ~done))[0]


def ball_in_box(
    xp: Namespace, x: Array, s: Array, radius: Array, axes: tuple[int, ...], low: Array, high: Array
) -> Array:
    """The μ for which z = clip(x/(1 + μs), low, high) is argmin_z Σ (z − x)²/(2s) over ball and box.

    Zero where clip(x, low, high) is inside already. As μ grows, z(μ) runs monotonically towards
    clip(0, low, high), and its norm falls to the radius at one μ. Clipping makes kinks, so Newton is kept between a lower and an upper bound
    of log μ and gives way to bisection where it leaves them or gains too little.
    """
    r = positive(xp, radius)
    tiny = eps(x.dtype)

    def point(log: Array, x: Array, s: Array) -> Array:
        z = x / (1 + xp.exp(log) * s)
        return xp.where(z < low, low, xp.where(z > high, high, z))

    def newton(log: Array, x: Array, s: Array, r: Array) -> tuple[Array, Array]:
        """‖z‖²/r², and Newton's step for log ‖z‖ = log r in log μ (0 where every entry is clipped)."""
        z = point(log, x, s)
        ms = xp.exp(log) * s
        square = total(xp, (z / r) * (z / r), axes)
        free = xp.where((z > low) & (z < high), (z / r) * (z / r) * (ms / (1 + ms)), xp.zeros_like(z))
        slope = total(xp, free, axes)
        move = xp.log(positive(xp, square)) / 2 * square / positive(xp, slope)
        return square, xp.where(slope > 0, move, xp.zeros_like(move))

    fixed = constant(x), constant(s), constant(r)
    at_zero = xp.where(x < low, low, xp.where(x > high, high, x)) / r
    outside = total(xp, at_zero * at_zero, axes) > 1
    big, small = largest(xp, fixed[1], axes), -largest(xp, -fixed[1], axes)
    reach = largest(xp, xp.abs(fixed[0]), axes)
    below = xp.log(tiny / positive(xp, big)) + 0 * reach  # z is x to rounding
    above = xp.log(positive(xp, reach / fixed[2]) / (tiny * positive(xp, small))) + 0 * reach  # and here 0

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        below, above, log, count, _ = state
        square, move = newton(log, *fixed)
        below, above = xp.where(square > 1, log, below), xp.where(square > 1, above, log)
        ahead = log + move
        good = (ahead > below) & (ahead < above) & (count % 3 != 2)
        done = ~outside | (xp.abs(square - 1) <= 32 * tiny) | (above - below <= 4 * tiny * xp.abs(log))
        ahead = xp.where(done, log, xp.where(good, ahead, (below + above) / 2))
        return below, above, ahead, count + 1, xp.any(~done)

    start = (below + above) / 2
    state = (below, above, start, xp.sum(xp.zeros_like(start)), xp.any(outside))
    log = while_(xp, 3 * LIMIT, lambda state: state[4], body, state)[2]
    # Outside the loop, as in `climb`: the derivative of this step is the root's.
    mu = xp.exp(log + newton(log, x, s, r)[1])
    return xp.where(outside, mu, xp.zeros_like(mu))
