"""Convex and concave sequences against cvxpy, in random metrics; alone and together with other terms."""

import cvxpy as cp
import numpy as np
import pytest

from taut import joint
from taut.constraints import Box, Convex, Monotone
from taut.regularizers import L1


def nearest(w: np.ndarray, step: np.ndarray, sign: int, l1: float = 0.0, rising: bool = False) -> np.ndarray:
    z = cp.Variable(w.shape)
    away = cp.sum(cp.multiply(1 / (2 * step), cp.square(z - w))) + l1 * cp.sum(cp.abs(z))
    inside = [sign * cp.diff(z, 2, axis=0) >= 0, *([cp.diff(z, axis=0) >= 0] if rising else [])]
    cp.Problem(cp.Minimize(away), inside).solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-12
    )
    return z.value


@pytest.mark.parametrize("size", [3, 6, 40])
@pytest.mark.parametrize("concave", [False, True])
def test_the_nearest_sequence(size: int, concave: bool) -> None:
    rng = np.random.default_rng(size)
    for spread in (0.0, 1.0):
        w, step = rng.normal(size=(size, 3)), np.exp(spread * rng.normal(size=(size, 3)))
        got = Convex(concave, axis=0)(w, step=step)
        np.testing.assert_allclose(got, nearest(w, step, -1 if concave else 1), atol=2e-5)


def test_together_with_a_penalty_and_with_another_set() -> None:
    rng = np.random.default_rng(0)
    w, step = rng.normal(size=(6, 3)), np.exp(rng.normal(size=(6, 3)))
    got = joint.step_for(L1(0.2), Convex(axis=0))(w, step, None)
    np.testing.assert_allclose(got, nearest(w, step, 1, l1=0.2), atol=2e-5)
    both = Convex(axis=0) & Monotone(axis=0)
    np.testing.assert_allclose(both(w, step=step), nearest(w, step, 1, rising=True), atol=2e-5)
    assert float(both.violation(both(w, step=step))) == 0.0


def test_sets_without_a_common_point_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Convex\(\) & .* cannot all hold"):
        (Convex() & Box(low=np.asarray([0.0, 2.0, 0.0]), high=np.asarray([0.5, 3.0, 0.5])))(np.zeros(3))
