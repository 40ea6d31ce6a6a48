"""How far weights are outside a set: the value for the worst entry or unit; 0.0 for every result of a projection.

For that, norms and sums allow `disagreement`, since another library or processor may have computed them in the
projection.
"""

from __future__ import annotations

from taut.functional._dtype import Array, Namespace, Number, namespace, number, real, widen
from taut.functional._norms import disagreement, root_sum_squares
from taut.functional.projections import norm_bounds


def box(w: Array, low: Number | None = None, high: Number | None = None) -> Array:
    """The largest distance of an entry from [low, high].

    >>> float(box([-3.0, 0.5], -1.0, 1.0))
    2.0
    """
    xp = namespace(w, low, high)
    x = widen(xp, real(xp, w))
    out = xp.zeros_like(x)
    if low is not None:
        out = xp.maximum(out, number(xp, low, x) - x)
    if high is not None:
        out = xp.maximum(out, x - number(xp, high, x))
    return _worst(xp, out)


def norms(w: Array, low: Number | None, high: Number, axes: tuple[int, ...]) -> Array:
    """The largest distance of a slice's L2 norm over ``axes`` from [low, high].

    >>> float(norms([3.0, 4.0], None, 2.0, (0,)))
    3.0
    """
    xp = namespace(w, low, high)
    w = real(xp, w)
    if 0 in w.shape:  # no weights: nothing is outside, though the norm of none is 0
        return _worst(xp, widen(xp, w))
    norm = root_sum_squares(xp, w, axes)
    top = number(xp, high, norm)
    zero, slack = xp.zeros_like(norm), disagreement(w.dtype)
    if low is None:
        outside, excess = norm > top * (1 + slack), norm - top
    else:
        bottom = number(xp, low, norm)
        bottom = xp.where(bottom > 0, bottom, xp.zeros_like(bottom))
        accept_low, accept_high, _, _ = norm_bounds(xp, bottom, top, w.dtype)
        outside = (norm < accept_low * (1 - slack)) | (norm > accept_high * (1 + slack))
        excess = xp.maximum(bottom - norm, norm - top)
    # NaN is neither inside nor outside; it must not count as feasible.
    return xp.astype(_worst(xp, xp.where(outside | (norm != norm), excess, zero)), widen(xp, w).dtype)


def _worst(xp: Namespace, x: Array) -> Array:
    return xp.max(x) if 0 not in x.shape else xp.sum(x)
