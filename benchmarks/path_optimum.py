"""Full-batch paths of one layer beside scikit-learn and skglm: the same objective, the same support, and the time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import taut
from benchmarks.measure import Figure, check, machine, options, side, take_turns, write

WITHIN = 1e-5
RIDGE = 0.1  # of the elastic net: L2 per L1


def scaled(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / x.std(axis=0)


@dataclass(frozen=True)
class Problem:
    """One kind of path: data, loss, and the peer's solution of one point as (kernel, bias)."""

    name: str
    peer: str
    x: np.ndarray
    y: np.ndarray
    loss: str
    activation: str | None
    outputs: int
    term: Callable[[float], Any]
    ridge: float
    solve: Callable[[float], tuple[np.ndarray, np.ndarray]]

    def objective(self, w: np.ndarray, b: np.ndarray, strength: float) -> float:
        z = self.x @ w + b
        if self.loss == "mse":
            loss = np.mean((z[:, 0] - self.y) ** 2)
        elif self.loss == "binary_crossentropy":
            loss = np.mean(np.logaddexp(0, -(2 * self.y - 1) * z[:, 0]))
        else:
            loss = np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), self.y])
        return float(loss + strength * np.abs(w).sum() + self.ridge * strength * np.square(w).sum())

    def path(self, strengths: Any) -> Any:
        model = taut.Sequential(
            [taut.layers.Dense(self.outputs, activation=self.activation, input_shape=self.x.shape[1:])]
        )
        model.compile(taut.optimizers.SGD(0.01), self.loss)
        return taut.path(
            model,
            self.x,
            self.y,
            {"kernel": self.term},
            strengths,
            folds=None,
            seeds=1,
            epochs=1,
            batch_size="full",
            seed=0,
            verbose=0,
        )


def problems() -> list[Problem]:
    from skglm import ElasticNet, Lasso, SparseLogisticRegression
    from sklearn.linear_model import LogisticRegression

    terms = taut.regularizers
    x, y = load_diabetes(return_X_y=True)
    diabetes = scaled(x), scaled(y)
    x, y = load_breast_cancer(return_X_y=True)
    cancer = scaled(x), y
    x, y = load_wine(return_X_y=True)
    wine = scaled(x), y

    def lasso(s: float) -> tuple[np.ndarray, np.ndarray]:
        fit = Lasso(alpha=s / 2, tol=1e-10, max_iter=1000).fit(*diabetes)
        return fit.coef_[:, None], np.array([fit.intercept_])

    def elastic(s: float) -> tuple[np.ndarray, np.ndarray]:
        # ½·mse + α·ρ·l1 + ½·α·(1 − ρ)·l2, twice.
        alpha = s / 2 + RIDGE * s
        fit = ElasticNet(alpha=alpha, l1_ratio=s / 2 / alpha, tol=1e-10, max_iter=1000).fit(*diabetes)
        return fit.coef_[:, None], np.array([fit.intercept_])

    def logistic(s: float) -> tuple[np.ndarray, np.ndarray]:
        fit = SparseLogisticRegression(alpha=s, tol=1e-10, max_iter=1000).fit(*cancer)
        return fit.coef_.reshape(-1, 1), np.atleast_1d(np.squeeze(fit.intercept_))

    def multinomial(s: float) -> tuple[np.ndarray, np.ndarray]:
        c = 1 / (s * len(wine[1]))
        fit = LogisticRegression(l1_ratio=1.0, C=c, solver="saga", tol=1e-8, max_iter=50_000, random_state=0).fit(*wine)
        return fit.coef_.T, fit.intercept_

    both = lambda s: terms.L1L2(s, RIDGE * s)  # noqa: E731
    sparse = "sparse_categorical_crossentropy"
    return [
        Problem("lasso, diabetes", "skglm", *diabetes, "mse", None, 1, terms.L1, 0.0, lasso),
        Problem("elastic net, diabetes", "skglm", *diabetes, "mse", None, 1, both, RIDGE, elastic),
        Problem(
            "logistic, breast cancer", "skglm", *cancer, "binary_crossentropy", "sigmoid", 1, terms.L1, 0.0, logistic
        ),
        Problem("multinomial, wine", "scikit-learn", *wine, sparse, "softmax", 3, terms.L1, 0.0, multinomial),
    ]


def main() -> None:
    chosen = options(__doc__, rounds=5)
    warnings.filterwarnings("ignore", module=r"sklearn|skglm")
    before = machine()
    checks, figures, sides = [], [], {}
    count = 6 if chosen.quick else 64
    for problem in problems():
        path = problem.path(count)
        strengths = path.strengths[:, 0]
        apart, same = [], 0
        for i, s in enumerate(strengths):
            w, b = path.weights["dense/kernel"][i].astype(float), path.weights["dense/bias"][i].astype(float)
            peer = problem.solve(float(s))
            apart.append(problem.objective(w, b, s) / problem.objective(*peer, s) - 1)
            same += bool(np.array_equal(w != 0, peer[0] != 0))
        name = problem.name
        checks.append(
            check(max(apart) <= WITHIN, f"{name}: objective above {problem.peer}'s by {max(apart):.1e} at most")
        )
        checks.append(
            f"{name}: the same support at {same} of {count} strengths; below the peer by {-min(apart):.1e} at most"
        )

        def timed(run: Callable[[], Any]) -> Callable[[], float]:
            def once() -> float:
                begin = time.perf_counter()
                run()
                return time.perf_counter() - begin

            return once

        ours, theirs = f"taut.path, {name}", f"{problem.peer}, {name}"
        runs = take_turns(
            {
                ours: timed(lambda p=problem, s=strengths: p.path(s)),
                theirs: timed(lambda p=problem, s=strengths: [p.solve(float(one)) for one in s]),
            },
            chosen.rounds,
        )
        sides |= {key: side(values, "s", {}) for key, values in runs.items()}
        figures.append(
            Figure(f"largest relative excess of the objective, {name}", ours, theirs, "<=", WITHIN).alone(
                max(apart), f"largest of {count} strengths"
            )
        )
        figures.append(
            Figure(f"share of strengths with the same support, {name}", ours, theirs, ">=", 1.0).alone(
                same / count, f"share of {count} strengths"
            )
        )
        figures.append(Figure(f"taut's time over {problem.peer}'s, {name}", ours, theirs).record(runs))
    write(
        "path_optimum",
        "One-layer paths of 64 strengths, full batch: objective, support and time beside skglm and scikit-learn",
        chosen.quick,
        before,
        checks=checks,
        sides=sides,
        figures=figures,
    )


if __name__ == "__main__":
    main()
