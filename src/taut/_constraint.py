"""The base class of all constraints, and constraints built from others."""

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
    """Keeps weights inside a set: calling it returns the nearest point of the set.

    To write your own, subclass it and define ``__call__(self, w)``, the nearest point of the set, and ``get_config``; or
    subclass it as a frozen dataclass, whose fields are its config. It may take ``fan_in=`` (the axes of one unit) and
    ``step=``, and define ``violation``. Without ``step`` its projection is Euclidean. `Constraint` itself does not
    restrict the weights.

    In an intersection, or together with a penalty that uses proximal steps, the set of a class that is not a dataclass
    and does not declare ``convex`` is assumed to be convex, and its ``__call__`` to be the projection onto it.

    Attributes:
        convex: the set is convex, so projecting in the optimizer's scaling converges to the optimum.
        separable: the set bounds each weight on its own, so the scaling does not matter.
        metric: the projection is exact with a step size for each weight; if not, it is always Euclidean.
        steep: it is exact even where step sizes differ by more than the precision.
        around_zero: a ball whose projection does not change zeros, so that it may be applied to some of the weights
            only.
        cone: each weight is bounded by 0, held at 0, or free.
        after_cone: the set depends on absolute values only and contains every point with smaller ones, so that cones,
            L1 and L2 may be applied first.
        nonneg: no weight of the set is negative.
        ordered: a map that keeps the order of all weights stays inside the set, so that clipping may be applied last.
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
        """The nearest feasible point; with ``step`` (a number or shaped like ``w``) nearest in that scaling."""
        if type(self) is not Constraint and type(self).__call__ is Constraint.__call__:
            raise NotImplementedError(f"{type(self).__name__} does not define its projection, __call__(w).")
        return w

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        """How far the worst unit or weight is outside the set; 0.0 when ``w`` is feasible."""
        xp = namespace(w)
        x = real(xp, w)
        return xp.max(xp.abs(widen(xp, self(x, fan_in=fan_in)) - widen(xp, x)))

    def for_keras(self) -> Constraint:
        """The corresponding Keras constraint as a taut term; itself if Keras has one of the same name."""
        return self

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        """The set in the normal form that combines with others, or None if it has none."""
        return Region() if type(self) is Constraint else None

    def parts(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[Part, ...]:
        """The parts of the set for weights of this shape, in the form of `taut.functional.together`."""
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
        """Whether the class declares nothing about its set, like a class written for Keras (docs/decisions/075)."""
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
"""How far outside a point may be where sets only touch, as a multiple of the splitting's tolerance."""


@dataclass(frozen=True, eq=False, repr=False)
class Plain(Constraint):
    """A function ``f(w)`` as a constraint: applied as it is after each step. It cannot be saved.

    The set is not known to taut, so the projection is Euclidean and ``violation`` measures how far f moves ``w``.
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

    The projection is the nearest point of the intersection; applying the projections one after the other does not give
    that point in general. The table in `taut.functional.together` lists the closed forms. Several MaxNorms over
    different axes are solved by iteration, to rounding. Other convex sets are solved by a splitting method, to its
    tolerance (`taut.functional.splitting`). In both cases the result is then moved inside every set: bounds hold
    exactly where the intersection has interior points, and to that tolerance where the sets only touch. The derivative
    of an iterative solution is not exact: do not differentiate through it. Sets that are not convex can be combined in
    a few ways only (NonNeg with UnitNorm or MinMaxNorm, signs and zero patterns with TopK or NM); other combinations
    raise an error.

    Raises:
        ValueError: no projection is known, or the constraints cannot all hold (checked for weights whose values can be
            read, and when a plan is bound).

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
            raise ValueError("An intersection needs at least one constraint. Use None for no constraint.")
        names = errors.words(self)
        reason = together.why_never(lambda shape: self.parts(shape, None))
        if reason is not None:
            raise ValueError(
                f"No projection onto {names} is known: {reason}. Applying them one after the other is wrong in "
                "general. Any number of convex sets can be combined; of the others, NonNeg can be combined with "
                "UnitNorm or MinMaxNorm (rate 1), and signs and zero patterns with TopK or NM."
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
                        f"{names} cannot all hold: weights or norms would have to be at least "
                        f"{errors.shown(low)} and at most {errors.shown(high)}. Loosen one of them."
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
        # If one projection is Euclidean, all sets are projected onto together with the Euclidean distance.
        z = together.solve(w, step if self.metric else None, parts)
        if self.region(shape, fan_in) is None:
            xp = namespace(w)
            w = real(xp, w)
            kept = xp.all(xp.stack([xp.all(p.act(w, None) == w) for p in parts]))  # by each set's own measure
            z = xp.where(kept, w, z)
        self.refuse_outside(z, fan_in)
        return z

    def refuse_outside(self, z: Array, fan_in: Axes) -> None:
        """Raise if ``z``, which should be in all sets, is outside one of them; only for values that can be read.

        Raises:
            ValueError: it is outside by more than is allowed where sets only touch (`splitting.tolerance`).
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
                f"outside one of them by {off:.2g}. Loosen one of them."
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
