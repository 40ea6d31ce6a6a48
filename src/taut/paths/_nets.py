"""All nets of a path, trained epoch by epoch: in blocks that fit the memory, each block one call of one program.

A block is some cells (seed, fold) times some strengths. Cells with as many rows and plans of the same structure share a
compiled program; a short block is padded with copies of its last net rather than compiled again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from taut import transforms
from taut.model import Sequential, network
from taut.model.engine import Carry, Data, Order, Program
from taut.model.sequential import EVALUATION_ROWS
from taut.model.training import CHUNK_SECONDS, Job, epoch_order
from taut.paths import _program
from taut.paths._memory import human
from taut.paths._program import Fixed, Split
from taut.plan import Plan

__all__ = ["Cell", "Nets", "Start"]

CACHE = 1 << 20
"""Floats of activations of one measurement: more rows at a time do not fit a core's cache."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a net begins: its parameters by path, and its remaining state (random streams, batch statistics)."""

    params: dict[str, np.ndarray]
    rest: Any


@dataclass(frozen=True, eq=False)
class Cell:
    """One draw and one set of rows; every strength trains one net in it.

    Attributes:
        start: by strength, or one for all.
        order: the seed of the order of the rows.
        rows: which rows train.
        held: which rows are held out, or None.
    """

    start: Callable[[int], Start]
    order: int
    rows: np.ndarray
    held: np.ndarray | None


