"""Nearest convex sequence, for every line along an axis at once.

A convex sequence is made of straight pieces between knots. For given knots the nearest one is a weighted least-squares
fit by hat functions, a well-conditioned system; which entries are knots is found by block principal pivoting: whatever
is wrong (a knot that bends downwards, an entry held straight that pulls the other way) changes its role, all at once as
long as that leaves fewer of them wrong, otherwise the last of them alone, which ends after finitely many rounds.
"""

from __future__ import annotations

from typing import Any

from taut.functional._control import constant, while_
from taut.functional._dtype import (
    Array,
    Namespace,
    Number,
    beside,
    eps,
    namespace,
    narrow,
    number,
    real,
    smallest,
    widen,
    widest,
)
from taut.functional._norms import disagreement, kappa

ROUNDS = 100
"""Most rounds of exchanges: 20 were enough for lines of 60 entries."""
PATIENCE = 3
"""Rounds in which all roles may change though no fewer are wrong."""


def project_convex(w: Array, axis: int, step: Number | None = None) -> Array:
    """Nearest point whose second differences along ``axis`` are at least 0, with any step size per weight.

    Exact up to rounding if `ROUNDS` rounds are enough; then knots that bend downwards are removed, so that the result
    is always convex. Each round solves an n × n system per line, so it is meant for lines of up to about a hundred
    entries. `bend` says which second differences are accepted.

    Args:
        w: weights, any shape.
        axis: the axis along which the lines run.
        step: the step size, a number or shaped like ``w``; > 0.

    Reference: Hildreth, Point estimates of ordinates of concave functions (1954), for the problem; Portugal, Júdice &
    Vicente, A comparison of block pivoting and interior-point algorithms (1994), for the method.

    >>> import numpy as np
    >>> project_convex(np.asarray([0.0, 3.0, 0.0]), 0)
    array([1., 1., 1.])
    """
    xp = namespace(w, step)
    w = real(xp, w)
    n = w.shape[axis]
    if 0 in w.shape or n < 3:
        return w
    wide = xp.astype(w, widest(xp, w))
    s = xp.ones_like(wide) if step is None else number(xp, step, wide) + xp.zeros_like(wide)
    s = xp.where(s > 0, s, xp.full_like(s, eps(s.dtype)))
    x, mass = xp.moveaxis(wide, axis, -1), xp.moveaxis(1 / s, axis, -1)  # (lines…, n)
    mass = mass / xp.max(mass, axis=-1, keepdims=True)
    # Outside the range of the precision, the entries with the smallest weight would make the system singular.
    mass = xp.where(mass > eps(mass.dtype), mass, xp.full_like(mass, eps(mass.dtype)))
    fx, fm = constant(x), constant(mass)
    place = xp.arange(n, **beside(w))
    inner = ((place > 0) & (place < n - 1)) | (fx != fx)
    tiny = 32 * eps(fx.dtype)

    def wrong(knots: Array) -> tuple[Array, Array]:
        """Which knots bend downwards, and which other entries pull the other way."""
        z = _fit(xp, fx, fm, knots)
        curve = _second(xp, z)
        rest = fm * (z - fx)
        far = xp.astype(place[:, None] - place[None, :], z.dtype)
        lever = xp.where(far > 0, far, xp.zeros_like(far))
        pull = xp.sum(lever * rest[..., None, :], axis=-1)
        noise = xp.sum(lever * xp.abs(rest)[..., None, :], axis=-1)
        bends = knots & inner & (curve < -tiny * xp.max(xp.abs(z), axis=-1, keepdims=True))
        return bends, ~knots & inner & (pull < -tiny * noise)

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        knots, fewest, tries, count, _ = state
        bends, pulls = wrong(knots)
        off = bends | pulls
        many = xp.sum(xp.astype(off, fx.dtype), axis=-1, keepdims=True)
        fewer = many < fewest
        tries = xp.where(fewer, PATIENCE + 0 * tries, tries - 1)
        last = off & (place == xp.max(xp.where(off, place, 0 * place), axis=-1, keepdims=True))
        change = xp.where(tries >= 0, off, last)
        # At the end only knots that bend downwards are removed, so that the number of knots decreases.
        change = xp.where(count < ROUNDS, change, bends)
        going = xp.any(xp.where(count < ROUNDS, off, bends))
        return knots ^ change, xp.where(fewer, many, fewest), tries, count + 1, going

    lines = xp.zeros_like(fx[..., :1])
    state = (fx == fx, lines + n + 1, lines + PATIENCE, xp.sum(0 * lines), xp.any(fx == fx))
    knots = while_(xp, ROUNDS + n, lambda state: state[4], body, state)[0]
    z = xp.moveaxis(_fit(xp, x, mass, knots), -1, axis)
    accepted = xp.max(bend(w, axis, 0.0), axis=axis, keepdims=True) <= 0
    return xp.where(accepted, w, narrow(xp, z, w.dtype))


