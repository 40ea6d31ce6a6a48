"""Nearest point of a box and balls together, where no closed form is known.

A box and one kind of ball: one unknown a group (`_newton.ball_in_box`). A box and balls over several sets of
axes: Dykstra's algorithm, in the same metric. Either ends in a feasible finish: box and balls all contain the
point c = clip(0, low, high), or have no common point, so moving towards c goes inside for certain.
"""

from __future__ import annotations

from typing import Any

from taut.functional import _newton
from taut.functional._control import while_
from taut.functional._dtype import Array, Namespace, Number, eps, narrow_inward, number, widen
from taut.functional._norms import kappa, positive, root_sum_squares
from taut.functional.projections import project_box

CYCLES = 1000
"""Most rounds of Dykstra's algorithm."""

Balls = list[tuple[tuple[int, ...], Number]]
Bounds = tuple["Number | None", "Number | None"]


def nearest(xp: Namespace, w: Array, step: Number | None, bounds: Bounds, balls: Balls) -> Array:
    """argmin_z Σ (z − w)²/(2 step) over low ≤ z ≤ high and norms at most their radii.

    Args:
        w: weights.
        step: a number or shaped like ``w``; None is Euclidean.
        bounds: (low, high), each a number, an array that broadcasts to ``w``, or None.
        balls: (axes, radius) of each kind of slice.

    With one ball the result is exact to rounding. With several it is within about 1e-6 (float32) or 1e-14
    (float64) of ``max |w|`` when `CYCLES` rounds are enough; feasible always.

    Reference: Boyle & Dykstra (1986); Bauschke & Combettes, Convex Analysis (2017), §30.2.
    """
    x = widen(xp, w)
    s = number(xp, 1.0 if step is None else step, x)
    s = s + xp.zeros_like(x)
    low, high = (None if b is None else number(xp, b, x) for b in bounds)
    low = xp.full_like(x, -xp.inf) if low is None else low + xp.zeros_like(x)
    high = xp.full_like(x, xp.inf) if high is None else high + xp.zeros_like(x)
    clipped = project_box(w, *bounds)
    if len(balls) == 1:
        ((axes, radius),) = balls
        z = _newton.ball_in_box(xp, x, s, number(xp, radius, x), axes, low, high)
    else:
        z = _dykstra(xp, x, s, low, high, balls)
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


def _dykstra(xp: Namespace, x: Array, s: Array, low: Array, high: Array, balls: Balls) -> Array:
    scale = xp.max(xp.abs(x))
    tolerance = 4 * eps(x.dtype) * scale

    def box(y: Array) -> Array:
        return xp.where(y < low, low, xp.where(y > high, high, y))

    def onto(y: Array, axes: tuple[int, ...], radius: Number) -> Array:
        norm = root_sum_squares(xp, y, axes)
        inside = norm <= number(xp, radius, norm)
        return xp.where(inside, y, _newton.ball(xp, y, s, number(xp, radius, y), axes))

    def cycle(state: tuple[Array, ...]) -> tuple[Array, ...]:
        z, *pulls, _ = state
        after: list[Array] = []
        moved = xp.zeros_like(scale)
        for k, pull in enumerate(pulls):
            y = z + pull
            z = box(y) if k == 0 else onto(y, *balls[k - 1])
            after.append(y - z)
            # The pulls too must have come to rest: the point alone can stand still for many rounds.
            moved = xp.maximum(moved, xp.max(xp.abs(y - z - pull)))
        return (z, *after, moved > tolerance)

    zeros = [xp.zeros_like(x) for _ in range(len(balls) + 1)]
    return while_(xp, CYCLES, lambda state: state[-1], cycle, (x, *zeros, scale == scale))[0]
