"""Training an estimator's model epoch by epoch, and when to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from taut import Sequential
from taut.model import data as adapt
from taut.model import engine, network, settling
from taut.model.engine import Data
from taut.model.history import History
from taut.model.progress import Progress
from taut.model.sequential import _ready
from taut.model.training import Trainer
from taut.paths._optimum import finish, solvable

__all__ = ["Run", "Watch", "train"]


LEAST_ROWS = 64


@dataclass
class Watch:
    """Whether a run still gets better: by ``tol`` at least once in ``patience`` epochs; ``over`` once it does not.

    ``sign`` is 1 for scores, −1 for losses.
    """

    tol: float | None
    patience: int
    sign: int
    best: float = -np.inf
    waited: int = 0

    def improved(self, value: float) -> bool:
        """Whether ``value`` is the best so far; counts the epochs since one was better by ``tol``."""
        signed = self.sign * value
        self.waited = 0 if signed > self.best + (self.tol or 0.0) else self.waited + 1
        better = signed > self.best
        self.best = max(self.best, signed)
        return better

    @property
    def over(self) -> bool:
        return self.tol is not None and self.waited >= self.patience


@dataclass
class Run:
    """What a training run gave so far, one value an epoch; ``scores`` are those of the held-out rows.

    ``optimum`` says whether a full batch of one layer reached the optimum; None if it is not sought.
    """

    losses: list[float] = field(default_factory=list[float])
    scores: list[float] = field(default_factory=list[float])
    optimum: bool | None = None


def merged(rows: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equal ``rows`` as one: sorted, the number of the first of each, their weights' sum, and which one each row is.

    Rows with zero weight are dropped; their index is −1.
    """
    kept, number = np.unique(rows, axis=0, return_inverse=True)
    number = number.reshape(-1)
    total = np.bincount(number, np.ones(len(rows)) if weight is None else weight, len(kept))
    first = np.zeros(len(kept), np.int64)
    first[number[::-1]] = np.arange(len(rows))[::-1]
    counts = total > 0
    renumbered = np.where(counts, np.cumsum(counts) - 1, -1)
    return first[counts], total[counts], renumbered[number]


def as_one_batch(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are always in one batch together: sorted, equal ones merged into one with the sum of their weights.

    So a row that is given twice is, to the bit, a row of weight two, and the order of the rows does not matter. Rows of
    weight 0 fill up to a power of two, by which tables of about one size share a compiled program. The weights are such
    that the batch's mean is the weighted mean of what was given.
    """
    first, total, _ = merged(np.hstack([x.reshape(len(x), -1), y.reshape(len(y), -1).astype(np.float32)]), weight)
    size = max(LEAST_ROWS, 1 << (len(first) - 1).bit_length())
    rows = np.concatenate([first, np.repeat(first[:1], size - len(first))])
    weights = np.zeros(size)
    weights[: len(first)] = total * (size / total.sum())
    return x[rows], y[rows], weights


def train(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    *,
    batch_size: int,
    epochs: range,
    shuffle: bool,
    seed: int,
    verbose: Any,
    settle: int = 0,
    watch: Watch | None = None,
    held_out: np.ndarray | None = None,
    score: Callable[[np.ndarray], float] | None = None,
    run: Run,
    optimum: bool = False,
) -> None:
    """Train ``epochs`` (fewer if ``watch`` says so) from where the model is.

    Args:
        run: is filled in epoch by epoch, so that it is right after Ctrl-C as well.
        optimum: go on to the optimum where that is known to be reached (`solvable`) and all rows are one batch.
        watch: of the loss; or of the score where there is one: then the weights of the best epoch stay.
        held_out: rows that ``score`` is taken on, given the model's outputs for them.
    """
    checked = model._data(x, y)
    given, labels, size = checked.x, checked.y, batch_size
    if batch_size >= len(x) and not model.plan.activities:
        given, labels, weight = as_one_batch(given, labels, weight)
        size = len(given)
    loss, data, _ = model._placed(Data(given, labels, adapt.row_weights(weight, len(given))))
    job = model._job(loss, data, min(size, len(given)))
    structure = job.program.structure
    trainer, progress = Trainer(job, seed, shuffle), Progress(verbose, epochs.stop)
    rows = None if held_out is None else jax.device_put(held_out)
    best = trainer.carry
    history = History(seed, {"epochs": len(epochs), "steps": job.steps, "batch_size": job.batch})
    progress.start(len(epochs) * job.steps)
    try:
        for epoch in epochs:
            values = trainer.epoch(epoch, epoch, progress)
            run.losses.append(values["loss"])
            value = values["loss"]
            if rows is not None and score is not None:
                weights = {**job.frozen, **_ready(trainer)}
                value = score(np.asarray(engine.predict(job.program.forward, weights, trainer.carry.rest, rows)))
                run.scores.append(value)
                values["val_score"] = value
            history.append(epoch, values)
            progress.end_epoch(epoch, values)
            if watch is not None:
                if watch.improved(value) and rows is not None:
                    best = trainer.carry
                if watch.over:
                    break
        trainer.confirm()
        if rows is not None and watch is not None:
            trainer.carry = best
        if settle:
            new, history.settled = settling.settle(
                job.program, job.numbers, _ready(trainer), job.frozen, trainer.carry.rest, job.data, settle
            )
            state = trainer.carry.state
            trainer.carry = trainer.carry._replace(
                params=new, state=state._replace(average=new) if job.optimizer.use_ema else state
            )
    finally:  # also after Ctrl-C or a value that is not finite: the last good weights stay
        progress.close()
        network.write(model.layers, structure, _ready(trainer), trainer.carry.rest)
        model._state, model.history = (job.layout, trainer.carry.state), history
    if optimum and job.steps == 1 and solvable(model, job.plan):
        run.optimum = finish(model, job)
