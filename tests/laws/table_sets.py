"""The catalogue's constraints in the table: each beside a way to draw feasible points that is no projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taut.constraints import (
    NM,
    PSD,
    Convex,
    Diagonal,
    DoublyStochastic,
    Fixed,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    LInfBall,
    LowRank,
    Masked,
    MaxNorm,
    Monotone,
    NonNeg,
    NonPositive,
    NuclearBall,
    Orthogonal,
    Radial,
    Simplex,
    Skew,
    SpectralNorm,
    StochasticColumns,
    StochasticRows,
    Symmetric,
    TopK,
    Triangular,
    UnitSum,
    ZeroMean,
    Zeros,
)
from tests.laws.table import Place, SetRow, norms, unit_axes

Array = Any
Rng = np.random.Generator
MATRICES = [(4, 3), (2, 2, 3)]


@dataclass(frozen=True)
class Drawn(Place):
    """A set in words of numpy: how to draw a point of it, and how far outside a point is."""

    draw: Callable[[Rng, Array], Array] = field(kw_only=True)
    out: Callable[[Array], float] = field(kw_only=True)
    near: Callable[[Rng, Array], list[Array]] | None = field(default=None, kw_only=True)  # where not convex

    @property
    def convex(self) -> bool:
        return self.near is None

    def excess(self, z: Array) -> float:
        return max(self.out(z), 0.0)

    def sample(self, rng: Rng, like: Array) -> Array:
        return self.draw(rng, like)

    def rivals(self, rng: Rng, z: Array) -> list[Array]:
        if self.near is not None:
            return self.near(rng, z)
        return [z + reach * (self.draw(rng, z) - z) for _ in range(6) for reach in (1e-4, 1e-2, 0.3, 1.0)]


def noise(rng: Rng, like: Array) -> Array:
    return rng.normal(size=like.shape) * rng.choice([0.3, 3.0])


def ball(size: Callable[[Array], Array], radius: float) -> Drawn:
    """{z: size(z) ≤ radius} for a norm by slice: a point is scaled inside by what it is too long."""

    def draw(rng: Rng, like: Array) -> Array:
        z = noise(rng, like) * (rng.uniform(size=like.shape) < rng.choice([0.3, 1.0]))
        n = size(z)
        return z * np.minimum(1.0, 0.98 * radius / np.where(n == 0, 1, n)) * rng.choice([1.0, rng.uniform()])

    return Drawn(draw=draw, out=lambda z: float(np.max(size(z) - radius)))


def summing(total: float, axis: int | None, positive: bool) -> Drawn:
    """Slices that add up to ``total``; the error is relative to what is added."""

    def draw(rng: Rng, like: Array) -> Array:
        axes = unit_axes(like, axis)
        if positive:  # from the exponential distribution, with some entries left out
            z = rng.exponential(size=like.shape) * (rng.uniform(size=like.shape) < 0.6)
            empty = np.sum(z, axis=axes, keepdims=True) == 0
            z = np.where(empty, 1.0, z)
            return total * z / np.sum(z, axis=axes, keepdims=True)
        z = noise(rng, like)
        count = np.prod([like.shape[a] for a in axes])
        return z + (total - np.sum(z, axis=axes, keepdims=True)) / count

    def out(z: Array) -> float:
        axes = unit_axes(z, axis)
        off = np.abs(np.sum(z, axis=axes, keepdims=True) - total)
        size = np.sum(np.abs(z), axis=axes, keepdims=True) + abs(total) + 1e-300
        return max(float(np.max(off / size)), float(np.max(-z)) if positive else 0.0)

    return Drawn(draw=draw, out=out)


def doubly() -> Drawn:
    """Averages of permutations (Birkhoff's theorem)."""

    def draw(rng: Rng, like: Array) -> Array:
        n = like.shape[-1]
        shares = rng.dirichlet(np.full(4, 0.3), size=like.shape[:-2])
        orders = np.stack([np.broadcast_to(np.eye(n)[rng.permutation(n)], like.shape) for _ in range(4)], axis=-3)
        return np.sum(shares[..., None, None] * orders, axis=-3)

    def out(z: Array) -> float:
        sums = [np.abs(z.sum(axis=a) - 1) for a in (-1, -2)]
        return max(float(np.max(sums)) / 2, float(np.max(-z)))

    return Drawn(draw=draw, out=out)


def below(a: Array, b: float) -> Drawn:
    """Σ a·z ≤ b for each unit."""

    def weigh(z: Array) -> tuple[Array, Array]:
        axes = unit_axes(z)
        placed = np.reshape(a, tuple(n if i in axes else 1 for i, n in enumerate(z.shape)))
        return np.sum(placed * z, axis=axes, keepdims=True), placed + 0 * z

    def draw(rng: Rng, like: Array) -> Array:
        z = noise(rng, like)
        got, normal = weigh(z)
        room = 0.1 * (np.sum(np.abs(normal * z), axis=unit_axes(z), keepdims=True) + 1)
        square = np.sum(normal**2, axis=unit_axes(z), keepdims=True)
        return z - normal * np.maximum(got - b + room, 0) / square

    return Drawn(draw=draw, out=lambda z: float(np.max(weigh(z)[0] - b)))


def zeros(where: Callable[[Array], Array]) -> Drawn:
    return Drawn(
        draw=lambda rng, like: np.where(where(like), 0.0, noise(rng, like)),
        out=lambda z: float(np.max(np.where(where(z), np.abs(z), 0.0))),
    )


def l1_norms(w: Array) -> Array:
    return np.sum(np.abs(w), axis=unit_axes(w), keepdims=True)


def _masked(place: Drawn) -> Drawn:
    """What ``place`` says holds at the mask, and the rest is free."""
    return Drawn(
        draw=lambda rng, like: np.where(_mask, place.draw(rng, np.where(_mask, like, 0.0)), noise(rng, like)),
        out=lambda z: place.out(np.where(_mask, z, 0.0)),
    )


def ringed() -> Drawn:
    """One value a ring, the ring's number being the larger distance from the centre."""

    def ring(z: Array) -> Array:
        middle = (z.shape[0] - 1) / 2
        far = np.abs(np.arange(z.shape[0]) - middle)
        return np.floor(np.maximum(far[:, None], far[None, :])).astype(int)

    def round_off(z: Array, values: Callable[[Array], Array]) -> Array:
        at, out = ring(z), np.zeros_like(z)
        for k in np.unique(at):
            out[at == k] = values(z[at == k])
        return out

    return Drawn(
        draw=lambda rng, like: round_off(like, lambda part: noise(rng, part[0])),
        out=lambda z: float(np.max(np.abs(z - round_off(z, lambda part: part[0])))),
    )


def group_sum(w: Array) -> Array:
    return np.sum(norms(w, unit_axes(w)), keepdims=True)


_values = np.round(np.random.default_rng(0).normal(size=3), 2)
_mask = np.asarray([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]], bool)
_normal = np.asarray([0.5, -1.0, 2.0, 0.25])

