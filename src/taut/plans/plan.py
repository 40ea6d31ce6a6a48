"""The plan of a model: which term acts on which parameter, over which axes, in which mode.

A :class:`Plan` is made once a model's parameters are known (`taut.plans.bind`). It is a JAX pytree whose leaves are the
terms' numbers (strengths, bounds), so it can be an argument of a compiled program and a new strength costs no
compilation. Paths, shapes, axes and modes are its static structure. ``print`` shows it as the audit of a model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taut import errors
from taut.functional._control import constant
from taut.functional._dtype import Array, namespace
from taut.plans import audit
from taut.plans.entries import Activity, Entry

__all__ = ["Plan", "plan_of"]

Params = Mapping[str, Any]
MODES = ("gradient", "proximal", "decoupled")


@dataclass(frozen=True)
class Plan:
    """Every (parameter, role, fan-in, terms, mode) of one model, with functions for the whole parameter tree.

    In the methods, ``params`` is a dict from path to array (numpy, JAX or PyTorch). ``str(plan)`` is the audit.
    ``entries`` has
    one entry a parameter; ``units`` one for each layer whose kernel and bias are taken together.
    """

    entries: tuple[Entry, ...] = ()
    activities: tuple[Activity, ...] = ()
    rule: str = "exact"
    units: tuple[Entry, ...] = ()

    # --- values -----------------------------------------------------------------------------------------------------

    def penalty(self, params: Params, *, modes: Sequence[str] = MODES) -> Array:
        """The sum of the penalties that act in ``modes``, to be added to the loss.

        Only terms in mode "gradient" have a gradient here, since the others act through a separate step and would act
        twice. So ``loss + plan.penalty(params)`` is right for any mode.
        """
        return _total(
            params.values(),
            [
                e.penalty(e.weight(params)) if e.mode == "gradient" else constant(e.penalty(e.weight(params)))
                for e in self.regularized
                if e.mode in modes
            ],
        )

    def smooth_penalty(self, params: Params) -> Array:
        """The penalties that do not use proximal steps, each with its gradient: for steps that descend on all of them
        at once, as in `settle`, without separate weight decay.
        """
        return _total(params.values(), [e.penalty(e.weight(params)) for e in self.regularized if e.mode != "proximal"])

    def activity_penalty(self, outputs: Mapping[str, Any]) -> Array:
        """The activity penalties of one batch of layer outputs, divided by the number of rows.

        The output of a layer is an array, or a tuple of arrays if it was called several times.
        """
        calls = [
            (a.regularizer, out)
            for a in self.activities
            for out in (outputs[a.layer] if isinstance(outputs[a.layer], tuple) else (outputs[a.layer],))
        ]
        return _total([out for _, out in calls], [penalty(out) / out.shape[0] for penalty, out in calls])

    def violations(self, params: Params) -> dict[str, float]:
        """How far each constrained parameter is outside its set; all are 0.0 for a feasible model."""
        return {e.path: e.violation(e.weight(params)) for e in self.constrained}

    # --- maps -------------------------------------------------------------------------------------------------------

    def project(self, params: Params) -> dict[str, Any]:
        """The nearest feasible parameters (Euclidean); used by build, load, ``set_weights`` and weight averages."""
        out = dict(params)
        for e in self.constrained:
            e.put(out, e.project(e.weight(out)))
        return out

    def step(self, params: Params, sizes: Mapping[str, Any]) -> dict[str, Any]:
        """The step after the optimizer's step: each parameter's prox and projection, solved jointly.

        ``sizes`` holds the optimizer's step size (a number or shaped like the parameter) of each path in
        :attr:`scaled_paths`.
        """
        out = dict(params)
        for e in self.acting:
            if e.trainable and e.steps:
                e.put(out, e.step(e.weight(out), e.step_size(sizes)))
        return out

    def decay(self, params: Params, learning_rate: Any) -> dict[str, Any]:
        """Decoupled L2: w ← w − lr·∇R(w) = w(1 − 2·lr·λ), outside the optimizer's moments (as AdamW, with 2λ)."""
        out = dict(params)
        for e in self.regularized:
            if e.mode == "decoupled":
                w = e.weight(out)
                e.put(out, w - learning_rate * e.slope(w))
        return out

    # --- selections -------------------------------------------------------------------------------------------------

    @property
    def acting(self) -> tuple[Entry, ...]:
        """Parameters, and units as a whole."""
        return self.entries + self.units

    @property
    def regularized(self) -> tuple[Entry, ...]:
        """Trainable entries with a regularizer (as in Keras, frozen weights are not in the penalty)."""
        return tuple(e for e in self.acting if e.trainable and e.regularizer is not None)

    @property
    def constrained(self) -> tuple[Entry, ...]:
        return tuple(e for e in self.acting if e.trainable and e.constraint is not None)

    @property
    def scaled_paths(self) -> tuple[str, ...]:
        """The parameters whose step needs the optimizer's step size."""
        return tuple(path for e in self.acting if e.trainable and e.scaled for path in e.paths)

    def __getitem__(self, path: str) -> Entry:
        for e in self.acting:
            if e.path == path:
                return e
        raise KeyError(errors.unknown("parameter path", path, [e.path for e in self.acting]))

    # --- pytree: numbers are leaves, everything else is structure -----------------------------------------------------

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        terms = tuple((e.regularizer, e.constraint) for e in self.acting)
        blank = tuple(dataclasses.replace(e, regularizer=None, constraint=None) for e in self.acting)
        return (terms, tuple(a.regularizer for a in self.activities)), (
            blank,
            tuple(a.layer for a in self.activities),
            self.rule,
        )

    @classmethod
    def tree_unflatten(cls, aux: tuple[Any, ...], children: tuple[Any, ...]) -> Plan:
        blank, layers, rule = aux
        terms, activity = children
        entries = tuple(
            dataclasses.replace(e, regularizer=r, constraint=c) for e, (r, c) in zip(blank, terms, strict=True)
        )
        return plan_of(entries, tuple(map(Activity, layers, activity)), rule)

    # --- the audit ----------------------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[str, ...]]:
        """The audit as a table: the names of its columns, then a row per parameter, unit or activity."""
        return audit.rows(self.acting, self.activities)

    @property
    def how(self) -> str:
        """A sentence that says how the terms act."""
        return audit.HOW[self.rule]

    def __str__(self) -> str:
        return audit.text(self.rows(), self.how)


def _total(beside: Iterable[Any], values: Sequence[Array]) -> Array:
    """The sum of ``values``; if there are none, a zero of the same library as the arrays ``beside``."""
    if values:
        return sum(values[1:], start=values[0])
    xp = namespace(*beside)
    return xp.zeros((), dtype=xp.float32)


def plan_of(entries: Iterable[Entry], activities: tuple[Activity, ...], rule: str) -> Plan:
    """The plan of these entries, with units separated from parameters."""
    together = tuple(entries)
    return Plan(tuple(e for e in together if not e.parts), activities, rule, tuple(e for e in together if e.parts))
