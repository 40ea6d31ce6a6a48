"""The compiled programs of a path: the same training loop over cells (seed, fold) and, within a cell, over strengths.

A cell has an order of rows of its own, so a batch is gathered once for all its strengths. The strengths of a plan are
arguments; a program is compiled once for each number of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from taut import transforms
from taut.model import engine
from taut.model.engine import Carry, Data, Numbers, Order, Program
from taut.model.programs import compiled
from taut.paths._devices import AXIS, mesh_over
from taut.plans import Plan

__all__ = ["Split", "measure", "over_nets", "ready", "run", "share_out"]

Array = jax.Array


class Split(NamedTuple):
    """How nets, (cells, strengths) of them, are shared out: over ``devices``, along the cells or the strengths."""

    devices: int = 1
    by_cells: bool = False

    @property
    def cell(self) -> P:
        """Of what has an axis of cells alone."""
        return P(AXIS) if self.by_cells else P()

    @property
    def strength(self) -> P:
        """Of what has an axis of strengths alone."""
        return P() if self.by_cells else P(AXIS)

    @property
    def net(self) -> P:
        """Of what has both, cells first."""
        return P(AXIS) if self.by_cells else P(None, AXIS)


def over_nets(split: Split, one: Callable[..., Any], strengths: Any, cells: Any, nets: Any, shared: Any) -> Any:
    """``one(strength, cell, net, shared)`` for every net, where the four are pytrees with the axes (strengths),
    (cells), (cells, strengths) and none; the result has (cells, strengths)."""
    every = jax.vmap(jax.vmap(one, in_axes=(0, None, 0, None)), in_axes=(None, 0, 0, None))
    if split.devices == 1:
        return every(strengths, cells, nets, shared)
    # Each device runs its own nets to the end; without shard_map XLA would look for a way to split every product.
    return jax.shard_map(
        every,
        mesh=mesh_over(split.devices),
        in_specs=(split.strength, split.cell, split.net, P()),
        out_specs=split.net,
        check_vma=False,
    )(strengths, cells, nets, shared)


def share_out(split: Split, strengths: Any = None, cells: Any = None, nets: Any = None, shared: Any = None) -> Any:
    """The four kinds of arguments, placed where `over_nets` wants them."""
    if split.devices == 1:
        return jax.device_put((strengths, cells, nets, shared))
    mesh = mesh_over(split.devices)

    def put(tree: Any, spec: P) -> Any:
        return jax.device_put(tree, NamedSharding(mesh, spec))

    return put(strengths, split.strength), put(cells, split.cell), put(nets, split.net), put(shared, P())


class Fixed(NamedTuple):
    """What all nets share."""

    optimizer: Any
    frozen: Any
    patience: Any
    data: Data


@compiled(2)
def run(
    program: Program,
    split: Split,
    plans: Any,
    orders: Order,
    nets: tuple[Carry, Array],
    fixed: Fixed,
    start: Any,
    stop: Any,
) -> tuple[Carry, Array, Array]:
    """Steps ``start`` … ``stop``−1 of an epoch of every net.

    Args:
        plans: the plans' numbers, (strengths, ...).
        orders: the batches of each cell, (cells, ...).
        nets: the carries, and the sums of the epoch so far (cells, strengths, 2 + metrics).

    Returns:
        The same, and whether all numbers of each net are finite, (cells, strengths).
    """

    def one(plan: Any, order: Order, net: tuple[Carry, Array], given: tuple[Fixed, Any, Any]) -> Any:
        fixed, start, stop = given
        carry, sums = net
        carry, report = engine.loop(
            program,
            Numbers(plan, fixed.optimizer),
            fixed.frozen,
            fixed.patience,
            fixed.data,
            order,
            start,
            stop,
            sums,
            carry,
        )
        count = sums.shape[0]
        return carry, report[:count], jnp.all(report[count:] == 1)

    return over_nets(split, one, plans, orders, nets, (fixed, start, stop))


@compiled(2)
def ready(program: Program, split: Split, plans: Any, nets: Any) -> Any:
    """The weights to use where the optimizer keeps averages: those, projected."""

    def one(numbers: Any, cell: None, net: Any, shared: None) -> Any:
        plan: Plan = jax.tree.unflatten(program.plan, numbers)
        return transforms.averaged(plan, net[0], net[1])

    return over_nets(split, one, plans, None, nets, None)


@compiled(3)
def measure(
    program: Program,
    split: Split,
    size: int,
    plans: Any,
    cells: tuple[Array, Array],
    nets: Any,
    frozen: Any,
    data: Data,
) -> Array:
    """Data loss, penalty and metrics of every net in inference mode, (cells, strengths, 2 + metrics).

    Metrics are means weighted as the rows of ``data`` are.

    Args:
        size: rows at a time.
        cells: which rows of ``data``, (cells, rows), and how many of them count, (cells,): what follows fills up, so that
            rows trained on and rows held out are measured by one program.
        nets: (parameters, remaining state).
    """

    def one(numbers: Any, cell: Any, net: Any, shared: Any) -> Array:
        plan: Plan = jax.tree.unflatten(program.plan, numbers)
        params, rest = net
        frozen, data = shared
        rows, count = cell

        def sums(start: Array | int, rows: Array) -> Array:
            batch: Data = engine._gather(data, rows)
            counts = (start + jnp.arange(rows.shape[0]) < count).astype(jnp.float32)
            weight = counts if batch.weight is None else counts * batch.weight
            batch = batch._replace(weight=weight)
            _, (loss, penalty, outputs) = engine.objective(program, plan, params, frozen, rest, batch, training=False)
            metrics = [jnp.sum(weight * values) for values in engine.metric_rows(program, outputs, batch)]
            return jnp.stack([loss * rows.shape[0], penalty * jnp.sum(counts), *metrics, jnp.sum(weight)])

        blocks, whole = rows.shape[0] // size, rows.shape[0] // size * size
        total = jnp.zeros(3 + len(program.metrics), jnp.float32)
        if blocks:
            several = rows[:whole].reshape(blocks, size)
            needed = jnp.minimum(blocks, (count + size - 1) // size)
            total = jax.lax.fori_loop(0, needed, lambda i, t: t + sums(i * size, several[i]), total)
        if rows.shape[0] > whole:
            total = total + sums(whole, rows[whole:])
        weighed = jnp.where(total[-1] > 0, total[-1], 1)
        values = jnp.concatenate([total[:2] / count, total[2:-1] / weighed])
        return values.at[1].add(plan.penalty(params, modes=("proximal", "decoupled")))

    return over_nets(split, one, plans, cells, nets, (frozen, data))
