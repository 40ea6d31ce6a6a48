"""The picture of every textbook, computed: why L1 makes zeros and L2 does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from docs.gallery import style
from taut.regularizers import L1, L2

Array = np.ndarray

BEST = np.asarray([1.65, 0.5])  # the minimum of the loss alone
BEND = np.asarray([[1.0, 0.3], [0.3, 0.8]])
RATE, STRENGTH, FIRST = 0.1, 0.5, 0.97  # of the path of one weight


def loss(w: Array) -> Array:
    """½ (w − best)ᵀ B (w − best), for points along the last axis."""
    away = w - BEST
    return np.sum(away * (away @ BEND), axis=-1) / 2


@dataclass(frozen=True)
class Optimum:
    """Where loss and penalty together are least: the point, its loss, and the ball whose edge it is on."""

    w: Array
    loss: float
    radius: float


def solve(term: L1 | L2, steps: int = 4000) -> Optimum:
    """Proximal gradient steps from zero, until nothing moves."""
    rate = 1 / np.linalg.norm(BEND, 2)
    w = np.zeros(2)
    for _ in range(steps):
        w = term.prox(w - rate * (w - BEST) @ BEND, rate)
    return Optimum(w, float(loss(w)), float(np.sum(np.abs(w)) if isinstance(term, L1) else np.linalg.norm(w)))


def both() -> tuple[Optimum, Optimum]:
    """The optimum under L1, and the one under that L2 with which the loss is as high."""
    sparse = solve(L1(0.7))
    low, high = 1e-3, 10.0
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if solve(L2(middle), 400).loss < sparse.loss else (low, middle)
    return sparse, solve(L2(low))


def path(kind: str, steps: int = 60) -> Array:
    """A weight that no data hold, step by step.

    "L2": w ← w − 2ηλw. "L1 by gradient": w ← w − ηλ·sign(w). "L1": the proximal step, which ends that step at zero.
    """
    w = [FIRST]
    for _ in range(steps):
        here = w[-1]
        w.append(
            {
                "L2": here - 2 * RATE * STRENGTH * here,
                "L1 by gradient": here - RATE * STRENGTH * float(np.sign(here)),
                "L1": float(L1(STRENGTH).prox(np.asarray([here]), RATE)[0]),
            }[kind]
        )
    return np.asarray(w)


def survivors(pull: Array) -> tuple[Array, Array]:
    """The best weight for the loss ½(w − pull)², whose gradient at 0 is −pull: under L1 and under L2."""
    return L1(STRENGTH).prox(pull, 1.0), L2(STRENGTH).prox(pull, 1.0)


def draw() -> Figure:
    made = style.figure(14.6, 4.25)
    grid = made.add_gridspec(
        1, 4, width_ratios=[1.08, 1.08, 1.12, 1.08], left=0.03, right=0.99, bottom=0.125, top=0.775, wspace=0.2
    )
    axes = [style.dressed(made.add_subplot(grid[0, i])) for i in range(4)]
    made.text(
        0.03, 0.945, "Why L1 makes zeros, and L2 does not", fontsize=15, weight="bold", color=style.INK, va="center"
    )
    made.text(
        0.03,
        0.885,
        "Both optima below were solved for, at the same loss; the paths and thresholds are those of taut's own steps.",
        fontsize=9,
        color=style.QUIET,
        va="center",
    )
    sparse, small = both()
    _contours(axes[0], sparse, "L1: the contour meets a corner", style.ORANGE)
    _contours(axes[1], small, "L2: the contour meets a curve", style.BLUE)
    _paths(axes[2])
    _thresholds(axes[3])
    return made


def _contours(axis: style.Axes, found: Optimum, title: str, color: str) -> None:
    side = np.linspace(-1.25, 2.75, 401)
    height = loss(np.stack(np.meshgrid(side, side), axis=-1))
    axis.contour(
        side, side, height, levels=found.loss * np.asarray([0.08, 0.35, 1.9, 3.2]), colors=style.ZERO, linewidths=0.8
    )
    axis.contour(side, side, height, levels=[found.loss], colors=style.INK, linewidths=1.5)
    r = found.radius
    shape = Polygon([(r, 0), (0, r), (-r, 0), (0, -r)], closed=True) if found.w[1] == 0 else Circle((0, 0), r)
    shape.set(facecolor=color, alpha=0.16, edgecolor="none")
    axis.add_patch(shape)
    outline = Polygon(shape.get_xy(), closed=True) if isinstance(shape, Polygon) else Circle((0, 0), r)
    outline.set(fill=False, edgecolor=color, linewidth=1.6)
    axis.add_patch(outline)
    axis.plot(*BEST, "+", color=style.QUIET, markersize=8, markeredgewidth=1.4)
    axis.annotate(
        "best for the loss alone",
        BEST,
        (0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=7.5,
        color=style.QUIET,
    )
    axis.plot(*found.w, "o", color=color, markersize=7, markeredgecolor="white", zorder=5)
    zero = found.w[1] == 0
    words = f"w = ({found.w[0]:.2f}, {'0.0 exactly' if zero else f'{found.w[1]:.2f}'})"
    axis.text(
        2.7,
        -1.12,
        words,
        fontsize=9,
        weight="bold",
        color=color,
        ha="right",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.5, "alpha": 0.9},
        zorder=6,
    )
    style.crossed(axis, 2.25)
    axis.set_xlim(-1.25, 2.75)
    axis.set_ylim(-1.25, 2.25)
    style.titled(axis, title, "weight 1", "weight 2")


def _paths(axis: style.Axes) -> None:
    curves = (("L2", style.BLUE, 1.8), ("L1 by gradient", style.ZERO, 1.3), ("L1", style.ORANGE, 1.8))
    for kind, color, width in curves:
        axis.plot(path(kind), color=color, linewidth=width, zorder=4 if kind == "L1" else 3)
    reached = int(np.argmax(path("L1") == 0))
    axis.plot([reached], [0], "o", color=style.ORANGE, markersize=6, markeredgecolor="white", zorder=5)
    axis.annotate(
        f"L1, proximal:\n0.0 from step {reached} on",
        (reached, 0),
        (reached - 19, -0.145),
        fontsize=8,
        color=style.ORANGE,
        weight="bold",
        va="center",
        linespacing=1.3,
    )
    axis.text(25, 0.21, "L2:  w ← w − 2ηλw", fontsize=8.5, color=style.BLUE, weight="bold")
    axis.text(25, 0.145, f"after 60 steps {path('L2')[-1]:.4f}, never 0", fontsize=8, color=style.BLUE)
    axis.text(12.2, 0.52, "L1:  w ← w − ηλ·sign(w)", fontsize=8.5, color=style.ORANGE, weight="bold")
    axis.text(
        33,
        -0.115,
        "the same by gradient\nhops about 0 for ever",
        fontsize=8,
        color=style.QUIET,
        linespacing=1.3,
        va="center",
    )
    axis.axhline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    axis.set_ylim(-0.21, 1.02)
    axis.set_xlim(0, 60)
    style.titled(axis, "A weight that no data hold", f"step (η = {RATE}, λ = {STRENGTH})", "weight")


def _thresholds(axis: style.Axes) -> None:
    pull = np.linspace(-2, 2, 801)
    sparse, small = survivors(pull)
    axis.axvspan(-STRENGTH, STRENGTH, color=style.ORANGE, alpha=0.13, linewidth=0)
    axis.plot(pull, pull, color=style.ZERO, linewidth=1, linestyle=(0, (4, 3)))
    axis.plot(pull, small, color=style.BLUE, linewidth=1.8)
    axis.plot(pull, sparse, color=style.ORANGE, linewidth=1.8)
    axis.axhline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    axis.text(
        0,
        1.32,
        "|pull| ≤ λ:\nL1 gives 0.0",
        fontsize=8,
        color=style.ORANGE,
        weight="bold",
        ha="center",
        linespacing=1.3,
    )
    axis.text(0.62, -0.95, "no penalty: pull", fontsize=8, color=style.QUIET)
    axis.text(0.62, -1.3, "L2: pull / (1 + 2λ)", fontsize=8, color=style.BLUE, weight="bold")
    axis.text(0.62, -1.65, "L1: pull − λ, or 0.0", fontsize=8, color=style.ORANGE, weight="bold")
    axis.set_xlim(-2, 2)
    axis.set_ylim(-2, 2)
    axis.set_xticks([-2, -1, -STRENGTH, 0, STRENGTH, 1, 2], ["−2", "−1", "−λ", "0", "λ", "1", "2"])
    style.titled(
        axis, "A weight that the data pull", "the data's pull: −(gradient of the loss at 0)", "the best weight"
    )
