"""Penalties that stop growing, or grow ever more slowly: sparse like L1, with less shrinkage of large weights.

Each has a value and a proximal map, entry by entry. None is convex, so a long step makes the proximal
objective itself non-convex, with one minimum at zero and one away from it; every map here returns the lower of
the two, at any step, and zero where they are equal. One file because each penalty belongs together with its map.
"""

from __future__ import annotations

from taut.functional._control import constant
from taut.functional._dtype import Array, Namespace, Number, narrow
from taut.functional._entry import ready, signed, size
from taut.functional._norms import positive
from taut.functional._rare import rarely
from taut.functional.proximal import soft

COSINE = (
    1.73205086,
    -0.333346498,
    -0.0956409471,
    -0.0593337194,
    0.053722067,
    -0.429904198,
    1.14151512,
    -1.94873021,
    1.76657777,
    -0.715398883,
)
"""The polynomial of `_twice_cosine`, from c⁰ on."""


def mcp(w: Array, strength: Number, gamma: Number, each: bool = False) -> Array:
    """The minimax concave penalty: Σ λ|w| − w²/(2γ) up to |w| = γλ, and γλ²/2 beyond.

    Args:
        w: weights, any shape.
        strength: λ ≥ 0, a number or broadcastable to ``w``.
        gamma: γ > 0; the larger, the nearer to L1.
        each: return one value per entry instead of the sum.

    >>> float(mcp([-3.0, 0.5], 1.0, 2.0))
    1.4375
    """
    xp, _, x, lam, g = ready(w, strength, gamma)
    a = size(xp, x)
    value = xp.where(a <= g * lam, lam * a - a * a / (2 * g), g * lam * lam / 2)
    return value if each else xp.sum(value)


def firm_threshold(w: Array, step: Number, strength: Number, gamma: Number) -> Array:
    """The proximal map of `mcp`.

    For step < γ: 0 up to |w| = step·λ, w unchanged beyond γλ, and a straight line between. For step ≥ γ the
    objective is concave up to γλ and its minimum jumps from 0 to w at |w| = λ√(step·γ).

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: λ ≥ 0.
        gamma: γ > 0.

    Reference: Zhang, Nearly unbiased variable selection under minimax concave penalty (2010).

    >>> import numpy as np
    >>> firm_threshold(np.asarray([-3.0, 1.5, 0.5]), 1.0, 1.0, 2.0)
    array([-3.,  1.,  0.])
    """
    xp, w, x, s, lam, g = ready(w, step, strength, gamma)
    return narrow(xp, firm(xp, x, s, lam, g), w.dtype)


def firm(xp: Namespace, x: Array, s: Array, lam: Array, g: Array) -> Array:
    """`firm_threshold` on arrays that are already in computing precision."""
    concave = s >= g
    edge = xp.where(concave, lam * xp.sqrt(s * g), g * lam)
    line = soft(xp, x, s * lam) * (g / positive(xp, g - s))
    return xp.where(size(xp, x) <= edge, xp.where(concave, xp.zeros_like(line), line), x)


def scad(w: Array, strength: Number, gamma: Number, each: bool = False) -> Array:
    """Smoothly clipped absolute deviation: λ|w| up to λ, a quadratic up to γλ, then λ²(γ+1)/2.

    Args:
        w: weights, any shape.
        strength: λ ≥ 0, a number or broadcastable to ``w``.
        gamma: γ > 2.
        each: return one value per entry instead of the sum.

    >>> float(scad([-3.0, 0.5], 1.0, 3.0))
    2.5
    """
    xp, _, x, lam, g = ready(w, strength, gamma)
    a = size(xp, x)
    bend = (2 * g * lam * a - a * a - lam * lam) / (2 * (g - 1))
    value = xp.where(a <= lam, lam * a, xp.where(a <= g * lam, bend, lam * lam * (g + 1) / 2))
    return value if each else xp.sum(value)


def scad_threshold(w: Array, step: Number, strength: Number, gamma: Number) -> Array:
    """The proximal map of `scad`.

    For step < γ − 1: soft-thresholding up to |w| = (1 + step)λ, a straight line up to γλ, w beyond. For
    step ≥ γ − 1 the middle piece is concave and the minimum jumps from the soft threshold to w, where
    the two are worth the same: at λ(γ + 1 + step)/2, or at λ√(step(γ+1)) if the soft threshold is still 0.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: λ ≥ 0.
        gamma: γ > 2.

    Reference: Fan & Li, Variable selection via nonconcave penalized likelihood (2001), for a step of 1.

    >>> import numpy as np
    >>> scad_threshold(np.asarray([-4.0, 2.5, 1.5]), 1.0, 1.0, 3.0)
    array([-4. ,  2. ,  0.5])
    """
    xp, w, x, s, lam, g = ready(w, step, strength, gamma)
    a = size(xp, x)
    concave = s >= g - 1
    near = soft(xp, x, s * lam)
    # soft((γ−1)x, sγλ)/(γ−1−s): the stationary point of the middle piece.
    line = soft(xp, (g - 1) * x, s * g * lam) / positive(xp, g - 1 - s)
    jump = lam * xp.where(s > g + 1, xp.sqrt(s * (g + 1)), (g + 1 + s) / 2)
    edge = xp.where(concave, jump, (1 + s) * lam)
    far = xp.where(concave | (a > g * lam), x, line)
    return narrow(xp, xp.where(a > edge, far, near), w.dtype)


