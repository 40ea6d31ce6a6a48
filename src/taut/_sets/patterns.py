"""Constraints on part of a weight: zero patterns, and constraints on single weights or balls with a mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from taut import errors, identifiers
from taut._constraint import Constraint, as_constraint
from taut._term import MEMBER, number
from taut.functional import masks
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, namespace, real, shape_of


def _mask(term: str, name: str, value: Any, default: Any = None) -> Any:
    """Booleans, or numbers, where 0 means False."""
    if isinstance(value, np.ndarray | np.generic | list | tuple | bool | int):
        given = np.asarray(value)
        if given.dtype.kind not in "biuf":
            raise TypeError(f"{term}({name}=...): {name} must hold True and False, got dtype {given.dtype}.")
        return given != 0
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value  # another library's array, or a tracer
    raise TypeError(f"{term}({name}={errors.shown(value)}): {name} must be an array of True and False.")


@dataclass(frozen=True, eq=False)
class Zeros(Constraint):
    """Keeps the marked weights at 0.0, for connections that do not exist. The others are free.

    For the usual patterns see `Triangular` and `Diagonal`.

    Args:
        mask: True (or any number but 0) where the weight is kept at zero; broadcasts to the weights.

    Raises:
        ValueError: (when called) a mask whose shape does not fit the weights.

    >>> import numpy as np
    >>> Zeros([True, False])(np.asarray([[3.0, 4.0], [5.0, 6.0]]))
    array([[0., 4.],
           [0., 6.]])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True
    mask: Any = number(check=_mask)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        masks.fits("Zeros: mask", self.mask, shape_of(w))
        return masks.zero_where(w, self.mask)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        masks.fits("Zeros: mask", self.mask, shape_of(w))
        return masks.largest_where(w, self.mask)


@dataclass(frozen=True, eq=False)
class Triangular(Constraint):
    """Keeps one side of the diagonal and zeros the other, over the last two axes.

    Args:
        keep: "lower" (w[i, j] = 0 for j > i: output j depends on inputs j and later) or "upper".

    Raises:
        ValueError: another value of ``keep``, or weights with fewer than two axes.

    >>> import numpy as np
    >>> Triangular("lower")(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True
    keep: str = "lower"

    def validate(self) -> None:
        if self.keep not in ("lower", "upper"):
            raise ValueError(errors.unknown("side of a Triangular matrix", str(self.keep), ("lower", "upper")))

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return masks.zero_where(w, _pattern("Triangular", self.keep, w))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return masks.largest_where(w, _pattern("Triangular", self.keep, w))


@dataclass(frozen=True, eq=False)
class Diagonal(Constraint):
    """Keeps the diagonal of the last two axes and zeros everything else.

    Raises:
        ValueError: weights with fewer than two axes.

    >>> import numpy as np
    >>> Diagonal()(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return masks.zero_where(w, _pattern("Diagonal", "diagonal", w))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return masks.largest_where(w, _pattern("Diagonal", "diagonal", w))


def _pattern(term: str, kind: str, w: Array) -> Array:
    xp = namespace(w)
    w = real(xp, w)
    if w.ndim < 2:
        raise ValueError(
            f"{term} needs a matrix, that is at least two axes; got weights of shape {tuple(w.shape)}. "
            f"For a vector use Zeros(mask)."
        )
    return masks.pattern(xp, kind, w)


@dataclass(frozen=True, eq=False)
class Masked(Constraint):
    """Applies a constraint to the marked weights only; the others are free.

    Entrywise constraints (`NonNeg`, `Box`, `Fixed`, ...) and norm balls around zero (`MaxNorm`, `L1Ball`)
    can be masked: in a norm, weights that are not marked count as 0.

    Args:
        constraint: the constraint on the weights where ``mask`` is True.
        mask: True (or any number but 0) where the constraint applies; broadcasts to the weights.

    Raises:
        ValueError: a constraint that has no exact projection with entries left out, or a mask of another shape.

    >>> import numpy as np
    >>> from taut.constraints import NonNeg
    >>> Masked(NonNeg(), [True, False])(np.asarray([-3.0, -4.0]))
    array([ 0., -4.])
    """

    constraint: Constraint = field(metadata=MEMBER)
    mask: Any = number(check=_mask)

    def validate(self) -> None:
        object.__setattr__(self, "constraint", as_constraint(self.constraint))
        if not (self.constraint.separable or self.constraint.around_zero):
            raise ValueError(
                f"{type(self.constraint).__name__} has no exact projection with entries left out. Known: "
                f"constraints on single entries (NonNeg, Box, Fixed, ...) and norm balls (MaxNorm, L1Ball, LInfBall)."
            )

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.constraint.convex

    @property
    def separable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.constraint.separable

    @property
    def metric(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.constraint.metric

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        xp, w, held = self._held(w)
        part = w if self.constraint.separable else xp.where(held, w, xp.zeros_like(w))
        return xp.where(held, self.constraint(part, step=step, fan_in=fan_in), w)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp, w, held = self._held(w)
        # Free entries of an entrywise constraint are set to a feasible value, those of a ball to zero.
        rest = self.constraint(w, fan_in=fan_in) if self.constraint.separable else xp.zeros_like(w)
        return self.constraint.violation(xp.where(held, w, rest), fan_in=fan_in)

    def _held(self, w: Array) -> tuple[Any, Array, Array]:
        masks.fits("Masked: mask", self.mask, shape_of(w))
        xp = namespace(w, self.mask)
        w = real(xp, w)
        return xp, w, masks.as_mask(xp, self.mask, w)


for _cls in (Zeros, Triangular, Diagonal, Masked):
    identifiers.register("constraint", _cls)
