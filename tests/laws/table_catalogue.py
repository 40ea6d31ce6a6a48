"""Rows for the catalogue of regularizers; `table.py` takes them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from taut.regularizers import (
    L0,
    L1,
    L1L2,
    MCP,
    SCAD,
    CappedL1,
    ExclusiveLasso,
    GroupLasso,
    GroupLInf,
    GroupMCP,
    HoyerSquare,
    Huber,
    LHalf,
    LogSum,
    Masked,
    NuclearNorm,
    OrderedL1,
    Scaled,
    SparseGroupLasso,
    SquaredDifferences,
    SquaredOrthogonal,
    SquaredSpectralNorm,
    TotalVariation,
    Towards,
)
from tests.laws.table import PenaltyRow, unit_axes

Array = Any


def huber(w: Array, delta: float) -> float:
    return float(sum(x**2 / 2 if abs(x) <= delta else delta * abs(x) - delta**2 / 2 for x in w.flat))


def mcp(a: float, lam: float, gamma: float) -> float:
    """The integral of max(λ − t/γ, 0) over t from 0 to |a|."""
    reach = min(abs(a), gamma * lam)
    return lam * reach - reach**2 / (2 * gamma)


def scad(a: float, lam: float, gamma: float) -> float:
    """The integral over t of λ up to λ, then max(γλ − t, 0)/(γ − 1)."""
    a = abs(a)
    # The part past λ, never a difference of two squares: at 0 that would leave its own rounding.
    rise = max(min(a, gamma * lam) - lam, 0.0)
    return lam * min(a, lam) + rise * (2 * (gamma - 1) * lam - rise) / (2 * (gamma - 1))


def hoyer(w: Array) -> float:
    return float(np.sum(np.abs(w)) ** 2 / np.sum(w**2)) if np.any(w) else 0.0


def units(w: Array) -> list[Array]:
    """Each unit's weights, as a vector."""
    return list(w.reshape(-1, w.shape[-1]).T) if w.ndim > 1 else [w]


def inputs(w: Array) -> list[Array]:
    source = unit_axes(w)[-1]
    return [np.take(w, i, axis=source).ravel() for i in range(w.shape[source])]


def windows(w: Array) -> list[Array]:
    """One unit's weights for one input."""
    return [v for part in np.moveaxis(w, unit_axes(w)[-1], 0) for v in units(part.reshape(-1, w.shape[-1]))]


def blocks(w: Array) -> list[Array]:
    """Two rows by one column, of the last two axes."""
    flat = w.reshape(-1, *w.shape[-2:])
    return [m[i : i + 2, j] for m in flat for i in range(0, m.shape[0], 2) for j in range(m.shape[1])]


def l2(v: Array) -> float:
    return float(np.sqrt(np.sum(v**2)))


def total_l2(parts: list[Array], by_size: bool = False) -> float:
    return sum(l2(v) * (np.sqrt(v.size) if by_size else 1.0) for v in parts)


def l1(w: Array) -> float:
    return float(np.sum(np.abs(w)))


TWO_INPUTS = ((0, 2), (3, 1))
THREE_ENTRIES = ((5, 0, 7), (1, 2, 3, 4, 6, 8, 9), (10, 11))


def picked(w: Array, lists: Any) -> list[Array]:
    return [np.concatenate([np.ravel(v) for v in (w[i] for i in g)]) for g in lists]


def gates(w: Array, count: int = 1) -> list[Array]:
    """Matrices of (fan-in, units), ``count`` of them side by side."""
    return np.split(w.reshape(-1, w.shape[-1]), count, axis=1)


def nuclear(w: Array, count: int = 1) -> float:
    return float(sum(np.linalg.norm(m, "nuc") for m in gates(w, count)))


def spectral(w: Array, count: int = 1) -> float:
    return float(sum(np.linalg.norm(m, 2) ** 2 for m in gates(w, count)))


def apart(m: Array) -> float:
    return float(np.linalg.norm(m.T @ m - np.eye(m.shape[1])) ** 2)


def sorted_l1(v: Array, strengths: Array) -> float:
    return float(np.sort(np.abs(v))[::-1] @ strengths)


MATRICES = [(4, 3), (2, 2, 3)]
HERE = np.asarray([[0.25, -1.0, 0.0], [2.0, 0.5, 0.75], [0.0, 0.0, -0.5], [1.0, 0.125, 3.0]])
KEPT = np.asarray([[1, 0, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1]])

