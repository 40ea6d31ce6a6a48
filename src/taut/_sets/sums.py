"""Constraints on sums: simplexes, given sums, half-spaces and the L1 balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taut import errors, identifiers
from taut._constraint import Constraint
from taut._meeting import above_zero
from taut._term import number
from taut.functional import group_balls, masks, sums
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, namespace, shape_of


@above_zero
def _above_zero(term: str, name: str, value: Any, default: Any = None) -> Any:
    value = errors.not_negative(term, name, value, default)
    if (errors.is_concrete(value) or isinstance(value, np.ndarray)) and bool(np.any(np.asarray(value) == 0)):
        raise ValueError(
            f"{term}({name}=0): {name} must be above 0; entries that are at least 0 and add up to 0 are all 0."
        )
    return value


@dataclass(frozen=True, eq=False)
class Simplex(Constraint):
    """Keeps each unit's incoming weights at 0 or above and their sum at ``total``: a weighted average.

    The sum is exact up to rounding: a unit whose sum is right within 2⁻²⁰ (float32), 16·eps (float64) or 2·eps (half
    precision) is not changed.

    Args:
        total: the sum of the weights of one unit, > 0.
        axis: the axes that one sum is taken over; None means the layer's fan-in.

    Raises:
        ValueError: a total that is not positive and finite.

    Reference: Michelot (1986); see `taut.functional.sums.project_simplex`.

    >>> import numpy as np
    >>> Simplex()(np.asarray([0.75, 0.75, -1.0]))
    array([0.5, 0.5, 0. ])
    """

    convex: ClassVar[bool] = True
    nonneg: ClassVar[bool] = True
    total: Number = number(1.0, _above_zero)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_simplex(w, self.total, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.simplex_violation(w, self.total, resolve(self.axis, fan_in, shape_of(w)))

    def with_nonneg(self) -> Constraint:
        return self


@dataclass(frozen=True, eq=False)
class UnitSum(Constraint):
    """Keeps the sum of each unit's incoming weights at ``total``, which may be negative.

    If weights should also be ≥ 0, use `Simplex`. The sum is exact up to rounding, relative to Σ|w|.

    Args:
        total: what the weights of one unit add up to.
        axis: the axes that one sum is taken over; None means the layer's fan-in.

    >>> import numpy as np
    >>> UnitSum()(np.asarray([2.0, 0.0]))
    array([ 1.5, -0.5])
    """

    convex: ClassVar[bool] = True
    total: Number = number(1.0, errors.real_number)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_sum(w, self.total, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.sum_violation(w, self.total, resolve(self.axis, fan_in, shape_of(w)))

    def with_nonneg(self) -> Constraint:
        return Simplex(self.total, self.axis)


@dataclass(frozen=True, eq=False)
class ZeroMean(Constraint):
    """Keeps the mean of each unit's incoming weights at 0, up to rounding relative to Σ|w|.

    Args:
        axis: the axes that one mean is taken over; None means the layer's fan-in.

    >>> import numpy as np
    >>> ZeroMean()(np.asarray([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """

    convex: ClassVar[bool] = True
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_sum(w, 0.0, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.sum_violation(w, 0.0, resolve(self.axis, fan_in, shape_of(w)))


@dataclass(frozen=True, eq=False)
class HalfSpace(Constraint):
    """Keeps Σ a·w at ``b`` or below for each unit: one linear inequality.

    Args:
        a: the normal vector: an array with the shape of one unit's incoming weights, or one that broadcasts to all
            weights.
        b: the largest value of Σ a·w, a number or one for each unit.
        axis: the axes that the sum is taken over; None means the layer's fan-in.

    Raises:
        ValueError: a normal of zeros, or (when called) one whose shape does not fit the weights.

    >>> import numpy as np
    >>> HalfSpace([1.0, 0.0], 2.0)(np.asarray([3.0, 1.0])).round(4)
    array([2., 1.])
    """

    convex: ClassVar[bool] = True
    a: Array = number(check=errors.real_number)
    b: Number = number(0.0, errors.real_number)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def validate(self) -> None:
        if (errors.is_concrete(self.a) or isinstance(self.a, np.ndarray)) and not np.any(np.asarray(self.a)):
            raise ValueError("HalfSpace(a=0): a is zero, so Σ a·w is 0 for every weight. Give a normal that is not 0.")

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        axes = resolve(self.axis, fan_in, shape_of(w))
        return sums.project_half_space(w, self._normal(w, axes), self.b, axes, step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        axes = resolve(self.axis, fan_in, shape_of(w))
        return sums.half_space_violation(w, self._normal(w, axes), self.b, axes)

    def _normal(self, w: Array, axes: tuple[int, ...]) -> Array:
        shape = shape_of(w)
        if shape_of(self.a) == tuple(shape[i] for i in axes):
            placed = tuple(n if i in axes else 1 for i, n in enumerate(shape))
            return namespace(self.a).reshape(namespace(self.a).asarray(self.a), placed)
        if len(shape_of(self.a)) not in (0, len(shape)):
            # (2,) would broadcast to the units of a (3, 2) kernel, which is not what a user means.
            raise ValueError(
                f"HalfSpace: a has shape {shape_of(self.a)}, but one unit of weights of shape {shape} has shape "
                f"{tuple(shape[i] for i in axes)}. Give that shape, or as many axes as the weights have."
            )
        masks.fits("HalfSpace: a", self.a, shape)
        return self.a


@dataclass(frozen=True, eq=False)
class L1Ball(Constraint):
    """Keeps Σ|w| of each unit's incoming weights at ``radius`` or below; small weights become 0.0, exactly.

    Args:
        radius: ≥ 0.
        axis: the axes that one sum is taken over; None means the layer's fan-in.

    Raises:
        ValueError: a negative or non-finite radius.

    Reference: Duchi et al. (2008), Efficient projections onto the l1-ball.

    >>> import numpy as np
    >>> L1Ball(1.0)(np.asarray([3.0, -2.5, 0.5])).round(4)
    array([ 0.75, -0.25,  0.  ])
    """

    convex: ClassVar[bool] = True
    around_zero: ClassVar[bool] = True
    after_cone: ClassVar[bool] = True
    radius: Number = number(1.0, errors.not_negative)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_l1_ball(w, self.radius, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.l1_violation(w, self.radius, resolve(self.axis, fan_in, shape_of(w)))


@dataclass(frozen=True, eq=False)
class GroupL1Ball(Constraint):
    """Keeps the sum of all groups' L2 norms at ``radius`` or below: whole groups become 0.0, exactly.

    It is the constraint that corresponds to `GroupLasso`, with one radius for the whole array.

    Args:
        radius: ≥ 0, for the whole array.
        axis: the axes that one group spans; None means the layer's fan-in: a group is a unit.

    Raises:
        ValueError: a negative or non-finite radius.

    Reference: Sra (2011), Fast projections onto l1,q-norm balls for grouped feature selection.

    >>> import numpy as np
    >>> GroupL1Ball(1.0)(np.asarray([[3.0, 0.1], [4.0, 0.0]])).round(4)
    array([[0.6, 0. ],
           [0.8, 0. ]])
    """

    convex: ClassVar[bool] = True
    around_zero: ClassVar[bool] = True
    after_cone: ClassVar[bool] = True
    radius: Number = number(1.0, errors.not_negative)
    axis: int | tuple[int, ...] | None = errors.axis_field()

    def validate(self) -> None:
        if isinstance(self.radius, np.ndarray):
            raise TypeError("GroupL1Ball: radius must be one number, for the whole array.")

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return group_balls.project_group_ball(w, self.radius, resolve(self.axis, fan_in, shape_of(w)), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return group_balls.group_sum_excess(w, self.radius, resolve(self.axis, fan_in, shape_of(w)))


for _cls in (Simplex, UnitSum, ZeroMean, HalfSpace, L1Ball, GroupL1Ball):
    identifiers.register("constraint", _cls)
