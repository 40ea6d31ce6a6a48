"""The base of every constraint, and what is built out of constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import errors, identifiers
from taut._own_terms import by_fields
from taut._term import MEMBER, Term, unchecked
from taut.functional import together
from taut.functional._axes import Axes
from taut.functional._control import constant
from taut.functional._dtype import Array, Number, namespace, readable, real, shape_of, widen
from taut.functional.combined import Region
from taut.functional.splitting import tolerance
from taut.functional.together import Part


class Constraint(Term):
    """Keeps weights inside a set: calling it gives the nearest point of the set.

    To write your own, subclass it and define ``__call__(self, w)``, the nearest point of the set, and ``get_config``; or
    subclass it as a frozen dataclass, whose fields are its config. It may take ``fan_in=`` (the axes of one unit) and
    ``step=``, and define ``violation``. Without ``step`` its projection is Euclidean. `Constraint` itself is the whole
    space.

    In an intersection, or beside a penalty that acts by proximal steps, the set of a class that is no dataclass and does
    not declare ``convex`` is taken for convex, and its ``__call__`` for the projection onto it.

    Attributes:
        convex: the set is convex, so projecting in the optimizer's metric converges to the optimum.
        separable: the set bounds each entry on its own, so the metric does not matter.
        metric: the projection is exact in every per-entry metric; if not, it is always Euclidean.
        steep: it is so where steps differ by more than the precision, too.
        around_zero: a ball whose projection leaves zeros alone, so that some weights may be left out of it.
        cone: each entry is bounded by 0 or held at 0, or is free.
        after_cone: the set is told by magnitudes alone and holds every point of smaller ones, so that cones, L1 and L2
            may come first.
        nonneg: no weight of the set is negative.
        ordered: mapping all weights in a way that keeps their order leaves the set, so that clipping may come last.
    """

    kind: ClassVar[str] = "constraint"
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = False
    metric: ClassVar[bool] = True
    steep: ClassVar[bool] = True
    around_zero: ClassVar[bool] = False
    cone: ClassVar[bool] = False
    after_cone: ClassVar[bool] = False
    nonneg: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        """The nearest feasible point; with ``step`` (a number or shaped like ``w``) nearest in that metric."""
        if type(self) is not Constraint and type(self).__call__ is Constraint.__call__:
            raise NotImplementedError(f"{type(self).__name__} does not define its projection, __call__(w).")
        return w

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        """By how much the worst unit or entry is outside; 0.0 when ``w`` is feasible."""
        xp = namespace(w)
        x = real(xp, w)
        return xp.max(xp.abs(widen(xp, self(x, fan_in=fan_in)) - widen(xp, x)))

    def for_keras(self) -> Constraint:
        """The constraint that Keras would know this one as; itself if it has one of the same name."""
        return self

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        """The set in the normal form that combines with others, or None if it has none."""
        return Region() if type(self) is Constraint else None

    def parts(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[Part, ...]:
        """What the set is made of, for weights of this shape, as `taut.functional.together` takes it."""
        if type(self) is Constraint:  # the whole space
            return ()

        def with_nonneg() -> Part | None:
            whole = self.with_nonneg()
            return None if whole is None or whole is self else whole.parts(shape, fan_in)[0]

        project = unchecked(self.__call__)
        return (
            Part(
                lambda w, step: project(w, step=step, fan_in=fan_in),
                outside=lambda w: self.violation(w, fan_in=fan_in),
                form=self.region(shape, fan_in),
                convex=self.convex or self._undeclared,
                separable=self.separable,
                metric=self.metric,
                steep=self.steep,
                even=self.after_cone,
                cone=self.cone,
                nonneg=self.nonneg,
                ordered=self.ordered,
                with_nonneg=with_nonneg,
            ),
        )

    @property
    def _undeclared(self) -> bool:
        """Whether nothing was said of the set: a class of a user's own, written in Keras's way (docs/decisions/075)."""
        own = not by_fields(type(self)) and type(self) is not Constraint
        return own and not any("convex" in vars(c) for c in type(self).__mro__ if c is not Constraint)

    def with_nonneg(self) -> Constraint | None:
        """This set where every weight is at least 0, if that is a set of its own."""
        return None

    def __and__(self, other: Any) -> Any:
        if not callable(other):
            return NotImplemented
        return Intersection((self, as_constraint(other)))

    def __rand__(self, other: Any) -> Any:
        return Intersection((as_constraint(other), self)) if callable(other) else NotImplemented


TOUCHING = 8
"""How far outside sets that only touch may leave a point, in a splitting's tolerances."""


@dataclass(frozen=True, eq=False, repr=False)
class Plain(Constraint):
    """A function ``f(w)`` as a constraint: applied as it is after each step. It cannot be saved.

    Nothing is known of its set, so its step is Euclidean and ``violation`` measures how far f moves ``w``.
    """

    function: Callable[[Any], Any]

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return self.function(w)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        x = real(xp, w)
        return xp.max(xp.abs(widen(xp, self.function(x)) - widen(xp, x)))

    def __repr__(self) -> str:  # by name: an address would differ between runs
        return f"Plain({errors.function_name(self.function)})"

    def get_config(self) -> dict[str, Any]:
        raise TypeError(errors.unsaved("constraint", self.function))


