"""Training converges to the optimum of the stated objective: penalised and constrained linear models on real data.

Each problem is solved in float64 by scikit-learn, SciPy or a closed form, and by one Dense layer trained with full
batches; the objective of both solutions is evaluated in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, lsq_linear, minimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, MultiTaskLasso, Ridge

import taut
from taut.constraints import Box, MaxNorm, NonNeg
from taut.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
from taut.regularizers import L1, L1L2, L2, GroupLasso

Solution = tuple[np.ndarray, np.ndarray]  # kernel (inputs, units), bias (units,)

GAP = 1e-5
REPEATS = 25  # copies of the data in one epoch: 25 full-batch steps, where an epoch each would cost more than the step


# --- data and objectives, in float64 -------------------------------------------------------------------------------------


def standardised(x: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1 a column (a constant column is 0), in values that float32 holds exactly."""
    spread = x.std(axis=0)
    return ((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32).astype(np.float64)


@cache
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return standardised(x), standardised(y[:, None])


@cache
def cancer() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_breast_cancer(return_X_y=True)
    return standardised(x), y[:, None].astype(np.float64)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Every third of the 1,797 rows of 64 pixels, some of which are the same in all; one-hot labels."""
    x, y = (a[::3] for a in load_digits(return_X_y=True))
    return standardised(x), np.eye(10)[y]


def squared(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    """The data loss and its derivative by the outputs."""
    e = x @ w + b - y
    return float(np.mean(e * e)), 2 * e / e.size


def logistic(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    z = x @ w + b
    return float(np.mean(np.logaddexp(0, z) - y * z)), (1 / (1 + np.exp(-z)) - y) / y.size


def softmax(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    z = x @ w + b
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(-np.mean(np.sum(y * log_p, axis=1))), (np.exp(log_p) - y) / len(y)


LOSSES = {
    squared: ("mse", None),
    logistic: ("binary_crossentropy", "sigmoid"),
    softmax: ("categorical_crossentropy", "softmax"),
}


# --- problems ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Data, a loss, terms on the kernel, and the exact solution by somebody else."""

    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    loss: Callable[..., tuple[float, np.ndarray]]
    terms: dict[str, Any]
    solve: Callable[[], Solution]
    sparse: bool = False  # the solution has exact zeros, which must be found

    def objective(self, w: np.ndarray, b: np.ndarray) -> float:
        total = self.loss(*self.data(), w, b)[0]
        term = self.terms.get("kernel_regularizer")
        if term is None:
            return total
        if isinstance(term, GroupLasso):
            return total + term.strength * float(np.linalg.norm(w, axis=1).sum())
        l1, l2 = getattr(term, "l1", 0.0), getattr(term, "l2", 0.0)
        return total + l1 * float(np.abs(w).sum()) + l2 * float(np.sum(w * w))


def by_quasi_newton(
    data: Callable[[], tuple[np.ndarray, np.ndarray]],
    loss: Callable[..., tuple[float, np.ndarray]],
    l1: float = 0.0,
    l2: float = 0.0,
    bounds: tuple[float, float] | None = None,
) -> Solution:
    """SciPy's L-BFGS-B on w = u − v with u, v ≥ 0, which makes the penalty smooth and its zeros exact."""
    x, y = data()
    shape = (x.shape[1], y.shape[1])
    n = shape[0] * shape[1]
    signs = (1.0,) if bounds else (1.0, -1.0)

    def split(p: np.ndarray) -> Solution:
        parts = p[: n * len(signs)].reshape(len(signs), n)
        return np.dot(signs, parts).reshape(shape), p[n * len(signs) :]

    def value_and_gradient(p: np.ndarray) -> tuple[float, np.ndarray]:
        w, b = split(p)
        value, e = loss(x, y, w, b)
        by_w = (x.T @ e + 2 * l2 * w).ravel()
        penalty = l2 * np.sum(w * w) + (l1 * p[: n * len(signs)].sum() if l1 else 0)
        return value + penalty, np.concatenate([*(s * by_w + l1 for s in signs), e.sum(axis=0)])

    limits = [bounds or (0, None)] * (n * len(signs)) + [(None, None)] * shape[1]
    start = np.zeros(n * len(signs) + shape[1])
    options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 40}
    return split(minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=limits, options=options).x)


def from_sklearn(model: Any, data: Callable[[], tuple[np.ndarray, np.ndarray]]) -> Solution:
    x, y = data()
    if y.shape[1] == 1:
        y = y[:, 0]
    elif isinstance(model, LogisticRegression):
        y = y.argmax(axis=1)
    model.fit(x, y)
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


