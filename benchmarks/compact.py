"""Dense 784-1024-1024-10 with 80 % of its hidden units dead: rows a second of `predict`, before and after `taut.compact`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import taut
from benchmarks.measure import Figure, check, machine, options, side, take_turns, write

LARGE, SMALL, DROPPED = "predict", "predict of the compact model", "predict of the kept inputs alone"
FIGURES = (
    Figure("before over after `taut.compact`", LARGE, SMALL, ">=", 3),
    Figure("before over after, given the kept inputs alone", LARGE, DROPPED),
)


def dead(width: int, inputs: int, share: float, seed: int = 0) -> Any:
    """A network of which ``share`` of the hidden units and half as large a share of the inputs have no effect.

    Of the dead units one half has no incoming weight, a constant other than zero therefore, and the other half no
    outgoing one.
    """
    taut.utils.set_random_seed(seed)
    layers = [taut.layers.Dense(width, "relu", input_shape=(inputs,)), taut.layers.Dense(width, "relu")]
    model = taut.Sequential([*layers, taut.layers.Dense(10, "softmax")])
    rng = np.random.default_rng(seed)
    weights = model.get_weights()
    weights[0][rng.permutation(inputs)[: int(share * inputs / 2)]] = 0
    for layer in (0, 2):
        gone = rng.permutation(width)[: int(share * width)]
        weights[layer][:, gone[::2]] = 0
        weights[layer + 1][gone[::2]] = 0.01
        weights[layer + 2][gone[1::2]] = 0
    model.set_weights(weights)
    return model


def per_second(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        predict(x)  # gives numpy: it is ready
        return time.perf_counter() - began

    return run


def main() -> None:
    chosen = options(__doc__, rounds=15)
    before = machine()
    width, rows = (256, 2_000) if chosen.quick else (1_024, 20_000)
    model = dead(width, 784, 0.8)
    small, alone = taut.compact(model), taut.compact(model, inputs="drop")
    x = np.random.default_rng(1).standard_normal((rows, 784)).astype(np.float32)
    kept = np.ascontiguousarray(x[:, alone.metadata["inputs"]])
    expected = model.predict(x)
    off = max(float(np.abs(found - expected).max()) for found in (small.predict(x), alone.predict(kept)))
    units = [c.after for c in small.compaction.changes]
    facts = [
        check(off <= 1e-6, f"outputs of the compact model are within {off:.1e} of the large one's (held to 1e-6)"),
        check(
            units[:2] == [width - int(0.8 * width)] * 2, f"of {width} units in each hidden layer {units[0]} are left"
        ),
    ]
    sides = {
        LARGE: per_second(model.predict, x),
        SMALL: per_second(small.predict, x),
        DROPPED: per_second(alone.predict, kept),
    }
    runs = take_turns(sides, chosen.rounds)
    count = {LARGE: model, SMALL: small, DROPPED: alone}
    about = {name: {"parameters": f"{m.count_params():,}", "rows": rows} for name, m in count.items()}
    write(
        "compact",
        f"Dense 784-{width}-{width}-10, 80 % of the hidden units dead: `predict` of {rows:,} rows",
        chosen.quick,
        before,
        checks=facts,
        sides={name: side(runs[name], "s", about[name]) for name in sides},
        figures=[figure.record(runs) for figure in FIGURES],
    )


if __name__ == "__main__":
    main()
