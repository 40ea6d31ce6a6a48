"""The base class of all regularizers, and regularizers built from others: sums, modes, plain functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import errors, identifiers
from taut._own_terms import total
from taut._term import MEMBER, Term, unchecked
from taut.functional import combined, together
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, shape_of
from taut.functional.combined import Shrinkage
from taut.functional.together import Part

MODES = ("gradient", "proximal", "decoupled")


class Regularizer(Term):
    """Adds a penalty on weights (or activities) to the loss.

    To write your own, subclass it and define ``__call__(self, w)`` and ``get_config``; or subclass it as a frozen
    dataclass, whose fields are its config. ``__call__`` may take ``fan_in=``, the axes of one unit. It returns a
    number, or an array, which is summed. If the penalty has an exact proximal map, define ``prox`` too and set
    ``has_prox = True``. The penalty of `Regularizer` itself is 0.

    Attributes:
        smooth: the penalty is differentiable everywhere. One that is not, and that has a proximal map, uses proximal
            steps unless another mode is set.
        has_prox: an exact proximal map is known.
        convex: the penalty is convex.
        separable: the penalty is a sum over single weights, so clipping after its prox is exact.
        metric: "entry" if the proximal map is exact with a step size for each weight, "group" if it needs one step
            size per group.
        even: it depends on |w| only and does not decrease as a weight grows, so that L1, L2 and sign constraints may be
            applied first.
        ordered: a map that keeps the order of all entries does not increase it, so that clipping may be applied last.
        decouples: the mode "decoupled" (weight decay as in AdamW) is available.
    """

    kind: ClassVar[str] = "regularizer"
    smooth: ClassVar[bool] = True
    has_prox: ClassVar[bool] = False
    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = False
    metric: ClassVar[str] = "entry"
    even: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    decouples: ClassVar[bool] = False

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        """The penalty: a number, in ``w``'s dtype (float32 for half precision)."""
        if type(self) is not Regularizer and type(self).__call__ is Regularizer.__call__:
            raise NotImplementedError(f"{type(self).__name__} does not define its penalty, __call__(w).")
        return 0.0

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        """argmin_z R(z) + Σ (z − w)²/(2·step), shaped like ``w``; ``step`` is a number or shaped like ``w``."""
        parts = self.shrinkage(shape_of(w), fan_in)
        if parts is None:
            raise NotImplementedError(self.without_prox())
        return combined.solve(w, step, parts, combined.ANYWHERE)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        """The penalty in the normal form that combines with others, or None if it has none."""
        return None

    def parts(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[Part, ...]:
        """The parts of the penalty for weights of this shape, in the form of `taut.functional.together`."""
        prox = unchecked(self.prox)
        return (
            Part(
                lambda w, step: prox(w, step, fan_in=fan_in),
                form=self.shrinkage(shape, fan_in),
                convex=self.convex,
                separable=self.separable,
                metric=self.metric == "entry",
                even=self.even,
                ordered=self.ordered,
                within=getattr(self, "prox_within", None),
            ),
        )

    def without_prox(self) -> str:
        """The error for a missing proximal map, with what to do instead."""
        return (
            f"{type(self).__name__} has no exact proximal map. "
            f'Differentiate it with the loss instead: {type(self).__name__}(...).acting("gradient").'
        )

    def for_keras(self) -> Regularizer:
        """The corresponding Keras regularizer as a taut term; itself if Keras has one of the same name."""
        return self

    def acting(self, mode: str) -> Acting:
        """This penalty in the given mode: "gradient", "proximal" or "decoupled"."""
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
    """A regularizer together with its mode: the result of ``term.acting(mode)``."""

    kind: ClassVar[str] = "regularizer"
    term: Regularizer = field(metadata=MEMBER)
    mode: str

    def validate(self) -> None:
        object.__setattr__(self, "term", as_regularizer(self.term))
        name = type(self.term).__name__
        if self.mode not in MODES:
            raise ValueError(errors.unknown("mode", str(self.mode), MODES))
        if self.mode == "proximal" and not self.term.has_prox:
            raise ValueError(self.term.without_prox())
        if self.mode == "decoupled" and not self.term.decouples:
            raise ValueError(
                f'mode "decoupled" is only available for L2, not for {name}. Use L2, or leave out the mode of {name}.'
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
        return total(self.function(w))

    def __repr__(self) -> str:  # by name: an address would differ between runs
        return f"Plain({errors.function_name(self.function)})"

    def get_config(self) -> dict[str, Any]:
        raise TypeError(errors.unsaved("regularizer", self.function))


@dataclass(frozen=True, eq=False)
class Sum(Regularizer):
    """Several penalties added up, used as one: ``L1(1e-3) + L2(1e-2)``.

    The proximal map is exact for any number of L1, L2 and L1L2 terms plus one more penalty that depends on absolute
    values only (group lasso, OrderedL1, MCP, ...). The proximal map of other convex penalties is computed by a
    splitting method, to its tolerance (`taut.functional.splitting`): zeros are exactly 0.0 there too, but the
    derivative of that map is not exact. A sum that contains a penalty without a proximal map has a value and a
    gradient; its ``prox`` raises an error that says why.

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
    def metric(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "entry" if all(t.metric == "entry" for t in self.terms) else "group"

    @property
    def even(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.even for t in self.terms)

    @property
    def has_prox(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(t.has_prox for t in self.terms) and self._in_the_way() is None

    def _in_the_way(self) -> str | None:
        return together.why_never(lambda shape: self.parts(shape, None))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sum(t(w, fan_in=fan_in) for t in self.terms)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        if not all(t.has_prox for t in self.terms):
            raise NotImplementedError(self.without_prox())
        try:
            return together.solve(w, step, self.parts(shape_of(w), fan_in))
        except together.Unknown:
            raise NotImplementedError(self.without_prox()) from None

    def parts(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[Part, ...]:
        return tuple(part for t in self.terms for part in t.parts(shape, fan_in))

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
        lacking = [t for t in self.terms if not t.has_prox]
        why = f"{errors.words(lacking[0])} has none" if lacking else self._in_the_way()
        return (
            f"No exact proximal map is known for the sum {errors.words(self)}: {why}. Differentiate the sum with "
            "the loss: "
            f'({errors.words(self)}).acting("gradient"), or put the terms on different weights.'
        )


def as_regularizer(term: Any) -> Regularizer:
    """A regularizer as it is, or a plain function wrapped as one."""
    if isinstance(term, Regularizer):
        return term
    known = identifiers.from_keras(term)
    if isinstance(known, Regularizer):
        return known
    if known is not None:
        raise TypeError(f"Expected a regularizer, got {errors.words(known)}, which is a {known.kind}.")
    if callable(term) and not isinstance(term, type):
        return Plain(term)
    raise TypeError(
        f"Expected a regularizer or a function of the weights, got {errors.shown(term)}. "
        f"For example taut.regularizers.L1(0.01)."
    )
