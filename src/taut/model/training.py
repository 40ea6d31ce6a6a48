"""One ``fit``: epochs in chunks, watched for values that stop being finite, the last good weights always kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from taut.model import engine
from taut.model.engine import Carry, Data, Numbers, Program
from taut.model.history import History
from taut.model.progress import Progress
from taut.optimizers import Optimizer
from taut.plan import Plan

__all__ = ["Job", "NonFiniteError", "Totals", "Trainer", "epoch_order"]

CHUNK_SECONDS = 0.5
FIRST_CHUNK = 256  # steps before the time of a step is known


class NonFiniteError(FloatingPointError):
    """A loss or a weight became NaN or infinite; the model has its weights from before that step.

    Attributes:
        epoch, step: where it happened, counted from 1 (the step within the epoch).
        parameters: the paths that stopped being finite; empty where only the loss did.
    """

    def __init__(self, message: str, epoch: int, step: int, parameters: tuple[str, ...]) -> None:
        super().__init__(message)
        self.epoch, self.step, self.parameters = epoch, step, parameters


def epoch_order(rows: int, seed: int, epoch: int, shuffle: bool) -> np.ndarray:
    """The order in which an epoch visits its rows, int32; numpy's generator on [seed, epoch]."""
    order = np.arange(rows, dtype=np.int32)
    if shuffle:
        np.random.default_rng([seed, epoch]).shuffle(order)
    return order


class Totals:
    """Sums over rows, kept in float64 on the host."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self.rows = 0
        self.sums = np.zeros(2 + len(metrics))

    def add(self, sums: np.ndarray, batch: int, steps: int) -> None:
        """``sums`` over ``steps`` batches of means over ``batch`` rows each: data loss, penalty, metrics."""
        self.sums += sums.astype(np.float64) * batch
        self.rows += batch * steps

    def values(self, prefix: str = "") -> dict[str, float]:
        """Means over the rows: loss (with penalties), data_loss, penalty, metrics."""
        data, penalty, *metrics = (self.sums / max(self.rows, 1)).tolist()
        named = {"loss": data + penalty, "data_loss": data, "penalty": penalty}
        named |= dict(zip(self.metrics, metrics, strict=True))
        return {prefix + key: value for key, value in named.items()}


@dataclass(frozen=True)
class Job:
    """Everything one training run hands to the compiled program, checked and on the device."""

    program: Program
    numbers: Numbers
    plan: Plan
    optimizer: Optimizer
    frozen: Mapping[str, jax.Array]
    data: Data
    batch: int
    carry: Carry
    layout: Any  # what the optimizer's state is shaped for

    @property
    def rows(self) -> int:
        return self.data.x.shape[0]

    @property
    def steps(self) -> int:
        """Batches in one epoch, the smaller last one included."""
        return -(-self.rows // self.batch)

    @property
    def patience(self) -> int:
        """Optimizer steps in one pass over the data."""
        return -(-self.steps // (self.optimizer.gradient_accumulation_steps or 1))

    def batches(self, order: np.ndarray) -> list[np.ndarray]:
        """An epoch's order as rows of batches: (steps, batch) for the full ones, (1, rest) for the smaller last one."""
        full = self.rows // self.batch
        parts = [order[: full * self.batch].reshape(full, self.batch)] if full else []
        return [*parts, order[None, full * self.batch :]] if full * self.batch < self.rows else parts


