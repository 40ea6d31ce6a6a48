"""Settling: a few full-batch proximal gradient steps at the end of a training run.

With noisy minibatches no proximal method identifies exactly which weights are zero (the noise of one batch makes a zero
weight non-zero again); without noise, proximal gradient does so after finitely many steps. Each step is

    z = prox_s(w − s·∇f(w)),    accepted when f(z) ≤ f(w) + ⟨∇f(w), z − w⟩ + ‖z − w‖²/(2s),

where s is halved until the condition holds, and increased by a quarter for the next step. f is the data loss over all
rows with the
smooth penalties, in inference mode.

Reference: Beck & Teboulle, A Fast Iterative Shrinkage-Thresholding Algorithm (2009), §3, backtracking. Finite
identification: Hare & Lewis, Identifying active constraints via partial smoothness and prox-regularity (2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from taut.model import engine
from taut.model.engine import Data, Numbers, Program
from taut.model.programs import compiled
from taut.plans import Plan

__all__ = ["settle"]

Array = jax.Array
BLOCK = 4096  # rows of one gradient; larger data are summed block by block
HALVINGS = 30
FIRST_STEP = 1.0


def _smooth(program: Program, plan: Plan, frozen: Any, rest: Any, data: Data, params: Any) -> Array:
    """f over all rows: data loss, activity penalties and smooth penalties."""
    rows = data.x.shape[0]

    def block(start: Any, size: int) -> Array:
        batch = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), data)
        outputs = engine.apply(
            program.structure, {**frozen, **params}, rest, batch.x, training=False, want=program.watched
        )
        return (engine.data_loss(program, outputs, batch) + plan.activity_penalty(outputs.layers)) * (size / rows)

    whole = rows // BLOCK
    total = plan.smooth_penalty(params)
    if whole:
        blocks = jax.checkpoint(partial(block, size=BLOCK))  # type: ignore[call-arg]
        total, _ = jax.lax.scan(lambda sum_, i: (sum_ + blocks(i * BLOCK), None), total, jnp.arange(whole))
    if rows % BLOCK:
        total = total + block(whole * BLOCK, rows % BLOCK)
    return total


def _dot(a: Mapping[str, Array], b: Mapping[str, Array]) -> Array:
    return sum((jnp.vdot(a[p], b[p]) for p in a), start=jnp.zeros(()))


@compiled()
def _settle(
    program: Program, numbers: Numbers, params: Any, frozen: Any, rest: Any, data: Data, steps: Array
) -> tuple[Any, Array, Array, Array]:
    plan: Plan = jax.tree.unflatten(program.plan, numbers.plan)
    smooth = partial(_smooth, program, plan, frozen, rest, data)
    value_and_gradient = jax.value_and_grad(smooth)

    def objective(w: Any) -> Array:
        return smooth(w) + plan.penalty(w, modes=("proximal",))

    def one(_: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        w, size = carry
        f, g = value_and_gradient(w)

        def candidate(s: Array) -> Any:
            return plan.step({p: w[p] - s * g[p] for p in w}, dict.fromkeys(plan.scaled_paths, s))

        def refused(state: tuple[Array, Any, Array]) -> Array:
            s, z, tries = state
            d = {p: z[p] - w[p] for p in w}
            # Differences of losses contain float32's rounding errors; without the last term no step is accepted at
            # the optimum.
            bound = f + _dot(g, d) + _dot(d, d) / (2 * s) + 1e-7 * jnp.abs(f)
            return ~(smooth(z) <= bound) & (tries < HALVINGS)

        def halve(state: tuple[Array, Any, Array]) -> tuple[Array, Any, Array]:
            s, _, tries = state
            return s / 2, candidate(s / 2), tries + 1

        s, z, tries = jax.lax.while_loop(refused, halve, (size, candidate(size), jnp.zeros((), jnp.int32)))
        kept = tries < HALVINGS  # otherwise no step descends: stay
        return {p: jnp.where(kept, z[p], w[p]) for p in w}, jnp.where(kept, s * 1.25, size)

    before = objective(params)
    params, size = jax.lax.fori_loop(0, steps, one, (params, jnp.asarray(FIRST_STEP, jnp.float32)))
    return params, before, objective(params), size


def settle(
    program: Program, numbers: Numbers, params: Mapping[str, Array], frozen: Any, rest: Any, data: Data, steps: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """``steps`` proximal-gradient steps over all rows.

    Returns:
        The parameters, and a record: the number of steps, and the objective and the number of exact zeros before and
        after.
    """
    zeros = sum(int((w == 0).sum()) for w in params.values())
    new, before, after, size = _settle(program, numbers, dict(params), frozen, rest, data, steps)
    if not bool(jnp.isfinite(after)):
        new, after = dict(params), before
    return new, {
        "steps": steps,
        "objective_before": float(before),
        "objective_after": float(after),
        "zeros_before": zeros,
        "zeros_after": sum(int((w == 0).sum()) for w in new.values()),
        "step_size": float(size),
    }
