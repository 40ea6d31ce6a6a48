"""Constraints on the order and the shape of weights along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors, identifiers
from taut._constraint import Constraint
from taut.functional import convexity, order
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, namespace, real, shape_of


@dataclass(frozen=True, eq=False)
class Monotone(Constraint):
    """Keeps the weights along an axis in order: each at least (or at most) the one before it.

    The nearest point is isotonic regression, in the optimizer's metric too.

    Args:
        increasing: True for never falling, False for never rising.
        axis: one axis; None means the layer's fan-in, if that is one axis.

    Raises:
        ValueError: several axes, which have no order.

    Reference: Barlow et al. (1972), Statistical Inference under Order Restrictions.

    >>> import numpy as np
    >>> Monotone()(np.asarray([3.0, 1.0, 4.0]))
    array([2., 2., 4.])
    """

    convex: ClassVar[bool] = True
    ordered: ClassVar[bool] = True
    increasing: bool = True
    axis: int | None = errors.axis_field()

    def validate(self) -> None:
        if not isinstance(self.increasing, bool):
            raise TypeError(f"Monotone(increasing={errors.shown(self.increasing)}): increasing must be True or False.")

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        w = real(namespace(w, step), w)
        axis = self._axis(shape_of(w), fan_in)
        return order.project_monotone(w, axis, step) if self.increasing else -order.project_monotone(-w, axis, step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        w = real(namespace(w), w)
        return order.fall(w if self.increasing else -w, self._axis(shape_of(w), fan_in))

    def _axis(self, shape: tuple[int, ...], fan_in: Axes) -> int:
        return _one_axis("Monotone", self.axis, shape, fan_in)


@dataclass(frozen=True, eq=False)
class Convex(Constraint):
    """Keeps the weights along an axis a convex (or concave) sequence: their steps never fall (or never rise).

    The nearest point in the optimizer's metric too; made for axes of up to a hundred or so. Straight pieces are
    straight to rounding: a second difference is accepted to 2 kappa of the line's largest weight (2⁻¹⁹ in float32).

    Args:
        concave: False for convex (steps never fall), True for concave (steps never rise).
        axis: one axis; None means the layer's fan-in, if that is one axis.

    Raises:
        ValueError: several axes, which have no order.

    Reference: see `taut.functional.convexity`.

    >>> import numpy as np
    >>> Convex()(np.asarray([0.0, 3.0, 0.0]))
    array([1., 1., 1.])
    """

    convex: ClassVar[bool] = True
    steep: ClassVar[bool] = False  # it solves a linear system
    concave: bool = False
    axis: int | None = errors.axis_field()

    def validate(self) -> None:
        if not isinstance(self.concave, bool):
            raise TypeError(f"Convex(concave={errors.shown(self.concave)}): concave must be True or False.")
        if isinstance(self.axis, tuple):
            raise TypeError(f"Convex(axis={self.axis}): weights have a shape along one axis. Give one integer.")

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        w = real(namespace(w), w)
        axis = _one_axis("Convex", self.axis, shape_of(w), fan_in)
        return -convexity.project_convex(-w, axis, step) if self.concave else convexity.project_convex(w, axis, step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        xp = namespace(w)
        w = real(xp, w)
        off = convexity.bend(-w if self.concave else w, _one_axis("Convex", self.axis, shape_of(w), fan_in))
        return xp.sum(off) if 0 in off.shape else xp.max(off)


def _one_axis(term: str, axis: Axes, shape: tuple[int, ...], fan_in: Axes) -> int:
    axes = resolve(axis, fan_in, shape)
    if len(axes) != 1:
        raise ValueError(
            f"{term} needs one axis to order the weights along, but a unit of an array of shape {shape} spans "
            f"axes {axes}. Name one, for example {term}(axis={axes[-1] if axes else 0})."
        )
    return axes[0]


for _cls in (Monotone, Convex):
    identifiers.register("constraint", _cls)
