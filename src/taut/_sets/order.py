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

    The nearest point is given by isotonic regression, in the optimizer's scaling too.

    Args:
        increasing: True for weights that never decrease, False for weights that never increase.
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
    """Keeps the weights along an axis a convex (or concave) sequence: differences never decrease (or never increase).

    The projection is also exact in the optimizer's scaling. It is meant for axes with up to about a hundred entries.
    Straight pieces are straight up to rounding: second differences may be negative by 2⁻¹⁹ (float32) of the largest
    weight along the axis.

    Args:
        concave: False for convex (differences never decrease), True for concave (differences never increase).
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
            raise TypeError(f"Convex(axis={self.axis}): the weights are convex along one axis. Give one integer.")

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
            f"axes {axes}. Choose one, for example {term}(axis={axes[-1] if axes else 0})."
        )
    return axes[0]


for _cls in (Monotone, Convex):
    identifiers.register("constraint", _cls)
