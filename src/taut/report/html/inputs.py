"""What each input contributes: the norm of its weights in the first kernel, at this strength and along the path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taut.report.html import charts
from taut.report.html.escape import label, name
from taut.report.html.parts import Chart, Panel, figure, key, number, numbers, packed, table
from taut.report.html.snapshots import Snapshots

__all__ = ["inputs_panel"]

BARS = 24
LINES = 60
ROWS = 200


def inputs_panel(snap: Snapshots, x: Sequence[float] = (), ticks: dict[str, object] | None = None) -> Panel:
    """A map of the pixels, or one bar for each input, and a table; along a path also one line for each input.

    Args:
        snap: the weights.
        x: where each step is on the axis of strengths.
        ticks: the ticks of that axis.
    """
    first = snap.first
    if first is None or not len(snap.names):
        return Panel(
            "inputs", "Inputs", "<p>No kernel reads the inputs, so their contributions cannot be computed.</p>"
        )
    values, kept = snap.contributions, snap.kept
    # The order stays while the slider moves: by what is shown first, then by the most that an input ever has.
    order = np.lexsort((np.arange(values.shape[1]), -values.max(axis=0), -values[snap.start]))
    notes: list[str] = []
    figures: dict[str, Chart] = {}
    what = "The norm of the weights that leave each input through " + name(first.path)
    what += (
        ", times the input's standard deviation in the data: how much the input changes the first layer's output."
        if snap.spread is not None
        else "; an input measured in larger numbers needs smaller weights, so compare only inputs on the same scale."
    )
    if snap.image is not None:
        figures["inputs-map"] = _map(values, kept, snap.image, snap.start)
    else:
        figures["inputs-bars"] = _bars(snap, values, order[:BARS])
        if len(order) > BARS:
            notes.append(
                f"The bars show {BARS} of {len(order)} inputs: those that contribute most at the strength shown first."
            )
    if snap.steps > 1:
        figures["inputs-lines"] = _lines(snap, values, order, x, ticks or {})
        if len(order) > LINES:
            notes.append(f"The lines show {LINES} of {len(order)} inputs: those that contribute most at any strength.")
    if len(order) > ROWS:
        notes.append(f"The table lists the first {ROWS} of {len(order)} inputs.")
    captions = {
        "inputs-map": "Each input at its place in the image; a stronger colour means a larger contribution",
        "inputs-bars": "Contribution of each input",
        "inputs-lines": "Contribution of each input at every strength",
    }
    places = "".join(figure(place, chart, captions[place]) for place, chart in figures.items())
    cells = [
        [cell for i in order[:ROWS] for cell in (number(v[i]), "yes" if k[i] else "no")]
        for v, k in zip(values, kept, strict=True)
    ]
    head, rows = _rows(snap, order[:ROWS])
    count = [[f"{int(k.sum())} of {k.size} inputs kept."] for k in kept]
    body = (
        f'<p id="inputs-count"><strong><span data-moves>{count[snap.start][0]}</span></strong> {what}</p>'
        + key(("accent", "contribution"), ("zero", "not used: all weights exactly zero"))
        + f'<div class="grid">{places}</div><details><summary>The inputs as a table</summary>'
        + table("inputs-table", "Inputs", head, rows, steps=cells, start=snap.start)
        + "</details>"
    )
    return Panel("inputs", "Inputs", body, figures, {"inputs-table": cells, "inputs-count": count}, notes)


def _rows(snap: Snapshots, order: np.ndarray) -> tuple[list[str], list[list[str | None]]]:
    head = ["input", "contribution", "kept"]
    rows: list[list[str | None]] = [[str(snap.names[i]), None, None] for i in order]
    if snap.steps > 1:
        head.append("kept at")
        for row, i in zip(rows, order, strict=True):
            row.append(f"{int(snap.kept[:, i].sum())} of {snap.steps} strengths")
    return head, rows


def _bars(snap: Snapshots, values: np.ndarray, order: np.ndarray) -> Chart:
    top = float(values[:, order].max()) or 1.0
    names = [snap.names[i] for i in order]
    rows = [numbers(v[order]) for v in values]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(names))),
        "x": rows[snap.start],
        "customdata": [label(n, 60) for n in names],
        "hovertemplate": "%{customdata}: %{x:.4g}<extra></extra>",
        "marker": {"color": "@accent", "line": {"width": 0}},
    }
    # An ignored input has no bar to see: a ring at zero says that it is there, and out.
    rings = [[y for y, i in enumerate(order) if not kept[i]] for kept in snap.kept]
    ring = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": [0.0] * len(rings[snap.start]),
        "y": rings[snap.start],
        "hoverinfo": "skip",
        "marker": {"color": "@zero", "size": 7, "line": {"width": 1, "color": "@quiet"}},
    }
    layout = charts.layout(
        bargap=0.3,
        xaxis=charts.axis(range=[0, top * 1.04], nticks=5),
        yaxis=charts.axis(range=[len(names) - 0.4, -0.6], showgrid=False, **charts.named_ticks(names)),
    )
    steps = [
        {"data": {"0": {"x": row}, "1": {"x": [0.0] * len(r), "y": r}}} for row, r in zip(rows, rings, strict=True)
    ]
    words = f"Bars of the contributions of {len(names)} inputs; the table below has the same numbers."
    return Chart([bars, ring], layout, words, steps if snap.steps > 1 else [], 60 + 20 * len(names))


def _map(values: np.ndarray, kept: np.ndarray, image: tuple[int, int], start: int) -> Chart:
    top = float(values.max())
    height, width = min(image[0], 96), min(image[1], 96)
    used = np.where(kept, np.maximum(values, np.finfo(np.float64).tiny), 0.0)
    packs = [packed(charts.levels(charts.pooled(v.reshape(image), height, width), top)) for v in used]
    rows, columns = charts.pooled(used[0].reshape(image), height, width).shape
    ramp = charts.shade("@middle", "@middle", "@accent", "@zero")
    across = charts.axis(visible=False, range=[-0.5, columns - 0.5], constrain="domain")
    down = charts.axis(visible=False, range=[rows - 0.5, -0.5], scaleanchor="x", constrain="domain")
    layout = charts.layout(xaxis=across, yaxis=down, margin={"l": 1, "r": 1, "t": 1, "b": 1})
    steps = [{"data": {"0": {"z": pack}}} for pack in packs] if len(packs) > 1 else []
    words = f"A map of {image[0]}×{image[1]} inputs by their contribution; the table below has the numbers."
    return Chart([charts.image_trace(z=packs[start], colorscale=ramp)], layout, words, steps, 260, rows / columns)


def _lines(
    snap: Snapshots, values: np.ndarray, order: np.ndarray, x: Sequence[float], ticks: dict[str, object]
) -> Chart:
    drawn = np.argsort(-values.max(axis=0), kind="stable")[:LINES]
    loud = set(order[:6].tolist())
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": numbers(x),
            "y": numbers(values[:, i]),
            "line": {"width": 2 if int(i) in loud else 1, "color": "@accent" if int(i) in loud else "@faint"},
            "customdata": [label(snap.names[i], 60)] * snap.steps,
            "hovertemplate": "%{customdata}: %{y:.4g}<extra></extra>",
        }
        for i in sorted(drawn.tolist(), key=lambda i: i in loud)
    ]
    layout = charts.layout(
        xaxis=charts.axis("strength", **ticks),
        yaxis=charts.axis(rangemode="tozero", nticks=5),
        shapes=[cursor(x[snap.start])],
    )
    steps = [{"layout": {"shapes": [cursor(place)]}} for place in x]
    words = (
        "A line an input: its contribution at every strength. The table below says at how many strengths each is kept."
    )
    return Chart(data, layout, words, steps, 320, jump=True)


def cursor(x: float) -> dict[str, object]:
    """The upright line that says where the slider is."""
    line = {"color": "@ink", "width": 1.5, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line}
