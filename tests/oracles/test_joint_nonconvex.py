"""Penalties that are not convex, with signs and bounds: against the best point of a fine grid."""

from typing import Any

import numpy as np
import pytest

from taut import joint
from taut.constraints import Box, LInfBall, NonNeg, NonPositive, Triangular
from taut.regularizers import L0, MCP, SCAD, CappedL1, GroupMCP, LHalf, LogSum, Masked, Scaled
from tests.laws import laws
from tests.laws.table import PENALTIES

TERMS = [
    MCP(0.7, 1.7),
    MCP(0.4, 0.05),
    SCAD(0.7, 2.9),
    SCAD(0.3, 2.05),
    LogSum(0.7, 0.3),
    LogSum(0.2, 1.9),
    LHalf(0.7),
    L0(0.3),
    CappedL1(0.7, 0.9),
    CappedL1(0.7, 0.1),
]
SETS = [
    (NonNeg(), 0.0, np.inf),
    (NonPositive(), -np.inf, 0.0),
    (Box(-0.5, 0.8), -0.5, 0.8),
    (Box(0.0, 1.5), 0.0, 1.5),
    (LInfBall(0.3), -0.3, 0.3),
    (NonNeg() & Box(high=0.9), 0.0, 0.9),
]


def value(term: Any, z: np.ndarray) -> np.ndarray:
    """The penalty of each entry, by the table's own formula."""
    formula = next(row.value for row in PENALTIES if row.term == term)
    return np.asarray([formula(np.asarray([v])) for v in z])


@pytest.mark.parametrize("term", TERMS, ids=str)
def test_nothing_on_a_grid_is_lower(term: Any) -> None:
    rng = np.random.default_rng(0)
    grid = np.concatenate([np.linspace(-4, 4, 1601), [1e-4, -1e-4]])
    penalty = value(term, grid)
    w = np.concatenate([rng.normal(size=20) * 1.5, [0.0, 0.8, -0.5, 3.9]])
    for step in (0.1, 1.0, 4.0, np.exp(rng.normal(size=w.size))):
        s = np.broadcast_to(step, w.shape)
        for constraint, low, high in SETS:
            z = joint.step_for(term, constraint)(w, step, None)
            assert ((z >= low) & (z <= high)).all()
            got = value(term, z) + (z - w) ** 2 / (2 * s)
            inside = (grid >= low) & (grid <= high)
            best = np.min(penalty[inside] + (grid[inside] - w[:, None]) ** 2 / (2 * s[:, None]), axis=1)
            assert (got <= best + 1e-12).all()


def test_clipping_would_be_wrong() -> None:
    # The free minimum is 3; at the bound the weight no longer pays for itself.
    w = np.asarray([3.0])
    np.testing.assert_array_equal(L0(4.0).prox(w, 1.0), w)
    np.testing.assert_array_equal(joint.step_for(L0(4.0), Box(-1, 1))(w, 1.0, None), [0.0])


@pytest.mark.parametrize("term", TERMS[::3], ids=str)
def test_libraries_agree(term: Any) -> None:
    rng = np.random.default_rng(1)
    laws.libraries_agree("joint", (term, Box(-0.5, 0.8)), rng.normal(size=(4, 3)), np.exp(rng.normal(size=(4, 3))))


def test_signs_and_zero_patterns_with_every_penalty_of_magnitudes() -> None:
    """The prox of the point projected first: the cone's sides are mirror images, so what it cuts off stays 0."""
    w = np.random.default_rng(2).normal(size=(4, 3))
    for term in (GroupMCP(0.3), Scaled(MCP(0.7), 0.5), Masked(LogSum(0.3), np.tri(4, 3) > 0)):
        for cone in (NonNeg(), NonPositive(), Triangular("lower"), NonNeg() & Triangular("upper")):
            z = joint.step_for(term, cone)(w, 0.7, None)
            np.testing.assert_array_equal(z, term.prox(cone(w), 0.7))
            assert float(cone.violation(z)) == 0.0


@pytest.mark.parametrize("box", [Box(0.1, 1.0), Box(high=-0.1), Box(np.asarray([-1.0, 0.2]), 1.0)], ids=str)
def test_bounds_without_zero_are_refused_by_name(box: Any) -> None:
    with pytest.raises(ValueError, match=r"MCP\(0.7\) with Box\(.*contain 0"):
        joint.step_for(MCP(0.7), box)
