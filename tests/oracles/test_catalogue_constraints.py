"""The catalogue's projections beside ones made elsewhere: SciPy's optimizers, optax, closed forms.

The oracle of each test is named in its first line.
"""

from typing import Any

import numpy as np
import optax.projections
import pytest
from scipy.linalg import polar
from scipy.optimize import brentq, isotonic_regression, minimize

from taut.constraints import (
    NM,
    PSD,
    DoublyStochastic,
    Fixed,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    LowRank,
    Masked,
    Monotone,
    NonNeg,
    NonPositive,
    NuclearBall,
    Orthogonal,
    Radial,
    Simplex,
    Skew,
    SpectralNorm,
    StochasticRows,
    Symmetric,
    TopK,
    Triangular,
    UnitSum,
    ZeroMean,
    Zeros,
)

RNG = np.random.default_rng(7)
VECTORS = [RNG.normal(size=7) * scale for scale in (0.1, 1.0, 10.0)]
METRIC = np.exp(RNG.normal(size=7))


def waterline(w: Any, step: Any, total: float) -> Any:
    """SciPy's brentq on the multiplier of Σz = total, z ≥ 0 in argmin Σ (z − w)²/(2·step)."""
    theta = brentq(lambda t: np.sum(np.maximum(w - t * step, 0)) - total, -1e4, 1e4, xtol=1e-15, rtol=1e-14)
    return np.maximum(w - theta * step, 0)


@pytest.mark.parametrize("w", VECTORS)
def test_simplex_and_l1_ball_beside_optax(w: Any) -> None:
    # optax.projections, which sorts.
    x = w.astype(np.float32)
    np.testing.assert_allclose(Simplex(2.0)(x), optax.projections.projection_simplex(x, 2.0), atol=2e-6)
    np.testing.assert_allclose(L1Ball(1.5)(x), optax.projections.projection_l1_ball(x, 1.5), atol=4e-6)


@pytest.mark.parametrize("w", VECTORS)
def test_sums_in_a_metric_beside_scipy(w: Any) -> None:
    # SciPy's brentq on the optimality condition; for UnitSum, the formula that Lagrange's multiplier gives.
    np.testing.assert_allclose(Simplex()(w, step=METRIC), waterline(w, METRIC, 1.0), atol=1e-11)
    if np.abs(w).sum() > 1.2:
        want = np.sign(w) * waterline(np.abs(w), METRIC, 1.2)
        np.testing.assert_allclose(L1Ball(1.2)(w, step=METRIC), want, atol=1e-11)
    want = w - METRIC * (w.sum() - 1) / METRIC.sum()
    np.testing.assert_allclose(UnitSum()(w, step=METRIC), want, atol=1e-12)