ENTRIES = [
    SetRow(NonPositive(), Place(high=0.0)),
    SetRow(LInfBall(0.6), Place(-0.6, 0.6)),
    SetRow(Fixed(0.5), Place(0.5, 0.5)),
    SetRow(Zeros(_mask), zeros(lambda w: _mask), shapes=[(4, 3)]),
    SetRow(
        Triangular("lower"),
        zeros(lambda w: np.broadcast_to(~np.tri(*w.shape[-2:], dtype=bool), w.shape)),
        shapes=MATRICES,
    ),
    SetRow(
        Triangular("upper"),
        zeros(lambda w: np.broadcast_to(np.tri(*w.shape[-2:], -1, dtype=bool), w.shape)),
        shapes=MATRICES,
    ),
    SetRow(Diagonal(), zeros(lambda w: np.broadcast_to(~np.eye(*w.shape[-2:], dtype=bool), w.shape)), shapes=MATRICES),
    SetRow(Radial(), ringed(), shapes=[(3, 3, 1, 2), (4, 4, 2, 1)]),
    SetRow(Masked(NonNeg(), _mask), Place(np.where(_mask, 0.0, -np.inf)), shapes=[(4, 3)]),
    SetRow(Masked(MaxNorm(1.1), _mask), _masked(ball(lambda w: norms(w, unit_axes(w)), 1.1)), shapes=[(4, 3)]),
    SetRow(Masked(L1Ball(1.1), _mask), _masked(ball(l1_norms, 1.1)), shapes=[(4, 3)]),
]

