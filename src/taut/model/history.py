"""What a training run was: one value a key and epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["History"]


@dataclass
class History:
    """The record of one ``fit``.

    Attributes:
        history: lists with one value an epoch: ``loss`` (with all penalties), ``data_loss``, ``penalty``, the metrics,
            and their ``val_`` twins.
        epoch: the numbers of the epochs.
        seed: what the order of the rows was drawn from.
        params: epochs, steps an epoch, batch size.
        settled: what ``settle`` did, where it was asked for.
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
