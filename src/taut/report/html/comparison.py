"""The page of a comparison: kinds of term beside each other, each at its own best strength."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taut import errors
from taut.report.html import charts
from taut.report.html.escape import label, name
from taut.report.html.page import page, write
from taut.report.html.parts import Chart, Json, Panel, figure, number, numbers, table

__all__ = ["comparison"]

KEYS = ("kind", "strength", "score", "error", "gap", "noise", "sparsity", "sentence")
NEEDED = ("kind", "score")


def comparison(
    rows: Sequence[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    metric: str = "score",
    higher_is_better: bool = True,
    title: str = "Which term for this data",
    lead: str = "",
) -> None:
    """Write one HTML file that shows kinds of term beside each other.

    Args:
        rows: a dict a kind, with the keys ``kind`` (its name), ``strength`` (its best one; a number, a text, or None),
            ``score`` (on held-out rows), ``error`` (its standard error), ``gap`` (score on the rows trained on minus
            ``score``), ``noise`` (the score with noise on the inputs), ``sparsity`` (share of exact zeros, 0 … 1) and
            ``sentence``. All but ``kind`` and ``score`` may be missing or None.
        path: the file.
        metric: the name of the score.
        higher_is_better: of it; the best comes first.
        title: the heading, as text.
        lead: a few words under it, as text.

    Raises:
        ValueError: no rows, an unknown key, or a row without a kind or a score.
    """
    _check(rows)
    ordered = sorted(rows, key=lambda row: _order(row["score"], higher_is_better))
    panels = [_scores(ordered, metric), _sentences(ordered), _rest(ordered, metric), _table(ordered, metric)]
    text = f'<p class="lead">{name(lead)}</p>' if lead else ""
    write(path, page(title, text, [panel for panel in panels if panel is not None]))


def _check(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        raise ValueError("there is nothing to compare: got no rows, expected at least one row.")
    for i, row in enumerate(rows):
        for key in row:
            if key not in KEYS:
                raise ValueError(f"row {i}: " + errors.unknown("key of a comparison", str(key), KEYS))
        for key in NEEDED:
            if row.get(key) is None:
                raise ValueError(f"row {i}: {key!r} is missing; got {', '.join(map(repr, row))}.")


def _order(score: float, higher: bool) -> float:
    return np.inf if np.isnan(score) else -score if higher else score


def _values(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    return np.asarray([np.nan if row.get(key) is None else float(row[key]) for row in rows])


def _scores(rows: Sequence[Mapping[str, Any]], metric: str) -> Panel:
    """One point for each kind, with its standard error; a kind whose interval overlaps the best one's may be as good."""
    score, error = _values(rows, "score"), np.nan_to_num(_values(rows, "error"))
    kinds = [row["kind"] for row in rows]
    trace: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(score),
        "y": list(range(len(rows))),
        "error_x": {"type": "data", "array": numbers(error), "color": "@accent", "thickness": 1.5, "width": 0},
        "marker": {"size": 9, "color": "@accent"},
        "customdata": [label(kind, 60) for kind in kinds],
        "hovertemplate": "%{customdata}: %{x:.4g}<extra></extra>",
        "cliponaxis": False,
    }
    band: list[Json] = []
    if np.isfinite(score[0]) and error[0] > 0:
        sides = {"x0": float(score[0] - error[0]), "x1": float(score[0] + error[0]), "y0": 0, "y1": 1}
        band = [
            {
                "type": "rect",
                "yref": "paper",
                "fillcolor": "@accentband",
                "line": {"width": 0},
                "layer": "below",
                **sides,
            }
        ]
    layout = charts.layout(
        xaxis=charts.axis(label(metric, 40), nticks=6),
        yaxis=_down(kinds),
        shapes=band,
    )
    words = f"{metric} on held-out rows of {len(rows)} kinds of term, best first; the table below has the numbers."
    chart = Chart([trace], layout, words, [], 70 + 26 * len(rows))
    caption = f"{name(metric)} on held-out rows, ± one standard error; the band is that of the best kind"
    return Panel("scores", "Scores", figure("comparison-scores", chart, caption), {"comparison-scores": chart})


def _down(kinds: Sequence[Any]) -> Json:
    return charts.axis(range=[len(kinds) - 0.4, -0.6], showgrid=False, **charts.named_ticks(kinds, 24))


def _sentences(rows: Sequence[Mapping[str, Any]]) -> Panel | None:
    said = [row for row in rows if row.get("sentence")]
    if not said:
        return None
    body = "".join(f"<dt>{name(row['kind'])}</dt><dd>{name(row['sentence'])}</dd>" for row in said)
    return Panel("sentences", "In words", f'<dl class="words">{body}</dl>')


def _rest(rows: Sequence[Mapping[str, Any]], metric: str) -> Panel | None:
    """Gap, robustness to noise and sparsity of each kind, in the same order."""
    captions = {
        "gap": "Gap: the score on training rows minus that on held-out rows",
        "noise": f"{name(metric)} with noise on the inputs",
        "sparsity": "Share of weights that are exactly zero",
    }
    kinds = [row["kind"] for row in rows]
    figures: dict[str, Chart] = {}
    body = ""
    for key, caption in captions.items():
        values = _values(rows, key)
        if not np.isfinite(values).any():
            continue
        bars: Json = {
            "type": "bar",
            "orientation": "h",
            "x": numbers(values),
            "y": list(range(len(rows))),
            "marker": {"color": "@accent", "line": {"width": 0}},
            "customdata": [label(kind, 60) for kind in kinds],
            "hovertemplate": "%{customdata}: %{x:.4g}<extra></extra>",
        }
        more: Json = {"tickformat": ".0%", "range": [0, 1.04]} if key == "sparsity" else {}
        layout = charts.layout(bargap=0.4, xaxis=charts.axis(nticks=5, **more), yaxis=_down(kinds))
        place = f"comparison-{key}"
        words = f"{key} of {len(rows)} kinds of term, one bar each; the table below has the numbers."
        figures[place] = Chart([bars], layout, words, [], 50 + 22 * len(rows))
        body += figure(place, figures[place], caption)
    return Panel("behaviour", "Behaviour", f'<div class="grid">{body}</div>', figures) if figures else None


def _table(rows: Sequence[Mapping[str, Any]], metric: str) -> Panel:
    head = ["kind of term", "best strength", metric, "± error", "gap", "with noise", "exact zeros"]
    cells: list[list[str | None]] = []
    for row in rows:
        strength = row.get("strength")
        zeros = row.get("sparsity")
        cells.append(
            [
                str(row["kind"]),
                strength if isinstance(strength, str) else number(strength),
                *(number(row.get(key)) for key in ("score", "error", "gap", "noise")),
                "–" if zeros is None or np.isnan(zeros) else f"{zeros:.1%}",
            ]
        )
    marks = ["best" if i == 0 and np.isfinite(row["score"]) else "" for i, row in enumerate(rows)]
    return Panel("numbers", "Numbers", table("comparison-table", "All kinds of term", head, cells, left=2, marks=marks))