SUMS = [
    SetRow(Simplex(), summing(1.0, None, True)),
    SetRow(Simplex(2.5, axis=-1), summing(2.5, -1, True)),
    SetRow(StochasticRows(), summing(1.0, -1, True), shapes=MATRICES),
    SetRow(StochasticColumns(), summing(1.0, -2, True), shapes=MATRICES),
    SetRow(DoublyStochastic(), doubly(), tolerance=1e-6, shapes=[(3, 3), (2, 3, 3)]),
    SetRow(UnitSum(), summing(1.0, None, False)),
    SetRow(UnitSum(-0.5, axis=-1), summing(-0.5, -1, False)),
    SetRow(ZeroMean(), summing(0.0, None, False)),
    SetRow(HalfSpace(_normal, 0.7), below(_normal, 0.7), shapes=[(4, 3)]),
    SetRow(HalfSpace(_normal.reshape(2, 2), -0.7), below(_normal, -0.7), shapes=[(2, 2, 3)]),
    SetRow(L1Ball(1.3), ball(l1_norms, 1.3)),
    SetRow(GroupL1Ball(1.4), ball(group_sum, 1.4), tolerance=1e-11),
    SetRow(L1Ball(0.9, axis=-1), ball(lambda w: np.sum(np.abs(w), axis=-1, keepdims=True), 0.9)),
]


# --- order ------------------------------------------------------------------------------------------------------------


def rising(axis: int, sign: int) -> Drawn:
    def draw(rng: Rng, like: Array) -> Array:
        steps = noise(rng, like)
        steps = np.where(rng.uniform(size=like.shape) < 0.5, np.abs(steps), 0.0)
        return sign * (np.cumsum(steps, axis=axis) + rng.normal())

    return Drawn(draw=draw, out=lambda z: float(np.max(-sign * np.diff(z, axis=axis))))


def bending(axis: int, sign: int) -> Drawn:
    """Sums of sums of what is not negative, and a straight line."""

    def draw(rng: Rng, like: Array) -> Array:
        bends = np.where(rng.uniform(size=like.shape) < 0.5, np.abs(noise(rng, like)), 0.0)
        line = rng.normal() + rng.normal() * np.cumsum(np.ones_like(like), axis=axis)
        return sign * (np.cumsum(np.cumsum(bends, axis=axis), axis=axis) + line)

    def out(z: Array) -> float:
        return float(np.max(-sign * np.diff(z, n=2, axis=axis)) / max(np.abs(z).max(), 1e-300) / 4)

    return Drawn(draw=draw, out=out)


ORDER = [
    SetRow(Convex(), bending(0, 1), shapes=[(4, 3), (6,)]),
    SetRow(Convex(concave=True, axis=0), bending(0, -1), shapes=[(7, 2), (3, 2, 3)]),
    SetRow(Monotone(), rising(0, 1), shapes=[(4, 3), (6,)]),
    SetRow(Monotone(False, axis=-1), rising(-1, -1)),
    SetRow(Monotone(axis=0), rising(0, 1), shapes=[(7, 2), (2, 2, 3)]),
]


# --- few entries ------------------------------------------------------------------------------------------------------


def few(k: int, axes: Callable[[Array], tuple[int, ...]], block: int | None = None) -> Drawn:
    """At most ``k`` entries other than zero in every slice over ``axes`` (of every ``block`` of its last one)."""

    def slices(z: Array) -> Array:
        at = axes(z)
        flat = np.moveaxis(z, at, range(-len(at), 0))
        lead = flat.shape[: z.ndim - len(at)]
        return flat.reshape(*lead, -1, block) if block else flat.reshape(*lead, -1)

    def mask(rng: Rng, z: Array) -> Array:
        at = axes(z)
        rank = slices(rng.uniform(size=z.shape)).argsort(axis=-1).argsort(axis=-1)
        shape = [n for a, n in enumerate(z.shape) if a not in at] + [z.shape[a] for a in at]
        return np.moveaxis((rank < k).reshape(shape), range(-len(at), 0), at)

    def near(rng: Rng, z: Array) -> list[Array]:
        own = [z + reach * noise(rng, z) * (z != 0) for reach in (1e-4, 1e-2, 0.3) for _ in range(4)]
        return own + [noise(rng, z) * mask(rng, z) for _ in range(8)]

    return Drawn(
        draw=lambda rng, like: noise(rng, like) * mask(rng, like),
        out=lambda z: float(np.max(np.sum(slices(z) != 0, axis=-1) - k)),
        near=near,
    )


