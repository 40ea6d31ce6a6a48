"""Stochastic matrices: rows, columns, or both are probability distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import identifiers
from taut._constraint import Constraint
from taut.functional import doubly, sums
from taut.functional._axes import Axes, resolve
from taut.functional._dtype import Array, Number, shape_of


@dataclass(frozen=True, eq=False)
class StochasticRows(Constraint):
    """Keeps every row (the last axis) a probability distribution: entries ≥ 0 that add up to 1.

    >>> import numpy as np
    >>> StochasticRows()(np.asarray([[0.75, 0.75], [3.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """

    convex: ClassVar[bool] = True
    nonneg: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_simplex(w, 1.0, _matrix_axis("StochasticRows", w, -1), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.simplex_violation(w, 1.0, _matrix_axis("StochasticRows", w, -1))


@dataclass(frozen=True, eq=False)
class StochasticColumns(Constraint):
    """Keeps every column (the last axis but one) a probability distribution: entries ≥ 0 that add up to 1.

    >>> import numpy as np
    >>> StochasticColumns()(np.asarray([[0.75, 3.0], [0.75, 0.0]]))
    array([[0.5, 1. ],
           [0.5, 0. ]])
    """

    convex: ClassVar[bool] = True
    nonneg: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return sums.project_simplex(w, 1.0, _matrix_axis("StochasticColumns", w, -2), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return sums.simplex_violation(w, 1.0, _matrix_axis("StochasticColumns", w, -2))


@dataclass(frozen=True, eq=False)
class DoublyStochastic(Constraint):
    """Keeps a square kernel doubly stochastic: entries ≥ 0, every row and every column adds up to 1.

    The nearest such matrix has no closed form. It is computed by iteration over rows and columns until the sums are
    right to 16·eps, at most 500 rounds, and a last scaling makes the result feasible. Sums are exact up to rounding, as
    in `Simplex`. Do not differentiate through it: its derivative keeps the thresholds of rows and columns fixed, which
    is only part of the true derivative.

    Raises:
        ValueError: weights that are not square over the last two axes.

    Reference: Boyle & Dykstra (1986); see `taut.functional.doubly`.

    >>> import numpy as np
    >>> DoublyStochastic()(np.asarray([[2.0, 1.0], [0.0, 0.0]])).round(4)
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """

    convex: ClassVar[bool] = True
    nonneg: ClassVar[bool] = True

    def __call__(self, w: Array, *, step: Number | None = None, fan_in: Axes = None) -> Array:
        return doubly.project_doubly_stochastic(self._square(w), step)

    def violation(self, w: Array, *, fan_in: Axes = None) -> Array:
        return doubly.doubly_stochastic_violation(self._square(w))

    def _square(self, w: Array) -> Array:
        shape = shape_of(w)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError(
                f"DoublyStochastic needs square matrices over the last two axes; got weights of shape {shape}. If "
                "all rows and columns add up to 1, there are as many rows as columns. For another shape use "
                "StochasticRows or StochasticColumns."
            )
        return w


def _matrix_axis(term: str, w: Array, axis: int) -> tuple[int, ...]:
    shape = shape_of(w)
    if len(shape) < 2:
        raise ValueError(
            f"{term} needs a matrix, that is at least two axes; got weights of shape {shape}. For a vector use Simplex()."
        )
    return resolve(axis, None, shape)


for _cls in (StochasticRows, StochasticColumns, DoublyStochastic):
    identifiers.register("constraint", _cls)
