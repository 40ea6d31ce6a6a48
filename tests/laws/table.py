"""One table of all terms, each beside its definition, written again in plain numpy and on its own.

A new term joins by one row. The laws (`laws.py`) read nothing but this: what a row says of a penalty or a
set is the formula of a textbook, in float64, and shares no line with taut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from taut.constraints import Box, Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from taut.regularizers import L1, L1L2, L2, GroupLasso, OrthogonalRegularizer, Plain, Regularizer

Array = Any
SHAPES = [(4, 3), (6,), (2, 2, 3)]


def unit_axes(w: Array, axis: int | None = None) -> tuple[int, ...]:
    """The axes of one unit's weights: all but the last; of a vector, its only one."""
    if axis is not None:
        return (axis % w.ndim,)
    return tuple(range(w.ndim - 1)) if w.ndim > 1 else (0,)


def norms(w: Array, axes: tuple[int, ...]) -> Array:
    return np.sqrt(np.sum(w * w, axis=axes, keepdims=True))


@dataclass(frozen=True)
class Place:
    """A set in words of numpy: bounds on entries, and bands of norms over axes (None: one unit's)."""

    low: Any = -np.inf
    high: Any = np.inf
    bands: tuple[tuple[int | None, float, float], ...] = ()

    @property
    def convex(self) -> bool:
        return all(low == 0 for _, low, _ in self.bands)

    def excess(self, z: Array) -> float:
        """How far outside ``z`` is, in the units of the bounds."""
        worst = max(float(np.max(self.low - z)), float(np.max(z - self.high)), 0.0)
        for axis, low, high in self.bands:
            n = norms(z, unit_axes(z, axis))
            worst = max(worst, float(np.max(low - n)), float(np.max(n - high)))
        return worst

    def sample(self, rng: np.random.Generator, like: Array) -> Array:
        """A feasible point, by other means than a projection."""
        z = np.clip(rng.normal(size=like.shape) * rng.choice([0.3, 3.0]), self.low, self.high)
        if self.convex:
            centre = np.clip(np.zeros_like(z), self.low, self.high)
            inside, outside = 0.0, 1.0
            for _ in range(20):  # as far from the centre as the balls allow
                t = (inside + outside) / 2
                inside, outside = (t, outside) if self.excess(centre + t * (z - centre)) <= 0 else (inside, t)
            return centre + inside * rng.choice([1.0, rng.uniform()]) * (z - centre)
        return self.push(z)

    def push(self, z: Array) -> Array:
        """Onto a band that is not convex, along each unit's own direction."""
        ((axis, low, high),) = self.bands
        n = norms(z, unit_axes(z, axis))
        first = np.zeros_like(z)
        first[tuple(slice(0, 1) if a in unit_axes(z, axis) else slice(None) for a in range(z.ndim))] = 1.0
        direction = np.where(n == 0, first, z / np.where(n == 0, 1, n))
        return direction * np.clip(n, low, high)

    def rivals(self, rng: np.random.Generator, z: Array) -> list[Array]:
        """Feasible points, close to the feasible point ``z`` and far from it."""
        reaches = (1e-4, 1e-2, 0.3, 1.0)
        if self.convex:
            return [z + reach * (p - z) for p in (self.sample(rng, z) for _ in range(5)) for reach in reaches]
        noise = [reach * rng.normal(size=z.shape) for reach in reaches for _ in range(5)]
        return [self.push(np.clip(z + n, self.low, self.high)) for n in noise]


@dataclass(frozen=True)
class SetRow:
    """A constraint and the set it stands for."""

    term: Constraint
    place: Place
    projects: bool = True  # MinMaxNorm(rate < 1) only goes part of the way
    tolerance: float = 1e-12  # nearness in float64; looser where several balls take turns
    shapes: list[tuple[int, ...]] = field(default_factory=lambda: SHAPES)

    def __str__(self) -> str:
        return name_of(self.term)


@dataclass(frozen=True)
class PenaltyRow:
    """A regularizer and its formula."""

    term: Regularizer
    value: Callable[[Array], float]
    shapes: list[tuple[int, ...]] = field(default_factory=lambda: SHAPES)

    def __str__(self) -> str:
        return name_of(self.term)


@dataclass(frozen=True)
class PairRow:
    """A regularizer and a constraint on one weight."""

    penalty: PenaltyRow
    set: SetRow
    shapes: list[tuple[int, ...]]

    def __str__(self) -> str:
        return f"{self.penalty} with {self.set}"


