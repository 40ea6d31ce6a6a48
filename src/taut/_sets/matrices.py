"""Constraints on a weight as a matrix: its singular values, its rank, its symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors, identifiers
from taut._constraint import Constraint
from taut._sets.sparsity import whole
from taut._term import number
from taut.functional import matrix_sets
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, namespace, real, shape_of, widen

Axis = int | tuple[int, ...] | None


def _rows(term: str, w: Array, axis: Axes, fan_in: Axes) -> tuple[int, ...]:
    shape = shape_of(w)
    axes = resolve(axis, fan_in, shape)
    if not 0 < len(axes) < len(shape) or 0 in shape:
        raise ValueError(
            f"{term} needs a matrix: rows over axes {axes} and columns over the others; got weights of shape {shape}. "
            f"Put it on a kernel rather than a bias, or name the rows' axes: {term}(..., axis=0)."
        )
    return axes


def _square(term: str, w: Array) -> Array:
    w = real(namespace(w), w)
    shape = tuple(w.shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(
            f"{term} needs square matrices over the last two axes; got weights of shape {shape}. "
            f"Put it on a recurrent or another square kernel."
        )
    return w


def _excess(w: Array, over: Array) -> Array:
    """``over`` where it is above 0, as a penalty's dtype; NaN stays NaN."""
    xp = namespace(w)
    return xp.astype(xp.where(over <= 0, xp.zeros_like(over), over), widen(xp, real(xp, w)).dtype)


