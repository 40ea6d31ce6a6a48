"""Many nets trained side by side in one program: the same architecture, each with numbers of its own.

A plan's numbers are leaves, so a stack of plans is one pytree with a leading axis, and ``vmap`` over it trains all
nets at once. They visit the rows in the same order, so each batch is gathered once for all of them. Over several
devices (on the CPU: virtual ones, one a core) each takes its share of the nets; they do not talk to one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from taut import utils
from taut.model import Sequential, engine
from taut.model.engine import Carry, Data, Numbers, Order, Program
from taut.model.programs import compiled
from taut.paths._devices import AXIS, mesh_over
from taut.plans import Plan

__all__ = ["Many", "train_many"]


@dataclass
class Many:
    """The result of ``train_many``; the first axis of every array has one entry per net.

    Attributes:
        params: by path, (nets, ...).
        history: ``loss``, ``data_loss``, ``penalty`` and the metrics, each (nets, epochs).
        finite: (nets,), whether all weights of a net are finite. A net that diverges does not affect the others.
        seed: the random seed for the order of the rows.
        devices: how many devices shared the nets.
    """

    params: dict[str, np.ndarray]
    history: dict[str, np.ndarray]
    finite: np.ndarray
    seed: int
    devices: int
    _rest: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.finite)

    def net(self, index: int) -> dict[str, np.ndarray]:
        """The parameters of one net, by path."""
        return {path: w[index] for path, w in self.params.items()}


@compiled(2)
def _run(
    program: Program,
    devices: int,
    numbers: Numbers,
    frozen: Mapping[str, jax.Array],
    patience: jax.Array,
    data: Data,
    order: Order,
    start: Any,
    stop: Any,
    sums: Any,
    carries: Carry,
) -> tuple[Carry, jax.Array]:
    def one(
        plan: list[Any],
        carry: Carry,
        optimizer: list[Any],
        frozen: Mapping[str, jax.Array],
        patience: jax.Array,
        data: Data,
        order: Order,
        start: Any,
        stop: Any,
        sums: Any,
    ) -> tuple[Carry, jax.Array]:
        return engine.loop(program, Numbers(plan, optimizer), frozen, patience, data, order, start, stop, sums, carry)

    shared = (numbers.optimizer, frozen, patience, data, order, start, stop, sums)
    nets = jax.vmap(one, in_axes=(0, 0, *(None for _ in shared)))
    if devices == 1:
        return nets(numbers.plan, carries, *shared)
    # Each device runs its own share of the nets to the end; without shard_map XLA would look for a way to split every
    # product of every step.
    return jax.shard_map(
        nets,
        mesh=mesh_over(devices),
        in_specs=(P(AXIS), P(AXIS), *(P() for _ in shared)),
        out_specs=P(AXIS),
        check_vma=False,
    )(numbers.plan, carries, *shared)


def train_many(
    model: Sequential,
    x: Any,
    y: Any,
    plans: Sequence[Plan],
    *,
    batch_size: int = 32,
    epochs: int = 1,
    sample_weight: Any = None,
    shuffle: bool = True,
    seed: int | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> Many:
    """Train one copy of ``model`` for each of ``plans``, all from the model's present weights.

    Args:
        model: compiled; it is not changed.
        plans: plans of this model that differ in their numbers only (``model.plan`` with other strengths).
        seed: random seed for the order of the rows; random if None. With the seed of a ``fit`` each net equals that
            fit up to float32 rounding.

    Raises:
        ValueError: plans that differ in more than numbers, or data that ``fit`` would refuse.
    """
    if not plans:
        raise ValueError("train_many: plans is empty; give at least one plan.")
    job = model.prepare(x, y, batch_size, sample_weight)
    for i, plan in enumerate(plans):
        if jax.tree.structure(plan) != jax.tree.structure(job.plan):
            raise ValueError(
                f"train_many: plan {i} differs from the model's own in more than its numbers; nets that train side by "
                f"side have the same terms on the same parameters."
            )
    devices = min(len(jax.devices()), len(plans))
    count = -(-len(plans) // devices) * devices  # padded with the last plan, so that each device has as many
    stacked = [
        jax.device_put(np.stack([np.asarray(n, np.float32) for n in column]))
        for column in zip(*(jax.tree.leaves(p) for p in [*plans, *([plans[-1]] * (count - len(plans)))]), strict=True)
    ]
    carries = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), job.carry)
    if devices > 1:
        mesh = mesh_over(devices)
        stacked, carries = jax.device_put((stacked, carries), NamedSharding(mesh, P(AXIS)))
        data = jax.device_put(job.data, NamedSharding(mesh, P()))
    else:
        data = job.data
    seed = utils.draw_seed() if seed is None else seed
    names = ["loss", "data_loss", "penalty", *(m.name for m in job.program.metrics)]
    history: dict[str, list[np.ndarray]] = {name: [] for name in names}
    finite = np.ones(len(plans), bool)
    for epoch in range(epochs):
        order = job.order(seed, epoch, shuffle)
        carries, report = _run(
            job.program,
            devices,
            job.numbers._replace(plan=stacked),
            job.frozen,
            job.patience,
            data,
            order,
            0,
            order.steps,
            np.zeros(len(names) - 1, np.float32),
            carries,
        )
        values = np.asarray(report, np.float64)[: len(plans)].T  # (sums and flags, nets)
        sums, finite = values[: len(names) - 1], (values[len(names) - 1 :] == 1).all(axis=0)
        data_loss, penalty, *metrics = sums / job.rows
        for name, values in zip(names, [data_loss + penalty, data_loss, penalty, *metrics], strict=True):
            history[name].append(values)
        if on_epoch is not None:
            on_epoch(epoch)
    params = jax.device_get(
        {**{p: jnp.broadcast_to(w, (count, *w.shape)) for p, w in job.frozen.items()}, **carries.params}
    )
    n = len(plans)
    return Many(
        {path: params[path][:n] for path in job.program.structure.paths},
        {name: np.stack(values, axis=1) if values else np.zeros((n, 0)) for name, values in history.items()},
        finite,
        seed,
        devices,
        jax.tree.map(lambda leaf: leaf[:n], carries.rest),
    )
