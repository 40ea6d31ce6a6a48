"""The weights: one row for each parameter, a histogram for each kernel, and the kernels as images."""

from __future__ import annotations

import math

import numpy as np

from taut.functional._axes import resolve
from taut.report.html import charts
from taut.report.html.escape import name
from taut.report.html.parts import Chart, Panel, figure, key, number, packed, share, table
from taut.report.html.snapshots import Snapshots
from taut.report.numbers import weight_row

__all__ = ["images_panel", "weights_panel"]

DRAWN = 6  # parameters with a picture of their own
BINS = 61
CELLS = 3_000_000  # of all images of a page at all steps: 4 MB of text
UNITS = 24  # images of one kernel
SIDE = 224  # cells along one side of a matrix: more than a page has room for


def weights_panel(snap: Snapshots) -> Panel:
    """Zeros, ranges and idle units of each parameter, and histograms of the weights."""
    head = [
        "parameter",
        "shape",
        "weights",
        "exact zeros",
        "",
        "smallest",
        "largest",
        "largest unit norm",
        "idle units",
    ]
    rows: list[list[str | None]] = []
    cells: list[list[str]] = [[] for _ in range(snap.steps)]
    for entry in snap.entries:
        rows.append([entry.path, "×".join(map(str, entry.shape)) or "1", f"{math.prod(entry.shape):,}", *[None] * 6])
        for step in range(snap.steps):
            row = weight_row(entry.path, snap.weights[entry.path][step], entry.fan_in)
            cells[step] += [
                f"{row.zeros:,}",
                share(row.zeros, row.size),
                number(row.smallest),
                number(row.largest),
                number(row.largest_norm),
                f"{row.idle_units} of {row.units}",
            ]
    body = table("weights-table", "Parameters", head, rows, steps=cells, start=snap.start)
    drawn = (snap.kernels or [e for e in snap.entries if math.prod(e.shape)])[:DRAWN]
    figures = {f"histogram-{i}": _histogram(snap, entry.path) for i, entry in enumerate(drawn)}
    places = "".join(
        figure(place, chart, f"{name(entry.path)}, all weights counted")
        for (place, chart), entry in zip(figures.items(), drawn, strict=True)
    )
    legend = key(("accent", "weights that are not zero"), ("zero", "exactly zero"))
    notes = _left_out("histograms", len(snap.kernels))
    html = f'{body}{legend}<div class="grid">{places}</div>'
    return Panel("weights", "Weights", html, figures, {"weights-table": cells}, notes)


def _left_out(what: str, kernels: int) -> list[str]:
    return (
        [f"Of {kernels} kernels the first {DRAWN} have {what}; the table has all of them."] if kernels > DRAWN else []
    )


def _histogram(snap: Snapshots, path: str) -> Chart:
    w = snap.weights[path]
    values = np.abs(w[w != 0])
    # Fixed while the slider moves, so that weights are seen to shrink and not the axis to grow.
    span = float(np.quantile(values, 0.9995)) if values.size else 1.0
    found = [charts.counts(part, span, BINS) for part in w]
    most = max(max([*bars, zeros]) for bars, zeros in found)
    width = 2 * span / BINS
    places = [float(f"{-span + (i + 0.5) * width:.6g}") for i in range(BINS)]
    bars, zeros = found[snap.start]
    data = [
        {
            "type": "bar",
            "x": places,
            "y": bars,
            "marker": {"color": "@accent", "line": {"width": 0}},
            "name": "not zero",
        },
        {
            "type": "bar",
            "x": [0.0],
            "y": [zeros],
            "width": [width],
            "marker": {"color": "@zero", "line": {"width": 1, "color": "@quiet"}},
            "name": "exactly zero",
        },
    ]
    for trace in data:
        trace["hovertemplate"] = "%{y} weights near %{x:.3g}<extra></extra>"
    top = max(1.0, math.log10(max(most, 1)) + 0.15)
    layout = charts.layout(
        barmode="overlay",
        bargap=0.06,
        xaxis=charts.axis("weight", range=[-span * 1.02, span * 1.02], nticks=5),
        yaxis=charts.axis(type="log", range=[math.log10(0.7), top], dtick=1, tickformat=",d"),
    )
    steps = [{"data": {"0": {"y": bars}, "1": {"y": [zeros]}}} for bars, zeros in found] if snap.steps > 1 else []
    return Chart(
        data,
        layout,
        f"Histogram of the weights of {path}; the table lists the number of zeros and the range.",
        steps,
        220,
    )