@dataclass(frozen=True, eq=False)
class SpectralNorm(Constraint):
    """Keeps the largest singular value of a kernel at ``radius`` or below: a layer's Lipschitz bound.

    A kernel with more than two axes is the matrix (fan-in, units). The projection is Euclidean: none is known in
    a per-entry metric.

    Args:
        radius: ≥ 0.
        axis: the axes of the matrix's rows; None means the layer's fan-in.

    Raises:
        ValueError: a negative radius, or weights that are no matrix.

    >>> import numpy as np
    >>> SpectralNorm(1.0)(np.diag([3.0, 0.5])).round(4)
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False
    radius: Number = number(1.0, errors.not_negative)
    axis: Axis = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_spectral_ball(w, self.radius, _rows("SpectralNorm", w, self.axis, fan_in))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        s = matrix_sets.singular_values(w, _rows("SpectralNorm", w, self.axis, fan_in))
        return _excess(w, s[0] - self.radius)


@dataclass(frozen=True, eq=False)
class NuclearBall(Constraint):
    """Keeps the sum of a kernel's singular values at ``radius`` or below, which makes its rank low.

    A kernel with more than two axes is the matrix (fan-in, units). The projection is Euclidean: none is known in
    a per-entry metric.

    Args:
        radius: ≥ 0.
        axis: the axes of the matrix's rows; None means the layer's fan-in.

    Raises:
        ValueError: a negative radius, or weights that are no matrix.

    >>> import numpy as np
    >>> NuclearBall(1.0)(np.diag([3.0, 0.5])).round(4)
    array([[1., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False
    radius: Number = number(1.0, errors.not_negative)
    axis: Axis = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_nuclear_ball(w, self.radius, _rows("NuclearBall", w, self.axis, fan_in))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        s = matrix_sets.singular_values(w, _rows("NuclearBall", w, self.axis, fan_in))
        return _excess(w, namespace(s).sum(s) - self.radius)


@dataclass(frozen=True, eq=False)
class LowRank(Constraint):
    """Keeps the rank of a kernel at ``k`` or below: its ``k`` largest singular values stay.

    A kernel with more than two axes is the matrix (fan-in, units). The set is not convex, so the projection is
    Euclidean. Rank is told to rounding (`taut.functional.matrix_sets.margin`).

    Args:
        k: ≥ 1.
        axis: the axes of the matrix's rows; None means the layer's fan-in.

    Raises:
        ValueError: k below 1 or above the smaller side, or weights that are no matrix.

    >>> import numpy as np
    >>> LowRank(1)(np.diag([3.0, 0.5])).round(4)
    array([[3., 0.],
           [0., 0.]])
    """

    metric: ClassVar[bool] = False
    k: int = whole()
    axis: Axis = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_rank(w, self.k, self._axes(w, fan_in))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        s = matrix_sets.singular_values(w, self._axes(w, fan_in))
        if self.k == s.shape[0]:
            return _excess(w, 0 * s[0])
        xp = namespace(s)
        accepted = s[self.k] <= self._margin(w, fan_in) * s[0]
        return _excess(w, xp.where(accepted, 0 * s[0], s[self.k]))

    def _margin(self, w: Array, fan_in: Axes) -> float:
        w = real(namespace(w), w)
        return matrix_sets.margin(w.dtype, matrix_sets.sides(w.shape, self._axes(w, fan_in)))

    def _axes(self, w: Array, fan_in: Axes) -> tuple[int, ...]:
        axes = _rows("LowRank", w, self.axis, fan_in)
        sides = matrix_sets.sides(shape_of(w), axes)
        if self.k > min(sides):
            raise ValueError(
                f"LowRank(k={self.k}): weights of shape {shape_of(w)} are a {sides[0]}×{sides[1]} matrix, whose rank is "
                f"at most {min(sides)}. Give a k of at most that."
            )
        return axes


@dataclass(frozen=True, eq=False)
class Orthogonal(Constraint):
    """Keeps the columns of a kernel orthonormal (its rows, if there are fewer of them).

    The nearest such matrix is the polar factor U·Vᵀ; where the kernel has no full rank it is not unique and
    the decomposition chooses. A kernel with more than two axes is the matrix (fan-in, units). The set is not
    convex, so the projection is Euclidean; a kernel whose singular values are 1 to rounding keeps its bits.

    Args:
        axis: the axes of the matrix's rows; None means the layer's fan-in.

    Raises:
        ValueError: weights that are no matrix.

    >>> import numpy as np
    >>> Orthogonal()(np.asarray([[0.0, 2.0], [0.1, 0.0]])).round(4) + 0.0
    array([[0., 1.],
           [1., 0.]])
    """

    metric: ClassVar[bool] = False
    axis: Axis = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_orthogonal(w, _rows("Orthogonal", w, self.axis, fan_in))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        w = real(xp, w)
        axes = _rows("Orthogonal", w, self.axis, fan_in)
        off = xp.max(xp.abs(matrix_sets.singular_values(w, axes) - 1))
        accepted = off <= matrix_sets.margin(w.dtype, matrix_sets.sides(w.shape, axes))
        return _excess(w, xp.where(accepted, 0 * off, off))


@dataclass(frozen=True, eq=False)
class Symmetric(Constraint):
    """Keeps a square kernel equal to its transpose, over the last two axes.

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> Symmetric()(np.asarray([[1.0, 4.0], [2.0, 1.0]]))
    array([[1., 3.],
           [3., 1.]])
    """

    convex: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_symmetric(_square("Symmetric", w), 1, step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrix_sets.asymmetry(_square("Symmetric", w), 1)


@dataclass(frozen=True, eq=False)
class Skew(Constraint):
    """Keeps a square kernel equal to minus its transpose, over the last two axes; the diagonal is 0.0.

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> Skew()(np.asarray([[1.0, 4.0], [2.0, 1.0]]))
    array([[ 0.,  1.],
           [-1.,  0.]])
    """

    convex: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_symmetric(_square("Skew", w), -1, step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrix_sets.asymmetry(_square("Skew", w), -1)


@dataclass(frozen=True, eq=False)
class PSD(Constraint):
    """Keeps a square kernel symmetric without negative eigenvalues, over the last two axes.

    The projection is Euclidean: none is known in a per-entry metric. An eigenvalue is told from 0 to rounding
    (`taut.functional.matrix_sets.margin`).

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> PSD()(np.asarray([[2.0, 0.0], [0.0, -1.0]])).round(4) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_semidefinite(_square("PSD", w))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return _excess(w, matrix_sets.indefiniteness(_square("PSD", w)))


for _cls in (SpectralNorm, NuclearBall, LowRank, Orthogonal, Symmetric, Skew, PSD):
    identifiers.register("constraint", _cls)
