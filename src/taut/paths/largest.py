"""The largest useful strength: just above it everything is zero, so a path begins there.

A net of one layer with a convex loss: zero is the optimum of the varied weights exactly where it is the fixed point of
a proximal-gradient step, prox_s(0 − s·∇f) = 0, f at the optimum of everything else (the bias). The prox answers yes or
no for each strength, so bisection finds the smallest that says yes: max |∇f| for the lasso, the largest norm of a
group's gradient for the group lasso, and the same for every other convex term, joined with its constraint.

Any other net: by trial. It is trained at many strengths side by side; the smallest at which all varied weights end at
exactly zero is the answer, to within a factor of `FINE`. A term that makes no zeros (L2; a penalty by gradient; of an
activity) has no such strength; there it is the smallest at which the training loss has come 99 % of the way from the
best of the trial to the worst, so that the net predicts hardly better than a constant. For a constraint, whose number
is a bound, it is the bound that the net trained without it just keeps.

Reference: for the lasso, Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via
coordinate descent (2010), §2.5.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from taut import activations, losses
from taut.layers import Activation, Dense, Flatten, Input
from taut.model import Sequential, settling
from taut.model.training import Job
from taut.paths.varying import Varied, plan_at
from taut.plans import Entry, Plan

__all__ = ["Trial", "is_convex", "largest"]

ROUNDING = 1e-5  # float32 gradients: this much above the computed strength the zeros are safe
FINE = 1.3
WIDE = 1e-3, 1e3  # around the first guess, the first trial's reach
TRIALS = 8
STEPS = 2000  # to the optimum of what is not varied: a bias
FLAT = 0.99


class Trial(NamedTuple):
    """What training at several strengths gave, one entry a strength: whether all varied weights are zero, and the
    data loss on the training rows (NaN where it is not finite)."""

    zero: np.ndarray
    loss: np.ndarray


def largest(
    model: Sequential,
    job: Job,
    varied: Varied,
    count: int,
    attempt: Callable[[np.ndarray], Trial],
    free: Callable[[], dict[str, np.ndarray]],
) -> float:
    """The largest useful strength of one entry of ``vary``, the others being absent.

    Args:
        model: built and compiled.
        job: its prepared training run on all rows.
        varied: the entry.
        count: strengths of one trial, so that trial and path share a compiled program.
        attempt: trains at these strengths.
        free: trains without the entry; the parameters by path.

    Raises:
        ValueError: there is none, or it is out of reach; the way out is a list of strengths.
    """
    kinds = varied.kinds(1.0)
    if kinds == frozenset({"constraint"}):
        return _widest(model, varied, free())
    plan = plan_at(model, [varied], [1.0])
    entries = [plan[path] for path in varied.paths if not path.endswith("/activity")]
    makes_zeros = bool(entries) and all(e.mode == "proximal" and not e.regularizer.smooth for e in entries)  # type: ignore[union-attr]
    if makes_zeros and is_convex(model, plan):
        return _exact(model, job, varied, plan) * (1 + ROUNDING)
    guess = _guess(model, job, varied, plan) if makes_zeros else 1.0
    return _by_trial(varied, guess, max(count, 8), attempt, makes_zeros)


# --- nets of one layer --------------------------------------------------------------------------------------------------


def is_convex(model: Sequential, plan: Plan) -> bool:
    """Whether the objective is convex: one Dense layer, a loss convex in what it computes, convex terms."""
    layers = [layer for layer in model.layers if not isinstance(layer, Input | Flatten)]
    tail = layers[1:]
    if not layers or not isinstance(layers[0], Dense) or not all(isinstance(layer, Activation) for layer in tail):
        return False
    names = [activations.name_of(layer.activation) for layer in layers]
    bends = [name for name in names if name != "linear"]
    loss = model.loss
    if isinstance(loss, losses.MeanSquaredError | losses.MeanAbsoluteError):
        fits = not bends
    elif isinstance(
        loss, losses.CategoricalCrossentropy | losses.SparseCategoricalCrossentropy | losses.BinaryCrossentropy
    ):
        # By the fused form only: from rounded probabilities the loss is clipped, and no longer convex.
        fits = not bends if loss.from_logits else bends == [loss.fused_with] and names[-1] == loss.fused_with
    else:
        return False
    terms = [t for e in plan.entries if e.trainable for t in (e.regularizer, e.constraint) if t is not None]
    return fits and not plan.activities and all(t.convex for t in terms)


def _exact(model: Sequential, job: Job, varied: Varied, plan: Plan) -> float:
    gradient = _gradient(model, job, varied, plan, settled=True)
    return _threshold(model, varied, plan, gradient)


def _gradient(model: Sequential, job: Job, varied: Varied, plan: Plan, settled: bool) -> dict[str, np.ndarray]:
    """Of the smooth objective, with respect to the varied weights, where they are zero."""
    params = dict(job.carry.params)
    zero = {p: np.zeros(params[p].shape, np.float32) for p in varied.parameters}
    others = {p: w for p, w in params.items() if p not in zero}
    if settled and others:
        rest_of_plan = Plan(tuple(e for e in plan.entries if e.path not in zero), (), plan.rule)
        program = dataclasses.replace(job.program, plan=jax.tree.structure(rest_of_plan))
        numbers = job.numbers._replace(plan=[np.asarray(n, np.float32) for n in jax.tree.leaves(rest_of_plan)])
        others, _ = settling.settle(program, numbers, others, {**job.frozen, **zero}, job.carry.rest, job.data, STEPS)
    program = dataclasses.replace(job.program, plan=jax.tree.structure(plan), watched=())
    bare = Plan(tuple(dataclasses.replace(e, regularizer=None, mode=None) for e in plan.entries), (), plan.rule)

    def smooth(w: Any) -> jax.Array:
        return settling._smooth(program, bare, {**job.frozen, **others}, job.carry.rest, job.data, w)

    return {p: np.asarray(g, np.float64) for p, g in jax.jit(jax.grad(smooth))(zero).items()}


def _threshold(model: Sequential, varied: Varied, plan: Plan, gradient: dict[str, np.ndarray]) -> float:
    """The smallest strength at which prox(−gradient) is zero, by bisection."""

    def zero(number: float) -> bool:
        entries: list[Entry] = [plan_at(model, [varied], [number], plan)[p] for p in varied.paths]
        return all(not np.any(np.asarray(e.step(-e.weight(gradient), 1.0))) for e in entries)

    scale = max(float(np.abs(g).max(initial=0.0)) for g in gradient.values())
    if scale == 0:
        raise ValueError(
            f"vary[{varied.name!r}]: the loss does not depend on these weights where they are zero, so no largest "
            f"strength can be computed. Give strengths as a list."
        )
    low, high = 0.0, scale
    while not zero(high):
        low, high = high, high * 4
        if high > scale * 1e12:
            raise ValueError(
                f"vary[{varied.name!r}]: no strength makes these weights zero, so no largest strength can be computed. "
                f"Give strengths as a list."
            )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if zero(middle) else (middle, high)
    return high


# --- other nets ---------------------------------------------------------------------------------------------------------


def _guess(model: Sequential, job: Job, varied: Varied, plan: Plan) -> float:
    """Where zero becomes stationary at the initial weights of everything else; trials go up and down from there."""
    try:
        found = _threshold(model, varied, plan, _gradient(model, job, varied, plan, settled=False))
    except ValueError:
        return 1.0
    return found if np.isfinite(found) and found > 0 else 1.0


def _by_trial(
    varied: Varied, guess: float, count: int, attempt: Callable[[np.ndarray], Trial], makes_zeros: bool
) -> float:
    """The smallest strength tried from which on all are useless, the next lower one being a factor of `FINE` away.

    What is useless is said of all trials together: a closer look moves neither the best nor the worst loss.
    """
    low, high = guess * WIDE[0], guess * WIDE[1]
    tried = np.empty((0, 3))  # strength, all zero, loss; descending
    for _ in range(TRIALS):
        numbers = np.geomspace(high, low, count)
        trial = attempt(numbers)
        tried = np.concatenate([tried, np.stack([numbers, trial.zero, trial.loss], axis=1)])
        tried = tried[np.argsort(-tried[:, 0], kind="stable")]
        useless = tried[:, 1] == 1 if makes_zeros else _flat(tried[:, 2])
        top, bottom = float(tried[0, 0]), float(tried[-1, 0])
        if useless is None:  # no strength has made a difference
            low, high = bottom * WIDE[0], top * WIDE[1]
            continue
        first = int(np.argmin(useless)) if not useless.all() else len(tried)  # the largest that is useful
        # One flat loss is the worst of a slope; a plateau has two.
        if first < (1 if makes_zeros else 2):
            low, high = top, top * WIDE[1]
        elif first == len(tried):
            low, high = bottom * WIDE[0], bottom
        elif tried[first - 1, 0] <= FINE * tried[first, 0]:
            return float(tried[first - 1, 0])
        else:
            low, high = float(tried[first, 0]), float(tried[first - 1, 0])
    what = "makes all of these weights zero" if makes_zeros else "makes the training loss clearly worse"
    raise ValueError(
        f"vary[{varied.name!r}]: {TRIALS} trials of {count} strengths around {guess:.3g} found no strength that {what}, so "
        f"no largest strength can be computed. Train for more epochs, or give strengths as a list."
    )


def _flat(loss: np.ndarray) -> np.ndarray | None:
    """Whether each loss, or one that is not finite, is within 1 % of the way from the best to the worst; None where all
    are the same."""
    known = np.isfinite(loss)
    if not known.any():
        return ~known
    best, worst = loss[known].min(), loss[known].max()
    if worst - best <= 1e-5 * abs(worst):
        return None if known.all() else ~known
    return ~known | (loss >= worst - (1 - FLAT) * (worst - best))


def _widest(model: Sequential, varied: Varied, params: dict[str, np.ndarray]) -> float:
    """The smallest bound that these parameters keep."""

    def kept(number: float) -> bool:
        plan = plan_at(model, [varied], [number])
        entries = [plan[p] for p in varied.paths]
        return all(
            e.constraint is not None and float(e.constraint.violation(e.weight(params), fan_in=e.fan_in)) <= 0
            for e in entries
        )

    low, high = 0.0, 1.0
    while not kept(high):
        low, high = high, high * 4
        if high > 1e9:
            raise ValueError(
                f"vary[{varied.name!r}]: the constraint is active for every number that was tried, up to 1e9, so no "
                f"largest bound can be computed. Give strengths as a list."
            )
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if kept(middle) else (middle, high)
        if high < 1e-9:
            raise ValueError(
                f"vary[{varied.name!r}]: the constraint is not active for any number, so no largest bound can be computed. Give strengths as a list."
            )
    return high
