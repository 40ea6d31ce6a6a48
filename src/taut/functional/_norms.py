"""Norms of units, computed so that every array library comes to the same decision.

The law of norms (design.md): a norm is the root of a *plain* sum of squares in the widest float there is
(numpy's and PyTorch's float32 ``vector_norm(axis=0)`` is off by 2e-4 at a million rows), and a projection that moves a
slice leaves the margin ``kappa`` for the rounding of a second computation in another library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taut.functional._dtype import Array, Namespace, beside, eps, is_half, is_torch, widest
from taut.functional._rare import rarely, with_derivative


def kappa(dtype: Any) -> float:
    """The relative margin kept by a slice that moves: 2⁻²⁰ in float32, 16·eps in float64, eps in half."""
    if is_half(dtype):
        return eps(dtype)
    return 2.0**-20 if dtype.itemsize == 4 else 16 * eps(dtype)


def disagreement(dtype: Any) -> float:
    """How far apart, relatively, two libraries' or processors' measures of one slice may be: 2⁻²¹, 8·eps in float64.

    Each projection decides by its own measure which slices it keeps. A violation allows this much more, so that what one
    has kept no other calls infeasible.
    """
    return 8 * eps(dtype) if dtype.itemsize == 8 else 2.0**-21


def root_sum_squares(xp: Namespace, w: Array, axes: tuple[int, ...]) -> Array:
    """√Σw² over ``axes``, kept as size 1, in the widest float; its gradient at a zero slice is zero.

    Overflow and underflow of the squares can only happen where there is nothing wider than ``w``; there
    two more sums, of ``w`` scaled by exact powers of two, stand ready. They are taken only outside the
    safe range, so that inside it the value is that of the plain sum.
    """
    x = xp.astype(w, widest(xp, w))
    if w.dtype.itemsize < x.dtype.itemsize or 0 in x.shape:
        return _root(xp, total(xp, x * x, axes))

    def measure(x: Array) -> Array:
        plain = _root(xp, _careful_total(xp, x * x, axes) if x.dtype.itemsize == 8 else total(xp, x * x, axes))
        return _rescued(xp, x, plain, axes)

    def turn(n: Array, given: tuple[Array, ...], d: tuple[Array, ...]) -> Array:
        return total(xp, given[0] / positive(xp, n) * d[0], axes)

    return with_derivative(measure, turn, x)


def _rescued(xp: Namespace, x: Array, plain: Array, axes: tuple[int, ...]) -> Array:
    """The norms, where ``plain`` was made of squares too small or too large to be numbers."""
    if x.dtype.itemsize == 4:  # squares are safe for norms in 2⁻⁴⁰ … 2⁶⁰
        low, high, shift = 2.0**-40, 2.0**60, 2.0**80
    else:
        low, high, shift = 2.0**-400, 2.0**500, 2.0**600

    def scaled(plain: Array) -> Array:
        # Everything computed from ``x`` must depend on ``plain`` (the loop state): XLA moves anything else out of the
        # loop in `rarely`, so that it would always be computed.
        none = xp.zeros_like(plain)
        factor = xp.where(plain < low, none + shift, xp.where(plain > high, none + 1 / shift, none))
        moved = x * factor
        return xp.where(factor > 0, _root(xp, total(xp, moved * moved, axes)) / positive(xp, factor), plain)

    return rarely(xp, xp.any((plain < low) | (plain > high)), scaled, plain)


def total(xp: Namespace, x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over ``axes``, kept as size 1."""
    # PyTorch reads an empty tuple of axes as all of them; the standard reads it as none.
    return xp.sum(x, axis=axes, keepdims=True) if axes else x


def _careful_total(xp: Namespace, x: Array, axes: tuple[int, ...]) -> Array:
    """`total` to a few eps however long the slices are.

    numpy (and PyTorch, later) adds rows one by one along any axis but the last: at 1e6 rows that is 4e4 eps,
    where ``kappa`` allows 16. Along the last axis both add pairwise. In float32 there are wider sums, and
    XLA adds in a tree.
    """
    count = math.prod([x.shape[a] for a in axes])
    if count <= 64 or not (is_torch(x) or isinstance(x, np.ndarray)):
        return total(xp, x, axes)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    flat = xp.reshape(xp.permute_dims(x, (*kept, *axes)), (*(x.shape[a] for a in kept), -1))
    # The array API standard cannot express memory order, and a copy keeps the order of its source.
    flat = flat.contiguous() if is_torch(flat) else np.ascontiguousarray(flat)
    summed = xp.sum(flat, axis=-1)
    return xp.reshape(summed, tuple(1 if a in axes else n for a, n in enumerate(x.shape)))


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
