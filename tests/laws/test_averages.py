"""Averages are of projected weights, and are projected again where they are put into use."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from taut import transforms
from taut.constraints import NonNeg, UnitNorm
from taut.optimizers import SGD
from taut.plans import bind
from tests.laws.test_plan import entry


def test_the_average_is_that_of_the_projected_weights() -> None:
    """Step by step beside its definition: a ← m·a + (1 − m)·C(w − lr·g), the first average being the first weights."""
    plan = bind([entry("k", (2, 1), constraint=NonNeg())])
    optimizer = SGD(0.5, use_ema=True, ema_momentum=0.75).prepared()
    params = {"k": jnp.asarray([[1.0], [0.5]])}
    state = transforms.init(optimizer, plan, params)
    by_hand = None
    for gradient in ([[1.0], [4.0]], [[-1.0], [2.0]], [[3.0], [1.0]]):
        w = np.maximum(np.asarray(params["k"]) - 0.5 * np.asarray(gradient), 0.0)
        by_hand = w if by_hand is None else 0.75 * by_hand + 0.25 * w
        params, state = transforms.step(optimizer, plan, state, params, {"k": jnp.asarray(gradient)}, 1)
        np.testing.assert_allclose(params["k"], w, rtol=1e-6)
        np.testing.assert_allclose(state.average["k"], by_hand, rtol=1e-6)


def test_an_average_that_has_left_the_set_is_brought_back() -> None:
    """Two unit vectors average to a norm of 0.71; and a weight that is 0.0 has the average 0.0."""
    plan = bind([entry("k", (2, 1), constraint=UnitNorm())])
    used = transforms.averaged(plan, {"k": jnp.asarray([[0.5], [0.5]])}, {"k": jnp.asarray([[0.6], [0.8]])})
    np.testing.assert_allclose(used["k"], np.full((2, 1), np.sqrt(0.5)), rtol=1e-6)
    used = transforms.averaged(plan, {"k": jnp.asarray([[1e-9], [0.5]])}, {"k": jnp.asarray([[0.0], [1.0]])})
    np.testing.assert_array_equal(used["k"], [[0.0], [1.0]])
