"""Pictures of weights. matplotlib is imported when a figure is drawn, and never through its global state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _files
from taut._extras import require
from taut.report.numbers import ignored_inputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "draw_kernels", "save_figure"]

INK = "#1c2733"
QUIET = "#66727f"
ZERO = "#a9b1ba"  # exact zeros: a grey that the colour map of the weights does not contain
BAR = "#3a6ea5"
EDGE = "#d5dae0"


@dataclass(frozen=True)
class Panel:
    """One network in a picture: its name, a short description, and its first kernel, shape (inputs, units)."""

    name: str
    words: str
    kernel: np.ndarray


def draw_kernels(
    panels: Sequence[Panel],
    image: tuple[int, int],
    *,
    title: str,
    subtitle: str = "",
    units: int = 9,
) -> Figure:
    """One row per network: the inputs it uses, the kernels of its largest units as images, a histogram of all weights.

    All images share one colour scale and all histograms share both axes, so that rows can be compared. Exact zeros are
    grey; an input that no unit uses is crossed out.

    Args:
        panels: the networks.
        image: (height, width) of the inputs, height × width = inputs.
        title: the heading.
        subtitle: a line under it.
        units: how many units to show, those with the largest norm first.
    """
    figure_module = require("matplotlib.figure", "Drawing")
    colors = require("matplotlib.colors", "Drawing")
    kernels = [np.asarray(panel.kernel, dtype=np.float64) for panel in panels]
    everything = np.concatenate([np.abs(kernel[kernel != 0]) for kernel in kernels])
    top = float(np.quantile(everything, 0.995)) if everything.size else 1.0
    span = float(np.quantile(everything, 0.9995)) if everything.size else 1.0
    shade = colors.Normalize(-top, top)
    loudest = max(float(np.sqrt(np.sum(np.square(kernel), axis=1)).max()) for kernel in kernels) or 1.0

    row, head, foot = 0.92, 1.05, 0.62  # inches
    height = head + row * len(panels) + foot
    figure = figure_module.Figure(figsize=(13.2, height), dpi=100, facecolor="white")
    grid = figure.add_gridspec(
        len(panels),
        4,
        width_ratios=[2.85, 0.9, 7.6, 2.9],
        left=0.025,
        right=0.968,
        top=1 - head / height,
        bottom=foot / height,
        wspace=0.05,
        hspace=0.14,
    )
    figure.text(0.025, 1 - 0.33 / height, title, fontsize=17, weight="bold", color=INK, va="center")
    figure.text(0.025, 1 - 0.64 / height, subtitle, fontsize=10, color=QUIET, va="center")

    axes: list[tuple[Axes, Axes, Axes]] = []
    for i, (panel, kernel) in enumerate(zip(panels, kernels, strict=True)):
        label, *rest = (figure.add_subplot(grid[i, j]) for j in range(4))
        inputs, strip, bars = rest
        _label(label, panel)
        _inputs(inputs, kernel, image, loudest)
        _strip(strip, kernel, image, units, shade)
        _bars(bars, kernel, span, last=i + 1 == len(panels))
        axes.append((inputs, strip, bars))
    heads = (
        "inputs in use",
        f"the {units} largest of {kernels[0].shape[1]} units, as images",
        "all weights, counted",
    )
    for axis, text in zip(axes[0], heads, strict=True):
        left = axis.get_position(original=True).x0
        figure.text(left, 1 - (head - 0.14) / height, text, fontsize=9, color=QUIET, va="center")
    tallest = max(axis[2].get_ylim()[1] for axis in axes)
    for _, _, bars in axes:
        bars.set_ylim(0.7, tallest * 4)
    _legend(figure, axes[-1][1], shade, foot / height)
    under = axes[-1][0].get_position()
    middle = (under.x0 + under.x1) / 2
    figure.text(middle, foot / height * 0.8, "darker:\nmore weight", fontsize=7.5, color=QUIET, va="top", ha="center")
    return figure


def save_figure(figure: Figure, path: str | Path, dpi: int = 110) -> None:
    """Write a figure; the format is the suffix's, and PNG without one."""
    require("matplotlib.backends.backend_agg", "Drawing")
    _files.picture(figure, path, dpi)


def _label(axis: Axes, panel: Panel) -> None:
    axis.axis("off")
    axis.text(0, 0.74, panel.name, fontsize=11.5, weight="bold", color=INK, transform=axis.transAxes, va="center")
    axis.text(0, 0.5, panel.words, fontsize=8.6, color=QUIET, transform=axis.transAxes, va="top", linespacing=1.35)


