"""Regularizers built from another one: of the distance from a reference, of part of the weights, or a multiple."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from taut import errors
from taut._regularizer import Acting, Regularizer, as_regularizer
from taut._regularizers._grouping import Grouped
from taut._term import MEMBER, number
from taut.functional import combined
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, real, shape_of, widen
from taut.functional._dtype import number as as_number
from taut.functional.combined import Shrinkage


def _mask(term: str, name: str, value: Any, default: Any = None) -> Any:
    """The mask as numbers 0.0 and 1.0, since leaves of a pytree that is differentiated must be numbers."""
    if isinstance(value, list | tuple | np.ndarray | bool | np.bool_):
        value = np.asarray(value)
        if value.dtype.kind != "b" and not (value.dtype.kind in "iuf" and bool(np.all((value == 0) | (value == 1)))):
            raise ValueError(f"{term}({name}=...): {name} must hold booleans, or 0 and 1.")
        return value.astype(np.float64)
    return errors.real_number(term, name, value, default)


class Made(Regularizer):
    """The base class: properties that follow from the inner regularizer."""

    term: Regularizer

    def validate(self) -> None:
        name = type(self).__name__
        if isinstance(self.term, Acting):
            raise TypeError(
                f"{name} acts as a whole: write {name}(term, ...).acting({self.term.mode!r}) rather than "
                f"{name}(term.acting({self.term.mode!r}), ...)."
            )
        object.__setattr__(self, "term", as_regularizer(self.term))

    @property
    def smooth(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.smooth

    @property
    def has_prox(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.has_prox

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.convex

    @property
    def separable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.separable

    @property
    def even(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.even

    @property
    def metric(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.metric

    def _needs_prox(self) -> None:
        if not self.has_prox:
            raise NotImplementedError(self.without_prox())


@dataclass(frozen=True, eq=False)
class Towards(Made):
    """A penalty on ``w - reference``: weights stay near a reference, for example the pretrained ones (L2-SP).

    With L1, a weight whose change helps the loss less than the penalty is exactly equal to the reference.

    Args:
        term: a regularizer, or a function of the weights.
        reference: a number, or an array that broadcasts to the weights. It is part of the config.

    Raises:
        ValueError: (when called) a reference that does not fit the weights.

    Reference: Li, Grandvalet & Davoine, Explicit inductive bias for transfer learning (2018).

    >>> import numpy as np
    >>> from taut.regularizers import L1
    >>> Towards(L1(1.0), [1.0, 2.0]).prox(np.asarray([1.5, 4.0]), step=1.0)
    array([1., 3.])
    """

    even: ClassVar[bool] = False  # pyright: ignore[reportIncompatibleMethodOverride]
    term: Regularizer = field(metadata=MEMBER)
    reference: Number = number()

    def _apart(self, w: Array) -> tuple[Namespace, Array, Array, Array]:
        xp = namespace(w, self.reference)
        w = real(xp, w)
        x = widen(xp, w)
        _check_fit("Towards", "reference", self.reference, shape_of(w))
        reference = as_number(xp, self.reference, x)
        return xp, w, x - reference, reference

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return self.term(self._apart(w)[2], fan_in=fan_in)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        self._needs_prox()
        xp, w, apart, reference = self._apart(w)
        return narrow(xp, reference + self.term.prox(apart, step, fan_in=fan_in), w.dtype)


@dataclass(frozen=True, eq=False)
class Masked(Made):
    """A penalty on the weights where ``mask`` is true; the others are not penalised.

    A group consists of its true entries; ``scale_by_size`` still counts all entries.

    Args:
        term: a regularizer, or a function of the weights.
        mask: booleans (or 0 and 1), an array that broadcasts to the weights.

    Raises:
        ValueError: a mask of other numbers, or (when called) one that does not fit the weights.

    >>> import numpy as np
    >>> from taut.regularizers import L1
    >>> Masked(L1(1.0), [True, False]).prox(np.asarray([1.5, 4.0]), step=1.0)
    array([0.5, 4. ])
    """

    term: Regularizer = field(metadata=MEMBER)
    mask: Any = number(check=_mask)

    def validate(self) -> None:
        super().validate()
        if isinstance(self.term, Towards):
            raise TypeError(
                "Masked(Towards(term, ...), mask) is not available: write Towards(Masked(term, mask), ...) instead."
            )

    @property
    def has_prox(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.term.has_prox and _ignores_zeros(self.term)

    def _parts(self, w: Array) -> tuple[Namespace, Array, Array, Array]:
        xp = namespace(w, self.mask)
        w = real(xp, w)
        _check_fit("Masked", "mask", self.mask, shape_of(w))
        inside = (as_number(xp, self.mask, widen(xp, w)) + xp.zeros_like(widen(xp, w))) != 0
        return xp, w, inside, xp.where(inside, w, xp.zeros_like(w))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return self.term(self._parts(w)[3], fan_in=fan_in)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        self._needs_prox()
        xp, w, inside, counted = self._parts(w)
        return xp.where(inside, self.term.prox(counted, step, fan_in=fan_in), w)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        parts = self.term.shrinkage(shape, fan_in)
        if parts is None or parts.groups:
            return None
        l1, l2 = (None if p is None else p * self.mask for p in (parts.l1, parts.l2))
        return Shrinkage(l1, l2)


@dataclass(frozen=True, eq=False)
class Scaled(Made):
    """``factor`` times a penalty; a factor of 0 switches it off.

    Args:
        term: a regularizer, or a function of the weights.
        factor: ≥ 0.

    Raises:
        ValueError: a negative factor.

    >>> import numpy as np
    >>> from taut.regularizers import L1
    >>> Scaled(L1(1.0), 0.5).prox(np.asarray([1.5, 4.0]), step=1.0)
    array([1. , 3.5])
    """

    term: Regularizer = field(metadata=MEMBER)
    factor: Number = number(1.0, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return self.factor * self.term(w, fan_in=fan_in)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        self._needs_prox()
        xp = namespace(w, step, self.factor)
        w = real(xp, w)
        x = widen(xp, w)
        factor = as_number(xp, self.factor, x)
        on = factor > 0
        longer = as_number(xp, step, x) * xp.where(on, factor, xp.ones_like(factor))
        return xp.where(on, self.term.prox(w, longer, fan_in=fan_in), w)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        parts = self.term.shrinkage(shape, fan_in)
        if parts is None:
            return None
        l1, l2 = (None if p is None else p * self.factor for p in (parts.l1, parts.l2))
        return Shrinkage(l1, l2, {axes: p * self.factor for axes, p in parts.groups.items()})


def _ignores_zeros(term: Regularizer) -> bool:
    """Whether entries held at 0 do not affect the proximal map of the others: it shrinks each entry towards 0."""
    if isinstance(term, Masked | Scaled):
        return _ignores_zeros(term.term)
    if isinstance(term, Towards):
        return False
    in_normal_form = combined.why_never(lambda shape: term.shrinkage(shape, None), lambda _: combined.ANYWHERE) is None
    return term.separable or isinstance(term, Grouped) or in_normal_form


def _check_fit(term: str, name: str, value: Any, shape: tuple[int, ...]) -> None:
    given = shape_of(value)
    padded = (1,) * (len(shape) - len(given)) + given
    if len(given) > len(shape) or any(g not in (1, n) for g, n in zip(padded, shape, strict=True)):
        raise ValueError(
            f"{term}({name}=...): a {name} of shape {given} does not fit weights of shape {shape}. Give one of that "
            f"shape, or one number for all."
        )