PROXIMAL = [
    PenaltyRow(Huber(0.7, 0.6), lambda w: 0.7 * huber(w, 0.6)),
    PenaltyRow(MCP(0.7, 1.7), lambda w: sum(mcp(x, 0.7, 1.7) for x in w.flat)),
    PenaltyRow(MCP(0.4, 0.05), lambda w: sum(mcp(x, 0.4, 0.05) for x in w.flat)),
    PenaltyRow(SCAD(0.7, 2.9), lambda w: sum(scad(x, 0.7, 2.9) for x in w.flat)),
    PenaltyRow(SCAD(0.3, 2.05), lambda w: sum(scad(x, 0.3, 2.05) for x in w.flat)),
    PenaltyRow(LogSum(0.7, 0.3), lambda w: 0.7 * float(np.sum(np.log1p(np.abs(w) / 0.3)))),
    PenaltyRow(LogSum(0.2, 1.9), lambda w: 0.2 * float(np.sum(np.log1p(np.abs(w) / 1.9)))),
    PenaltyRow(LHalf(0.7), lambda w: 0.7 * float(np.sum(np.sqrt(np.abs(w))))),
    PenaltyRow(L0(0.3), lambda w: 0.3 * np.count_nonzero(w)),
    PenaltyRow(CappedL1(0.7, 0.9), lambda w: 0.7 * float(np.sum(np.minimum(np.abs(w), 0.9)))),
    PenaltyRow(CappedL1(0.7, 0.1), lambda w: 0.7 * float(np.sum(np.minimum(np.abs(w), 0.1)))),
    PenaltyRow(SparseGroupLasso(0.3, 0.6), lambda w: 0.3 * l1(w) + 0.6 * total_l2(units(w))),
    PenaltyRow(
        SparseGroupLasso(0.1, 0.3, by="input", scale_by_size=True),
        lambda w: 0.1 * l1(w) + 0.3 * total_l2(inputs(w), by_size=True),
        [(4, 3), (2, 2, 3)],
    ),
    PenaltyRow(SparseGroupLasso(0.0, 0.7, by=(2, 1)), lambda w: 0.7 * total_l2(blocks(w)), [(4, 3), (2, 2, 3)]),
    PenaltyRow(
        SparseGroupLasso(0.1, 0.5, by="input", groups=TWO_INPUTS),
        lambda w: 0.1 * l1(w) + 0.5 * total_l2(picked(w, TWO_INPUTS)),
        [(4, 3)],
    ),
    PenaltyRow(
        SparseGroupLasso(0.1, 0.3, by="entry", groups=THREE_ENTRIES, scale_by_size=True),
        lambda w: 0.1 * l1(w) + 0.3 * total_l2(picked(w.ravel(), THREE_ENTRIES), by_size=True),
        [(4, 3), (2, 2, 3)],
    ),
    PenaltyRow(ExclusiveLasso(0.3), lambda w: 0.3 * sum(l1(v) ** 2 for v in units(w))),
    PenaltyRow(
        ExclusiveLasso(0.3, by="entry", groups=THREE_ENTRIES),
        lambda w: 0.3 * sum(l1(v) ** 2 for v in picked(w.ravel(), THREE_ENTRIES)),
        [(4, 3), (2, 2, 3)],
    ),
    PenaltyRow(GroupLInf(0.7), lambda w: 0.7 * sum(np.max(np.abs(v)) for v in units(w))),
    PenaltyRow(GroupLInf(0.7, by="all"), lambda w: 0.7 * float(np.max(np.abs(w)))),
    PenaltyRow(
        GroupLInf(0.7, by="input", groups=TWO_INPUTS),
        lambda w: 0.7 * sum(np.max(np.abs(v)) for v in picked(w, TWO_INPUTS)),
        [(4, 3)],
    ),
    PenaltyRow(GroupLInf(0.7, by=(2, 1)), lambda w: 0.7 * sum(np.max(np.abs(v)) for v in blocks(w)), [(4, 3)]),
    PenaltyRow(TotalVariation(0.4), lambda w: 0.4 * l1(np.diff(w, axis=0))),
    PenaltyRow(TotalVariation(0.2, axis=-1), lambda w: 0.2 * l1(np.diff(w, axis=-1))),
    PenaltyRow(Towards(L1(0.5), 0.25), lambda w: 0.5 * l1(w - 0.25)),
    PenaltyRow(
        Towards(L1L2(0.1, 0.2) + GroupLasso(0.4), HERE),
        lambda w: 0.1 * l1(w - HERE) + 0.2 * np.sum((w - HERE) ** 2) + 0.4 * total_l2(units(w - HERE)),
        [(4, 3)],
    ),
    PenaltyRow(Masked(L1(0.5), [True, False, True]), lambda w: 0.5 * l1(w * [1, 0, 1]), MATRICES),
    PenaltyRow(Masked(GroupLasso(0.7), KEPT), lambda w: 0.7 * total_l2(units(w * KEPT)), [(4, 3)]),
    PenaltyRow(Masked(ExclusiveLasso(0.3), KEPT), lambda w: 0.3 * sum(l1(v) ** 2 for v in units(w * KEPT)), [(4, 3)]),
    PenaltyRow(
        Towards(Masked(LogSum(0.3, 0.3), KEPT), HERE),
        lambda w: 0.3 * float(np.sum(np.log1p(np.abs((w - HERE) * KEPT) / 0.3))),
        [(4, 3)],
    ),
    PenaltyRow(Scaled(MCP(0.7, 1.7), 0.3), lambda w: 0.3 * sum(mcp(x, 0.7, 1.7) for x in w.flat)),
    PenaltyRow(Scaled(L1(0.5), 0.0), lambda w: 0.0),
    PenaltyRow(Scaled(L1(0.5) + GroupLasso(0.4), 0.5) + L1(0.1), lambda w: 0.35 * l1(w) + 0.2 * total_l2(units(w))),
]

