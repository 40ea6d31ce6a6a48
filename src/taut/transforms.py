"""The step that takes gradients to new, feasible parameters.

Its order, once per *optimizer* step and never per micro-batch: clip → decoupled decay → optimizer → prox and
projection, solved jointly → average of the projected weights → counter. New parameters are set, not added as a
difference, so a zero is 0.0 and a bound holds to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from taut.optimizers import Optimizer
from taut.plan import Plan

__all__ = ["StepState", "averaged", "init", "step"]

Array = jax.Array
Params = dict[str, Array]


class StepState(NamedTuple):
    """What a training run remembers between steps; a pytree.

    Attributes:
        count: optimizer steps taken.
        slots: the optimizer's own state.
        moved: by path, the effective step with which each entry last moved (0 until its first gradient); only for
            parameters whose prox or projection is taken in a metric that decays.
        average: by path, the moving average of the projected weights, when the optimizer keeps one.
        gradients: by path, the sum of the micro-batches' gradients, when it accumulates.
        micro: micro-batches in that sum.
    """

    count: Array
    slots: Any
    moved: Params
    average: Params
    gradients: Params
    micro: Array


def init(optimizer: Optimizer, plan: Plan, params: Mapping[str, Array]) -> StepState:
    """The state before the first step, for trainable parameters ``params``."""
    zero = jnp.zeros((), jnp.int32)
    params = dict(params)
    return StepState(
        count=zero,
        slots=optimizer.transformation().init(params),
        moved={p: jnp.zeros_like(params[p]) for p in plan.metric_paths} if optimizer.forgets else {},
        average=params if optimizer.use_ema else {},
        gradients=jax.tree.map(jnp.zeros_like, params) if optimizer.accumulates else {},
        micro=zero,
    )


def step(
    optimizer: Optimizer, plan: Plan, state: StepState, params: Mapping[str, Array], gradients: Params, patience: Any
) -> tuple[Params, StepState]:
    """One step (or, under gradient accumulation, one micro-batch of it).

    Args:
        gradients: of the data loss, activity penalties and gradient-mode penalties; by path, shaped like ``params``.
        patience: optimizer steps in one pass over the data. An entry that has had no gradient by then is dead rather
            than rare, and its prox acts in full (see :func:`_sizes`).
    """
    params = dict(params)
    if not optimizer.accumulates:
        return _whole_step(optimizer, plan, state, params, gradients, patience)
    every = optimizer.gradient_accumulation_steps
    summed = {p: state.gradients[p] + g for p, g in gradients.items()}

    def take() -> tuple[Params, StepState]:
        mean = {p: g / every for p, g in summed.items()}
        new, after = _whole_step(optimizer, plan, state, params, mean, patience)
        return new, after._replace(gradients=jax.tree.map(jnp.zeros_like, summed), micro=jnp.zeros((), jnp.int32))

    def wait() -> tuple[Params, StepState]:
        return params, state._replace(gradients=summed, micro=state.micro + 1)

    return jax.lax.cond(state.micro + 1 >= every, take, wait)


def _whole_step(
    optimizer: Optimizer, plan: Plan, state: StepState, params: Params, gradients: Params, patience: Any
) -> tuple[Params, StepState]:
    rate = optimizer.learning_rate
    gradients = optimizer.clip(gradients)
    decayed = plan.decay(params, rate)
    if optimizer.weight_decay is not None:
        decayed = {p: w - rate * optimizer.weight_decay * w for p, w in decayed.items()}
    updates, slots = optimizer.transformation().update(gradients, state.slots, decayed)
    moved, sizes = _sizes(optimizer, plan, state, slots, gradients, patience)
    new = plan.step({p: w + updates[p] for p, w in decayed.items()}, sizes)
    average, count = state.average, state.count + 1
    if optimizer.use_ema:
        keep = jnp.where(state.count == 0, 0.0, optimizer.ema_momentum)
        average = {p: keep * a + (1 - keep) * new[p] for p, a in average.items()}
        every = optimizer.ema_overwrite_frequency
        if every is not None:
            new = jax.lax.cond(count % every == 0, lambda: averaged(plan, average, new), lambda: new)
    return new, state._replace(count=count, slots=slots, moved=moved, average=average)


def _sizes(
    optimizer: Optimizer, plan: Plan, state: StepState, slots: Any, gradients: Params, patience: Any
) -> tuple[Params, dict[str, Any]]:
    """The metric of the prox, and what is remembered of it.

    Where the second moment is a moving average it fades between an entry's gradients, so the step it implies grows
    without bound for rare entries (an embedding's row, a rare word's column): it starts at lr/ε. The data move an
    entry with the step it has *when its gradient comes*, so the prox uses that same step until the next one does.
    An entry without any gradient so far is left alone for one pass over the data; after that it is dead (no datum
    pulls it, so any λ wins) and the prox acts with the full step.
    """
    natural = {p: optimizer.size(slots, p) for p in plan.metric_paths}
    if not optimizer.forgets:
        return state.moved, natural
    moved = {p: jnp.where(gradients[p] != 0, natural[p], state.moved[p]) for p in natural}
    late = state.count >= patience
    return moved, {p: jnp.where((moved[p] == 0) & late, natural[p], moved[p]) for p in natural}


def averaged(plan: Plan, average: Mapping[str, Array], latest: Mapping[str, Array]) -> Params:
    """Averaged weights, fit for use: 0.0 where the latest weight is, and projected again.

    The average of feasible points need not be feasible where the set is not convex (two unit vectors average to a norm
    of 0.71), and an averaged zero is 2e-10.
    """
    return plan.project({p: jnp.where(latest[p] == 0, 0, a).astype(a.dtype) for p, a in average.items()})
