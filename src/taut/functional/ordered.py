"""The ordered L1 norm: in each group, larger weights get larger strengths."""

from __future__ import annotations

from taut.functional._dtype import Array, Namespace, Number, beside, narrow, number
from taut.functional._entry import ready, signed, size
from taut.functional.order import project_monotone


def ramp(xp: Namespace, strength: Number, ratio: Number, count: int, like: Array) -> Array:
    """``count`` strengths, smallest first: a line from ratio·strength up to strength, or ``strength`` itself.

    Args:
        xp: the namespace.
        strength: a number, or ``count`` of them, largest first.
        ratio: of the smallest to the largest.
        count: how many.
        like: an array of the dtype that is wanted.

    Raises:
        ValueError: as many strengths as were given are not needed.
    """
    given = number(xp, strength, like)
    if given.ndim > 0:
        if tuple(given.shape) != (count,):
            raise ValueError(
                f"An ordered L1 norm needs one strength per entry of a group: groups have {count} entries, and "
                f"strengths of shape {tuple(given.shape)} were given. Give that many, or one number and a ratio."
            )
        return xp.flip(given)
    place = xp.astype(xp.arange(count, **beside(like)), like.dtype) / max(count - 1, 1)
    least = number(xp, ratio, like) if count > 1 else xp.ones_like(given)
    return given * (least + (1 - least) * place)


def ordered_l1(w: Array, strength: Number, ratio: Number = 0.5) -> Array:
    """Σ_i λ_i |w|_(i) along the last axis, |w|_(1) ≥ |w|_(2) ≥ … and λ_1 ≥ λ_2 ≥ …; summed over the other axes.

    Args:
        w: weights, a group along the last axis.
        strength: λ_1 ≥ 0, or all λ, largest first.
        ratio: the smallest λ is ratio·λ_1, in [0, 1], and those between lie on a line.

    >>> float(ordered_l1([-3.0, 1.0], 1.0, 0.5))
    3.5
    """
    xp, _, x, _ = ready(w, strength)
    if 0 in x.shape:
        return xp.sum(x)
    return xp.sum(xp.sort(size(xp, x), axis=-1) * ramp(xp, strength, ratio, x.shape[-1], x))


def shrink_ordered(w: Array, step: Number, strength: Number, ratio: Number = 0.5) -> Array:
    """The proximal map of `ordered_l1`: sort, subtract step·λ, make monotone, clip at 0, and restore the order.

    Args:
        w: weights, a group along the last axis.
        step: > 0, a number or one per group (size 1 along the last axis).
        strength: λ_1 ≥ 0, or all λ, largest first.
        ratio: of the smallest λ to the largest.

    Reference: Bogdan et al., SLOPE: adaptive variable selection via convex optimization (2015).

    >>> import numpy as np
    >>> shrink_ordered(np.asarray([-3.0, 2.8, 0.2]), 1.0, 1.0, 0.5).round(4)
    array([-2.025,  2.025,  0.   ])
    """
    xp, w, x, s = ready(w, step)
    if 0 in w.shape:
        return w
    a = size(xp, x)
    order = xp.argsort(a, axis=-1)
    rest = xp.take_along_axis(a, order, axis=-1) - s * ramp(xp, strength, ratio, x.shape[-1], x)
    fit = project_monotone(rest, x.ndim - 1)
    fit = xp.where(fit < 0, xp.zeros_like(fit), fit)
    z = xp.take_along_axis(fit, xp.argsort(order, axis=-1), axis=-1)
    return narrow(xp, signed(xp, x, z), w.dtype)
