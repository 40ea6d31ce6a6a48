"""The full-batch fixed point of every optimizer, with every convex term, is the penalised, constrained optimum.

A small least-squares problem a term, solved by cvxpy in float64 and by the training step in float32, as the engine
takes it. One program holds a family of terms, each on a parameter of its own, and any of the optimizers: which one is
an argument, so that it is compiled once. Where all gradients vanish at the optimum RMSprop circles it at a distance of its
own rate (tests/oracles/test_optimum.py), so its rate is small.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from taut import plans, transforms
from taut.constraints import (
    PSD,
    Box,
    Constraint,
    DoublyStochastic,
    GroupL1Ball,
    HalfSpace,
    L1Ball,
    MaxNorm,
    Monotone,
    NonNeg,
    NuclearBall,
    Simplex,
    Skew,
    SpectralNorm,
    Symmetric,
    Triangular,
    UnitSum,
    ZeroMean,
)
from taut.optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop
from taut.regularizers import (
    L1,
    L1L2,
    L2,
    ExclusiveLasso,
    GroupLasso,
    GroupLInf,
    Huber,
    NuclearNorm,
    OrderedL1,
    Regularizer,
    SparseGroupLasso,
    SquaredSpectralNorm,
    TotalVariation,
    Towards,
)
from taut.regularizers import Masked as Part

SIZE = 4
STEPS = 2500
GAP = 1e-5
SLOWER = {"SpectralNorm": 1e-3, "PSD": 1e-2, "SquaredSpectralNorm": 1e-4}
"""Terms that are taken in the smallest of the entries' steps, on their way after `STEPS` of an optimizer whose steps differ:
more than twice as many bring Adam to 5e-6 and 2e-5. Under SGD they are there."""
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # compiling is what this costs

OPTIMIZERS: dict[str, Any] = {
    "SGD": SGD(0.2),
    "momentum": SGD(0.05, momentum=0.8),
    "Nesterov": SGD(0.05, momentum=0.8, nesterov=True),
    "Adam": Adam(0.01),
    "RMSprop": RMSprop(3e-4),
    "RMSprop with momentum": RMSprop(6e-5, momentum=0.8),
    "Adagrad": Adagrad(0.3),
}


# --- the problem ---------------------------------------------------------------------------------------------------------


@cache
def problem() -> tuple[np.ndarray, np.ndarray, float]:
    """½·mean‖xw − y‖² as ½⟨w, Aw⟩ − ⟨B, w⟩ + c, its outputs of unlike sizes, so that metrics are far from equal."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, SIZE)) * [1.0, 0.6, 1.3, 0.8]
    y = (x @ rng.normal(size=(SIZE, SIZE)) + 0.3 * rng.normal(size=(32, SIZE))) * [0.5, 1.0, 1.5, 0.8]
    return x.T @ x / 32, x.T @ y / 32, float(np.sum(y * y)) / 64


def loss(w: np.ndarray) -> float:
    a, b, c = problem()
    return float(np.sum(w * (a @ w)) / 2 - np.sum(b * w)) + c


# --- the terms, and the same in cvxpy ------------------------------------------------------------------------------------

Value = Callable[[Any], Any]
NORMAL = np.asarray([0.5, -1.0, 2.0, 0.25])
HERE = np.round(np.random.default_rng(1).normal(size=(SIZE, SIZE)), 2)
MASK = np.tri(SIZE) > 0


def groups(w: Any, by: int = 0) -> Any:
    return cp.sum(cp.norm(w, axis=by))


def l1(w: Any) -> Any:
    return cp.sum(cp.abs(w))


def sorted_l1(w: Any) -> Any:
    """Σ λ_i|w|_(i), λ falling on a line from 0.1 to 0.05, as sums of the k largest."""
    v, strengths = cp.abs(cp.vec(w, order="C")), np.append(np.linspace(0.1, 0.05, SIZE * SIZE), 0.0)
    return sum((strengths[k] - strengths[k + 1]) * cp.sum_largest(v, k + 1) for k in range(SIZE * SIZE))


