"""Nearest points with few non-zero entries: the k largest of a slice, or n of every m.

These sets are not convex; the projection is Euclidean, and among entries of equal magnitude the first ones are kept.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from taut.functional._control import while_
from taut.functional._dtype import Array, Namespace, is_torch, namespace, real, widen
from taut.functional._norms import largest, total
from taut.functional._rare import rarely


def keep_largest(w: Array, k: int, axes: tuple[int, ...]) -> Array:
    """Keep the ``k`` largest magnitudes of every slice over ``axes`` and set the others to zero.

    The k-th largest is searched for, not sorted for: floats ≥ 0 are ordered as their bits are, and one pass counts
    how many are above a bit pattern. The next one to try is where a line through the logarithms of the last two
    counts expects k (the Illinois method), or the middle every fourth time; the search ends where exactly k are
    above, or at two neighbouring patterns.

    Args:
        w: weights, any shape.
        k: ≥ 0; a slice with at most ``k`` non-zero entries is not changed.
        axes: the axes that one slice spans.

    >>> import numpy as np
    >>> keep_largest(np.asarray([3.0, -4.0, 0.5, 3.0]), 2, (0,))
    array([ 3., -4.,  0.,  0.])
    """
    xp = namespace(w)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = widen(xp, w)
    bits = _as_integers(xp, xp.abs(x))
    high = largest(xp, bits, axes)  # at most k entries are above it
    low = xp.zeros_like(high) - 1  # more than k entries are above it, unless none of a slice is dropped
    some = max(k, 0.5)

    def excess(count: Array) -> Array:
        return xp.log1p((xp.where(count > 0, count, xp.full_like(count, 0.5)) - some) / some)

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, over, under, last, turn = state
        reach = high - low
        share = over / (over - under)
        share = xp.where(turn % 4 == 3, xp.full_like(share, 0.5), share)
        ahead = xp.astype(share * xp.astype(reach, share.dtype), reach.dtype)
        ahead = xp.where(ahead < 1, xp.ones_like(ahead), xp.where(ahead > reach - 1, reach - 1, ahead))
        middle = xp.where(reach > 1, low + ahead, high)
        above = _count(xp, bits > middle, axes)
        many, exact = above > k, above == k
        here = excess(xp.astype(above, share.dtype))
        # An end that stays the same twice in a row counts half, so that the line goes past the root.
        over = xp.where(many, here, xp.where(last < 0, over / 2, over))
        under = xp.where(many, xp.where(last > 0, under / 2, under), here)
        low = xp.where(many | exact, middle, low)
        high = xp.where(exact, middle + 1, xp.where(many, high, middle))
        return low, high, over, under, xp.where(many, xp.ones_like(last), -xp.ones_like(last)), turn + 1

    none = xp.zeros_like(xp.astype(high, xp.float32))
    over = excess(none + float(math.prod([w.shape[a] for a in axes])))
    state = (low, high, over, excess(none), none, xp.sum(none))
    _, threshold, *_ = while_(xp, 4 * 64, lambda s: xp.any(s[1] - s[0] > 1), body, state)

    def first_ones(kept: Array) -> Array:
        """Of entries at the threshold itself the first ones, as many as there is room for."""
        above, level = bits > threshold, bits == threshold
        room = k - _count(xp, above, axes)
        return above | (level & (_order(xp, level, axes) <= room))

    kept = bits >= threshold
    # Everything is kept if only zeros would be removed.
    surplus = (threshold > 0) & (_count(xp, kept, axes) > k)
    kept = xp.where(surplus, rarely(xp, xp.any(surplus), first_ones, kept), kept)
    return xp.where(kept | (w == 0), w, xp.zeros_like(w))


def keep_of_each(w: Array, n: int, m: int, axis: int) -> Array:
    """Keep the ``n`` largest magnitudes of every ``m`` neighbours along ``axis``; the others become zero.

    Args:
        w: weights; the size of ``axis`` is a multiple of ``m``.
        n: how many entries of a block may be non-zero.
        m: the size of a block.
        axis: the axis along which entries form blocks.

    Reference: Mishra et al. (2021), Accelerating Sparse Deep Neural Networks (2:4).

    >>> import numpy as np
    >>> keep_of_each(np.asarray([1.0, -2.0, 3.0, 0.5]), 2, 4, 0)
    array([ 0., -2.,  3.,  0.])
    """
    xp = namespace(w)
    w = real(xp, w)
    blocks = (*w.shape[:axis], w.shape[axis] // m, m, *w.shape[axis + 1 :])  # (…, blocks, m, …)
    size = xp.reshape(xp.abs(widen(xp, w)), blocks)
    where = tuple(slice(None) for _ in range(axis + 1))
    parts = [size[(*where, slice(j, j + 1))] for j in range(m)]
    ranks: list[Array] = []
    for i, a in enumerate(parts):
        ahead = [(b >= a) if j < i else (b > a) for j, b in enumerate(parts) if j != i]
        ranks.append(sum((xp.astype(flag, xp.int32) for flag in ahead), xp.astype(a != a, xp.int32)))
    kept = xp.reshape(xp.concat(ranks, axis=axis + 1) < n, w.shape)
    return xp.where(kept | (w == 0), w, xp.zeros_like(w))


def dropped(w: Array, z: Array) -> Array:
    """The largest magnitude by which ``z``, ``w`` with entries set to zero, differs from ``w``."""
    xp = namespace(w)
    x = widen(xp, real(xp, w))
    out = xp.abs(x - widen(xp, z))
    return xp.max(out) if 0 not in x.shape else xp.sum(out)


def _count(xp: Namespace, flags: Array, axes: tuple[int, ...]) -> Array:
    return total(xp, xp.astype(flags, xp.int32), axes)


def _order(xp: Namespace, flags: Array, axes: tuple[int, ...]) -> Array:
    """Of each flag, which of its slice it is: 1 for the first in the order of the axes."""
    kept = tuple(a for a in range(flags.ndim) if a not in axes)
    order = (*kept, *axes)
    moved = xp.permute_dims(xp.astype(flags, xp.int32), order)
    lead = tuple(flags.shape[a] for a in kept)
    flat = xp.reshape(moved, (*lead, math.prod([flags.shape[a] for a in axes])))
    running = flat.cumsum(-1)  # the standard's name for it looks the library up, in a way that torch.compile warns of
    return xp.permute_dims(xp.reshape(running, moved.shape), tuple(order.index(a) for a in range(flags.ndim)))


def _as_integers(xp: Namespace, x: Array) -> Any:
    """The bits of floats ≥ 0 as integers, in the same order."""
    wide = x.dtype.itemsize == 8
    if is_torch(x):
        return x.contiguous().view(xp.int64 if wide else xp.int32)
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x).view(np.int64 if wide else np.int32)
    return sys.modules["jax"].lax.bitcast_convert_type(x, xp.int64 if wide else xp.int32)
