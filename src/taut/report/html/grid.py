"""Two terms varied at once: the score as a map over both of their strengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taut.report.html import charts
from taut.report.html.escape import label
from taut.report.html.parts import Chart, Json, number, numbers

__all__ = ["grid_chart"]


def grid_chart(
    strengths: np.ndarray, score: np.ndarray, varied: Sequence[str], metric: str, start: int
) -> Chart | None:
    """A cell for each pair of strengths, a ring around the one shown; None unless every pair is there once.

    Args:
        strengths: (steps, 2).
        score: (steps,); NaN is an empty cell.
        varied: the names of the two terms' places.
        metric: the name of the score.
        start: the step shown first.
    """
    if strengths.shape[1] != 2:
        return None
    across, i = np.unique(strengths[:, 0], return_inverse=True)
    up, j = np.unique(strengths[:, 1], return_inverse=True)
    if len(across) * len(up) != len(strengths) or len(set(zip(i.tolist(), j.tolist(), strict=True))) != len(strengths):
        return None
    cells = np.full((len(up), len(across)), np.nan)
    steps = np.zeros((len(up), len(across)), int)
    cells[j, i], steps[j, i] = score, np.arange(len(score))
    texts = [[f"{number(a)} · {number(b)}" for a in across] for b in up]
    image: Json = {
        "type": "heatmap",
        "z": [numbers(row) for row in cells],
        "customdata": steps.tolist(),
        "text": texts,
        "hovertemplate": "%{text}: %{z:.4g}<extra></extra>",
        "colorscale": [[0, "@middle"], [1, "@accent"]],
        "xgap": 1,
        "ygap": 1,
        "zsmooth": False,
        "colorbar": {"thickness": 8, "outlinewidth": 0, "tickfont": {"color": "@quiet"}, "nticks": 5},
    }
    ring: Json = {
        "type": "scatter",
        "mode": "markers",
        "hoverinfo": "skip",
        "cliponaxis": False,
        "marker": {"size": 13, "color": "rgba(0,0,0,0)", "line": {"width": 2.5, "color": "@ink"}},
        "x": [int(i[start])],
        "y": [int(j[start])],
    }
    layout = charts.layout(
        xaxis=charts.axis(label(varied[0], 40), showgrid=False, **_ticks(across)),
        yaxis=charts.axis(label(varied[1], 40), showgrid=False, **_ticks(up)),
    )
    moves: list[Json] = [{"data": {"1": {"x": [int(a)], "y": [int(b)]}}} for a, b in zip(i, j, strict=True)]
    words = f"{metric} at every pair of strengths of {varied[0]} and {varied[1]}; the table below has the numbers."
    return Chart([image, ring], layout, words, moves, 320, jump=True)


def _ticks(strengths: np.ndarray) -> Json:
    shown = np.unique(np.linspace(0, len(strengths) - 1, min(5, len(strengths))).round().astype(int))
    return {"tickmode": "array", "tickvals": shown.tolist(), "ticktext": [number(strengths[k], 2) for k in shown]}