def in_balls(data: Callable[[], tuple[np.ndarray, np.ndarray]], radius: float) -> Solution:
    """Least squares with each unit's norm at most ``radius``: (A + λI)w = c, λ ≥ 0 such that the norm fits."""
    x, y = data()
    x0, y0 = x - x.mean(axis=0), y - y.mean(axis=0)
    values, vectors = np.linalg.eigh(x0.T @ x0)
    keep = values > 1e-9 * values.max()
    values, vectors = values[keep], vectors[:, keep]
    columns = []
    for c in (vectors.T @ (x0.T @ y0)).T:

        def excess(log_multiplier: float, c: np.ndarray = c) -> float:
            return float(np.linalg.norm(c / (values + np.exp(log_multiplier)))) - radius

        assert np.linalg.norm(c / values) > radius, "the bound must bind"
        columns.append(vectors @ (c / (values + np.exp(brentq(excess, -20, 20, xtol=1e-14)))))
    w = np.stack(columns, axis=1)
    return w, y.mean(axis=0) - x.mean(axis=0) @ w


def logistic_in_a_ball(radius: float) -> Solution:
    """The ridge whose norm is the radius: the same point, by its multiplier."""

    def ridge(log_strength: float) -> Solution:
        return by_quasi_newton(cancer, logistic, l2=np.exp(log_strength))

    found = brentq(lambda s: float(np.linalg.norm(ridge(s)[0])) - radius, -8, 0, xtol=1e-10)
    w, b = ridge(found)
    return w * (radius / np.linalg.norm(w)), b


def in_a_box(low: float, high: float) -> Solution:
    """Bounded least squares by SciPy's active-set method."""
    x, y = diabetes()
    free = np.full(1, np.inf)
    limits = (np.append(np.full(10, low), -free), np.append(np.full(10, high), free))
    p = lsq_linear(np.column_stack([x, np.ones(len(x))]), y[:, 0], bounds=limits, method="bvls", tol=1e-14).x
    return p[:10, None], p[10:]


N, M, D = 442, 569, 599
EXACT = {"tol": 1e-12, "max_iter": 1_000_000}
PROBLEMS: dict[str, Problem] = {
    # scikit-learn's squared loss has a half, Keras's has not: l1 = 2α and so on.
    "diabetes, L1": Problem(
        diabetes,
        squared,
        {"kernel_regularizer": L1(0.1)},
        lambda: from_sklearn(Lasso(alpha=0.05, **EXACT), diabetes),
        sparse=True,
    ),
    "diabetes, L1L2": Problem(
        diabetes,
        squared,
        {"kernel_regularizer": L1L2(0.1, 0.05)},
        lambda: from_sklearn(ElasticNet(alpha=0.1, l1_ratio=0.5, **EXACT), diabetes),
        sparse=True,
    ),
    "diabetes, L2": Problem(
        diabetes, squared, {"kernel_regularizer": L2(0.1)}, lambda: from_sklearn(Ridge(alpha=0.1 * N), diabetes)
    ),
    "diabetes, MaxNorm": Problem(
        diabetes, squared, {"kernel_constraint": MaxNorm(0.3)}, lambda: in_balls(diabetes, 0.3)
    ),
    "diabetes, Box": Problem(diabetes, squared, {"kernel_constraint": Box(-0.1, 0.2)}, lambda: in_a_box(-0.1, 0.2)),
    "diabetes, L1 and NonNeg": Problem(
        diabetes,
        squared,
        {"kernel_regularizer": L1(0.1), "kernel_constraint": NonNeg()},
        lambda: from_sklearn(Lasso(alpha=0.05, positive=True, **EXACT), diabetes),
        sparse=True,
    ),
    "cancer, L1": Problem(
        cancer,
        logistic,
        {"kernel_regularizer": L1(0.01)},
        lambda: by_quasi_newton(cancer, logistic, l1=0.01),
        sparse=True,
    ),
    "cancer, L1L2": Problem(
        cancer,
        logistic,
        {"kernel_regularizer": L1L2(0.01, 0.01)},
        lambda: by_quasi_newton(cancer, logistic, l1=0.01, l2=0.01),
        sparse=True,
    ),
    "cancer, L2": Problem(
        cancer,
        logistic,
        {"kernel_regularizer": L2(0.01)},
        lambda: from_sklearn(LogisticRegression(C=1 / (2 * 0.01 * M), tol=1e-10, max_iter=10_000), cancer),
    ),
    "cancer, MaxNorm": Problem(cancer, logistic, {"kernel_constraint": MaxNorm(1.0)}, lambda: logistic_in_a_ball(1.0)),
    "cancer, Box": Problem(
        cancer,
        logistic,
        {"kernel_constraint": Box(-0.3, 0.3)},
        lambda: by_quasi_newton(cancer, logistic, bounds=(-0.3, 0.3)),
    ),
    "digits, L1": Problem(
        digits,
        softmax,
        {"kernel_regularizer": L1(0.003)},
        lambda: by_quasi_newton(digits, softmax, l1=0.003),
        sparse=True,
    ),
    "digits, L1L2": Problem(
        digits,
        softmax,
        {"kernel_regularizer": L1L2(0.003, 0.003)},
        lambda: by_quasi_newton(digits, softmax, l1=0.003, l2=0.003),
        sparse=True,
    ),
    "digits, L2": Problem(
        digits,
        softmax,
        {"kernel_regularizer": L2(0.003)},
        lambda: from_sklearn(LogisticRegression(C=1 / (2 * 0.003 * D), tol=1e-9, max_iter=10_000), digits),
    ),
    "digits, MaxNorm": Problem(digits, squared, {"kernel_constraint": MaxNorm(0.15)}, lambda: in_balls(digits, 0.15)),
    "digits, Box": Problem(
        digits,
        softmax,
        {"kernel_constraint": Box(-0.1, 0.1)},
        lambda: by_quasi_newton(digits, softmax, bounds=(-0.1, 0.1)),
    ),
    "digits, inputs in groups": Problem(
        digits,
        squared,
        {"kernel_regularizer": GroupLasso(0.005, by="input")},
        # 1/(2n)·Σ² + α·Σ‖row‖, where Keras's mean is over the ten outputs as well: α = 10/2 · strength
        lambda: from_sklearn(MultiTaskLasso(alpha=0.025, **EXACT), digits),
        sparse=True,
    ),
}


