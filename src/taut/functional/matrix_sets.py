"""Nearest matrices: bounded singular values, given rank, orthonormal columns, symmetry, positive semidefinite.

For sets of singular values no exact projection with a step size per weight is known, so these maps are Euclidean.
Decompositions of different libraries have different errors, so a matrix is accepted, or moved inside a bound, with the
margin `margin`. First derivatives are exact, also for equal values and for points that are not moved (`_spectral`). If
the nearest matrix is not unique (LowRank, Orthogonal), they are the derivatives of the one that is returned.

Several matrices may lie side by side in one array (an LSTM's gates, the heads of attention): ``blocks`` is their
number, and each is projected separately. A block that is accepted is not changed. One file because all of these maps
share the margin and the blocks.
"""

from __future__ import annotations

import math
from typing import Any

from taut.functional._dtype import (
    Array,
    Namespace,
    Number,
    beside,
    eps,
    is_half,
    namespace,
    narrow,
    number,
    real,
    smallest,
    widen,
    widest,
)
from taut.functional._norms import kappa
from taut.functional._spectral import on_eigenvalues, on_singular_values, with_slope_of
from taut.functional._threshold import above_waterline
from taut.functional.matrices import side_by_side


def margin(dtype: Any, shape: tuple[int, ...]) -> float:
    """The relative error of a singular value that is allowed for: 8·kappa, and in half precision eps·(1 + √rank),
    which is what rounding the entries does."""
    return eps(dtype) * (1 + math.sqrt(min(shape))) if is_half(dtype) else 8 * kappa(dtype)


def disagreement(dtype: Any) -> float:
    """How far apart, relatively, two libraries' singular values may be: what violations allow beside the margin."""
    return 4 * kappa(dtype) if dtype.itemsize == 8 else 2.0**-18


def rank_noise(dtype: Any, shape: tuple[int, ...], s: Array, slack: float = 0.0) -> Array:
    """The largest singular value that counts as 0: `margin` of the first, and what rounding to subnormals may make."""
    return (margin(dtype, shape) + slack) * s[:, 0] + math.sqrt(shape[0] * shape[1]) * smallest(dtype)


def sides(shape: tuple[int, ...], axes: tuple[int, ...], blocks: int = 1) -> tuple[int, int]:
    """The shape of one of the ``blocks`` matrices (what ``axes`` span, the rest divided by ``blocks``)."""
    rows = math.prod([shape[a] for a in axes])
    return rows, math.prod(shape) // max(rows * blocks, 1)


def _wide(xp: Namespace, m: Array) -> Array:
    return xp.astype(m, widest(xp, m))


def singular_values(w: Array, axes: tuple[int, ...], blocks: int = 1) -> Array:
    """Of each matrix (what ``axes`` span, the rest), largest first: (blocks, the smaller side)."""
    xp = namespace(w)
    m, _ = side_by_side(xp, real(xp, w), axes, blocks)
    return xp.linalg.svd(_wide(xp, m), full_matrices=False)[1]


