"""Several convex penalties and sets on the same weights at once, where no closed form is known.

    argmin_z  Σ_k f_k(z) + Σ (z − w)²/(2 step)

Each f_k is given by its proximal map (a set by its projection), with a step size per weight. The loop is Douglas
and Rachford's splitting of the sum, with one copy of the weights for every f but the first, made faster by Anderson's
extrapolation: where the active faces no longer change the map is a line's, and a few steps of it tell its fixed
point. An extrapolated step that leaves a larger residual is taken back, so that the residual never grows by it.

Plain Dykstra needed more than a thousand rounds in steep metrics (docs/decisions/012); the same cases take about
twenty here (docs/decisions/040).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from taut.functional._control import constant, while_
from taut.functional._dtype import Array, Namespace, Number, beside, eps, is_half, number, widen, widest
from taut.functional._norms import kappa, positive

LIMIT = 500
"""Most rounds. Ten to thirty are usual; steps that differ a thousandfold within a unit have taken hundreds."""
MEMORY = 8
"""Differences of earlier rounds that an extrapolation is made of."""
FINISH = 40
"""Most rounds of the feasible finish in which zeros are held, and again as many in which they are not."""
REACH = 1e3
"""How far the loop's own step sizes may be from the given ones."""
AGAIN = 100
"""Rounds after which the loop's own step sizes are chosen again."""

Act = Callable[[Array, Array], Array]


class Bound(NamedTuple):
    """A set, for the feasible finish."""

    project: Callable[[Array, Number | None], Array]
    metric: bool


def tolerance(dtype: Any) -> float:
    """The loop ends at this difference between the results of the parts, relative to the largest weight.

    Four kappa: projections that end inside by kappa do not allow a smaller one.
    """
    return 4 * kappa(dtype)


