"""Norms of units, measured so that every array library comes to the same verdict.

The law of norms (design.md): a norm is the root of a *plain* sum of squares in the widest float there is
(numpy's and PyTorch's float32 ``vector_norm(axis=0)`` is off by 2e-4 at a million rows), and whoever
moves a slice leaves the margin ``kappa`` that a second measurement, in another library, may use up.
"""

from __future__ import annotations

from typing import Any

from taut.functional._dtype import Array, Namespace, beside, eps, is_half, widest


def kappa(dtype: Any) -> float:
    """The relative margin kept by a slice that moves: 2⁻²⁰ in float32, 16·eps in float64, eps in half."""
    if is_half(dtype):
        return eps(dtype)
    return 2.0**-20 if dtype.itemsize == 4 else 16 * eps(dtype)


def root_sum_squares(xp: Namespace, w: Array, axes: tuple[int, ...]) -> Array:
    """√Σw² over ``axes``, kept as size 1, in the widest float; its gradient at a zero slice is zero.

    Overflow and underflow of the squares can only happen where there is nothing wider than ``w``; there
    two more sums, of ``w`` scaled by exact powers of two, stand ready. They are taken only outside the
    safe range, so that inside it the value is that of the plain sum.
    """
    x = xp.astype(w, widest(xp, w))
    plain = _root(xp, total(xp, x * x, axes))
    if w.dtype.itemsize < x.dtype.itemsize:
        return plain
    if w.dtype.itemsize == 4:  # squares are safe for norms in 2⁻⁴⁰ … 2⁶⁰
        low, high, shift = 2.0**-40, 2.0**60, 2.0**80
    else:
        low, high, shift = 2.0**-400, 2.0**500, 2.0**600
    # Entries above the safe range cannot be in a small slice; left in, they would overflow, and the
    # gradient of this unused branch would be 0·∞.
    up, down = xp.where(xp.abs(x) < 2 * low, x, xp.zeros_like(x)) * shift, x * (1 / shift)
    small = _root(xp, total(xp, up * up, axes)) * (1 / shift)
    large = _root(xp, total(xp, down * down, axes)) * shift
    return xp.where(plain < low, small, xp.where(plain > high, large, plain))


def total(xp: Namespace, x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over ``axes``, kept as size 1."""
    # PyTorch reads an empty tuple of axes as all of them; the standard reads it as none.
    return xp.sum(x, axis=axes, keepdims=True) if axes else x


def largest(xp: Namespace, x: Array, axes: tuple[int, ...]) -> Array:
    """The maximum over ``axes``, kept as size 1."""
    return xp.max(x, axis=axes, keepdims=True) if axes else x


def positive(xp: Namespace, x: Array) -> Array:
    """``x`` as a denominator: 1 wherever ``x`` is not positive, for quotients that are not used there.

    Without it an unused 0/0 would still reach the gradient.
    """
    return xp.where(x > 0, x, xp.ones_like(x))


def first(xp: Namespace, w: Array, axes: tuple[int, ...]) -> Array:
    """1 at the first entry of every slice over ``axes``, 0 elsewhere; size 1 along the other axes."""
    mask = xp.ones(tuple(1 for _ in w.shape), dtype=w.dtype, **beside(w))
    for a in axes:
        at_zero = xp.astype(xp.arange(w.shape[a], **beside(w)) == 0, w.dtype)
        mask = mask * xp.reshape(at_zero, tuple(-1 if i == a else 1 for i in range(w.ndim)))
    return mask


def spike(xp: Namespace, score: Array, axes: tuple[int, ...]) -> Array:
    """1 at the largest ``score`` of every slice over ``axes`` (the first of equals), 0 elsewhere."""
    if not axes:
        return xp.ones_like(score)
    kept = tuple(a for a in range(score.ndim) if a not in axes)
    order = (*kept, *axes)
    moved = xp.permute_dims(score, order)
    flat = xp.reshape(moved, (*(score.shape[a] for a in kept), -1))  # (kept…, slice)
    best = xp.argmax(flat, axis=-1, keepdims=True)
    places = xp.arange(flat.shape[-1], **beside(score))
    one_hot = xp.astype(places == best, score.dtype)
    back = tuple(order.index(a) for a in range(score.ndim))
    return xp.permute_dims(xp.reshape(one_hot, moved.shape), back)


def _root(xp: Namespace, square: Array) -> Array:
    # √ has an infinite slope at zero, and 0·∞ would put NaN into the gradient of an unused branch.
    zero = square == 0
    return xp.where(zero, xp.zeros_like(square), xp.sqrt(xp.where(zero, xp.ones_like(square), square)))
