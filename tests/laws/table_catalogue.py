"""Rows for the catalogue of regularizers; `table.py` takes them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from taut.regularizers import (
    L0,
    MCP,
    SCAD,
    CappedL1,
    HoyerSquare,
    Huber,
    LHalf,
    LogSum,
)
from tests.laws.table import PenaltyRow

Array = Any


def huber(w: Array, delta: float) -> float:
    return float(sum(x**2 / 2 if abs(x) <= delta else delta * abs(x) - delta**2 / 2 for x in w.flat))


def mcp(a: float, lam: float, gamma: float) -> float:
    """The integral of max(λ − t/γ, 0) over t from 0 to |a|."""
    reach = min(abs(a), gamma * lam)
    return lam * reach - reach**2 / (2 * gamma)


def scad(a: float, lam: float, gamma: float) -> float:
    """The integral over t of λ up to λ, then max(γλ − t, 0)/(γ − 1)."""
    a, bend = abs(a), min(abs(a), gamma * lam)
    return lam * min(a, lam) + (((gamma - 1) * lam) ** 2 - (gamma * lam - max(bend, lam)) ** 2) / (2 * (gamma - 1))


def hoyer(w: Array) -> float:
    return float(np.sum(np.abs(w)) ** 2 / np.sum(w**2)) if np.any(w) else 0.0


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
]

VALUE_ONLY = [
    PenaltyRow(HoyerSquare(0.3), lambda w: 0.3 * hoyer(w)),
]
