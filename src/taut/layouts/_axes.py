"""What each axis of an array counts: a small notation, parsed once and then fitted to the shape of an array.

Axes are written in order, separated by spaces: ``"window* in (group:groups out)"``. An axis that combines several
things is in brackets, the slowest first. ``gate:4`` says how many; ``group:groups`` takes the number from the module's
attribute
``groups``; one factor of an axis may have no number, which then follows from the shape. ``window*`` stands for all
remaining axes, possibly none.

=========  ============================================================================================================
in         a feature that comes in; a unit sums over them
in2        a feature of a second input (a bilinear layer)
in+out     a feature that comes in, or after those one of the layer's own outputs (one kernel for input and state)
out        a feature that goes out: a unit
window     a place in a filter; a unit sums over them
group      a group of inputs that feeds its own group of units: it counts both
head       a head of attention; written ``in.head`` where the inputs are split by head
gate       a gate of a recurrent layer
part       one of several arrays kept as one: query, key and value; the two biases of a GRU
token      a row of a table that is looked up
1          an axis of size 1 that counts nothing
=========  ============================================================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

SUMMED, UNITS, BOTH, NOTHING = "summed", "units", "both", "nothing"
NAMES = {
    "in": SUMMED,
    "in2": SUMMED,
    "in+out": SUMMED,
    "window": SUMMED,
    "out": UNITS,
    "head": UNITS,
    "gate": UNITS,
    "part": UNITS,
    "group": BOTH,
    "token": BOTH,
    "1": NOTHING,
}
_FACTOR = re.compile(r"(?P<inner>in\.)?(?P<name>[\w+]+)(:(?P<size>[\w.]+))?(?P<many>\*)?")


@dataclass(frozen=True)
class Factor:
    """One thing that an axis counts, and how many: a number, an attribute of the module, or None (from the shape)."""

    name: str
    size: int | str | None = None
    side: str = SUMMED
    many: bool = False

    def __str__(self) -> str:
        inner = "in." if self.name == "head" and self.side == SUMMED else ""
        return f"{inner}{self.name}{'' if self.size is None else f':{self.size}'}{'*' if self.many else ''}"


Axis: TypeAlias = tuple[Factor, ...]
Axes: TypeAlias = tuple[Axis, ...]


def show(axes: Axes) -> str:
    """The notation again.

    >>> show(read("window* in (group:groups out)"))
    'window* in (group:groups out)'
    """
    return " ".join(str(a[0]) if len(a) == 1 else f"({' '.join(map(str, a))})" for a in axes)


@lru_cache(maxsize=512)
def read(text: str) -> Axes:
    """The axes that ``text`` describes.

    Raises:
        ValueError: a word that is not in the table above, or two axes with a *.

    >>> [factor.name for factor in read("in (gate:4 out)")[1]]
    ['gate', 'out']
    """
    axes = tuple(
        tuple(_factor(word, text) for word in token.strip("()").split())
        for token in re.findall(r"\([^()]*\)|[^\s()]+", text)
    )
    if any(not axis for axis in axes) or text.count("(") != text.count(")"):
        raise ValueError(f"axes {text!r}: brackets contain the factors of one axis, such as '(gate:4 out)'.")
    many = [f for axis in axes for f in axis if f.many]
    if len(many) > 1 or any(f.many for axis in axes if len(axis) > 1 for f in axis):
        raise ValueError(f"axes {text!r}: at most one axis may have a *, and not inside brackets.")
    if any(sum(f.size is None for f in axis) > 1 for axis in axes):
        raise ValueError(
            f"axes {text!r}: inside brackets at most one factor may have no size; write sizes as in 'gate:4'."
        )
    return axes


def _factor(word: str, text: str) -> Factor:
    match = _FACTOR.fullmatch(word)
    name = match["name"] if match else word
    if match is None or name not in NAMES or (match["inner"] and name != "head"):
        raise ValueError(f"axes {text!r}: {word!r}, expected one of {', '.join(NAMES)}, with a size as in 'gate:4'.")
    size = match["size"]
    return Factor(
        name,
        int(size) if size and size.isdecimal() else size,
        SUMMED if match["inner"] else NAMES[name],
        bool(match["many"]),
    )


def fit(axes: Axes, shape: Sequence[int], module: Any = None) -> Axes:
    """``axes`` with a number for each factor, for an array of ``shape`` that belongs to ``module``.

    Raises:
        ValueError: no array of that shape has these axes.

    >>> [factor.size for factor in fit(read("in (gate:4 out)"), (3, 20))[1]]
    [4, 5]
    """
    extra = len(shape) - (len(axes) - any(f.many for axis in axes for f in axis))
    wide: list[Axis] = []
    for axis in axes:
        wide += [(Factor(axis[0].name, None, axis[0].side),)] * extra if axis[0].many else [axis]
    if len(wide) != len(shape):
        raise ValueError(f"an array of shape {tuple(shape)} does not have the axes '{show(axes)}'.")
    return tuple(_sized(axis, n, axes, shape, module) for axis, n in zip(wide, shape, strict=True))


def likely(axes: Axes, window: int, module: Any) -> Axes:
    """``axes`` of a module that has no arrays yet: a number for each factor, 2 where it depends on the shape."""
    lengths: list[int] = []
    for axis in axes:
        length = math.prod(2 if f.size is None else _number(f.size, module) or 1 for f in axis)
        lengths += [length] * (window if axis[0].many else 1)
    return fit(axes, lengths, module)


def _sized(axis: Axis, length: int, axes: Axes, shape: Sequence[int], module: Any) -> Axis:
    sizes = [_number(f.size, module) for f in axis]
    known = math.prod(n for n in sizes if n is not None)
    left = [i for i, n in enumerate(sizes) if n is None]
    if left and known and length % known == 0:
        sizes[left[0]] = length // known
    if None in sizes or math.prod(n for n in sizes if n is not None) != length:
        counted = " × ".join(f"{f.name} {'?' if n is None else n}" for f, n in zip(axis, sizes, strict=True))
        raise ValueError(
            f"an array of shape {tuple(shape)} does not have the axes '{show(axes)}': {length} is not {counted}."
        )
    return tuple(Factor(f.name, n, f.side) for f, n in zip(axis, sizes, strict=True))


def _number(size: int | str | None, module: Any) -> int | None:
    if isinstance(size, str):
        for attribute in size.split("."):
            module = getattr(module, attribute)
        return int(module)
    return size
