"""Which axes belong to one unit.

A given ``axis`` has the same meaning as in Keras. None means the unit's fan-in: the axes from the layout or, for an
array without a layout, every axis but the last (axis 0 of a vector, as in Keras).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from taut.layouts._fan_in import FanIn

Axes: TypeAlias = int | Sequence[int] | None


def resolve(axis: Axes, fan_in: Axes, shape: Sequence[int]) -> tuple[int, ...]:
    """The axes to reduce over, as sorted non-negative numbers.

    Args:
        axis: the ``axis`` of the term; None means ``fan_in``.
        fan_in: the fan-in from the layout; None means all axes but the last.
        shape: the shape of the weights.

    >>> resolve(None, None, (3, 3, 8, 16)), resolve(None, None, (5,)), resolve(-1, (0,), (4, 2))
    ((0, 1, 2), (0,), (1,))
    """
    ndim = len(shape)
    chosen = axis if axis is not None else fan_in
    if chosen is None:
        return tuple(range(ndim - 1)) if ndim > 1 else tuple(range(ndim))
    given = (chosen,) if isinstance(chosen, int) else tuple(chosen)
    for a in given:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"Axis {a} does not exist in an array of shape {tuple(shape)}, which has {ndim} "
                f"axes (0 to {ndim - 1}, or -{ndim} to -1). Give an axis in that range, or leave axis=None."
            )
    axes = tuple(sorted({a % ndim for a in given}))
    if len(axes) != len(given):
        raise ValueError(f"Axis {given} names an axis of shape {tuple(shape)} twice. Name each axis once.")
    return axes


def input_groups(fan_in: Axes, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The axes of one *input*'s weights: every axis but the input axis, which is the last of a plain fan-in.

    None if no axes of the array describe it.

    >>> input_groups(None, (10, 4)), input_groups(None, (3, 3, 8, 16))
    ((1,), (0, 1, 3))
    """
    if isinstance(fan_in, FanIn):
        return fan_in.by_input if fan_in.unpacked == tuple(shape) else None
    axes = resolve(None, fan_in, shape)
    source = axes[-1] if axes else -1
    return tuple(a for a in range(len(shape)) if a != source)


def filter_groups(fan_in: Axes, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The axes of one unit's weights for one input: the fan-in but the input axis; None as in `input_groups`."""
    if isinstance(fan_in, FanIn):
        return fan_in.by_filter if fan_in.unpacked == tuple(shape) else None
    return resolve(None, fan_in, shape)[:-1]
