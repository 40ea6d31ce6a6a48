"""Constraints, under Keras's names: each keeps weights inside a set."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from taut import _sets as catalogue
from taut import errors, identifiers
from taut._constraint import Constraint, Intersection, Plain, as_constraint
from taut._sets import *  # noqa: F403  (what it holds is its own `__all__`)
from taut._term import number
from taut.functional import projections, violations
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, shape_of
from taut.functional.combined import Region

_warned: set[str] = set()


@dataclass(frozen=True, eq=False)
class NonNeg(Constraint):
    """Keeps every weight at 0 or above.

    >>> import numpy as np
    >>> NonNeg()(np.asarray([-1.0, 2.0]))
    array([0., 2.])
    """

    keras: ClassVar[bool] = True
    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True
    nonneg: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, 0.0, None)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, 0.0, None)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(nonneg=True)


@dataclass(frozen=True, eq=False)
class Box(Constraint):
    """Clips every weight into [low, high]: bounds on values, where MaxNorm and MinMaxNorm bound norms.

    Args:
        low: smallest value allowed, a number or an array that broadcasts to the weights; None for no bound.
        high: largest value allowed, in the same form. Bounds are converted to the precision of the weights, as in
            ``w <= high``. For half precision they are read in float32, and a weight becomes the nearest number inside.

    Raises:
        ValueError: low above high, NaN, or no bound at all. When applied to weights: bounds that their dtype cannot
            represent, or that have no number of that dtype between them.

    >>> import numpy as np
    >>> Box(-1, 1)(np.asarray([-3.0, 0.5]))
    array([-1. ,  0.5])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    low: Number | None = number(None, errors.bound, optional=True)
    high: Number | None = number(None, errors.bound, optional=True)

    def validate(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("Box() has no bound. Give low, high or both, for example Box(-1, 1).")
        if (errors.is_concrete(self.low) and self.low == math.inf) or (
            errors.is_concrete(self.high) and self.high == -math.inf
        ):
            raise ValueError(
                f"Box(low={self.low}, high={self.high}): no finite weight can be that large. Leave out the bound "
                "on a side "
                f"that has none: Box(low=0.0)."
            )
        for name, unbounded in (("low", -math.inf), ("high", math.inf)):  # as SciPy writes a side without a bound
            value = getattr(self, name)
            if errors.is_concrete(value) and value == unbounded:
                object.__setattr__(self, name, None)
        if self.low is None and self.high is None:
            raise ValueError("Box(-inf, inf) bounds nothing. Give low, high or both, for example Box(-1, 1).")
        errors.ordered("Box", "low", self.low, "high", self.high)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, self.low, self.high)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, self.low, self.high)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(low=self.low, high=self.high)