def bend(w: Array, axis: int, slack: float | None = None) -> Array:
    """How far each second difference along ``axis`` is below 0, shaped like ``w``; 0 where it is accepted.

    Straight pieces are straight up to rounding: 2 kappa of the line's largest weight is allowed, plus the subnormals of
    four roundings, plus ``slack`` (`disagreement` if it is None).

    >>> import numpy as np
    >>> bend(np.asarray([0.0, 3.0, 0.0]), 0)
    array([0., 6., 0.])
    """
    xp = namespace(w)
    w = real(xp, w)
    x = xp.moveaxis(xp.astype(w, widest(xp, w)), axis, -1)
    if 0 in w.shape or x.shape[-1] < 3:
        return 0 * widen(xp, w)
    down = -_second(xp, x)
    slack = 4 * disagreement(w.dtype) if slack is None else slack
    allowed = (2 * kappa(w.dtype) + slack) * xp.max(xp.abs(x), axis=-1, keepdims=True)
    allowed = allowed + 4 * smallest(w.dtype)
    down = xp.where(down <= allowed, xp.zeros_like(down), down)
    return xp.astype(xp.moveaxis(down, -1, axis), widen(xp, w).dtype)


def _second(xp: Namespace, z: Array) -> Array:
    """z_{i−1} − 2 z_i + z_{i+1}, and 0 at the ends."""
    none = xp.zeros_like(z[..., :1])
    inner = (z[..., :-2] - z[..., 1:-1]) + (z[..., 2:] - z[..., 1:-1])
    return xp.concat([none, inner, none], axis=-1)


def _fit(xp: Namespace, x: Array, mass: Array, knots: Array) -> Array:
    """The weighted least-squares fit that is straight between knots (…, n)."""
    n = x.shape[-1]
    i = xp.arange(n, **beside(x))
    marked = knots[..., None, :]  # (…, entry, knot)
    low, high = xp.zeros_like(i), xp.full_like(i, n - 1)
    before = xp.max(xp.where(marked & (i[None, :] <= i[:, None]), i, low), axis=-1, keepdims=True)
    after = xp.min(xp.where(marked & (i[None, :] >= i[:, None]), i, high), axis=-1, keepdims=True)
    gap = xp.astype(after - before, x.dtype)
    share = xp.astype(i[:, None] - before, x.dtype) / xp.where(gap > 0, gap, xp.ones_like(gap))
    none = 0 * share
    hats = xp.where(i == before, 1 - share, none) + xp.where((i == after) & (after > before), share, none)
    turned: Any = xp.matrix_transpose(hats)
    gram = turned @ (mass[..., None] * hats)
    size = xp.sum(mass[..., None] * hats * hats, axis=-2)  # the diagonal
    size = xp.where(size > 0, size, xp.ones_like(size))
    scale = 1 / xp.sqrt(size)
    unused = xp.astype(xp.where(knots, 0 * i, 0 * i + 1), x.dtype) + 4 * eps(x.dtype)
    system = scale[..., :, None] * gram * scale[..., None, :] + unused[..., None] * xp.eye(
        n, dtype=x.dtype, **beside(x)
    )
    right = scale[..., None] * (turned @ (mass * x)[..., None])
    return (hats @ (scale[..., None] * xp.linalg.solve(system, right)))[..., 0]
