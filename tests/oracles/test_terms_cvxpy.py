"""Every convex penalty's proximal map and every convex projection beside cvxpy, in random metrics.

Oracle: cvxpy 1.9 with Clarabel, an interior-point solver that knows nothing of proximal maps. A term that is exact with
one step only is given one step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from taut.constraints import (
    PSD,
    Box,
    Diagonal,
    DoublyStochastic,
    Fixed,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    LInfBall,
    Masked,
    MaxNorm,
    Monotone,
    NonNeg,
    NonPositive,
    NuclearBall,
    Radial,
    Simplex,
    Skew,
    SpectralNorm,
    StochasticColumns,
    StochasticRows,
    Symmetric,
    Triangular,
    UnitSum,
    ZeroMean,
    Zeros,
)
from taut.regularizers import (
    L1,
    L1L2,
    L2,
    ExclusiveLasso,
    GroupLasso,
    GroupLInf,
    Huber,
    NuclearNorm,
    OrderedL1,
    Scaled,
    SparseGroupLasso,
    SquaredSpectralNorm,
    TotalVariation,
    Towards,
)
from taut.regularizers import Masked as MaskedPenalty

Penalty = Callable[[Any], Any]
SHAPE = (4, 3)
HERE = np.round(np.random.default_rng(9).normal(size=SHAPE), 2)
KEPT = np.random.default_rng(8).uniform(size=SHAPE) < 0.6
NORMAL = np.asarray([0.5, -1.0, 2.0, 0.25])


def by_unit(z: Any, size: Callable[[Any], Any] = cp.norm) -> Any:
    return sum(size(z[:, j]) for j in range(SHAPE[1]))


def by_input(z: Any, size: Callable[[Any], Any] = cp.norm) -> Any:
    return sum(size(z[i, :]) for i in range(SHAPE[0]))


def flat(z: Any) -> Any:
    return cp.vec(z, order="C")


def ordered(z: Any, strengths: np.ndarray) -> Any:
    """Σ λ_i |z|_(i) as a sum of sums of the largest: λ_i − λ_{i+1} times the i largest."""
    drops = strengths - np.append(strengths[1:], 0.0)
    return sum(d * cp.sum_largest(cp.abs(z), i + 1) for i, d in enumerate(drops) if d > 0)


PENALTIES: list[tuple[Any, Penalty]] = [
    (L1(0.3), lambda z: 0.3 * cp.sum(cp.abs(z))),
    (L2(0.3), lambda z: 0.3 * cp.sum_squares(z)),
    (L1L2(0.2, 0.4), lambda z: 0.2 * cp.sum(cp.abs(z)) + 0.4 * cp.sum_squares(z)),
    (Huber(0.7, 0.6), lambda z: 0.35 * cp.sum(cp.huber(z, 0.6))),
    (GroupLasso(0.7), lambda z: 0.7 * by_unit(z)),
    (GroupLasso(0.7, by="input"), lambda z: 0.7 * by_input(z)),
    (GroupLasso(0.4, scale_by_size=True), lambda z: 0.8 * by_unit(z)),
    (SparseGroupLasso(0.2, 0.5), lambda z: 0.2 * cp.sum(cp.abs(z)) + 0.5 * by_unit(z)),
    (SparseGroupLasso(0.0, 0.5, by=(2, 1)), lambda z: 0.5 * (by_unit(z[:2, :]) + by_unit(z[2:, :]))),
    (
        SparseGroupLasso(0.1, 0.5, by="input", groups=[[0, 2], [1, 3]]),
        lambda z: 0.1 * cp.sum(cp.abs(z)) + 0.5 * (cp.norm(flat(z[0:3:2, :])) + cp.norm(flat(z[1:4:2, :]))),
    ),
    (GroupLasso(0.5) + L1L2(0.1, 0.2), lambda z: 0.5 * by_unit(z) + 0.1 * cp.sum(cp.abs(z)) + 0.2 * cp.sum_squares(z)),
    (ExclusiveLasso(0.3), lambda z: 0.3 * by_unit(z, lambda v: cp.square(cp.norm1(v)))),
    (GroupLInf(0.7), lambda z: 0.7 * by_unit(z, cp.norm_inf)),
    (TotalVariation(0.4), lambda z: 0.4 * cp.sum(cp.abs(z[1:, :] - z[:-1, :]))),
    (TotalVariation(0.3, axis=-1), lambda z: 0.3 * cp.sum(cp.abs(z[:, 1:] - z[:, :-1]))),
    (Towards(L1(0.5), HERE), lambda z: 0.5 * cp.sum(cp.abs(z - HERE))),
    (Towards(GroupLasso(0.5), HERE), lambda z: 0.5 * by_unit(z - HERE)),
    (MaskedPenalty(GroupLasso(0.7), KEPT), lambda z: 0.7 * by_unit(cp.multiply(KEPT, z))),
    (Scaled(GroupLInf(0.7), 0.5), lambda z: 0.35 * by_unit(z, cp.norm_inf)),
    (NuclearNorm(0.7), lambda z: 0.7 * cp.normNuc(z)),
    (SquaredSpectralNorm(0.7), lambda z: 0.7 * cp.square(cp.sigma_max(z))),
    (OrderedL1(0.4, 0.25), lambda z: ordered(flat(z), 0.4 * np.linspace(1, 0.25, 12))),
    (
        OrderedL1([0.9, 0.4, 0.4, 0.0], by="unit"),
        lambda z: by_unit(z, lambda v: ordered(v, np.array([0.9, 0.4, 0.4, 0]))),
    ),
]

SETS: list[tuple[Any, Callable[[Any], list[Any]], tuple[int, ...]]] = [
    (NonNeg(), lambda z: [z >= 0], SHAPE),
    (NonPositive(), lambda z: [z <= 0], SHAPE),
    (Box(-0.5, 0.7), lambda z: [z >= -0.5, z <= 0.7], SHAPE),
    (LInfBall(0.6), lambda z: [cp.abs(z) <= 0.6], SHAPE),
    (Fixed(HERE), lambda z: [z == HERE], SHAPE),
    (Zeros(KEPT), lambda z: [cp.multiply(KEPT, z) == 0], SHAPE),
    (Triangular("lower"), lambda z: [cp.multiply(1 - np.tri(*SHAPE), z) == 0], SHAPE),
    (Diagonal(), lambda z: [cp.multiply(1 - np.eye(*SHAPE), z) == 0], SHAPE),
    (MaxNorm(1.1), lambda z: [cp.norm(z, 2, axis=0) <= 1.1], SHAPE),
    (MaxNorm(0.7, axis=-1), lambda z: [cp.norm(z, 2, axis=1) <= 0.7], SHAPE),
    (L1Ball(1.3), lambda z: [cp.norm1(z[:, j]) <= 1.3 for j in range(3)], SHAPE),
    (GroupL1Ball(1.4), lambda z: [by_unit(z) <= 1.4], SHAPE),
    (Masked(MaxNorm(0.8), KEPT), lambda z: [cp.norm(cp.multiply(KEPT, z), 2, axis=0) <= 0.8], SHAPE),
    (Masked(L1Ball(0.8), KEPT), lambda z: [cp.norm1(cp.multiply(KEPT, z)[:, j]) <= 0.8 for j in range(3)], SHAPE),
    (Simplex(), lambda z: [z >= 0, cp.sum(z, axis=0) == 1], SHAPE),
    (StochasticRows(), lambda z: [z >= 0, cp.sum(z, axis=1) == 1], SHAPE),
    (StochasticColumns(), lambda z: [z >= 0, cp.sum(z, axis=0) == 1], SHAPE),
    (DoublyStochastic(), lambda z: [z >= 0, cp.sum(z, axis=0) == 1, cp.sum(z, axis=1) == 1], (4, 4)),
    (UnitSum(-0.5), lambda z: [cp.sum(z, axis=0) == -0.5], SHAPE),
    (ZeroMean(), lambda z: [cp.sum(z, axis=0) == 0], SHAPE),
    (HalfSpace(NORMAL, 0.7), lambda z: [NORMAL @ z <= 0.7], SHAPE),
    (Monotone(axis=0), lambda z: [z[1:, :] >= z[:-1, :]], SHAPE),
    (Monotone(False, axis=-1), lambda z: [z[:, 1:] <= z[:, :-1]], SHAPE),
    (SpectralNorm(0.8), lambda z: [cp.sigma_max(z) <= 0.8], SHAPE),
    (NuclearBall(1.2), lambda z: [cp.normNuc(z) <= 1.2], SHAPE),
    (Symmetric(), lambda z: [z == z.T], (4, 4)),
    (Skew(), lambda z: [z == -z.T], (4, 4)),
    (PSD(), lambda z: [z == z.T, z >> 0], (3, 3)),
    (NonNeg() & MaxNorm(1.1), lambda z: [z >= 0, cp.norm(z, 2, axis=0) <= 1.1], SHAPE),
    (Box(-0.4, 0.6) & MaxNorm(0.9), lambda z: [cp.abs(z - 0.1) <= 0.5, cp.norm(z, 2, axis=0) <= 0.9], SHAPE),
    (
        MaxNorm(0.9) & MaxNorm(0.6, axis=-1),
        lambda z: [cp.norm(z, 2, axis=0) <= 0.9, cp.norm(z, 2, axis=1) <= 0.6],
        SHAPE,
    ),
    (NonNeg() & L1Ball(1.3), lambda z: [z >= 0, cp.sum(z, axis=0) <= 1.3], SHAPE),
    (NonNeg() & UnitSum(), lambda z: [z >= 0, cp.sum(z, axis=0) == 1], SHAPE),
]


def solve(w: np.ndarray, step: np.ndarray, penalty: Any = None, bounds: Any = None) -> np.ndarray:
    """argmin penalty(z) + Σ(z − w)²/(2 step) subject to bounds(z)."""
    z = cp.Variable(w.shape)
    near = cp.sum_squares(cp.multiply(1 / np.sqrt(2 * step), z - w))
    problem = cp.Problem(cp.Minimize(near + (penalty(z) if penalty else 0)), bounds(z) if bounds else [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": to more digits than are compared
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    assert z.value is not None
    return np.asarray(z.value)


def draws(shape: tuple[int, ...], metric: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for seed, scale in ((0, 1.0), (1, 3.0)):
        rng = np.random.default_rng(seed)
        step = np.exp(rng.normal(size=shape if metric else ()))
        found.append((scale * rng.normal(size=shape), step))
    return found


@pytest.mark.parametrize(("term", "penalty"), PENALTIES, ids=lambda t: str(t)[:60] if hasattr(t, "prox") else "")
def test_a_proximal_map_is_cvxpy_s(term: Any, penalty: Penalty) -> None:
    for w, step in draws(SHAPE, getattr(term, "metric", "entry") == "entry"):
        assert float(term(w)) == pytest.approx(float(penalty(cp.Constant(w)).value), rel=1e-9, abs=1e-12)
        z, theirs = term.prox(w, step), solve(w, step, penalty)
        np.testing.assert_allclose(z, theirs, atol=3e-5)

        def objective(p: np.ndarray, w: np.ndarray = w, step: np.ndarray = step) -> float:
            return float(term(p)) + float(((p - w) ** 2 / (2 * step)).sum())

        assert objective(z) <= objective(theirs) + 1e-9 * abs(objective(theirs))


@pytest.mark.parametrize(
    ("term", "bounds", "shape"), SETS, ids=lambda t: str(t)[:60] if hasattr(t, "violation") else ""
)
def test_a_projection_is_cvxpy_s(term: Any, bounds: Any, shape: tuple[int, ...]) -> None:
    for w, step in draws(shape, term.metric):
        z, theirs = term(w, step=step), solve(w, step, bounds=bounds)
        np.testing.assert_allclose(z, theirs, atol=3e-5)
        assert float(term.violation(z)) == 0.0


def test_radial_is_cvxpy_s() -> None:
    for w, step in draws((3, 3, 1, 1), True):
        z = cp.Variable((3, 3))
        edge = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]
        near = cp.sum_squares(cp.multiply(1 / np.sqrt(2 * step[:, :, 0, 0]), z - w[:, :, 0, 0]))
        cp.Problem(cp.Minimize(near), [z[at] == z[0, 0] for at in edge]).solve(solver=cp.CLARABEL)
        np.testing.assert_allclose(Radial()(w, step=step)[:, :, 0, 0], z.value, atol=1e-6)


def test_the_comparison_can_fail() -> None:
    """A Euclidean projection in a metric is another point."""
    w, step = draws(SHAPE, True)[1]
    theirs = solve(w, step, bounds=lambda z: [cp.norm(z, 2, axis=0) <= 1.1])
    assert np.abs(MaxNorm(1.1)(w) - theirs).max() > 0.05
