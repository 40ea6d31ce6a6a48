"""Sets that have no common point: refused, alone and beside a penalty, in every library whose values can be looked at.

Whatever a projection or a joint step of several sets returns is inside all of them; where it cannot be, it says so.
"""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut import joint, plans
from taut.constraints import (
    PSD,
    Box,
    Constraint,
    Fixed,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    Masked,
    MaxNorm,
    Monotone,
    NonNeg,
    NonPositive,
    NuclearBall,
    Simplex,
    Skew,
    SpectralNorm,
    StochasticColumns,
    StochasticRows,
    Symmetric,
    Triangular,
    UnitSum,
    ZeroMean,
)
from taut.regularizers import L1, ExclusiveLasso, GroupLasso, GroupLInf, Regularizer, TotalVariation

N = 4
EYE = np.eye(N)
NEVER: list[Constraint] = [
    NonPositive() & StochasticColumns(),
    StochasticRows() & UnitSum(2.0, axis=1),
    Simplex() & Masked(Fixed(2.0), EYE),
    PSD() & HalfSpace(np.ones(N), -0.5),  # Σ w_ij over all i and j is at least 0
    Box(np.full((N, 1), 0.9), None) & MaxNorm(1.0),
]


def names(value: Any) -> str:
    return type(value).__name__ if isinstance(value, Regularizer) else "-".join(type(t).__name__ for t in value.terms)


W = np.random.default_rng(0).normal(size=(N, N)).astype(np.float32)
WORDS = "cannot all hold"


@pytest.mark.parametrize("sets", NEVER, ids=names)
def test_contradictions_are_refused(sets: Any) -> None:
    """Alone, and beside a penalty when a plan is bound, which takes the joint step in numpy."""
    with pytest.raises(ValueError, match=WORDS):
        sets(W)
    entry = plans.Entry("d/kernel", "kernel", (N, N), (0,), regularizer=L1(0.1), constraint=sets)
    with pytest.raises(ValueError, match=rf"d/kernel: .*{WORDS}"):
        plans.bind([entry])


def test_every_library_says_so() -> None:
    sets = NonPositive() & StochasticColumns()
    step = joint.step_for(ExclusiveLasso(0.3), sets)
    with pytest.raises(ValueError, match=WORDS):
        sets(jnp.asarray(W))
    with pytest.raises(ValueError, match=WORDS):
        step(torch.from_numpy(W), 0.5, None)


SETS: list[Constraint] = [
    NonNeg(),
    NonPositive(),
    Box(-0.4, 0.6),
    MaxNorm(0.8, axis=1),
    L1Ball(0.9),
    GroupL1Ball(2.2),
    Simplex(0.7),
    StochasticRows(),
    UnitSum(0.5),
    ZeroMean(),
    HalfSpace(np.ones(N), -0.3),
    Monotone(axis=0),
    Symmetric(),
    Skew(),
    PSD(),
    SpectralNorm(1.2),
    NuclearBall(1.5),
    Triangular("lower"),
    Masked(Fixed(0.3), EYE),
]


def test_every_pair_is_right_or_refused() -> None:
    """Each pair of sets with one of the penalties or none: inside both, or an error that says why not."""
    rng = np.random.default_rng(1)
    penalties = itertools.cycle([None, GroupLasso(0.2), None, L1(0.1), TotalVariation(0.1), GroupLInf(0.3)])
    right = refused = 0
    pairs = list(itertools.combinations(SETS, 2))
    for (a, b), penalty in zip([pairs[k] for k in rng.permutation(len(pairs))[:60]], penalties, strict=False):
        w = rng.normal(size=(N, N))
        step = np.exp(rng.normal(size=w.shape)) if rng.uniform() < 0.5 else 0.5
        try:
            z = joint.step_for(penalty, a & b)(w, step, None)
        except ValueError as error:
            refused += "cannot all hold" in str(error) or "no common point" in str(error)
            continue
        right += 1
        assert max(float(a.violation(z)), float(b.violation(z))) <= 1e-12, f"{penalty} with {a} & {b}"
    assert right > 30 and refused > 3
