"""What follows from the axes of an array: each thing once, here.

All functions take fitted axes (`_axes.fit`). The *unpacked* array has one axis for each factor; reshaping gives it, and
there everything is a set of whole axes. Its units are the entries of the unit factors: those that go out, with their
groups; in a table that is looked up, the tokens. What is left runs over one unit's incoming weights.
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
    """Whether each unit has one weight here: biases, scales, slopes."""
    return not any(f.side == SUMMED or f.name == "token" for f in factors(axes))


def _counts_units(factor: Factor, axes: Axes) -> bool:
    if any(f.name == "token" for f in factors(axes)):
        return factor.name == "token"
    return factor.side in (UNITS, BOTH)


def _counts_inputs(factor: Factor) -> bool:
    return factor.side == BOTH or (factor.side == SUMMED and factor.name != "window")


def unit_axes(axes: Axes) -> tuple[int, ...]:
    """The axes of the unpacked array that tell units apart."""
    return tuple(i for i, f in enumerate(factors(axes)) if _counts_units(f, axes))


def input_axes(axes: Axes) -> tuple[int, ...]:
    """The axes of the unpacked array that tell inputs apart; of two inputs (a bilinear layer's) those of the first."""
    return tuple(i for i, f in enumerate(factors(axes)) if _counts_inputs(f) and f.name != "in2")


def fan_in(axes: Axes) -> tuple[int, ...]:
    """The axes of the array that run over one unit's weights; all of those of a vector, which is one unit as in Keras.

    Raises:
        ValueError: one axis holds units and what they sum over, so that no whole axes are one unit's weights.
    """
    if is_vector(axes):
        return tuple(range(len(axes)))
    found: list[int] = []
    for number, axis in enumerate(axes):
        units = [f for f in axis if _counts_units(f, axes) and _size(f) != 1]
        rest = [f for f in axis if not _counts_units(f, axes)]
        if units and any(_size(f) != 1 for f in rest):
            raise ValueError(
                f"axis {number} of '{show(axes)}' counts units and also what a unit sums over, so no whole axes are one "
                f"unit's weights. Reshape the array to {unpacked_shape(axes)}, where they are the axes "
                f"{unpacked_fan_in(axes)}, or list them by groups('unit')."
            )
        if rest and not units and any(f.name != "1" for f in rest):
            found.append(number)
    return tuple(found)


def fan_in_of_terms(axes: Axes) -> tuple[int, ...]:
    """`fan_in`, which where its last axis alone does not tell inputs apart also says what one input's weights are."""
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
    """The axes of the unpacked array that tell the groups apart: "unit", "input", "filter" (a unit's for one input)."""
    if by not in ("unit", "input", "filter"):
        raise ValueError(f"by={by!r}, expected 'unit', 'input' or 'filter'.")
    if is_vector(axes):
        if by != "unit":
            raise ValueError(
                f"by={by!r}: an array with the axes '{show(axes)}' has one weight per unit, and no inputs."
            )
        return ()
    chosen = {
        "unit": set(unit_axes(axes)),
        "input": set(input_axes(axes)),
        "filter": {*unit_axes(axes), *input_axes(axes)},
    }
    # A group of inputs counts slowest wherever it stands: feature = group · size + place in it.
    return tuple(sorted(chosen[by], key=lambda i: (factors(axes)[i].name != "group", i)))


def groups(axes: Axes, by: str) -> np.ndarray:
    """The number of each entry's group, in the shape of the array: by input it is the feature's, by unit the unit's."""
    sizes = unpacked_shape(axes)
    numbers, step = np.zeros([1] * len(sizes), np.int64), 1
    for i in reversed(group_axes(axes, by)):
        numbers = numbers + step * np.arange(sizes[i]).reshape([-1 if j == i else 1 for j in range(len(sizes))])
        step *= sizes[i]
    shape = [math.prod(_size(f) for f in axis) for axis in axes]
    return np.broadcast_to(numbers, sizes).reshape(shape)


def blocks(axes: Axes) -> tuple[Block, ...]:
    """Where each gate's, head's or group's matrix lies: an index for each; one, the whole, where nothing is packed."""
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
    raise ValueError(f"axis '{show((axis,))}': the blocks of an axis are its first factors or its last.")


def fans(axes: Axes) -> tuple[int, int]:
    """(fan in, fan out) for Glorot's and He's initial weights: weights of one unit, weights of one input, windows included.

    In a table that is looked up the tokens are the inputs and the features the units; a vector is as Keras has it.
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
    """For each axis what cutting a feature takes from it: "in", "out", "out*4" (once in each of four gates), or None.

    An axis is None that counts something else, or several things that cannot be cut one by one.
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
    """How many features come in, or None where the array does not say."""
    own = [f for i, f in enumerate(factors(axes)) if i in input_axes(axes) and f.name != "token"]
    mixed = any(f.name == "in+out" for f in own)
    return None if mixed or is_vector(axes) or not own else math.prod(_size(f) for f in own)
