"""The base of every constraint, and what is built out of constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from taut import errors
from taut._term import Term, member
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, namespace, real, widen
from taut.functional.combined import Region


class Constraint(Term):
    """Keeps weights inside a set: calling it gives the nearest point of the set.

    To write your own, subclass it as a frozen dataclass and define ``__call__`` and ``violation``.

    Attributes:
        convex: the set is convex, so projecting in the optimizer's metric converges to the optimum.
        separable: the set bounds each entry on its own, so the metric does not matter.
    """

    kind: ClassVar[str] = "constraint"
    convex: ClassVar[bool] | Any = False
    separable: ClassVar[bool] | Any = False

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        """The nearest feasible point; with ``step`` (a number or shaped like ``w``) nearest in that metric."""
        raise NotImplementedError(f"{type(self).__name__} does not define its projection, __call__(w).")

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        """By how much the worst unit or entry is outside; 0.0 when ``w`` is feasible."""
        raise NotImplementedError(f"{type(self).__name__} does not define violation(w).")

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        """The set in the normal form that combines with others, or None if it has none."""
        return None

    def __and__(self, other: Any) -> Any:
        if not callable(other):
            return NotImplemented
        return Intersection((self, other))


@dataclass(frozen=True, eq=False)
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

    def get_config(self) -> dict[str, Any]:
        raise TypeError(errors.unsaved("constraint", self.function))


@dataclass(frozen=True, eq=False)
class Intersection(Constraint):
    """Several constraints at once: ``NonNeg() & MaxNorm(2.0)``, or a list of them."""

    terms: tuple[Constraint, ...] = member()

    def validate(self) -> None:
        flat: list[Constraint] = []
        for term in self.terms:
            flat += term.terms if isinstance(term, Intersection) else [as_constraint(term)]
        object.__setattr__(self, "terms", tuple(flat))

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.convex for t in self.terms)

    @property
    def separable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.separable for t in self.terms)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        if not self.separable:
            raise NotImplementedError(f"{self} has no known projection.")
        for term in self.terms:
            w = term(w, fan_in=fan_in)
        return w

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        worst = [t.violation(w, fan_in=fan_in) for t in self.terms]
        return xp.max(xp.stack(worst))


def as_constraint(term: Any) -> Constraint:
    """A constraint as it is, a list of them as one, or a plain function wrapped as one."""
    if isinstance(term, Constraint):
        return term
    if isinstance(term, (list, tuple)):
        return Intersection(tuple(term))
    if callable(term) and not isinstance(term, type):
        return Plain(term)
    raise TypeError(
        f"Expected a constraint, a list of constraints or a function of the weights, got "
        f"{errors.shown(term)}. For example taut.constraints.NonNeg()."
    )
