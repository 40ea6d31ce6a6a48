"""The group lasso in a metric against bisection, from groups far from dying to groups that die, on numpy and JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taut.regularizers import GroupLasso

GROUPS, SIZE = 400, 64


def by_bisection(w: np.ndarray, step: np.ndarray, strength: float) -> np.ndarray:
    """x·n/(n+t), n the root of Σ x²/(n+t)² = 1 by group, t = step·strength; 0 where there is none."""
    low, high = np.zeros((len(w), 1)), np.linalg.norm(w, axis=1, keepdims=True)
    for _ in range(200):
        n = (low + high) / 2
        above = np.sum((w / (n + step * strength)) ** 2, axis=1, keepdims=True) > 1
        low, high = np.where(above, n, low), np.where(above, high, n)
    return w * (low / (low + step * strength))


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("strength", [1e-4, 1e-3, 1e-2, 0.1, 1.0])
def test_every_group_is_where_bisection_puts_it(strength: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    w = (rng.normal(size=(GROUPS, SIZE)) * np.exp(rng.normal(size=(GROUPS, 1)) - 3)).astype(np.float32).astype(float)
    step = (0.3 * np.exp(spread * rng.normal(size=w.shape))).astype(np.float32).astype(float)
    expected, scale = by_bisection(w, step, strength), np.linalg.norm(w, axis=1)
    term = GroupLasso(strength, by="input")
    many = w.astype(np.float32).reshape(4, -1, SIZE), step.astype(np.float32).reshape(4, -1, SIZE)
    side_by_side = jax.jit(jax.vmap(term.prox))(*map(jnp.asarray, many))
    for found, close in ((term.prox(w, step), 1e-14), (np.asarray(side_by_side).reshape(w.shape), 1e-6)):
        assert (np.linalg.norm(found - expected, axis=1) <= close * scale).all()
