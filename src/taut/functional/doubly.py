"""Nearest doubly stochastic matrix: entries ≥ 0, every row and every column adds up to 1."""

from __future__ import annotations

from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, Number, eps, namespace, narrow, number, real, widen, widest
from taut.functional._norms import disagreement, positive, total
from taut.functional._threshold import waterline
from taut.functional.sums import sum_error

ROUNDS = 500
"""Most rounds over rows and columns."""
SCALINGS = 100
"""Most scalings in the feasible finish."""


def project_doubly_stochastic(w: Array, step: Number | None = None) -> Array:
    """Nearest doubly stochastic matrix over the last two axes, with any step size per weight, to a tolerance.

    z = max(w − step·(θ_i + φ_j), 0), with one number for each row and column. If one of θ and φ is known, the other is
    one threshold per slice, so they are computed alternately (Dykstra's algorithm, in its dual form) until the sums are
    right to 16·eps, at most `ROUNDS` times. The result is within about 1e-6 of the nearest matrix, unless entries or
    step sizes differ a thousandfold, and it is always feasible. A last scaling of rows and columns keeps zeros; if the
    result is still not accepted, it is moved towards the matrix of equal entries as little as necessary. The derivative
    is that of z with θ and φ fixed.

    Args:
        w: weights, square over the last two axes.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_doubly_stochastic(np.asarray([[2.0, 1.0], [0.0, 0.0]])).round(4)
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    xp = namespace(w, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    n = w.shape[-1]
    rows, columns = (w.ndim - 1,), (w.ndim - 2,)
    x = xp.astype(w, widest(xp, w))
    s = (xp.ones_like(x) if step is None else number(xp, step, x)) + xp.zeros_like(x)
    fx, fs, one = constant(x), constant(s), number(xp, 1.0, x)

    def point(x: Array, s: Array, theta: Array, phi: Array) -> Array:
        z = x - s * (theta + phi)
        return xp.where(z > 0, z, xp.zeros_like(z))

    def turn(state: tuple[Array, ...]) -> tuple[Array, ...]:
        _, phi, _ = state
        theta = waterline(xp, fx - fs * phi, fs, one, rows)
        phi = waterline(xp, fx - fs * theta, fs, one, columns)
        off = xp.max(xp.abs(total(xp, point(fx, fs, theta, phi), rows) - 1))
        return theta, phi, off > 16 * eps(x.dtype)

    theta, phi = xp.zeros_like(total(xp, fx, rows)), xp.zeros_like(total(xp, fx, columns))
    theta, phi, _ = while_(xp, ROUNDS, lambda state: state[2], turn, (theta, phi, xp.any(fx == fx)))
    z = point(x, s, theta, phi)

    def scale(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        r, c, _ = state
        fz = constant(z)
        r = r / positive(xp, total(xp, r * fz * c, rows))
        c = c / positive(xp, total(xp, r * fz * c, columns))
        off = xp.max(xp.abs(total(xp, r * fz * c, rows) - 1))
        return r, c, off > 4 * eps(x.dtype)

    r, c = xp.ones_like(theta), xp.ones_like(phi)
    r, c, _ = while_(xp, SCALINGS, lambda state: state[2], scale, (r, c, xp.any(fx == fx)))
    scaled = r * z * c
    row, column = total(xp, z, rows) - 1, total(xp, z, columns) - 1
    flat = z - row / n - column / n + total(xp, row, columns) / (n * n)
    below = xp.max(-flat, axis=(-2, -1), keepdims=True)
    share = xp.where(below > 0, below * n / (1 + xp.where(below > 0, below, 0 * below) * n), 0 * below)
    flat = (1 - share) * flat + share / n
    flat = xp.where(flat > 0, flat, xp.zeros_like(flat))
    z = xp.where(_accepted(xp, narrow(xp, scaled, w.dtype)), scaled, flat)
    return xp.where(_accepted(xp, w), w, narrow(xp, z, w.dtype))


def doubly_stochastic_violation(w: Array) -> Array:
    """The largest of: how far an entry is below 0, how far a row's or a column's sum is from 1."""
    xp = namespace(w)
    w = real(xp, w)
    x = widen(xp, w)
    if 0 in w.shape:
        return xp.sum(x)
    worst = xp.max(xp.where(x < 0, -x, xp.where(x == x, xp.zeros_like(x), x)))
    for axis in (-1, -2):
        off, accepted = sum_error(xp, w, 1.0, (w.ndim + axis,), disagreement(w.dtype))
        worst = worst + xp.astype(xp.max(xp.where(accepted, xp.zeros_like(off), off)), x.dtype)
    return worst


def _accepted(xp: Namespace, w: Array) -> Array:
    fine = xp.all(w >= 0, axis=(-2, -1), keepdims=True)
    for axis in (-1, -2):
        fine = fine & xp.all(sum_error(xp, w, 1.0, (w.ndim + axis,))[1], axis=(-2, -1), keepdims=True)
    return fine