def name_of(term: Any) -> str:
    inner = getattr(term, "terms", None)
    if inner is not None:
        return (" + " if isinstance(term, Regularizer) else " & ").join(map(name_of, inner))
    return repr(term).replace("axis=None, ", "").replace("axis=None", "").replace(", )", ")")


def _coherence(w: Array) -> float:
    total, n = 0.0, len(w)
    for i in range(n):
        for j in range(n):
            size = np.linalg.norm(w[i]) * np.linalg.norm(w[j])
            total += abs(w[i] @ w[j]) / size if i != j and size > 0 else 0.0
    return 0.5 * total / (n * (n - 1) / 2)


def _input_axes(w: Array) -> tuple[int, ...]:
    source = unit_axes(w)[-1]
    return tuple(a for a in range(w.ndim) if a != source)


def l1(w: Array) -> float:
    return float(np.sum(np.abs(w)))


def l2(w: Array) -> float:
    return float(np.sum(w**2))


def by_unit(w: Array) -> float:
    return float(np.sum(norms(w, unit_axes(w))))


def by_input(w: Array) -> float:
    return float(np.sum(norms(w, _input_axes(w)))) if w.ndim > 1 else l1(w)


def _unit_size(w: Array) -> float:
    return float(np.prod([w.shape[a] for a in unit_axes(w)]))


PENALTIES = [
    PenaltyRow(L1(0.3), lambda w: 0.3 * l1(w)),
    PenaltyRow(L2(0.3), lambda w: 0.3 * l2(w)),
    PenaltyRow(L1L2(0.2, 0.4), lambda w: 0.2 * l1(w) + 0.4 * l2(w)),
    PenaltyRow(L1L2(), lambda w: 0.0),
    PenaltyRow(GroupLasso(0.7), lambda w: 0.7 * by_unit(w)),
    PenaltyRow(GroupLasso(0.7, by="input"), lambda w: 0.7 * by_input(w)),
    PenaltyRow(GroupLasso(0.3, scale_by_size=True), lambda w: 0.3 * np.sqrt(_unit_size(w)) * by_unit(w)),
    PenaltyRow(L1(0.2) + L2(0.3) + L1(0.1), lambda w: 0.3 * l1(w) + 0.3 * l2(w)),
    PenaltyRow(GroupLasso(0.5) + L1(0.2), lambda w: 0.5 * by_unit(w) + 0.2 * l1(w)),
    PenaltyRow(
        L1L2(0.1, 0.3) + GroupLasso(0.5, by="input"),
        lambda w: 0.5 * by_input(w) + 0.1 * l1(w) + 0.3 * l2(w),
    ),
    PenaltyRow(GroupLasso(0.2) + GroupLasso(0.3), lambda w: 0.5 * by_unit(w)),
]

# A value and a gradient, and no proximal map.
GRADIENT_ONLY = [
    PenaltyRow(OrthogonalRegularizer(0.3), lambda w: 0.3 * _coherence(w), shapes=[(4, 3)]),
    PenaltyRow(OrthogonalRegularizer(0.3, "columns"), lambda w: 0.3 * _coherence(w.T), shapes=[(4, 3)]),
    PenaltyRow(L1(0.1) + OrthogonalRegularizer(0.3), lambda w: 0.1 * l1(w) + 0.3 * _coherence(w), [(4, 3)]),
    PenaltyRow(Plain(lambda w: (w**2).sum()), l2),
]

_grid = np.linspace(-0.5, 0.1, 3)