@dataclass
class Trainer:
    """Runs a job over epochs.

    ``carry`` is always a state from which training can go on: it is replaced only by one whose values are finite.
    """

    job: Job
    seed: int
    shuffle: bool
    step_seconds: float | None = None

    def __post_init__(self) -> None:
        self.carry = self.job.carry

    def _run(self, carry: Carry, order: jax.Array, start: int, stop: int) -> tuple[Carry, np.ndarray, np.ndarray]:
        """The carry after these steps, the sums over them, and for each trainable parameter whether it is finite."""
        job = self.job
        carry, report = engine.run(
            job.program, job.numbers, job.frozen, job.patience, job.data, order, start, stop, carry
        )
        values = np.asarray(report)
        return carry, values[: 2 + len(job.program.metrics)], values[2 + len(job.program.metrics) :] == 1

    def epoch(self, number: int, batches: list[np.ndarray], progress: Progress) -> dict[str, float]:
        """Train one epoch; returns its means."""
        totals, first = Totals(tuple(m.name for m in self.job.program.metrics)), 0
        for rows in batches:
            order, done = jnp.asarray(rows), 0
            while done < len(rows):
                stop = min(len(rows), done + self._chunk())
                began = time.perf_counter()
                carry, sums, finite = self._run(self.carry, order, done, stop)
                self._check(number, first, order, done, stop, sums, finite)
                self.carry = carry
                totals.add(sums, rows.shape[1], stop - done)
                self._learn_pace((time.perf_counter() - began) / (stop - done), stop - done)
                progress.advance(stop - done, number, totals.values())
                done = stop
            first += len(rows)
        return totals.values()

    def order(self, epoch: int) -> list[np.ndarray]:
        return self.job.batches(epoch_order(self.job.rows, self.seed, epoch, self.shuffle))

    def _chunk(self) -> int:
        return FIRST_CHUNK if self.step_seconds is None else max(1, int(CHUNK_SECONDS / self.step_seconds))

    def _learn_pace(self, seconds: float, steps: int) -> None:
        # The first chunk includes compilation, so its pace is an upper bound; later ones correct it.
        known = self.step_seconds
        self.step_seconds = seconds if known is None else min(known, seconds)

    # --- values that stop being finite --------------------------------------------------------------------------------

    def _check(
        self,
        epoch: int,
        first: int,
        order: jax.Array,
        start: int,
        stop: int,
        sums: np.ndarray,
        finite: np.ndarray,
    ) -> None:
        if _good(sums, finite):
            return
        # Once a sum or a weight is not finite it stays so: the first bad step is found by bisection from the chunk's
        # start, with the same program.
        good, bad = start, stop
        while bad - good > 1:
            middle = (good + bad) // 2
            _, part, flags = self._run(self.carry, order, start, middle)
            good, bad = (middle, bad) if _good(part, flags) else (good, middle)
        before = self._run(self.carry, order, start, good)[0] if good > start else self.carry
        _, last, flags = self._run(before, order, good, bad)
        self.carry = before
        names = tuple(path for path, ok in zip(before.params, flags, strict=True) if not ok)
        loss = float(last[0] + last[1])
        step = first + good + 1
        what = f"the loss was {loss:.4g}" if not np.isfinite(loss) else "the loss was still finite"
        which = f" and {', '.join(names)} stopped being finite" if names else ""
        raise NonFiniteError(
            f"epoch {epoch + 1}, step {step}: {what}{which}. The model keeps its weights from before this step. A "
            f"smaller learning rate, clipnorm=1.0, or scaled inputs usually put this right.",
            epoch + 1,
            step,
            names,
        )


def _good(sums: np.ndarray, finite: np.ndarray) -> bool:
    return bool(np.isfinite(sums[:2]).all() and finite.all())


def train(
    trainer: Trainer,
    history: History,
    epochs: range,
    progress: Progress,
    after_epoch: Callable[[int], dict[str, float]] | None = None,
) -> None:
    """Train ``epochs``; ``after_epoch`` gives the validation values."""
    try:
        order = trainer.order(epochs.start) if epochs else []
        for epoch in epochs:
            values = trainer.epoch(epoch, order, progress)
            if after_epoch is not None:
                values |= after_epoch(epoch)
            history.append(epoch, values)
            progress.end_epoch(epoch, values)
            if epoch + 1 in epochs:
                order = trainer.order(epoch + 1)
    finally:
        progress.close()
