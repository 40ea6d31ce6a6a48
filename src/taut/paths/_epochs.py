"""All nets of a path through all epochs: their curves, and what ends the training."""

from __future__ import annotations

import numpy as np

from taut.model.progress import Progress
from taut.paths._nets import Nets
from taut.paths.scoring import Score

__all__ = ["train"]


def train(
    nets: Nets, epochs: int, patience: int | None, score: Score, counted: int, seeds: int, progress: Progress
) -> tuple[dict[str, list[np.ndarray]], bool, bool]:
    """The curves, (cells, strengths) per epoch; whether Ctrl-C ended the training, and whether patience did."""
    record: dict[str, list[np.ndarray]] = {}
    validated = any(cell.held is not None for cell in nets.cells)
    if patience is not None and not validated:
        raise ValueError("patience needs held-out rows to be scored on; give folds or validation_data.")
    best, since, interrupted, stopped = -np.inf, 0, False, False
    progress.start(epochs * nets.steps)
    try:
        for epoch in range(epochs):
            shown: dict[str, float] = {}
            values = nets.epoch(epoch, lambda steps, epoch=epoch, shown=shown: progress.advance(steps, epoch, shown))
            values = {"loss": values["data_loss"] + values["penalty"], **values}
            if validated:
                out = nets.measure(True)
                values |= {f"val_{name}": v for name, v in {"loss": out["data_loss"] + out["penalty"], **out}.items()}
            for name, v in values.items():
                record.setdefault(name, []).append(v)
            now = score.best(values[("val_" if validated else "") + score.measured][:counted])
            progress.end_epoch(epoch, {f"best {'val_' if validated else ''}{score.name}": score.sign * now})
            if now > best:
                best, since = now, 0
            else:
                since += 1
            if patience is not None and since >= patience:
                stopped = True
                break
    except KeyboardInterrupt:
        if nets.epochs == 0:
            raise
        interrupted = True
        record = {name: values[: nets.epochs] for name, values in record.items()}
    finally:
        progress.close()
    return record, interrupted, stopped
