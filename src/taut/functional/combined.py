"""One penalty and one feasible set on the same weights, solved together.

Penalties that combine are written as a `Shrinkage`, sets as a `Region`; `solve` is then

    argmin_z  Σ l1|z| + l2 z² + Σ_g strength·‖z_g‖ + Σ (z − w)²/(2 step)   subject to z in the region

and `why_not` says which combinations have an exact method. Why "soft-threshold, cut at zero, shrink the
groups, project onto the ball" is exact in this order and in no other: each multiplier of a norm adds the
same kind of term z·step·μ to an entry's optimality condition as L2 does, so it only divides what the
entrywise part has left, and a zero stays one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from taut.functional import intersection
from taut.functional._dtype import Array, Number, is_torch, namespace, narrow, number, real, widen
from taut.functional._norms import root_sum_squares, spike
from taut.functional.projections import into_ball, into_shell, project_box, project_l2_ball
from taut.functional.proximal import elastic_step, group_shrink

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Shrinkage:
    """Σ l1|z| + l2 z² + Σ strength·‖z_g‖ for each (axes, strength) of ``groups``, a group spanning ``axes``.

    None is a part that is not there, which costs nothing; 0.0 is a strength like any other.
    """

    l1: Number | None = None
    l2: Number | None = None
    groups: dict[Axes, Number] = field(default_factory=dict)

    def __add__(self, other: Shrinkage) -> Shrinkage:
        groups = dict(self.groups)
        for axes, strength in other.groups.items():
            groups[axes] = groups[axes] + strength if axes in groups else strength
        return Shrinkage(_plus(self.l1, other.l1), _plus(self.l2, other.l2), groups)


@dataclass(frozen=True)
class Region:
    """z ≥ 0 if ``nonneg``; low ≤ z ≤ high; and norms over axes in bands (low, high), low None for a ball."""

    nonneg: bool = False
    low: Number | None = None
    high: Number | None = None
    norms: dict[Axes, tuple[Number | None, Number]] = field(default_factory=dict)

    def __and__(self, other: Region) -> Region:
        norms = dict(self.norms)
        for axes, (low, high) in other.norms.items():
            if axes in norms:
                low, high = _pick("maximum", norms[axes][0], low), _pick("minimum", norms[axes][1], high)
            norms[axes] = (low, high)
        return Region(
            self.nonneg or other.nonneg,
            _pick("maximum", self.low, other.low),
            _pick("minimum", self.high, other.high),
            norms,
        )

    @property
    def boxed(self) -> bool:
        """Whether entries are bounded, other than by `nonneg`."""
        return self.low is not None or self.high is not None

    @property
    def balls(self) -> bool:
        """Whether every band of norms is a ball, and so convex."""
        return all(low is None for low, _ in self.norms.values())

    @property
    def bounds(self) -> tuple[Number | None, Number | None]:
        """The smallest and the largest value of an entry."""
        return (_pick("maximum", self.low, 0.0) if self.nonneg else self.low), self.high


NOTHING = Shrinkage()
ANYWHERE = Region()


def why_not(shrinkage: Shrinkage, region: Region) -> str | None:
    """None if `solve` is exact for this pair; otherwise what stands in the way."""
    if len(shrinkage.groups) > 1:
        return "two kinds of groups overlap"
    if shrinkage.groups and region.boxed:
        return "a group penalty and bounds on entries other than NonNeg have no closed form together"
    if shrinkage.groups and region.norms and (list(region.norms) != list(shrinkage.groups) or not region.balls):
        return "a group penalty goes with MaxNorm over the same groups only"
    if not region.balls and len(region.norms) > 1:
        return "norms bounded from below, over two sets of axes, make a set that is not convex"
    if not region.balls and region.boxed:
        return "norms bounded from below make a set that is not convex, and only NonNeg has a closed form with it"
    return None


def solve(w: Array, step: Number | None, shrinkage: Shrinkage | None, region: Region) -> Array:
    """The minimiser in the module's formula, in ``w``'s dtype.

    Args:
        w: weights, any shape.
        step: a number or shaped like ``w``; None for the Euclidean projection onto the region alone.
        shrinkage: the penalty, or None for the projection alone. Without a step it cannot act.
        region: the set.

    Raises:
        ValueError: `why_not` has a reason.
    """
    reason = why_not(shrinkage or NOTHING, region)
    if reason is not None:
        raise ValueError(f"No exact method is known here: {reason}.")
    xp = namespace(w, step, *_numbers(shrinkage or NOTHING, region))
    w = real(xp, w)
    if 0 in w.shape:
        return w
    if shrinkage is None or step is None:
        u = project_box(w, 0.0) if region.nonneg else w
        s, score, paid = step, w, u
    else:
        x = widen(xp, w)
        t = number(xp, step, x)
        u, s = elastic_step(xp, x, t, shrinkage.l1, shrinkage.l2)
        u = xp.where(u < 0, xp.zeros_like(u), u) if region.nonneg else u
        score = x if region.nonneg else xp.abs(x)
        score = score if shrinkage.l1 is None else score - t * number(xp, shrinkage.l1, x)
        paid = u
        for axes, strength in shrinkage.groups.items():
            paid = group_shrink(xp, u, s, number(xp, strength, x), axes)
        u, paid = narrow(xp, u, w.dtype), narrow(xp, paid, w.dtype)
    if not region.norms:
        return project_box(paid, *region.bounds)
    if not region.balls:
        ((axes, (low, high)),) = region.norms.items()
        sign = xp.ones_like(w) if region.nonneg else xp.where(w < 0, -xp.ones_like(w), xp.ones_like(w))
        return into_shell(xp, u, low, high, axes, direction=sign * spike(xp, score, axes))
    balls = [(axes, high) for axes, (_, high) in region.norms.items()]
    if len(balls) == 1 and not region.boxed:
        ((axes, radius),) = balls
        ball = project_l2_ball(u, radius, axes, s)
        if paid is u:
            return ball
        # Where the group penalty leaves the ball, the ball binds and the penalty is a constant on its surface.
        norm = root_sum_squares(xp, paid, axes)
        return into_ball(xp, xp.where(norm <= number(xp, radius, norm), paid, ball), radius, axes)
    _check_centre(region, w.shape)
    return intersection.nearest(xp, u, s, region.bounds, balls)


def without_zero(region: Region) -> bool:
    """Whether the bounds are known to leave 0 out somewhere; nothing is known of tracers."""
    low, high = region.bounds
    known = [isinstance(b, float | int | np.ndarray) for b in (low, high)]
    return (known[0] and bool(np.any(np.asarray(low) > 0))) or (known[1] and bool(np.any(np.asarray(high) < 0)))


def why_never(
    shrinkage: Callable[[tuple[int, ...]], Shrinkage | None],
    region: Callable[[tuple[int, ...]], Region | None],
) -> str | None:
    """`why_not` when no shape is known yet: None if there are arrays, of one to five axes, that `solve` fits."""
    reason = "one of them has no normal form"
    for rank in range(1, 6):
        try:
            penalty, place = shrinkage((2,) * rank), region((2,) * rank)
        except ValueError:  # an explicit axis that so few axes do not have
            continue
        if penalty is None or place is None:
            return reason
        found = why_not(penalty, place)
        if found is None:
            return None
        reason = found
    return reason


def _plus(a: Number | None, b: Number | None) -> Number | None:
    return b if a is None else a if b is None else a + b


def _numbers(shrinkage: Shrinkage, region: Region) -> list[Number | None]:
    bands = [bound for band in region.norms.values() for bound in band]
    return [shrinkage.l1, shrinkage.l2, *shrinkage.groups.values(), region.low, region.high, *bands]


def _check_centre(region: Region, shape: tuple[int, ...]) -> None:
    """Refuse plain-number bounds whose every point is outside a ball: its least norm is |clip(0)|·√size."""
    low, high = region.bounds
    if all(isinstance(b, float | int | None) for b in (low, high)):
        least = max(low or 0.0, -(high if high is not None else 0.0), 0.0)
        for axes, (_, radius) in region.norms.items():
            size = math.prod([shape[a] for a in axes])
            if isinstance(radius, float | int) and least * math.sqrt(size) > radius:
                raise ValueError(
                    f"No weights are feasible: {size} entries of size {least:g} or more have a norm of at least "
                    f"{least * math.sqrt(size):g}, above the largest norm allowed, {radius:g}. "
                    f"Widen the bounds, or raise the norm."
                )


def _pick(which: str, a: Number | None, b: Number | None) -> Number | None:
    if a is None or b is None:
        return a if b is None else b
    if isinstance(a, float | int) and isinstance(b, float | int):
        return max(a, b) if which == "maximum" else min(a, b)
    xp = namespace(a, b)
    return getattr(xp, which)(*(bound if is_torch(bound) else xp.asarray(bound) for bound in (a, b)))
