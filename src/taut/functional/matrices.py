"""Penalties on weights as matrices, (fan-in × units), through their singular values.

For singular values there is one step size per matrix: if step sizes differ, the smallest is used.
The proximal maps have their exact first derivatives, at equal singular values too (`_spectral`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taut.functional._control import climb
from taut.functional._dtype import Array, Namespace, Number, beside, narrow
from taut.functional._entry import ready
from taut.functional._newton import LIMIT
from taut.functional._norms import largest, total
from taut.functional._spectral import on_singular_values
from taut.functional.groups import smallest_step
from taut.functional.proximal import soft

Axes = tuple[int, ...]


def nuclear_norm(w: Array, strength: Number, axes: Axes, blocks: int = 1) -> Array:
    """The sum of singular values: strength·Σ σ. Singular values that are 0 have gradient 0.

    Args:
        w: weights of two axes or more.
        strength: ≥ 0.
        axes: the fan-in, flattened into the rows; the other axes are the columns.
        blocks: the number of separate matrices that the columns are divided into.

    >>> round(float(nuclear_norm([[3.0, 0.0], [0.0, -4.0]], 1.0, (0,))), 4)
    7.0
    """
    xp, _, x, lam = ready(w, strength)
    sigma = _values(xp, side_by_side(xp, x, axes, blocks)[0])
    return lam * xp.sum(xp.where(sigma > 0, sigma, xp.zeros_like(sigma)))


def shrink_nuclear(w: Array, step: Number, strength: Number, axes: Axes, blocks: int = 1) -> Array:
    """The proximal map of `nuclear_norm`: singular values soft-thresholded by step·strength.

    Args:
        w: weights of two axes or more.
        step: > 0, a number or shaped like ``w``; the smallest of each matrix is used.
        strength: ≥ 0.
        axes: the fan-in.
        blocks: the number of separate matrices.

    Reference: Cai, Candès & Shen, A singular value thresholding algorithm (2010).

    >>> import numpy as np
    >>> shrink_nuclear(np.asarray([[3.0, 0.0], [0.0, 0.5]]), 1.0, 1.0, (0,)).round(4) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """

    def shrink(xp: Namespace, sigma: Array, t: Array) -> tuple[Array, Array]:
        return soft(xp, sigma, t), _as_number(xp, sigma >= t, sigma)

    return _on_values(w, step, strength, axes, blocks, shrink)


def spectral_square(w: Array, strength: Number, axes: Axes, blocks: int = 1) -> Array:
    """The square of the largest singular value: strength·σ₁², summed over the blocks.

    Args:
        w: weights of two axes or more.
        strength: ≥ 0.
        axes: the fan-in.
        blocks: the number of separate matrices.

    >>> round(float(spectral_square([[3.0, 0.0], [0.0, -4.0]], 1.0, (0,))), 4)
    16.0
    """
    xp, _, x, lam = ready(w, strength)
    sigma = _values(xp, side_by_side(xp, x, axes, blocks)[0])
    if 0 in sigma.shape:
        return lam * xp.sum(sigma)
    top = largest(xp, sigma, (1,))
    return lam * xp.sum(top * top)


def shrink_spectral(w: Array, step: Number, strength: Number, axes: Axes, blocks: int = 1) -> Array:
    """The proximal map of `spectral_square`: singular values clipped at μ, where Σ (σ − μ)₊ = 2·step·strength·μ.

    Args:
        w: weights of two axes or more.
        step: > 0, a number or shaped like ``w``; the smallest of each matrix is used.
        strength: ≥ 0.
        axes: the fan-in.
        blocks: the number of separate matrices.

    >>> import numpy as np
    >>> shrink_spectral(np.asarray([[3.0, 0.0], [0.0, 0.5]]), 0.5, 1.0, (0,)).round(4) + 0.0
    array([[1.5, 0. ],
           [0. , 0.5]])
    """

    def cut(xp: Namespace, sigma: Array, t: Array) -> tuple[Array, Array]:
        t = 2 * t + 0 * largest(xp, sigma, (1,))

        def move(mu: Array, sigma: Array, t: Array) -> Array:
            over = sigma - mu
            active = over > 0
            above = total(xp, xp.where(active, over, xp.zeros_like(over)), (1,)) - t * mu
            return above / (t + total(xp, xp.where(active, xp.ones_like(over), xp.zeros_like(over)), (1,)) + (t == 0))

        start = largest(xp, sigma, (1,)) / (1 + t)  # the root if the first is all that is cut
        mu = climb(xp, LIMIT, move, start, sigma, t)
        over = (sigma > mu) & (t > 0)
        return xp.where(over, mu + 0 * sigma, sigma), _as_number(xp, ~over, sigma)

    return _on_values(w, step, strength, axes, blocks, cut)


def orthogonality(w: Array, strength: Number, axes: Axes, side: str = "shorter", blocks: int = 1) -> Array:
    """How far a matrix is from orthonormal: strength·‖WᵀW − I‖² (columns) or ‖WWᵀ − I‖² (rows), Frobenius.

    Args:
        w: weights of two axes or more.
        strength: ≥ 0.
        axes: the fan-in, flattened into the rows; a column is one unit's weights.
        side: "rows", "columns", or "shorter": columns if there are no more of them than rows.
        blocks: the number of separate matrices.

    >>> float(orthogonality([[1.0, 1.0], [0.0, 1.0]], 1.0, (0,)))
    3.0
    """
    xp, _, x, lam = ready(w, strength)
    m = side_by_side(xp, x, axes, blocks)[0]
    columns = side == "columns" or (side == "shorter" and m.shape[2] <= m.shape[1])
    t = xp.matrix_transpose(m)
    gram = t @ m if columns else m @ t
    off = gram - xp.eye(gram.shape[-1], dtype=x.dtype, **beside(x))
    return lam * xp.sum(off * off)


def side_by_side(xp: Namespace, x: Array, axes: Axes, blocks: int) -> tuple[Array, Callable[[Array], Array]]:
    """``x`` as (blocks, fan-in, units), and the way back."""
    shape = tuple(x.shape)
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    if not axes or not kept:
        raise ValueError(
            f"A matrix has rows (fan-in) and columns (units); weights of shape {shape} with fan-in {axes} have only "
            f"one of them. Use the term for a kernel, not for a bias."
        )
    rows, columns = (_product(shape, a) for a in (axes, kept))
    if columns % blocks:
        raise ValueError(
            f"Weights of shape {shape} have {columns} units, which cannot be divided into {blocks} blocks. Give a "
            "number of blocks that divides it: 4 for an LSTM's gates, the number of heads for attention."
        )
    order = (*axes, *kept)
    moved = xp.permute_dims(x, order)
    stacked = xp.permute_dims(xp.reshape(moved, (rows, blocks, columns // blocks)), (1, 0, 2))
    home = tuple(order.index(a) for a in range(len(shape)))

    def back(z: Array) -> Array:
        flat = xp.permute_dims(z, (1, 0, 2))  # (rows, blocks, units of a block)
        return xp.permute_dims(xp.reshape(flat, tuple(moved.shape)), home)

    return stacked, back


def _product(shape: tuple[int, ...], axes: Axes) -> int:
    size = 1
    for a in axes:
        size *= shape[a]
    return size


def _values(xp: Namespace, m: Array) -> Array:
    return xp.sum(m, axis=1) if 0 in m.shape else xp.linalg.svdvals(m)


def _on_values(
    w: Array,
    step: Number,
    strength: Number,
    axes: Axes,
    blocks: int,
    act: Callable[[Any, Array, Array], tuple[Array, Array]],
) -> Array:
    xp, w, x, s, lam = ready(w, step, strength)
    m, back = side_by_side(xp, x, axes, blocks)
    if 0 in w.shape:
        return w
    if s.ndim > 0:
        laid = side_by_side(xp, s + xp.zeros_like(x), axes, blocks)[0]
        s = smallest_step(xp, laid, (1, 2))[:, :, 0]  # (blocks, 1)
    z, _ = on_singular_values(xp, m, lambda sigma: act(xp, sigma, s * lam))
    return narrow(xp, back(z), w.dtype)


def _as_number(xp: Namespace, flags: Array, like: Array) -> Array:
    return xp.astype(flags, like.dtype) + 0 * like
