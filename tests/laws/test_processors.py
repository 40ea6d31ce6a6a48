"""What one library, on one processor, keeps as feasible is feasible wherever it is measured again.

The order of a sum differs between libraries, processors and even compilations, so that no two measure a norm or a sum
alike. A projection decides by its own measure which points it keeps; `violation` must call each of them 0, whoever
computes it. The points here lie on the very edge of what JAX keeps in float32; the others measure in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut import joint
from taut.constraints import (
    PSD,
    Constraint,
    Convex,
    DoublyStochastic,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    LowRank,
    MaxNorm,
    MinMaxNorm,
    NuclearBall,
    Orthogonal,
    Simplex,
    SpectralNorm,
    StochasticRows,
    UnitNorm,
    UnitSum,
    ZeroMean,
)
from taut.regularizers import ExclusiveLasso, GroupLasso, Regularizer

NORMAL = np.linspace(-1.0, 2.0, 7)
SETS: list[Constraint] = [
    MaxNorm(0.3),
    MinMaxNorm(4.0, 5.0),
    UnitNorm(),
    L1Ball(0.7),
    GroupL1Ball(1.1),
    Simplex(),
    UnitSum(0.3),
    ZeroMean(),
    HalfSpace(NORMAL, 0.3),
    StochasticRows(),
    DoublyStochastic(),
    SpectralNorm(0.7),
    NuclearBall(1.1),
    LowRank(3),
    Orthogonal(),
    PSD(),
    Convex(),
    MaxNorm(0.3, axis=1) & Simplex(0.5, axis=0),
]
TRIALS = 24


@pytest.fixture(scope="module")
def edges() -> list[tuple[np.ndarray, np.ndarray]]:
    """For each set: the last points on the way from inside to outside that JAX leaves as they are, and points beyond."""
    rng = np.random.default_rng(0)
    start = jnp.asarray(rng.normal(size=(len(SETS), TRIALS, 7, 7)), jnp.float32)

    def all_sets(w: jax.Array) -> list[jax.Array]:
        return [term(w[k]) for k, term in enumerate(SETS)]

    project = jax.jit(jax.vmap(all_sets, 1), compiler_options={"xla_backend_optimization_level": 0})
    inside = jnp.stack(project(start))
    # The way out is straight; its last kept point is found by halving, for all sets and trials at once.
    low, high = np.zeros((len(SETS), TRIALS, 1, 1)), np.full((len(SETS), TRIALS, 1, 1), 1e-3)

    def at(t: np.ndarray) -> jax.Array:
        return (inside + jnp.asarray(t, jnp.float32) * (start - inside)).astype(jnp.float32)

    kept = at(low)
    for _ in range(16):
        middle = (low + high) / 2
        here = at(middle)
        same = np.asarray(jnp.all(jnp.stack(project(here)) == here, axis=(2, 3), keepdims=True))
        low, high = np.where(same, middle, low), np.where(same, high, middle)
        kept = jnp.where(same, here, kept)
    return list(zip(np.asarray(kept), np.asarray(at(low + 1e-3)), strict=True))


def test_what_jax_keeps_is_feasible_in_every_library(edges: list[tuple[np.ndarray, np.ndarray]]) -> None:
    wrong = []
    for term, (points, _) in zip(SETS, edges, strict=True):
        for p in points:
            found = float(term.violation(p)), float(term.violation(torch.from_numpy(p.copy())))
            if found != (0.0, 0.0):
                wrong.append(f"{term}: {found}")
    assert not wrong, f"{len(wrong)} of {len(SETS) * TRIALS}: " + "\n".join(wrong[:20])


def test_a_little_further_out_is_infeasible(edges: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """The allowance is of the size of rounding: a thousandth of the way beyond the edge nothing passes."""
    for term, (_, beyond) in zip(SETS, edges, strict=True):
        assert all(float(term.violation(p)) > 0 for p in beyond), term


@pytest.mark.parametrize("penalty", [GroupLasso(0.2), ExclusiveLasso(0.1)], ids=str)
def test_joint_steps_end_where_every_library_finds_them_feasible(penalty: Regularizer) -> None:
    """A splitting ends in a feasible finish: what it stops at has been kept by every projection."""
    term = Simplex()
    step = jax.jit(jax.vmap(lambda w: joint.step_for(penalty, term)(w, jnp.ones_like(w) * 0.3, None)))
    w = np.random.default_rng(1).normal(size=(64, 4, 4)).astype(np.float32)
    for z in np.asarray(step(w)):
        assert float(term.violation(z)) == 0.0
