"""Proximal maps and projections beside PyProximal's, one vector at a time, in float64.

Oracle: PyProximal 0.13, whose ``prox(x, tau)`` minimises f(z) + ‖z − x‖²/(2τ) as taut does with one step.
"""

from typing import Any

import numpy as np
import pyproximal as pp
import pytest

from taut.constraints import Box, HalfSpace, L1Ball, MaxNorm, NuclearBall, Simplex, TopK
from taut.regularizers import L0, L1, L2, SCAD, GroupLasso, Huber, NuclearNorm, TotalVariation

SIZE = 12
NORMAL = np.linspace(-1.0, 2.0, SIZE)


def rows(w: np.ndarray) -> np.ndarray:
    """PyProximal's L21 takes groups as columns of (ndim, n), taut's units are columns as well."""
    return w.reshape(4, 3)


# Ours by weights and step, theirs by vector and τ. PyProximal's L2 is σ/2·‖x‖², its Huber and box are as here.
MAPS: list[tuple[str, Any, Any]] = [
    ("L1", lambda w, t: L1(0.3).prox(w, t), pp.L1(sigma=0.3)),
    ("L2", lambda w, t: L2(0.3).prox(w, t), pp.L2(sigma=0.6)),
    ("SCAD", lambda w, t: SCAD(0.3, 3.7).prox(w, t), pp.SCAD(sigma=0.3, a=3.7)),
    ("Euclidean", lambda w, t: GroupLasso(0.7).prox(w, t), pp.Euclidean(sigma=0.7)),
    ("L21", lambda w, t: GroupLasso(0.7).prox(rows(w), t).ravel(), pp.L21(ndim=4, sigma=0.7)),
    ("Nuclear", lambda w, t: NuclearNorm(0.7).prox(rows(w), t).ravel(), pp.Nuclear((4, 3), sigma=0.7)),
    ("TV", lambda w, t: TotalVariation(0.4).prox(w, t), pp.TV(dims=(SIZE,), sigma=0.4, niter=500, rtol=1e-12)),
    ("Box", lambda w, t: Box(-0.5, 0.7)(w), pp.Box(-0.5, 0.7)),
    ("Simplex", lambda w, t: Simplex()(w), pp.Simplex(SIZE, 1.0, maxiter=200, xtol=1e-12)),
    ("L1Ball", lambda w, t: L1Ball(1.3)(w), pp.L1Ball(SIZE, 1.3, maxiter=200, xtol=1e-12)),
    ("EuclideanBall", lambda w, t: MaxNorm(1.1)(w), pp.EuclideanBall(np.zeros(SIZE), 1.1)),
    ("HalfSpace", lambda w, t: HalfSpace(NORMAL, 0.7)(w), pp.HalfSpace(NORMAL, 0.7)),
    ("L0Ball", lambda w, t: TopK(4)(w), pp.L0Ball(4)),
    (
        "NuclearBall",
        lambda w, t: NuclearBall(1.2)(rows(w)).ravel(),
        pp.NuclearBall((4, 3), 1.2, maxiter=200, xtol=1e-12),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), [m[1:] for m in MAPS], ids=[m[0] for m in MAPS])
def test_a_map_is_pyproximal_s(ours: Any, theirs: Any) -> None:
    for seed, tau in ((0, 0.2), (1, 0.7), (2, 1.3)):
        w = 2 * np.random.default_rng(seed).normal(size=SIZE)
        np.testing.assert_allclose(ours(w, tau), theirs.prox(w.copy(), tau), atol=2e-6)


def test_hard_thresholds_and_huber_in_their_own_units() -> None:
    """Its L0 thresholds at τσ, the step being taken as the threshold itself; its Huber has the scale of ours."""
    w = 2 * np.random.default_rng(3).normal(size=SIZE)
    for step in (0.2, 1.3):
        theirs = pp.L0(sigma=1.0).prox(w.copy(), np.sqrt(2 * step * 0.3))
        np.testing.assert_array_equal(L0(0.3).prox(w, step), theirs)
        # PyProximal 0.13 leaves the parabola at |w| = α, where the map does at α + step; elsewhere it is the same.
        same = (np.abs(w) <= 1.0) | (np.abs(w) > 1.0 + step)
        ours, theirs = Huber(1.0, 1.0).prox(w, step), pp.Huber(alpha=1.0).prox(w, step)
        assert same.sum() >= 6
        np.testing.assert_allclose(ours[same], theirs[same], atol=1e-12)
