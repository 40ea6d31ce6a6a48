"""Constraints on single weights: signs, bounds, fixed values, and one value per ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors, identifiers
from taut._constraint import Constraint
from taut._term import number
from taut.functional import masks, projections, rings, violations
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, shape_of
from taut.functional.combined import Region


@dataclass(frozen=True, eq=False)
class NonPositive(Constraint):
    """Keeps every weight at 0 or below.

    >>> import numpy as np
    >>> NonPositive()(np.asarray([-1.0, 2.0]))
    array([-1.,  0.])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    cone: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, None, 0.0)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, None, 0.0)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(high=0.0)


@dataclass(frozen=True, eq=False)
class LInfBall(Constraint):
    """Keeps the magnitude of every weight at ``radius`` or below: `Box` with the same bound on both sides.

    Args:
        radius: ≥ 0, a number or an array that broadcasts to the weights.

    >>> import numpy as np
    >>> LInfBall(1.0)(np.asarray([-3.0, 0.5]))
    array([-1. ,  0.5])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    after_cone: ClassVar[bool] = True
    radius: Number = number(1.0, errors.not_negative)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return projections.project_box(w, -self.radius, self.radius)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return violations.box(w, -self.radius, self.radius)

    def region(self, shape: tuple[int, ...], fan_in: Axes) -> Region:
        return Region(low=-self.radius, high=self.radius)


@dataclass(frozen=True, eq=False)
class Fixed(Constraint):
    """Keeps every weight at a given value: training does not move it.

    With `Masked` only some of the weights are held: ``Masked(Fixed(pretrained), mask)``.

    Args:
        values: a number or an array that broadcasts to the weights. In half precision a weight gets the nearest number
            that its dtype has.

    Raises:
        ValueError: (when called) an array whose shape does not fit the weights.

    >>> import numpy as np
    >>> Fixed(0.5)(np.asarray([3.0, -1.0]))
    array([0.5, 0.5])
    """

    convex: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    values: Number = number(check=errors.real_number)

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        masks.fits("Fixed: values", self.values, shape_of(w))
        return masks.fix(w, self.values)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        masks.fits("Fixed: values", self.values, shape_of(w))
        return masks.distance(w, self.values)


@dataclass(frozen=True, eq=False)
class Radial(Constraint):
    """Keeps a square convolution kernel the same in every direction: one value for each ring around the centre.

    The rings are squares, as in Keras 2's RadialConstraint, which set each ring to the value of its corner; here the
    ring gets its mean, which is the nearest point. The spatial axes are all but the last two.

    Raises:
        ValueError: weights with fewer than three axes, or of different sizes along the spatial axes.

    >>> import numpy as np
    >>> Radial()(np.arange(9.0).reshape(3, 3, 1, 1))[:, :, 0, 0]
    array([[4., 4., 4.],
           [4., 4., 4.],
           [4., 4., 4.]])
    """

    convex: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return rings.project_rings(w, self._space(w), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return rings.roundness(w, self._space(w))

    def _space(self, w: Array) -> tuple[int, ...]:
        shape = shape_of(w)
        if len(shape) < 3 or len(set(shape[:-2])) != 1:
            raise ValueError(
                f"Radial needs a kernel that is square over all axes but the last two; got weights of shape {shape}. "
                f"Use it for the kernel of a convolution whose kernel_size is the same along every axis."
            )
        return tuple(range(len(shape) - 2))


for _cls in (NonPositive, LInfBall, Fixed):
    identifiers.register("constraint", _cls)
identifiers.register("constraint", Radial, "radial_constraint")  # Keras 2's name
