"""Constraints on a weight as a matrix: its singular values, its rank, its symmetry.

Longer than most files because each of the seven sets states its own definition; the shared code is in the functions
below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from taut import errors, identifiers
from taut._constraint import Constraint
from taut._sets.sparsity import whole
from taut._term import number
from taut.functional import matrix_sets
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, namespace, real, shape_of, widen

Axis = int | tuple[int, ...] | None


def _rows(term: Any, w: Array, fan_in: Axes) -> tuple[int, ...]:
    """The axes of the matrix's rows, for a term with an ``axis``."""
    shape = shape_of(w)
    axes, name = resolve(term.axis, fan_in, shape), type(term).__name__
    if not 0 < len(axes) < len(shape) or 0 in shape:
        raise ValueError(
            f"{name} needs a matrix: rows over axes {axes} and columns over the others; got weights of shape {shape}. "
            f"Use it for a kernel rather than a bias, or give the axes of the rows: {name}(..., axis=0)."
        )
    return axes


def _squares(term: Constraint, w: Array, blocks: int) -> tuple[Array, Callable[[Array], Array]]:
    """``w`` as square matrices over the last two axes, ``blocks`` of them next to each other; and the inverse."""
    xp = namespace(w)
    w = real(xp, w)
    shape = tuple(w.shape)
    if len(shape) < 2 or shape[-1] != shape[-2] * blocks:
        what = "square matrices" if blocks == 1 else f"{blocks} square matrices side by side"
        raise ValueError(
            f"{type(term).__name__} needs {what} over the last two axes; got weights of shape {shape}. "
            f"Use it for a recurrent or another square kernel (blocks=4 for an LSTM's packed gates)."
        )
    if blocks == 1:
        return w, lambda z: z
    n = shape[-2]
    swap = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2, len(shape))
    split = xp.permute_dims(xp.reshape(w, (*shape[:-1], blocks, n)), swap)  # (..., blocks, n, n)
    return split, lambda z: xp.reshape(xp.permute_dims(z, swap), shape)


def _step_beside(term: Constraint, step: Number | None, blocks: int) -> Number | None:
    return _squares(term, step, blocks)[0] if getattr(step, "ndim", 0) > 0 else step


def _excess(w: Array, over: Array, bound: Number = 0.0) -> Array:
    """``over`` where two libraries agree that it is above 0, as a penalty's dtype; NaN stays NaN."""
    xp = namespace(w)
    return xp.astype(
        xp.where(over <= matrix_sets.disagreement(real(xp, w).dtype) * bound, xp.zeros_like(over), over),
        widen(xp, real(xp, w)).dtype,
    )