@dataclass(frozen=True, eq=False)
class MaxNorm(Constraint):
    """Keeps the L2 norm of each unit's incoming weights at ``max_value`` or below.

    Args:
        max_value: the radius, ≥ 0.
        axis: the axes that one norm is taken over. None means the layer's fan-in: one norm per unit. An explicit axis
            has the same meaning as in Keras, whose default is 0.

    Raises:
        ValueError: a negative or non-finite radius.

    Reference: Srivastava et al., Dropout (2014), §5.1.

    >>> import numpy as np
    >>> MaxNorm(1.0)(np.asarray([[3.0, 0.3], [4.0, 0.4]])).round(4)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    keras: ClassVar[bool] = True
    convex: ClassVar[bool] = True
    around_zero: ClassVar[bool] = True
    after_cone: ClassVar[bool] = True
    max_value: Number = number(2.0, errors.not_negative)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_l2_ball(w, self.max_value, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.norms(w, None, self.max_value, resolve(self.axis, fan_in, shape_of(w)))

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(norms={resolve(self.axis, fan_in, shape): (None, self.max_value)})


@dataclass(frozen=True, eq=False)
class UnitNorm(Constraint):
    """Keeps the L2 norm of each unit's incoming weights at exactly 1.

    A zero unit, which has no direction, becomes 1 at its first entry and 0 elsewhere.

    Args:
        axis: the axes that one norm is taken over; None means the layer's fan-in.

    >>> import numpy as np
    >>> UnitNorm()(np.asarray([[3.0, 0.0], [4.0, 0.0]]))
    array([[0.6, 1. ],
           [0.8, 0. ]])
    """

    keras: ClassVar[bool] = True
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_sphere(w, resolve(self.axis, fan_in, shape_of(w)))

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.norms(w, 1.0, 1.0, resolve(self.axis, fan_in, shape_of(w)))

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(norms={resolve(self.axis, fan_in, shape): (1.0, 1.0)})


@dataclass(frozen=True, eq=False)
class MinMaxNorm(Constraint):
    """Keeps the L2 norm of each unit's incoming weights between ``min_value`` and ``max_value``.

    It bounds norms, not values: to clip values into [low, high] use `Box`. A zero unit below a positive
    ``min_value`` becomes ``min_value`` at its first entry.

    Args:
        min_value: smallest norm. A negative number means 0, since no norm is negative; taut warns once.
        max_value: largest norm, ≥ min_value.
        rate: in (0, 1]: the fraction of the way to the bounds that one step goes. Below 1 the bounds hold only in the
            limit.
        axis: the axes that one norm is taken over; None means the layer's fan-in.

    Raises:
        ValueError: min_value above max_value, a negative max_value, or rate outside (0, 1].

    >>> import numpy as np
    >>> MinMaxNorm(1.0, 2.0)(np.asarray([0.3, 0.4])).round(4)
    array([0.6, 0.8])
    """

    keras: ClassVar[bool] = True
    min_value: Number = number(0.0, errors.real_number)
    max_value: Number = number(1.0, errors.not_negative)
    rate: Number = number(1.0, errors.real_number)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def validate(self) -> None:
        errors.ordered("MinMaxNorm", "min_value", self.min_value, "max_value", self.max_value)
        if errors.is_concrete(self.rate) and not 0 < self.rate <= 1:
            raise ValueError(
                f"MinMaxNorm(rate={self.rate}): rate must be above 0 and at most 1: the fraction of the way to the "
                "bounds that one step goes. Use rate=1 to reach them in one step."
            )
        if errors.is_concrete(self.min_value) and self.min_value < 0 and "MinMaxNorm" not in _warned:
            _warned.add("MinMaxNorm")
            low, high = f"{self.min_value:g}", f"{self.max_value:g}"
            warnings.warn(
                f"MinMaxNorm({low}, {high}) bounds the norm of each unit. No norm is below 0, so it acts as "
                f"MaxNorm({high}). To keep every value within [{low}, {high}], use Box({low}, {high}).",
                UserWarning,
                stacklevel=4,
            )

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        axes = resolve(self.axis, fan_in, shape_of(w))
        return projections.project_l2_shell(w, self.min_value, self.max_value, axes, self.rate)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        axes = resolve(self.axis, fan_in, shape_of(w))
        return violations.norms(w, self.min_value, self.max_value, axes)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region | None:
        if errors.is_concrete(self.rate) and self.rate != 1:
            return None  # no projection, and so in no closed form
        return Region(norms={resolve(self.axis, fan_in, shape): (self.min_value, self.max_value)})


non_neg = nonneg = NonNeg
max_norm = maxnorm = MaxNorm
unit_norm = unitnorm = UnitNorm
min_max_norm = minmaxnorm = MinMaxNorm
box = Box

for _cls in (NonNeg, Box, MaxNorm, UnitNorm, MinMaxNorm, Intersection):
    identifiers.register("constraint", _cls)


def get(identifier: Any) -> Any:
    """A constraint from a name, a config, a list, a function or a constraint; None stays None.

    >>> get("max_norm")
    MaxNorm(max_value=2.0, axis=None)
    """
    return identifiers.get("constraint", identifier)


def serialize(constraint: Any, for_keras: Any = None) -> dict[str, Any] | None:
    """A plain dict that `deserialize` turns back into an equal constraint.

    Args:
        constraint: the term, or None.
        for_keras: a layer, or its fan-in axes: write the config that Keras reads as the same term, with
            ``axis=None`` resolved (Keras reads None as the whole tensor).
    """
    return identifiers.serialize(constraint, for_keras)


def deserialize(config: dict[str, Any] | None) -> Any:
    """The constraint that a dict describes, in taut's or Keras's form. Only registered classes are created."""
    return identifiers.deserialize("constraint", config)


__all__ = [
    "Box",
    "Constraint",
    "Intersection",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "Plain",
    "UnitNorm",
    "as_constraint",
    "box",
    "deserialize",
    "get",
    "max_norm",
    "maxnorm",
    "min_max_norm",
    "minmaxnorm",
    "non_neg",
    "nonneg",
    "serialize",
    "unit_norm",
    "unitnorm",
]
__all__ += catalogue.__all__
