"""Stability selection: how often inputs and weights are kept over folds and seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Stability"]


@dataclass(frozen=True, eq=False)
class Stability:
    """How often inputs and weights are kept: the share of the (seed, fold) nets in which they are not exactly zero.

    Attributes:
        strengths: (strengths, entries of ``vary``).
        inputs: (strengths, inputs), of the first kernel.
        weights: by path of each varied parameter, (strengths, *shape).
        feature_names: of the inputs, or None.
        nets: the number of nets that were counted.

    Reference: Meinshausen & Bühlmann, Stability selection (2010).
    """

    strengths: np.ndarray
    inputs: np.ndarray
    weights: dict[str, np.ndarray]
    feature_names: tuple[str, ...] | None
    nets: int

    def stable(self, threshold: float = 0.8, at: int | None = None) -> np.ndarray:
        """The inputs kept in at least ``threshold`` of the nets, ascending.

        Args:
            threshold: in (0.5, 1].
            at: the index of one strength. None means any strength at which at most half of the inputs are kept: at
                weaker penalties nearly every input is kept, so that being kept means nothing.
        """
        if not 0.5 < threshold <= 1:
            raise ValueError(f"threshold={threshold!r}, expected a share in (0.5, 1].")
        shares = self.inputs
        if at is not None:
            shares = shares[at : at + 1]
        else:
            shares = shares[shares.mean(axis=1) <= 0.5]
        return np.flatnonzero(shares.max(axis=0, initial=0.0) >= threshold)