def images_panel(snap: Snapshots) -> Panel:
    """The kernels of the largest units as images where the inputs are pixels, else each kernel as one image."""
    drawn = snap.kernels[:DRAWN]
    notes = _left_out("images", len(snap.kernels))
    figures: dict[str, Chart] = {}
    body = ""
    for i, entry in enumerate(drawn):
        w = snap.weights[entry.path]
        values = np.abs(w[w != 0])
        top = float(np.quantile(values, 0.995)) if values.size else 1.0
        budget = charts.divided(snap.steps, len(drawn), CELLS)
        pixels = snap.image if entry is snap.first and len(entry.shape) == 2 else None
        if pixels is not None:
            chart, words = _units(w, pixels, top, budget, notes, entry.path, snap.start)
        else:
            names = snap.names if entry is snap.first and len(entry.shape) == 2 else ()
            matrices = _matrices(w, entry.fan_in)
            chart, words = _matrix(matrices, names, top, budget, notes, entry.path, snap.start)
        figures[f"image-{i}"] = chart
        scale = f'<span class="scale"><b>−{number(top, 2)}</b><i class="ramp"></i><b>{number(top, 2)}</b></span>'
        body += figure(f"image-{i}", chart, f"{name(entry.path)}: {words} {scale}")
    legend = key(("low", "negative"), ("high", "positive"), ("zero", "exactly zero"))
    return Panel(
        "images",
        "Kernels as images",
        legend + body if body else "<p>This model has no kernel that could be drawn.</p>",
        figures,
        {},
        notes,
    )


def _matrices(w: np.ndarray, fan_in: tuple[int, ...] | None) -> np.ndarray:
    """(steps, *shape) → (steps, inputs, units): the axes of the fan-in first."""
    ndim = w.ndim - 1
    axes = resolve(None, fan_in, w.shape[1:])
    rest = tuple(a for a in range(ndim) if a not in axes)
    rows = math.prod(w.shape[1 + a] for a in axes)
    return np.transpose(w, (0, *(1 + a for a in axes), *(1 + a for a in rest))).reshape(w.shape[0], rows, -1)


def _units(
    w: np.ndarray, pixels: tuple[int, int], top: float, budget: int, notes: list[str], path: str, start: int
) -> tuple[Chart, str]:
    """A sheet of images, one a unit: those of the largest norm at any step, in one order at all of them."""
    units = w.shape[2]
    norms = np.max([np.sum(np.square(kernel, dtype=np.float64), axis=0) for kernel in w], axis=0)
    order = np.argsort(-norms, kind="stable")
    height, width = min(pixels[0], 64), min(pixels[1], 64)
    shown = max(1, min(units, UNITS, budget // (height * width)))
    columns = min(shown, 8)
    sheets: list[np.ndarray] = []
    for kernel in w:
        images = [charts.pooled(kernel[:, unit].reshape(pixels), height, width) for unit in order[:shown]]
        sheets.append(charts.tiled(charts.levels(np.stack(images), top), columns))
    if shown < units:
        notes.append(f"{path}: images of {shown} of {units} units, those of the largest norm at any strength.")
    if (height, width) != pixels:
        notes.append(
            f"{path}: images of {pixels[0]}×{pixels[1]} are drawn as {height}×{width}, the largest of each block."
        )
    words = f"{shown} of {units} units, {pixels[0]}×{pixels[1]} inputs each."
    return _heatmap(sheets, start, f"Kernels of {shown} units of {path} as images.", square=True), words


def _matrix(
    w: np.ndarray, names: object, top: float, budget: int, notes: list[str], path: str, start: int
) -> tuple[Chart, str]:
    """Inputs from top to bottom, units from left to right."""
    _, inputs, units = w.shape
    ratio = math.sqrt(budget / max(1, inputs * units))
    rows = min(inputs, SIDE, max(8, int(inputs * ratio)))
    columns = min(units, SIDE, max(8, min(int(units * ratio), budget // rows)))
    sheets = [charts.levels(charts.pooled(kernel, rows, columns), top) for kernel in w]
    if sheets[0].shape != (inputs, units):
        notes.append(
            f"{path}: {inputs}×{units} weights are drawn as {sheets[0].shape[0]}×{sheets[0].shape[1]} cells, the largest "
            "of each block; a cell is a zero only if all of its weights are."
        )
    chart = _heatmap(sheets, start, f"The kernel {path} as an image, inputs by units.", square=False)
    ticks = list(names) if isinstance(names, list | tuple) and 0 < len(names) <= 40 else []
    if ticks and sheets[0].shape[0] == len(ticks):
        chart.layout["yaxis"].update(visible=True, showgrid=False, **charts.named_ticks(ticks))
    height = int(np.clip(16 * len(ticks) if ticks else 3 * rows, 120, 560))
    words = "inputs from top to bottom, units from left to right."
    return Chart(chart.data, chart.layout, chart.label, chart.steps, height), words


def _heatmap(sheets: list[np.ndarray], start: int, words: str, *, square: bool) -> Chart:
    height, width = sheets[0].shape
    across = charts.axis(visible=False, range=[-0.5, width - 0.5])
    down = charts.axis(visible=False, range=[height - 0.5, -0.5])
    if square:
        down |= {"scaleanchor": "x", "constrain": "domain"}
        across |= {"constrain": "domain"}
    layout = charts.layout(xaxis=across, yaxis=down, margin={"l": 1, "r": 1, "t": 1, "b": 1})
    packs = [packed(sheet) for sheet in sheets]
    steps = [{"data": {"0": {"z": pack}}} for pack in packs] if len(packs) > 1 else []
    data = [charts.image_trace(z=packs[start])]
    return Chart(data, layout, words, steps, 260, height / width if square else None)
