"""The nets of a path in blocks that fit the memory, each block one call of one program.

A block is some cells (seed, fold) times some strengths. Cells with as many rows and plans of the same structure share a
compiled program; a short block is padded with copies of its last net rather than compiled again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from taut import transforms
from taut.model import Sequential, network
from taut.model.engine import Carry, Data, Program
from taut.model.training import Job
from taut.paths import _program
from taut.paths._memory import human
from taut.paths._program import Fixed, Split
from taut.plans import Plan

__all__ = ["Block", "Cell", "Start", "Work", "activations"]


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
class Block:
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
class Work:
    """What is cut into blocks; the fields are those of `Nets`."""

    model: Sequential
    job: Job
    plans: Sequence[Plan]
    cells: Sequence[Cell]
    batch: int | None
    memory: int
    held: Data | None

    def blocks(self) -> list[Block]:
        """All nets.

        Raises:
            ValueError: not one net fits the memory.
        """
        self._width = activations(self.model)
        return [block for strengths, cells in self._alike() for block in self._cut(strengths, cells)]

    def _alike(self) -> list[tuple[list[int], list[int]]]:
        """(strengths, cells) that can share a program."""
        by_plan: dict[Any, list[int]] = {}
        for i, plan in enumerate(self.plans):
            by_plan.setdefault(jax.tree.structure(plan), []).append(i)
        out: list[tuple[list[int], list[int]]] = []
        for strengths in by_plan.values():
            metric = bool(self.plans[strengths[0]].scaled_paths)
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

    def _cut(self, strengths: list[int], cells: list[int]) -> list[Block]:
        """Blocks of equal shape that fit the memory."""
        devices = len(jax.devices())
        first = self.cells[cells[0]]
        batch = self._batch(len(first.rows))
        net = self._bytes(batch)
        data = sum(leaf.nbytes for leaf in jax.tree.leaves((self.job.data, self.held)))
        most = (self.memory - data) // net
        if most < 1:
            raise ValueError(
                f"memory={human(self.memory)} is too little for one net: the data take {human(data)} and one net in training "
                f"{human(net)}, together {human(data + net)}. Raise memory, or use a batch_size below {batch} or a smaller "
                f"model."
            )
        wide = _even(len(strengths), most)  # strengths a block
        tall = _even(len(cells), max(1, most // wide))
        split = _share(tall, wide, devices)
        out: list[Block] = []
        for i in range(0, len(cells), tall):
            for j in range(0, len(strengths), wide):
                out.append(self._block(cells[i : i + tall], strengths[j : j + wide], (tall, wide), split, batch))
        return out

    def _bytes(self, batch: int) -> int:
        """Of one net in training: what it carries, before and after; gradients and updates; activations and theirs."""
        carried = sum(leaf.nbytes for leaf in jax.tree.leaves(self.job.carry))
        params = sum(w.nbytes for w in self.job.carry.params.values())
        return 2 * carried + 3 * params + 4 * 4 * batch * self._width

    def _block(self, cells: list[int], strengths: list[int], shape: tuple[int, int], split: Split, batch: int) -> Block:
        real = len(cells), len(strengths)
        tall, wide = shape
        if split.by_cells:
            tall = -(-tall // split.devices) * split.devices
        else:
            wide = -(-wide // split.devices) * split.devices
        cells = cells + cells[-1:] * (tall - len(cells))
        strengths = strengths + strengths[-1:] * (wide - len(strengths))
        job, plan = self.job, self.plans[strengths[0]]
        rare = self._rare(self.cells[cells[0]]) if plan.scaled_paths else ()
        program, _ = self.model._program(job.program.structure, plan, job.optimizer, job.program.loss, job.programs)
        columns = zip(*(jax.tree.leaves(self.plans[s]) for s in strengths), strict=True)
        numbers = [np.stack([np.asarray(n, np.float32) for n in column]) for column in columns]
        starts = [[self.cells[c].start(s) for s in strengths] for c in cells]
        trained = list(job.carry.params)
        params: Any = {p: np.stack([[start.params[p] for start in row] for row in starts]) for p in trained}
        rest = jax.tree.map(lambda *leaves: _stacked(leaves, wide), *(row[0].rest for row in starts))
        steps = -(-len(self.cells[cells[0]].rows) // batch)
        patience = -(-steps // (job.optimizer.gradient_accumulation_steps or 1))
        plans, _, carry, fixed = _program.share_out(
            split,
            numbers,
            None,
            Carry(params, rest, _state(job, plan, params, rare)),
            Fixed(job.numbers.optimizer, job.frozen, np.int32(patience), job.data),
        )
        return Block(program, split, cells, strengths, real, batch, plans, fixed, carry)


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


def activations(model: Sequential) -> int:
    """Numbers that one row becomes on its way through the layers."""
    widths: list[int] = []
    network.output_shape(
        model.layers,
        model._names,
        model.input_shape or (),
        lambda layer, name, shape: widths.append(math.prod(network.rows_after(layer, name, shape))),
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


def _stacked(leaves: Sequence[jax.Array], wide: int) -> Any:
    """One array a cell as (cells, wide, ...); by numpy, where XLA would compile a program for each shape."""
    keys = jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key)
    raw: Any = np.stack([np.asarray(jax.random.key_data(leaf) if keys else leaf) for leaf in leaves])
    raw = np.broadcast_to(raw[:, None], (len(raw), wide, *raw.shape[1:]))
    return jax.random.wrap_key_data(raw, impl=jax.random.key_impl(leaves[0])) if keys else raw
