"""The step that takes gradients to new, feasible parameters.

Its order, once per *optimizer* step and never per micro-batch: clip → decoupled decay → optimizer → prox and
projection, solved jointly → average of the projected weights → counter. New parameters are set, not added as a
difference, so a zero is 0.0 and a bound holds to the bit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

import jax
import jax.numpy as jnp
import numpy as np

from taut.optimizers import Optimizer
from taut.plans import Plan

__all__ = ["StepState", "averaged", "init", "layout", "resume", "step"]

Array = jax.Array
Params = dict[str, Array]


class StepState(NamedTuple):
    """What a training run remembers between steps; a pytree.

    Attributes:
        taken: optimizer steps taken.
        slots: the optimizer's own state.
        metric: by path, the optimizer's second moment as it was when each entry last had a gradient (0 until then);
            only for parameters with rare entries, whose prox or projection is taken in a metric that fades.
        average: by path, the moving average of the projected weights, when the optimizer keeps one.
        gradients: by path, the sum of the micro-batches' gradients, when it accumulates.
        micro: micro-batches in that sum.
    """

    taken: Array
    slots: Any
    metric: Params
    average: Params
    gradients: Params
    micro: Array


PACKED = ""  # the one key of a packed dict
PACK_BELOW = 1 << 15
"""Numbers, in all, below which an optimizer's state is kept as one vector: starting a kernel then costs more than
running it, and four parameters need twelve of them (10-64-10: 15 % of a step). Above, the copying would show."""


def _packs(optimizer: Optimizer, params: Mapping[str, Array]) -> bool:
    same = len({w.dtype for w in params.values()}) == 1
    return optimizer.elementwise and len(params) > 1 and same and sum(w.size for w in params.values()) < PACK_BELOW


def _pack(optimizer: Optimizer, values: Mapping[str, Array]) -> Params:
    """Small parameters as {PACKED: one vector}; large ones as they are."""
    if not _packs(optimizer, values):
        return dict(values)
    return {PACKED: jnp.concatenate([w.reshape(-1) for w in values.values()])}


def _unpack(optimizer: Optimizer, values: Mapping[str, Any], like: Mapping[str, Array]) -> Params:
    """The inverse of :func:`_pack`, shaped ``like``."""
    if not _packs(optimizer, like):
        return dict(values)
    out, start = {}, 0
    for path, w in like.items():
        out[path] = jax.lax.slice_in_dim(values[PACKED], start, start + w.size).reshape(w.shape)
        start += w.size
    return out


def layout(optimizer: Optimizer, params: Mapping[str, Array]) -> tuple[Any, ...]:
    """What the state depends on besides its values: a state may go on wherever this is equal (see `resume`)."""
    shapes = tuple((path, w.shape, str(w.dtype)) for path, w in params.items())
    return jax.tree.structure(optimizer), shapes


def init(
    optimizer: Optimizer, plan: Plan, params: Mapping[str, Array], rare: Collection[str] | None = None
) -> StepState:
    """The state before the first step, for trainable parameters ``params``.

    ``rare`` names those whose entries may go many steps without a gradient; None for all of them.
    """

    # Zeros from numpy: XLA would compile a program for each shape.
    def zeros(values: Mapping[str, Any]) -> Params:
        return {path: jax.device_put(np.zeros(w.shape, w.dtype)) for path, w in values.items()}

    start = dict(params)
    if _packs(optimizer, params):
        start = zeros({PACKED: np.empty(sum(w.size for w in params.values()), np.float32)})
    return StepState(
        taken=jax.device_put(np.int32(0)),
        slots=optimizer.transformation().init(start),
        metric=zeros({p: params[p] for p in _rare(optimizer, plan, rare)}),
        average=dict(params) if optimizer.use_ema else {},
        gradients=zeros(params) if optimizer.accumulates else {},
        micro=jax.device_put(np.int32(0)),
    )


def _rare(optimizer: Optimizer, plan: Plan, rare: Collection[str] | None) -> tuple[str, ...]:
    return tuple(p for p in plan.scaled_paths if optimizer.forgets and (rare is None or p in rare))


def resume(
    optimizer: Optimizer, plan: Plan, state: StepState, params: Mapping[str, Array], rare: Collection[str]
) -> StepState:
    """A state that goes on under another plan, or with data in which other parameters have rare entries."""
    wanted = _rare(optimizer, plan, [*state.metric, *rare])
    if wanted == tuple(state.metric):
        return state
    moments = _moments(optimizer, plan, state.slots, dict(params))
    return state._replace(metric={p: state.metric[p] if p in state.metric else moments[p] for p in wanted})


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
    every = optimizer.gradient_accumulation_steps or 1
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
    change: Any
    change, slots = optimizer.transformation().update(
        _pack(optimizer, gradients), state.slots, _pack(optimizer, decayed)
    )
    updates = _unpack(optimizer, change, decayed)
    metric, sizes = _sizes(optimizer, plan, state, slots, gradients, patience)
    for entry in plan.acting:
        if entry.one_step_size and entry.trainable:
            update, size = _in_one_step(entry.weight(updates), entry.step_size(sizes))
            entry.put(updates, update)
            sizes |= dict.fromkeys(entry.paths, size)
    # In the parameter's own precision: with half-precision weights the update is float32.
    new = plan.step({p: (w + updates[p]).astype(w.dtype) for p, w in decayed.items()}, sizes)
    average, taken = state.average, state.taken + 1
    if optimizer.use_ema:
        keep = jnp.where(state.taken == 0, 0.0, optimizer.ema_momentum)
        average = {p: keep * a + (1 - keep) * new[p] for p, a in average.items()}
        every = optimizer.ema_overwrite_frequency
        if every is not None:
            new = jax.lax.cond(taken % every == 0, lambda: averaged(plan, average, new), lambda: new)
    return new, state._replace(taken=taken, slots=slots, metric=metric, average=average)


def _sizes(
    optimizer: Optimizer, plan: Plan, state: StepState, slots: Any, gradients: Params, patience: Any
) -> tuple[Params, dict[str, Any]]:
    """The metric of the prox, and what is remembered of it.

    Where the second moment is a moving average it fades between an entry's gradients, so the step it implies grows
    without bound for rare entries (an embedding's row, a rare word's column): it starts at lr/ε. The data move an
    entry with the step it has *when its gradient comes*, so the prox uses the moment of then until the next one comes.
    An entry without any gradient so far is left alone for one pass over the data; after that it is dead (no datum
    pulls it, so any λ wins) and the prox acts with the full step.
    """
    moments = _moments(optimizer, plan, slots, gradients)
    if not optimizer.forgets:
        return state.metric, {p: optimizer.size(slots, moments[p]) for p in plan.scaled_paths}
    # The moment is kept, not the step: XLA then takes its root inside the kernel that sets the weight. Where no entry
    # is rare it has not faded, and a second array as large as the weights need not be read and written each step.
    metric = {p: jnp.where(gradients[p] != 0, moments[p], old) for p, old in state.metric.items()}
    late = state.taken >= patience
    sizes = {p: jnp.where((v == 0) & ~late, 0, optimizer.size(slots, v)) for p, v in {**moments, **metric}.items()}
    return metric, sizes


def _in_one_step(update: Array, sizes: Any) -> tuple[Array, Any]:
    """The update and the metric of a parameter whose term is exact in one step size only.

    The update is −size·g by entry, g being the optimizer's view of the gradient. Taken with the smallest size m it is
    the proximal-gradient step of size m on g, so the fixed point stays the penalised optimum; with the entries' own
    sizes in the update and m in the prox it would not be. Entries without a gradient so far (size 0) do not count.
    """
    if jnp.ndim(sizes) == 0:
        return update, sizes
    moving = sizes > 0
    least = jnp.min(jnp.where(moving, sizes, jnp.inf))
    least = jnp.where(jnp.isfinite(least), least, 0)
    return update * jnp.where(moving, least / jnp.where(moving, sizes, 1), 1), least


def _moments(optimizer: Optimizer, plan: Plan, slots: Any, like: Params) -> dict[str, Any]:
    """The optimizer's second moment of each parameter whose step needs the metric."""
    if not _packs(optimizer, like):
        return {p: optimizer.moment(slots, p) for p in plan.scaled_paths}
    whole = optimizer.moment(slots, PACKED)
    if whole is None:
        return dict.fromkeys(plan.scaled_paths)
    return {p: m for p, m in _unpack(optimizer, {PACKED: whole}, like).items() if p in plan.scaled_paths}


def averaged(plan: Plan, average: Mapping[str, Array], latest: Mapping[str, Array]) -> Params:
    """Averaged weights, fit for use: 0.0 where the latest weight is, and projected again.

    The average of feasible points need not be feasible where the set is not convex (two unit vectors average to a norm
    of 0.71), and an averaged zero is 2e-10.
    """
    return plan.project({p: jnp.where(latest[p] == 0, 0, a).astype(a.dtype) for p, a in average.items()})
