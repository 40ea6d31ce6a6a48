"""Penalties on weights as matrices, and along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors
from taut._regularizer import Regularizer
from taut._regularizers._checks import whole
from taut._term import number
from taut.functional import activity, matrices, variation
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, shape_of

HIGHEST_ORDER = 50
"""The largest order: above it the squared binomial coefficients overflow float32."""


@dataclass(frozen=True, eq=False)
class NuclearNorm(Regularizer):
    """Adds ``strength`` times the sum of the singular values: kernels of low rank.

    The matrix is (fan-in × units); the fan-in of a convolution is flattened. The proximal map applies the soft
    threshold to the singular values. It is exact with one step size per matrix. If step sizes differ, no exact map is
    known; the smallest one is used for the whole matrix, which still lowers the objective.

    Args:
        strength: ≥ 0. None means 0.01.
        blocks: the number of separate matrices that the units are divided into: 4 for an LSTM's packed gates, 3 for a
            GRU's, the number of heads for attention.

    Raises:
        ValueError: a negative strength; when called, weights without rows or columns, or blocks that do not divide.

    Reference: Fazel, Hindi & Boyd (2001); Cai, Candès & Shen, singular value thresholding (2010).

    >>> import numpy as np
    >>> NuclearNorm(1.0).prox(np.asarray([[3.0, 0.0], [0.0, 0.5]]), step=1.0).round(4) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    metric: ClassVar[str] = "group"
    strength: Number = number(0.01, errors.not_negative)
    blocks: int = 1

    def validate(self) -> None:
        whole("NuclearNorm", "blocks", self.blocks, 1)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrices.nuclear_norm(w, self.strength, resolve(None, fan_in, shape_of(w)), self.blocks)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return matrices.shrink_nuclear(w, step, self.strength, resolve(None, fan_in, shape_of(w)), self.blocks)


@dataclass(frozen=True, eq=False)
class SquaredSpectralNorm(Regularizer):
    """Adds ``strength`` times the square of the largest singular value: layers that do not amplify.

    The matrix is (fan-in × units). The proximal map reduces the largest singular values. It is exact with one step size
    per matrix; otherwise the smallest step size is used for the whole matrix.

    Args:
        strength: ≥ 0. None means 0.01.
        blocks: the number of separate matrices; see NuclearNorm.

    Raises:
        ValueError: as NuclearNorm.

    Reference: Yoshida & Miyato, Spectral norm regularization (2017).

    >>> import numpy as np
    >>> SquaredSpectralNorm(1.0).prox(np.asarray([[3.0, 0.0], [0.0, 0.5]]), step=0.5).round(4) + 0.0
    array([[1.5, 0. ],
           [0. , 0.5]])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    metric: ClassVar[str] = "group"
    strength: Number = number(0.01, errors.not_negative)
    blocks: int = 1

    def validate(self) -> None:
        whole("SquaredSpectralNorm", "blocks", self.blocks, 1)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return matrices.spectral_square(w, self.strength, resolve(None, fan_in, shape_of(w)), self.blocks)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return matrices.shrink_spectral(w, step, self.strength, resolve(None, fan_in, shape_of(w)), self.blocks)


@dataclass(frozen=True, eq=False)
class SquaredOrthogonal(Regularizer):
    """Adds ``strength * ||transpose(W) @ W - I||**2`` (Frobenius): units whose weights are orthonormal.

    It is smooth and is differentiated with the loss. It acts on lengths and angles (OrthogonalRegularizer: on angles
    only).

    Args:
        strength: ≥ 0. None means 0.01.
        mode: "columns" (units), "rows" (the fan-in), or "shorter": whichever there are fewer of, since more
            vectors than dimensions cannot be orthonormal.
        blocks: the number of separate matrices; see NuclearNorm.

    Raises:
        ValueError: another mode; otherwise as NuclearNorm.

    Reference: Bansal, Chen & Wang, Can we gain more from orthogonality regularizations? (2018).

    >>> import numpy as np
    >>> float(SquaredOrthogonal(1.0)(np.asarray([[1.0, 1.0], [0.0, 1.0]])))
    3.0
    """

    convex: ClassVar[bool] = False
    strength: Number = number(0.01, errors.not_negative)
    mode: str = "shorter"
    blocks: int = 1

    def validate(self) -> None:
        whole("SquaredOrthogonal", "blocks", self.blocks, 1)
        if self.mode not in ("rows", "columns", "shorter"):
            raise ValueError(
                f"SquaredOrthogonal(mode={errors.shown(self.mode)}): mode must be 'rows', 'columns' or 'shorter'."
            )

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        axes = resolve(None, fan_in, shape_of(w))
        return matrices.orthogonality(w, self.strength, axes, self.mode, self.blocks)


@dataclass(frozen=True, eq=False)
class SquaredDifferences(Regularizer):
    """Adds ``strength`` times the squared differences of neighbours along an axis: smooth profiles.

    It acts by gradient.

    Args:
        strength: ≥ 0. None means 0.01.
        axis: the axis whose neighbours are compared: 0 is the inputs of a Dense kernel, the time of a Conv1D's.
        order: 1 favours constants, 2 (differences of differences) straight lines; at most 50.

    Raises:
        ValueError: a negative strength, an order below 1 or above 50, or (when called) an axis that does not exist.

    Reference: Eilers & Marx, Flexible smoothing with B-splines and penalties (1996).

    >>> import numpy as np
    >>> float(SquaredDifferences(1.0)(np.asarray([0.0, 1.0, 3.0])))
    5.0
    """

    strength: Number = number(0.01, errors.not_negative)
    axis: int = 0
    order: int = 1

    def validate(self) -> None:
        whole("SquaredDifferences", "order", self.order, 1, HIGHEST_ORDER)
        whole("SquaredDifferences", "axis", self.axis, -errors.AXES, errors.AXES)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        (axis,) = resolve(self.axis, None, shape_of(w))
        return activity.squared_differences(w, self.strength, axis, self.order)


@dataclass(frozen=True, eq=False)
class TotalVariation(Regularizer):
    """Adds ``strength`` times the absolute differences of neighbours along an axis: profiles of flat pieces.

    This is the 1-D fused lasso. The proximal map makes neighbours equal and is exact with any step size for each
    weight. Its time grows with the square of the size of the axis, so use it for axes with up to a few thousand
    entries.

    Args:
        strength: ≥ 0, one number. None means 0.01.
        axis: the axis whose neighbours are compared: 0 is the inputs of a Dense kernel, the time of a Conv1D's.

    Raises:
        ValueError: a negative strength, or (when called) an axis that does not exist.

    Reference: Tibshirani et al., Sparsity and smoothness via the fused lasso (2005).

    >>> import numpy as np
    >>> TotalVariation(1.0).prox(np.asarray([0.0, 1.0, 5.0]), step=1.0)
    array([1., 1., 4.])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    ordered: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    axis: int = 0

    def validate(self) -> None:
        whole("TotalVariation", "axis", self.axis, -errors.AXES, errors.AXES)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return variation.total_variation(w, self.strength, *resolve(self.axis, None, shape_of(w)))

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return variation.flatten_pieces(w, step, self.strength, *resolve(self.axis, None, shape_of(w)))
