"""One picture a term, drawn from the rows that the laws are tested on: what is shown is what is tested.

A penalty on single weights is a curve and its proximal map; one on groups is the plane of a group of two, with
arrows from points to their proximal points; a set is shaded, with arrows to the nearest points; the rest is a small
random matrix (or a profile) before and after.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from docs.gallery import style
from taut import regularizers as penalties
from taut.catalogue import ENTRIES, Entry
from taut.constraints import GroupL1Ball, HalfSpace, Intersection, Plain
from taut.regularizers import Entropy, KLSparsity, Sum
from tests.laws import table, table_catalogue

Array = np.ndarray
STEPS = (0.25, 0.5, 1.0)
REACH = 2.4


def term_of(entry: Entry) -> Any:
    """The term that the tests' table has of this class; the first of its rows."""
    rows = [*table.PENALTIES, *table.GRADIENT_ONLY, *table.SETS, *(row for row, _ in table_catalogue.ONE_STEP)]
    found = [row for row in rows if type(row.term) is entry.cls]
    if entry.name == "Intersection":  # two that shape each other
        found = [row for row in found if str(row).startswith("NonNeg() & MaxNorm")]
    if found:
        return found[0].term
    # Activities have no row (they are no penalties of weights); a plain function is whatever it is.
    return {KLSparsity: KLSparsity(0.3, target=0.2), Entropy: Entropy(0.3), Plain: Plain(lambda w: w - w.mean())}[
        entry.cls
    ]


def shape_of(entry: Entry) -> tuple[int, ...]:
    """The first shape of the row of `term_of`."""
    rows = [*table.PENALTIES, *table.GRADIENT_ONLY, *table.SETS, *(row for row, _ in table_catalogue.ONE_STEP)]
    return next(row.shapes[0] for row in rows if type(row.term) is entry.cls)


def named(term: Any) -> str:
    """The term with its numbers, short enough for a title."""
    text = table.name_of(term)
    return text if len(text) <= 44 and "array" not in text else type(term).__name__


def draw(entry: Entry) -> Figure:
    """The card of a term."""
    return KINDS.get(entry.cls, curve)(entry, term_of(entry))


def curve(entry: Entry, term: Any) -> Figure:
    """The penalty of one weight at three strengths, and its proximal map at three steps."""
    made, (left, right) = style.panels([2.6, 2.6])
    w = np.linspace(-REACH, REACH, 601)
    for scale, color in zip((0.5, 1.0, 2.0), style.SHADES, strict=True):
        value = np.asarray([float(term(np.asarray([x]))) for x in w])
        if isinstance(term, penalties.L0):
            value[np.abs(w) < 1e-9] = 0.0
        left.plot(w, scale * value, color=color, linewidth=1.7, label={0.5: "half", 1.0: "once", 2.0: "twice"}[scale])
    left.axvline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    left.set_ylim(bottom=0)
    style.legend(left, title=None, ncols=3, columnspacing=0.9)
    left.set_ylim(top=left.get_ylim()[1] * 1.18)
    style.titled(left, named(term), "weight", "penalty")
    if term.has_prox:
        _proxes(right, term, w)
    else:
        _slopes(right, term, w)
    return made


