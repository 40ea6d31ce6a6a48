"""Penalties on single weights, in addition to Keras's own.

One file because they all have the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors
from taut._regularizer import Regularizer
from taut._regularizers._checks import greater_than
from taut._term import number
from taut.functional import activity, nonconvex
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number
from taut.functional.bounded import best_between


@dataclass(frozen=True, eq=False)
class Huber(Regularizer):
    """Adds ``strength`` times the Huber loss of the weights: like L2 for small weights, like L1 for large ones.

    h(w) = ½w² up to |w| = delta, delta·(|w| − delta/2) beyond; the formula of Keras's Huber loss. It is smooth and is
    differentiated with the loss by default.

    Args:
        strength: ≥ 0. None means 0.01.
        delta: > 0, the size at which the penalty changes from square to linear.

    Raises:
        ValueError: a negative strength, or a delta that is not positive.

    Reference: Huber, Robust estimation of a location parameter (1964).

    >>> import numpy as np
    >>> Huber(1.0).prox(np.asarray([-3.0, 1.0]), step=1.0)
    array([-2. ,  0.5])
    """

    has_prox: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    delta: Number = number(1.0, greater_than(0, "it is the size at which the penalty becomes linear"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return activity.huber(w, self.strength, self.delta)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return activity.shrink_huber(w, step, self.strength, self.delta)


@dataclass(frozen=True, eq=False)
class MCP(Regularizer):
    """Adds the minimax concave penalty: L1's zeros without L1's shrinking of large weights.

    ``strength·|w| − w²/(2·gamma)`` up to ``|w| = gamma·strength``, constant beyond.

    Args:
        strength: ≥ 0; the slope at zero. None means 0.01.
        gamma: > 0; weights up to gamma·strength are shrunk. A large value is nearly L1.

    Raises:
        ValueError: a negative strength, or a gamma that is not positive.

    Reference: Zhang, Nearly unbiased variable selection under minimax concave penalty (2010).

    >>> import numpy as np
    >>> MCP(1.0, gamma=2.0).prox(np.asarray([-3.0, 1.5, 0.5]), step=1.0)
    array([-3.,  1.,  0.])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    gamma: Number = number(3.0, greater_than(0, "the shrinkage ends at gamma times strength"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.mcp(w, self.strength, self.gamma)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.firm_threshold(w, step, self.strength, self.gamma)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(w, step, low, high, free, lambda z: nonconvex.mcp(z, self.strength, self.gamma, each=True))


@dataclass(frozen=True, eq=False)
class SCAD(Regularizer):
    """Adds the smoothly clipped absolute deviation: L1 for small weights, no shrinkage of large ones.

    ``strength·|w|`` up to strength, a quadratic up to ``gamma·strength``, constant beyond.

    Args:
        strength: ≥ 0; the slope at zero. None means 0.01.
        gamma: > 2; weights up to gamma·strength are shrunk.

    Raises:
        ValueError: a negative strength, or a gamma of 2 or less.

    Reference: Fan & Li, Variable selection via nonconcave penalized likelihood (2001).

    >>> import numpy as np
    >>> SCAD(1.0, gamma=3.0).prox(np.asarray([-4.0, 2.5, 1.5]), step=1.0)
    array([-4. ,  2. ,  0.5])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    gamma: Number = number(3.7, greater_than(2, "the quadratic part lies between strength and gamma·strength"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.scad(w, self.strength, self.gamma)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.scad_threshold(w, step, self.strength, self.gamma)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(
            w, step, low, high, free, lambda z: nonconvex.scad(z, self.strength, self.gamma, each=True), self.strength
        )


@dataclass(frozen=True, eq=False)
class LogSum(Regularizer):
    """Adds ``strength * sum(log(1 + abs(w) / delta))``: sparser than L1, with less shrinkage of large weights.

    Args:
        strength: ≥ 0. None means 0.01.
        delta: > 0; weights smaller than this count as small. The slope at zero is strength/delta.

    Raises:
        ValueError: a negative strength, or a delta that is not positive.

    Reference: Candès, Wakin & Boyd, Enhancing sparsity by reweighted l1 minimization (2008).

    >>> import numpy as np
    >>> LogSum(1.0, delta=1.0).prox(np.asarray([-3.0, 0.5]), step=1.0).round(4)
    array([-2.7321,  0.    ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    delta: Number = number(1.0, greater_than(0, "it is the unit in which weights are measured"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.log_sum(w, self.strength, self.delta)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.log_threshold(w, step, self.strength, self.delta)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(
            w, step, low, high, free, lambda z: nonconvex.log_sum(z, self.strength, self.delta, each=True)
        )


@dataclass(frozen=True, eq=False)
class LHalf(Regularizer):
    """Adds ``strength * sum(sqrt(abs(w)))``, the L½ penalty: sparser than L1.

    Args:
        strength: ≥ 0. None means 0.01.

    Raises:
        ValueError: a negative strength.

    Reference: Xu et al., L1/2 regularization: a thresholding representation theory (2012).

    >>> import numpy as np
    >>> LHalf(1.0).prox(np.asarray([-3.0, 1.0]), step=1.0).round(4)
    array([-2.6955,  0.    ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.l_half(w, self.strength)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.half_threshold(w, step, self.strength)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(w, step, low, high, free, lambda z: nonconvex.l_half(z, self.strength, each=True))


@dataclass(frozen=True, eq=False)
class L0(Regularizer):
    """Adds ``strength`` for every weight that is not zero: a penalty on their number, whatever their size.

    Its proximal map keeps a weight as it is or makes it 0.0 (hard threshold). Its gradient is 0.

    Args:
        strength: ≥ 0. None means 0.01.

    Raises:
        ValueError: a negative strength.

    Reference: Blumensath & Davies, Iterative thresholding for sparse approximations (2008).

    >>> import numpy as np
    >>> L0(2.0).prox(np.asarray([-3.0, 1.0]), step=1.0)
    array([-3.,  0.])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.l0(w, self.strength)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.hard_threshold(w, step, self.strength)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(w, step, low, high, free, lambda z: nonconvex.l0(z, self.strength, each=True))


@dataclass(frozen=True, eq=False)
class CappedL1(Regularizer):
    """Adds ``strength * sum(minimum(abs(w), cap))``: L1 for weights up to ``cap``, constant beyond.

    Args:
        strength: ≥ 0. None means 0.01.
        cap: > 0; the size at which the penalty stops growing.

    Raises:
        ValueError: a negative strength, or a cap that is not positive.

    Reference: Zhang, Analysis of multi-stage convex relaxation for sparse regularization (2010).

    >>> import numpy as np
    >>> CappedL1(1.0, cap=2.0).prox(np.asarray([-3.0, 1.5]), step=1.0)
    array([-3. ,  0.5])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    cap: Number = number(1.0, greater_than(0, "with a cap of 0, no weight would be penalised"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return nonconvex.capped_l1(w, self.strength, self.cap)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        return nonconvex.capped_threshold(w, step, self.strength, self.cap)

    def prox_within(self, w: Array, step: Number, low: Number | None, high: Number | None) -> Array:
        """`prox` with bounds that contain 0."""
        free = self.prox(w, step)
        return best_between(
            w,
            step,
            low,
            high,
            free,
            lambda z: nonconvex.capped_l1(z, self.strength, self.cap, each=True),
            self.strength,
        )


@dataclass(frozen=True, eq=False)
class HoyerSquare(Regularizer):
    """Adds ``strength * sum(abs(w))**2 / sum(w**2)``: makes weights sparse without making them small.

    Its value is between strength and strength times the number of weights, whatever their scale, and 0 if all weights
    are 0. It has no proximal map and is differentiated with the loss, so weights become small but not exactly 0.

    Args:
        strength: ≥ 0. None means 0.01.

    Raises:
        ValueError: a negative strength.

    Reference: Yang, Wen & Li, DeepHoyer (2020).

    >>> import numpy as np
    >>> float(HoyerSquare(1.0)(np.asarray([2.0, 0.0, 0.0])))
    1.0
    """

    smooth: ClassVar[bool] = False
    convex: ClassVar[bool] = False
    strength: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return activity.hoyer_square(w, self.strength)
