"""All nets of a path, trained epoch by epoch and measured, block by block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from taut.model import Sequential
from taut.model.engine import Data, Order
from taut.model.sequential import EVALUATION_ROWS
from taut.model.training import CHUNK_SECONDS, Job, epoch_order
from taut.paths import _program
from taut.paths._blocks import Block, Cell, Start, Work, activations
from taut.plans import Plan

__all__ = ["Nets"]

CACHE = 1 << 20
"""Floats of activations of one measurement: more rows at a time do not fit a core's cache."""


@dataclass(eq=False)
class Nets:
    """Strengths × cells.

    Args:
        model: the template, built and compiled.
        job: its prepared training run: data, optimizer, program.
        plans: one a strength.
        cells: see `Cell`.
        batch: rows a step; None for all of a cell's.
        memory: bytes that may be used.
        measured: the rows that scores are measured on, weighted as a user weights them.
        held: those of ``Cell.held``, where they are not among ``measured``.
        offset: how many epochs' orders have been used up before the first.

    Raises:
        ValueError: not one net fits the memory.
    """

    model: Sequential
    job: Job
    plans: Sequence[Plan]
    cells: Sequence[Cell]
    batch: int | None
    memory: int
    measured: Data
    held: Data | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        self.epochs = 0
        self.names = ["data_loss", "penalty", *(m.name for m in self.job.program.metrics)]
        self._width = activations(self.model)
        work = Work(self.model, self.job, self.plans, self.cells, self.batch, self.memory, self.held)
        self.blocks = work.blocks()

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.cells), len(self.plans)

    # --- training -----------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Calls' worth of steps in one epoch, over all blocks."""
        return sum(-(-len(self.cells[b.cells[0]].rows) // b.batch) for b in self.blocks)

    def epoch(self, number: int, advance: Callable[[int], None]) -> dict[str, np.ndarray]:
        """Train one epoch of every net; returns data loss, penalty and metrics over it, (cells, strengths) each.

        If it is interrupted all nets are as they were before it.
        """
        before = [(b.carry, b.finite) for b in self.blocks]
        try:
            for block in self.blocks:
                self._train(block, number, advance)
        except BaseException:
            for block, (carry, finite) in zip(self.blocks, before, strict=True):
                block.carry, block.finite = carry, finite
            raise
        self.epochs += 1
        rows = np.array([len(c.rows) for c in self.cells], np.float64)[:, None]
        sums = self._gathered(lambda b: b.sums, len(self.names))
        return {name: sums[..., i] / rows for i, name in enumerate(self.names)}

    def _train(self, block: Block, epoch: int, advance: Callable[[int], None]) -> None:
        order = self._order(block, epoch)
        steps = order.full.shape[1] + (order.last is not None)
        _, orders, sums, _ = _program.share_out(
            block.split,
            cells=order,
            nets=np.zeros((len(block.cells), len(block.strengths), len(self.names)), np.float32),
        )
        nets, done = (block.carry, sums), 0
        while done < steps:
            # The first call also compiles: its pace is an upper bound, which the next one corrects.
            stop = min(steps, done + (64 if block.pace is None else max(1, int(CHUNK_SECONDS / block.pace))))
            began = time.perf_counter()
            *after, finite = _program.run(
                block.program, block.split, block.plans, orders, nets, block.fixed, done, stop
            )
            nets = (after[0], after[1])
            jax.block_until_ready(finite)
            pace = (time.perf_counter() - began) / (stop - done)
            block.pace = pace if block.pace is None else min(block.pace, pace)
            advance(stop - done)
            done = stop
            block.finite = finite
        block.carry, block.sums = nets

    def _order(self, block: Block, epoch: int) -> Order:
        full: list[np.ndarray] = []
        last: list[np.ndarray] = []
        drawn: dict[tuple[int, int], np.ndarray] = {}
        for c in block.cells:
            cell = self.cells[c]
            key = cell.order, len(cell.rows)
            if key not in drawn:  # folds of one seed and size share their order
                drawn[key] = epoch_order(len(cell.rows), cell.order, self.offset + epoch, True)
            rows = cell.rows[drawn[key]]
            whole = len(rows) // block.batch * block.batch
            full.append(rows[:whole].reshape(-1, block.batch))
            last.append(rows[None, whole:])
        return Order(np.stack(full), np.stack(last) if last[0].size else None)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _gathered(self, values: Callable[[Block], Any], *last: int) -> np.ndarray:
        """What each block gives for its nets, (cells, strengths, ...), in one array of float64."""
        out = np.full((*self.shape, *last), np.nan)
        for block in self.blocks:
            c, s = block.cells[: block.shape[0]], block.strengths[: block.shape[1]]
            out[np.ix_(c, s)] = block.take(values(block))
        return out

    def finite(self) -> np.ndarray:
        """Whether every weight of each net is finite, (cells, strengths)."""
        return self._gathered(lambda b: np.ones(b.shape) if b.finite is None else b.finite) == 1

    def _ready(self, block: Block) -> Any:
        if not self.job.optimizer.use_ema:
            return block.carry.params
        return _program.ready(block.program, block.split, block.plans, (block.carry.state.average, block.carry.params))

    def measure(self, held: bool) -> dict[str, np.ndarray]:
        """Data loss, penalty and metrics of each net in inference mode, (cells, strengths) each: on its own training
        rows, or on those held out (NaN for cells that hold out none)."""

        def one(block: Block) -> Any:
            picked = [self.cells[c].held if held else self.cells[c].rows for c in block.cells]
            if any(rows is None for rows in picked):
                return np.full((len(block.cells), len(block.strengths), len(self.names)), np.nan)
            data = self.held if held and self.held is not None else self.measured
            count = len(picked[0])  # type: ignore[arg-type]
            nets = len(block.cells) * len(block.strengths) // block.split.devices
            size = min(EVALUATION_ROWS, max(32, CACHE // (nets * self._width)))
            if block.program.watched:  # an activity penalty is divided by the rows of a batch, and those are its own
                size, most = min(block.batch, count), count
            else:
                cell = self.cells[block.cells[0]]
                most = max(count, len(cell.rows), 0 if cell.held is None else len(cell.held))
                size = min(size, most)
                most = -(-most // size) * size
            rows: Any = np.stack([np.pad(part, (0, most - count), mode="edge") for part in picked])  # type: ignore[arg-type]
            counts = np.full(len(rows), count, np.int32)
            return _program.measure(
                block.program,
                block.split,
                size,
                block.plans,
                (rows, counts),
                (self._ready(block), block.carry.rest),
                self.job.frozen,
                data,
            )

        values = self._gathered(one, len(self.names))
        return {name: values[..., i] for i, name in enumerate(self.names)}

    def each(self, cells: Sequence[int] | None = None) -> Any:
        """(cell, strength, parameters by path) of every net, frozen ones included, block by block."""
        frozen = {p: np.asarray(w) for p, w in self.job.frozen.items()}
        for block in self.blocks:
            wanted = [i for i, c in enumerate(block.cells[: block.shape[0]]) if cells is None or c in cells]
            if not wanted:
                continue
            params = jax.device_get(self._ready(block))
            for i in wanted:
                for j, s in enumerate(block.strengths[: block.shape[1]]):
                    yield block.cells[i], s, {**frozen, **{p: w[i, j] for p, w in params.items()}}

    def starts(self) -> list[Start]:
        """Where each cell's net of the first strength is, for others to begin from."""
        rests: dict[int, Any] = {}
        for block in self.blocks:
            if 0 in block.strengths[: block.shape[1]]:
                at = block.strengths.index(0)
                for i, c in enumerate(block.cells[: block.shape[0]]):
                    rests[c] = jax.tree.map(lambda leaf, i=i, at=at: leaf[i, at], block.carry.rest)
        params = {c: values for c, s, values in self.each() if s == 0}
        return [Start(params[c], rests[c]) for c in range(len(self.cells))]
