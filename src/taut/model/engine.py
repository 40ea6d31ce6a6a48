"""The training engine: many optimizer steps as one compiled loop.

Data are on the device; the order of an epoch is drawn on the host (on the CPU, a shuffle with XLA's sort takes as long
as the training) and each batch is gathered inside the loop. The number of steps is an argument of the compiled program,
so an epoch can run in chunks of about half a second without compiling again. Chunks are needed for the progress bar,
for Ctrl-C, and to find the step at which a value stopped being finite.

A program is compiled once for each (structure, shapes): strengths, bounds and learning rates are arguments. Models
share it, unless it runs a user's own code (see `taut.model.programs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from weakref import ref

import jax
import jax.numpy as jnp

from taut import transforms
from taut.losses import Loss
from taut.metrics import Metric
from taut.model.network import Outputs, Structure, apply
from taut.model.programs import Compiled, Programs, compiled, holds_user_code
from taut.optimizers import Optimizer
from taut.plans import Plan

__all__ = ["Carry", "Data", "Forward", "Numbers", "Order", "Program", "Sums", "loop", "measure", "predict", "run"]

Array = jax.Array
Params = Mapping[str, Array]


@dataclass(frozen=True)
class Forward:
    """The static half of a forward pass; hashable."""

    structure: Structure
    programs: ref[Programs] = field(compare=False)  # of the model; weak, because they keep what they were compiled for

    @property
    def own(self) -> Programs | None:
        return self.programs() or Programs() if self.structure.holds_user_code else None


@dataclass(frozen=True)
class Program:
    """The static half of a training step; hashable."""

    structure: Structure
    loss: Loss
    metrics: tuple[Metric, ...]
    watched: tuple[str, ...]  # layers whose output has an activity penalty
    fused: bool  # the loss is computed from what the last activation is given
    plan: Any  # the structure (PyTreeDef) of the plan, whose numbers are arguments
    optimizer: Any  # and of the optimizer
    programs: ref[Programs] = field(compare=False)  # of the model, see Forward

    @property
    def own(self) -> Programs | None:
        return self.programs() or Programs() if self._holds_user_code else None

    @property
    def forward(self) -> Forward:
        return Forward(self.structure, self.programs)

    @cached_property
    def _holds_user_code(self) -> bool:
        return self.structure.holds_user_code or holds_user_code((self.loss, self.metrics, self.plan, self.optimizer))

    @cached_property
    def _hash(self) -> int:
        return hash((self.structure, self.loss, self.metrics, self.watched, self.fused, self.plan, self.optimizer))

    def __hash__(self) -> int:  # every call of a compiled program asks for it, and the structure's takes 0.2 ms
        return self._hash


class Numbers(NamedTuple):
    """The leaves of a plan (strengths, bounds) and of an optimizer (rates), float32.

    Leaves instead of the objects, since flattening the objects in Python takes 1 ms per call.
    """

    plan: list[Any]
    optimizer: list[Any]


class Data(NamedTuple):
    """Rows: inputs, labels and one weight per row (or None); in numpy on the host, or on the device."""

    x: Any
    y: Any
    weight: Any


class Order(NamedTuple):
    """The row numbers of an epoch's batches, int32: (steps, batch), and (1, fewer) for a smaller last one, or None."""

    full: Any
    last: Any

    @property
    def steps(self) -> int:
        return len(self.full) + (self.last is not None)


class Carry(NamedTuple):
    """The state that one step passes to the next."""

    params: dict[str, Array]  # trainable
    rest: Any  # batch statistics, random streams
    state: transforms.StepState


class Sums(NamedTuple):
    """Sums over rows: of the data loss, the penalties and the metrics of each row's batch."""

    data_loss: Array
    penalty: Array
    metrics: tuple[Array, ...]

    def stacked(self) -> Array:
        """(2 + metrics,), so that the host reads one array."""
        return jnp.stack([self.data_loss, self.penalty, *self.metrics])

    @classmethod
    def unstacked(cls, values: Array) -> Sums:
        return cls(values[0], values[1], tuple(values[i] for i in range(2, values.shape[0])))


def _gather(data: Data, rows: Array) -> Data:
    # "promise_in_bounds": the host chose the rows, so XLA need not check each one.
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), data)


def data_loss(program: Program, outputs: Outputs, batch: Data) -> Array:
    """The mean over the batch of weight × loss (Keras's ``sum_over_batch_size``)."""
    out: Any = outputs.logits if program.fused else outputs.out
    rows = program.loss.rows(batch.y, out, program.fused)
    return jnp.mean(rows if batch.weight is None else rows * batch.weight)


def metric_rows(program: Program, outputs: Outputs, batch: Data) -> tuple[Array, ...]:
    """The value of each metric for each row."""
    logits: Any = outputs.logits
    # With several outputs, the largest logit is the largest output. With one output, the sign of the logit need not
    # tell whether the output is above one half: a softmax of one output is always 1.
    several = program.fused and outputs.out.shape[-1] > 1
    return tuple(
        m.rows(batch.y, logits, True) if several and m.on_logits else m.rows(batch.y, outputs.out)
        for m in program.metrics
    )