def minimise(xp: Namespace, w: Array, step: Number | None, acts: Sequence[Act]) -> tuple[Array, Array]:
    """The minimiser (the result of the first part), and where the result of any part is 0; in the widest float.

    Args:
        w: weights.
        step: a number or shaped like ``w``; None is Euclidean. Entries of step 0 are given a tiny one.
        acts: the proximal map ``act(v, step)`` of each part, convex; two or more.

    The parts agree to `tolerance` if `LIMIT` rounds are enough. The derivative does not go through the rounds: it is
    set to 1 for an entry that is not 0.

    Reference: Lions & Mercier (1979); Walker & Ni, Anderson acceleration for fixed-point iterations (2011); Zhang,
    O'Donoghue & Boyd, Globally convergent type-I Anderson acceleration (2020), for taking steps back.
    """
    x = xp.astype(w, widest(xp, w))
    s = _usable(xp, number(xp, 1.0 if step is None else step, x), x.dtype)
    tiny, small = eps(x.dtype), tolerance(w.dtype if not is_half(w.dtype) else widen(xp, w).dtype)
    extra = len(acts) - 1
    fx, fs = constant(x), constant(s)

    def apply(copies: Array, root: Array) -> tuple[Array, list[Array]]:
        """The first part's answer, with the quadratic; and the others', reflected at it. In the metric root²."""
        pull = extra / (root * root)
        inner = fs / (1 + fs * pull)
        z = acts[0](inner * (fx / fs + pull * root * xp.mean(copies, axis=0)), inner + xp.zeros_like(inner))
        return z, [act(2 * z - root * copies[k, ...], root * root) for k, act in enumerate(acts[1:])]

    lowest, highest = xp.min(fs) / REACH, xp.max(fs) * REACH

    def root_of(z: Array, pull: Array, kind: Array) -> Array:
        """The loop's metric: between the given one and one step for all, at which weights and multipliers weigh alike.

        Neither of the two means is the better one always, so that they take turns.
        """
        even = _length(xp, z) / positive(xp, _length(xp, pull))
        even = xp.where(even > lowest, even, lowest)
        even = xp.where(even < highest, even, highest)
        return xp.sqrt(xp.where(kind > 0, 1 / (1 / fs + 1 / even), xp.sqrt(fs) * xp.sqrt(even)))

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        copies, root, before, after, moves, gains, safe, best, count, *_ = state
        z, others = apply(copies, root)
        answers = xp.stack([z, *others])
        apart = xp.stack([o - z for o in others])
        rest = apart / root
        ahead = copies + rest
        place = xp.astype(xp.arange(MEMORY, **beside(copies)), count.dtype) == count % MEMORY
        here = xp.reshape(place, (MEMORY,) + (1,) * copies.ndim) & (count > 1) & (count % AGAIN > 0)
        moves = xp.where(here, (rest - before)[None, ...], moves)
        gains = xp.where(here, (ahead - after)[None, ...], gains)
        length = _length(xp, rest)
        worse = ~(length <= best)  # only an extrapolated step can be: the plain one never lengthens the residual
        following = xp.where(worse, safe, ahead - _extrapolated(xp, moves, gains, rest, tiny))
        # A rejected step is followed by the plain step that it replaced, which is always accepted.
        best = xp.where(worse, xp.full_like(best, xp.inf), length)
        safe = xp.where(worse, safe, ahead)
        top = xp.maximum(xp.max(xp.abs(fx)), xp.max(xp.abs(z)))
        going = xp.max(xp.abs(apart)) > small * top
        # Sometimes the step sizes change: the multipliers are kept and the history is cleared. The first round is
        # needed to measure.
        first = count == 0
        turn = first | (count % AGAIN == AGAIN - 1)
        pull = xp.where(first, (fx - others[-1]) / fs / extra, (root * ahead - z) / (root * root))
        z = xp.where(first, others[-1], z)
        other = xp.where(turn, root_of(z, xp.sum(pull, axis=0), (count + 1) // AGAIN % 2), root)
        following = xp.where(turn, (z + xp.where(first, 0 * pull, pull) * other * other) / other, following)
        moves, gains = xp.where(turn, 0 * moves, moves), xp.where(turn, 0 * gains, gains)
        best = xp.where(turn, xp.full_like(best, xp.inf), best)
        return following, other, rest, ahead, moves, gains, safe, best, count + 1, going, answers

    zero = xp.sum(xp.zeros_like(fx))
    root = xp.sqrt(fs) + xp.zeros_like(fx)
    start = xp.stack([fx / root] * extra)
    none, stack = xp.zeros_like(start), xp.stack([xp.zeros_like(start)] * MEMORY)
    answers = xp.stack([fx] * len(acts))
    state = (start, root, none, none, stack, stack, start, zero + xp.inf, zero, xp.any(fx == fx), answers)
    answers = while_(xp, LIMIT, lambda state: state[9], body, state)[10]
    dead = xp.any(answers == 0, axis=0)
    z = xp.where(dead, xp.zeros_like(fx), answers[0, ...] + (x - fx))
    return z, dead


def finish(xp: Namespace, z: Array, dead: Array, bounds: Sequence[Bound]) -> Array:
    """``z`` moved into every set for certain, its zeros kept where the sets leave them room.

    Each set is projected onto in turn, entries that are to stay 0 having next to no step, until no projection moves
    anything: then each has kept the point by its own measure, which `violation` everywhere agrees with. Where that has
    not come to an end after `FINISH` rounds, zeros may move as well. The derivative is that of ``z``.
    """
    fixed = constant(z)
    light = eps(widen(xp, z).dtype) ** 2
    top = xp.max(xp.abs(fixed))
    little, least = eps(widen(xp, z).dtype) * top, light * top

    def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
        before, count, _ = state
        z = before
        held = dead & (count < FINISH)
        wide = widen(xp, z)
        step = xp.where(held, light * xp.ones_like(wide), xp.ones_like(wide))
        for b in bounds:
            z = b.project(z, step if b.metric else None)
            # Entries that are held, and entries pooled with them, have hardly moved.
            size = xp.abs(z)
            speck = held if not b.metric else held & (size <= little) | xp.any(held) & (size <= least)
            z = xp.where(speck, xp.zeros_like(z), z)
        return z, count + 1, xp.any(z != before)

    start = xp.where(dead, xp.zeros_like(fixed), fixed)
    zero = xp.sum(xp.zeros_like(widen(xp, fixed)))
    moved = while_(xp, 2 * FINISH, lambda state: state[2], body, (start, zero, xp.any(start == start)))[0]
    return moved + (z - fixed)


def _extrapolated(xp: Namespace, moves: Array, gains: Array, rest: Array, tiny: float) -> Array:
    """What Anderson's step takes off the plain one: gains·γ, γ the least squares of moves·γ = rest."""
    m = xp.reshape(moves, (MEMORY, -1))
    gram = m @ xp.permute_dims(m, (1, 0))
    size = xp.sum(m * m)
    damp = 16 * tiny * size + xp.where(size > 0, 0 * size, 1 + 0 * size)
    eye = xp.eye(MEMORY, dtype=m.dtype, **beside(m))
    right = m @ xp.reshape(rest, (-1, 1))
    gamma = xp.linalg.solve(gram + damp * eye, right)
    # If the differences are almost equal, the result would consist of rounding errors.
    gamma = xp.where(xp.sum(xp.abs(gamma)) <= 1e4, gamma, xp.zeros_like(gamma))
    return xp.reshape(xp.permute_dims(gamma, (1, 0)) @ xp.reshape(gains, (MEMORY, -1)), rest.shape)


def _length(xp: Namespace, x: Array) -> Array:
    return xp.sqrt(xp.sum(x * x))


def _usable(xp: Namespace, s: Array, dtype: Any) -> Array:
    """Steps above 0: an entry that has had no gradient yet has none, and is to stay where it is if it can."""
    top = xp.max(s)
    floor = xp.where(top > 0, top * eps(dtype), xp.ones_like(top) * eps(dtype) ** 2)
    return xp.where(s > floor, s, floor)
