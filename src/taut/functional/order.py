"""Nearest monotone sequence: isotonic regression, for every line along an axis at once."""

from __future__ import annotations

from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, number, real, widen, widest
from taut.functional._norms import positive


def project_monotone(w: Array, axis: int, step: Number | None = None) -> Array:
    """Nearest point that never decreases along ``axis``.

    Neighbours in the wrong order are pooled: the solution is constant on blocks, each the mean of its entries
    weighted by 1/step. Every pass pools all neighbouring blocks that are in the wrong order, in all lines, so the
    number of passes is that of the longest chain of poolings, at most the size of the axis and usually far fewer.
    An entry that is a block of its own is not changed.

    Args:
        w: weights, any shape.
        axis: the axis along which the lines run.
        step: the step size, a number or shaped like ``w``; > 0.

    Reference: Best & Chakravarti (1990), Active set algorithms for isotonic regression.

    >>> import numpy as np
    >>> project_monotone(np.asarray([3.0, 1.0, 4.0]), 0)
    array([2., 2., 4.])
    """
    xp = namespace(w, step)
    w = real(xp, w)
    size = w.shape[axis]
    if 0 in w.shape or size == 1:
        return w
    wide = xp.astype(w, widest(xp, w))
    s = xp.ones_like(wide) if step is None else number(xp, step, wide) + xp.zeros_like(wide)
    x, weight = xp.moveaxis(wide, axis, -1), xp.moveaxis(1 / s, axis, -1)  # (lines…, size)
    fixed, mass = constant(x), constant(weight)
    first = xp.ones_like(fixed[..., :1]) > 0

    def body(state: tuple[Array, Array]) -> tuple[Array, Array]:
        start, _ = state
        z = _block_means(xp, fixed, mass, start)
        # A block is pooled with the one before it: its mean is below that one's.
        falls = start[..., 1:] & (z[..., 1:] < z[..., :-1])
        return xp.concat([first, start[..., 1:] & ~falls], axis=-1), xp.any(falls)

    start = xp.ones_like(fixed) > 0
    start, _ = while_(xp, size, lambda s: s[1], body, (start, xp.any(start)))
    z = _block_means(xp, x, weight, start)
    # A compiler may round these means differently from those in the loop: this must not make a block decrease.
    shift = 1
    while shift < size:
        before = xp.concat([z[..., :shift], z[..., : size - shift]], axis=-1)
        z = xp.where(before > z, before, z)
        shift *= 2
    alone = xp.moveaxis(_alone(xp, start) & (z == x), -1, axis)
    return xp.where(alone, w, narrow(xp, xp.moveaxis(z, -1, axis), w.dtype))


def fall(w: Array, axis: int) -> Array:
    """The largest decrease along ``axis``; 0.0 if there is none.

    >>> import numpy as np
    >>> float(fall(np.asarray([3.0, 1.0, 4.0]), 0))
    2.0
    """
    xp = namespace(w)
    x = xp.moveaxis(widen(xp, real(xp, w)), axis, -1)
    down = x[..., :-1] - x[..., 1:]
    if 0 in down.shape:
        return xp.sum(0 * x)
    return xp.max(xp.where(down <= 0, xp.zeros_like(down), down))


def _alone(xp: Namespace, start: Array) -> Array:
    """Whether an entry is a block of its own."""
    last = xp.ones_like(start[..., :1])
    return start & xp.concat([start[..., 1:], last], axis=-1)


def _block_means(xp: Namespace, x: Array, weight: Array, start: Array) -> Array:
    """The weighted mean of every block, at each of its entries with the same bits.

    Sums are taken by doubling the distance that an entry has looked back, and the sum at the end of a block
    is handed back to all of it in the same way: differences of running sums would cancel.
    """
    size = x.shape[-1]
    mass, moment, done = weight, weight * x, start
    shift = 1
    while shift < size:
        mass = mass + xp.where(done, xp.zeros_like(mass), _back(xp, mass, shift))
        moment = moment + xp.where(done, xp.zeros_like(mass), _back(xp, moment, shift))
        done = done | _back(xp, done, shift)
        shift *= 2
    end = xp.concat([start[..., 1:], xp.ones_like(start[..., :1])], axis=-1)
    mean = moment / positive(xp, mass)
    found, shift = end, 1
    while shift < size:
        mean = xp.where(found, mean, _ahead(xp, mean, shift))
        found = found | _ahead(xp, found, shift)
        shift *= 2
    return xp.where(_alone(xp, start), x, mean)


def _back(xp: Namespace, x: Array, shift: int) -> Array:
    """Each entry's neighbour ``shift`` places before it; zero (False) where there is none."""
    return xp.concat([xp.zeros_like(x[..., :shift]), x[..., : x.shape[-1] - shift]], axis=-1)


def _ahead(xp: Namespace, x: Array, shift: int) -> Array:
    return xp.concat([x[..., shift:], xp.zeros_like(x[..., :shift])], axis=-1)
