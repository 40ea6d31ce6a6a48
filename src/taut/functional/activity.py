"""Penalties that are differentiated with the loss: smooth ones, and penalties on activities."""

from __future__ import annotations

from taut.functional._dtype import Array, Number, namespace, narrow, number, real, widen
from taut.functional._entry import size
from taut.functional._norms import positive, root_sum_squares
from taut.functional.proximal import soft

TINY = 2.0**-23
"""How close a mean activity may come to 0 or 1 before its divergence, infinite there, stops growing: about
1e-7, and a number that float32 can subtract from 1."""


def huber(w: Array, strength: Number, delta: Number) -> Array:
    """Squares for small weights, absolute values for large: strength·Σ h(w), as Keras's Huber loss.

    h(w) = ½w² up to |w| = δ, and δ(|w| − δ/2) beyond.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or broadcastable to ``w``.
        delta: δ > 0.

    >>> float(huber([-3.0, 0.5], 1.0, 1.0))
    2.625
    """
    xp = namespace(w, strength, delta)
    x = widen(xp, real(xp, w))
    lam, d = number(xp, strength, x), number(xp, delta, x)
    a = size(xp, x)
    # Only values that are used are squared: the square of a large weight would overflow and reach the gradient.
    b = xp.where(a < d, x, d)
    return xp.sum(lam * xp.where(a <= d, b * b / 2, d * (a - d / 2)))


def shrink_huber(w: Array, step: Number, strength: Number, delta: Number) -> Array:
    """The proximal map of `huber`: w/(1 + t) up to |w| = δ(1 + t), then w shortened by tδ; t = step·strength.

    Args:
        w: weights, any shape.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0.
        delta: δ > 0.

    >>> import numpy as np
    >>> shrink_huber(np.asarray([-3.0, 1.0]), 1.0, 1.0, 1.0)
    array([-2. ,  0.5])
    """
    xp = namespace(w, step, strength, delta)
    w = real(xp, w)
    x = widen(xp, w)
    t, d = number(xp, step, x) * number(xp, strength, x), number(xp, delta, x)
    return narrow(xp, xp.where(xp.abs(x) <= d * (1 + t), x / (1 + t), soft(xp, x, t * d)), w.dtype)


def hoyer_square(w: Array, strength: Number) -> Array:
    """How spread out the weights are, independent of their scale: strength·(Σ|w|)²/Σw², between 1 and their number.

    Zero weights give 0, with gradient 0.

    Args:
        w: weights, any shape.
        strength: ≥ 0.

    Reference: Yang, Wen & Li, DeepHoyer (2020).

    >>> float(hoyer_square([[3.0, 0.0], [0.0, 0.0]], 2.0))
    2.0
    """
    xp = namespace(w, strength)
    x = widen(xp, real(xp, w))
    norm = xp.astype(root_sum_squares(xp, x, tuple(range(x.ndim))), x.dtype)
    ratio = xp.sum(size(xp, x) / positive(xp, norm))
    return number(xp, strength, x) * ratio * ratio


def kl_sparsity(a: Array, strength: Number, target: Number) -> Array:
    """How far the mean activities over a batch are from a target: strength·Σ_j KL(ρ ‖ ρ̂_j).

    KL(ρ ‖ ρ̂) = ρ log(ρ/ρ̂) + (1−ρ) log((1−ρ)/(1−ρ̂)), with ρ̂_j the mean of unit j over axis 0. Means within
    2⁻²³ of 0 or 1, or outside, count as 2⁻²³ away.

    Args:
        a: activities in (0, 1), the batch along axis 0.
        strength: ≥ 0.
        target: ρ in (0, 1).

    Reference: Ng, Sparse autoencoder, CS294A lecture notes (2011).

    >>> float(kl_sparsity([[0.1, 0.3], [0.3, 0.1]], 1.0, 0.2))
    0.0
    """
    xp = namespace(a, strength, target)
    x = widen(xp, real(xp, a))
    rho = number(xp, target, x)
    mean = xp.mean(x, axis=0) if x.ndim else x
    low, high = xp.full_like(mean, TINY), xp.full_like(mean, 1 - TINY)
    mean = xp.where(mean < low, low, xp.where(mean > high, high, mean))
    divergence = rho * xp.log(rho / mean) + (1 - rho) * xp.log((1 - rho) / (1 - mean))
    return number(xp, strength, x) * xp.sum(divergence)


def entropy(p: Array, strength: Number) -> Array:
    """How uncertain probabilities are: −strength·Σ p log p, in nats, with 0·log 0 = 0.

    At p ≤ 0 an entry adds nothing and has gradient 0.

    Args:
        p: probabilities, any shape.
        strength: ≥ 0.

    >>> round(float(entropy([0.5, 0.5, 0.0], 1.0)), 4)
    0.6931
    """
    xp = namespace(p, strength)
    x = widen(xp, real(xp, p))
    used = xp.where(x <= 0, xp.zeros_like(x), x)
    return -number(xp, strength, x) * xp.sum(used * xp.log(xp.where(x <= 0, xp.ones_like(x), x)))


def squared_differences(w: Array, strength: Number, axis: int, order: int = 1) -> Array:
    """How rough weights are along an axis: strength·Σ (w_{i+1} − w_i)², or the same of second differences.

    Args:
        w: weights, any shape with ``axis``.
        strength: ≥ 0.
        axis: the axis whose neighbours are compared.
        order: 1 for differences, 2 for differences of differences, and so on.

    >>> float(squared_differences([0.0, 1.0, 3.0], 1.0, 0)), float(squared_differences([0.0, 1.0, 3.0], 1.0, 0, 2))
    (5.0, 1.0)
    """
    xp = namespace(w, strength)
    x = widen(xp, real(xp, w))
    x = xp.moveaxis(x, axis, 0)
    for _ in range(order):
        x = x[1:, ...] - x[:-1, ...]
    return number(xp, strength, x) * xp.sum(x * x)