@dataclass(frozen=True, eq=False)
class Intersection(Constraint):
    """Several constraints at once: ``NonNeg() & MaxNorm(2.0)``, or a list of them.

    The projection is the nearest point of the common set, which "one after the other" is not in general. The table
    in `taut.functional.together` says where it has a closed form. Several MaxNorms over different axes are solved in
    turns, to rounding, and the result moved inside. Other convex sets are taken together by a splitting, to its
    tolerance (`taut.functional.splitting`), and the result moved inside every set: where they have room in common the
    bounds hold exactly, where they only touch to that tolerance. The derivative of what is solved in turns or by a
    splitting is not exact: do not differentiate through it. Sets that are not convex have few partners (NonNeg
    with UnitNorm or MinMaxNorm, signs and zero patterns with TopK or NM) and are refused by name with others.

    Raises:
        ValueError: no projection is known, or the sets have no common point (told of weights that can be looked at, and when
            a plan is bound).

    >>> import numpy as np
    >>> from taut.constraints import NonNeg, UnitNorm
    >>> (NonNeg() & UnitNorm())(np.asarray([[3.0, -1.0], [-4.0, -2.0]]))
    array([[1., 1.],
           [0., 0.]])
    """

    terms: tuple[Constraint, ...] = field(metadata=MEMBER)

    def validate(self) -> None:
        flat: list[Constraint] = []
        for term in self.terms:
            flat += term.terms if isinstance(term, Intersection) else [as_constraint(term)]
        object.__setattr__(self, "terms", tuple(flat))
        if not flat:
            raise ValueError("An intersection of no constraints bounds nothing. Use None for no constraint.")
        names = errors.words(self)
        reason = together.why_never(lambda shape: self.parts(shape, None))
        if reason is not None:
            raise ValueError(
                f"No projection onto {names} is known: {reason}. One after the other is wrong in general. Convex sets "
                f"go together in any number; of the others, NonNeg goes with one of UnitNorm or MinMaxNorm (rate 1), "
                f"and signs and zero patterns with TopK or NM."
            )
        self._refuse_contradictions(names)

    def _refuse_contradictions(self, names: str) -> None:
        for rank in range(1, 6):
            try:
                region = self.region((2,) * rank, None)
            except ValueError:  # an explicit axis that so few axes do not have
                continue
            for low, high in (region.bounds, *region.norms.values()) if region is not None else ():
                if errors.above(low, high):
                    raise ValueError(
                        f"{names} have no common point: entries or norms would have to be at least "
                        f"{errors.shown(low)} and at most {errors.shown(high)}. Widen one of them."
                    )
            return

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.convex for t in self.terms)

    @property
    def separable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.separable for t in self.terms)

    @property
    def metric(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.metric for t in self.terms)

    @property
    def nonneg(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return any(t.nonneg for t in self.terms)

    @property
    def after_cone(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.after_cone for t in self.terms)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        shape = shape_of(w)
        parts = self.parts(shape, fan_in)
        # Where the projection is Euclidean, it is so for all the sets together.
        z = together.solve(w, step if self.metric else None, parts)
        if self.region(shape, fan_in) is None:
            xp = namespace(w)
            w = real(xp, w)
            kept = xp.all(xp.stack([xp.all(p.act(w, None) == w) for p in parts]))  # by each set's own measure
            z = xp.where(kept, w, z)
        self.refuse_outside(z, fan_in)
        return z

    def refuse_outside(self, z: Array, fan_in: Axes) -> None:
        """Refuse sets that a point which should be in all of them, as far as it can be looked at, shows to have none.

        Raises:
            ValueError: it is outside by more than sets that only touch may leave it (`splitting.tolerance`).
        """
        if not readable(z) or 0 in z.shape:
            return
        z = constant(z)
        xp = namespace(z)
        touching = 0.0 if self.separable else TOUCHING * tolerance(z.dtype) * (1 + float(xp.max(xp.abs(z))))
        off = float(self.violation(z, fan_in=fan_in))
        if off > touching:
            raise ValueError(
                f"{errors.words(self)} cannot all hold for weights of shape {shape_of(z)}: the nearest point found is "
                f"outside one of them by {off:.2g}. They have no common point, or touch in next to none. Loosen one of them."
            )

    def parts(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[Part, ...]:
        return tuple(part for t in self.terms for part in t.parts(shape, fan_in))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        return xp.max(xp.stack([t.violation(w, fan_in=fan_in) for t in self.terms]))

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        whole = Region()
        for term in self.terms:
            part = term.region(shape, fan_in)
            if part is None:
                return None
            whole = whole & part
        return whole


def as_constraint(term: Any) -> Constraint:
    """A constraint as it is, a list of them as one, or a plain function wrapped as one."""
    if isinstance(term, Constraint):
        return term
    if isinstance(term, list | tuple):
        return as_constraint(term[0]) if len(term) == 1 else Intersection(tuple(term))
    known = identifiers.from_keras(term)
    if isinstance(known, Constraint):
        return known
    if known is not None:
        raise TypeError(f"Expected a constraint, got {errors.words(known)}, which is a {known.kind}.")
    if callable(term) and not isinstance(term, type):
        return Plain(term)
    raise TypeError(
        f"Expected a constraint, a list of constraints or a function of the weights, got "
        f"{errors.shown(term)}. For example taut.constraints.NonNeg()."
    )
