"""What charts share: axes without clutter, kernels as images in few bytes, and histograms.

Images hold one byte a cell. Byte 0 is the exact zero and nothing else: a weight that is small, but not zero,
is rounded away from it, so that the grey of zeros never lies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taut.report.html.escape import label
from taut.report.html.parts import Json

__all__ = [
    "GAP",
    "axis",
    "counts",
    "divided",
    "image_trace",
    "layout",
    "levels",
    "named_ticks",
    "pooled",
    "shade",
    "tiled",
]

GAP = -128  # no cell at all: transparent


def layout(**more: Any) -> Json:
    """Plotly's layout without decoration, zoom or pan: a touch on a chart scrolls the page."""
    return {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12, "color": "@quiet"},
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@line", "font": {"color": "@ink", "family": "inherit"}},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        **more,
    }


def axis(title: str | None = None, **more: Any) -> Json:
    return {
        **({"title": {"text": title, "standoff": 8}} if title else {}),
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "@line",
        "linecolor": "@line",
        "zerolinecolor": "@line",
        "tickcolor": "@line",
        "showline": False,
        "zeroline": False,
        **more,
    }


def named_ticks(names: Any, width: int = 18) -> Json:
    """Ticks at 0, 1, 2, ... with users' words, harmless."""
    return {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [label(n, width) for n in names]}


def levels(w: np.ndarray, top: float) -> np.ndarray:
    """Weights in [−top, top] as bytes −127 … 127, and 0 for an exact zero alone.

    >>> levels(np.asarray([-9.0, -1e-9, 0.0, 0.5, 1.0]), 1.0)
    array([-127,   -1,    0,   64,  127], dtype=int8)
    """
    w = np.asarray(w, np.float64)
    steps = np.clip(np.rint(127 * w / (top or 1.0)), -127, 127)
    return np.where((steps == 0) & (w != 0), np.sign(w), steps).astype(np.int8)


def pooled(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """At most ``rows`` × ``columns`` cells: of each block the weight that is largest without its sign.

    A block is 0.0 only if all of it is.

    >>> pooled(np.asarray([[0.0, 1.0, 0.0], [-2.0, 0.0, 0.0]]), 2, 2)
    array([[ 1.,  0.],
           [-2.,  0.]])
    """
    for dimension, most in ((0, rows), (1, columns)):
        size = matrix.shape[dimension]
        if size <= most:
            continue
        width = -(-size // most)
        blocks = -(-size // width)
        padding = [(0, 0), (0, 0)]
        padding[dimension] = (0, blocks * width - size)
        shape = (blocks, width, matrix.shape[1]) if dimension == 0 else (matrix.shape[0], blocks, width)
        parts = np.pad(matrix, padding).reshape(shape)  # (…, block, within, …)
        largest = np.argmax(np.abs(parts), axis=dimension + 1, keepdims=True)
        matrix = np.take_along_axis(parts, largest, dimension + 1).squeeze(dimension + 1)
    return matrix


def tiled(kernels: np.ndarray, columns: int) -> np.ndarray:
    """Images (count, height, width) of bytes as one, ``columns`` side by side, an empty line between them."""
    count, height, width = kernels.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), GAP, np.int8)
    for i, kernel in enumerate(kernels):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        sheet[top : top + height, left : left + width] = kernel
    return sheet


def shade(low: str, middle: str, high: str, zero: str) -> list[list[Any]]:
    """A colour scale over the bytes −128 … 127: nothing, low … middle, the zero apart, middle … high."""

    def place(value: float) -> float:
        return (value + 128.5) / 256

    return [
        *([place(-128.5), "rgba(0,0,0,0)"], [place(-127.5), "rgba(0,0,0,0)"]),
        *([place(-127.5), low], [place(-0.5), middle]),
        *([place(-0.5), zero], [place(0.5), zero]),
        *([place(0.5), middle], [place(127.5), high]),
    ]


def image_trace(**more: Any) -> Json:
    """Plotly's heatmap of such bytes."""
    return {
        "type": "heatmap",
        "zmin": -128.5,
        "zmax": 127.5,
        "zsmooth": False,
        "showscale": False,
        "hoverinfo": "skip",
        "colorscale": shade("@low", "@middle", "@high", "@zero"),
        **more,
    }


def counts(w: np.ndarray, span: float, bins: int) -> tuple[list[int], int]:
    """How many weights are in each of ``bins`` equal parts of [−span, span], and how many are exactly zero.

    Larger ones are counted in the outermost part; exact zeros in none.
    """
    flat = np.asarray(w, np.float64).ravel()
    found, _ = np.histogram(np.clip(flat[flat != 0], -span, span), bins=bins, range=(-span, span))
    return found.tolist(), int(np.sum(flat == 0))


def divided(steps: int, parts: int, budget: int) -> int:
    """How many of ``budget`` cells one part may have at one step."""
    return max(64, budget // max(1, steps * parts))
