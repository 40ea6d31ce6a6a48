"""One penalty and one feasible set on the same weights, solved together.

Regularizers that combine are written as a `Shrinkage`, constraints as a `Region`; `solve` is then

    argmin_z  Σ l1|z| + l2 z² + Σ_g strength·‖z_g‖ + Σ (z − w)²/(2 step)   subject to z in the region

and the table in `why_not` says which combinations have an exact method here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from taut.functional._dtype import Array, Number, namespace, narrow, number, real, widen
from taut.functional.projections import project_box
from taut.functional.proximal import elastic_step, group_shrink


@dataclass(frozen=True)
class Shrinkage:
    """Σ l1|z| + l2 z² + for each (axes, strength) of ``groups``: strength·Σ‖z_g‖, a group spanning ``axes``."""

    l1: Number = 0.0
    l2: Number = 0.0
    groups: dict[tuple[int, ...], Number] = field(default_factory=dict)

    def __add__(self, other: Shrinkage) -> Shrinkage:
        groups = dict(self.groups)
        for axes, strength in other.groups.items():
            groups[axes] = groups[axes] + strength if axes in groups else strength
        return Shrinkage(self.l1 + other.l1, self.l2 + other.l2, groups)


@dataclass(frozen=True)
class Region:
    """low ≤ z ≤ high, and for each (axes, low, high) of ``norms`` a band for the norms over ``axes``."""

    low: Number | None = None
    high: Number | None = None
    norms: dict[tuple[int, ...], tuple[Number | None, Number]] = field(default_factory=dict)


NOTHING = Shrinkage()
ANYWHERE = Region()


def why_not(shrinkage: Shrinkage, region: Region) -> str | None:
    """None if `solve` is exact for this pair; otherwise what stands in the way."""
    if len(shrinkage.groups) > 1:
        return "two different kinds of groups overlap"
    if shrinkage.groups and (region.low is not None or region.high is not None):
        return "bounds on entries and a group penalty have no closed form together"
    return None


def solve(w: Array, step: Number, shrinkage: Shrinkage, region: Region) -> Array:
    """The minimiser in the module's formula, in ``w``'s dtype."""
    xp = namespace(w, step, shrinkage.l1, shrinkage.l2, *shrinkage.groups.values())
    w = real(xp, w)
    x = widen(xp, w)
    u, s = elastic_step(xp, x, number(xp, step, x), shrinkage.l1, shrinkage.l2)
    for axes, strength in shrinkage.groups.items():
        u = group_shrink(xp, u, s, number(xp, strength, x), axes)
    return project_box(narrow(xp, u, w.dtype), region.low, region.high)