PENALTIES: list[tuple[Regularizer, Value]] = [
    (L1(0.2), lambda w: 0.2 * l1(w)),
    (L2(0.1), lambda w: 0.1 * cp.sum_squares(w)),
    (L1L2(0.1, 0.1), lambda w: 0.1 * l1(w) + 0.1 * cp.sum_squares(w)),
    (Huber(0.2, 0.3), lambda w: 0.1 * cp.sum(cp.huber(w, 0.3))),
    (GroupLasso(0.3), lambda w: 0.3 * groups(w)),
    (GroupLasso(0.3, by="input"), lambda w: 0.3 * groups(w, 1)),
    (SparseGroupLasso(0.1, 0.2), lambda w: 0.1 * l1(w) + 0.2 * groups(w)),
    (ExclusiveLasso(0.1), lambda w: 0.1 * cp.sum_squares(cp.norm1(w, axis=0))),
    (GroupLInf(0.3), lambda w: 0.3 * cp.sum(cp.max(cp.abs(w), axis=0))),
    (TotalVariation(0.2), lambda w: 0.2 * l1(cp.diff(w, axis=0))),
    (Towards(L1(0.1), HERE), lambda w: 0.1 * l1(w - HERE)),
    (Part(L1(0.2), MASK), lambda w: 0.2 * l1(cp.multiply(MASK, w))),
    (OrderedL1(0.1), sorted_l1),
    (NuclearNorm(0.2), lambda w: 0.2 * cp.normNuc(w)),
    (SquaredSpectralNorm(0.1), lambda w: 0.1 * cp.square(cp.sigma_max(w))),
    (GroupLasso(0.2) + GroupLasso(0.2, by="input"), lambda w: 0.2 * groups(w) + 0.2 * groups(w, 1)),
]

Within = Callable[[Any], list[Any]]
SETS: list[tuple[Constraint, Within]] = [
    (NonNeg(), lambda w: [w >= 0]),
    (Box(-0.4, 0.6), lambda w: [w >= -0.4, w <= 0.6]),
    (Triangular("lower"), lambda w: [cp.multiply(1.0 - MASK, w) == 0]),
    (MaxNorm(0.8), lambda w: [cp.norm(w, axis=0) <= 0.8]),
    (NonNeg() & MaxNorm(0.5), lambda w: [w >= 0, cp.norm(w, axis=0) <= 0.5]),
    (L1Ball(0.9), lambda w: [cp.norm1(w, axis=0) <= 0.9]),
    (GroupL1Ball(2.0), lambda w: [groups(w) <= 2.0]),
    (Simplex(), lambda w: [w >= 0, cp.sum(w, axis=0) == 1]),
    (DoublyStochastic(), lambda w: [w >= 0, cp.sum(w, axis=0) == 1, cp.sum(w, axis=1) == 1]),
    (UnitSum(0.5), lambda w: [cp.sum(w, axis=0) == 0.5]),
    (ZeroMean(), lambda w: [cp.sum(w, axis=0) == 0]),
    (HalfSpace(NORMAL, -0.7), lambda w: [NORMAL @ w <= -0.7]),
    (Monotone(axis=0), lambda w: [cp.diff(w, axis=0) >= 0]),
    (Symmetric(), lambda w: [w == w.T]),
    (Skew(), lambda w: [w == -w.T]),
    (PSD(), lambda w: [w == w.T, w >> 0]),
    (SpectralNorm(0.8), lambda w: [cp.sigma_max(w) <= 0.8]),
    (NuclearBall(1.5), lambda w: [cp.normNuc(w) <= 1.5]),
]

# Kinds that have no closed form together, and closed forms of every kind.
PAIRS = [
    (L1(0.1), NonNeg() & MaxNorm(0.5)),
    (L1L2(0.1, 0.1), L1Ball(0.9)),
    (L1(0.1), Simplex()),
    (TotalVariation(0.1), Box(-0.4, 0.6)),
    (ExclusiveLasso(0.1), NonNeg()),
    (L1(0.1), UnitSum(0.5)),
    (GroupLasso(0.2), Simplex()),
    (L1(0.1), SpectralNorm(0.8)),
]
FAMILIES: dict[str, list[tuple[Regularizer | None, Constraint | None]]] = {
    "penalties": [(r, None) for r, _ in PENALTIES],
    "sets": [(None, c) for c, _ in SETS],
    "pairs": list(PAIRS),
}
"""Each is one program."""


@cache
def optimum(family: str, k: int) -> tuple[float, Callable[[np.ndarray], float]]:
    """The least objective, and the objective."""
    r, c = FAMILIES[family][k]
    value = next((v for term, v in PENALTIES if type(term) is type(r) and term == r), None)
    if r is not None and value is None:  # another strength: a multiple of the formula
        term, formula = next((t, v) for t, v in PENALTIES if type(t) is type(r))
        main = "l1" if isinstance(r, L1) else "strength"
        factor = getattr(r, main) / getattr(term, main)
        value = lambda w: factor * formula(w)  # noqa: E731
    place = next((s for term, s in SETS if c is not None and term == c), None)
    a, b, constant = problem()
    w = cp.Variable((SIZE, SIZE))
    root = np.linalg.cholesky(a).T
    objective = cp.sum_squares(root @ w) / 2 - cp.sum(cp.multiply(b, w)) + constant
    if value is not None:
        objective = objective + value(w)
    task = cp.Problem(cp.Minimize(objective), place(w) if place is not None else [])
    best = task.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)

    def evaluate(z: np.ndarray) -> float:
        w.value = z
        return loss(z) + (float(value(w).value) if value is not None else 0.0)

    return float(best), evaluate


