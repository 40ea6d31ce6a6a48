"""Sets that have no common point: refused, alone and beside a penalty, in every library whose values can be looked at.

Whatever a projection or a joint step of several sets returns is inside all of them; where it cannot be, it says so.
"""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut import joint, plan
from taut.constraints import (
    PSD,
    Box,
    Constraint,
    DoublyStochastic,
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
    StochasticColumns() & GroupL1Ball(1.0),  # a column's norm is at least ½, and there are four
    MaxNorm(0.8, axis=1) & HalfSpace(np.ones(N), -7.0),
    Simplex() & Masked(Fixed(2.0), EYE),
    PSD() & HalfSpace(np.ones(N), -0.5),  # Σ w_ij over all i and j is at least 0
    Box(np.full((N, 1), 0.9), None) & MaxNorm(1.0),
]
PENALTIES: list[Regularizer] = [ExclusiveLasso(0.3), L1(0.1)]


def names(value: Any) -> str:
    return type(value).__name__ if isinstance(value, Regularizer) else "-".join(type(t).__name__ for t in value.terms)


@pytest.mark.parametrize("sets", NEVER, ids=names)
def test_contradictions_are_refused(sets: Any) -> None:
    w = np.random.default_rng(0).normal(size=(N, N)).astype(np.float32)
    for x in (w, torch.from_numpy(w.copy())):
        with pytest.raises(ValueError, match="cannot all hold"):
            sets(x)
        for penalty in PENALTIES:
            with pytest.raises(ValueError, match="cannot all hold"):
                joint.step_for(penalty, sets)(x, 0.5, None)
    for penalty in (None, L1(0.1)):
        acting = None if penalty is None else penalty.acting("proximal")
        entry = plan.Entry("d/kernel", "kernel", (N, N), (0,), regularizer=acting, constraint=sets)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"d/kernel: .*cannot all hold"):
            plan.bind([entry])


def test_the_projection_alone_says_so_in_jax() -> None:
    with pytest.raises(ValueError, match="cannot all hold"):
        (NonPositive() & StochasticColumns())(jnp.ones((N, N)))
    with pytest.raises(ValueError, match="cannot all hold"):
        joint.step_for(ExclusiveLasso(0.3), NonPositive() & StochasticColumns())(jnp.ones((N, N)), 0.5, None)


SETS: list[Constraint] = [
    NonNeg(),
    NonPositive(),
    Box(-0.4, 0.6),
    MaxNorm(0.8, axis=1),
    L1Ball(0.9),
    GroupL1Ball(2.2),
    Simplex(0.7),
    StochasticRows(),
    DoublyStochastic(),
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
    for (a, b), penalty in zip(itertools.combinations(SETS, 2), penalties, strict=False):
        w = rng.normal(size=(N, N))
        step = np.exp(rng.normal(size=w.shape)) if rng.uniform() < 0.5 else 0.5
        try:
            z = joint.step_for(penalty, a & b)(w, step, None)
        except ValueError as error:
            refused += "cannot all hold" in str(error) or "no common point" in str(error)
            continue
        right += 1
        assert max(float(a.violation(z)), float(b.violation(z))) <= 1e-12, f"{penalty} with {a} & {b}"
    assert right > 100 and refused > 10
