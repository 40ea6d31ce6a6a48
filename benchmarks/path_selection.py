"""Choosing inputs of the digits (64 pixels, 64 hidden units), beside LassoNet's own path.

Both get the same training and test rows. A side's accuracy at k inputs is that of the densest point of its path with at
most k. taut's path is a group lasso by input, its points' supports then trained again side by side without the penalty;
nothing is chosen by the test rows on either side. Times are of whole calls, taut's compilation included.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import taut
from benchmarks.measure import Figure, machine, options, say, side, write

KEPT = (10, 15, 20, 25, 30, 40)
TAUT, LASSONET = "taut.path and its supports again", "LassoNet's path"
EPOCHS, WARM_UP, BATCH, RATE, POINTS = 30, 10, 128, 0.01, 24


def data(seed: int) -> tuple[np.ndarray, ...]:
    x, y = load_digits(return_X_y=True)
    return train_test_split((x / 16).astype(np.float32), y, test_size=0.25, random_state=seed, stratify=y)


def network() -> taut.Sequential:
    # The second layer pays for its weights: otherwise it would grow as the first shrinks, and the penalty would be void.
    layers, decay = taut.layers, taut.regularizers.L2(1e-3)
    model = taut.Sequential(
        [
            layers.Dense(64, activation="relu", input_shape=(64,), name="hidden"),
            layers.Dense(10, activation="softmax", kernel_regularizer=decay),
        ]
    )
    model.compile(taut.optimizers.Adam(RATE), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def densest(inputs: np.ndarray, kept: int) -> int:
    """The point with most inputs among those with at most ``kept``."""
    fits = np.flatnonzero(inputs <= kept)
    return int(fits[np.argmax(inputs[fits])])


def ours(seed: int) -> tuple[float, dict[int, float], dict[int, int]]:
    xa, xt, ya, yt = data(seed)
    begin = time.perf_counter()
    options: dict[str, Any] = {"folds": None, "seeds": 1, "seed": seed, "batch_size": BATCH, "verbose": 0}
    group = {"hidden/kernel": lambda s: taut.regularizers.GroupLasso(s, by="input")}
    strengths = np.geomspace(0.3, 0.01, POINTS)
    path = taut.path(network(), xa, ya, group, strengths, epochs=EPOCHS, warm_up=WARM_UP, **options)
    inputs = path.kept_inputs.sum(axis=1)
    chosen = [densest(inputs, kept) for kept in KEPT]
    # The supports by number, so that they train side by side as well.
    dropped = [~path.kept_inputs[i][:, None] for i in chosen]
    support = {"hidden/kernel": lambda i: taut.constraints.Zeros(np.broadcast_to(dropped[int(i)], (64, 64)))}
    again = taut.path(network(), xa, ya, support, np.arange(len(KEPT)), epochs=EPOCHS, **options)
    seconds = time.perf_counter() - begin
    accuracy = {}
    for i, kept in enumerate(KEPT):
        hidden = np.maximum(xt @ again.weights["hidden/kernel"][i] + again.weights["hidden/bias"][i], 0)
        scores = hidden @ again.weights["dense/kernel"][i] + again.weights["dense/bias"][i]
        accuracy[kept] = float(np.mean(scores.argmax(axis=1) == yt))
    return seconds, accuracy, {kept: int(inputs[i]) for kept, i in zip(KEPT, chosen, strict=True)}


def theirs(seed: int, quick: bool) -> tuple[float, dict[int, float], dict[int, int]]:
    import torch
    from lassonet import LassoNetClassifier

    xa, xt, ya, yt = data(seed)
    torch.manual_seed(seed)
    limits = {"n_iters": (20, 5), "path_multiplier": 1.2} if quick else {}
    net = LassoNetClassifier(hidden_dims=(64,), verbose=0, random_state=seed, **limits)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points = net.path(xa, ya, return_state_dicts=True)
    seconds = time.perf_counter() - begin
    inputs = np.array([int(point.selected.sum()) for point in points])
    accuracy, kept_inputs = {}, {}
    for kept in KEPT:
        i = densest(inputs, kept)
        net.load(points[i].state_dict)
        accuracy[kept], kept_inputs[kept] = float(net.score(xt, yt)), int(inputs[i])
    return seconds, accuracy, kept_inputs


def main() -> None:
    chosen = options(__doc__, rounds=5)
    before = machine()
    seeds = range(chosen.rounds)
    runs: dict[str, list[float]] = {TAUT: [], LASSONET: []}
    scores: dict[str, list[dict[int, float]]] = {TAUT: [], LASSONET: []}
    for seed in seeds:
        turns = [(TAUT, lambda seed=seed: ours(seed)), (LASSONET, lambda seed=seed: theirs(seed, chosen.quick))]
        for name, run in turns if seed % 2 == 0 else turns[::-1]:
            seconds, accuracy, kept = run()
            say(f"  seed {seed}  {name}: {seconds:.1f} s, {accuracy}, inputs {list(kept.values())}")
            runs[name].append(seconds)
            scores[name].append(accuracy)
    # All seeds together, so that what is compiled once is paid once.
    total = Figure("LassoNet's time over taut's, all seeds", LASSONET, TAUT, ">=", 5)
    figures = [total.alone(sum(runs[LASSONET]) / sum(runs[TAUT]), f"ratio of sums over {chosen.rounds} seeds")]
    sides = {name: side(times, "s a seed", {"first": round(times[0], 2)}) for name, times in runs.items()}
    for kept in KEPT:
        at = {f"{name}, {kept} inputs": [one[kept] for one in each] for name, each in scores.items()}
        sides |= {name: side(values, "accuracy", {}) for name, values in at.items()}
        apart = [a - b for a, b in zip(*at.values(), strict=True)]
        figure = Figure(f"accuracy at {kept} inputs, taut's less LassoNet's", *at, ">=", 0.0)
        figures.append(figure.mean(apart, "seeds"))
    write(
        "path_selection",
        "Digits, 64 inputs, 64 hidden units: accuracy on test rows by inputs kept, mean of 5 seeds, and time",
        chosen.quick,
        before,
        checks=[],
        sides=sides,
        figures=figures,
    )


if __name__ == "__main__":
    main()