def _proxes(axis: style.Axes, term: Any, w: Array) -> None:
    axis.plot(w, w, color=style.ZERO, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    unit = 1.0 if not isinstance(term, penalties.L1 | penalties.L2 | penalties.L1L2) else 2.0
    for step, color in zip(STEPS, style.SHADES, strict=True):
        z = np.asarray(term.prox(w, 2 * unit * step), dtype=float)
        jump = np.abs(np.diff(z)) > 0.08
        z = np.where(np.append(jump, False), np.nan, z)  # a jump is no line
        axis.plot(w, z, color=color, linewidth=1.7, label=f"step {2 * unit * step:g}")
    axis.axhline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    axis.set_xlim(-REACH, REACH)
    axis.set_ylim(-REACH, REACH)
    style.legend(axis, "upper left")
    style.titled(axis, "proximal map", "weight before", "weight after")


def _slopes(axis: style.Axes, term: Any, w: Array) -> None:
    h = 1e-5
    rise = [(float(term(np.asarray([x + h]))) - float(term(np.asarray([x - h])))) / (2 * h) for x in w]
    axis.plot(w, rise, color=style.BLUE, linewidth=1.7)
    axis.axhline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    style.titled(axis, "its pull: it acts by gradient", "weight", "slope")


def _points(reach: float = 2.05, count: int = 5) -> Array:
    side = np.linspace(-reach, reach, count)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def plane(entry: Entry, term: Any) -> Figure:
    """A group of two weights: the penalty as contours, arrows along its proximal map; and a matrix before and after."""
    made, (left, before, after) = style.panels([2.35, 2.1, 2.1], 3.0)
    side = np.linspace(-REACH, REACH, 61)
    value = np.asarray([[float(term(np.asarray([x, y]))) for x in side] for y in side])
    levels = np.unique(np.quantile(value, [0.08, 0.25, 0.45, 0.65, 0.85]))
    left.contour(side, side, value, levels=levels, colors=style.ZERO, linewidths=0.8)
    if term.has_prox:
        points = _points(1.35, 6) if entry.name == "GroupMCP" else _points()  # beyond, it leaves all alone
        style.arrows(left, points, np.stack([term.prox(p, 1.0) for p in points]))
    style.crossed(left, REACH)
    style.titled(left, "a group of two", "weight 1", "weight 2")
    if term.has_prox:
        # The step at which a matrix with large and small groups shows what is dropped.
        _matrices((before, after), term, (6, 5), 1.0, groups=True)
    else:
        _by_gradient((before, after), term)
    return made


def _random(shape: tuple[int, ...], groups: bool = False) -> Array:
    w = np.random.default_rng(7).normal(size=shape)
    if groups:  # some units are weak
        w = w * np.geomspace(0.16, 0.9, shape[-1])[np.random.default_rng(1).permutation(shape[-1])]
    return np.round(w, 2)


def _matrices(axes: tuple[Any, Any], term: Any, shape: tuple[int, ...], step: float, groups: bool = False) -> None:
    w = _random(shape, groups)
    z = np.asarray(term.prox(w, step) if isinstance(term, penalties.Regularizer) else term(w))
    top = float(np.max(np.abs(w)))
    style.heat(axes[0], _flat(w), top, "before")
    style.heat(
        axes[1], _flat(z), top, "after" if not isinstance(term, penalties.Regularizer) else f"after, step {step:g}"
    )


def _flat(w: Array) -> Array:
    return w.reshape(-1, w.shape[-1]) if w.ndim != 1 else w.reshape(1, -1)


def _by_gradient(axes: tuple[Any, Any], term: Any) -> tuple[Array, Array]:
    """What descent on ½‖z − w‖² + R makes of a matrix, for terms without a proximal map."""
    w = _random((6, 5), groups=True)
    # Twice the row's strength, so that it shows.
    z = descended(penalties.Scaled(term, 2.0), w)
    top = float(np.max(np.abs(w)))
    style.heat(axes[0], w, top, "before")
    style.heat(axes[1], z, top, "after, by gradient")
    return w, z


def descended(term: Any, w: Array, rate: float = 0.05, steps: int = 120) -> Array:
    """Gradient descent on ½‖z − w‖² + R(z), with differences for derivatives."""
    z, h = w.astype(float).copy(), 1e-5
    for _ in range(steps):
        slope = z - w
        for at in np.ndindex(z.shape):
            there = np.zeros_like(z)
            there[at] = h
            slope[at] += (float(term(z + there)) - float(term(z - there))) / (2 * h)
        z = z - rate * slope
    return z


def matrix(entry: Entry, term: Any) -> Figure:
    """A small random matrix before and after, and its singular values."""
    made, (before, after, values) = style.panels([2.1, 2.1, 2.3], 2.85)
    if isinstance(term, penalties.Regularizer) and not term.has_prox:
        w, z = _by_gradient((before, after), term)
    else:
        square = entry.name in ("Symmetric", "Skew", "PSD", "DoublyStochastic")
        w = _random((5, 5) if square else (6, 5))
        step = 2.0 if isinstance(term, penalties.NuclearNorm) else 1.0
        _matrices((before, after), term, w.shape, step)
        z = np.asarray(term.prox(w, step) if isinstance(term, penalties.Regularizer) else term(w))
    place = np.arange(1, 6)
    for m, color, shift, label in ((w, style.ZERO, -0.2, "before"), (z, style.BLUE, 0.2, "after")):
        sizes = np.linalg.svd(m, compute_uv=False)[:5]
        values.bar(place + shift, np.where(sizes < 1e-7, 0, sizes), width=0.38, color=color, label=label)
    values.set_xticks(place)
    style.legend(values, "upper right")
    style.titled(values, "singular values", "", "")
    return made


def pattern(entry: Entry, term: Any) -> Figure:
    """A random array of the row's own shape, before and after."""
    shape = shape_of(entry)
    if len(shape) == 4:
        shape = (*shape[:2], 1, 1)
    made, axes = style.panels([2.5, 2.5], 2.6)
    w = _random(shape)
    z = np.asarray(term.prox(w, 1.0) if isinstance(term, penalties.Regularizer) else term(w))
    top = float(np.max(np.abs(w)))
    for axis, m, title in ((axes[0], w, "before"), (axes[1], z, "after")):
        style.heat(axis, m[..., 0, 0] if m.ndim == 4 else _flat(m), top, title)
    return made


def region(entry: Entry, term: Any) -> Figure:
    """A set in the plane of one unit's two weights, and the nearest points of points outside; and a matrix."""
    made, (left, before, after) = style.panels([2.35, 2.1, 2.1], 3.0)
    seen = term
    if isinstance(term, HalfSpace):  # the row's normal is one for four weights
        seen = dataclasses.replace(term, a=np.asarray(term.a)[:2])
    if isinstance(term, GroupL1Ball):  # two groups of one weight each
        seen = dataclasses.replace(term, axis=0)
    if entry.name in ("TopK",):
        seen = dataclasses.replace(term, k=1)

    def nearest(points: Array) -> Array:
        if isinstance(seen, Plain):
            return np.stack([seen(p) for p in points])
        if isinstance(seen, GroupL1Ball):  # a budget of the whole array: one array a point
            return np.stack([np.asarray(seen(p[None, :]))[0] for p in points])
        return np.asarray(seen(np.ascontiguousarray(points.T))).T  # (2, points): a unit is a column

    _shade(left, nearest)
    points = _points()
    style.arrows(left, points, nearest(points))
    style.crossed(left, REACH)
    style.titled(left, named(seen), "weight 1", "weight 2")
    _matrices((before, after), term, (4, 4) if isinstance(term, HalfSpace) else (6, 5), 1.0)
    return made


def _shade(axis: style.Axes, nearest: Callable[[Array], Array]) -> None:
    """The set: the points that are their own nearest points, to the bit."""
    count = 121
    points = _points(REACH, count)
    inside = np.all(nearest(points) == points, axis=1).reshape(count, count)
    if inside.mean() > 0.02:
        side = np.linspace(-REACH, REACH, count)
        axis.contourf(side, side, inside.astype(float), levels=[0.5, 1.5], colors=[style.SKY], alpha=0.28)
        return
    # A set without an inside: the nearest points of many points draw it.
    axis.plot(*nearest(_points(REACH * 1.4, 60)).T, ".", color=style.SKY, markersize=4.5, alpha=0.5, markeredgewidth=0)


def profile(entry: Entry, term: Any) -> Figure:
    """Weights along an axis before and after."""
    rng = np.random.default_rng(3)
    place = np.arange(32)
    shapes = {"Monotone": (place - 14) / 14, "Convex": ((place - 12) / 15) ** 2 - 0.5}
    shape = shapes.get(entry.name, np.where(place < 10, -0.6, np.where(place < 22, 0.9, 0.2)))
    w = shape + 0.28 * rng.normal(size=32)
    made, (axis,) = style.panels([5.6], 2.6)
    axis.plot(place, w, "o", color=style.QUIET, markersize=3.2, label="before")
    if entry.name == "SquaredDifferences":
        ways = [(s, descended(dataclasses.replace(term, strength=s), w, 0.04)) for s in (0.5, 5.0)]
        lines = [(f"after, strength {s:g}", z, c) for (s, z), c in zip(ways, style.SHADES, strict=False)]
    elif entry.kind == "constraint":
        lines = [("after", np.asarray(term(w)), style.BLUE)]
    else:
        lines = [
            (f"after, step {s:g}", np.asarray(term.prox(w, s)), c)
            for s, c in zip((0.5, 2.0), style.SHADES, strict=False)
        ]
    for label, z, color in lines:
        if entry.name in ("SquaredDifferences", "Convex"):
            axis.plot(place, z, color=color, linewidth=1.8, label=label)
        else:
            axis.step(place, z, where="mid", color=color, linewidth=1.8, label=label)
    axis.axhline(0, color=style.EDGE, linewidth=0.9, zorder=0.5)
    style.legend(axis, "upper left", ncols=3)
    axis.set_ylim(top=axis.get_ylim()[1] * 1.25)
    style.titled(axis, named(term), "place along the axis", "weight")
    return made


def activity(entry: Entry, term: Any) -> Figure:
    """The penalty of one unit's activity."""
    made, (axis,) = style.panels([5.6], 2.6)
    p = np.linspace(0.005, 0.995, 400)
    if entry.name == "KLSparsity":
        value = [float(term(np.asarray([[x]]))) for x in p]
        axis.axvline(0.2, color=style.ORANGE, linewidth=1, linestyle=(0, (4, 3)))
        axis.annotate(
            "target", (0.2, max(value) * 0.8), (4, 0), textcoords="offset points", fontsize=8, color=style.ORANGE
        )
        words = "mean activity of a unit over the batch"
    else:
        value = [float(term(np.asarray([[x, 1 - x]]))) for x in p]
        words = "probability of the first of two classes"
    axis.plot(p, value, color=style.BLUE, linewidth=1.8)
    axis.set_xlim(0, 1)
    axis.set_ylim(bottom=0)
    style.titled(axis, named(term), words, "penalty")
    return made


def plain(entry: Entry, term: Any) -> Figure:
    return region(entry, term) if entry.kind == "constraint" else curve(entry, term)


def _kinds() -> dict[type, Callable[[Entry, Any], Figure]]:
    groups = "GroupLasso SparseGroupLasso GroupMCP ExclusiveLasso GroupLInf OrderedL1 HoyerSquare"
    by_name = {
        plane: groups,
        matrix: "NuclearNorm SquaredSpectralNorm OrthogonalRegularizer SquaredOrthogonal SpectralNorm NuclearBall LowRank "
        "Orthogonal PSD",
        pattern: "Zeros Triangular Diagonal Radial Masked StochasticRows StochasticColumns DoublyStochastic Symmetric Skew",
        region: "NonNeg NonPositive Box LInfBall Fixed MaxNorm UnitNorm MinMaxNorm L1Ball GroupL1Ball Simplex UnitSum "
        "ZeroMean HalfSpace TopK Intersection",
        profile: "TotalVariation SquaredDifferences Monotone Convex",
        activity: "KLSparsity Entropy",
        plain: "Plain",
    }
    how = {name: kind for kind, names in by_name.items() for name in names.split()}
    how["NM"] = pattern
    return {entry.cls: how.get(entry.name, curve) for entry in ENTRIES}


KINDS = _kinds()

__all__ = ["Intersection", "Sum", "draw", "term_of"]
