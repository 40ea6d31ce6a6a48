"""Euclidean projections beside optax.projections, for every set that it has; taut's on each library.

Oracle: optax 0.2, on JAX in float32.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax.projections as op
import pytest
import torch

from taut.constraints import Box, HalfSpace, L1Ball, LInfBall, MaxNorm, NonNeg, Simplex, UnitNorm, UnitSum

NORMAL = np.asarray([0.5, -1.0, 2.0, 0.25, 1.0, -0.5, 0.0, 3.0], np.float32)
ONES = np.ones(8, np.float32)
PAIRS: list[tuple[Any, Any]] = [
    (NonNeg(), op.projection_non_negative),
    (Box(-0.5, 0.7), lambda w: op.projection_box(w, -0.5, 0.7)),
    (Box(0.0, 1.0), op.projection_hypercube),
    (Simplex(), op.projection_simplex),
    (Simplex(2.5), lambda w: op.projection_simplex(w, 2.5)),
    (L1Ball(1.3), lambda w: op.projection_l1_ball(w, 1.3)),
    (MaxNorm(1.1), lambda w: op.projection_l2_ball(w, 1.1)),
    (UnitNorm(), op.projection_l2_sphere),
    (LInfBall(0.6), lambda w: op.projection_linf_ball(w, 0.6)),
    (HalfSpace(NORMAL, 0.7), lambda w: op.projection_halfspace(w, NORMAL, 0.7)),
    (UnitSum(-0.5), lambda w: op.projection_hyperplane(w, ONES, -0.5)),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_a_projection_is_optax_s(ours: Any, theirs: Any, scale: float) -> None:
    for seed in range(3):
        w = (scale * np.random.default_rng(seed).normal(size=8)).astype(np.float32)
        want = np.asarray(theirs(jnp.asarray(w)))
        for x in (w, torch.asarray(w)):
            np.testing.assert_allclose(np.asarray(ours(x)), want, rtol=4e-6, atol=4e-6 * scale)