@dataclass(frozen=True, eq=False)
class SpectralNorm(Constraint):
    """Keeps the largest singular value of a kernel at ``radius`` or below: a layer's Lipschitz bound.

    A kernel with more than two axes is treated as the matrix (fan-in, units). The projection is Euclidean: with a step
    size for each weight none is known.

    Args:
        radius: ≥ 0.
        axis: the axes of the matrix's rows; None means the layer's fan-in.
        blocks: the number of separate matrices that the units are divided into: 4 for an LSTM's packed gates, 3 for a
            GRU's, the number of heads for attention.

    Raises:
        ValueError: a negative radius, or weights that are not a matrix.

    >>> import numpy as np
    >>> SpectralNorm(1.0)(np.diag([3.0, 0.5])).round(4)
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False
    radius: Number = number(1.0, errors.not_negative)
    axis: Axis = errors.axis_field()
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_spectral_ball(w, self.radius, _rows(self, w, fan_in), self.blocks)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        s = matrix_sets.singular_values(w, _rows(self, w, fan_in), self.blocks)
        return _excess(w, namespace(s).max(s) - self.radius, self.radius)


@dataclass(frozen=True, eq=False)
class NuclearBall(Constraint):
    """Keeps the sum of a kernel's singular values at ``radius`` or below, which lowers its rank.

    A kernel with more than two axes is treated as the matrix (fan-in, units). The projection is Euclidean: with a step
    size for each weight none is known.

    Args:
        radius: ≥ 0.
        axis: the axes of the matrix's rows; None means the layer's fan-in.
        blocks: the number of separate matrices; see SpectralNorm.

    Raises:
        ValueError: a negative radius, or weights that are not a matrix.

    >>> import numpy as np
    >>> NuclearBall(1.0)(np.diag([3.0, 0.5])).round(4)
    array([[1., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False
    radius: Number = number(1.0, errors.not_negative)
    axis: Axis = errors.axis_field()
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_nuclear_ball(w, self.radius, _rows(self, w, fan_in), self.blocks)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        s = matrix_sets.singular_values(w, _rows(self, w, fan_in), self.blocks)
        xp = namespace(s)
        return _excess(w, xp.max(xp.sum(s, axis=1)) - self.radius, self.radius)


@dataclass(frozen=True, eq=False)
class LowRank(Constraint):
    """Keeps the rank of a kernel at ``k`` or below: only its ``k`` largest singular values are kept.

    A kernel with more than two axes is treated as the matrix (fan-in, units). The set is not convex, so the projection
    is Euclidean. The rank is computed up to rounding (`taut.functional.matrix_sets.margin`).

    Args:
        k: ≥ 1.
        axis: the axes of the matrix's rows; None means the layer's fan-in.
        blocks: the number of separate matrices; see SpectralNorm.

    Raises:
        ValueError: k below 1 or above the smaller side, or weights that are not a matrix.

    >>> import numpy as np
    >>> LowRank(1)(np.diag([3.0, 0.5])).round(4)
    array([[3., 0.],
           [0., 0.]])
    """

    metric: ClassVar[bool] = False
    k: int = whole()
    axis: Axis = errors.axis_field()
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_rank(w, self.k, self._axes(w, fan_in), self.blocks)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        w = real(xp, w)
        axes = self._axes(w, fan_in)
        s = matrix_sets.singular_values(w, axes, self.blocks)
        if self.k == s.shape[1]:
            return _excess(w, 0 * s[0, 0])
        slack = matrix_sets.disagreement(w.dtype)
        noise = matrix_sets.rank_noise(w.dtype, matrix_sets.sides(w.shape, axes, self.blocks), s, slack)
        over = xp.where(s[:, self.k] <= noise, 0 * s[:, 0], s[:, self.k])
        return _excess(w, xp.max(over))

    def _axes(self, w: Array, fan_in: Axes) -> tuple[int, ...]:
        axes = _rows(self, w, fan_in)
        rows, columns = matrix_sets.sides(shape_of(w), axes, self.blocks)
        if self.k > min(rows, columns):
            raise ValueError(
                f"LowRank(k={self.k}): weights of shape {shape_of(w)} are {self.blocks} matrices of {rows}×{columns}, "
                f"whose rank is at most {min(rows, columns)}. Give a k of at most that."
            )
        return axes


@dataclass(frozen=True, eq=False)
class Orthogonal(Constraint):
    """Keeps the columns of a kernel orthonormal (its rows, if there are fewer of them).

    The nearest such matrix is the polar factor U·Vᵀ; if the kernel does not have full rank, it is not unique, and the
    result depends on the decomposition. A kernel with more than two axes is treated as the matrix (fan-in, units). The
    set is not convex, so the projection is Euclidean. A kernel whose singular values are 1 up to rounding is not
    changed.

    Args:
        axis: the axes of the matrix's rows; None means the layer's fan-in.
        blocks: the number of separate matrices; see SpectralNorm.

    Raises:
        ValueError: weights that are not a matrix.

    >>> import numpy as np
    >>> Orthogonal()(np.asarray([[0.0, 2.0], [0.1, 0.0]])).round(4) + 0.0
    array([[0., 1.],
           [1., 0.]])
    """

    metric: ClassVar[bool] = False
    axis: Axis = errors.axis_field()
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return matrix_sets.project_orthogonal(w, _rows(self, w, fan_in), self.blocks)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        w = real(xp, w)
        axes = _rows(self, w, fan_in)
        off = xp.max(xp.abs(matrix_sets.singular_values(w, axes, self.blocks) - 1))
        margin = matrix_sets.margin(w.dtype, matrix_sets.sides(w.shape, axes, self.blocks))
        accepted = off <= margin + matrix_sets.disagreement(w.dtype)
        return _excess(w, xp.where(accepted, 0 * off, off))


@dataclass(frozen=True, eq=False)
class Symmetric(Constraint):
    """Keeps a square kernel equal to its transpose, over the last two axes.

    Args:
        blocks: the number of separate square matrices: 4 for an LSTM's packed recurrent gates.

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> Symmetric()(np.asarray([[1.0, 4.0], [2.0, 1.0]]))
    array([[1., 3.],
           [3., 1.]])
    """

    convex: ClassVar[bool] = True
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        x, back = _squares(self, w, self.blocks)
        return back(matrix_sets.project_symmetric(x, 1, _step_beside(self, step, self.blocks)))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrix_sets.asymmetry(_squares(self, w, self.blocks)[0], 1)


@dataclass(frozen=True, eq=False)
class Skew(Constraint):
    """Keeps a square kernel equal to minus its transpose, over the last two axes; the diagonal is 0.0.

    Args:
        blocks: the number of separate square matrices: 4 for an LSTM's packed recurrent gates.

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> Skew()(np.asarray([[1.0, 4.0], [2.0, 1.0]]))
    array([[ 0.,  1.],
           [-1.,  0.]])
    """

    convex: ClassVar[bool] = True
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        x, back = _squares(self, w, self.blocks)
        return back(matrix_sets.project_symmetric(x, -1, _step_beside(self, step, self.blocks)))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrix_sets.asymmetry(_squares(self, w, self.blocks)[0], -1)


@dataclass(frozen=True, eq=False)
class PSD(Constraint):
    """Keeps a square kernel symmetric and without negative eigenvalues (positive semidefinite), over the last two axes.

    The projection is Euclidean: with a step size for each weight none is known. Whether an eigenvalue is 0 is decided
    up to rounding
    (`taut.functional.matrix_sets.margin`).

    Args:
        blocks: the number of separate square matrices: 4 for an LSTM's packed recurrent gates.

    Raises:
        ValueError: weights that are not square over the last two axes.

    >>> import numpy as np
    >>> PSD()(np.asarray([[2.0, 0.0], [0.0, -1.0]])).round(4) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True
    metric: ClassVar[bool] = False
    blocks: int = whole(1)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        x, back = _squares(self, w, self.blocks)
        return back(matrix_sets.project_semidefinite(x))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return _excess(w, matrix_sets.indefiniteness(_squares(self, w, self.blocks)[0]))


for _cls in (SpectralNorm, NuclearBall, LowRank, Orthogonal, Symmetric, Skew, PSD):
    identifiers.register("constraint", _cls)