@dataclass(eq=False)
class _Block:
    """Nets that train in one call. ``cells`` and ``strengths`` are padded; the first ``shape`` of them count."""

    program: Program
    split: Split
    cells: list[int]
    strengths: list[int]
    shape: tuple[int, int]
    batch: int
    plans: Any
    fixed: Fixed
    carry: Carry
    sums: Any = None
    pace: float | None = None
    finite: Any = None

    def take(self, values: Any) -> np.ndarray:
        """(cells, strengths, ...) without the padding."""
        return np.asarray(values)[: self.shape[0], : self.shape[1]]


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
    blocks: list[_Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.epochs = 0
        self.names = ["data_loss", "penalty", *(m.name for m in self.job.program.metrics)]
        self._width = _activations(self.model)
        for plans, cells in self._alike():
            self.blocks += self._cut(plans, cells)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.cells), len(self.plans)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _alike(self) -> list[tuple[list[int], list[int]]]:
        """(strengths, cells) that can share a program."""
        by_plan: dict[Any, list[int]] = {}
        for i, plan in enumerate(self.plans):
            by_plan.setdefault(jax.tree.structure(plan), []).append(i)
        out: list[tuple[list[int], list[int]]] = []
        for strengths in by_plan.values():
            metric = bool(self.plans[strengths[0]].metric_paths)
            by_rows: dict[Any, list[int]] = {}
            for i, cell in enumerate(self.cells):
                held = None if cell.held is None else len(cell.held)
                key = (len(cell.rows), held, self._rare(cell) if metric else ())
                by_rows.setdefault(key, []).append(i)
            out += [(strengths, cells) for cells in by_rows.values()]
        return out

    def _rare(self, cell: Cell) -> tuple[str, ...]:
        structure = self.job.program.structure
        x = np.asarray(self.job.data.x)[cell.rows]
        return network.with_rare_entries(
            self.model.layers, structure, self.job.carry.params, x, self._batch(len(cell.rows))
        )

    def _batch(self, rows: int) -> int:
        return rows if self.batch is None else min(self.batch, rows)

    def _cut(self, strengths: list[int], cells: list[int]) -> list[_Block]:
        """Blocks of equal shape that fit the memory."""
        devices = len(jax.devices())
        first = self.cells[cells[0]]
        batch = self._batch(len(first.rows))
        net = self._bytes(batch)
        data = sum(leaf.nbytes for leaf in jax.tree.leaves((self.job.data, self.held)))
        most = (self.memory - data) // net
        if most < 1:
            raise ValueError(
                f"memory: {human(self.memory)} hold not even one net: the data take {human(data)} and one net in "
                f"training {human(net)}, so at least {human(data + net)} are needed. Give memory=..., fewer rows at a "
                f"time (batch_size={batch}), or a smaller model."
            )
        wide = _even(len(strengths), most)  # strengths a block
        tall = _even(len(cells), max(1, most // wide))
        split = _share(tall, wide, devices)
        out: list[_Block] = []
        for i in range(0, len(cells), tall):
            for j in range(0, len(strengths), wide):
                out.append(self._block(cells[i : i + tall], strengths[j : j + wide], (tall, wide), split, batch))
        return out

    def _bytes(self, batch: int) -> int:
        """Of one net in training: what it carries, before and after; gradients and updates; activations and theirs."""
        carried = sum(leaf.nbytes for leaf in jax.tree.leaves(self.job.carry))
        params = sum(w.nbytes for w in self.job.carry.params.values())
        return 2 * carried + 3 * params + 4 * 4 * batch * self._width

    def _block(
        self, cells: list[int], strengths: list[int], shape: tuple[int, int], split: Split, batch: int
    ) -> _Block:
        real = len(cells), len(strengths)
        tall, wide = shape
        if split.by_cells:
            tall = -(-tall // split.devices) * split.devices
        else:
            wide = -(-wide // split.devices) * split.devices
        cells = cells + cells[-1:] * (tall - len(cells))
        strengths = strengths + strengths[-1:] * (wide - len(strengths))
        job, plan = self.job, self.plans[strengths[0]]
        rare = self._rare(self.cells[cells[0]]) if plan.metric_paths else ()
        program, _ = self.model._program(job.program.structure, plan, job.optimizer, job.program.loss)
        columns = zip(*(jax.tree.leaves(self.plans[s]) for s in strengths), strict=True)
        numbers = [np.stack([np.asarray(n, np.float32) for n in column]) for column in columns]
        starts = [[self.cells[c].start(s) for s in strengths] for c in cells]
        trained = list(job.carry.params)
        params = {p: np.stack([[start.params[p] for start in row] for row in starts]) for p in trained}
        rests = [[start.rest for start in row[:1]] for row in starts]
        rest = jax.tree.map(
            lambda *leaves: jax.numpy.broadcast_to(jax.numpy.stack(leaves)[:, None], (tall, wide, *leaves[0].shape)),
            *(row[0] for row in rests),
        )
        steps = -(-len(self.cells[cells[0]].rows) // batch)
        patience = -(-steps // (job.optimizer.gradient_accumulation_steps or 1))
        plans, _, carry, fixed = _program.share_out(
            split,
            numbers,
            None,
            Carry(params, rest, _state(job, plan, params, rare)),
            Fixed(job.numbers.optimizer, job.frozen, np.int32(patience), job.data),
        )
        return _Block(program, split, cells, strengths, real, batch, plans, fixed, carry)

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

    def _train(self, block: _Block, epoch: int, advance: Callable[[int], None]) -> None:
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

    def _order(self, block: _Block, epoch: int) -> Order:
        full: list[np.ndarray] = []
        last: list[np.ndarray] = []
        drawn: dict[tuple[int, int], np.ndarray] = {}
        for c in block.cells:
            cell = self.cells[c]
            key = cell.order, len(cell.rows)
            if key not in drawn:  # folds of one seed and size share their order
                drawn[key] = epoch_order(len(cell.rows), cell.order, epoch, True)
            rows = cell.rows[drawn[key]]
            whole = len(rows) // block.batch * block.batch
            full.append(rows[:whole].reshape(-1, block.batch))
            last.append(rows[None, whole:])
        return Order(np.stack(full), np.stack(last) if last[0].size else None)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _gathered(self, values: Callable[[_Block], Any], *last: int) -> np.ndarray:
        """What each block gives for its nets, (cells, strengths, ...), in one array of float64."""
        out = np.full((*self.shape, *last), np.nan)
        for block in self.blocks:
            c, s = block.cells[: block.shape[0]], block.strengths[: block.shape[1]]
            out[np.ix_(c, s)] = block.take(values(block))
        return out

    def finite(self) -> np.ndarray:
        """Whether every weight of each net is finite, (cells, strengths)."""
        return self._gathered(lambda b: np.ones(b.shape) if b.finite is None else b.finite) == 1

    def _ready(self, block: _Block) -> Any:
        if not self.job.optimizer.use_ema:
            return block.carry.params
        return _program.ready(block.program, block.split, block.plans, (block.carry.state.average, block.carry.params))

    def measure(self, held: bool) -> dict[str, np.ndarray]:
        """Data loss, penalty and metrics of each net in inference mode, (cells, strengths) each: on its own training
        rows, or on those held out (NaN for cells that hold out none)."""

        def one(block: _Block) -> Any:
            picked = [self.cells[c].held if held else self.cells[c].rows for c in block.cells]
            if any(rows is None for rows in picked):
                return np.full((len(block.cells), len(block.strengths), len(self.names)), np.nan)
            rows: Any = np.stack(picked)  # type: ignore[arg-type]
            data = self.held if held and self.held is not None else self.measured
            nets = len(block.cells) * len(block.strengths) // block.split.devices
            size = min(EVALUATION_ROWS, max(32, CACHE // (nets * self._width)))
            if block.program.watched:
                size = block.batch  # an activity penalty is divided by the rows of a batch
            plans, rows, nets, shared = block.plans, rows, (self._ready(block), block.carry.rest), data
            return _program.measure(
                block.program,
                block.split,
                min(size, rows.shape[1]),
                plans,
                rows,
                nets,
                self.job.frozen,
                shared,
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


def _even(count: int, most: int) -> int:
    """``count`` in equal parts of at most ``most``."""
    return math.ceil(count / math.ceil(count / max(1, most)))


def _share(tall: int, wide: int, devices: int) -> Split:
    """Over as many devices as there are, along the axis that wastes least on padding."""
    if devices == 1 or tall * wide == 1:
        return Split()

    def waste(count: int) -> float:
        used = min(devices, count)
        return (-(-count // used) * used / count) * devices / used

    by_cells = waste(tall) < waste(wide)
    return Split(min(devices, tall if by_cells else wide), by_cells)


def _activations(model: Sequential) -> int:
    """Numbers that one row becomes on its way through the layers."""
    widths: list[int] = []
    network.output_shape(
        model.layers,
        model._names,
        model.input_shape or (),
        lambda layer, name, shape: widths.append(math.prod(layer.output_shape(shape))),
    )
    return math.prod(model.input_shape or ()) + sum(widths) + math.prod(model.output_shape or ())


def _state(job: Job, plan: Plan, params: dict[str, np.ndarray], rare: tuple[str, ...]) -> Any:
    """The optimizer's state before the first step of every net."""
    lead = next(iter(params.values())).shape[:2]
    if not job.optimizer.elementwise:  # it may depend on the parameters
        init = jax.vmap(jax.vmap(lambda p: transforms.init(job.optimizer, plan, p, rare)))
        return init(params)
    one = transforms.init(job.optimizer, plan, {p: w[0, 0] for p, w in params.items()}, rare)
    state = jax.tree.map(lambda leaf: np.broadcast_to(np.asarray(leaf), (*lead, *leaf.shape)), one)
    return state._replace(average=dict(params)) if job.optimizer.use_ema else state
