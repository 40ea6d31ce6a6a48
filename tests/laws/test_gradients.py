"""Gradients of penalties, and through proximal maps and projections: right where there is one, never NaN, 0 at kinks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch

from taut.constraints import Box, L1Ball, MaxNorm, Simplex
from taut.regularizers import (
    L1,
    MCP,
    GroupLasso,
    GroupLInf,
    LogSum,
    NuclearNorm,
    OrthogonalRegularizer,
    SparseGroupLasso,
)
from tests.laws.table import GRADIENT_ONLY, PENALTIES, SETS, PenaltyRow, SetRow, table_catalogue

ALL_PENALTIES = [*PENALTIES, *GRADIENT_ONLY, *(row for row, _ in table_catalogue.ONE_STEP)]
PROXIMAL = [row for row in ALL_PENALTIES if row.term.has_prox]


def places(shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    w = np.random.default_rng(0).normal(size=shape)
    one = np.arange(w.size).reshape(shape) == 1
    unit = w.copy()
    unit[..., :1] = 0.0
    yield "plain", w
    yield "zero", np.zeros(shape)
    yield "zero unit", unit
    yield "one zero", np.where(one, 0.0, w)
    yield "ties", np.round(w)
    yield "equal", np.ones(shape)
    yield "small", w * 1e-3
    yield "1e-30", w * 1e-30
    yield "large", w * 1e4


def slope(f: Any, w: np.ndarray, dtype: Any = torch.float64) -> np.ndarray:
    x = torch.tensor(w, dtype=dtype, requires_grad=True)
    f(x).backward()
    assert x.grad is not None
    return x.grad.numpy()


def step_like(w: np.ndarray, dtype: Any) -> torch.Tensor:
    return torch.tensor(np.exp(np.random.default_rng(1).normal(size=w.shape)), dtype=dtype)


@pytest.mark.parametrize("row", ALL_PENALTIES, ids=str)
def test_a_penalty_s_gradient_is_its_slope(row: PenaltyRow) -> None:
    """Beside finite differences of the row's own formula; finite everywhere; 0 at zero, where many have their kink."""
    for name, w in places(row.shapes[0]):
        g = slope(row.term, w)
        assert np.isfinite(g).all(), name
        if name == "zero" and "Towards" not in str(row):
            np.testing.assert_array_equal(g, np.zeros_like(w))
        if name == "plain":
            d = np.random.default_rng(2).normal(size=w.shape)
            h = 1e-6
            want = (row.value(w + h * d) - row.value(w - h * d)) / (2 * h)
            np.testing.assert_allclose(float((g * d).sum()), want, rtol=2e-7, atol=2e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("row", PROXIMAL, ids=str)
def test_through_a_prox(row: PenaltyRow, dtype: Any) -> None:
    for name, w in places(row.shapes[0]):
        for step in (0.3, step_like(w, dtype)):
            weigh = torch.tensor(np.random.default_rng(3).normal(size=w.shape), dtype=dtype)
            g = slope(lambda x, s=step, v=weigh: (row.term.prox(x, s) * v).sum(), w, dtype)
            assert np.isfinite(g).all(), name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("row", SETS, ids=str)
def test_through_a_projection(row: SetRow, dtype: Any) -> None:
    """From outside, from inside and from the boundary."""
    for name, w in places(row.shapes[0]):
        if row.tolerance > 1e-10 and name not in ("plain", "zero"):
            continue  # in turns, and slow
        for step in (None, step_like(w, dtype)):
            weigh = torch.tensor(np.random.default_rng(3).normal(size=w.shape), dtype=dtype)

            def act(x: torch.Tensor, s: Any = step, v: Any = weigh) -> torch.Tensor:
                return (row.term(x, step=s) * v).sum()

            assert np.isfinite(slope(act, w, dtype)).all(), name
            with torch.no_grad():
                z = row.term(torch.tensor(w, dtype=dtype), step=step).numpy()
            assert np.isfinite(slope(act, z, dtype)).all(), f"at the projection of {name}"
            assert np.isfinite(slope(act, 0.5 * z, dtype)).all(), f"halfway to zero from the projection of {name}"


# Exact derivatives of maps that have one almost everywhere; those of matrices are in test_spectral_derivatives.py.
# Held-fixed multipliers (doubly stochastic, several balls, splittings) give a part of the derivative, and say so.
SMOOTH_MAPS: list[tuple[str, Any]] = [
    ("Box", lambda x, s: Box(-0.5, 0.7)(x, step=s)),
    ("MaxNorm", lambda x, s: MaxNorm(1.1)(x, step=s)),
    ("Simplex", lambda x, s: Simplex()(x, step=s)),
    ("L1Ball", lambda x, s: L1Ball(1.3)(x, step=s)),
    ("L1", lambda x, s: L1(0.3).prox(x, s)),
    ("LogSum", lambda x, s: LogSum(0.2, 1.9).prox(x, s)),
    ("GroupLasso", lambda x, s: GroupLasso(0.7).prox(x, s)),
    ("GroupLInf", lambda x, s: GroupLInf(0.7).prox(x, s)),
    ("SparseGroupLasso", lambda x, s: SparseGroupLasso(0.1, 0.5).prox(x, s)),
]


@pytest.mark.parametrize(("name", "act"), SMOOTH_MAPS, ids=[name for name, _ in SMOOTH_MAPS])
def test_the_derivative_of_a_map_is_its_slope(name: str, act: Any) -> None:
    """By weights and by steps, beside finite differences in float64."""
    rng = np.random.default_rng(5)
    w, d, e, v = (rng.normal(size=(5, 3)) for _ in range(4))
    s = np.exp(0.5 * rng.normal(size=w.shape))
    x = torch.tensor(w, requires_grad=True)
    step = torch.tensor(s, requires_grad=True)
    (act(x, step) * torch.tensor(v)).sum().backward()
    assert x.grad is not None
    by_step = 0.0 if step.grad is None else float((step.grad * torch.tensor(e)).sum())
    got = float((x.grad * torch.tensor(d)).sum()) + by_step
    h = 1e-6
    ahead, behind = ((act(w + k * d, s + k * e) * v).sum() for k in (h, -h))
    np.testing.assert_allclose(got, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


# JAX: its own |x| has the slope 1 at 0, its maximum splits ties, and its loops are differentiated by hand.
IN_JAX = [MCP(0.3, 1.7), GroupLasso(0.7), GroupLInf(0.7), NuclearNorm(0.7), OrthogonalRegularizer(0.3)]


@pytest.mark.parametrize("term", IN_JAX, ids=lambda t: type(t).__name__)
def test_gradients_in_jax(term: Any) -> None:
    shape = (4, 3)
    w = jnp.asarray(np.stack([p for _, p in places(shape)]), jnp.float32)
    g = np.asarray(jax.jit(jax.vmap(jax.grad(term)))(w))
    for (name, p), slope_there in zip(places(shape), g, strict=True):
        want = slope(term, p)
        assert np.isfinite(slope_there).all(), name
        if name in ("plain", "zero", "one zero", "large"):
            np.testing.assert_allclose(slope_there, want, rtol=2e-4, atol=2e-5)


def test_the_gradient_of_l1_at_zero_is_keras_s() -> None:
    """λ·sign(w), and at 0 what Keras takes on the same library: else Keras's runs could not be followed by gradient."""
    w = np.asarray([-2.0, 0.0, 3.0], np.float32)
    theirs = jax.grad(lambda v: keras.regularizers.L1(0.5)(v))(w)
    np.testing.assert_array_equal(jax.grad(L1(0.5))(w), theirs)
    np.testing.assert_array_equal(slope(L1(0.5), w), [-0.5, 0.0, 0.5])


def test_the_law_can_fail() -> None:
    """√Σw² as it is written, whose slope at a zero group is 0/0."""
    row = PenaltyRow(GroupLasso(0.7), lambda w: 0.0)

    def plain(x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt((x * x).sum(0)).sum()

    assert np.isnan(slope(plain, np.zeros((2, 2)))).all()
    assert not np.isnan(slope(row.term, np.zeros((2, 2)))).any()
