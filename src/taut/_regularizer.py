"""The base of every regularizer, and what is built out of regularizers: sums, modes, plain functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import errors, identifiers
from taut._term import MEMBER, Term
from taut.functional import combined
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, shape_of
from taut.functional.combined import Shrinkage

MODES = ("gradient", "proximal", "decoupled")


class Regularizer(Term):
    """Adds a penalty on weights (or activities) to the loss.

    To write your own, subclass it as a frozen dataclass and define ``__call__``; if the penalty has an
    exact proximal map, define ``prox`` too and set ``has_prox = True``.

    Attributes:
        smooth: the penalty has no kink. One with a kink and a proximal map acts by proximal steps unless told.
        has_prox: an exact proximal map is known.
        convex: the penalty is convex.
        separable: the penalty is a sum over entries, so clipping after its prox is exact.
        decouples: it may act as AdamW-style decay.
    """

    kind: ClassVar[str] = "regularizer"
    smooth: ClassVar[bool] = True
    has_prox: ClassVar[bool] = False
    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = False
    decouples: ClassVar[bool] = False

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        """The penalty: a number, in ``w``'s dtype (float32 for half precision)."""
        raise NotImplementedError(f"{type(self).__name__} does not define its penalty, __call__(w).")

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        """argmin_z R(z) + Σ (z − w)²/(2·step), like ``w``; ``step`` is a number or shaped like ``w``."""
        parts = self.shrinkage(shape_of(w), fan_in)
        if parts is None:
            raise NotImplementedError(self.without_prox())
        return combined.solve(w, step, parts, combined.ANYWHERE)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        """The penalty in the normal form that combines with others, or None if it has none."""
        return None

    def without_prox(self) -> str:
        """Why there is no proximal map here, and the way out."""
        return (
            f"{type(self).__name__} has no exact proximal map. "
            f'Let it act by gradient instead: {type(self).__name__}(...).acting("gradient").'
        )

    def for_keras(self) -> Regularizer:
        """The regularizer that Keras would know this one as; itself if it has one of the same name."""
        return self

    def acting(self, mode: str) -> Acting:
        """This penalty in a mode of your choice: "gradient", "proximal" or "decoupled"."""
        return Acting(self, mode)

    def __add__(self, other: Any) -> Sum:
        if not callable(other):
            return NotImplemented
        return Sum((self, as_regularizer(other)))

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:  # sum([L1(), L2()]) starts at 0
            return self
        return Sum((as_regularizer(other), self)) if callable(other) else NotImplemented


@dataclass(frozen=True, eq=False)
class Acting(Term):
    """A regularizer together with the mode it acts in; what ``term.acting(mode)`` returns."""

    kind: ClassVar[str] = "regularizer"
    term: Regularizer = field(metadata=MEMBER)
    mode: str

    def validate(self) -> None:
        name = type(self.term).__name__
        if self.mode not in MODES:
            raise ValueError(errors.unknown("mode", str(self.mode), MODES))
        if self.mode == "proximal" and not self.term.has_prox:
            raise ValueError(self.term.without_prox())
        if self.mode == "decoupled" and not self.term.decouples:
            raise ValueError(
                f"{name} cannot act decoupled: only L2 is a decay. Use L2, or leave out the mode of {name}."
            )


@dataclass(frozen=True, eq=False, repr=False)
class Plain(Regularizer):
    """A function ``f(w)`` as a regularizer: differentiated with the loss. It cannot be saved.

    >>> import numpy as np
    >>> float(Plain(lambda w: abs(w).sum())(np.asarray([1.0, -2.0])))
    3.0
    """

    function: Callable[[Any], Any]
    convex: ClassVar[bool] = False

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return self.function(w)

    def __repr__(self) -> str:  # by name: an address would differ between runs
        return f"Plain({errors.function_name(self.function)})"

    def get_config(self) -> dict[str, Any]:
        raise TypeError(errors.unsaved("regularizer", self.function))


@dataclass(frozen=True, eq=False)
class Sum(Regularizer):
    """Several penalties added up, acting as one: ``L1(1e-3) + L2(1e-2)``.

    Its proximal map is exact for any number of L1, L2 and L1L2, with group lassos over the same groups
    beside them. Other sums have a value and a gradient; asked for a prox they say why there is none.

    >>> from taut.regularizers import L1, L2
    >>> L1(1e-3) + L2(1e-2)
    Sum(terms=(L1(l1=0.001), L2(l2=0.01)))
    """

    terms: tuple[Regularizer, ...] = field(metadata=MEMBER)

    def validate(self) -> None:
        flat: list[Regularizer] = []
        for term in self.terms:
            if isinstance(term, Acting):
                raise TypeError(
                    f"A sum acts in one mode: write (a + b).acting({term.mode!r}) rather than "
                    f"a.acting({term.mode!r}) + b."
                )
            flat += term.terms if isinstance(term, Sum) else [as_regularizer(term)]
        object.__setattr__(self, "terms", tuple(flat))

    @property
    def smooth(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.smooth for t in self.terms)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.convex for t in self.terms)

    @property
    def separable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.separable for t in self.terms)

    @property
    def has_prox(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return combined.why_never(lambda shape: self.shrinkage(shape, None), lambda _: combined.ANYWHERE) is None

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sum(t(w, fan_in=fan_in) for t in self.terms)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        total = Shrinkage()
        for term in self.terms:
            part = term.shrinkage(shape, fan_in)
            if part is None:
                return None
            total = total + part
        return total

    def for_keras(self) -> Regularizer:
        parts = self.shrinkage((2, 2), None)
        if parts is None or parts.groups:
            return self
        return identifiers.make("regularizer", "L1L2", l1=parts.l1 or 0.0, l2=parts.l2 or 0.0)

    def without_prox(self) -> str:
        names = " + ".join(f"{type(t).__name__}(...)" for t in self.terms)
        return (
            f"No exact proximal map is known for the sum {names} (known: L1, L2 and L1L2 in any number, with "
            f"GroupLasso over one kind of groups). Let the sum act by gradient: "
            f'({names}).acting("gradient"), or put the terms on different weights.'
        )


def as_regularizer(term: Any) -> Regularizer:
    """A regularizer as it is, or a plain function wrapped as one."""
    if isinstance(term, Regularizer):
        return term
    if callable(term) and not isinstance(term, type):
        return Plain(term)
    raise TypeError(
        f"Expected a regularizer or a function of the weights, got {errors.shown(term)}. "
        f"For example taut.regularizers.L1(0.01)."
    )
