"""The catalogue's constraints in the table: each beside a way to draw feasible points that is no projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taut.constraints import (
    Diagonal,
    Fixed,
    HalfSpace,
    L1Ball,
    LInfBall,
    Masked,
    MaxNorm,
    NonNeg,
    NonPositive,
    Simplex,
    StochasticColumns,
    StochasticRows,
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
    SetRow(Masked(NonNeg(), _mask), Place(np.where(_mask, 0.0, -np.inf)), shapes=[(4, 3)]),
    SetRow(Masked(MaxNorm(1.1), _mask), _masked(ball(lambda w: norms(w, unit_axes(w)), 1.1)), shapes=[(4, 3)]),
    SetRow(Masked(L1Ball(1.1), _mask), _masked(ball(l1_norms, 1.1)), shapes=[(4, 3)]),
]

SUMS = [
    SetRow(Simplex(), summing(1.0, None, True)),
    SetRow(Simplex(2.5, axis=-1), summing(2.5, -1, True)),
    SetRow(StochasticRows(), summing(1.0, -1, True), shapes=MATRICES),
    SetRow(StochasticColumns(), summing(1.0, -2, True), shapes=MATRICES),
    SetRow(UnitSum(), summing(1.0, None, False)),
    SetRow(UnitSum(-0.5, axis=-1), summing(-0.5, -1, False)),
    SetRow(ZeroMean(), summing(0.0, None, False)),
    SetRow(HalfSpace(_normal, 0.7), below(_normal, 0.7), shapes=[(4, 3)]),
    SetRow(HalfSpace(_normal.reshape(2, 2), -0.7), below(_normal, -0.7), shapes=[(2, 2, 3)]),
    SetRow(L1Ball(1.3), ball(l1_norms, 1.3)),
    SetRow(L1Ball(0.9, axis=-1), ball(lambda w: np.sum(np.abs(w), axis=-1, keepdims=True), 0.9)),
]

SETS = [*ENTRIES, *SUMS]