SPARSITY = [
    SetRow(TopK(2), few(2, unit_axes)),
    SetRow(TopK(5, per="tensor"), few(5, lambda w: tuple(range(w.ndim)))),
    SetRow(TopK(1, axis=-1), few(1, lambda w: (w.ndim - 1,))),
    SetRow(NM(2, 4), few(2, lambda w: (0,), 4), shapes=[(4, 3), (8,)]),
    SetRow(NM(1, 2, axis=1), few(1, lambda w: (1,), 2), shapes=[(3, 4), (2, 2, 3)]),
]


# --- matrices ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen(SetRow):
    """A set whose nearest point is not always one: the libraries may choose differently where it is not."""

    unique: bool = False


def flat(w: Array) -> Array:
    return np.reshape(w, (-1, w.shape[-1]))


def singular(w: Array) -> Array:
    return np.linalg.svd(flat(w), compute_uv=False)


def spectrum(change: Callable[[Rng, Array], Array], out: Callable[[Array], float], convex: bool) -> Drawn:
    """Matrices made of random singular vectors and of singular values that ``change`` gives."""

    def draw(rng: Rng, like: Array) -> Array:
        u, s, vt = np.linalg.svd(flat(noise(rng, like)), full_matrices=False)
        return np.reshape((u * change(rng, s)) @ vt, like.shape)

    def near(rng: Rng, z: Array) -> list[Array]:
        found: list[Array] = []
        for reach in (1e-4, 1e-2, 0.3, 1.0):
            for _ in range(5):
                u, s, vt = np.linalg.svd(flat(z + reach * rng.normal(size=z.shape)), full_matrices=False)
                found.append(np.reshape((u * change(rng, s)) @ vt, z.shape))
        return found

    return Drawn(draw=draw, out=out, near=None if convex else near)


def mirrored(sign: int) -> Drawn:
    def draw(rng: Rng, like: Array) -> Array:
        z = noise(rng, like)
        return z + sign * np.swapaxes(z, -1, -2)

    return Drawn(draw=draw, out=lambda z: float(np.max(np.abs(z - sign * np.swapaxes(z, -1, -2)))))


def _gram(rng: Rng, like: Array) -> Array:
    z = noise(rng, like)
    gram = z @ np.swapaxes(z, -1, -2)
    return gram + np.eye(like.shape[-1]) * 0.05 * np.abs(gram).max()


def _indefinite(z: Array) -> float:
    values = np.linalg.eigvalsh((z + np.swapaxes(z, -1, -2)) / 2)
    relative = -values.min() / max(np.abs(values).max(), 1e-300)
    return max(float(relative), float(np.max(np.abs(z - np.swapaxes(z, -1, -2)))))


def beside(place: Drawn, blocks: int) -> Drawn:
    """``blocks`` matrices of a set, side by side along the last axis."""
    near = place.near
    return Drawn(
        draw=lambda rng, like: np.concatenate([place.draw(rng, p) for p in np.split(like, blocks, -1)], -1),
        out=lambda z: max(place.out(p) for p in np.split(z, blocks, -1)),
        near=None
        if near is None
        else lambda rng, z: [
            np.concatenate(ps, -1) for ps in zip(*(near(rng, p) for p in np.split(z, blocks, -1)), strict=True)
        ],
    )


def falling(top: int) -> Drawn:
    """At most ``top`` singular values."""
    return spectrum(
        lambda rng, s: np.where(np.arange(s.size) < top, s, 0.0),
        lambda z: float(singular(z)[top] / max(singular(z)[0], 1e-300)),
        False,
    )


