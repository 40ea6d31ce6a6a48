"""Training curves: the mean over seeds and folds, and the range from the lowest to the highest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from taut.report.html import charts
from taut.report.html.escape import escape
from taut.report.html.parts import Chart, Json, Panel, figure, key, number, numbers, table

__all__ = ["curves_panel"]

POINTS = 150  # of one curve
APART = ("data_loss", "penalty")  # drawn with the loss, of which they are parts


def curves_panel(curves: Mapping[str, np.ndarray], start: int = 0) -> Panel | None:
    """One chart a measure, training beside validation; None if there are no epochs.

    Args:
        curves: by name, shape (steps, seeds, folds, epochs); NaN where a run had stopped.
        start: the step shown first.
    """
    curves = {n: np.asarray(c, np.float64) for n, c in curves.items() if np.asarray(c).size}
    bases = [n for n in curves if not n.startswith("val_") and n not in APART]
    if not bases:
        return None
    epochs = max(c.shape[-1] for c in curves.values())
    places = np.unique(np.linspace(0, epochs - 1, min(POINTS, epochs)).round().astype(int))
    notes = [f"The curves show {len(places)} of {epochs} epochs."] if len(places) < epochs else []
    figures = {f"curve-{i}": _chart(base, curves, places, start) for i, base in enumerate(bases)}
    body = "".join(
        figure(place, chart, escape(base)) for (place, chart), base in zip(figures.items(), bases, strict=True)
    )
    steps = next(iter(curves.values())).shape[0]
    names = [n for n in curves if np.isfinite(curves[n]).any()]
    rows: list[list[str | None]] = [[n, None, None, None] for n in names]
    cells = [[cell for n in names for cell in _row(curves[n][step])] for step in range(steps)]
    head = ["measure", "first epoch", "last epoch", "lowest and highest of the runs at the end"]
    body = (
        key(("quiet", "training"), ("accent", "validation"))
        + f'<div class="grid">{body}</div>'
        + table("curves-table", "Training: the first and the last epoch", head, rows, steps=cells, start=start)
    )
    return Panel("curves", "Training curves", body, figures, {"curves-table": cells}, notes)


def _row(curve: np.ndarray) -> list[str]:
    """(seeds, folds, epochs) → the mean at the first epoch and at each run's last, and the range there."""
    runs = curve.reshape(-1, curve.shape[-1])
    ends = np.asarray([run[np.isfinite(run)][-1] for run in runs if np.isfinite(run).any()])
    if not ends.size:
        return ["–", "–", "–"]
    first = runs[:, 0][np.isfinite(runs[:, 0])]
    between = f"{number(ends.min())} – {number(ends.max())}" if len(ends) > 1 else "one run"
    return [number(first.mean() if first.size else None), number(ends.mean()), between]


def _chart(base: str, curves: Mapping[str, np.ndarray], places: np.ndarray, start: int) -> Chart:
    shown = [(base, "@quiet"), (f"val_{base}", "@accent")]
    shown = [(n, colour) for n, colour in shown if n in curves]
    data: list[Json] = []
    moves: list[dict[str, Json]] = [{} for _ in range(next(iter(curves.values())).shape[0])]
    for n, colour in shown:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an epoch that no run reached: a gap
            runs = curves[n][..., places]
            mean, low, high = (f(runs, axis=(1, 2)) for f in (np.nanmean, np.nanmin, np.nanmax))
        x = [int(p) + 1 for p in places]
        if runs.shape[1] * runs.shape[2] > 1:
            band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": x}
            fill = "@accentband" if colour == "@accent" else "@quietband"
            for values, more in ((low, {}), (high, {"fill": "tonexty", "fillcolor": fill})):
                _add(data, moves, {**band, **more}, values, start)
        line = {"color": colour, "width": 2}
        words = "validation" if n.startswith("val_") else "training"
        hover = f"epoch %{{x}}: %{{y:.4g}} ({words})<extra></extra>"
        _add(
            data, moves, {"type": "scatter", "mode": "lines", "line": line, "hovertemplate": hover, "x": x}, mean, start
        )
    layout = charts.layout(xaxis=charts.axis("epoch", nticks=6, rangemode="tozero"), yaxis=charts.axis(nticks=5))
    words = f"{base} of training and validation after each epoch; the table below has the first and the last epoch."
    return Chart(data, layout, words, [{"data": m} for m in moves] if len(moves) > 1 else [], 230)


def _add(data: list[Json], moves: list[dict[str, Json]], trace: Json, values: np.ndarray, start: int) -> None:
    rows = [numbers(row) for row in values]
    for move, row in zip(moves, rows, strict=True):
        move[str(len(data))] = {"y": row}
    data.append({**trace, "y": rows[start]})
