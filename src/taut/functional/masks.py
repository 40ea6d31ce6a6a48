"""Sets that fix single entries: zero patterns and fixed values."""

from __future__ import annotations

import numpy as np

from taut.functional._dtype import Array, Namespace, beside, is_torch, namespace, number, real, shape_of, widen


def fits(what: str, given: Array, shape: tuple[int, ...]) -> None:
    """Raise if an array does not broadcast to weights of ``shape``."""
    try:
        fine = np.broadcast_shapes(shape_of(given), shape) == tuple(shape)
    except ValueError:
        fine = False
    if not fine:
        raise ValueError(
            f"{what} has shape {shape_of(given)}, which does not broadcast to the weights' shape {tuple(shape)}. "
            f"Give one entry for each weight, or size 1 along an axis with equal entries."
        )


def as_mask(xp: Namespace, mask: Array, like: Array) -> Array:
    """``mask`` as booleans next to ``like``; numbers other than 0 are True."""
    if is_torch(like):
        return xp.asarray(mask, device=like.device) != 0
    return xp.asarray(mask) != 0


def pattern(xp: Namespace, kind: str, like: Array) -> Array:
    """True at the zeros of a pattern over the last two axes of ``like``: above, below or off the diagonal."""
    rows, columns = like.shape[-2], like.shape[-1]
    i = xp.reshape(xp.arange(rows, **beside(like)), (rows, 1))
    j = xp.reshape(xp.arange(columns, **beside(like)), (1, columns))
    return j > i if kind == "lower" else j < i if kind == "upper" else i != j


def zero_where(w: Array, mask: Array) -> Array:
    """Zero at the entries marked by ``mask``; the nearest point for all step sizes.

    >>> import numpy as np
    >>> zero_where(np.asarray([3.0, 4.0]), np.asarray([True, False]))
    array([0., 4.])
    """
    xp = namespace(w, mask)
    w = real(xp, w)
    # −0.0 is a zero too, and is not changed.
    return xp.where(as_mask(xp, mask, w) & (w != 0), xp.zeros_like(w), w)


def largest_where(w: Array, mask: Array) -> Array:
    """The largest magnitude among the entries that ``mask`` marks."""
    xp = namespace(w, mask)
    x = widen(xp, real(xp, w))
    out = xp.where(as_mask(xp, mask, x), xp.abs(x), xp.zeros_like(x))
    return xp.max(out) if 0 not in x.shape else xp.sum(out)


def fix(w: Array, values: Array) -> Array:
    """``values``, rounded to ``w``'s dtype, in ``w``'s shape.

    >>> import numpy as np
    >>> fix(np.asarray([3.0, 4.0]), 1.0)
    array([1., 1.])
    """
    xp = namespace(w, values)
    w = real(xp, w)
    given = xp.astype(number(xp, values, widen(xp, w)), w.dtype)
    return xp.where(w == given, w, given)


def distance(w: Array, values: Array) -> Array:
    """The largest |w − values|, with ``values`` rounded to ``w``'s dtype."""
    xp = namespace(w, values)
    w = real(xp, w)
    x = widen(xp, w)
    given = widen(xp, xp.astype(number(xp, values, x), w.dtype))
    out = xp.abs(x - given)
    return xp.max(out) if 0 not in w.shape else xp.sum(out)
