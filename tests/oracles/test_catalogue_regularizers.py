"""The catalogue of regularizers beside what others compute, and beside a fine grid."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import skglm.penalties
import torch
from skglm.utils.prox_funcs import prox_05, prox_log_sum, prox_SCAD, value_MCP, value_SCAD

from taut import joint
from taut.constraints import Box, NonNeg, Simplex
from taut.regularizers import (
    L0,
    L1,
    L1L2,
    L2,
    MCP,
    SCAD,
    CappedL1,
    Entropy,
    ExclusiveLasso,
    GroupLasso,
    GroupLInf,
    GroupMCP,
    HoyerSquare,
    Huber,
    KLSparsity,
    LHalf,
    LogSum,
    Masked,
    NuclearNorm,
    OrderedL1,
    Plain,
    Scaled,
    SparseGroupLasso,
    SquaredDifferences,
    SquaredOrthogonal,
    SquaredSpectralNorm,
    TotalVariation,
    Towards,
)

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
    assert np.isnan(jax.jit(lambda v: term.prox(v, 0.5))(jnp.asarray([np.nan, 1.0]))[0])


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


# --- groups -------------------------------------------------------------------------------------------------


def by_scipy(penalty: Any, x: Any, step: Any) -> Any:
    """The proximal point by scipy.optimize (SLSQP), of a penalty written smoothly in z's two signs' parts and t.

    ``penalty(p, n, t)`` is the smooth value and a list of what must not be negative.
    """
    k = x.size

    def objective(v: Any) -> Any:
        return penalty(v[:k], v[k : 2 * k], v[-1])[0] + np.sum((v[:k] - v[k : 2 * k] - x) ** 2 / (2 * step))

    start = np.concatenate([np.maximum(x, 0), np.maximum(-x, 0), [np.linalg.norm(x) + 1]])
    found = scipy.optimize.minimize(
        objective,
        start,
        method="SLSQP",
        bounds=[(0, None)] * (2 * k + 1),
        constraints=[{"type": "ineq", "fun": lambda v: np.asarray(penalty(v[:k], v[k : 2 * k], v[-1])[1])}],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return found.x[:k] - found.x[k : 2 * k]


CONES = {
    SparseGroupLasso(0.2, 0.5): lambda p, n, t: (0.2 * np.sum(p + n) + 0.5 * t, [t**2 - np.sum((p - n) ** 2)]),
    ExclusiveLasso(0.4): lambda p, n, t: (0.4 * np.sum(p + n) ** 2, [1.0]),
    GroupLInf(0.6): lambda p, n, t: (0.6 * t, t - p - n),
}


@pytest.mark.parametrize("term", CONES, ids=str)
def test_group_proxes_in_a_metric_are_scipys(term: Any) -> None:
    rng = np.random.default_rng(2)
    for _ in range(6):
        x, step = rng.normal(size=5) * 1.5, np.exp(rng.normal(size=5))
        z = term.prox(x, step)
        other = by_scipy(CONES[term], x, step)

        def objective(p: Any, x: Any = x, step: Any = step) -> float:
            return float(term(p)) + float(np.sum((p - x) ** 2 / (2 * step)))

        assert objective(z) <= objective(other) + 1e-12
        np.testing.assert_allclose(z, other, atol=2e-4)


def test_group_terms_are_skglms() -> None:
    # skglm 0.5, BST: the block soft threshold; and MCP of a norm by a fine grid.
    from skglm.utils.prox_funcs import BST

    rng = np.random.default_rng(3)
    w = rng.normal(size=(4, 3))
    for by in ("unit", "all"):
        columns = w.T if by == "unit" else [w.ravel()]
        want = [BST(np.ascontiguousarray(c), 0.35) for c in columns]
        got = SparseGroupLasso(0.0, 0.7, by=by).prox(w, 0.5)
        np.testing.assert_allclose(got, np.asarray(want).T.reshape(w.shape), atol=1e-14)
    np.testing.assert_array_equal(SparseGroupLasso(0.0, 0.7).prox(w, 0.5), GroupLasso(0.7).prox(w, 0.5))
    # Radial: a group's norm goes where MCP sends a number.
    for step in (0.3, 1.0, 5.0):
        z = GroupMCP(0.9, 1.1).prox(w, step)
        n = np.linalg.norm(w, axis=0)
        np.testing.assert_allclose(np.linalg.norm(z, axis=0), MCP(0.9, 1.1).prox(n, step), atol=1e-14)


GROUPED = [SparseGroupLasso(0.1, 0.3), ExclusiveLasso(0.3), GroupLInf(0.3), GroupMCP(0.3, 2.0)]
WAYS = [
    {"by": "unit"},
    {"by": "input"},
    {"by": "filter"},
    {"by": "all"},
    {"by": (2, 3)},
    {"by": "input", "groups": [[0, 3], [1], [2]]},
    {"by": "unit", "groups": [0, 1, 0]},
    {"by": "entry", "groups": np.arange(12).reshape(4, 3) % 5},
]


@pytest.mark.parametrize("term", GROUPED, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_kind_of_group(term: Any, way: dict[str, Any]) -> None:
    """Each kind of group is the plain vector's map on each group's weights, taken out by hand."""
    config = {**term.get_config(), **way}
    grouped, plain = type(term)(**config), type(term)(**{**term.get_config(), "by": "all"})
    assert type(term).from_config(grouped.get_config()) == grouped
    numbers = np.arange(12).reshape(4, 3)
    match way:
        case {"by": "input", "groups": lists}:
            parts = [numbers[g].ravel() for g in lists]
        case {"by": "unit", "groups": _}:
            parts = [numbers[:, [0, 2]].ravel(), numbers[:, 1]]
        case {"by": "entry"}:
            parts = [numbers.ravel()[numbers.ravel() % 5 == k] for k in range(5)]
        case {"by": "unit"}:
            parts = list(numbers.T)
        case {"by": "input"}:
            parts = list(numbers)
        case {"by": "filter"}:
            parts = list(numbers.reshape(-1, 1))
        case {"by": "all"}:
            parts = [numbers.ravel()]
        case _:
            parts = [numbers[:2].ravel(), numbers[2:].ravel()]
    rng = np.random.default_rng(4)
    w, step = rng.normal(size=(4, 3)), np.exp(rng.normal(size=(4, 3)))
    want = np.empty(12)
    for part in parts:
        want[part] = plain.prox(w.ravel()[part], step.ravel()[part])
    np.testing.assert_allclose(grouped.prox(w, step), want.reshape(4, 3), atol=1e-12)
    assert float(grouped(w)) == pytest.approx(sum(float(plain(w.ravel()[p])) for p in parts), rel=1e-12)
    again = grouped.prox(torch.asarray(w), torch.asarray(step))
    np.testing.assert_allclose(again.numpy(), want.reshape(4, 3), atol=1e-12)
    if way in WAYS[4:6]:  # compiled once for blocks and once for lists; the laws compile the rest
        again = jax.jit(lambda t, x, s: t.prox(x, s))(
            grouped, jnp.asarray(w, jnp.float32), jnp.asarray(step, jnp.float32)
        )
        np.testing.assert_allclose(again, want.reshape(4, 3), atol=2e-6)
        slopes = jax.jit(jax.grad(lambda x: jnp.sum(grouped.prox(x, 0.3)) + grouped(x)))
        for start in (w, np.zeros((4, 3))):
            assert np.isfinite(np.asarray(slopes(jnp.asarray(start, jnp.float32)))).all()


@pytest.mark.parametrize("term", GROUPED, ids=lambda t: type(t).__name__)
def test_groups_under_vmap_and_at_the_ends(term: Any) -> None:
    w = jnp.asarray(np.random.default_rng(5).normal(size=(3, 4, 2)), jnp.float32)
    many = jax.jit(jax.vmap(lambda x: term.prox(x, 0.3 + 0 * x)))(w)
    for x, z in zip(np.asarray(w), many, strict=True):
        np.testing.assert_allclose(z, term.prox(x, np.full(x.shape, 0.3, np.float32)), atol=2e-6)
    for x in (np.zeros((0, 3)), np.zeros((3, 2)), np.full((3, 2), 1e-30), np.full((3, 2), 1e30)):
        z = term.prox(x, 0.3)
        assert z.shape == x.shape and np.isfinite(z).all()
        assert np.isfinite(float(term(x.astype(np.float64))))
    half = np.asarray([[3.0, 0.1]], np.float16)
    assert term.prox(half, 0.3).dtype == np.float16


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ({"by": "column"}, "by must be 'unit'"),
        ({"by": (2, 0)}, "positive integers"),
        ({"by": (3, 3)}, "do not cover weights of shape"),
        ({"by": (1, 1, 1)}, "do not cover weights of shape"),
        ({"by": "entry"}, "needs groups"),
        ({"by": "all", "groups": [[0]]}, "groups lists units, inputs or entries"),
        ({"by": "input", "groups": [[0, 1], [1, 2, 3]]}, "overlap"),
        ({"by": "input", "groups": [[0, 1], [3]]}, "do not cover"),
        ({"by": "input", "groups": [[0, 1, 2, 3, 4]]}, "do not exist"),
        ({"by": "input", "groups": [[0, 1, 2, -1]]}, "must be ≥ 0"),
        ({"by": "unit", "groups": [0, 1]}, "do not cover"),
    ],
    ids=str,
)
@pytest.mark.parametrize("term", GROUPED, ids=lambda t: type(t).__name__)
def test_groups_that_do_not_fit_are_refused(term: Any, way: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        type(term)(**{**term.get_config(), **way})(np.ones((4, 3)))


def test_groups_that_are_no_numbers_are_refused() -> None:
    for groups in (["a"], [[0.5]], 3):
        with pytest.raises(TypeError, match="lists of indices"):
            ExclusiveLasso(0.1, by="input", groups=groups)


# --- matrices, axes, and regularizers made of others --------------------------------------------------------


def test_nuclear_prox_is_scipys_by_factors() -> None:
    # min λ(‖A‖² + ‖B‖²)/2 + ‖AB − w‖²/(2s) over full factors is the proximal problem (Srebro et al., 2005).
    rng = np.random.default_rng(6)
    w, lam, step = rng.normal(size=(4, 3)) * 2, 0.8, 0.9

    def value(v: Any) -> Any:
        a, b = v[:12].reshape(4, 3), v[12:].reshape(3, 3)
        off = (a @ b - w) / step
        return lam * np.sum(v**2) / 2 + step * np.sum(off**2) / 2, np.concatenate(
            [(lam * a + off @ b.T).ravel(), (lam * b + a.T @ off).ravel()]
        )

    found = scipy.optimize.minimize(
        value, rng.normal(size=21), jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-10, "maxiter": 5000}
    ).x
    z = NuclearNorm(lam).prox(w, step)
    np.testing.assert_allclose(z, found[:12].reshape(4, 3) @ found[12:].reshape(3, 3), atol=2e-5)


def test_spectral_prox_is_scipys() -> None:
    # scipy.optimize, without derivatives: the penalty has kinks where singular values meet.
    w, term = np.asarray([[1.5, 0.3], [-0.4, 1.2]]), SquaredSpectralNorm(0.6)
    for step in (0.2, 3.0):

        def objective(v: Any, step: float = step) -> float:
            return 0.6 * np.linalg.norm(v.reshape(2, 2), 2) ** 2 + float(np.sum((v - w.ravel()) ** 2)) / (2 * step)

        z = term.prox(w, step)
        options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
        best = scipy.optimize.minimize(objective, z.ravel() + 0.05, method="Nelder-Mead", options=options)
        assert objective(z.ravel()) <= best.fun + 1e-12
        np.testing.assert_allclose(z.ravel(), best.x, atol=1e-5)


def test_packed_gates_and_convolutions_are_matrices() -> None:
    rng = np.random.default_rng(7)
    packed = rng.normal(size=(5, 8))  # four gates of two units
    apart = np.concatenate([NuclearNorm(0.5).prox(g, 0.7) for g in np.split(packed, 4, axis=1)], axis=1)
    np.testing.assert_allclose(NuclearNorm(0.5, blocks=4).prox(packed, 0.7), apart, atol=1e-14)
    heads = packed.reshape(5, 4, 2)  # attention: fan-in 5, four heads of two
    np.testing.assert_allclose(
        NuclearNorm(0.5, blocks=4).prox(heads, 0.7, fan_in=(0,)), apart.reshape(5, 4, 2), atol=1e-14
    )
    kernel = rng.normal(size=(3, 2, 4, 5))
    flat = kernel.reshape(24, 5)
    for term in (NuclearNorm(0.5), SquaredSpectralNorm(0.5)):
        assert float(term(kernel)) == pytest.approx(float(term(flat)), rel=1e-12)
        np.testing.assert_allclose(term.prox(kernel, 0.7).reshape(24, 5), term.prox(flat, 0.7), atol=1e-14)
    torchs = kernel.transpose(3, 2, 0, 1)  # (out, in, rows, columns), as PyTorch keeps it
    got = SquaredSpectralNorm(0.5).prox(torchs, 0.7, fan_in=(1, 2, 3))
    np.testing.assert_allclose(got.transpose(2, 3, 1, 0), SquaredSpectralNorm(0.5).prox(kernel, 0.7), atol=1e-13)


@pytest.mark.parametrize(
    "term",
    [NuclearNorm(0.3), SquaredSpectralNorm(0.3), SquaredOrthogonal(0.3), SquaredDifferences(0.3, order=2)],
    ids=str,
)
def test_matrix_gradients_are_finite_and_right(term: Any) -> None:
    w = np.random.default_rng(8).normal(size=(4, 3))
    slope = jax.jit(jax.grad(lambda x: term(x)))
    got = np.asarray(slope(jnp.asarray(w, jnp.float32)))
    for i, j in ((0, 1), (3, 2)):
        e = np.zeros_like(w)
        e[i, j] = 1e-6
        assert got[i, j] == pytest.approx((float(term(w + e)) - float(term(w - e))) / 2e-6, rel=1e-3, abs=1e-4)
    for x in (np.zeros((4, 3)), np.eye(4, 3)):
        assert np.isfinite(np.asarray(slope(jnp.asarray(x, jnp.float32)))).all()
    for x in (np.zeros((0, 3)), np.zeros((3, 0))):
        assert np.isfinite(float(term(x)))
    if term.has_prox:
        assert not np.any(term.prox(np.zeros((4, 3)), 0.5))
        assert term.prox(w.astype(np.float16), 0.5).dtype == np.float16
        many = jax.jit(jax.vmap(lambda x: term.prox(x, 0.5)))(jnp.asarray([w, 2 * w], jnp.float32))
        np.testing.assert_allclose(many[1], term.prox(2 * w, 0.5), atol=1e-5)


def test_what_is_no_matrix_is_refused() -> None:
    for term in (NuclearNorm(0.1), SquaredSpectralNorm(0.1), SquaredOrthogonal(0.1)):
        with pytest.raises(ValueError, match="only one of them"):
            term(np.ones(3))
        with pytest.raises(ValueError, match="cannot be divided into"):
            type(term)(0.1, blocks=2)(np.ones((4, 3)))
        with pytest.raises(ValueError, match="at least 1"):
            type(term)(0.1, blocks=0)
        with pytest.raises(TypeError, match="integer"):
            type(term)(0.1, blocks=1.5)
    with pytest.raises(ValueError, match="mode must be"):
        SquaredOrthogonal(0.1, "diagonal")
    with pytest.raises(ValueError, match="does not exist"):
        SquaredDifferences(0.1, axis=2)(np.ones((4, 3)))
    with pytest.raises(ValueError, match="at least 1"):
        SquaredDifferences(0.1, order=0)


def test_towards_is_scipys() -> None:
    # scipy.optimize.minimize_scalar, entry by entry.
    rng = np.random.default_rng(9)
    w, here, step = rng.normal(size=(3, 6)) * 2
    step = np.exp(step)
    z = Towards(L1L2(0.4, 0.2), here).prox(w, step)
    for x, h, s, got in zip(w, here, step, z, strict=True):

        def objective(p: float, x: float = x, h: float = h, s: float = s) -> float:
            return 0.4 * abs(p - h) + 0.2 * (p - h) ** 2 + (p - x) ** 2 / (2 * s)

        best = scipy.optimize.minimize_scalar(objective, bounds=(-10, 10), method="bounded", options={"xatol": 1e-10})
        assert objective(got) <= best.fun + 1e-14
        assert got == pytest.approx(best.x, abs=1e-6)
    # A weight that does not earn its change is the reference, exactly.
    np.testing.assert_array_equal(Towards(L1(100.0), here).prox(w, 1.0), here)


def test_regularizers_made_of_others_say_what_they_are() -> None:
    assert Towards(L2(0.1), 0.0).smooth and not Towards(L1(0.1), 0.0).smooth
    assert Scaled(MCP(0.1), 2.0).has_prox and not Scaled(MCP(0.1), 2.0).convex
    assert not Masked(NuclearNorm(0.1), 1.0).has_prox and Masked(GroupLasso(0.1), 1.0).has_prox
    assert Scaled(NuclearNorm(0.1), 2.0).metric == "group" and Scaled(L1(0.1), 2.0).metric == "entry"
    plain = Scaled(lambda w: (w**2).sum(), 3.0)
    assert isinstance(plain.term, Plain) and float(plain(np.asarray([1.0, 2.0]))) == 15.0
    with pytest.raises(TypeError, match="cannot be saved"):
        plain.get_config()
    with pytest.raises(TypeError, match="acts as a whole"):
        Scaled(L1(0.1).acting("gradient"), 2.0)
    with pytest.raises(TypeError, match="Towards\\(Masked"):
        Masked(Towards(L1(0.1), 1.0), 1.0)
    with pytest.raises(ValueError, match="does not fit"):
        Towards(L1(0.1), [1.0, 2.0])(np.ones(3))
    with pytest.raises(ValueError, match="does not fit"):
        Masked(L1(0.1), [True, False]).prox(np.ones(3), 0.1)
    with pytest.raises(ValueError, match="booleans"):
        Masked(L1(0.1), [0.5, 1.0])


# --- order --------------------------------------------------------------------------------------------------


def test_slope_is_skglms() -> None:
    # skglm 0.5, prox_SLOPE: of absolute values sorted downwards.
    from skglm.utils.prox_funcs import prox_SLOPE

    rng = np.random.default_rng(10)
    for size in (1, 2, 7, 60):
        for ratio in (0.0, 0.5, 1.0):
            w = rng.normal(size=size) * rng.choice([0.5, 3.0])
            strengths = 0.8 * np.linspace(1, ratio, size) if size > 1 else np.asarray([0.8])
            order = np.argsort(-np.abs(w))
            want = np.empty(size)
            want[order] = prox_SLOPE(np.abs(w)[order], 0.6 * strengths) * np.sign(w)[order]
            np.testing.assert_allclose(OrderedL1(0.8, ratio, by="all").prox(w, 0.6), want, atol=1e-13)
            np.testing.assert_allclose(OrderedL1(strengths).prox(w, 0.6), want, atol=1e-13)
    np.testing.assert_allclose(OrderedL1(0.8, 1.0).prox(w, 0.6), L1(0.8).prox(w, 0.6), atol=1e-14)


def test_slope_by_groups_at_the_ends_and_refused() -> None:
    w = np.random.default_rng(11).normal(size=(4, 3))
    for way, parts in (
        ({"by": "unit"}, list(np.arange(12).reshape(4, 3).T)),
        ({"by": "input"}, list(np.arange(12).reshape(4, 3))),
        ({"by": (2, 3)}, [np.arange(6), np.arange(6, 12)]),
        ({"by": "entry", "groups": [[0, 5], [11, 3], [1, 2], [4, 6], [7, 8], [9, 10]]}, None),
    ):
        parts = [np.asarray(g) for g in way["groups"]] if parts is None else parts
        want = np.empty(12)
        for part in parts:
            want[part] = OrderedL1(0.5).prox(w.ravel()[part], 0.7)
        np.testing.assert_allclose(OrderedL1(0.5, **way).prox(w, 0.7).ravel(), want, atol=1e-14)
    for x in (np.zeros((0, 3)), np.zeros((2, 2)), np.full((2, 2), 1e30), np.ones((1, 1))):
        assert np.isfinite(OrderedL1(0.5).prox(x, 0.7)).all() and np.isfinite(float(OrderedL1(0.5)(x)))
    many = jax.jit(jax.vmap(lambda x: OrderedL1(0.5).prox(x, 0.7)))(jnp.asarray([w, 2 * w], jnp.float32))
    np.testing.assert_allclose(many[1], OrderedL1(0.5).prox(2 * w, 0.7), atol=1e-6)
    slope = jax.jit(jax.grad(lambda x: OrderedL1(0.5)(x) + jnp.sum(OrderedL1(0.5).prox(x, 0.7))))
    for x in (w, 0 * w):
        assert np.isfinite(np.asarray(slope(jnp.asarray(x, jnp.float32)))).all()
    with pytest.raises(ValueError, match="must not increase"):
        OrderedL1([0.1, 0.2])
    with pytest.raises(ValueError, match="from 0 to 1"):
        OrderedL1(0.1, ratio=1.5)
    with pytest.raises(ValueError, match="one strength per entry"):
        OrderedL1([0.2, 0.1])(np.ones(3))
    with pytest.raises(ValueError, match="the same size"):
        OrderedL1(0.1, by="input", groups=[[0], [1, 2]])


@pytest.mark.parametrize("size", [2, 3, 12, 40])
def test_total_variation_in_a_metric_is_scipys(size: int) -> None:
    # scipy.optimize.lsq_linear on the dual: z = w − s·Dᵀu, u within ±λ.
    rng = np.random.default_rng(size)
    for lam in (0.05, 0.5, 3.0):
        for spread in (0.0, 1.0):
            w, step = np.cumsum(rng.normal(size=size)), np.exp(spread * rng.normal(size=size))
            d = np.diff(np.eye(size), axis=0)
            u = scipy.optimize.lsq_linear(
                np.sqrt(step)[:, None] * d.T, w / np.sqrt(step), (-lam, lam), method="bvls", tol=1e-14
            ).x
            z = TotalVariation(lam).prox(w, step)
            np.testing.assert_allclose(z, w - step * (d.T @ u), atol=1e-9)
            lines = np.stack([w, -2 * w, 0 * w], axis=1)
            many = TotalVariation(lam).prox(lines, np.stack([step] * 3, axis=1))
            np.testing.assert_allclose(many[:, 0], z, atol=1e-13)
            np.testing.assert_array_equal(many[:, 2], 0 * w)
            half = TotalVariation(lam / 2).prox(w, step)
            np.testing.assert_allclose(many[:, 1], -2 * half, atol=1e-11)


def test_total_variation_at_the_ends() -> None:
    term = TotalVariation(0.3)
    w = np.asarray([[1.0, 2.0], [1.0, -1.0], [4.0, 0.0]])
    np.testing.assert_array_equal(TotalVariation(0.0).prox(w, 1.0), w)
    np.testing.assert_allclose(TotalVariation(100.0).prox(w, 1.0), np.broadcast_to(w.mean(axis=0), (3, 2)), atol=1e-14)
    for x in (np.zeros((0, 3)), np.ones((1, 3)), np.zeros((3, 0)), np.full((3, 2), 1e30)):
        z = term.prox(x, 0.7)
        assert z.shape == x.shape and np.isfinite(z).all() and np.isfinite(float(term(x)))
    assert term.prox(w.astype(np.float16), 0.7).dtype == np.float16
    slope = jax.jit(jax.grad(lambda x: term(x) + jnp.sum(x * term.prox(x, 0.7))))
    for x in (w, 0 * w):
        assert np.isfinite(np.asarray(slope(jnp.asarray(x, jnp.float32)))).all()
    many = jax.jit(jax.vmap(lambda x: term.prox(x, 0.7)))(jnp.asarray([w, 2 * w], jnp.float32))
    np.testing.assert_allclose(many[1], term.prox(2 * w, 0.7), atol=1e-6)
    with pytest.raises(ValueError, match="does not exist"):
        TotalVariation(0.1, axis=2)(w)
    with pytest.raises(TypeError, match="integer"):
        TotalVariation(0.1, axis=None)


# --- with a constraint --------------------------------------------------------------------------------------


def test_joint_steps_with_constraints() -> None:
    rng = np.random.default_rng(12)
    w, step = rng.normal(size=(4, 3)) * 2, np.exp(rng.normal(size=(4, 3)))
    # The same penalty in other words has the same joint step.
    for one, other, within in (
        (SparseGroupLasso(0.2, 0.5), L1(0.2) + GroupLasso(0.5), NonNeg()),
        (Scaled(L1(0.4) + GroupLasso(1.0), 0.5), L1(0.2) + GroupLasso(0.5), NonNeg()),
        (Masked(L1(0.3), np.ones(3)) + L2(0.1), L1L2(0.3, 0.1), Box(-0.5, 0.5)),
    ):
        got = joint.step_for(one, within)(w, step, None)
        np.testing.assert_allclose(got, joint.step_for(other, within)(w, step, None), atol=1e-14)
    # Convex and entrywise: clipped after the proximal map.
    for term in (Huber(0.3, 0.8), Towards(L1(0.3), 0.7), Masked(L1(0.3), np.eye(4, 3))):
        got = joint.step_for(term, Box(-0.5, 0.5))(w, step, None)
        np.testing.assert_array_equal(got, np.clip(term.prox(w, step), -0.5, 0.5))
    # No joint step is known: refused by name.
    for term, place in ((MCP(0.1), Box(0.5, 1.0)), (GroupMCP(0.1), Box(-0.5, 0.5)), (MCP(0.1), Simplex())):
        assert type(term).__name__ in str(joint.known(term, place))
