"""Penalties on activities: the outputs of a layer instead of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from taut import errors
from taut._regularizer import Regularizer
from taut._regularizers._checks import between
from taut._term import number
from taut.functional import activity
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number


@dataclass(frozen=True, eq=False)
class KLSparsity(Regularizer):
    """Pulls each unit's mean activity over the batch towards ``target``; for sigmoid activities.

    strength · Σ_j KL(target ‖ mean_j), the mean over axis 0. As for every activity penalty, the sum is divided by the
    batch size, as in Keras.

    Args:
        strength: ≥ 0. None means 0.01.
        target: in (0, 1), usually small.

    Raises:
        ValueError: a negative strength, or a target outside (0, 1).

    Reference: Ng, Sparse autoencoder, CS294A lecture notes (2011).

    >>> import numpy as np
    >>> float(KLSparsity(1.0, target=0.25)(np.asarray([[0.25, 0.5], [0.25, 0.0]])))
    0.0
    """

    convex: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    target: Number = number(0.05, between(0, 1, closed=False, why="it is the mean activity of a unit"))

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return activity.kl_sparsity(w, self.strength, self.target)


@dataclass(frozen=True, eq=False)
class Entropy(Regularizer):
    """Adds the entropy of probabilities, ``-strength * sum(p * log(p))``; for softmax or sigmoid activities.

    It favours confident outputs. 0·log 0 counts as 0, and so does an entry below 0. As for every activity penalty, the
    sum is divided by the batch size.

    Args:
        strength: ≥ 0. None means 0.01.

    Raises:
        ValueError: a negative strength.

    Reference: Grandvalet & Bengio, Semi-supervised learning by entropy minimization (2005).

    >>> import numpy as np
    >>> round(float(Entropy(1.0)(np.asarray([[0.5, 0.5], [1.0, 0.0]]))), 4)
    0.6931
    """

    convex: ClassVar[bool] = False
    strength: Number = number(0.01, errors.not_negative)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        return activity.entropy(w, self.strength)
