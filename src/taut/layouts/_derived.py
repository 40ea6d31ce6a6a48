"""Everything that follows from the axes of an array.

All functions take fitted axes (`_axes.fit`). The *unpacked* array has one axis for each factor; it is a reshape of the
array, and there units, inputs and groups are sets of whole axes. Its units are the entries of the unit factors: the
output features with their groups, or, in an embedding table, the tokens. The other axes run over one unit's incoming
weights.
"""

from __future__ import annotations

import itertools
import math
from typing import TypeAlias

import numpy as np

from taut.layouts._axes import BOTH, SUMMED, UNITS, Axes, Axis, Factor, show
from taut.layouts._fan_in import FanIn

BLOCKS = ("part", "gate", "head", "group")  # each of them is a matrix of its own
Block: TypeAlias = tuple[slice, ...]


def factors(axes: Axes) -> tuple[Factor, ...]:
    return tuple(f for axis in axes for f in axis)


def _size(factor: Factor) -> int:
    assert isinstance(factor.size, int)
    return factor.size


def unpacked_shape(axes: Axes) -> tuple[int, ...]:
    return tuple(_size(f) for f in factors(axes))


def is_vector(axes: Axes) -> bool:
    """Whether each unit has one weight in this array: biases, scales, slopes."""
    return not any(f.side == SUMMED or f.name == "token" for f in factors(axes))


def _counts_units(factor: Factor, axes: Axes) -> bool:
    if any(f.name == "token" for f in factors(axes)):
        return factor.name == "token"
    return factor.side in (UNITS, BOTH)


def _counts_inputs(factor: Factor) -> bool:
    return factor.side == BOTH or (factor.side == SUMMED and factor.name != "window")


def unit_axes(axes: Axes) -> tuple[int, ...]:
    """The axes of the unpacked array that count units."""
    return tuple(i for i, f in enumerate(factors(axes)) if _counts_units(f, axes))


def input_axes(axes: Axes) -> tuple[int, ...]:
    """The axes of the unpacked array that count inputs; for two inputs (a bilinear layer) those of the first."""
    return tuple(i for i, f in enumerate(factors(axes)) if _counts_inputs(f) and f.name != "in2")


def fan_in(axes: Axes) -> tuple[int, ...]:
    """The axes of the array that run over one unit's weights; all axes of a vector, which is one unit as in Keras.

    Raises:
        ValueError: one axis counts both units and what they sum over, so one unit's weights are not whole axes.
    """
    if is_vector(axes):
        return tuple(range(len(axes)))
    found: list[int] = []
    for number, axis in enumerate(axes):
        units = [f for f in axis if _counts_units(f, axes) and _size(f) != 1]
        rest = [f for f in axis if not _counts_units(f, axes)]
        if units and any(_size(f) != 1 for f in rest):
            raise ValueError(
                f"axis {number} of '{show(axes)}' counts both units and what a unit sums over, so one unit's "
                f"weights are not whole axes. Reshape the array to {unpacked_shape(axes)}, where they are the axes "
                f"{unpacked_fan_in(axes)}, or list them by groups('unit')."
            )
        if rest and not units and any(f.name != "1" for f in rest):
            found.append(number)
    return tuple(found)


def fan_in_of_terms(axes: Axes) -> tuple[int, ...]:
    """`fan_in`; if its last axis is not the input axis, it also says what one input's weights are."""
    own = fan_in(axes)
    if is_vector(axes):
        return own
    owner = [number for number, axis in enumerate(axes) for _ in axis]
    tells = {i for i, f in enumerate(factors(axes)) if _size(f) != 1}  # one of one thing tells nothing apart
    by_input, by_filter = (tells & set(group_axes(axes, by)) for by in ("input", "filter"))
    plain_input = {i for i in tells if own and owner[i] == own[-1]}
    plain_filter = {i for i in tells if owner[i] not in own[:-1]}
    if (by_input, by_filter) == (plain_input, plain_filter):
        return own
    return FanIn(own, unpacked_shape(axes), group_axes(axes, "input"), group_axes(axes, "filter"))


def unpacked_fan_in(axes: Axes) -> tuple[int, ...]:
    """The axes of the unpacked array that run over one unit's weights."""
    own = unit_axes(axes)
    return tuple(i for i in range(len(factors(axes))) if is_vector(axes) or i not in own)