@cache
def optimum(name: str) -> tuple[np.ndarray, np.ndarray, float]:
    w, b = PROBLEMS[name].solve()
    return w, b, PROBLEMS[name].objective(w, b)


# --- trainings -----------------------------------------------------------------------------------------------------------


def trained(problem: Problem, optimizer: Any, steps: int, terms: str = "exact") -> Solution:
    """One Dense layer after ``steps`` full-batch steps."""
    x, y = (a.astype(np.float32) for a in problem.data())
    loss, activation = LOSSES[problem.loss]
    taut.utils.set_random_seed(0)
    layer = taut.layers.Dense(y.shape[1], activation=activation, input_shape=(x.shape[1],), **problem.terms)
    model = taut.Sequential([layer])
    model.compile(optimizer, loss, terms=terms)
    assert steps % REPEATS == 0
    copies = np.tile(x, (REPEATS, 1)), np.tile(y, (REPEATS, 1))
    model.fit(*copies, batch_size=len(x), epochs=steps // REPEATS, shuffle=False, verbose=0)
    w, b = model.get_weights()
    return w.astype(np.float64), b.astype(np.float64)


def gap(name: str, solution: Solution) -> float:
    """How far the objective is above the optimum, relative to it."""
    best = optimum(name)[2]
    return (PROBLEMS[name].objective(*solution) - best) / best


def momentum(rate: float) -> SGD:
    return SGD(rate, momentum=0.9)


# (optimizer, steps): about twice the steps that it took to get there, never more than 20,000.
RUNS: dict[str, list[tuple[Any, int]]] = {
    "diabetes, L1": [
        (Adam(1e-2), 1000),
        (momentum(0.02), 500),
        (RMSprop(1e-3), 3000),
        (Adagrad(0.1), 1000),
        (AdamW(1e-2, weight_decay=0.0), 1000),
    ],
    "diabetes, L1L2": [(Adam(1e-2), 1000), (momentum(0.02), 500)],
    "diabetes, L2": [(Adam(1e-2), 1000), (momentum(0.02), 500), (Adagrad(0.1), 1000)],
    "diabetes, MaxNorm": [(Adam(1e-2), 1000), (momentum(0.02), 500), (RMSprop(1e-3), 3000), (Adagrad(0.1), 1000)],
    "diabetes, Box": [(Adam(1e-2), 1000), (momentum(0.02), 500)],
    "diabetes, L1 and NonNeg": [(Adam(1e-2), 1000), (momentum(0.02), 500)],
    "cancer, L1": [(Adam(1e-2), 15_000), (momentum(0.3), 8000)],
    "cancer, L1L2": [(Adam(1e-2), 3000), (momentum(0.3), 1000), (RMSprop(1e-3), 8000), (Adagrad(0.1), 5000)],
    "cancer, L2": [(Adam(1e-2), 2000), (momentum(0.3), 1000), (RMSprop(1e-3), 3000)],
    "cancer, MaxNorm": [(Adam(1e-2), 1000), (momentum(0.3), 1000), (AdamW(1e-2, weight_decay=0.0), 1000)],
    "cancer, Box": [(Adam(1e-2), 2000), (momentum(0.3), 1000)],
    "digits, L1": [(Adam(1e-2), 5000), (momentum(0.3), 3000)],
    "digits, L1L2": [(Adam(1e-2), 2000), (momentum(0.3), 1000)],
    "digits, L2": [(Adam(1e-2), 1500), (momentum(0.3), 1000)],
    "digits, MaxNorm": [(Adam(1e-2), 1000), (momentum(0.05), 1000)],
    "digits, Box": [(Adam(1e-2), 1000), (momentum(0.3), 2000)],
    "digits, inputs in groups": [(Adam(1e-2), 1500), (momentum(0.05), 1500)],
}


def label(value: Any) -> str:
    return (
        f"{type(value).__name__}({value.learning_rate})" if isinstance(value, taut.optimizers.Optimizer) else str(value)
    )


@pytest.mark.parametrize(
    ("name", "optimizer", "steps"), [(name, *run) for name, runs in RUNS.items() for run in runs], ids=label
)
def test_training_ends_at_the_optimum(name: str, optimizer: Any, steps: int) -> None:
    assert steps <= 20_000
    solution = trained(PROBLEMS[name], optimizer, steps)
    found = gap(name, solution)
    # Below the optimum only by the solvers' own rounding: both solutions are feasible.
    assert -1e-7 < found < GAP
    if PROBLEMS[name].sparse:
        exact = optimum(name)[0] != 0
        assert 0 < exact.sum() < exact.size
        np.testing.assert_array_equal(solution[0] != 0, exact)


def test_the_two_ways_to_train_full_batch_are_one() -> None:
    """An epoch of ``REPEATS`` copies in order, and that many epochs of one batch: the same steps, so the same bits."""
    problem = PROBLEMS["diabetes, L1"]
    x, y = (a.astype(np.float32) for a in problem.data())
    taut.utils.set_random_seed(0)
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(10,), **problem.terms)])
    model.compile(Adam(1e-2), "mse")
    model.fit(x, y, batch_size=len(x), epochs=2 * REPEATS, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), trained(problem, Adam(1e-2), 2 * REPEATS), strict=True):
        np.testing.assert_array_equal(a, b)


