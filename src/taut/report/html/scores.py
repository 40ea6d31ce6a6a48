"""Which strength: scores at every one of them, against strength and against sparsity, and the table of the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from taut.report.html import charts
from taut.report.html.escape import name
from taut.report.html.inputs import cursor
from taut.report.html.parts import Chart, Json, Panel, figure, key, number, numbers, table

__all__ = ["Scores", "scores_panel", "strength_axis"]

SIGNS = ("diamond", "square")  # of the marks, in plotly and in page.css


@dataclass(frozen=True)
class Scores:
    """The scores of a path, one value a step each.

    Attributes:
        metric: the name of the score.
        training: on the rows that were trained on.
        held: on the rows that were not, NaN throughout if there were none.
        error: the standard error of ``held``, NaN where there is none.
        sparsity: inputs kept, or the share of zeros; None if it is the same at every step.
        sparsity_name: which of them.
        marks: (words, step) of the points that stand out.
    """

    metric: str
    training: np.ndarray
    held: np.ndarray
    error: np.ndarray
    sparsity: np.ndarray | None
    sparsity_name: str
    marks: Sequence[tuple[str, int]]


def strength_axis(strengths: np.ndarray) -> tuple[list[float], Json]:
    """Where each point is on an axis of strengths, and the axis's ticks.

    One strength above zero has a logarithmic axis. Several, or a zero, are put one beside the other.

    Args:
        strengths: (steps, varied terms).

    >>> strength_axis(np.asarray([[0.1], [1.0]]))[0]
    [-1.0, 0.0]
    >>> strength_axis(np.asarray([[0.0], [1.0]]))[0]
    [0.0, 1.0]
    """
    one = strengths.shape[1] == 1
    if one and (strengths > 0).all():
        x = np.log10(strengths[:, 0])
        low, high = float(x.min()), float(x.max())
        decades = np.arange(np.ceil(low), np.floor(high) + 1)
        if len(decades) >= 3:
            decades = decades[:: -(-len(decades) // 7)]
            return numbers_of(x), _ticks(decades, [f"{10.0**d:.4g}" for d in decades])
    else:
        x = np.arange(len(strengths), dtype=np.float64)
    shown = np.unique(np.linspace(0, len(x) - 1, min(5, len(x))).round().astype(int))
    texts = [" · ".join(f"{s:.2g}" for s in strengths[i]) for i in shown]
    return numbers_of(x), _ticks(x[shown], texts)


def numbers_of(x: np.ndarray) -> list[float]:
    return [float(f"{v:.8g}") for v in x]


def _ticks(places: np.ndarray, texts: Sequence[str]) -> Json:
    return {"tickmode": "array", "tickvals": numbers_of(places), "ticktext": list(texts)}


def scores_panel(
    scores: Scores,
    columns: Mapping[str, np.ndarray],
    x: Sequence[float],
    ticks: Json,
    start: int,
    axis_name: str,
    grid: Chart | None = None,
) -> Panel:
    """Scores against strength, scores against sparsity, and the whole path as a table.

    Args:
        scores: what is drawn.
        columns: of the table, by name, one value a step.
        x: where each step is on the axis of strengths.
        ticks: of that axis.
        start: the step shown first.
        axis_name: what that axis is.
        grid: the score as a map, where two strengths are varied.
    """
    figures = {"scores-strength": _against_strength(scores, x, ticks, start, axis_name)}
    captions = {"scores-strength": f"{name(scores.metric)} at every strength"}
    if scores.sparsity is not None and len(set(scores.sparsity.tolist())) > 1:
        figures["scores-sparsity"] = _against_sparsity(scores, scores.sparsity, start)
        captions["scores-sparsity"] = f"{name(scores.metric)} against {scores.sparsity_name}"
    if grid is not None:
        figures["scores-grid"] = grid
        captions["scores-grid"] = f"{name(scores.metric)} at every pair of strengths"
    places = "".join(figure(place, chart, captions[place]) for place, chart in figures.items())
    head = list(columns)
    rows: list[list[str | None]] = [[_cell(c[step]) for c in columns.values()] for step in range(len(x))]
    kinds = {step: "best" if i == 0 else "simplest" for i, (_, step) in reversed(list(enumerate(scores.marks)))}
    marks = [kinds.get(step, "") for step in range(len(x))]
    held = bool(np.isfinite(scores.held).any())
    legend = [("quiet", "training rows"), *([("accent", "held-out rows, ± one standard error")] if held else [])]
    legend += [(sign, words) for (_, words), sign in zip(_told(scores), SIGNS, strict=False)]
    body = (
        key(*legend)
        + f'<div class="grid">{places}</div><details><summary>The path as a table</summary>'
        + table("path-table", "The path: one row for each strength", head, rows, marks=marks)
        + "</details>"
    )
    return Panel("scores", "Scores", body, figures)


def _cell(value: object) -> str:
    return f"{value}" if isinstance(value, int | np.integer) else number(value)


def _against_strength(scores: Scores, x: Sequence[float], ticks: Json, start: int, axis_name: str) -> Chart:
    line = {"type": "scatter", "mode": "lines+markers", "x": list(x), "marker": {"size": 4}}
    told = "<extra></extra>"
    data: list[Json] = [
        {
            **line,
            "y": numbers(scores.training),
            "line": {"color": "@quiet", "width": 1.5},
            "marker": {"size": 4, "color": "@quiet"},
            "hovertemplate": "training rows: %{y:.4g}" + told,
        }
    ]
    shown = np.isfinite(scores.held)
    if shown.any():
        error = np.where(np.isfinite(scores.error), scores.error, 0.0)
        edge = {"type": "scatter", "mode": "lines", "x": list(x), "line": {"width": 0}, "hoverinfo": "skip"}
        data = [
            {**edge, "y": numbers(scores.held - error)},
            {**edge, "y": numbers(scores.held + error), "fill": "tonexty", "fillcolor": "@accentband"},
            *data,
            {
                **line,
                "y": numbers(scores.held),
                "line": {"color": "@accent", "width": 2},
                "marker": {"size": 4, "color": "@accent"},
                "hovertemplate": "held-out rows: %{y:.4g}" + told,
            },
        ]
        data += _marks(scores, x)
    layout = charts.layout(
        xaxis=charts.axis(axis_name, **ticks),
        yaxis=charts.axis(nticks=5),
        shapes=[cursor(x[start])],
    )
    steps: list[Json] = [{"layout": {"shapes": [cursor(place)]}} for place in x]
    words = (
        f"{scores.metric} on training rows and on held-out rows, at every strength; the table below has the numbers."
    )
    return Chart(data, layout, words, steps, 280, jump=True)


def _told(scores: Scores) -> list[tuple[int, str]]:
    """The steps that are marked, each with every reason for its mark."""
    steps = dict.fromkeys(step for _, step in scores.marks)
    return [(step, ", ".join(words for words, other in scores.marks if other == step).capitalize()) for step in steps]


def _marks(scores: Scores, x: Sequence[float]) -> list[Json]:
    """Marks differ in shape, not only in colour; the legend explains them."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [x[step]],
            "y": numbers(scores.held[step : step + 1]),
            "hoverinfo": "skip",
            "marker": {"size": 11, "symbol": sign, "color": "@paper", "line": {"width": 2, "color": "@accent"}},
        }
        for (step, _), sign in zip(_told(scores), SIGNS, strict=False)
    ]