SETS = [
    SetRow(NonNeg(), Place(low=0.0)),
    SetRow(Box(-0.5, 0.7), Place(-0.5, 0.7)),
    SetRow(Box(low=0.1), Place(low=0.1)),
    SetRow(Box(high=-0.2), Place(high=-0.2)),
    SetRow(Box(_grid, _grid + 0.4), Place(_grid, _grid + 0.4), shapes=[(4, 3), (2, 2, 3)]),
    SetRow(MaxNorm(1.1), Place(bands=((None, 0.0, 1.1),))),
    SetRow(MaxNorm(0.7, axis=-1), Place(bands=((-1, 0.0, 0.7),))),
    SetRow(UnitNorm(), Place(bands=((None, 1.0, 1.0),))),
    SetRow(UnitNorm(axis=-1), Place(bands=((-1, 1.0, 1.0),))),
    SetRow(MinMaxNorm(0.5, 1.3), Place(bands=((None, 0.5, 1.3),))),
    SetRow(MinMaxNorm(0.7, 0.7), Place(bands=((None, 0.7, 0.7),))),
    SetRow(MinMaxNorm(0.5, 1.3, rate=0.5), Place(bands=((None, 0.5, 1.3),)), projects=False),
    SetRow(NonNeg() & Box(-1, 0.6), Place(0.0, 0.6)),
    SetRow(NonNeg() & MaxNorm(1.1), Place(0.0, bands=((None, 0.0, 1.1),))),
    SetRow(NonNeg() & UnitNorm(), Place(0.0, bands=((None, 1.0, 1.0),))),
    SetRow(NonNeg() & MinMaxNorm(0.5, 1.3), Place(0.0, bands=((None, 0.5, 1.3),))),
    SetRow(Box(-0.4, 0.6) & MaxNorm(0.9), Place(-0.4, 0.6, ((None, 0.0, 0.9),))),
    SetRow(Box(0.1, 0.9) & MaxNorm(0.9), Place(0.1, 0.9, ((None, 0.0, 0.9),))),
    SetRow(MaxNorm(1.1) & MaxNorm(0.9), Place(bands=((None, 0.0, 0.9),))),
    SetRow(
        MaxNorm(0.9) & MaxNorm(0.6, axis=-1),
        Place(bands=((None, 0.0, 0.9), (-1, 0.0, 0.6))),
        tolerance=1e-8,
        shapes=[(4, 3), (2, 2, 3)],
    ),
    SetRow(
        NonNeg() & Box(high=0.5) & MaxNorm(0.9) & MaxNorm(0.6, axis=-1),
        Place(0.0, 0.5, ((None, 0.0, 0.9), (-1, 0.0, 0.6))),
        tolerance=1e-8,
        shapes=[(4, 3), (2, 2, 3)],
    ),
]

from tests.laws import table_sets  # noqa: E402  (its rows are made of the classes above)

SETS += table_sets.SETS


def _parts(p: PenaltyRow, s: SetRow, shape: tuple[int, ...]) -> Any:
    return (*p.term.parts(shape, None), *s.term.parts(shape, None))


def _pairs() -> list[PairRow]:
    """One penalty of each normal form, with every set it has a closed form with."""
    from taut.functional import together

    forms = ("L1(l1=0.3)", "L1L2(l1=0.2", "GroupLasso(strength=0.7", "GroupLasso(strength=0.5, by='unit'")
    found: list[PairRow] = []
    for p in PENALTIES:
        for s in SETS if str(p).startswith(forms) else []:
            # An explicit axis makes the same groups in some shapes and not in others.
            shapes = [shape for shape in s.shapes if together.closed(_parts(p, s, shape))]
            found += [PairRow(p, s, shapes)] if shapes else []
    return found


PAIRS = _pairs()

from tests.laws import table_catalogue  # noqa: E402  (it needs the rows' classes, above)

PENALTIES += table_catalogue.PROXIMAL
GRADIENT_ONLY[:0] = table_catalogue.VALUE_ONLY


def _split() -> list[PairRow]:
    """Penalties of every kind with sets of every kind, convex and without a closed form: solved by a splitting."""
    from taut.functional import together

    partners = {
        "L1(l1=0.3": ["UnitSum(total=1.0", "ZeroMean", "HalfSpace", "Monotone", "SpectralNorm", "PSD", "Radial"],
        "GroupLasso(strength=0.7": [
            "Box(low=-0.5",
            "Box(low=0.1",
            "Simplex",
            "L1Ball(radius=1.3",
            "MaxNorm(max_value=0.7",
        ],
        "TotalVariation(strength=0.4": ["MaxNorm(max_value=1.1", "Simplex", "NuclearBall", "Masked(constraint=NonNeg"],
        "ExclusiveLasso(strength=0.3": ["Box(low=-0.5", "MaxNorm(max_value=1.1", "Symmetric", "LInfBall"],
        "Huber": ["MaxNorm(max_value=1.1", "UnitSum(total=1.0"],
        "GroupLInf(strength=0.7": ["Skew", "Fixed", "StochasticRows"],
    }
    found: list[PairRow] = []
    for start, sets in partners.items():
        p = next(p for p in PENALTIES if str(p).startswith(start))
        for s in (next(s for s in SETS if str(s).startswith(name)) for name in sets):
            assert not together.closed(_parts(p, s, s.shapes[0])), f"{p} with {s} has a closed form"
            found.append(PairRow(p, replace(s, tolerance=max(s.tolerance, 1e-9)), s.shapes[:1]))
    return found


SPLIT = _split()
