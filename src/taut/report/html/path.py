"""The page of a path: a slider chooses the strength, and everything that depends on it changes with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from taut.paths.choice import mean_and_error
from taut.paths.varying import plan_with
from taut.plans import Plan
from taut.report.html.curves import curves_panel
from taut.report.html.escape import clean, name
from taut.report.html.grid import grid_chart
from taut.report.html.inputs import inputs_panel
from taut.report.html.model import snapshots
from taut.report.html.page import Slider, page, write
from taut.report.html.parts import number, share
from taut.report.html.scores import Scores, scores_panel, strength_axis
from taut.report.html.terms import bounds_panel, terms_panel
from taut.report.html.weights import images_panel, weights_panel

__all__ = ["path_page"]


def path_page(
    path: Any,
    file: str | os.PathLike[str],
    *,
    x: Any = None,
    feature_names: Sequence[str] | None = None,
    image: tuple[int, int] | None = None,
    title: str | None = None,
) -> None:
    """Write ``path``, the result of `taut.path`, to one self-contained HTML file.

    Args:
        path: the path.
        file: where to.
        x: rows of data; the contributions of the inputs are then in units of what they do to the first layer.
        feature_names: one name an input; by default those of the data frame that the path was given.
        image: (height, width), if the inputs are the pixels of an image.
        title: the heading.

    Raises:
        ValueError: names, rows or an image that do not fit the inputs; or no point with finite weights.
    """
    finite = np.all([np.isfinite(w).reshape(len(path), -1).all(axis=1) for w in path.weights.values()], axis=0)
    order = np.arange(len(path))[finite]
    if not len(order):
        raise ValueError(
            "the weights are not finite at any strength of this path, so there is nothing to show. Train with a smaller "
            "learning rate."
        )
    if path.strengths.shape[1] == 1:  # from weak to strong, whichever way they were given
        order = order[np.argsort(path.strengths[order, 0], kind="stable")]
    strengths = path.strengths[order]
    marks = _marks(path, order)
    start = marks[0][1] if marks else len(order) // 2
    weights = {p: w[order] for p, w in path.weights.items()}
    names = path.feature_names if feature_names is None else feature_names
    snap = snapshots(path.model, weights, x=x, feature_names=names, image=image, start=start)
    plans = _plans(path, order)

    axis_x, ticks = strength_axis(strengths)
    scores = _scores(path, order, marks)
    axis_name = "strength" if len(path.varied) == 1 else "strengths, a step each"
    grid = grid_chart(strengths, scores.held if path.validated else scores.training, path.varied, path.metric, start)
    table = {n: np.asarray(c)[order] for n, c in path.table().columns.items()}
    panels = [
        scores_panel(scores, table, axis_x, ticks, start, axis_name, grid),
        inputs_panel(snap, axis_x, ticks),
        weights_panel(snap),
        images_panel(snap),
        curves_panel({n: np.asarray(c)[order] for n, c in path.curves.items()}, start),
        bounds_panel(snap, plans),
        terms_panel(plans, start),
    ]
    slider = _slider(path, order, scores, marks, start)
    lost = len(path) - len(order)
    warning = (
        "The training was interrupted: this page shows what had been trained by then. " if path.interrupted else ""
    )
    if lost:
        warning += (
            f"At {lost} of {len(path)} strengths the weights became infinite or NaN; those strengths are not shown."
        )
    html = page(title or f"Path of {path.model.name}", _lead(path), [p for p in panels if p], slider, warning=warning)
    write(file, html)


def _marks(path: Any, order: np.ndarray) -> list[tuple[str, int]]:
    """The points that `Path.best` would choose, by their steps."""
    if not path.validated:
        return []
    step = {int(point): i for i, point in enumerate(order)}
    marks: list[tuple[str, int]] = []
    for words, rule in (("Best", "max"), ("Within one standard error", "one_se")):
        try:
            point = path.best(rule=rule).index
        except ValueError:  # one fold and one seed: there is no standard error
            continue
        if point in step:
            marks.append((words, step[point]))
    return marks


def _plans(path: Any, order: np.ndarray) -> list[Plan]:
    plans: list[Plan] = []
    for point in order:
        plans.append(plan_with(path.model, path._terms[point], plans[0] if plans else None))
    return plans


def _scores(path: Any, order: np.ndarray, marks: list[tuple[str, int]]) -> Scores:
    training, _ = mean_and_error(path.scores[path.metric])
    held, error = path.score()
    kept = path.kept_inputs.sum(axis=1) if path.kept_inputs.shape[1] else np.zeros(len(path))
    sparsity, words = (kept, "inputs kept") if np.ptp(kept) else (path.zero_share(), "share of exact zeros")
    return Scores(path.metric, training[order], held[order], error[order], sparsity[order], words, marks)


def _slider(path: Any, order: np.ndarray, scores: Scores, marks: list[tuple[str, int]], start: int) -> Slider:
    share = path.zero_share()
    count = path.kept_inputs.shape[1]
    heads = ["strength" if len(path.varied) == 1 else "strengths"]
    if path.validated:
        heads.append(f"{clean(path.metric)}, held-out")
    heads += [f"{clean(path.metric)}, trained on", *(["inputs kept"] if count else []), "exact zeros"]
    facts: list[list[str]] = []
    for step, point in enumerate(order):
        row = [" · ".join(f"{s:.4g}" for s in path.strengths[point])]
        if path.validated:
            bar = f" ± {number(scores.error[step], 2)}" if np.isfinite(scores.error[step]) else ""
            row.append(f"{number(scores.held[step])}{bar}")
        row.append(number(scores.training[step]))
        if count:
            row.append(f"{int(path.kept_inputs[point].sum())} of {count}")
        row.append(f"{share[point]:.1%}")
        facts.append(row)
    spoken = [
        f"{', '.join(f'{head} {fact}' for head, fact in zip(heads, row, strict=True))}; {i + 1} of {len(facts)}"
        for i, row in enumerate(facts)
    ]
    return Slider(spoken, facts, heads, start, marks)


def _lead(path: Any) -> str:
    varied = ", ".join(name(v) for v in path.varied)
    folds = f", {len(path.folds)} folds" if path.folds else ""
    seeds = f"{len(path.seeds)} seed{'s' if len(path.seeds) > 1 else ''}"
    reached = ""
    if path.converged is not None:
        reached = f" {share(int(path.converged.sum()), path.converged.size)} of the networks reached the optimum."
    how = ", ended early because no score improved" if path.stopped else ""
    return (
        f'<p class="lead">Varied: {varied}. {len(path)} strengths, {seeds}{folds}, {path.epochs} epochs{how}. Scores are '
        "means over seeds and folds; the weights are those of the networks trained on all rows with the first seed."
        f"{reached}</p>"
    )
