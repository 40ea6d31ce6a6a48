"""One ``fit``: epochs in chunks, checked for values that stop being finite; the last finite weights are always kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from taut.model import engine
from taut.model.engine import Carry, Data, Numbers, Order, Program
from taut.model.history import History, Totals
from taut.model.nonfinite import NonFiniteError, advice
from taut.model.programs import Programs
from taut.model.progress import Progress
from taut.optimizers import Optimizer
from taut.plans import Plan

__all__ = ["Job", "NonFiniteError", "Stretch", "Trainer", "epoch_order"]

CHUNK_SECONDS = 0.5
FIRST_CHUNK = 256  # steps before the time of a step is known


def epoch_order(rows: int, seed: int, epoch: int, shuffle: bool) -> np.ndarray:
    """The order of the rows in an epoch, int32; from numpy's generator with seed [seed, epoch]."""
    order = np.arange(rows, dtype=np.int32)
    if shuffle:
        np.random.default_rng([seed, epoch]).shuffle(order)
    return order


@dataclass(frozen=True)
class Job:
    """All arguments of the compiled program for one training run, checked and on the device."""

    program: Program
    numbers: Numbers
    plan: Plan
    optimizer: Optimizer
    frozen: Mapping[str, jax.Array]
    data: Data
    batch: int
    carry: Carry
    layout: Any  # what the optimizer's state is shaped for
    programs: Programs  # what the program is compiled into where it runs a user's code
    validation: Data | None = None  # rows to be measured only

    @property
    def rows(self) -> int:
        return self.data.x.shape[0]

    @property
    def steps(self) -> int:
        """The number of batches in one epoch, including a smaller last one."""
        return -(-self.rows // self.batch)

    @property
    def patience(self) -> int:
        """The number of optimizer steps in one pass over the data."""
        return -(-self.steps // (self.optimizer.gradient_accumulation_steps or 1))

    def order(self, seed: int, epoch: int, shuffle: bool) -> Order:
        """The batches of an epoch, in numpy: a call copies them to the device ten times faster than ``device_put``."""
        rows = epoch_order(self.rows, seed, epoch, shuffle)
        whole = self.rows // self.batch * self.batch
        last = rows[None, whole:] if whole < self.rows else None
        return Order(rows[:whole].reshape(-1, self.batch), last)


class Stretch(NamedTuple):
    """Steps ``start`` … ``stop``−1 of an epoch, and the state before them."""

    epoch: int
    order: Order
    start: int
    stop: int
    carry: Carry


@dataclass
class Trainer:
    """Runs a job over epochs.

    ``carry`` is always a state from which training can continue: it is replaced only by a state with finite values.
    """

    job: Job
    seed: int
    shuffle: bool

    def __post_init__(self) -> None:
        self.carry = self.job.carry
        self._sums = np.zeros(2 + len(self.job.program.metrics), np.float32)
        self._next: tuple[int, Order] | None = None
        self._last: Stretch | None = None  # what led to the carry

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
        """Train epoch ``number`` (``last`` is the number of the last one); returns the mean of each value."""
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
            self._accept(Stretch(number, order, done, stop, self.carry), carry, sums, finite)
            self._sums = sums
            totals.set(sums, min(stop * self.job.batch, self.job.rows))
            _learn_pace(self.job, (time.perf_counter() - began) / (stop - done))
            progress.advance(stop - done, number, totals.values())
            done = stop
        return totals.values()

    def run_ahead(self, epochs: range, progress: Progress, done: Callable[[int, dict[str, float]], None]) -> None:
        """Train short epochs; each is started before the results of the one before it are read.

        Otherwise the device would wait for the host between two epochs, a tenth of the time of a small network. Epochs
        that were started from values that are not finite are discarded.
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
                finished, order, before, after, report = pending
                sums, finite = self._read(report)
                self._accept(Stretch(finished, order, 0, self.job.steps, before), after, sums, finite)
                totals = Totals(tuple(m.name for m in self.job.program.metrics))
                totals.set(sums, self.job.rows)
                progress.advance(self.job.steps, finished, totals.values())
                done(finished, totals.values())
            pending = begun

    @property
    def short(self) -> bool:
        """Whether an epoch is known to take at most as long as one chunk."""
        return self.job.program in _paces(self.job) and self.job.steps <= _chunk(self.job)

    # --- values that stop being finite --------------------------------------------------------------------------------

    def _accept(self, run: Stretch, after: Carry, sums: np.ndarray, finite: np.ndarray) -> None:
        """Continue from ``after``, the state after ``run``.

        Raises:
            NonFiniteError: ``after`` contains values that are not finite.
        """
        if not _good(sums, finite):
            self._fail(run)
        self.carry, self._last = after, run

    def _at(self, run: Stretch, step: int) -> Carry:
        """The state after the steps of ``run`` before ``step``."""
        return self._run(run.carry, run.order, run.start, step)[0] if step > run.start else run.carry

    def _loss(self, carry: Carry, order: Order, step: int) -> float:
        sums, _ = self._read(self._run(carry, order, step, step + 1)[1])
        return float(sums[0] + sums[1])  # with the epoch so far, which is finite

    def _fail(self, run: Stretch) -> None:
        # A sum or a weight that is not finite stays so. The first bad step is found by bisection from the start of
        # the stretch, with the same program.
        good, bad = run.start, run.stop
        while bad - good > 1:
            middle = (good + bad) // 2
            found = self._read(self._run(run.carry, run.order, run.start, middle)[1])
            good, bad = (middle, bad) if _good(*found) else (good, middle)
        self.carry = before = self._at(run, good)
        sums, flags = self._read(self._run(before, run.order, good, bad)[1])
        loss = float(sums[0] + sums[1])
        names = tuple(path for path, ok in zip(sorted(before.params), flags[1:], strict=True) if not ok)
        what = f"the loss was {loss:.4g}" if not np.isfinite(loss) else "the loss was still finite"
        parts = names or (() if flags[0] else ("the optimizer's state",))
        which = f" and {', '.join(parts)} stopped being finite" if parts else ""
        earlier = self._last if good == run.start else run._replace(stop=good)
        kept = "The model keeps its weights from before this step."
        if not np.isfinite(loss) and earlier is not None:
            kept = self._step_back(earlier) or kept
        cause = self._cause(run.order, good, at_once=earlier is None and not np.isfinite(loss))
        message = f"epoch {run.epoch + 1}, step {good + 1}: {what}{which}. {kept} {cause}"
        raise NonFiniteError(message, run.epoch + 1, good + 1, names)

    def _step_back(self, run: Stretch) -> str | None:
        """If the last step of ``run`` gave weights whose loss is not finite on the same batch either, go back to the
        weights before it. Returns a sentence that says which weights are kept.
        """
        last = run.stop - 1
        if np.isfinite(self._loss(self.carry, run.order, last)):
            return None
        self.carry = self._at(run, last)
        return f"The model keeps its weights from before epoch {run.epoch + 1}, step {run.stop}, the last whose loss was finite."

    def _cause(self, order: Order, step: int, at_once: bool) -> str:
        job = self.job
        rows = np.asarray(order.full[step] if step < len(order.full) else order.last[0])
        batch = jax.tree.map(lambda a: np.asarray(a[rows]), job.data)
        return advice(job.plan, {**job.frozen, **job.carry.params}, batch, job.program.loss, at_once)

    def confirm(self) -> None:
        """Check that the loss is finite after the very last step, since no later step computes it.

        Raises:
            NonFiniteError: it is not.
        """
        run = self._last
        if run is not None and (kept := self._step_back(run)):
            cause = self._cause(run.order, run.stop - 1, at_once=False)
            message = (
                f"epoch {run.epoch + 1}, step {run.stop}: after this step, the last one, the loss was not finite. "
            )
            raise NonFiniteError(f"{message}{kept} {cause}", run.epoch + 1, run.stop, ())


_pace: dict[Program, float] = {}  # seconds per step, by program; what a fit learns serves the next


def _paces(job: Job) -> dict[Program, float]:
    return _pace if job.program.own is None else job.programs.pace


def _chunk(job: Job) -> int:
    """The number of steps that take about half a second."""
    pace = _paces(job).get(job.program)
    return FIRST_CHUNK if pace is None else max(1, int(CHUNK_SECONDS / pace))


def _learn_pace(job: Job, seconds: float) -> None:
    # The first chunk includes compilation, so its pace is an upper bound; later ones correct it.
    paces = _paces(job)
    if len(paces) > 256:
        paces.clear()
    paces[job.program] = min(paces.get(job.program, seconds), seconds)


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
        trainer.confirm()
    finally:
        progress.close()
