"""The units, or the inputs, of a layer as columns of one array, and the inverse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, namespace, shape_of
from taut.layouts._fan_in import FanIn

__all__ = ["Part", "by_input", "join", "part"]


@dataclass(frozen=True)
class Part:
    """The part that one parameter has in the units of its layer.

    ``fan_in`` are the axes that run over one unit's weights; none of them for a bias, which gives one weight per unit.
    """

    path: str
    shape: tuple[int, ...]
    fan_in: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Weights that each unit has here."""
        return math.prod(self.shape[a] for a in self.fan_in)

    @property
    def units(self) -> int:
        return math.prod(self.shape) // max(self.rows, 1)

    @property
    def order(self) -> tuple[int, ...]:
        """The axes, with those of the fan-in first."""
        return (*self.fan_in, *(a for a in range(len(self.shape)) if a not in self.fan_in))


def join(parts: tuple[Part, ...], values: Mapping[str, Any]) -> Array:
    """Each unit's weights as one column, those of the first part first: (weights of a unit, units).

    >>> import numpy as np
    >>> parts = Part("dense/kernel", (2, 3), (0,)), Part("dense/bias", (3,), ())
    >>> join(parts, {"dense/kernel": np.ones((2, 3)), "dense/bias": np.zeros(3)})
    array([[1., 1., 1.],
           [1., 1., 1.],
           [0., 0., 0.]])
    """
    arrays = [values[p.path] for p in parts]
    xp = namespace(*arrays)
    return xp.concat(
        [xp.reshape(xp.permute_dims(a, p.order), (p.rows, p.units)) for p, a in zip(parts, arrays, strict=True)]
    )


def part(parts: tuple[Part, ...], units: Array) -> dict[str, Array]:
    """The inverse of :func:`join`: by path."""
    xp, out, start = namespace(units), {}, 0
    for p in parts:
        rows = xp.reshape(units[start : start + p.rows, ...], tuple(p.shape[a] for a in p.order))
        out[p.path] = xp.permute_dims(rows, tuple(p.order.index(a) for a in range(len(p.shape))))
        start += p.rows
    return out


def by_input(w: Array, fan_in: Axes = None) -> Array:
    """Each input's weights as one column: (weights of an input, inputs). The input is the last axis of a plain fan-in.

    >>> import numpy as np
    >>> by_input(np.asarray([[1, 2], [3, 4], [5, 6]]))
    array([[1, 3, 5],
           [2, 4, 6]])
    """
    xp, shape = namespace(w), shape_of(w)
    if isinstance(fan_in, FanIn):
        shape, inputs = fan_in.unpacked, fan_in.inputs
    else:
        inputs = resolve(None, fan_in, shape)[-1:]
    rest = tuple(a for a in range(len(shape)) if a not in inputs)
    columns = math.prod(shape[a] for a in inputs)
    return xp.reshape(xp.permute_dims(xp.reshape(w, shape), (*rest, *inputs)), (-1, columns))
