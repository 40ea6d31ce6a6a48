"""One ``fit``: epochs in chunks, watched for values that stop being finite, the last good weights always kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from taut.model import engine
from taut.model.engine import Carry, Data, Numbers, Order, Program
from taut.model.history import History
from taut.model.progress import Progress
from taut.optimizers import Optimizer
from taut.plans import Plan

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
    validation: Data | None = None  # rows to be measured only

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

    def order(self, seed: int, epoch: int, shuffle: bool) -> Order:
        """The batches of an epoch, in numpy: a call takes them to the device in a tenth of ``device_put``'s time."""
        rows = epoch_order(self.rows, seed, epoch, shuffle)
        whole = self.rows // self.batch * self.batch
        last = rows[None, whole:] if whole < self.rows else None
        return Order(rows[:whole].reshape(-1, self.batch), last)


@dataclass
class Trainer:
    """Runs a job over epochs.

    ``carry`` is always a state from which training can go on: it is replaced only by one whose values are finite.
    """

    job: Job
    seed: int
    shuffle: bool

    def __post_init__(self) -> None:
        self.carry = self.job.carry
        self._sums = np.zeros(2 + len(self.job.program.metrics), np.float32)
        self._next: tuple[int, Order] | None = None

    def _run(self, carry: Carry, order: Order, start: int, stop: int) -> tuple[Carry, jax.Array]:
        job = self.job
        return engine.run(
            job.program, job.numbers, job.frozen, job.patience, job.data, order, start, stop, self._sums, carry
        )

    def _read(self, report: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        """The epoch's sums after a run, and whether the optimizer's state and each trainable parameter are finite."""
        values = np.asarray(report)
        return values[: len(self._sums)], values[len(self._sums) :] == 1

    def _order(self, epoch: int) -> Order:
        if self._next is None or self._next[0] != epoch:
            self._next = epoch, self.job.order(self.seed, epoch, self.shuffle)
        return self._next[1]

    def epoch(self, number: int, last: int, progress: Progress) -> dict[str, float]:
        """Train epoch ``number`` (``last`` is the number of the last one); returns its means."""
        order, done = self._order(number), 0
        totals = Totals(tuple(m.name for m in self.job.program.metrics))
        self._sums = np.zeros(len(totals.sums), np.float32)
        while done < self.job.steps:
            stop = min(self.job.steps, done + _chunk(self.job))
            began = time.perf_counter()
            carry, report = self._run(self.carry, order, done, stop)
            if stop == self.job.steps and number < last:
                self._order(number + 1)  # drawn while the device is at work
            sums, finite = self._read(report)
            self._check(number, order, done, stop, sums, finite)
            self.carry = carry
            self._sums = sums
            totals.set(sums, min(stop * self.job.batch, self.job.rows))
            _learn_pace(self.job, (time.perf_counter() - began) / (stop - done))
            progress.advance(stop - done, number, totals.values())
            done = stop
        return totals.values()

    def run_ahead(self, epochs: range, progress: Progress, done: Callable[[int, dict[str, float]], None]) -> None:
        """Train short epochs, each begun before the results of the one before it are read.

        Between two epochs the device would otherwise wait for the host: a tenth of the time of a small network. What
        was begun on values that turn out not to be finite is dropped.
        """
        pending: tuple[int, Order, Carry, Carry, jax.Array] | None = None
        self._sums = np.zeros(2 + len(self.job.program.metrics), np.float32)  # each epoch is one run
        for number in [*epochs, None]:
            begun = None
            if number is not None:
                before = self.carry if pending is None else pending[3]
                order = self.job.order(self.seed, number, self.shuffle)
                begun = (number, order, before, *self._run(before, order, 0, self.job.steps))
            if pending is not None:
                finished, order, self.carry, after, report = pending
                sums, finite = self._read(report)
                self._check(finished, order, 0, self.job.steps, sums, finite)
                self.carry = after
                totals = Totals(tuple(m.name for m in self.job.program.metrics))
                totals.set(sums, self.job.rows)
                progress.advance(self.job.steps, finished, totals.values())
                done(finished, totals.values())
            pending = begun

    @property
    def short(self) -> bool:
        """Whether an epoch is known to take no longer than one chunk."""
        return _pace.get(self.job.program) is not None and self.job.steps <= _chunk(self.job)

    # --- values that stop being finite --------------------------------------------------------------------------------

    def _check(
        self,
        epoch: int,
        order: Order,
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
            found = self._read(self._run(self.carry, order, start, middle)[1])
            good, bad = (middle, bad) if _good(*found) else (good, middle)
        before = self._run(self.carry, order, start, good)[0] if good > start else self.carry
        sums, flags = self._read(self._run(before, order, good, bad)[1])
        self.carry = before
        names = tuple(path for path, ok in zip(sorted(before.params), flags[1:], strict=True) if not ok)
        loss = float(sums[0] + sums[1])  # of the epoch so far; not finite only if this step's was not
        step = good + 1
        what = f"the loss was {loss:.4g}" if not np.isfinite(loss) else "the loss was still finite"
        parts = names or (() if flags[0] else ("the optimizer's state",))
        which = f" and {', '.join(parts)} stopped being finite" if parts else ""
        raise NonFiniteError(
            f"epoch {epoch + 1}, step {step}: {what}{which}. The model keeps its weights from before this step. A "
            f"smaller learning rate, clipnorm=1.0, or scaled inputs usually put this right.",
            epoch + 1,
            step,
            names,
        )


_pace: dict[Program, float] = {}  # seconds a step, by program; what a fit learns serves the next


def _chunk(job: Job) -> int:
    """Steps that take about half a second."""
    pace = _pace.get(job.program)
    return FIRST_CHUNK if pace is None else max(1, int(CHUNK_SECONDS / pace))


def _learn_pace(job: Job, seconds: float) -> None:
    # The first chunk includes compilation, so its pace is an upper bound; later ones correct it.
    if len(_pace) > 256:
        _pace.clear()
    _pace[job.program] = min(_pace.get(job.program, seconds), seconds)


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

    def done(epoch: int, values: dict[str, float]) -> None:
        history.append(epoch, values)
        progress.end_epoch(epoch, values)

    try:
        for epoch in epochs:
            if after_epoch is None and trainer.short:
                trainer.run_ahead(range(epoch, epochs.stop), progress, done)
                break
            values = trainer.epoch(epoch, epochs[-1], progress)
            done(epoch, values if after_epoch is None else values | after_epoch(epoch))
    finally:
        progress.close()
