"""Any number of penalties and sets on the same weights, and how each combination is solved.

One file because the table, its proofs and its rules belong together.

A term is given as a `Part`. `why_not` gives the reason if there is no method for

    argmin_z  Σ R(z) + Σ (z − w)²/(2 step)   subject to z in every set

and `solve` solves it with the first rule that applies; every rule but the last is exact:

| parts | solution | why |
|---|---|---|
| normal forms (`combined`) | closed form, groups shrink last | proved there |
| one convex penalty of single entries, intervals | its prox, clipped | one dimension |
| a non-convex penalty of single entries, bounds that contain 0 | the best of few candidates | `bounded` |
| L2 and anything | w/(1+2·step·l2) in the step step/(1+2·step·l2) | completing the square |
| L1 and a set of weights ≥ 0 (Simplex, NonNeg & anything) | w − step·l1 | L1 is linear there |
| L1, L2, signs and zero patterns with even parts | those first, then the even parts | below |
| one part of order (TotalVariation, Monotone) and one interval for all entries | then clipped | Yu (2013), below |
| the same, L1 and L2 in one step | then shrunk, then clipped | Friedman et al. (2007), Yu (2013) |
| convex parts | `splitting`, to its tolerance | |

*Even* parts depend on |z| alone and do not fall as an entry grows: norms by groups, balls, sparse sets. Where u is
w shrunk by L1 and L2 and cut by signs, l1|z| + l2 z² + (z−w)²/(2s) ≥ (z−u)²/(2s') + constant, with equality where z
has u's sign or is 0. An even part's solution at u has u's signs and zeros, so it solves the whole. Convexity is not
needed.

A part of *order* cannot gain by any map that never turns the order of two entries: its subdifferential only grows.
Clipping, and shrinking by one step, are such maps; Yu, On decomposing the proximal map (2013), theorem 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from taut.functional import combined, eager, splitting
from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, number, real, shape_of, widen
from taut.functional.combined import Region, Shrinkage
from taut.functional.proximal import elastic_step

Solve = Callable[[Array, "Number | None"], Array]


@dataclass(frozen=True)
class Part:
    """A penalty or a set, for weights of one shape.

    Attributes:
        act: ``act(w, step)``, the proximal map or the projection with these step sizes.
        outside: for a set, how far a point is outside.
        form: the normal form, if there is one.
        convex: the penalty or the set is.
        separable: it acts on each entry separately.
        metric: ``act`` is exact with any step size per weight.
        steep: for a set, ``act`` is exact even where step sizes differ by more than the precision.
        even: see the module.
        cone: a set of signs and zeros, by entry.
        nonneg: a set whose weights are at least 0.
        ordered: see the module.
        within: ``within(w, step, low, high)``, the proximal map between bounds that contain 0.
        with_nonneg: gives the set where weights are at least 0 as well, if that is known.
    """

    act: Solve
    outside: Callable[[Array], Array] | None = None
    form: Shrinkage | Region | None = None
    convex: bool = True
    separable: bool = False
    metric: bool = True
    steep: bool = True
    even: bool = False
    cone: bool = False
    nonneg: bool = False
    ordered: bool = False
    within: Callable[[Array, Number, Number | None, Number | None], Array] | None = None
    with_nonneg: Callable[[], Part | None] = lambda: None


class Unknown(ValueError):
    """No rule fits; the message says what stands in the way."""


def why_not(parts: Sequence[Part]) -> str | None:
    """None if `solve` has a method, otherwise the reason why not."""
    try:
        _route(list(parts), one=False)
    except Unknown as reason:
        return str(reason)
    return None


def closed(parts: Sequence[Part]) -> bool:
    """Whether `solve` has a closed form for all step sizes, and needs no splitting."""
    return _closed(list(parts), one=False)


def why_never(parts: Callable[[tuple[int, ...]], Sequence[Part]]) -> str | None:
    """`why_not` when no shape is known yet: None if there are arrays, of one to five axes, that `solve` fits."""
    reason = None
    for rank in range(1, 6):
        try:
            reason = why_not(parts((2,) * rank))
        except ValueError:  # an explicit axis that so few axes do not have
            continue
        if reason is None:
            return None
    return reason


def solve(w: Array, step: Number | None, parts: Sequence[Part]) -> Array:
    """The minimiser of the formula in the module's docstring, in ``w``'s dtype, inside every set.

    Args:
        w: weights, any shape.
        step: a number or shaped like ``w``; None for the Euclidean projection onto the sets only. If a part is not
            exact with a step size per weight, the smallest step size is used for all.
        parts: at least one.

    Raises:
        Unknown: `why_not` has a reason.
    """
    if step is None:
        parts = [p for p in parts if p.outside is not None]
    elif len(parts) > 1 and not all(p.metric for p in parts):
        step = _smallest(w, step)
    return _route(list(parts), one=step is None or len(shape_of(step)) == 0)(w, step)


def bound(parts: Sequence[Part]) -> Solve:
    """`solve` for these parts, as a function ``(w, step) -> w`` whose rule is looked for once."""
    given = list(parts)
    shrinkage, region = _forms(given)
    if shrinkage is not None and combined.why_not(shrinkage, region) is None:
        return eager.ready(shrinkage if _acts(shrinkage) else None, region)
    sets = [p for p in given if p.outside is not None]
    by_entry = len(given) == 1 or all(p.metric for p in given)
    routes: dict[tuple[bool, bool], Solve] = {}

    def go(w: Array, step: Number | None) -> Array:
        if step is not None and not by_entry:
            step = _smallest(w, step)
        kind = step is None, step is None or len(shape_of(step)) == 0
        if kind not in routes:
            routes[kind] = _route(sets if step is None else given, one=kind[1])
        return routes[kind](w, step)

    return go


def _route(parts: list[Part], one: bool, splits: bool = True) -> Solve:
    """The way to solve ``parts``; ``one`` says that there is one step for all entries."""
    if not parts:
        return lambda w, step: w
    if len(parts) == 1:
        return parts[0].act
    parts = _signed(parts)
    penalties, sets = [p for p in parts if p.outside is None], [p for p in parts if p.outside is not None]
    shrinkage, region = _forms(parts)
    if shrinkage is not None and combined.why_not(shrinkage, region) is None:
        return lambda w, step: combined.solve(w, step, shrinkage if penalties else None, region)
    if all(s.separable for s in sets) and (not penalties or (len(penalties) == 1 and _single(penalties[0]))):
        return _in_turn([*penalties, *sets])
    for rule in (_bounded, _absorbed, _evenly, _orderly):
        found = rule(parts, penalties, sets, one, splits)
        if found is not None:
            return found
    if not all(p.convex for p in parts):
        reason = None if shrinkage is None else combined.why_not(shrinkage, region)
        raise Unknown(reason or "they make a problem that is not convex, and no closed form for it is known")
    if not splits:
        raise Unknown("only a splitting method is known")
    acts = _merged(parts, one)
    return acts[0] if len(acts) == 1 else _split(acts, sets)


def _closed(parts: list[Part], one: bool) -> bool:
    try:
        _route(parts, one, splits=False)
    except Unknown:
        return False
    return True


# --- rules ------------------------------------------------------------------------------------------------------------


def _bounded(parts: list[Part], penalties: list[Part], sets: list[Part], one: bool, splits: bool) -> Solve | None:
    """A penalty that is not convex, between bounds on its entries."""
    if len(penalties) != 1 or penalties[0].convex or not all(s.separable for s in sets):
        return None
    cones = [s for s in sets if s.cone]
    boxes = [s for s in sets if not s.cone]
    if not boxes:  # signs and zeros alone: `_evenly`
        return None
    if penalties[0].within is None or not all(isinstance(s.form, Region) for s in boxes):
        return None
    box = reduce(lambda a, b: a & b, [s.form for s in boxes if isinstance(s.form, Region)])
    if combined.without_zero(box):
        raise Unknown("a penalty that is not convex can only be combined with bounds that contain 0")
    within = penalties[0].within

    def go(w: Array, step: Number | None) -> Array:
        for s in cones:
            w = s.act(w, None)
        return within(w, step, *box.bounds)

    return go


def _absorbed(parts: list[Part], penalties: list[Part], sets: list[Part], one: bool, splits: bool) -> Solve | None:
    """L2, and L1 where no weight is negative, taken into the quadratic."""
    shrinkage = _total(penalties)
    positive = any(s.nonneg for s in sets)
    l1, l2 = shrinkage.l1 if positive else None, shrinkage.l2
    if l1 is None and l2 is None:
        return None
    if l2 is not None and len(shape_of(l2)) > 0 and not all(p.metric for p in parts):
        return None  # a strength for each entry would make a step for each entry
    left = replace(shrinkage, l1=None if positive else shrinkage.l1, l2=None)
    rest = _route([*_pieces(left), *_formless(penalties), *sets], one and len(shape_of(l2)) == 0, splits)

    def go(w: Array, step: Number | None) -> Array:
        xp = namespace(w, step, l1, l2)
        w = real(xp, w)
        x = widen(xp, w)
        s = number(xp, step, x)
        x = x if l1 is None else x - s * number(xp, l1, x)
        u, s = elastic_step(xp, x, s, None, l2)
        return rest(narrow(xp, u, w.dtype), s)

    return go


def _evenly(parts: list[Part], penalties: list[Part], sets: list[Part], one: bool, splits: bool) -> Solve | None:
    """L1, L2, signs and zeros first, where all the rest is even."""
    shrinkage, cones = _total(penalties), [s for s in sets if s.cone]
    groups = _pieces(Shrinkage(groups=shrinkage.groups))
    rest = [*groups, *_formless(penalties), *(s for s in sets if not s.cone)]
    if not all(p.even for p in rest) or (shrinkage.l1 is None and shrinkage.l2 is None and not cones):
        return None
    l2 = shrinkage.l2
    if l2 is not None and len(shape_of(l2)) > 0 and not all(p.metric for p in rest):
        return None
    one = one and len(shape_of(l2)) == 0
    after, closed = _route(rest, one, splits), _closed(rest, one)

    def go(w: Array, step: Number | None) -> Array:
        xp = namespace(w, step, shrinkage.l1, shrinkage.l2)
        w = real(xp, w)
        s = step
        if step is not None:
            x = widen(xp, w)
            u, s = elastic_step(xp, x, number(xp, step, x), shrinkage.l1, shrinkage.l2)
            w = narrow(xp, u, w.dtype)
        for c in cones:
            w = c.act(w, None)
        z = after(w, s)
        # A splitting's signs and zeros are right to its tolerance only; an even part loses nothing by these.
        return z if closed else xp.where((w == 0) | ((w > 0) != (z > 0)), xp.zeros_like(z), z)

    return go


def _orderly(parts: list[Part], penalties: list[Part], sets: list[Part], one: bool, splits: bool) -> Solve | None:
    """One part of order, then the same map for every entry."""
    first = [p for p in parts if p.ordered]
    rest = [p for p in parts if not p.ordered]
    if len(first) != 1 or not all(_same_for_all(p, one) for p in rest):
        return None
    shrinkage, region = _forms(rest)
    assert shrinkage is not None
    (lead,) = first

    def go(w: Array, step: Number | None) -> Array:
        return combined.solve(lead.act(w, step), step, shrinkage if _acts(shrinkage) else None, region)

    return go


def _same_for_all(part: Part, one: bool) -> bool:
    form = part.form
    if isinstance(form, Region):
        return not form.norms and all(b is None or len(shape_of(b)) == 0 for b in (form.low, form.high))
    if not isinstance(form, Shrinkage) or form.groups or not one:
        return False
    return all(v is None or len(shape_of(v)) == 0 for v in (form.l1, form.l2))


def _in_turn(parts: list[Part]) -> Solve:
    def go(w: Array, step: Number | None) -> Array:
        for p in parts:
            w = p.act(w, step)
        return w

    return go


# --- splitting --------------------------------------------------------------------------------------------------------


def _merged(parts: list[Part], one: bool) -> list[Solve]:
    """As few parts as closed forms allow, penalties first."""
    bins: list[list[Part]] = []
    for part in parts:
        held = next((b for b in bins if _closed([*b, part], one)), None)
        if held is None:
            bins.append([part])
        else:
            held.append(part)
    return [_route(held, one, splits=False) for held in bins]


def _split(acts: list[Solve], sets: list[Part]) -> Solve:
    def go(w: Array, step: Number | None) -> Array:
        xp = namespace(w, step)
        w = real(xp, w)
        if 0 in w.shape:
            return w
        z, dead = splitting.minimise(xp, w, step, acts)
        z = narrow(xp, z, w.dtype)
        if not sets:
            return z
        bounds = [splitting.Bound(s.act, s.metric and s.steep) for s in sets]
        return splitting.finish(xp, z, dead, bounds)

    return go


# --- what parts are made of -------------------------------------------------------------------------------------------


def _signed(parts: list[Part]) -> list[Part]:
    """NonNeg and UnitSum are the simplex."""
    if not any(_is_sign(p) for p in parts):
        return parts
    rest = [p for p in parts if not _is_sign(p)]
    known = [p.with_nonneg() for p in rest]
    return [a or b for a, b in zip(known, rest, strict=True)] if any(known) else parts


def _is_sign(part: Part) -> bool:
    form = part.form
    return isinstance(form, Region) and form.nonneg and not form.boxed and not form.norms


def _forms(parts: Sequence[Part]) -> tuple[Shrinkage | None, Region]:
    """The normal form of all parts together; None for the penalty if a part has none."""
    if any(p.form is None for p in parts):
        return None, Region()
    regions = [p.form for p in parts if isinstance(p.form, Region)]
    return _total(parts), reduce(lambda a, b: a & b, regions, Region())


def _total(parts: Sequence[Part]) -> Shrinkage:
    return reduce(lambda a, b: a + b, [p.form for p in parts if isinstance(p.form, Shrinkage)], Shrinkage())


def _formless(penalties: Sequence[Part]) -> list[Part]:
    return [p for p in penalties if p.form is None]


def _acts(shrinkage: Shrinkage) -> bool:
    return shrinkage.l1 is not None or shrinkage.l2 is not None or bool(shrinkage.groups)


def _pieces(shrinkage: Shrinkage) -> list[Part]:
    """A normal form as parts that have an exact method each: L1 with the first kind of groups, then the others."""
    forms = [Shrinkage(groups={axes: strength}) for axes, strength in shrinkage.groups.items()]
    if shrinkage.l1 is not None or shrinkage.l2 is not None:
        forms.insert(0, replace(shrinkage, groups={}))
    return [
        Part(
            lambda w, step, form=form: combined.solve(w, step, form, combined.ANYWHERE),
            form=form,
            even=True,
            separable=not form.groups,
        )
        for form in forms
    ]


def _single(part: Part) -> bool:
    return part.separable and part.convex


def _smallest(w: Array, step: Number) -> Number:
    """The smallest step of an entry that has one."""
    if len(shape_of(step)) == 0:
        return step
    xp: Namespace = namespace(w, step)
    x = widen(xp, real(xp, w))
    s: Any = number(xp, step, x)
    if 0 in s.shape:
        return step
    top = xp.max(s)
    return xp.min(xp.where(s > 0, s, top))
