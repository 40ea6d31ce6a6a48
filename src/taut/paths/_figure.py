"""The picture of a path: what each input weighs along it, and the scores against strength and against sparsity."""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _files
from taut._extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from taut.paths.result import Path

__all__ = ["draw", "save"]

INK, QUIET, EDGE = "#1c2733", "#66727f", "#d5dae0"
TRAIN, HELD, CHOSEN = "#8aa4bf", "#3a6ea5", "#c8553d"
LINES = 400  # weights drawn one by one; beyond that the largest of them
NAMED = 8


def draw(path: Path) -> Figure:
    """The figure of `Path.plot`."""
    figure: Figure = require("matplotlib.figure", "Drawing").Figure(figsize=(13.2, 4.6), dpi=100, facecolor="white")
    grid = figure.add_gridspec(1, 3, left=0.055, right=0.985, top=0.8, bottom=0.14, wspace=0.24)
    coefficients, scores, sparsity = (figure.add_subplot(grid[0, i]) for i in range(3))
    names = " × ".join(path.varied)
    figure.text(0.055, 0.945, f"Path of {names}", fontsize=15, weight="bold", color=INK, va="center")
    nets = f"{len(path)} points, {len(path.seeds)} seeds, {max(1, len(path.folds))} folds, {path.epochs} epochs"
    figure.text(0.055, 0.885, nets, fontsize=9.5, color=QUIET, va="center")
    x, label = np.arange(len(path), dtype=np.float64), "point (row of the table)"
    if len(path.varied) == 1:  # in a grid no strength orders the points
        x, label = path.strengths[:, 0], f"number of {path.varied[0]}"
    _coefficients(coefficients, path, x, label)
    _scores(scores, path, x, label)
    _sparsity(sparsity, path)
    for axis in (coefficients, scores, sparsity):
        axis.tick_params(labelsize=8, colors=QUIET, length=2)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axis.spines[side].set_color(EDGE)
    return figure


def save(figure: Figure, file: str | File) -> None:
    """Write a figure; the format is the suffix's, and PNG without one."""
    require("matplotlib.backends.backend_agg", "Drawing")
    _files.picture(figure, file)


def _log(axis: Axes, x: np.ndarray, path: Path) -> None:
    positive = x[x > 0]
    if len(path.varied) == 1 and positive.size > 1 and positive.max() / positive.min() > 20:
        # A strength of 0 has its place to the left of the others.
        axis.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.5)
        axis.set_xlim(0 if (x == 0).any() else float(positive.min()) * 0.9, float(positive.max()) * 1.1)


def _coefficients(axis: Axes, path: Path, x: np.ndarray, label: str) -> None:
    """Every weight of a kernel with one unit; else the norm of what each input sends."""
    kernel = next((w for w in path.weights.values() if w[0].ndim > 1), None)
    if kernel is None:
        kernel = next(iter(path.weights.values()))
    order = np.argsort(x)
    inputs = path.kept_inputs.shape[1]
    moved: Any = kernel
    if inputs and kernel.shape[1:] != (inputs,):
        at = next((i for i in range(kernel.ndim - 2, 0, -1) if kernel.shape[i] == inputs), 1)
        moved = np.moveaxis(kernel, at, 1).reshape(len(path), kernel.shape[at], -1)
    one = moved.ndim == 3 and moved.shape[2] == 1
    lines = moved[:, :, 0] if one else np.sqrt(np.square(moved.reshape(*moved.shape[:2], -1)).sum(axis=2))
    largest = np.argsort(-np.nanmax(np.abs(lines), axis=0, initial=0.0))
    colors = require("matplotlib", "Drawing").colormaps["viridis"](np.linspace(0, 0.92, min(len(largest), LINES)))
    for rank, i in enumerate(largest[:LINES]):
        named = rank < NAMED
        axis.plot(x[order], lines[order, i], color=colors[rank], linewidth=1.3 if named else 0.7, alpha=0.9)
        if named and np.isfinite(lines[order[0], i]):
            name = path.feature_names[i] if path.feature_names and i < len(path.feature_names) else f"input {i}"
            axis.annotate(
                name,
                (x[order[0]], lines[order[0], i]),
                fontsize=6.5,
                color=QUIET,
                xytext=(2, 2),
                textcoords="offset points",
            )
    _log(axis, x, path)
    axis.set_title("weights" if one else "norm of each input's weights", fontsize=9.5, color=INK, loc="left")
    axis.set_xlabel(label, fontsize=8.5, color=QUIET)


def _scores(axis: Axes, path: Path, x: np.ndarray, label: str) -> None:
    from taut.paths.choice import mean_and_error

    order = np.argsort(x)
    for name, color, words in ((path.metric, TRAIN, "training rows"), (f"val_{path.metric}", HELD, "held-out rows")):
        mean, error = mean_and_error(path.scores[name])
        if np.isnan(mean).all():
            continue
        axis.plot(x[order], mean[order], color=color, linewidth=1.6, label=words)
        band = np.nan_to_num(error)
        axis.fill_between(x[order], (mean - band)[order], (mean + band)[order], color=color, alpha=0.18, linewidth=0)
    for rule, style in (("max", "-"), ("one_se", ":")):
        try:
            point = path.best(rule=rule)
        except ValueError:  # nothing was held out, or there is no error to go by
            continue
        axis.axvline(x[point.index], color=CHOSEN, linestyle=style, linewidth=1, label=f"best, {rule}")
    _log(axis, x, path)
    axis.set_title(path.metric.replace("_", " "), fontsize=9.5, color=INK, loc="left")
    axis.set_xlabel(label, fontsize=8.5, color=QUIET)
    axis.legend(fontsize=7.5, frameon=False, labelcolor=QUIET)


def _sparsity(axis: Axes, path: Path) -> None:
    kept = path.kept_inputs.sum(axis=1)
    by_inputs = bool(np.ptp(kept)) if kept.size else False
    x = kept if by_inputs else 100 * path.zero_share()
    held = f"val_{path.metric}" if path.validated else path.metric
    mean, error = path.score() if path.validated else (path.scores[held].mean(axis=(1, 2)), np.full(len(path), np.nan))
    axis.errorbar(
        x, mean, yerr=np.nan_to_num(error), fmt="o", markersize=3.5, color=HELD, ecolor=EDGE, elinewidth=1, capsize=0
    )
    words = "held-out rows" if path.validated else "training rows"
    axis.set_title(f"{path.metric.replace('_', ' ')} on {words}", fontsize=9.5, color=INK, loc="left")
    axis.set_xlabel(
        "inputs kept" if by_inputs else "exact zeros among the varied weights, %", fontsize=8.5, color=QUIET
    )