def _inputs(axis: Axes, kernel: np.ndarray, image: tuple[int, int], loudest: float) -> None:
    """How much of each input gets in: the norm of its weights; crossed out where there is none."""
    norms = np.sqrt(np.sum(np.square(kernel), axis=1)).reshape(image)
    axis.imshow(norms, cmap="Purples", vmin=0, vmax=loudest, interpolation="nearest")
    ignored = ignored_inputs(kernel, (0,))
    rows, columns = np.divmod(ignored, image[1])
    axis.scatter(columns, rows, marker="x", s=11, linewidths=0.9, color=QUIET)
    axis.set_anchor("W")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(EDGE)


def _strip(axis: Axes, kernel: np.ndarray, image: tuple[int, int], units: int, shade: Any) -> None:
    colormap = require("matplotlib", "Drawing").colormaps["RdBu_r"].with_extremes(bad=ZERO)
    order = np.argsort(-np.sum(np.square(kernel), axis=0), kind="stable")[:units]
    height, width = image
    gap = 1
    # One wide image with an empty column between kernels; an empty one is transparent, a zero is grey.
    strip = np.full((height, units * (width + gap) - gap), np.nan)
    for i, unit in enumerate(order):
        strip[:, i * (width + gap) : i * (width + gap) + width] = kernel[:, unit].reshape(image)
    pixels = colormap(shade(np.where(strip == 0, np.nan, strip)))
    pixels[strip == 0] = require("matplotlib.colors", "Drawing").to_rgba(ZERO)
    pixels[np.isnan(strip)] = (1, 1, 1, 0)
    axis.imshow(pixels, interpolation="nearest", aspect="equal")
    patches = require("matplotlib.patches", "Drawing")
    for i in range(len(order)):
        corner = (i * (width + gap) - 0.5, -0.5)
        axis.add_patch(
            patches.Rectangle(corner, width, height, fill=False, edgecolor=EDGE, linewidth=0.8, clip_on=False)
        )
    axis.set_anchor("W")
    axis.axis("off")


def _bars(axis: Axes, kernel: np.ndarray, span: float, *, last: bool) -> None:
    """A histogram with a logarithmic count, exact zeros apart from the rest, in a bar of their own."""
    weights = kernel.ravel()
    zeros = int(np.sum(weights == 0))
    edges = np.linspace(-span, span, 62)
    axis.hist(np.clip(weights[weights != 0], -span, span), bins=list(edges), color=BAR, linewidth=0)
    axis.axvline(0, color=EDGE, linewidth=0.8, zorder=0)
    if zeros:
        axis.bar([0], [zeros], width=edges[1] - edges[0], color=ZERO, edgecolor=INK, linewidth=0.6, zorder=3)
    share = zeros / weights.size
    text = f"{share:.0%} exactly 0" if zeros else "no exact 0"
    axis.text(
        0.985,
        0.93,
        text,
        transform=axis.transAxes,
        ha="right",
        va="top",
        fontsize=8.6,
        color=INK if zeros else QUIET,
    )
    axis.set_yscale("log")
    axis.set_xlim(-span, span)
    axis.tick_params(labelsize=7.5, colors=QUIET, length=2, pad=2)
    axis.set_yticks([1, 10, 100, 1000])
    axis.set_yticks([], minor=True)
    axis.set_yticklabels(["1", "10", "100", "1000"])
    axis.yaxis.tick_right()
    for side in ("top", "left"):
        axis.spines[side].set_visible(False)
    for side in ("right", "bottom"):
        axis.spines[side].set_color(EDGE)
    if last:
        axis.set_xlabel("weight", fontsize=8.5, color=QUIET, labelpad=2)
    else:
        axis.set_xticklabels([])


def _legend(figure: Figure, above: Axes, shade: Any, foot: float) -> None:
    """The colour scale, and the grey of an exact zero, under the kernels."""
    cm = require("matplotlib.cm", "Drawing")
    place = above.get_position()
    scale = figure.add_axes((place.x0, foot * 0.38, 0.16, foot * 0.13))
    bar = figure.colorbar(cm.ScalarMappable(shade, "RdBu_r"), cax=scale, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_ticks([shade.vmin, 0, shade.vmax])
    bar.set_ticklabels([f"≤ −{shade.vmax:.2f}", "0", f"≥ {shade.vmax:.2f}"])
    scale.tick_params(labelsize=7.5, colors=QUIET, length=0, pad=3)
    figure.text(place.x0 + 0.205, foot * 0.445, "■", color=ZERO, fontsize=11, va="center", ha="center")
    figure.text(place.x0 + 0.217, foot * 0.445, "exactly zero", color=QUIET, fontsize=8.6, va="center")
    figure.text(place.x0 + 0.315, foot * 0.445, "×", color=QUIET, fontsize=12, va="center", ha="center")
    figure.text(place.x0 + 0.327, foot * 0.445, "an input that no unit uses", color=QUIET, fontsize=8.6, va="center")
