"""Terms beside SciPy: isotonic regression in a metric, and its general optimizer where a set is given by inequalities.

Oracle: scipy.optimize.isotonic_regression and minimize (SLSQP).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import isotonic_regression, minimize

from taut.constraints import Box, GroupL1Ball, HalfSpace, MaxNorm, Monotone, NonNeg, Simplex
from taut.regularizers import L1L2, L2, Huber, SquaredDifferences, SquaredOrthogonal


@pytest.mark.parametrize("size", [2, 5, 40, 200])
def test_monotone_is_scipy_s_isotonic_regression(size: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        w = np.cumsum(rng.normal(size=size)) + 3 * rng.normal(size=size)
        step = np.exp(2 * rng.normal(size=size))
        rising = isotonic_regression(w, weights=1 / step).x
        np.testing.assert_allclose(Monotone()(w, step=step), rising, rtol=1e-9, atol=1e-9)
        falling = isotonic_regression(w, weights=1 / step, increasing=False).x
        np.testing.assert_allclose(Monotone(False)(w, step=step), falling, rtol=1e-9, atol=1e-9)


INEQUALITIES: list[tuple[Any, Any, Any]] = [
    (MaxNorm(1.1), lambda z: 1.21 - z @ z, (None, None)),
    (NonNeg() & MaxNorm(1.1), lambda z: 1.21 - z @ z, (0, None)),
    (Box(-0.4, 0.6) & MaxNorm(0.9), lambda z: 0.81 - z @ z, (-0.4, 0.6)),
    (HalfSpace([0.5, -1.0, 2.0, 0.25], 0.3), lambda z: 0.3 - z @ [0.5, -1.0, 2.0, 0.25], (None, None)),
    (GroupL1Ball(0.8), lambda z: 0.64 - z @ z, (None, None)),  # of one group
]


@pytest.mark.parametrize(("term", "inside", "bounds"), INEQUALITIES, ids=lambda t: type(t).__name__)
def test_a_projection_in_a_metric_is_scipy_s_minimum(term: Any, inside: Any, bounds: Any) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, step = 2 * rng.normal(size=4), np.exp(rng.normal(size=4))
        best = minimize(
            lambda z, w=w, step=step: ((z - w) ** 2 / (2 * step)).sum(),
            np.full(4, 0.01),
            jac=lambda z, w=w, step=step: (z - w) / step,
            bounds=[bounds] * 4,
            constraints=[{"type": "ineq", "fun": inside}],
            options={"ftol": 1e-15, "maxiter": 500},
        )
        np.testing.assert_allclose(term(w, step=step), best.x, atol=2e-5)


def test_simplex_in_a_metric_is_scipy_s_minimum() -> None:
    rng = np.random.default_rng(4)
    w, step = rng.normal(size=5), np.exp(rng.normal(size=5))
    best = minimize(
        lambda z: ((z - w) ** 2 / (2 * step)).sum(),
        np.full(5, 0.2),
        bounds=[(0, None)] * 5,
        constraints=[{"type": "eq", "fun": lambda z: z.sum() - 1}],
        options={"ftol": 1e-15, "maxiter": 500},
    )
    np.testing.assert_allclose(Simplex()(w, step=step), best.x, atol=2e-6)


@pytest.mark.parametrize("term", [L2(0.3), Huber(0.7, 0.6), L1L2(0.0, 0.4)], ids=lambda t: type(t).__name__)
def test_a_smooth_prox_is_scipy_s_minimum(term: Any) -> None:
    rng = np.random.default_rng(5)
    w, step = 2 * rng.normal(size=6), np.exp(rng.normal(size=6))
    best = minimize(lambda z: float(term(z)) + ((z - w) ** 2 / (2 * step)).sum(), w, options={"gtol": 1e-9})
    np.testing.assert_allclose(term.prox(w, step), best.x, atol=1e-6)


def test_what_acts_by_gradient_alone_ends_where_it_should() -> None:
    """Roughness and crossed columns, minimised with the penalty's own value: a line, and orthonormal columns."""
    line = minimize(
        lambda z: float(SquaredDifferences(1.0, order=2)(z)) + (z[0] - 1) ** 2 + (z[4] - 3) ** 2, np.zeros(5)
    )
    np.testing.assert_allclose(line.x, np.linspace(1, 3, 5), atol=1e-4)
    start = np.random.default_rng(6).normal(size=6)
    columns = minimize(lambda z: float(SquaredOrthogonal(1.0)(z.reshape(3, 2))), start).x.reshape(3, 2)
    np.testing.assert_allclose(columns.T @ columns, np.eye(2), atol=1e-3)
