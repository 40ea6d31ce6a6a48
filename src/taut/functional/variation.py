"""Total variation along an axis: piecewise constant profiles."""

from __future__ import annotations

from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, Number, narrow, number, widest
from taut.functional._entry import ready, size


def total_variation(w: Array, strength: Number, axis: int) -> Array:
    """The sum of absolute differences of neighbours: strength·Σ |w_{i+1} − w_i|.

    Args:
        w: weights, any shape with ``axis``.
        strength: ≥ 0.
        axis: the axis whose neighbours are compared.

    >>> float(total_variation([0.0, 1.0, -1.0], 1.0, 0))
    3.0
    """
    xp, _, x, lam = ready(w, strength)
    x = xp.moveaxis(x, axis, -1)
    return lam * xp.sum(size(xp, x[..., 1:] - x[..., :-1]))


def flatten_pieces(w: Array, step: Number, strength: Number, axis: int) -> Array:
    """The proximal map of `total_variation`, with any step size per weight, by following it from strength 0 upwards.

    As the strength grows, pieces move in straight lines and only ever join (a step size of 1/m stands for m equal
    entries, so this holds with a step size per weight too). Every round goes to the next joining in each line. There
    are at most as many rounds as the axis is long, so the time grows with its square: use it for axes of up to a few
    thousand entries.

    Args:
        w: weights, any shape with ``axis``.
        step: > 0, a number or shaped like ``w``.
        strength: ≥ 0, a number.
        axis: the axis whose neighbours are compared.

    Reference: Friedman et al., Pathwise coordinate optimization (2007), §4, for one step.

    >>> import numpy as np
    >>> flatten_pieces(np.asarray([0.0, 1.0, 5.0]), 1.0, 1.0, 0)
    array([1., 1., 4.])
    """
    xp, w, x, _, _ = ready(w, step, strength)
    count = w.shape[axis]
    if 0 in w.shape or count == 1:
        return w
    wide = xp.astype(x, widest(xp, x))
    lam = number(xp, strength, wide)
    x = xp.moveaxis(wide, axis, -1)  # (lines…, count)
    mass = xp.moveaxis(1 / (number(xp, step, wide) + xp.zeros_like(wide)), axis, -1)
    first = xp.ones_like(x[..., :1]) > 0
    fixed, weight, goal = constant(x), constant(mass), constant(lam)
    rises = xp.sign(fixed[..., 1:] - fixed[..., :-1])  # of an edge; a piece's ends keep theirs until they join

    def meeting(start: Array) -> Array:
        """The strength at which the pieces beside each edge meet, infinite where they do not or have met."""
        mean, pull = _pieces(xp, fixed, weight, rises, start)
        gap = (mean[..., 1:] - mean[..., :-1]) * rises
        speed = (pull[..., :-1] - pull[..., 1:]) * rises
        gap = xp.where(gap > 0, gap, xp.zeros_like(gap))  # rounding alone makes it negative
        meets = start[..., 1:] & (speed > 0)
        return xp.where(meets, gap / xp.where(meets, speed, xp.ones_like(speed)), xp.full_like(gap, xp.inf))

    def body(state: tuple[Array, Array]) -> tuple[Array, Array]:
        start, _ = state
        at = meeting(start)
        soonest = xp.min(at, axis=-1, keepdims=True)
        joins = (at <= soonest) & (soonest < goal)
        return xp.concat([first, start[..., 1:] & ~joins], axis=-1), xp.any(joins)

    start = xp.concat([first, rises != 0], axis=-1)
    start, _ = while_(xp, count, lambda s: s[1], body, (start, xp.any(first)))
    mean, pull = _pieces(xp, x, mass, rises, start)
    return narrow(xp, xp.moveaxis(mean + lam * pull, -1, axis), w.dtype)


def _pieces(xp: Namespace, x: Array, mass: Array, rises: Array, start: Array) -> tuple[Array, Array]:
    """At each entry, its piece's mean (weighted by mass), and how far a unit of strength moves it."""
    ends = xp.where(start[..., 1:], rises, xp.zeros_like(rises))
    none = xp.zeros_like(ends[..., :1])
    # An increase between two pieces moves the first one up and the second one down.
    pull = xp.concat([ends, none], axis=-1) - xp.concat([none, ends], axis=-1)
    last = xp.concat([start[..., 1:], xp.ones_like(start[..., :1])], axis=-1)
    moment, total, force = _sums(xp, xp.stack([mass * x, mass, pull]), start, last)
    return xp.where(start & last, x, moment / total), force / total


def _sums(xp: Namespace, values: Array, start: Array, last: Array) -> tuple[Array, Array, Array]:
    """Sums over each piece, at each of its entries, by doubling how far an entry has looked: back, then ahead."""
    count, shift = values.shape[-1], 1
    done = start
    while shift < count:
        before = xp.concat([xp.zeros_like(values[..., :shift]), values[..., :-shift]], axis=-1)
        values = values + xp.where(done, xp.zeros_like(values), before)
        done = done | xp.concat([xp.zeros_like(done[..., :shift]), done[..., :-shift]], axis=-1)
        shift *= 2
    found, shift = last, 1
    while shift < count:
        after = xp.concat([values[..., shift:], xp.zeros_like(values[..., :shift])], axis=-1)
        values = xp.where(found, values, after)
        found = found | xp.concat([found[..., shift:], xp.zeros_like(found[..., :shift])], axis=-1)
        shift *= 2
    return values[0, ...], values[1, ...], values[2, ...]