def metric_values(program: Program, outputs: Outputs, batch: Data) -> tuple[Array, ...]:
    return tuple(jnp.mean(rows) for rows in metric_rows(program, outputs, batch))


def objective(
    program: Program, plan: Plan, params: Params, frozen: Params, rest: Any, batch: Data, *, training: bool
) -> tuple[Array, tuple[Array, Array, Outputs]]:
    """(differentiated value, (data loss, its penalties, outputs)): penalties by gradient and of activities only."""
    outputs = apply(program.structure, {**frozen, **params}, rest, batch.x, training=training, want=program.watched)
    loss = data_loss(program, outputs, batch)
    penalty = plan.penalty(params, modes=("gradient",)) + plan.activity_penalty(outputs.layers)
    return loss + penalty, (loss, penalty, outputs)


def _one_step(
    program: Program,
    plan: Plan,
    optimizer: Optimizer,
    frozen: Params,
    patience: Array,
    batch: Data,
    carry: Carry,
    sums: Sums,
) -> tuple[Carry, Sums]:
    gradient = jax.grad(objective, argnums=2, has_aux=True)
    gradients, (loss, penalty, outputs) = gradient(
        program, plan, carry.params, frozen, carry.rest, batch, training=True
    )
    penalty = penalty + plan.penalty(carry.params, modes=("proximal", "decoupled"))
    params, state = transforms.step(optimizer, plan, carry.state, carry.params, gradients, patience)
    values = Sums(loss, penalty, metric_values(program, outputs, batch))
    sums = jax.tree.map(lambda total, value: total + value * batch.x.shape[0], sums, values)
    return Carry(params, outputs.rest, state), sums


def loop(
    program: Program,
    numbers: Numbers,
    frozen: Params,
    patience: Array,
    data: Data,
    order: Order,
    start: Array,
    stop: Array,
    sums: Any,
    carry: Carry,
) -> tuple[Carry, Array]:
    """Steps ``start`` … ``stop``−1 of an epoch.

    ``sums`` are those of the epoch so far (:meth:`Sums.stacked`): since they are added up here and not by the caller,
    they do not depend on how an epoch is divided into chunks. Returns the carry, and one float32 vector for the host:
    the sums, then
    1 or 0 for whether the optimizer's state is finite, then the same for each trainable parameter, by sorted path.
    """
    plan: Plan = jax.tree.unflatten(program.plan, numbers.plan)
    optimizer: Optimizer = jax.tree.unflatten(program.optimizer, numbers.optimizer)

    def train_on(rows: Array, carried: tuple[Carry, Sums]) -> tuple[Carry, Sums]:
        return _one_step(program, plan, optimizer, frozen, patience, _gather(data, rows), *carried)

    def body(i: Array, carried: tuple[Carry, Sums]) -> tuple[Carry, Sums]:
        return train_on(jax.lax.dynamic_index_in_dim(order.full, i, keepdims=False), carried)

    full = len(order.full)
    carried = jax.lax.fori_loop(start, jnp.minimum(stop, full), body, (carry, Sums.unstacked(sums)))
    if order.last is not None:
        carried = jax.lax.cond(stop > full, lambda c: train_on(order.last[0], c), lambda c: c, carried)
    carry, sums = carried
    floats = [leaf for leaf in jax.tree.leaves(carry.state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    finite = [_finite(floats), *(_finite([carry.params[path]]) for path in sorted(carry.params))]
    return carry, jnp.concatenate([sums.stacked(), jnp.stack(finite).astype(jnp.float32)])


def _finite(arrays: list[Array]) -> Array:
    return jnp.all(jnp.stack([jnp.isfinite(a).all() for a in arrays])) if arrays else jnp.ones((), bool)


# The carry is not donated: after a non-finite step, training goes back to its start. One copy per chunk costs nothing
# compared with half a second of steps.
run = Compiled(loop, 1)


@compiled(2)
def measure(
    program: Program, size: int, numbers: Numbers, params: Params, rest: Any, data: Data, start: Array
) -> Array:
    """Loss, penalties and metrics of the ``size`` rows from ``start`` on, in inference mode."""
    plan: Plan = jax.tree.unflatten(program.plan, numbers.plan)
    batch = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), data)
    _, (loss, penalty, outputs) = objective(program, plan, params, {}, rest, batch, training=False)
    penalty = penalty + plan.penalty(params, modes=("proximal", "decoupled"))
    return Sums(loss, penalty, metric_values(program, outputs, batch)).stacked()


@compiled()
def predict(forward: Forward, params: Params, rest: Any, x: Array) -> Array:
    """The model's output for the rows ``x``, in inference mode."""
    return apply(forward.structure, params, rest, x, training=False).out
