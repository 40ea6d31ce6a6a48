"""Which role each parameter of each layer kind plays, and which axes are one unit's fan-in.

A unit is one output of a layer: a column of a Dense kernel, a filter of a convolution, a row of an embedding.
Its *fan-in* is the set of axes that run over its incoming weights, so a norm over the fan-in is the norm of one
unit. Terms with ``axis=None`` use it; that is why ``MaxNorm(1.0)`` is right for every layer here, and wrong by
default in Keras (on a convolution's kernel its ``axis=0`` leaves filters of norm 4.9).

A new layer kind joins by one row: :func:`register`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taut.functional._dtype import Array, namespace

__all__ = ["Layout", "Parameter", "Part", "all_but_last", "join", "layout_of", "part", "register"]


@dataclass(frozen=True)
class Parameter:
    """One parameter's role ("kernel", "bias", "scale", ...) and its fan-in.

    ``fan_in`` is a tuple of axes, or a function from ``(module, shape)`` to one.
    """

    role: str
    fan_in: tuple[int, ...] | Callable[[Any, tuple[int, ...]], tuple[int, ...] | None]

    def axes(self, module: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The fan-in of this parameter of ``module``, as non-negative axes of an array of ``shape``; None if unknown."""
        return self.fan_in(module, shape) if callable(self.fan_in) else self.fan_in


Layout = Mapping[str, Parameter]


def all_but_last(module: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Kernels whose last axis counts the units: Dense, and convolutions of any rank."""
    return tuple(range(len(shape) - 1)) if len(shape) > 1 else (0,)


def _of_one_layer(module: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """A kernel of ``window + (inputs, units)``; of layers that ``nnx.vmap`` stacked along the first axis, those of one.

    None where the last axis is not the units: then the layers are stacked along another.
    """
    window = getattr(module, "kernel_size", ())
    ahead = len(shape) - 2 - (1 if isinstance(window, int) else len(window))
    units = getattr(module, "units", getattr(module, "out_features", shape[-1]))
    if ahead <= 0:
        return all_but_last(module, shape)
    return tuple(range(ahead, len(shape) - 1)) if units == shape[-1] else None


def _contracted(module: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``nnx.LinearGeneral``: one matrix for each of a batch comes first, then the inputs, then the outputs (heads, ...)."""
    return tuple(range(len(module.batch_axis), len(shape) - len(module.out_features)))


def _transposable(module: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``nnx.ConvTranspose``: (window, inputs, units), or (window, units, inputs) where the kernel is transposed."""
    units = len(shape) - (2 if module.transpose_kernel else 1)
    return tuple(axis for axis in range(len(shape)) if axis != units)


_BIAS = Parameter("bias", lambda module, shape: tuple(range(len(shape))))
_SCALE = Parameter("scale", lambda module, shape: tuple(range(len(shape))))
KERNEL_AND_BIAS: Layout = {
    "kernel": Parameter("kernel", _of_one_layer),
    "bias": Parameter("bias", lambda module, shape: (len(shape) - 1,)),
}
_NORMALISER: Layout = {"scale": _SCALE, "bias": _BIAS}

# Flax's own modules by class name, so that reading this table needs no Flax.
_FLAX: dict[str, Layout] = {
    "Linear": KERNEL_AND_BIAS,
    "Conv": KERNEL_AND_BIAS,
    "ConvTranspose": {"kernel": Parameter("kernel", _transposable), "bias": _BIAS},
    "LinearGeneral": {"kernel": Parameter("kernel", _contracted), "bias": _BIAS},
    "Embed": {"embedding": Parameter("embedding", (1,))},
    "BatchNorm": _NORMALISER,
    "LayerNorm": _NORMALISER,
    "RMSNorm": _NORMALISER,
    "GroupNorm": _NORMALISER,
    "InstanceNorm": _NORMALISER,
}

_REGISTERED: dict[type, Layout] = {}


def register(kind: type, layout: Layout) -> None:
    """Declare the layout of a layer kind: ``{"kernel": Parameter("kernel", (0,)), "bias": ...}``.

    The keys are the attribute names of its parameters. Subclasses inherit it.

    >>> class Scale: ...
    >>> register(Scale, {"gain": Parameter("scale", (0,))})
    >>> layout_of(Scale())["gain"].role
    'scale'
    """
    for name, parameter in layout.items():
        if not isinstance(parameter, Parameter):
            raise TypeError(
                f"layout of {kind.__name__}: {name!r} is {parameter!r}, expected a taut.layouts.Parameter, "
                f'such as Parameter("kernel", (0,))'
            )
    _REGISTERED[kind] = dict(layout)


def layout_of(module: Any) -> Layout | None:
    """The layout declared for ``module``'s class or the nearest of its bases, or None."""
    for kind in type(module).__mro__:
        if kind in _REGISTERED:
            return _REGISTERED[kind]
        if kind.__module__.startswith("flax.nnx") and kind.__name__ in _FLAX:
            return _FLAX[kind.__name__]
    return None


# --- units as a whole -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """What one parameter gives to the units of its layer.

    ``fan_in`` are the axes that run over one unit's weights; none of them for a bias, which gives one weight a unit.
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
        """The axes, those of the fan-in first."""
        return (*self.fan_in, *(a for a in range(len(self.shape)) if a not in self.fan_in))


def join(parts: tuple[Part, ...], values: Mapping[str, Any]) -> Array:
    """Each unit's weights as one column, those of the first part on top: (weights of a unit, units).

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
