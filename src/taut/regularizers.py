"""Regularizers: penalties on weights or activities, under Keras's names and on Keras's scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from taut import _regularizers as catalogue
from taut import errors, identifiers
from taut._regularizer import Acting, Plain, Regularizer, Sum, as_regularizer
from taut._regularizers import *  # noqa: F403
from taut._term import number
from taut.functional import penalties
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number
from taut.functional.combined import Shrinkage


@dataclass(frozen=True, eq=False)
class L1(Regularizer):
    """Adds ``l1 * sum(abs(w))`` to the loss; makes useless weights exactly 0.0.

    Args:
        l1: strength, a finite number ≥ 0 (or an array of strengths, one per weight). None means 0.01.

    Raises:
        ValueError: a strength that is negative, NaN or infinite.
        TypeError: a strength that is not a number.

    Reference: Tibshirani, Regression shrinkage and selection via the lasso (1996).

    >>> import numpy as np
    >>> L1(0.5).prox(np.asarray([-3.0, 0.2]), step=1.0)
    array([-2.5,  0. ])
    """

    keras: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    l1: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return penalties.l1(w, self.l1)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage:
        return Shrinkage(l1=self.l1)


@dataclass(frozen=True, eq=False)
class L2(Regularizer):
    """Adds ``l2 * sum(square(w))`` to the loss; keeps weights small and spread out. No ½.

    Args:
        l2: strength, a finite number ≥ 0 (or an array of strengths, one per weight). None means 0.01.

    Raises:
        ValueError: a strength that is negative, NaN or infinite.
        TypeError: a strength that is not a number.

    Reference: Hoerl & Kennard, Ridge regression (1970).

    >>> import numpy as np
    >>> L2(0.5).prox(np.asarray([-3.0, 0.5]), step=1.0)
    array([-1.5 ,  0.25])
    """

    keras: ClassVar[bool] = True
    smooth: ClassVar[bool] = True
    has_prox: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    decouples: ClassVar[bool] = True
    l2: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return penalties.l2(w, self.l2)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage:
        return Shrinkage(l2=self.l2)

    def slope(self, w: Array) -> Array:
        """The penalty's gradient, 2·l2·w, which decoupled weight decay subtracts."""
        return 2 * self.l2 * w


@dataclass(frozen=True, eq=False)
class L1L2(Regularizer):
    """Adds ``l1 * sum(abs(w)) + l2 * sum(square(w))`` to the loss (the elastic net).

    Args:
        l1: strength of the absolute values, ≥ 0. None means 0.0, as in Keras: give at least one strength.
        l2: strength of the squares, ≥ 0. None means 0.0.

    The bare string "l1l2" (or "l1_l2") stands for strengths of 0.01 each; see docs/decisions/010.

    Raises:
        ValueError: a strength that is negative, NaN or infinite.
        TypeError: a strength that is not a number.

    Reference: Zou & Hastie, Regularization and variable selection via the elastic net (2005).

    >>> import numpy as np
    >>> L1L2(l1=1.0, l2=0.5).prox(np.asarray([-3.0, 0.5]), step=1.0)
    array([-1.,  0.])
    """

    keras: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    even: ClassVar[bool] = True
    l1: Number = number(0.0, errors.not_negative)
    l2: Number = number(0.0, errors.not_negative)

    @classmethod
    def from_name(cls) -> L1L2:
        """The term that the bare string stands for: with Keras's defaults of 0 it would silently do nothing."""
        return cls(0.01, 0.01)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return penalties.l1(w, self.l1) + penalties.l2(w, self.l2)

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage:
        return Shrinkage(l1=self.l1, l2=self.l2)


@dataclass(frozen=True, eq=False)
class OrthogonalRegularizer(Regularizer):
    """Adds ``factor`` times the mean |cosine| between the rows (or columns) of a matrix to the loss.

    factor · ½ · Σ_{i≠j} |û_i·û_j| / (n(n−1)/2) over the n rows divided by their norms, as Keras computes it. A single
    row gives 0 (Keras: NaN); a row of zeros adds nothing. There is no proximal map: the penalty is differentiated with
    the loss.

    Args:
        factor: strength, ≥ 0. None means 0.01.
        mode: "rows" or "columns": which of them should become orthogonal.

    Raises:
        ValueError: another mode, or (when called) an array that is not a matrix.

    >>> import numpy as np
    >>> float(OrthogonalRegularizer(1.0)(np.eye(3)))
    0.0
    """

    keras: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    convex: ClassVar[bool] = False
    factor: Number = number(0.01, errors.not_negative)
    mode: str = "rows"

    def validate(self) -> None:
        if self.mode not in ("rows", "columns"):
            raise ValueError(
                f"OrthogonalRegularizer(mode={errors.shown(self.mode)}): mode must be 'rows' or 'columns'."
            )

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return penalties.mutual_coherence(w, self.factor, self.mode == "rows")


l1 = L1
l2 = L2
l1l2 = l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer
group_lasso = catalogue.GroupLasso

identifiers.register("regularizer", OrthogonalRegularizer, "orthogonal")
for _cls in (L1, L2, L1L2, Sum):
    identifiers.register("regularizer", _cls)


def get(identifier: Any) -> Any:
    """A regularizer from a name, a config, a function or a regularizer; None stays None.

    >>> get("l1")
    L1(l1=0.01)
    """
    return identifiers.get("regularizer", identifier)


def serialize(regularizer: Any, for_keras: Any = None) -> dict[str, Any] | None:
    """A plain dict that `deserialize` turns back into an equal regularizer.

    Args:
        regularizer: the term, or None.
        for_keras: a layer, or its fan-in axes: write the config that Keras reads as the same term.
    """
    return identifiers.serialize(regularizer, for_keras)


def deserialize(config: dict[str, Any] | None) -> Any:
    """The regularizer that a dict describes, in taut's or Keras's form. Only registered classes are created."""
    return identifiers.deserialize("regularizer", config)


__all__ = [
    "L1",
    "L1L2",
    "L2",
    "Acting",
    "OrthogonalRegularizer",
    "Plain",
    "Regularizer",
    "Sum",
    "as_regularizer",
    "deserialize",
    "get",
    "group_lasso",
    "l1",
    "l1_l2",
    "l1l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
__all__ += catalogue.__all__
