"""Constraints on single entries: signs, given values, zero patterns, part of a weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from taut import errors, identifiers
from taut._constraint import Constraint, as_constraint
from taut._term import MEMBER, number
from taut.functional import masks, projections, rings, violations
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, namespace, real, shape_of
from taut.functional.combined import Region


def _mask(term: str, name: str, value: Any, default: Any = None) -> Any:
    """Booleans, or numbers of which 0 is False."""
    if isinstance(value, np.ndarray | np.generic | list | tuple | bool | int):
        given = np.asarray(value)
        if given.dtype.kind not in "biuf":
            raise TypeError(f"{term}({name}=...): {name} must hold True and False, got dtype {given.dtype}.")
        return given != 0
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value  # another library's array, or a tracer
    raise TypeError(f"{term}({name}={errors.shown(value)}): {name} must be an array of True and False.")


@dataclass(frozen=True, eq=False)
class NonPositive(Constraint):
    """Keeps every weight at 0 or below.

    >>> import numpy as np
    >>> NonPositive()(np.asarray([-1.0, 2.0]))
    array([-1.,  0.])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, None, 0.0)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, None, 0.0)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(high=0.0)


@dataclass(frozen=True, eq=False)
class LInfBall(Constraint):
    """Keeps the magnitude of every weight at ``radius`` or below: `Box` with the same bound on both sides.

    Args:
        radius: ≥ 0, a number or an array that broadcasts to the weights.

    >>> import numpy as np
    >>> LInfBall(1.0)(np.asarray([-3.0, 0.5]))
    array([-1. ,  0.5])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    radius: Number = number(1.0, errors.not_negative)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, -self.radius, self.radius)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, -self.radius, self.radius)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(low=-self.radius, high=self.radius)


@dataclass(frozen=True, eq=False)
class Fixed(Constraint):
    """Keeps every weight at a given value: training does not move it.

    With `Masked` only some of the weights are held: ``Masked(Fixed(pretrained), mask)``.

    Args:
        values: a number or an array that broadcasts to the weights. A half-precision weight holds the
            nearest number that it has.

    Raises:
        ValueError: an array of another shape, when it meets the weights.

    >>> import numpy as np
    >>> Fixed(0.5)(np.asarray([3.0, -1.0]))
    array([0.5, 0.5])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    values: Number = number(check=errors.real_number)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        masks.fits("Fixed: values", self.values, shape_of(w))
        return masks.fix(w, self.values)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        masks.fits("Fixed: values", self.values, shape_of(w))
        return masks.distance(w, self.values)


@dataclass(frozen=True, eq=False)
class Zeros(Constraint):
    """Keeps the marked weights at 0.0: connections that are not there. The others are free.

    For the usual patterns see `Triangular` and `Diagonal`.

    Args:
        mask: True (or any number but 0) where the weight is held at zero; broadcasts to the weights.

    Raises:
        ValueError: a mask of another shape, when it meets the weights.

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
        keep: "lower" (w[i, j] = 0 for j > i: output j hears inputs j and later) or "upper".

    Raises:
        ValueError: another word for ``keep``, or weights with fewer than two axes.

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
class Radial(Constraint):
    """Keeps a square convolution kernel the same in every direction: one value for each ring around the centre.

    The rings are squares, as in Keras 2's RadialConstraint, which set each ring to its corner's value; here it
    is the ring's mean, which is nearest. The axes of space are all but the last two.

    Raises:
        ValueError: weights with fewer than three axes, or of different sizes along the axes of space.

    >>> import numpy as np
    >>> Radial()(np.arange(9.0).reshape(3, 3, 1, 1))[:, :, 0, 0]
    array([[4., 4., 4.],
           [4., 4., 4.],
           [4., 4., 4.]])
    """

    convex: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return rings.project_rings(w, self._space(w), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return rings.roundness(w, self._space(w))

    def _space(self, w: Array) -> tuple[int, ...]:
        shape = shape_of(w)
        if len(shape) < 3 or len(set(shape[:-2])) != 1:
            raise ValueError(
                f"Radial needs a kernel that is square over all axes but the last two; got weights of shape {shape}. "
                f"Put it on a convolution's kernel with kernel_size of equal numbers."
            )
        return tuple(range(len(shape) - 2))


@dataclass(frozen=True, eq=False)
class Masked(Constraint):
    """Applies a constraint to the marked weights only; the others are free.

    Entrywise constraints (`NonNeg`, `Box`, `Fixed`, ...) and norm balls around zero (`MaxNorm`, `L1Ball`)
    can be masked: the weights that are left out count as 0 in the norm.

    Args:
        constraint: what holds where ``mask`` is True.
        mask: True (or any number but 0) where it holds; broadcasts to the weights.

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


for _cls in (NonPositive, LInfBall, Fixed, Zeros, Triangular, Diagonal, Masked):
    identifiers.register("constraint", _cls)
identifiers.register("constraint", Radial, "radial_constraint")  # Keras 2's name