SQUARE = [(3, 3), (2, 3, 3)]
MATRIX = [
    SetRow(
        SpectralNorm(0.8),
        spectrum(lambda rng, s: np.minimum(s, 0.78), lambda z: float(singular(z)[0] - 0.8), True),
        shapes=MATRICES,
    ),
    SetRow(
        NuclearBall(1.2),
        spectrum(lambda rng, s: 1.15 * s / max(s.sum(), 1.15), lambda z: float(singular(z).sum() - 1.2), True),
        shapes=MATRICES,
    ),
    Chosen(
        LowRank(2),
        falling(2),
        shapes=MATRICES,
    ),
    Chosen(
        Orthogonal(),
        spectrum(lambda rng, s: np.ones_like(s), lambda z: float(np.max(np.abs(singular(z) - 1))), False),
        shapes=MATRICES,
    ),
    SetRow(Symmetric(), mirrored(1), shapes=SQUARE),
    SetRow(Skew(), mirrored(-1), shapes=SQUARE),
    SetRow(PSD(), Drawn(draw=_gram, out=_indefinite), shapes=SQUARE),
    SetRow(
        SpectralNorm(0.8, blocks=2),
        beside(spectrum(lambda rng, s: np.minimum(s, 0.78), lambda z: float(singular(z)[0] - 0.8), True), 2),
        shapes=[(3, 4)],
    ),
    SetRow(
        NuclearBall(1.2, blocks=2),
        beside(
            spectrum(lambda rng, s: 1.15 * s / max(s.sum(), 1.15), lambda z: float(singular(z).sum() - 1.2), True), 2
        ),
        shapes=[(3, 4)],
    ),
    Chosen(LowRank(1, blocks=2), beside(falling(1), 2), shapes=[(3, 4)]),
    Chosen(
        Orthogonal(blocks=2),
        beside(spectrum(lambda rng, s: np.ones_like(s), lambda z: float(np.max(np.abs(singular(z) - 1))), False), 2),
        shapes=[(3, 4)],
    ),
    SetRow(Symmetric(blocks=2), beside(mirrored(1), 2), shapes=[(3, 6)]),
    SetRow(PSD(blocks=2), beside(Drawn(draw=_gram, out=_indefinite), 2), shapes=[(3, 6)]),
]


# --- together ---------------------------------------------------------------------------------------------------------


def part(place: Drawn, cut: Callable[[Array], Array]) -> Drawn:
    """The part of a set in a cone that ``cut`` projects onto; cutting leaves the set's points in it."""
    near = place.near
    return Drawn(
        draw=lambda rng, like: cut(place.draw(rng, like)),
        out=lambda z: max(place.out(z), float(np.max(np.abs(z - cut(z))))),
        near=None if near is None else lambda rng, z: [cut(p) for p in near(rng, z)],
    )


def plus(z: Array) -> Array:
    return np.maximum(z, 0.0)


TOGETHER = [
    SetRow(NonNeg() & UnitSum(), summing(1.0, None, True)),
    SetRow(NonNeg() & L1Ball(1.3), part(ball(l1_norms, 1.3), plus)),
    SetRow(
        L1Ball(1.3) & Triangular("lower") & NonPositive(),
        part(ball(l1_norms, 1.3), lambda z: -plus(-np.tril(z))),
        shapes=[(4, 3)],
    ),
    SetRow(NonNeg() & GroupL1Ball(1.4), part(ball(group_sum, 1.4), plus), tolerance=1e-11),
    SetRow(
        Zeros(_mask) & MaxNorm(1.1),
        part(ball(lambda w: norms(w, unit_axes(w)), 1.1), lambda z: np.where(_mask, 0.0, z)),
        shapes=[(4, 3)],
    ),
    SetRow(NonNeg() & TopK(2), part(few(2, unit_axes), plus)),
    SetRow(
        Triangular("lower") & LInfBall(0.6),
        part(
            Drawn(
                -0.6,
                0.6,
                draw=lambda rng, like: np.clip(noise(rng, like), -0.59, 0.59),
                out=lambda z: float(np.max(np.abs(z) - 0.6)),
            ),
            np.tril,
        ),
        shapes=[(4, 3)],
    ),
]

SETS = [*ENTRIES, *SUMS, *ORDER, *SPARSITY, *MATRIX, *TOGETHER]