def project_spectral_ball(w: Array, radius: Number, axes: tuple[int, ...], blocks: int = 1) -> Array:
    """Nearest matrix whose largest singular value is at most ``radius``: larger ones are reduced to it.

    Args:
        w: weights; the matrix is (what ``axes`` span, the rest).
        radius: ≥ 0.
        axes: the axes of the rows.
        blocks: the number of separate matrices.

    >>> import numpy as np
    >>> project_spectral_ball(np.diag([3.0, 0.5]), 1.0, (0,)).round(4)
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    xp = namespace(w, radius)
    w = real(xp, w)
    given, back = side_by_side(xp, w, axes, blocks)
    m = _wide(xp, given)
    top = number(xp, radius, m)
    aim = top * (1 - margin(w.dtype, m.shape[1:]))
    z, s = on_singular_values(xp, m, lambda s: (xp.where(s > aim, aim, s), xp.astype(s <= aim, s.dtype)))
    return back(xp.where(s[:, :1, None] <= top, given, narrow(xp, z, w.dtype)))


def project_nuclear_ball(w: Array, radius: Number, axes: tuple[int, ...], blocks: int = 1) -> Array:
    """Nearest matrix whose singular values add up to at most ``radius``: all are soft-thresholded by one number.

    Args:
        w: weights; the matrix is (what ``axes`` span, the rest).
        radius: ≥ 0.
        axes: the axes of the rows.
        blocks: the number of separate matrices.

    >>> import numpy as np
    >>> project_nuclear_ball(np.diag([3.0, 0.5]), 1.0, (0,)).round(4)
    array([[1., 0.],
           [0., 0.]])
    """
    xp = namespace(w, radius)
    w = real(xp, w)
    given, back = side_by_side(xp, w, axes, blocks)
    m = _wide(xp, given)
    top = number(xp, radius, m)
    aim = top * (1 - margin(w.dtype, m.shape[1:]))

    def lowered(s: Array) -> tuple[Array, Array]:
        left = above_waterline(xp, s, None, aim, (1,))
        return left, xp.astype(left > 0, s.dtype)

    z, s = on_singular_values(xp, m, lowered)
    return back(xp.where(xp.sum(s, axis=1)[:, None, None] <= top, given, narrow(xp, z, w.dtype)))


def project_rank(w: Array, k: int, axes: tuple[int, ...], blocks: int = 1) -> Array:
    """Nearest matrix of rank at most ``k``: the ``k`` largest singular values are kept (Eckart & Young, 1936).

    Args:
        w: weights; the matrix is (what ``axes`` span, the rest).
        k: from 1 to the smaller side.
        axes: the axes of the rows.
        blocks: the number of separate matrices.

    >>> import numpy as np
    >>> project_rank(np.diag([3.0, 0.5]), 1, (0,)).round(4)
    array([[3., 0.],
           [0., 0.]])
    """
    xp = namespace(w)
    w = real(xp, w)
    given, back = side_by_side(xp, w, axes, blocks)
    m = _wide(xp, given)
    if k >= min(m.shape[1:]):
        return w

    def first(s: Array) -> tuple[Array, Array]:
        kept = xp.astype(xp.arange(s.shape[1], **beside(s)) < k, s.dtype) + 0 * s
        return kept * s, kept

    z, s = on_singular_values(xp, m, first)
    accepted, z = s[:, k] <= rank_noise(w.dtype, m.shape[1:], s), narrow(xp, z, w.dtype)
    return back(xp.where(accepted[:, None, None], with_slope_of(z, given), z))


def project_orthogonal(w: Array, axes: tuple[int, ...], blocks: int = 1) -> Array:
    """Nearest matrix with orthonormal columns (rows, if it is wider than high): the polar factor U·Vᵀ.

    Where a singular value is 0 the nearest matrix is not unique, and the result depends on the decomposition.

    Args:
        w: weights; the matrix is (what ``axes`` span, the rest).
        axes: the axes of the rows.
        blocks: the number of separate matrices.

    Reference: Fan & Hoffman (1955), Some metric inequalities in the space of matrices.

    >>> import numpy as np
    >>> (project_orthogonal(np.asarray([[2.0, 0.0], [0.0, 0.1]]), (0,)) + 0.0).round(4)
    array([[1., 0.],
           [0., 1.]])
    """
    xp = namespace(w)
    w = real(xp, w)
    given, back = side_by_side(xp, w, axes, blocks)
    m = _wide(xp, given)
    z, s = on_singular_values(xp, m, lambda s: (xp.ones_like(s), xp.zeros_like(s)))
    accepted, z = xp.max(xp.abs(s - 1), axis=1) <= margin(w.dtype, m.shape[1:]), narrow(xp, z, w.dtype)
    return back(xp.where(accepted[:, None, None], with_slope_of(z, given), z))


def _upper(xp: Namespace, w: Array) -> tuple[Array, Array]:
    """Above the diagonal of the last two axes, and on it."""
    n = w.shape[-1]
    i = xp.reshape(xp.arange(n, **beside(w)), (n, 1))
    j = xp.reshape(xp.arange(n, **beside(w)), (1, n))
    return i < j, i == j


def project_symmetric(w: Array, sign: int, step: Number | None = None) -> Array:
    """Nearest (anti-)symmetric matrix over the last two axes: w ± wᵀ, weighted by the other entry's step.

    Args:
        w: weights, square over the last two axes.
        sign: 1 for wᵀ = w, −1 for wᵀ = −w.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_symmetric(np.asarray([[1.0, 4.0], [2.0, 1.0]]), 1)
    array([[1., 3.],
           [3., 1.]])
    """
    xp = namespace(w, step)
    w = real(xp, w)
    x = widen(xp, w)
    other = sign * xp.matrix_transpose(x)
    s = xp.ones_like(x) if step is None else number(xp, step, x) + xp.zeros_like(x)
    above, on = _upper(xp, x)
    # Both entries of a pair are computed from the same numbers in the same order, the one above the diagonal first: a
    # compiler that fuses a product and a sum would otherwise round one of them differently.
    first, second = xp.where(above, x, other), xp.where(above, other, x)
    if sign == -1:  # what is below the diagonal is minus what is above it
        first, second = xp.where(above, first, -first), xp.where(above, second, -second)
    s, t = xp.where(above, s, xp.matrix_transpose(s)), xp.where(above, xp.matrix_transpose(s), s)
    z = first * (t / (s + t)) + second * (s / (s + t))
    z = xp.where(on, x if sign == 1 else xp.zeros_like(x), z if sign == 1 else xp.where(above, z, -z))
    z = narrow(xp, z, w.dtype)
    return xp.where(x == other, with_slope_of(z, w), z)


def asymmetry(w: Array, sign: int) -> Array:
    """The largest |w ∓ wᵀ| over the last two axes."""
    xp = namespace(w)
    x = widen(xp, real(xp, w))
    out = xp.abs(x - sign * xp.matrix_transpose(x))
    return xp.max(out) if 0 not in x.shape else xp.sum(out)


def project_semidefinite(w: Array) -> Array:
    """Nearest symmetric matrix without negative eigenvalues, over the last two axes.

    An eigenvalue that is below 0 by no more than `margin` of the largest is accepted.

    Args:
        w: weights, square over the last two axes.

    Reference: Higham (1988), Computing a nearest symmetric positive semidefinite matrix.

    >>> import numpy as np
    >>> project_semidefinite(np.asarray([[2.0, 0.0], [0.0, -1.0]])).round(4) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """
    xp = namespace(w)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    even = project_symmetric(xp.astype(w, widest(xp, w)), 1)

    def above(values: Array) -> tuple[Array, Array]:
        kept = xp.astype(values > 0, values.dtype)
        return kept * values, kept

    z, values = on_eigenvalues(xp, even, above)
    z = narrow(xp, project_symmetric(z, 1), w.dtype)
    odd = xp.max(xp.abs(w - xp.matrix_transpose(w)), axis=(-2, -1))
    accepted = (_least(xp, values, w) >= 0) & (odd == 0)
    return xp.where(accepted[..., None, None], with_slope_of(z, w), z)


def _least(xp: Namespace, values: Array, w: Array, slack: float = 0.0) -> Array:
    """The least eigenvalue, 0 if it is accepted."""
    least, reach = values[..., 0], xp.max(xp.abs(values), axis=-1)
    accepted = least >= -(margin(w.dtype, w.shape[-2:]) + slack) * reach - w.shape[-1] * smallest(w.dtype)
    return xp.where(accepted, xp.zeros_like(least), least)


def indefiniteness(w: Array) -> Array:
    """The larger of how far the least eigenvalue is below 0, and how unsymmetric ``w`` is."""
    xp = namespace(w)
    w = real(xp, w)
    if 0 in w.shape:
        return xp.sum(widen(xp, w))
    even = project_symmetric(xp.astype(w, widest(xp, w)), 1)
    least = xp.max(-_least(xp, xp.linalg.eigh(even)[0], w, disagreement(w.dtype)))
    odd = asymmetry(w, 1)
    least = xp.astype(least, odd.dtype)
    # −0.0 where every eigenvalue is accepted: a maximum with 0.0 may keep it, a comparison does not.
    return xp.where(least > odd, least, odd)