def group_axes(axes: Axes, by: str) -> tuple[int, ...]:
    """The axes of the unpacked array that count groups: "unit", "input", "filter" (a unit's for one input)."""
    if by not in ("unit", "input", "filter"):
        raise ValueError(f"by={by!r}, expected 'unit', 'input' or 'filter'.")
    if is_vector(axes):
        if by != "unit":
            raise ValueError(f"by={by!r}: an array with the axes '{show(axes)}' has one weight per unit and no inputs.")
        return ()
    chosen = {
        "unit": set(unit_axes(axes)),
        "input": set(input_axes(axes)),
        "filter": {*unit_axes(axes), *input_axes(axes)},
    }
    # The group of an input always counts slowest: feature = group · size + position in the group.
    return tuple(sorted(chosen[by], key=lambda i: (factors(axes)[i].name != "group", i)))


def groups(axes: Axes, by: str) -> np.ndarray:
    """The group number of each entry, in the shape of the array: the number of its input feature, or of its unit."""
    sizes = unpacked_shape(axes)
    numbers, step = np.zeros([1] * len(sizes), np.int64), 1
    for i in reversed(group_axes(axes, by)):
        numbers = numbers + step * np.arange(sizes[i]).reshape([-1 if j == i else 1 for j in range(len(sizes))])
        step *= sizes[i]
    shape = [math.prod(_size(f) for f in axis) for axis in axes]
    return np.broadcast_to(numbers, sizes).reshape(shape)


def blocks(axes: Axes) -> tuple[Block, ...]:
    """An index for the matrix of each gate, head or group; one index for the whole array if nothing is packed."""
    along = [_slices(axis) for axis in axes]
    return tuple(itertools.product(*along))


def _slices(axis: Axis) -> list[slice]:
    length = math.prod(_size(f) for f in axis)
    own = [i for i, f in enumerate(axis) if f.name in BLOCKS]
    if not own:
        return [slice(None)]
    count = math.prod(_size(axis[i]) for i in own)
    if own == list(range(len(own))):  # (gate out): one run of the axis after the other
        run = length // count
        return [slice(k * run, (k + 1) * run) for k in range(count)]
    if own == list(range(len(axis) - len(own), len(axis))):  # (out gate): taking turns
        return [slice(k, length, count) for k in range(count)]
    raise ValueError(f"axis '{show((axis,))}': the blocks of an axis must be its first factors or its last.")


def fans(axes: Axes) -> tuple[int, int]:
    """(fan in, fan out) for Glorot's and He's initial weights: the numbers of weights of one unit and of one input.

    Windows are included. In an embedding table the tokens are the inputs and the features the units; a vector is treated
    as in Keras.
    """
    sizes = unpacked_shape(axes)
    whole = math.prod(sizes)
    if is_vector(axes):
        return whole, whole
    tokens = math.prod(_size(f) for f in factors(axes) if f.name == "token")
    if any(f.name == "token" for f in factors(axes)):
        return tokens, whole // max(tokens, 1)
    units, inputs = (math.prod(sizes[i] for i in chosen) for chosen in (unit_axes(axes), input_axes(axes)))
    return whole // max(units, 1), whole // max(inputs, 1)


def keras_axis(axes: Axes) -> int | list[int]:
    """The ``axis`` to write for Keras's MaxNorm, UnitNorm and MinMaxNorm, so that they bound one unit's norm."""
    own = fan_in(axes)
    return own[0] if len(own) == 1 else list(own)


def keras_default(axes: Axes) -> tuple[str, ...]:
    """What Keras's own default, ``axis=0``, sums over: ("in",) for Dense, but ("window",) for a convolution."""
    return tuple(f.name for f in axes[0]) if axes else ()


def features(axes: Axes) -> tuple[str | None, ...]:
    """For each axis, what is removed from it with a feature: "in", "out", "out*4" (once in each of four gates), or None.

    None means that the axis counts something else, or several things that cannot be removed one by one.
    """
    large = [f for f in factors(axes) if _size(f) != 1]
    apart = {
        "group": ("in", "out"),
        "head": ("out",),
    }  # cut with the same feature of every other group or head, or not at all
    fixed = {
        name for f in large for name in (("in",) if f.name == "head" and f.side == SUMMED else apart.get(f.name, ()))
    }
    return tuple(
        None if (label := _feature(axis)) is None or label.partition("*")[0] in fixed else label for axis in axes
    )


def _feature(axis: Axis) -> str | None:
    own = [f for f in axis if _size(f) != 1] or list(axis[-1:])
    if not own or own[-1].name not in ("in", "out") or any(f.name not in ("gate", "part") for f in own[:-1]):
        return None
    times = math.prod(_size(f) for f in own[:-1])
    return own[-1].name if times == 1 else f"{own[-1].name}*{times}"


def inputs(axes: Axes) -> int | None:
    """The number of input features, or None if it does not follow from the array."""
    own = [f for i, f in enumerate(factors(axes)) if i in input_axes(axes) and f.name != "token"]
    mixed = any(f.name == "in+out" for f in own)
    return None if mixed or is_vector(axes) or not own else math.prod(_size(f) for f in own)
