"""The catalogue of regularizers beside what others compute, and beside a fine grid."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import skglm.penalties
import torch
from skglm.utils.prox_funcs import prox_05, prox_log_sum, prox_SCAD, value_MCP, value_SCAD

from taut.regularizers import L0, MCP, SCAD, CappedL1, Entropy, HoyerSquare, Huber, KLSparsity, LHalf, LogSum

STEPS = [0.05, 0.7, 1.0, 2.5, 6.0, 40.0]

ENTRYWISE = [
    Huber(0.7, 0.6),
    MCP(0.7, 1.7),
    MCP(0.5, 1.0),
    SCAD(0.7, 2.9),
    SCAD(0.5, 2.0001),
    LogSum(0.7, 0.3),
    LogSum(0.2, 1.9),
    LHalf(0.7),
    L0(0.3),
    CappedL1(0.7, 0.9),
    CappedL1(0.7, 0.1),
]


GRID = np.linspace(-6, 6, 12_001)


@cache
def on_grid(term: Any) -> Any:
    half = np.asarray([float(term(np.asarray([g]))) for g in GRID[6_000:]])
    return np.concatenate([half[:0:-1], half])


@pytest.mark.parametrize("term", ENTRYWISE, ids=str)
@pytest.mark.parametrize("step", STEPS)
def test_scalar_prox_against_a_fine_grid(term: Any, step: float) -> None:
    # Over both signs and every kind of step, also those that make the objective concave.
    w = np.linspace(-5.9, 5.9, 119)
    for x, got in zip(w, term.prox(w, step), strict=True):
        objective = on_grid(term) + (GRID - x) ** 2 / (2 * step)
        mine = float(term(np.asarray([got]))) + (got - x) ** 2 / (2 * step)
        assert mine <= objective.min() + 1e-12
        # The place agrees too; at a jump, two places are worth the same.
        near = GRID[objective <= objective.min() + 2e-6]
        assert np.abs(near - got).min() <= 2e-3


@pytest.mark.parametrize("step", [0.05, 0.7, 1.3])
def test_skglm_has_the_same_penalties_and_maps(step: float) -> None:
    # skglm 0.5. Its MCP and SCAD scale: value_MCP(w, alpha, gamma) is ours; steps small enough that it is convex.
    w = np.linspace(-5.0, 5.0, 101)
    lam, gamma = 0.7, 3.1
    assert float(MCP(lam, gamma)(w)) == pytest.approx(value_MCP(w, lam, gamma), rel=1e-12)
    assert float(SCAD(lam, gamma)(w)) == pytest.approx(value_SCAD(w, lam, gamma), rel=1e-12)
    mcp = skglm.penalties.MCPenalty(lam, gamma)
    np.testing.assert_allclose(MCP(lam, gamma).prox(w, step), [mcp.prox_1d(x, step, 0) for x in w], atol=1e-13)
    np.testing.assert_allclose(SCAD(lam, gamma).prox(w, step), [prox_SCAD(x, step, lam, gamma) for x in w], atol=1e-13)
    np.testing.assert_allclose(LHalf(lam).prox(w, step), [prox_05(x, step * lam) for x in w], atol=1e-13)
    np.testing.assert_allclose(
        LogSum(lam, 0.9).prox(w, step), [prox_log_sum(x, step * lam, 0.9) for x in w], atol=1e-13
    )


def test_huber_and_divergences_are_scipys() -> None:
    # scipy.special: huber, entr and rel_entr.
    rng = np.random.default_rng(0)
    w = rng.normal(size=(5, 4))
    assert float(Huber(0.3, 0.8)(w)) == pytest.approx(0.3 * scipy.special.huber(0.8, w).sum(), rel=1e-13)
    p = scipy.special.expit(w)
    assert float(Entropy(0.3)(p)) == pytest.approx(0.3 * scipy.special.entr(p).sum(), rel=1e-13)
    m = p.mean(axis=0)
    kl = scipy.special.rel_entr(0.2, m) + scipy.special.rel_entr(0.8, 1 - m)
    assert float(KLSparsity(0.3, 0.2)(p)) == pytest.approx(0.3 * kl.sum(), rel=1e-13)
    for library in (jnp.asarray, torch.asarray):
        x = library(p.astype(np.float32))
        assert float(KLSparsity(0.3, 0.2)(x)) == pytest.approx(0.3 * kl.sum(), rel=1e-5)
        assert float(Entropy(0.3)(x)) == pytest.approx(0.3 * scipy.special.entr(p).sum(), rel=1e-5)


def test_activities_at_their_ends() -> None:
    dead = np.asarray([[0.0, 1.0], [0.0, 1.0]])
    assert np.isfinite(float(KLSparsity(1.0)(dead)))
    assert float(Entropy(1.0)(dead)) == 0.0
    assert float(HoyerSquare(1.0)(np.zeros(3))) == 0.0


SMOOTHED = [*ENTRYWISE, HoyerSquare(0.3), KLSparsity(0.3, 0.2), Entropy(0.3)]


@pytest.mark.parametrize("term", SMOOTHED, ids=str)
def test_gradients_are_finite_and_right(term: Any) -> None:
    rng = np.random.default_rng(1)
    w = np.where(rng.uniform(size=(5, 4)) < 0.3, 0.0, rng.uniform(0.05, 0.9, size=(5, 4)))
    w[:, 0] = 0.0
    value = jax.jit(jax.grad(lambda x: term(x)))
    slopes = np.asarray(value(jnp.asarray(w, jnp.float32)))
    assert np.isfinite(slopes).all()
    x = torch.asarray(w, dtype=torch.float64, requires_grad=True)
    term(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-4, atol=1e-5)
    for i, j in ((0, 1), (2, 3), (4, 2)):
        if w[i, j] != 0.0:
            e = np.zeros_like(w)
            e[i, j] = 1e-6
            slope = (float(term(w + e)) - float(term(w - e))) / 2e-6
            assert x.grad[i, j] == pytest.approx(slope, rel=1e-4, abs=1e-6)
    assert np.isfinite(np.asarray(value(jnp.zeros((5, 4), jnp.float32)))).all()


@pytest.mark.parametrize("term", ENTRYWISE, ids=str)
def test_prox_has_no_nan_and_no_negative_zero(term: Any) -> None:
    w = np.asarray([-0.0, 0.0, -1e-3, 1e-3, -2.0, 2.0, 1e-30, -1e30], np.float32)
    z = np.asarray(jax.jit(lambda t, x: t.prox(x, 0.5))(term, w))
    assert isinstance(term, Huber) or not np.any(np.signbit(z) & (z == 0))
    assert np.isfinite(z).all()
    slope = jax.grad(lambda x: jnp.sum(term.prox(x, 0.5)))(jnp.asarray(w))
    assert np.isfinite(np.asarray(slope)).all()
    assert np.isnan(term.prox(np.asarray([np.nan, 1.0]), 0.5)[0])


@pytest.mark.parametrize("term", ENTRYWISE, ids=str)
def test_strengths_are_traced_and_stacked(term: Any) -> None:
    w = jnp.linspace(-2.0, 2.0, 9)
    traced = jax.jit(lambda t, x: t.prox(x, 0.5))
    traced(term, w)
    other = type(term).from_config({**term.get_config(), "strength": 0.123})
    np.testing.assert_allclose(traced(other, w), other.prox(np.asarray(w), 0.5), rtol=2e-5, atol=1e-6)
    assert traced._cache_size() == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MCP(0.1, 0.0), "gamma must be above 0"),
        (lambda: SCAD(0.1, 2.0), "gamma must be above 2"),
        (lambda: LogSum(0.1, -1), "delta must be above 0"),
        (lambda: Huber(0.1, 0), "delta must be above 0"),
        (lambda: CappedL1(0.1, 0), "cap must be above 0"),
        (lambda: KLSparsity(0.1, 1.0), "target must be above 0 and below 1"),
        (lambda: L0(-1), "at least 0"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("term", SMOOTHED, ids=str)
def test_integers_and_complex_numbers_are_refused(term: Any) -> None:
    for w in (np.asarray([1, 2]), np.asarray([1j, 2.0])):
        with pytest.raises(TypeError, match="real floating-point"):
            term(w)