# Exact with one step a group; of steps that differ there, the smallest counts.
ONE_STEP = [
    (PenaltyRow(GroupMCP(0.7, 1.3), lambda w: sum(mcp(l2(v), 0.7, 1.3) for v in units(w))), "unit"),
    (
        PenaltyRow(
            GroupMCP(0.4, 0.05, by="filter", scale_by_size=True),
            lambda w: sum(mcp(l2(v), 0.4 * np.sqrt(v.size), 0.05) for v in windows(w)),
            [(4, 3), (2, 2, 3)],
        ),
        "filter",
    ),
    (PenaltyRow(NuclearNorm(0.7), lambda w: 0.7 * nuclear(w), MATRICES), "all"),
    (PenaltyRow(NuclearNorm(0.4, blocks=3), lambda w: 0.4 * nuclear(w, 3), MATRICES), "unit"),
    (PenaltyRow(SquaredSpectralNorm(0.7), lambda w: 0.7 * spectral(w), MATRICES), "all"),
    (PenaltyRow(SquaredSpectralNorm(0.4, blocks=3), lambda w: 0.4 * spectral(w, 3), MATRICES), "unit"),
    (PenaltyRow(OrderedL1(0.4, 0.25), lambda w: sorted_l1(w.ravel(), 0.4 * np.linspace(1, 0.25, w.size))), "all"),
    (
        PenaltyRow(
            OrderedL1([0.9, 0.4, 0.4, 0.0], by="unit"),
            lambda w: sum(sorted_l1(v, np.asarray([0.9, 0.4, 0.4, 0.0])) for v in units(w)),
            MATRICES,
        ),
        "unit",
    ),
    (PenaltyRow(Scaled(NuclearNorm(0.7), 0.5), lambda w: 0.35 * nuclear(w), MATRICES), "all"),
]

VALUE_ONLY = [
    PenaltyRow(HoyerSquare(0.3), lambda w: 0.3 * hoyer(w)),
    PenaltyRow(SquaredDifferences(0.3), lambda w: 0.3 * float(np.sum(np.diff(w, axis=0) ** 2))),
    PenaltyRow(SquaredDifferences(0.3, axis=-1, order=2), lambda w: 0.3 * float(np.sum(np.diff(w, n=2, axis=-1) ** 2))),
    PenaltyRow(SquaredOrthogonal(0.3), lambda w: 0.3 * apart(gates(w)[0]), MATRICES),
    PenaltyRow(SquaredOrthogonal(0.3, "rows"), lambda w: 0.3 * apart(gates(w)[0].T), MATRICES),
    PenaltyRow(
        SquaredOrthogonal(0.3, "columns", blocks=3), lambda w: 0.3 * sum(apart(m) for m in gates(w, 3)), MATRICES
    ),
    PenaltyRow(Masked(NuclearNorm(0.3), KEPT), lambda w: 0.3 * nuclear(w * KEPT), [(4, 3)]),
    PenaltyRow(Scaled(HoyerSquare(0.3), 2.0), lambda w: 0.6 * hoyer(w)),
    PenaltyRow(
        Towards(SquaredDifferences(0.3), HERE), lambda w: 0.3 * float(np.sum(np.diff(w - HERE, axis=0) ** 2)), [(4, 3)]
    ),
]


def one_step(step: Array, over: str) -> Array:
    """The smallest step of each group, in place of its steps."""
    if over == "all":
        return np.full_like(step, step.min())
    axes = {"unit": unit_axes(step), "filter": unit_axes(step)[:-1]}[over]
    return np.broadcast_to(step.min(axis=axes, keepdims=True) if axes else step, step.shape).copy()
