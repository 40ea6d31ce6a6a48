"""64 strengths of L1: ``taut.path`` in one program, 64 fits of taut in a row, and 64 fits of Keras on JAX.

Keras compiles each model anew, as its users' loops do; a few of its fits are timed, from a fresh model each, and counted
64 times over their number.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import asdict, replace

import numpy as np

from benchmarks import works
from benchmarks.line import Peer
from benchmarks.measure import KERAS_PYTHON, Figure, check, machine, options, say, side, take_turns, write

PATH, FIRST, FITS, KERAS = "taut.path", "taut.path, compilation included", "64 fits of taut", "64 fits of Keras-JAX"
KERAS_FITS = 3

FIGURES = (
    Figure("Keras-JAX's fits over taut.path", KERAS, PATH, ">=", 30),
    Figure("taut's own fits over taut.path", FITS, PATH, ">=", 2.5),
)
COMPILED = Figure("Keras-JAX's fits, at their median, over taut.path's first run, which compiles", KERAS, FIRST)


def main() -> None:
    chosen = options(__doc__, rounds=5)
    work = works.small(rows=650 if chosen.quick else 10_000)
    count = 4 if chosen.quick else 64
    strengths = np.geomspace(1e-5, 1e-1, count).tolist()
    before = machine()
    with ExitStack() as stack:
        two = stack.enter_context(Peer(PATH, "taut_path", JAX_NUM_CPU_DEVICES="2"))
        one = stack.enter_context(Peer(FITS, "taut_path", JAX_NUM_CPU_DEVICES="1"))
        keras = stack.enter_context(Peer(KERAS, "keras_fit", KERAS_PYTHON))
        about = {
            PATH: two.call("prepare", work=asdict(work), strengths=strengths),
            FITS: one.call("prepare", work=asdict(work), strengths=strengths),
        }
        say("  checking")
        first = two.call("path")
        apart = two.call("apart")
        checks = [
            # All weights in the relative L2 norm. Adam's first step divides a gradient by its own size: where one is
            # near ε, the last bit of a sum decides, so the worst of the nets is held to ten times less.
            check(apart["typical"] <= 1e-6, f"weights within {apart['typical']:.1e} of its own fit, one step (median)"),
            check(apart["weights"] <= 1e-5, f"weights within {apart['weights']:.1e} of its own fit, one step (worst)"),
            check(apart["score"] <= 0.002, f"accuracy within {apart['score']:.4f} after {work.epochs} epochs"),
            check(apart["kept"] <= 0.01, f"kept entries within {apart['kept']:.2%} of the kernel"),
            check(chosen.quick or max(first["accuracy"]) >= work.accuracy, f"accuracy {max(first['accuracy']):.3f}"),
        ]

        def keras_fits() -> float:
            seconds = 0.0
            for strength in strengths[:: max(1, count // KERAS_FITS)][:KERAS_FITS]:
                about[KERAS] = keras.call("prepare", work=asdict(replace(work, strength=strength)))
                seconds += keras.call("fit")["seconds"]
            return seconds * count / min(KERAS_FITS, count)

        one.call("fits")  # compiles
        runs = take_turns(
            {
                PATH: lambda: two.call("path")["seconds"],
                FITS: lambda: one.call("fits")["seconds"],
                KERAS: keras_fits,
            },
            chosen.rounds,
        )
    runs[FIRST] = [first["seconds"]]  # a process compiles once
    about[FIRST] = about[PATH]
    write(
        "path_speed",
        "64 strengths of L1, Dense 10-64-10, 10,000 rows, batch 32, 10 epochs: one path, or 64 fits",
        chosen.quick,
        before,
        work=asdict(replace(work, strength=None)),
        strengths=strengths,
        checks=checks,
        sides={name: side(runs[name], "s", about[name]) for name in runs},
        figures=[
            *(figure.record(runs) for figure in FIGURES),
            COMPILED.alone(statistics.median(runs[KERAS]) / first["seconds"], "one first run"),
        ],
    )


if __name__ == "__main__":
    main()