def log_sum(w: Array, strength: Number, delta: Number, each: bool = False) -> Array:
    """The sum of logarithms: strength·Σ log(1 + |w|/δ).

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to ``w``.
        delta: δ > 0, the size below which it is about linear.
        each: return one value per entry instead of the sum.

    >>> round(float(log_sum([1.0, 0.0], 1.0, 1.0)), 4)
    0.6931
    """
    xp, _, x, lam, d = ready(w, strength, delta)
    value = lam * xp.log1p(size(xp, x) / d)
    return value if each else xp.sum(value)


def log_threshold(w: Array, step: Number, strength: Number, delta: Number) -> Array:
    """The proximal map of `log_sum`: the larger root of z² + (δ−|w|)z + step·strength − δ|w|, or 0.

    For step·strength ≤ δ² the objective is convex and the root is the minimum where it is positive; beyond,
    the objective at the root is compared with that at 0 (with one step and δ for all, once for all: `_worth_from`).

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.
        delta: δ > 0.

    Reference: Gong et al., A general iterative shrinkage and thresholding algorithm (2013).

    >>> import numpy as np
    >>> log_threshold(np.asarray([-3.0, 0.5]), 1.0, 1.0, 1.0).round(4)
    array([-2.7321,  0.    ])
    """
    xp, w, x, s, lam, d = ready(w, step, strength, delta)
    a, t = size(xp, x), s * lam
    inside = a + d - 2 * xp.sqrt(positive(xp, t))
    root = xp.sqrt(positive(xp, inside)) * xp.sqrt(inside + 4 * xp.sqrt(positive(xp, t)))
    # Two forms of the same root: one adds where the other would lose digits by cancellation.
    z = xp.where(a >= d, (a - d + root) / 2, 2 * (a * d - t) / positive(xp, d - a + root))
    z = xp.where((inside > 0) & (z > 0), z, xp.zeros_like(z))
    if t.ndim == d.ndim == 0:
        z = xp.where(a > _worth_from(xp, t, d), z, xp.zeros_like(z))
    else:
        gain = t * xp.log1p(z / d) + z * (z / 2 - a)
        z = xp.where((t <= d * d) | (gain < 0), z, xp.zeros_like(z))
    return narrow(xp, signed(xp, x, _unless_idle(xp, z, a, t)), w.dtype)


def l_half(w: Array, strength: Number, each: bool = False) -> Array:
    """The sum of square roots: strength·Σ √|w|. At zero its gradient is taken to be 0.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to ``w``.
        each: return one value per entry instead of the sum.

    >>> float(l_half([-4.0, 0.0], 1.0))
    2.0
    """
    xp, _, x, lam = ready(w, strength)
    a = size(xp, x)
    value = lam * xp.where(a > 0, xp.sqrt(positive(xp, a)), a)
    return value if each else xp.sum(value)


def half_threshold(w: Array, step: Number, strength: Number) -> Array:
    """The proximal map of `l_half`: 0 up to |w| = (3/2)(step·strength)^(2/3), then a root by cosines.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.

    Reference: Xu et al., L1/2 regularization: a thresholding representation theory (2012).

    >>> import numpy as np
    >>> half_threshold(np.asarray([-3.0, 1.0]), 1.0, 1.0).round(4)
    array([-2.6955,  0.    ])
    """
    xp, w, x, s, lam = ready(w, step, strength)
    t = s * lam
    kept = size(xp, x) > 1.5 * t ** (2 / 3)
    a = xp.where(kept, size(xp, x), xp.ones_like(x + t))
    inverse = 1 / xp.sqrt(a)
    # In this order: each factor of c is in range wherever c is, and c ≤ √½ where kept.
    c = xp.where(kept, t * inverse * (0.75 * 3**0.5) * inverse * inverse, xp.zeros_like(a))
    v = _twice_cosine(c, 0 if x.dtype.itemsize == 4 else 2)
    z = xp.where(kept, x * (v * v / 3), xp.zeros_like(a))
    return narrow(xp, _unless_idle(xp, z, x, t), w.dtype)


