"""The page of one model: what its terms did to it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from taut.functional import units
from taut.report.html.curves import curves_panel
from taut.report.html.escape import name
from taut.report.html.inputs import inputs_panel
from taut.report.html.page import page, write
from taut.report.html.snapshots import Snapshots, input_names
from taut.report.html.terms import bounds_panel, terms_panel
from taut.report.html.weights import images_panel, weights_panel

__all__ = ["image_shape", "model_page", "snapshots"]


def model_page(
    model: Any,
    path: str | os.PathLike[str],
    *,
    x: Any = None,
    feature_names: Sequence[str] | None = None,
    image: tuple[int, int] | None = None,
    title: str | None = None,
) -> None:
    """Write the report of ``model`` to one HTML file that needs nothing else.

    Args:
        model: a `Sequential` that is built.
        path: the file.
        x: rows of data; the contributions of the inputs are then in units of what they do to the first layer.
        feature_names: one name an input.
        image: (height, width), if the inputs are the pixels of an image.
        title: the heading; by default the model's name.

    Raises:
        ValueError: names, rows or an image that do not fit the inputs.
    """
    params = {p: np.asarray(w)[None] for p, w in model.params.items()}
    snap = snapshots(model, params, x=x, feature_names=feature_names, image=image)
    count = sum(w.size for w in params.values())
    zeros = sum(int(np.sum(w == 0)) for w in params.values())
    lead = (
        f'<p class="lead">Model {name(model.name)}: {count:,} weights in {len(params)} '
        f"parameters, {zeros:,} of them exactly zero.</p>"
    )
    history = {} if model.history is None else model.history.history
    curves = curves_panel({n: np.asarray(v, np.float64)[None, None, None] for n, v in history.items()})
    panels = [terms_panel([model.plan]), bounds_panel(snap, [model.plan]), inputs_panel(snap), weights_panel(snap)]
    panels += [images_panel(snap), curves]
    write(path, page(title or f"Report of {model.name}", lead, [p for p in panels if p is not None]))


def snapshots(
    model: Any,
    weights: dict[str, np.ndarray],
    *,
    x: Any = None,
    feature_names: Sequence[str] | None = None,
    image: tuple[int, int] | None = None,
    start: int = 0,
) -> Snapshots:
    """``weights`` (by path, shape (steps, *shape)) of ``model``, with what is known of its inputs."""
    entries = model.plan.entries
    bare = Snapshots(entries, weights, ())
    first = bare.first
    if first is None:
        return bare
    count = units.by_input(np.empty(first.shape), first.fan_in).shape[1]
    spread = None
    if x is not None:
        rows = np.asarray(x, np.float64)
        rows = rows.reshape(len(rows), -1)
        if rows.shape[1] != count:
            raise ValueError(
                f"x: rows of {rows.shape[1]} values, expected {count}, one for each input of {first.path}."
            )
        spread = rows.std(axis=0)
    pixels = image_shape(image, model.input_shape, count)
    return Snapshots(entries, weights, input_names(feature_names, count), pixels, spread, start)


def image_shape(image: Any, input_shape: tuple[int, ...] | None, inputs: int) -> tuple[int, int] | None:
    """The image that the inputs are: the one given, or that of rows with a height and a width.

    Raises:
        ValueError: another number of pixels than of inputs.

    >>> image_shape(None, (28, 28), 784), image_shape(None, (10,), 10), image_shape((2, 3), (6,), 6)
    ((28, 28), None, (2, 3))
    """
    if image is None:
        flat = input_shape is not None and len(input_shape) in (2, 3) and math.prod(input_shape) == inputs
        pixels = input_shape[:2] if flat and input_shape is not None and math.prod(input_shape[2:]) == 1 else None
        return None if pixels is None else (pixels[0], pixels[1])
    height, width = (int(n) for n in image)
    if height < 1 or width < 1 or height * width != inputs:
        raise ValueError(f"image={image!r}: {height} × {width} pixels, expected {inputs}, one for each input.")
    return height, width