# --- any optimizer, in one program ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class OneOf(Optimizer):
    """Every member's own rule and step; ``which`` of them counts is a number, so that one program serves all."""

    members: Any = ()
    which: Any = 0
    learning_rate: Any = 1.0
    forgets: ClassVar[bool] = True

    def transformation(self) -> optax.GradientTransformation:
        rules = [m.transformation() for m in self.members]

        def update(g: Any, state: Any, w: Any = None) -> Any:
            done = [rule.update(g, s, w) for rule, s in zip(rules, state, strict=True)]
            return jax.tree.map(lambda *u: self._pick(u), *[d[0] for d in done]), tuple(d[1] for d in done)

        return optax.GradientTransformation(lambda w: tuple(rule.init(w) for rule in rules), update)

    def _pick(self, values: Any) -> Any:
        return jnp.stack(jnp.broadcast_arrays(*values))[self.which]

    def moment(self, state: Any, path: str) -> Any:
        moments = [m.moment(s, path) for m, s in zip(self.members, state, strict=True)]
        like = next(v for v in moments if v is not None)
        return self._pick([jnp.ones_like(like) if v is None else v for v in moments])

    def size(self, state: Any, moment: Any) -> Any:
        return self._pick([m.size(s, moment) + 0 * moment for m, s in zip(self.members, state, strict=True)])


def bound(family: str) -> plans.Plan:
    entries = [
        plans.Entry(
            f"{k:02}",
            "kernel",
            (SIZE, SIZE),
            (0,),
            regularizer=r if r is None else r.acting("proximal"),  # type: ignore[arg-type]
            constraint=c,
        )
        for k, (r, c) in enumerate(FAMILIES[family])
    ]
    return plans.bind(entries)


@cache
def trained(family: str) -> dict[str, np.ndarray]:
    """The weights by path, one row for each optimizer."""
    a, b, _ = (jnp.asarray(v, jnp.float32) for v in problem())
    members = [o.prepared() for o in OPTIMIZERS.values()]
    terms = bound(family)
    start = terms.project({e.path: jnp.full((SIZE, SIZE), 0.1) for e in terms.entries})

    def train(which: Any, terms: plans.Plan, w: Any) -> Any:
        optimizer = OneOf(members=members, which=which)
        state = transforms.init(optimizer, terms, w, rare=())

        def step(i: Any, carry: Any) -> Any:
            w, state = carry
            optimizer = OneOf(members=tuple(slowing(m, i) for m in members), which=which)
            gradients = {path: a @ v - b for path, v in w.items()}
            return transforms.step(optimizer, terms, state, w, gradients, jnp.int32(1))

        return jax.lax.fori_loop(0, STEPS, step, (w, state))[0]

    every = jax.jit(jax.vmap(train, (0, None, None)), compiler_options=QUICK)
    return {path: np.asarray(v, np.float64) for path, v in every(jnp.arange(len(members)), terms, start).items()}


def slowing(optimizer: Any, i: Any) -> Any:
    """RMSprop goes as far in a step however small its gradients are: it begins a hundred times as fast as it ends."""
    if not isinstance(optimizer, RMSprop):
        return optimizer
    return dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * 100 ** (1 - i / STEPS))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_training_ends_at_the_optimum(family: str, optimizer: str) -> None:
    far = []
    for k, (r, c) in enumerate(FAMILIES[family]):
        w = trained(family)[f"{k:02}"][list(OPTIMIZERS).index(optimizer)]
        best, objective = optimum(family, k)
        gap = (objective(w) - best) / abs(best)
        name = type(r if c is None else c).__name__
        limit = SLOWER.get(name, GAP) if optimizer.startswith(("Ada", "RMS")) else GAP
        if not -1e-6 < gap < limit or (c is not None and float(c.violation(w.astype(np.float32), fan_in=(0,))) > 0):
            far.append(f"{gap:.1e} {r} {c}")
    assert not far, "\n".join(far)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")
def test_the_terms_bind() -> None:
    """No optimum is that of the data alone."""
    a, b, _ = problem()
    free = loss(np.linalg.solve(a, b))
    for family, terms in FAMILIES.items():
        assert all(optimum(family, k)[0] > free * (1 + 1e-3) for k in range(len(terms)))
