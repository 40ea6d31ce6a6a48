"""Finding planted inputs: F1 of the support that each side chooses, on classes made by scikit-learn.

taut chooses by five folds and the one-standard-error rule, L1 logistic regression by its own cross-validation, LassoNet
by three folds (its cross-validated class; five take minutes a table). None is told how many inputs there are. A second side
of taut's keeps of the chosen strength's inputs those that every fold's net keeps as well (``path.stability()``).
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.datasets import make_classification

import taut
from benchmarks.measure import Figure, machine, options, say, side, write

INPUTS, PLANTED, ROWS = 50, 8, 800
TAUT, STABLE, LOGISTIC, LASSONET = "taut.path", "taut.path, kept in every fold", "L1 logistic regression", "LassoNet"


def data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, classes, and which inputs matter: the first, as ``shuffle=False`` leaves them."""
    x, y = make_classification(
        ROWS,
        INPUTS,
        n_informative=PLANTED,
        n_redundant=0,
        n_classes=3,
        n_clusters_per_class=2,
        class_sep=1.5,
        shuffle=False,
        random_state=seed,
    )
    order = np.random.default_rng(seed).permutation(ROWS)
    return x[order].astype(np.float32), y[order], np.arange(INPUTS) < PLANTED


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def by_taut(x: np.ndarray, y: np.ndarray, seed: int, epochs: int, stable: bool) -> np.ndarray:
    layers, decay = taut.layers, taut.regularizers.L2(1e-3)
    model = taut.Sequential(
        [
            layers.Dense(32, activation="relu", input_shape=(INPUTS,), name="hidden"),
            layers.Dense(3, activation="softmax", kernel_regularizer=decay),
        ]
    )
    model.compile(taut.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    path = taut.path(
        model,
        x,
        y,
        {"hidden/kernel": lambda s: taut.regularizers.GroupLasso(s, by="input")},
        np.geomspace(0.3, 0.003, 24),
        folds=5,
        seeds=1,
        epochs=epochs,
        warm_up=max(1, epochs // 3),
        batch_size=64,
        metric="data_loss",
        seed=seed,
        verbose=0,
    )
    chosen = path.best(rule="one_se", by="inputs").index
    return path.kept_inputs[chosen] & (path.stability().inputs[chosen] == 1) if stable else path.kept_inputs[chosen]


def by_logistic(x: np.ndarray, y: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    from sklearn.linear_model import LogisticRegressionCV

    search = LogisticRegressionCV(
        Cs=4 if quick else 10,
        cv=5,
        l1_ratios=(1.0,),
        solver="saga",
        scoring="neg_log_loss",
        max_iter=300,
        random_state=seed,
    )
    return (search.fit(x, y).coef_ != 0).any(axis=0)


def by_lassonet(x: np.ndarray, y: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    import torch
    from lassonet import LassoNetClassifierCV

    torch.manual_seed(seed)
    more = {"n_iters": (50, 10), "path_multiplier": 1.3, "cv": 2} if quick else {"cv": 3}
    search = LassoNetClassifierCV(hidden_dims=(32,), random_state=seed, **more)
    search.fit(x, y)
    return np.asarray(search.best_selected_)


def main() -> None:
    chosen = options(__doc__, rounds=5)
    warnings.filterwarnings("ignore", module=r"sklearn|lassonet|torch")
    before = machine()
    scores: dict[str, list[float]] = {name: [] for name in (TAUT, STABLE, LOGISTIC, LASSONET)}
    times: dict[str, list[float]] = {name: [] for name in scores}
    for seed in range(chosen.rounds):
        x, y, truth = data(seed)
        sides = {
            TAUT: lambda x=x, y=y, s=seed: by_taut(x, y, s, 3 if chosen.quick else 30, False),
            STABLE: lambda x=x, y=y, s=seed: by_taut(x, y, s, 3 if chosen.quick else 30, True),
            LOGISTIC: lambda x=x, y=y, s=seed: by_logistic(x, y, s, chosen.quick),
            LASSONET: lambda x=x, y=y, s=seed: by_lassonet(x, y, s, chosen.quick),
        }
        for name, find in sides.items():
            begin = time.perf_counter()
            found = find()
            times[name].append(time.perf_counter() - begin)
            scores[name].append(f1(found, truth))
            say(f"  seed {seed}  {name}: F1 {scores[name][-1]:.2f}, {int(found.sum())} inputs, {times[name][-1]:.1f} s")
    write(
        "path_recovery",
        f"{PLANTED} inputs of {INPUTS} planted in {ROWS} rows of three classes: F1 of the chosen support, "
        f"mean of {chosen.rounds} tables",
        chosen.quick,
        before,
        checks=[],
        sides={
            name: side(values, "F1", {"seconds": round(float(np.median(times[name])), 1)})
            for name, values in scores.items()
        },
        figures=[
            Figure(f"F1 of {own} less {name}'s", own, name).mean(
                [a - b for a, b in zip(scores[own], scores[name], strict=True)], "tables"
            )
            for own in (TAUT, STABLE)
            for name in (LOGISTIC, LASSONET)
        ],
    )


if __name__ == "__main__":
    main()