# --- and what would not end there ----------------------------------------------------------------------------------------


def test_a_euclidean_projection_after_adam_ends_elsewhere() -> None:
    """Keras's way: the same constraint, projected without the optimizer's metric."""
    name = "diabetes, MaxNorm"
    assert gap(name, trained(PROBLEMS[name], Adam(1e-2), 1000, terms="keras")) > 1e-2


def test_l1_by_gradient_finds_no_zero() -> None:
    name = "diabetes, L1"
    w, _ = trained(PROBLEMS[name], Adam(1e-2), 1000, terms="keras")
    assert (w != 0).all()
    assert (optimum(name)[0] == 0).any()


class Forgetful(SGD):
    """SGD that takes its learning rate for its effective step, whatever its momentum."""

    def size(self, state: Any, moment: Any) -> Any:
        return self.learning_rate


def test_a_prox_with_the_plain_learning_rate_ends_elsewhere() -> None:
    """Momentum 0.9 moves weights ten times as far as the learning rate says."""
    name = "diabetes, L1"
    assert gap(name, trained(PROBLEMS[name], Forgetful(0.02, momentum=0.9), 500)) > 1e-2


def test_rmsprop_at_a_constant_rate_circles_a_smooth_optimum() -> None:
    """What keeps it 2e-5 above the ridge optimum is its own rate, not the term: a tenth of it, a hundredth of the gap.

    Without a penalty's kink all gradients vanish at the optimum, and RMSprop divides them by their own size.
    """
    name = "diabetes, L2"
    coarse = gap(name, trained(PROBLEMS[name], RMSprop(1e-3), 3000))
    fine = gap(name, trained(PROBLEMS[name], RMSprop(1e-4), 15_000))
    assert 1e-6 < coarse < 1e-4
    assert fine < coarse / 30
    assert fine < GAP
