"""The scalar equations of groups in a diagonal metric: one unknown a group, a few Newton steps.

Each function is arranged so that Newton's steps from one side never pass the root, so only clipping makes a bracket necessary.
"""

from __future__ import annotations

from taut.functional._control import climb, constant, while_
from taut.functional._dtype import Array, Namespace, eps
from taut.functional._norms import largest, positive, total

LIMIT = 40
"""Most Newton steps. Two or three are usual; steps that differ a millionfold within a group took nine at
worst in 3,000 random groups."""


def shrunk_norm(xp: Namespace, x: Array, t: Array, axes: tuple[int, ...]) -> Array:
    """The norm n of argmin_z Σ_g ‖z_g‖ + Σ (z − x)²/(2t), by group; not positive where z = 0.

    It is the root of h(n) = (Σ x²/(n+t)²)^(-1/2) = 1, and h is concave and increasing: Newton from below
    climbs to it. With equal t, h is a line and one step does. |z_i| ≤ n gives the start n ≥ |x_i| − t_i,
    which is exact when one entry is all that survives.
    """

    def move(n: Array, x: Array, t: Array) -> Array:
        reach = positive(xp, n + t)
        ratio = x / reach
        square = total(xp, ratio * ratio, axes)
        slope = total(xp, ratio * ratio / reach, axes)
        return square * (xp.sqrt(positive(xp, square)) - 1) / positive(xp, slope)

    size = xp.abs(x)
    start = largest(xp, xp.where(size > t, size - t, xp.zeros_like(size + t)), axes)
    # From n = 0, of a group that dies, the last step is negative.
    return climb(xp, LIMIT, move, start, x, t)


def ball(xp: Namespace, x: Array, s: Array, radius: Array, axes: tuple[int, ...]) -> Array:
    """The μ for which z = x/(1 + μs) is argmin_z Σ (z − x)²/(2s) over ‖z‖ ≤ radius, by slice.

    Not positive where the slice is inside already. Elsewhere 1/‖z(μ)‖ is concave and increasing in μ (Moré &
    Sorensen, 1983): Newton from below climbs to its value 1/radius. |z_i| ≤ radius gives the start μ ≥ (|x_i|/radius − 1)/s_i, which
    leaves ‖z‖ ≤ radius·√size.
    """
    r = positive(xp, radius)

    def move(mu: Array, x: Array, s: Array, r: Array) -> Array:
        shrink = 1 + mu * s
        z = x / (r * shrink)
        square = total(xp, z * z, axes)
        slope = total(xp, z * z * s / shrink, axes)
        return square * (xp.sqrt(positive(xp, square)) - 1) / positive(xp, slope)

    over = (xp.abs(x) / r - 1) / positive(xp, s)
    start = largest(xp, xp.where(over > 0, over, xp.zeros_like(over)), axes)
    return climb(xp, LIMIT, move, start, x, s, r)


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
