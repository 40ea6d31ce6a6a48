"""How the time of a path grows with its strengths, with the rows and with the width, and a picture of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import taut
from benchmarks import works
from benchmarks.measure import RESULTS, Figure, machine, options, say, side, write

STRENGTHS = (8, 16, 32, 64, 128, 256, 512)
ROWS = (1_000, 3_000, 10_000, 30_000)
WIDTHS = (16, 64, 256, 1024)
BASE = {"strengths": 64, "rows": 10_000, "width": 64}


def seconds(strengths: int, rows: int, width: int, epochs: int, rounds: int) -> list[float]:
    """Seconds of an epoch of a path, what is compiled once left out."""
    x, y = works.small(rows=rows, strength=None).data()
    layers = taut.layers
    model = taut.Sequential(
        [
            layers.Dense(width, activation="relu", input_shape=(10,), name="hidden"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])

    def path() -> None:
        vary: dict[str, Any] = {"hidden/kernel": taut.regularizers.L1}
        many = np.geomspace(1e-5, 1e-1, strengths)
        taut.path(model, x, y, vary, many, folds=None, seeds=1, epochs=epochs, seed=0, verbose=0)

    path()
    out = []
    for _ in range(rounds):
        begin = time.perf_counter()
        path()
        out.append((time.perf_counter() - begin) / epochs)
    return out


def main() -> None:
    chosen = options(__doc__, rounds=3)
    before = machine()
    grids: dict[str, tuple[int, ...]] = {"strengths": STRENGTHS, "rows": ROWS, "width": WIDTHS}
    base = dict(BASE)
    if chosen.quick:
        grids, base = (
            {"strengths": (2, 4), "rows": (320, 640), "width": (8, 16)},
            {"strengths": 4, "rows": 320, "width": 8},
        )
    sides, figures, curves = {}, [], {}
    for what, values in grids.items():
        curves[what] = []
        for value in values:
            runs = seconds(**(base | {what: value}), epochs=2, rounds=chosen.rounds)
            say(f"  {what} {value}: {min(runs):.3f} s an epoch")
            sides[f"{what} {value}"] = side(runs, "s an epoch", {})
            curves[what].append((value, float(np.median(runs))))
        first, last = curves[what][0], curves[what][-1]
        slope = np.log(last[1] / first[1]) / np.log(last[0] / first[0])
        text = f"power of {what} by which time grows, {first[0]} to {last[0]}"
        names = f"{what} {last[0]}", f"{what} {first[0]}"
        figures.append(Figure(text, *names).alone(float(slope), f"from medians of {chosen.rounds} rounds"))
    if not chosen.quick:
        draw(curves)
    write(
        "path_growth",
        "Time of an epoch of a path of L1 on Dense 10-64-10, batch 32: by strengths, by rows, by width",
        chosen.quick,
        before,
        base=BASE,
        checks=[],
        sides=sides,
        figures=figures,
    )


def draw(curves: dict[str, list[tuple[int, float]]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(11, 3.6), dpi=100, facecolor="white", layout="constrained")
    for axis, (what, points) in zip(picture.subplots(1, len(curves)), curves.items(), strict=True):
        x, y = np.array(points).T
        axis.loglog(x, y, "o-", color="#3a6ea5", markersize=4)
        axis.loglog(x, y[-1] * x / x[-1], color="#a9b1ba", linewidth=1, linestyle=":", label="in proportion")
        axis.set_xlabel(what)
        axis.set_ylabel("seconds an epoch")
        axis.legend(frameon=False, fontsize=8)
    RESULTS.mkdir(exist_ok=True)
    FigureCanvasAgg(picture).print_png(RESULTS / "path_growth.png")


if __name__ == "__main__":
    main()
