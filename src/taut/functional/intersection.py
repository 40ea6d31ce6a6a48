"""Nearest point of a box and balls together, where no closed form is known.

A box and one kind of ball: one unknown per slice (`_newton.ball_in_box`). A box and balls over several sets of
axes: the same, turn by turn (`_multipliers`). Either ends in a feasible finish: box and balls all contain the
point c = clip(0, low, high), or do not intersect, so moving towards c always leads inside.
"""

from __future__ import annotations

from typing import Any

from taut.functional import _newton
from taut.functional._control import while_
from taut.functional._dtype import Array, Namespace, Number, eps, narrow_inward, number, widen
from taut.functional._norms import kappa, positive, root_sum_squares, total
from taut.functional.projections import project_box

CYCLES = 200
"""Most rounds over the balls. Ten or so are usual."""

Balls = list[tuple[tuple[int, ...], Number]]
Bounds = tuple["Number | None", "Number | None"]


def nearest(xp: Namespace, w: Array, step: Number | None, bounds: Bounds, balls: Balls) -> Array:
    """argmin_z Σ (z − w)²/(2 step) over low ≤ z ≤ high and norms at most their radii.

    Args:
        w: weights.
        step: a number or shaped like ``w``; None is Euclidean.
        bounds: (low, high), each a number, an array that broadcasts to ``w``, or None.
        balls: (axes, radius) of each kind of slice.

    Exact to rounding when `CYCLES` rounds are enough; feasible always. (Dykstra's algorithm was still up to
    2e-4 away after a thousand rounds in steep metrics: docs/decisions/012.)

    Reference: Censor & Lent, An iterative row-action method for interval convex programming (1981).
    """
    x = widen(xp, w)
    s = number(xp, 1.0 if step is None else step, x)
    s = s + xp.zeros_like(x)
    low, high = (None if b is None else number(xp, b, x) for b in bounds)
    low = xp.full_like(x, -xp.inf) if low is None else low + xp.zeros_like(x)
    high = xp.full_like(x, xp.inf) if high is None else high + xp.zeros_like(x)
    clipped = project_box(w, *bounds)
    # The target is slightly inside, so that usually the finish changes nothing.
    aim = [(axes, positive(xp, number(xp, r, x)) * (1 - kappa(w.dtype) / 2)) for axes, r in balls]
    if len(balls) == 1:
        ((axes, radius),) = aim
        z = x / (1 + s * _newton.ball_in_box(xp, x, s, radius, axes, low, high))
    else:
        z = _multipliers(xp, x, s, low, high, aim)
    z = _finish(xp, narrow_inward(xp, z, w.dtype), bounds, balls)
    return xp.where(_inside(xp, clipped, balls), clipped, z)


def _inside(xp: Namespace, w: Array, balls: Balls) -> Array:
    """By slice if there is one kind of slice, otherwise for the whole array: whether ``w`` may stay."""
    flags = []
    for axes, radius in balls:
        norm = root_sum_squares(xp, w, axes)
        flags.append(norm <= number(xp, radius, norm))
    if len(flags) == 1:
        return flags[0]
    everywhere: Any = xp.all(flags[0])
    for flag in flags[1:]:
        everywhere = everywhere & xp.all(flag)
    return everywhere


def _finish(xp: Namespace, z: Array, bounds: Bounds, balls: Balls) -> Array:
    """Inside for certain: z moved towards c = clip(0, low, high), by no more than is needed.

    ‖c + t(z − c)‖ ≤ (1 − t)‖c‖ + t‖z‖, which is the radius for t = (radius − ‖c‖)/(‖z‖ − ‖c‖).
    """
    z = project_box(z, *bounds)
    centre = project_box(xp.zeros_like(z), *bounds)
    share: Any = None
    for axes, radius in balls:
        norm, least = root_sum_squares(xp, z, axes), root_sum_squares(xp, centre, axes)
        top = number(xp, radius, norm)
        room = top * (1 - kappa(z.dtype)) - least
        room = xp.where(room > 0, room, xp.zeros_like(room))
        t = xp.where(norm <= top, xp.ones_like(norm), room / positive(xp, norm - least))
        t = t if len(balls) == 1 else xp.min(t)
        share = t if share is None else xp.minimum(share, t)
    c, wide = xp.astype(centre, share.dtype), xp.astype(z, share.dtype)
    moved = narrow_inward(xp, c + share * (wide - c), z.dtype)
    return xp.where(share == 1, z, project_box(moved, *bounds))


def _multipliers(xp: Namespace, x: Array, s: Array, low: Array, high: Array, balls: list[Any]) -> Array:
    """The point, by maximising the dual over one ball's multipliers at a time.

    With the other balls' multipliers held, of sum M, the entries are clip(x/(1 + s(M + μ)), low, high): one
    ball and the box at the point x/(1+sM) with the step s/(1+sM). The loop ends when every slice either lies
    on its ball's surface, or inside it with no multiplier: then all conditions of the optimum hold.
    """
    tolerance = 16 * eps(x.dtype)

    def point(mus: list[Array]) -> Array:
        z = x / (1 + s * sum(mus))
        return xp.where(z < low, low, xp.where(z > high, high, z))

    def relative(z: Array, k: int) -> Array:
        axes, radius = balls[k]
        return xp.sqrt(total(xp, (z / radius) * (z / radius), axes))

    def cycle(state: tuple[Array, ...]) -> tuple[Array, ...]:
        mus = list(state[:-1])
        for k, (axes, radius) in enumerate(balls):
            shrink = 1 + s * sum(mu for j, mu in enumerate(mus) if j != k)
            mus[k] = _newton.ball_in_box(xp, x / shrink, s / shrink, radius, axes, low, high)
        z, unfinished = point(mus), xp.any(x != x)
        for k, mu in enumerate(mus):
            n = relative(z, k)
            off = (n > 1 + tolerance) | ((mu > 0) & (n < 1 - tolerance))
            unfinished = unfinished | xp.any(off)
        return (*mus, unfinished)

    start = [xp.zeros_like(total(xp, x, axes)) for axes, _ in balls]
    state = while_(xp, CYCLES, lambda state: state[-1], cycle, (*start, xp.any(x == x)))
    return point(list(state[:-1]))