def test_simplex_in_a_metric_beside_a_general_optimizer() -> None:
    # SciPy's SLSQP, which knows nothing of thresholds.
    w = VECTORS[1]
    done = minimize(
        lambda z: np.sum((z - w) ** 2 / (2 * METRIC)),
        np.full(7, 1 / 7),
        bounds=[(0, None)] * 7,
        constraints=[{"type": "eq", "fun": lambda z: np.sum(z) - 1}],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(Simplex()(w, step=METRIC), done.x, atol=1e-6)


def test_doubly_stochastic_beside_a_general_optimizer() -> None:
    # SciPy's SLSQP.
    w, step = RNG.normal(size=(3, 3)), np.exp(RNG.normal(size=(3, 3)))
    sums = [
        {"type": "eq", "fun": lambda z: z.reshape(3, 3).sum(axis=1) - 1},
        {"type": "eq", "fun": lambda z: z.reshape(3, 3).sum(axis=0)[:2] - 1},
    ]
    done = minimize(
        lambda z: np.sum((z.reshape(3, 3) - w) ** 2 / (2 * step)),
        np.full(9, 1 / 3),
        bounds=[(0, None)] * 9,
        constraints=sums,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(DoublyStochastic()(w, step=step), done.x.reshape(3, 3), atol=1e-6)


def test_affine_sets_beside_their_closed_forms() -> None:
    # Textbook formulas (Boyd & Vandenberghe, §8.1.1).
    w, a = VECTORS[2], METRIC - 1.0
    np.testing.assert_allclose(ZeroMean()(w), w - w.mean(), atol=1e-12)
    for b in (-3.0, a @ w + 1.0):
        want = w - METRIC * a * max(a @ w - b, 0) / np.sum(METRIC * a * a)
        np.testing.assert_allclose(HalfSpace(a, b)(w, step=METRIC), want, atol=1e-12)


def test_group_ball_beside_scipy() -> None:
    # SciPy's SLSQP where no group dies; brentq where a group is one entry, and so the set the L1 ball.
    w, step = RNG.normal(size=(4, 3)) + 2, np.exp(RNG.normal(size=(4, 3)) / 4)
    room = {"type": "ineq", "fun": lambda z: 8.0 - np.sum(np.linalg.norm(z.reshape(4, 3), axis=0))}
    for metric in (np.ones((4, 3)), step):

        def distance(z: Any, metric: Any = metric) -> Any:
            return np.sum((z.reshape(4, 3) - w) ** 2 / (2 * metric))

        done = minimize(distance, w.ravel() / 3, constraints=[room], method="SLSQP", options={"ftol": 1e-14})
        np.testing.assert_allclose(GroupL1Ball(8.0)(w, step=metric), done.x.reshape(4, 3), atol=1e-5)
    v = VECTORS[2]
    want = np.sign(v) * waterline(np.abs(v), METRIC, 3.0)
    np.testing.assert_allclose(GroupL1Ball(3.0, axis=())(v, step=METRIC), want, atol=1e-10)


@pytest.mark.parametrize("w", VECTORS)
def test_intersections_beside_scipy(w: Any) -> None:
    # SciPy's brentq on the multiplier; a cone of signs first, then the bound on what it leaves.
    np.testing.assert_array_equal((NonNeg() & UnitSum())(w, step=METRIC), Simplex()(w, step=METRIC))
    plus = np.maximum(w, 0)
    want = waterline(plus, METRIC, 0.5) if plus.sum() > 0.5 else plus
    np.testing.assert_allclose((NonNeg() & L1Ball(0.5))(w, step=METRIC), want, atol=1e-11)
    want = -waterline(-w, METRIC, 0.5) if np.maximum(-w, 0).sum() > 0.5 else np.minimum(w, 0)
    np.testing.assert_allclose((L1Ball(0.5) & NonPositive())(w, step=METRIC), want, atol=1e-11)


def test_radial_beside_the_mean_of_each_ring() -> None:
    # numpy's mean over rings that are listed by hand.
    w = RNG.normal(size=(3, 3, 2, 4))
    edge = np.ones((3, 3), bool)
    edge[1, 1] = False
    want = w.copy()
    want[edge] = w[edge].mean(axis=0)
    np.testing.assert_allclose(Radial()(w), want, atol=1e-14)


def test_monotone_beside_scipy() -> None:
    # scipy.optimize.isotonic_regression, line by line, in a metric.
    w, step = RNG.normal(size=(40, 3)), np.exp(RNG.normal(size=(40, 3)))
    for increasing in (True, False):
        want = [isotonic_regression(w[:, j], weights=1 / step[:, j], increasing=increasing).x for j in range(3)]
        np.testing.assert_allclose(Monotone(increasing)(w, step=step), np.stack(want, axis=1), atol=1e-12)


def test_few_entries_beside_a_sort() -> None:
    # numpy's argsort; without ties there is one answer.
    w = RNG.normal(size=(9, 5))
    order = np.argsort(-np.abs(w), axis=0).argsort(axis=0)
    np.testing.assert_array_equal(TopK(4)(w), np.where(order < 4, w, 0))
    order = np.argsort(-np.abs(w), axis=None).argsort().reshape(w.shape)
    np.testing.assert_array_equal(TopK(7, per="tensor")(w), np.where(order < 7, w, 0))
    blocks = RNG.normal(size=(3, 4, 5))
    order = np.argsort(-np.abs(blocks), axis=1).argsort(axis=1)
    want = np.where(order < 2, blocks, 0).reshape(12, 5)
    np.testing.assert_array_equal(NM(2, 4)(blocks.reshape(12, 5)), want)


def test_ties_go_to_the_first() -> None:
    # The statement in the docstring.
    ones = np.ones((3, 2))
    np.testing.assert_array_equal(TopK(2)(ones), [[1, 1], [1, 1], [0, 0]])
    np.testing.assert_array_equal(TopK(2, per="tensor")(ones), [[1, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(NM(1, 2)(np.asarray([2.0, -2.0, -3.0, 3.0])), [2, 0, -3, 0])


def test_matrices_beside_their_decompositions() -> None:
    # numpy's SVD and eigh; scipy.linalg.polar; optax's simplex for the nuclear ball.
    kernel = RNG.normal(size=(2, 3, 4))
    w = kernel.reshape(6, 4)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    cases = [
        (SpectralNorm(1.3), (u * np.minimum(s, 1.3)) @ vt),
        (LowRank(2), (u[:, :2] * s[:2]) @ vt[:2]),
        (Orthogonal(), polar(w)[0]),
        (NuclearBall(2.0), (u * np.asarray(optax.projections.projection_simplex(s.astype(np.float32), 2.0))) @ vt),
    ]
    for term, want in cases:
        np.testing.assert_allclose(term(kernel), want.reshape(2, 3, 4), atol=3e-6)
    q = RNG.normal(size=(5, 5))
    values, v = np.linalg.eigh((q + q.T) / 2)
    np.testing.assert_allclose(PSD()(q), (v * np.maximum(values, 0)) @ v.T, atol=1e-12)


def test_symmetric_in_a_metric_beside_scipy() -> None:
    # SciPy's minimize over the free entries.
    w, step = RNG.normal(size=(3, 3)), np.exp(RNG.normal(size=(3, 3)))
    i, j = np.triu_indices(3, 1)
    for term, sign in ((Symmetric(), 1), (Skew(), -1)):

        def spread(z: Any, sign: int = sign) -> Any:
            out = np.diag(np.diag(w)) if sign == 1 else np.zeros((3, 3))
            out[i, j], out[j, i] = z, sign * z
            return out

        done = minimize(lambda z: np.sum((spread(z) - w) ** 2 / step), np.zeros(3), tol=1e-12)
        np.testing.assert_allclose(term(w, step=step), spread(done.x), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Simplex(0), ValueError, "above 0"),
        (lambda: Simplex(-1.0), ValueError, "at least 0"),
        (lambda: L1Ball(-1.0), ValueError, "at least 0"),
        (lambda: HalfSpace([0.0, 0.0]), ValueError, "normal that is not 0"),
        (lambda: HalfSpace([1.0, 2.0])(np.ones((3, 2))), ValueError, "HalfSpace"),
        (lambda: Zeros([True, False, True])(np.ones((2, 2))), ValueError, "does not broadcast"),
        (lambda: Zeros("lower"), TypeError, "True and False"),
        (lambda: Fixed(np.ones((3, 3)))(np.ones((2, 2))), ValueError, "does not broadcast"),
        (lambda: Triangular("left"), ValueError, "lower"),
        (lambda: Triangular()(np.ones(3)), ValueError, "needs a matrix"),
        (lambda: Masked(Simplex(), [True, False]), ValueError, "entries left out"),
        (lambda: Monotone()(np.ones((2, 2, 3))), ValueError, "one axis"),
        (lambda: (NonNeg() & UnitSum(-1.0))(np.ones(2)), ValueError, "at least 0"),
        (lambda: Orthogonal() & L1Ball(), ValueError, r"No projection onto Orthogonal\(\) & L1Ball"),
        (lambda: LowRank(1) & NonNeg(), ValueError, r"No projection onto LowRank\(1\) & NonNeg"),
        (lambda: (Fixed(0.5) & NonPositive())(np.ones(2)), ValueError, "cannot all hold"),
        (lambda: TopK(0), ValueError, "at least 1"),
        (lambda: TopK(2.5), TypeError, "whole number"),
        (lambda: TopK(9)(np.ones((4, 2))), ValueError, "only 4"),
        (lambda: TopK(2, per="row"), ValueError, "tensor"),
        (lambda: NM(5, 4), ValueError, "at most m"),
        (lambda: NM(2, 4)(np.ones((6, 2))), ValueError, "blocks of 4"),
        (lambda: SpectralNorm()(np.ones(3)), ValueError, "needs a matrix"),
        (lambda: LowRank(4)(np.ones((3, 5))), ValueError, "at most 3"),
        (lambda: PSD()(np.ones((2, 3))), ValueError, "square"),
        (lambda: StochasticRows()(np.ones(3)), ValueError, "needs a matrix"),
    ],
)
def test_bad_input_is_refused_with_the_way_out(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()