def _against_sparsity(scores: Scores, sparsity: np.ndarray, start: int) -> Chart:
    held = scores.held if np.isfinite(scores.held).any() else scores.training
    across, up = numbers(sparsity), numbers(held)
    present = {"x": [across[start]], "y": [up[start]]}
    data: list[Json] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": across,
            "y": up,
            "error_y": {
                "type": "data",
                "array": [v or 0.0 for v in numbers(scores.error)],
                "thickness": 1,
                "width": 0,
                "color": "@faint",
            },
            "marker": {"size": 6, "color": "@accent"},
            "cliponaxis": False,
            "hovertemplate": f"%{{x}} {scores.sparsity_name}: %{{y:.4g}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "hoverinfo": "skip",
            "marker": {"size": 13, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": "@ink"}},
            **present,
        },
    ]
    layout = charts.layout(
        xaxis=charts.axis(scores.sparsity_name, rangemode="tozero", nticks=7), yaxis=charts.axis(nticks=5)
    )
    steps: list[Json] = [{"data": {"1": {"x": [a], "y": [b]}}} for a, b in zip(across, up, strict=True)]
    words = (
        f"{scores.metric} against {scores.sparsity_name}, one point for each strength; the table below has the numbers."
    )
    return Chart(data, layout, words, steps, 280, jump=True)
