"""Constraints on how many weights are not zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import errors, identifiers
from taut._constraint import Constraint
from taut.functional import sparsity
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, shape_of


def _count(term: str, name: str, value: Any, default: Any = None) -> int:
    """An integer ≥ 1. It decides the shape of the program, so it is not traced."""
    if isinstance(value, bool) or (not isinstance(value, int) and not hasattr(value, "__index__")):
        raise TypeError(f"{term}({name}={errors.shown(value)}): {name} must be a whole number, for example 4.")
    value = int(value)
    errors.at_most(term, name, value)
    if value < 1:
        raise ValueError(
            f"{term}({name}={errors.shown(value)}): {name} must be at least 1. To hold every weight at 0 use Fixed(0.0)."
        )
    return value


def whole(default: Any = ...) -> Any:
    """A dataclass field for an integer, which is static."""
    given = {} if default is ... else {"default": default}
    return field(**given, metadata={"check": _count, "optional": False})


@dataclass(frozen=True, eq=False)
class TopK(Constraint):
    """Keeps the ``k`` largest weights (by magnitude) of each unit and sets the others to 0.0.

    If magnitudes are equal, the first weights are kept. The set is not convex, so the projection is Euclidean.

    Args:
        k: how many weights may be non-zero, ≥ 1.
        per: "unit", the weights over ``axis``; or "tensor", all weights of the array.
        axis: the axes that one unit spans; None means the layer's fan-in.

    Raises:
        ValueError: k below 1, or (when called) above the number of weights.

    >>> import numpy as np
    >>> TopK(1)(np.asarray([[3.0, 1.0], [-4.0, 0.5]]))
    array([[ 0.,  1.],
           [-4.,  0.]])
    """

    after_cone: ClassVar[bool] = True
    k: int = whole()
    per: str = "unit"
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def validate(self) -> None:
        if self.per not in ("unit", "tensor"):
            raise ValueError(errors.unknown("group of TopK", str(self.per), ("unit", "tensor")))
        if self.per == "tensor" and self.axis is not None:
            raise ValueError(
                f"TopK(per='tensor', axis={self.axis}): the whole tensor has no axis. Leave axis out, or use per='unit'."
            )

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        shape = shape_of(w)
        axes = tuple(range(len(shape))) if self.per == "tensor" else resolve(self.axis, fan_in, shape)
        size = math.prod([shape[a] for a in axes])
        if self.k > size:
            raise ValueError(
                f"TopK(k={self.k}, per={self.per!r}): there are only {size} weights to choose from in an array of "
                f"shape {shape}. Give a k of at most {size}."
            )
        return sparsity.keep_largest(w, self.k, axes)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sparsity.dropped(w, self(w, fan_in=fan_in))


@dataclass(frozen=True, eq=False)
class NM(Constraint):
    """Keeps ``n`` of every ``m`` neighbouring weights and sets the others to 0.0: GPUs speed up 2:4.

    If magnitudes are equal, the first weights are kept. The set is not convex, so the projection is Euclidean.

    Args:
        n: how many weights of a block may be non-zero, from 1 to m.
        m: the size of a block.
        axis: the axis along which weights form blocks; None means the input axis, the last axis of the layer's fan-in.

    Raises:
        ValueError: n above m, or weights whose axis is not a multiple of m.

    >>> import numpy as np
    >>> NM(2, 4)(np.asarray([1.0, -2.0, 3.0, 0.5]))
    array([ 0., -2.,  3.,  0.])
    """

    after_cone: ClassVar[bool] = True
    n: int = whole(2)
    m: int = whole(4)
    axis: int | None = errors.axis_field()

    def validate(self) -> None:
        if self.n > self.m:
            raise ValueError(f"NM(n={self.n}, m={self.m}): n of every m weights are kept, so n is at most m.")
        if isinstance(self.axis, tuple):
            raise TypeError(f"NM(axis={self.axis}): blocks are formed along one axis. Give one integer.")

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        shape = shape_of(w)
        axis = resolve(self.axis, fan_in, shape)[-1]
        if shape[axis] % self.m:
            raise ValueError(
                f"NM(n={self.n}, m={self.m}) needs blocks of {self.m}, but axis {axis} of an array of shape {shape} "
                f"has size {shape[axis]}. Choose an m that divides it, or another axis."
            )
        return sparsity.keep_of_each(w, self.n, self.m, axis)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sparsity.dropped(w, self(w, fan_in=fan_in))


for _cls in (TopK, NM):
    identifiers.register("constraint", _cls)
