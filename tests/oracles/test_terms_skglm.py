"""Values and proximal maps beside skglm's penalties, one coordinate or one block at a time, in float64.

Oracle: skglm 0.5, whose ``prox_1d(x, step, j)`` minimises f(z) + (z − x)²/(2·step).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skglm.penalties as sk

from taut.constraints import Box, NonNeg
from taut.regularizers import L1, L1L2, MCP, SCAD, GroupMCP, LHalf, LogSum

W = np.linspace(-4, 4, 81)
SCALARS: list[tuple[Any, Any]] = [
    (L1(0.3), sk.L1(0.3)),
    (L1L2(0.3 * 0.4, 0.3 * 0.6 / 2), sk.L1_plus_L2(0.3, 0.4)),
    (MCP(0.7, 3.0), sk.MCPenalty(0.7, 3.0)),
    (SCAD(0.7, 3.7), sk.SCAD(0.7, 3.7)),
    (LHalf(0.7), sk.L0_5(0.7)),
    (LogSum(0.7, 0.9), sk.LogSumPenalty(0.7, 0.9)),
]


@pytest.mark.parametrize(("ours", "theirs"), SCALARS, ids=lambda t: type(t).__name__)
def test_a_scalar_penalty_is_skglm_s(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(float(ours(W)), theirs.value(W), rtol=1e-12)
    for step in (0.1, 0.5):
        mine = ours.prox(W, step)
        want = np.asarray([theirs.prox_1d(x, step, 0) for x in W])
        # Where zero and another point are worth the same, either is right: one grid point at most.
        apart = np.abs(mine - want) > 1e-7
        assert apart.sum() <= 2
        for i in np.flatnonzero(apart):
            worth = [float(ours(np.asarray([z]))) + (z - W[i]) ** 2 / (2 * step) for z in (mine[i], want[i])]
            assert worth[0] <= worth[1] + 1e-12


def test_bounds_are_skglm_s() -> None:
    box, positive = sk.IndicatorBox(0.7), sk.PositiveConstraint()
    np.testing.assert_array_equal(Box(0.0, 0.7)(W), [box.prox_1d(x, 0.3, 0) for x in W])
    np.testing.assert_array_equal(NonNeg()(W), [positive.prox_1d(x, 0.3, 0) for x in W])


def test_a_block_penalty_is_skglm_s() -> None:
    theirs = sk.BlockMCPenalty(0.7, 3.0)
    for seed in range(5):
        w = 2 * np.random.default_rng(seed).normal(size=4)
        mine = GroupMCP(0.7, 3.0).prox(w, 0.5)
        np.testing.assert_allclose(mine, theirs.prox_1feat(w, 0.5, 0), atol=1e-12)
        assert float(GroupMCP(0.7, 3.0)(w)) == pytest.approx(theirs.value(w[None, :]), rel=1e-12)
