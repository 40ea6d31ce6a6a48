"""One look for all pictures: light, quiet, safe for colour-blind eyes (Okabe & Ito's palette)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure

INK, QUIET, EDGE, GROUND = "#1c2733", "#5d6975", "#d5dae0", "#f5f7f9"
BLUE, ORANGE, GREEN, SKY = "#0072b2", "#d55e00", "#009e73", "#56b4e9"
ZERO = "#a9b1ba"  # an exact zero: a grey that the map of weights does not contain
SHADES = ("#8cc3e6", "#0072b2", "#00344f")  # of three strengths or steps, from small to large
WEIGHTS = LinearSegmentedColormap.from_list("weights", [ORANGE, "#f6c9a8", "#ffffff", "#a8d3ef", BLUE])
DPI = 100

Axes = Any


def figure(width: float, height: float) -> Figure:
    made = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(made)
    return made


def panels(widths: Sequence[float], height: float = 2.75) -> tuple[Figure, list[Axes]]:
    """A card: panels side by side, their widths in inches, and room for titles and labels."""
    made = figure(sum(widths) + 0.75 * len(widths) + 0.15, height)
    grid = made.add_gridspec(
        1,
        len(widths),
        width_ratios=widths,
        left=0.6 / made.get_figwidth(),
        right=1 - 0.15 / made.get_figwidth(),
        bottom=0.5 / height,
        top=1 - 0.38 / height,
        wspace=0.75 * len(widths) / sum(widths),
    )
    return made, [dressed(made.add_subplot(grid[0, i])) for i in range(len(widths))]


def dressed(axis: Axes) -> Axes:
    """The one frame: no box, thin lines, small quiet numbers."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(EDGE)
    axis.tick_params(labelsize=7.5, colors=QUIET, length=2.5, color=EDGE, pad=2.5)
    return axis


def titled(axis: Axes, text: str, x: str = "", y: str = "") -> None:
    axis.set_title(text, fontsize=9, color=INK, loc="left", pad=6, weight="bold")
    axis.set_xlabel(x, fontsize=8, color=QUIET, labelpad=2)
    axis.set_ylabel(y, fontsize=8, color=QUIET, labelpad=2)


def legend(axis: Axes, where: str = "upper center", **more: Any) -> None:
    made = axis.legend(fontsize=7.5, frameon=False, loc=where, handlelength=1.4, borderaxespad=0.2, **more)
    for text in made.get_texts():
        text.set_color(INK)


def crossed(axis: Axes, reach: float) -> None:
    """A square of the plane with both axes through zero."""
    axis.axhline(0, color=EDGE, linewidth=0.9, zorder=0.5)
    axis.axvline(0, color=EDGE, linewidth=0.9, zorder=0.5)
    axis.set_xlim(-reach, reach)
    axis.set_ylim(-reach, reach)
    axis.set_aspect("equal")
    ticks = [t for t in (-2, -1, 0, 1, 2) if abs(t) <= reach]
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)


def arrows(axis: Axes, begin: np.ndarray, end: np.ndarray) -> None:
    """From each point to where it goes; one that stays is a ring, one that arrives at an exact zero is marked."""
    for (x, y), (u, v) in zip(begin, end, strict=True):
        if np.hypot(u - x, v - y) < 1e-9:
            axis.plot([x], [y], "o", markersize=3.6, markerfacecolor="white", markeredgecolor=BLUE, markeredgewidth=1)
            continue
        axis.annotate(
            "",
            (u, v),
            (x, y),
            arrowprops={"arrowstyle": "-|>,head_width=0.14,head_length=0.26", "color": INK, "lw": 0.8, "alpha": 0.75},
        )
        axis.plot([x], [y], "o", markersize=2.2, color=QUIET, alpha=0.8)
        axis.plot([u], [v], "o", markersize=3.4, color=ORANGE if 0.0 in (u, v) else BLUE, zorder=4)


def heat(axis: Axes, w: np.ndarray, top: float, title: str, values: bool = True) -> None:
    """A matrix as a picture; exact zeros are grey."""
    rows, columns = w.shape
    pixels = WEIGHTS(Normalize(-top, top)(w))
    pixels[w == 0] = to_rgba(ZERO)
    axis.imshow(pixels, interpolation="nearest")
    axis.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.6)
    axis.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if values:
        for (i, j), v in np.ndenumerate(w):
            text = "0" if v == 0 else f"{v:.2f}".replace("0.", ".") if abs(v) < 0.995 else f"{v:.1f}"
            text = text.replace("-", "−")
            dark = abs(v) > 0.72 * top
            axis.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if dark or v == 0 else INK)
    titled(axis, title)


def save(made: Figure, path: Path) -> None:
    """Write a PNG without the name or the version of what wrote it, so that the same picture is the same bytes."""
    made.savefig(path, dpi=DPI, metadata={"Software": None})
