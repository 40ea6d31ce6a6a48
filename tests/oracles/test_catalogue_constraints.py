"""The catalogue's projections beside ones made elsewhere: SciPy's optimizers, optax, closed forms.

The oracle of each test is named in its first line.
"""

from typing import Any

import numpy as np
import optax.projections
import pytest
from scipy.optimize import brentq, minimize

from taut.constraints import HalfSpace, L1Ball, Simplex, UnitSum, ZeroMean

RNG = np.random.default_rng(7)
VECTORS = [RNG.normal(size=7) * scale for scale in (0.1, 1.0, 10.0)]
METRIC = np.exp(RNG.normal(size=7))


def waterline(w: Any, step: Any, total: float) -> Any:
    """SciPy's brentq on the multiplier of Σz = total, z ≥ 0 in argmin Σ (z − w)²/(2·step)."""
    theta = brentq(lambda t: np.sum(np.maximum(w - t * step, 0)) - total, -1e4, 1e4, xtol=1e-15, rtol=1e-14)
    return np.maximum(w - theta * step, 0)


@pytest.mark.parametrize("w", VECTORS)
def test_simplex_and_l1_ball_beside_optax(w: Any) -> None:
    # optax.projections, which sorts.
    x = w.astype(np.float32)
    np.testing.assert_allclose(Simplex(2.0)(x), optax.projections.projection_simplex(x, 2.0), atol=2e-6)
    np.testing.assert_allclose(L1Ball(1.5)(x), optax.projections.projection_l1_ball(x, 1.5), atol=4e-6)


@pytest.mark.parametrize("w", VECTORS)
def test_sums_in_a_metric_beside_scipy(w: Any) -> None:
    # SciPy's brentq on the optimality condition; for UnitSum, the formula that Lagrange's multiplier gives.
    np.testing.assert_allclose(Simplex()(w, step=METRIC), waterline(w, METRIC, 1.0), atol=1e-11)
    if np.abs(w).sum() > 1.2:
        want = np.sign(w) * waterline(np.abs(w), METRIC, 1.2)
        np.testing.assert_allclose(L1Ball(1.2)(w, step=METRIC), want, atol=1e-11)
    want = w - METRIC * (w.sum() - 1) / METRIC.sum()
    np.testing.assert_allclose(UnitSum()(w, step=METRIC), want, atol=1e-12)


def test_simplex_in_a_metric_beside_a_general_optimizer() -> None:
    # SciPy's SLSQP, which knows nothing of thresholds.
    w = VECTORS[1]
    done = minimize(
        lambda z: np.sum((z - w) ** 2 / (2 * METRIC)),
        np.full(7, 1 / 7),
        bounds=[(0, None)] * 7,
        constraints=[{"type": "eq", "fun": lambda z: np.sum(z) - 1}],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(Simplex()(w, step=METRIC), done.x, atol=1e-6)


def test_affine_sets_beside_their_closed_forms() -> None:
    # Textbook formulas (Boyd & Vandenberghe, §8.1.1).
    w, a = VECTORS[2], METRIC - 1.0
    np.testing.assert_allclose(ZeroMean()(w), w - w.mean(), atol=1e-12)
    for b in (-3.0, a @ w + 1.0):
        want = w - METRIC * a * max(a @ w - b, 0) / np.sum(METRIC * a * a)
        np.testing.assert_allclose(HalfSpace(a, b)(w, step=METRIC), want, atol=1e-12)