def l0(w: Array, strength: Number, each: bool = False) -> Array:
    """The number of weights that are not zero: Σ strength·[w ≠ 0]. Its gradient is 0.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to ``w``.
        each: return one value per entry instead of the sum.

    >>> float(l0([-4.0, 0.0], 0.5))
    0.5
    """
    xp, _, x, lam = ready(w, strength)
    value = lam * xp.sign(x) * xp.sign(x)
    return value if each else xp.sum(value)


def hard_threshold(w: Array, step: Number, strength: Number) -> Array:
    """The proximal map of `l0`: weights up to |w| = √(2·step·strength) become 0, the others stay.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.

    Reference: Blumensath & Davies, Iterative thresholding for sparse approximations (2008).

    >>> import numpy as np
    >>> hard_threshold(np.asarray([-3.0, 1.0]), 1.0, 2.0)
    array([-3.,  0.])
    """
    xp, w, x, s, lam = ready(w, step, strength)
    return narrow(xp, xp.where(size(xp, x) <= xp.sqrt(2 * s * lam), xp.zeros_like(x), x), w.dtype)


def capped_l1(w: Array, strength: Number, cap: Number, each: bool = False) -> Array:
    """L1 with an upper limit: strength·Σ min(|w|, cap).

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to ``w``.
        cap: > 0.
        each: return one value per entry instead of the sum.

    >>> float(capped_l1([-3.0, 0.5], 1.0, 2.0))
    2.5
    """
    xp, _, x, lam, c = ready(w, strength, cap)
    a = size(xp, x)
    value = lam * xp.where(a < c, a, c)
    return value if each else xp.sum(value)


def capped_threshold(w: Array, step: Number, strength: Number, cap: Number) -> Array:
    """The proximal map of `capped_l1`: the soft threshold, or w where paying the cap is cheaper.

    That is beyond |w| = cap + t/2 with t = step·strength, or beyond √(2·t·cap) if the soft threshold is
    still 0 there (t > 2·cap).

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.
        cap: > 0.

    Reference: Zhang, Analysis of multi-stage convex relaxation for sparse regularization (2010).

    >>> import numpy as np
    >>> capped_threshold(np.asarray([-3.0, 1.5]), 1.0, 1.0, 2.0)
    array([-3. ,  0.5])
    """
    xp, w, x, s, lam, c = ready(w, step, strength, cap)
    t = s * lam
    edge = xp.where(t > 2 * c, xp.sqrt(2 * t * c), c + t / 2)
    return narrow(xp, xp.where(size(xp, x) > edge, x, soft(xp, x, t)), w.dtype)


def _worth_from(xp: Namespace, t: Array, d: Array) -> Array:
    """The |w| beyond which the root in `log_threshold` is below zero's objective, for numbers t and δ.

    There the root z = δu has objective and slope 0: log(1+u) − u/(1+u) = qu²/2 with q = δ²/t, and |w| = z + t/(δ+z). Right
    of its positive root the difference of the two sides is concave and falls, so that Newton from the right stays
    there; log(1+u) ≤ log(1/q) gives the start, from where five steps are usual. For q ≥ 1 there is no jump.
    """
    t, d = constant(t), constant(d)
    jumps = t > d * d

    def solve(edge: Array) -> Array:
        q = xp.where(jumps, d * d / positive(xp, t), xp.full_like(t, 0.5))
        start, other = 1 / q - 1, xp.sqrt(-2 * xp.log(q) / q)
        u = xp.where(start < other, start, other)
        for _ in range(8):
            slope = u * (q - 1 / ((1 + u) * (1 + u)))
            u = u + (xp.log1p(u) - u / (1 + u) - q * u * u / 2) / positive(xp, slope)
        return xp.where(jumps, d * u + t / (d * (1 + u)), edge)

    return rarely(xp, jumps, solve, t / d)


def _twice_cosine(c: Array, rounds: int) -> Array:
    """2·cos((π − acos c)/3) for c from 0 to √½: the largest root of v³ − 3v + 2c.

    XLA takes fifty times as long for a cosine and its inverse as for a copy. A polynomial of degree 9 is within 8.3e-8
    (fitted at Chebyshev's points), which is rounding in float32; each Newton step squares that.
    """
    v = COSINE[-1] * c + COSINE[-2]
    for factor in COSINE[-3::-1]:
        v = v * c + factor
    for _ in range(rounds):
        v = 2 * (v * v * v - c) / (3 * (v * v - 1))
    return v


def _unless_idle(xp: Namespace, z: Array, a: Array, threshold: Array) -> Array:
    """``z``; but ``a`` as it is where there is nothing to threshold with, and where it is NaN."""
    return xp.where((threshold > 0) & (a == a), z, a)
