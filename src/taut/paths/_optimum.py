"""Full batches of a net of one layer: on to the optimum, by accelerated proximal gradient.

    z = prox_s(v − s·∇f(v)),    v' = z + (t − 1)/t'·(z − w),    t' = (1 + √(1 + 4t²))/2,

with w the z before, and t = 1 again whenever ⟨v − z, z − w⟩ > 0: the momentum then points uphill. f is the mean data
loss, s = 1/L, and L the loss's largest curvature (2 over the outputs for squares, ¼ over them for a sigmoid, ½ for a
softmax) times the largest eigenvalue of X̃ᵀDX̃/n, X̃ being the rows with a 1 for the bias and D their weights. All
penalties act through their proximal maps, smooth ones too, so L is all there is to know. A net has arrived when a step
moves no entry by more than `TOLERANCE` of s times the largest gradient at zero: of that, and not of the gradient where
the net begins, which may be the optimum itself, where float32 can bring nothing further down.

Reference: Beck & Teboulle, A fast iterative shrinkage-thresholding algorithm (2009); restarts: O'Donoghue & Candès,
Adaptive restart for accelerated gradient schemes (2015), §3.2.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from taut import joint, losses
from taut.model import Sequential, engine, network
from taut.model.engine import Data, Program
from taut.model.programs import compiled
from taut.model.training import Job
from taut.paths import _program
from taut.paths._blocks import Cell, Start
from taut.paths._memory import parsed
from taut.paths._nets import Nets
from taut.paths._program import Split
from taut.paths.largest import is_convex
from taut.plans import Plan

__all__ = ["curvature", "finish", "solvable", "solve"]

TOLERANCE = 2e-6
MOST = 50_000  # steps
LEAST = 1_000  # and with large data no more than these, or than make so many products (some minutes):
WORK = 1e12
FEW = 100  # steps between two looks at how far there is to go, at first

Array = jax.Array


def solvable(model: Sequential, plan: Plan) -> bool:
    """Whether `solve` reaches the optimum: a convex objective with a smooth loss and terms that have proximal maps."""
    return (
        plan.rule == "exact"
        and is_convex(model, plan)
        and not isinstance(model.loss, losses.MeanAbsoluteError)
        and getattr(model.loss, "label_smoothing", 0) == 0
        and all(e.trainable for e in plan.entries)
        and all(not e.parts for e in plan.acting)  # terms of units as a whole
        and all(e.regularizer is None or joint.known(e.regularizer, e.constraint) is None for e in plan.entries)
    )


def proximal(plan: Plan) -> Plan:
    """The plan with every penalty acting through its proximal map."""
    entries = [
        e
        if e.regularizer is None and e.constraint is None
        else dataclasses.replace(e, mode=None if e.regularizer is None else "proximal", scaled=True)
        for e in plan.entries
    ]
    return dataclasses.replace(plan, entries=tuple(entries))


def curvature(loss: losses.Loss, x: np.ndarray, weight: np.ndarray | None, outputs: int) -> float:
    """L of the mean loss over rows ``x``, of kernel and bias together."""
    if isinstance(loss, losses.MeanSquaredError):
        bend = 2 / outputs
    elif isinstance(loss, losses.BinaryCrossentropy):
        bend = 0.25 / outputs
    else:
        bend = 0.5
    rows = np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1).astype(np.float64)
    if weight is not None:
        rows *= np.sqrt(weight)[:, None]
    gram = rows.T @ rows if rows.shape[1] <= len(rows) else rows @ rows.T
    v = np.random.default_rng(0).standard_normal(len(gram))
    for _ in range(100):  # from below; the 2 % beyond are for what is left
        v = gram @ v
        v /= np.linalg.norm(v) or 1.0
    return 1.02 * bend * float(v @ gram @ v) / len(x)


@compiled(3)
def _steps(
    program: Program,
    plan_form: Any,
    split: Split,
    plans: Any,
    cells: tuple[Array, Array],
    nets: Any,
    data: Data,
    rest: Any,
    steps: Array,
) -> tuple[Any, Array]:
    def one(numbers: Any, cell: tuple[Array, Array], net: Any, shared: Any) -> Any:
        rows, size = cell
        data, rest, steps = shared
        plan: Plan = jax.tree.unflatten(plan_form, numbers)
        batch: Data = engine._gather(data, rows)

        def smooth(w: Any) -> Array:
            outputs = engine.apply(program.structure, w, rest, batch.x, training=False)
            return engine.data_loss(program, outputs, batch)

        gradient = jax.grad(smooth)
        first = gradient(jax.tree.map(jnp.zeros_like, net[0]))
        scale = jnp.maximum(net[4], jnp.max(jnp.stack([jnp.max(jnp.abs(a)) for a in first.values()])))
        sizes = dict.fromkeys(plan.scaled_paths, size)

        def step(_: Any, state: Any) -> Any:
            w, v, t, _, _ = state
            g = gradient(v)
            z = plan.step({p: v[p] - size * g[p] for p in v}, sizes)
            moved = jnp.max(jnp.stack([jnp.max(jnp.abs(z[p] - v[p])) for p in z])) / size
            uphill = sum(jnp.vdot(v[p] - z[p], z[p] - w[p]) for p in z) > 0
            t = jnp.where(uphill, 1.0, t)
            after = (1 + jnp.sqrt(1 + 4 * t * t)) / 2
            ahead = {p: z[p] + jnp.where(uphill, 0.0, (t - 1) / after) * (z[p] - w[p]) for p in z}
            return z, ahead, after, moved, scale

        return jax.lax.fori_loop(0, steps, step, net)

    return _program.over_nets(split, one, plans, cells, nets, (data, rest, steps))


def solve(nets: Nets) -> np.ndarray:
    """Bring every net to the optimum of its objective; returns which arrived, (cells, strengths).

    Ctrl-C leaves the nets where they are by then.
    """
    arrived = np.zeros(nets.shape, bool)
    loss = nets.job.program.loss
    x, weight = np.asarray(nets.job.data.x), nets.job.data.weight
    outputs = int(np.prod(nets.model.output_shape or (1,)))
    for block in nets.blocks:
        picked = [nets.cells[c].rows for c in block.cells]
        sizes = [
            1 / curvature(loss, x[rows], None if weight is None else np.asarray(weight)[rows], outputs)
            for rows in picked
        ]
        plan = proximal(nets.plans[block.strengths[0]])
        params = block.carry.params
        lead = next(iter(params.values())).shape[:2]
        ones = np.ones(lead, np.float32)
        state: Any = (params, params, ones, ones, 0 * ones)
        cells = np.stack(picked), np.array(sizes, np.float32)
        rest = jax.tree.map(lambda leaf: leaf[0, 0], block.carry.rest)
        done, count, near = 0, FEW, np.zeros(lead, bool)
        step = float(near.size) * len(picked[0]) * int(np.prod(x.shape[1:])) * outputs
        most = min(MOST, max(LEAST, int(WORK / step)))
        while done < most:
            state = _steps(
                block.program,
                jax.tree.structure(plan),
                block.split,
                block.plans,
                cells,
                state,
                nets.job.data,
                rest,
                np.int32(count),
            )
            moved, scale = np.asarray(state[3]), np.asarray(state[4])
            near = moved <= TOLERANCE * np.maximum(scale, np.finfo(np.float32).tiny)
            block.carry = block.carry._replace(params=state[0])
            done += count
            if near.all() or not np.isfinite(moved).any():
                break
            count = min(2 * count, 10 * FEW)  # never by the clock: the same seed gives the same bits
        for i, c in enumerate(block.cells[: block.shape[0]]):
            for j, s in enumerate(block.strengths[: block.shape[1]]):
                arrived[c, s] = near[i, j]
        if nets.job.optimizer.use_ema:
            block.carry = block.carry._replace(state=block.carry.state._replace(average=block.carry.params))
    return arrived


def finish(model: Sequential, job: Job) -> bool:
    """Bring ``model`` to the optimum on the rows of ``job``; returns whether it arrived. See `solvable`."""
    _, params, rest = model._split()
    begin = Start({p: np.asarray(w) for p, w in params.items()}, rest)
    cell = Cell(lambda strength: begin, 0, np.arange(job.rows, dtype=np.int32), None)
    nets = Nets(model, job, [model.plan], [cell], None, parsed(None), job.data)
    arrived = solve(nets)
    network.write(model.layers, job.program.structure, next(params for _, _, params in nets.each()))
    assert model.history is not None
    model.history.settled = {**(model.history.settled or {}), "optimum": bool(arrived.all())}
    return bool(arrived.all())
