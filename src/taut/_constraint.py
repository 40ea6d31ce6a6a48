"""The base of every constraint, and what is built out of constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from taut import errors
from taut._term import MEMBER, Term
from taut.functional import combined
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, namespace, real, shape_of, widen
from taut.functional.combined import Region


class Constraint(Term):
    """Keeps weights inside a set: calling it gives the nearest point of the set.

    To write your own, subclass it as a frozen dataclass and define ``__call__`` and ``violation``.

    Attributes:
        convex: the set is convex, so projecting in the optimizer's metric converges to the optimum.
        separable: the set bounds each entry on its own, so the metric does not matter.
        metric: the projection is exact in every per-entry metric; if not, it is always Euclidean.
        around_zero: a ball whose projection leaves zeros alone, so that some weights may be left out of it.
        cone: each entry is bounded by 0 or held at 0, or is free.
        after_cone: together with a cone, the projection is that of the point's projection onto the cone.
    """

    kind: ClassVar[str] = "constraint"
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = False
    metric: ClassVar[bool] = True
    around_zero: ClassVar[bool] = False
    cone: ClassVar[bool] = False
    after_cone: ClassVar[bool] = False

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        """The nearest feasible point; with ``step`` (a number or shaped like ``w``) nearest in that metric."""
        raise NotImplementedError(f"{type(self).__name__} does not define its projection, __call__(w).")

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        """By how much the worst unit or entry is outside; 0.0 when ``w`` is feasible."""
        raise NotImplementedError(f"{type(self).__name__} does not define violation(w).")

    def for_keras(self) -> Constraint:
        """The constraint that Keras would know this one as; itself if it has one of the same name."""
        return self

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        """The set in the normal form that combines with others, or None if it has none."""
        return None

    def with_nonneg(self) -> Constraint | None:
        """This set where every weight is at least 0, if that is a set of its own."""
        return None

    def __and__(self, other: Any) -> Any:
        if not callable(other):
            return NotImplemented
        return Intersection((self, as_constraint(other)))


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

    The projection is the nearest point of the common set, which "one after the other" is not in general.
    Exact for NonNeg, Box and one MaxNorm together and for NonNeg with UnitNorm or MinMaxNorm (a unit with no
    positive entry keeps only its largest); several MaxNorms over different axes are solved in turns,
    to rounding, and the result moved inside. Sets without a normal form have a projection together when
    all bound single entries, and when signs and zero patterns (NonNeg, Triangular, ...) meet one of L1Ball,
    GroupL1Ball, TopK or NM; NonNeg with UnitSum is Simplex. Other sets are refused by name.

    Raises:
        ValueError: no projection is known, or the sets have no common point.

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
        names = " & ".join(f"{type(t).__name__}(...)" for t in flat)
        if not flat:
            raise ValueError("An intersection of no constraints bounds nothing. Use None for no constraint.")
        reason = combined.why_never(lambda _: combined.NOTHING, lambda shape: self.region(shape, None))
        if reason is not None and self._in_turn() is not None:
            return
        if reason is not None:
            raise ValueError(
                f"No projection onto {names} is known: {reason}. One after the other is wrong in general. "
                f"Known: NonNeg, Box and MaxNorm together; NonNeg with one of UnitNorm, MinMaxNorm (rate 1) or "
                f"UnitSum; signs and zero patterns with one of L1Ball, GroupL1Ball, TopK or NM; entrywise sets."
            )
        self._refuse_contradictions(names)

    def _refuse_contradictions(self, names: str) -> None:
        for rank in range(1, 6):
            try:
                region = self.region((2,) * rank, None)
            except ValueError:  # an explicit axis that so few axes do not have
                continue
            assert region is not None
            for low, high in (region.bounds, *region.norms.values()):
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

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        region = self.region(shape_of(w), fan_in)
        if region is not None:
            return combined.solve(w, step, None, region)
        turns = self._in_turn()
        assert turns is not None  # checked in the constructor
        z = w
        for term in turns:
            z = term(z, step=step, fan_in=fan_in)
        if isinstance(z, np.ndarray) and self.separable and float(self.violation(z, fan_in=fan_in)) > 0:
            raise ValueError(
                f"{' & '.join(f'{type(t).__name__}(...)' for t in self.terms)} have no common point: an entry would have "
                f"to be at two places. Widen one of them."
            )
        return z

    def _in_turn(self) -> list[Constraint] | None:
        """The terms in an order in which one projection after the other *is* the projection onto all, if there is one.

        Intervals, entry by entry: clipping to one and then to another is clipping to both, where they meet. A cone
        of half-lines and then a ball around zero (or the largest entries): the ball's multiplier only divides or
        lowers what the cone has left, and a zero stays one.
        """
        terms = list(self.terms)
        signs = [t for t in terms if t.cone] if len(terms) == 2 else []
        nonneg = [t for t in signs if t.region((2,), None) == Region(nonneg=True)]
        if len(nonneg) == 1:
            terms.remove(nonneg[0])
            whole = terms[0].with_nonneg()
            if whole is not None:
                return [whole]
            terms = list(self.terms)
        rest = [t for t in terms if not t.cone]
        if all(t.separable for t in terms):
            return terms
        if len(rest) == 1 and rest[0].after_cone:
            return [*(t for t in terms if t.cone), *rest]
        return None

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
    if callable(term) and not isinstance(term, type):
        return Plain(term)
    raise TypeError(
        f"Expected a constraint, a list of constraints or a function of the weights, got "
        f"{errors.shown(term)}. For example taut.constraints.NonNeg()."
    )
