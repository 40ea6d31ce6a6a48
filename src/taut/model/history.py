"""The record of a training run: one value per key and epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["History", "Totals"]


@dataclass
class History:
    """The record of one ``fit``.

    Attributes:
        history: lists with one value per epoch: ``loss`` (with all penalties), ``data_loss``, ``penalty``, the metrics,
            and their ``val_`` twins.
        epoch: the numbers of the epochs.
        seed: the random seed of the order of the rows.
        params: epochs, steps per epoch, batch size.
        settled: what ``settle`` did, if it was used.
    """

    seed: int
    params: dict[str, Any]
    history: dict[str, list[float]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)
    settled: dict[str, Any] | None = None

    def append(self, epoch: int, values: dict[str, float]) -> None:
        self.epoch.append(epoch)
        for key, value in values.items():
            self.history.setdefault(key, []).append(value)


class Totals:
    """Sums over rows, in float64 on the host."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self.rows = 0
        self.sums = np.zeros(2 + len(metrics))

    def add(self, sums: np.ndarray, rows: int) -> None:
        """``sums`` over ``rows`` more rows: data loss, penalty, metrics."""
        self.sums += sums
        self.rows += rows

    def set(self, sums: np.ndarray, rows: int) -> None:
        """``sums`` over ``rows`` rows in all."""
        self.sums, self.rows = sums.astype(np.float64), rows

    def values(self, prefix: str = "") -> dict[str, float]:
        """Means over the rows: loss (with penalties), data_loss, penalty, metrics."""
        data, penalty, *metrics = (self.sums / max(self.rows, 1)).tolist()
        named = {"loss": data + penalty, "data_loss": data, "penalty": penalty}
        named |= dict(zip(self.metrics, metrics, strict=True))
        return {prefix + key: value for key, value in named.items()}
