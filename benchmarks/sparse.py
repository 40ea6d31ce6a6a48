"""Dense 784-2048-2048-10 with unstructured zeros: `predict` of the model over that of ``to_sparse()``, by density.

Every kernel is forced to be sparse here, so the record shows from which density on that is faster: the reason for
``taut.model.sparse.DENSITY``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import taut
from benchmarks.measure import Figure, check, machine, options, side, take_turns, write
from taut.model.sparse import DENSITY, SparseModel

DENSITIES = (0.005, 0.01, 0.02, DENSITY, 0.05, 0.1)


def thinned(width: int, density: float) -> Any:
    """A network whose hidden kernels have ``density`` of their entries left, spread evenly."""
    taut.utils.set_random_seed(0)
    layers = [taut.layers.Dense(width, "relu", input_shape=(784,)), taut.layers.Dense(width, "relu")]
    model = taut.Sequential([*layers, taut.layers.Dense(10, "softmax")])
    rng = np.random.default_rng(0)
    weights = model.get_weights()
    for i in (0, 2):
        weights[i] *= rng.random(weights[i].shape) < density
    model.set_weights(weights)
    return model


def seconds(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        predict(x)
        return time.perf_counter() - began

    return run


def main() -> None:
    chosen = options(__doc__, rounds=11)
    before = machine()
    width, rows = (256, 1_000) if chosen.quick else (2_048, 8_192)
    x = np.random.default_rng(1).standard_normal((rows, 784)).astype(np.float32)
    sides: dict[str, Callable[[], float]] = {}
    figures: list[Figure] = []
    facts: list[str] = []
    for density in DENSITIES:
        model = thinned(width, density)
        sparse = SparseModel(model, density=1.0, fewest=1 << 14)
        off = float(np.abs(sparse.predict(x) - model.predict(x)).max())
        facts.append(check(off <= 1e-6, f"density {density:.1%}: outputs within {off:.1e} (held to 1e-6)"))
        dense_name, sparse_name = f"predict, {density:.1%} of the weights", f"to_sparse, {density:.1%}"
        sides |= {dense_name: seconds(model.predict, x), sparse_name: seconds(sparse.predict, x)}
        used = density <= DENSITY
        text = f"`predict` over `to_sparse`, {density:.1%} of the weights"
        figures.append(Figure(text, dense_name, sparse_name, ">=" if used else None, 1 if used else None))
    runs = take_turns(sides, chosen.rounds)
    write(
        "sparse",
        f"Dense 784-{width}-{width}-10, zeros spread evenly: `predict` of {rows:,} rows, kernels sparse or not",
        chosen.quick,
        before,
        checks=facts,
        sides={name: side(runs[name], "s", {"rows": rows}) for name in sides},
        figures=[figure.record(runs) for figure in figures],
    )


if __name__ == "__main__":
    main()
