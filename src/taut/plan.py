"""The plan of a model: which term acts on which parameter, over which axes, in which mode.

A :class:`Plan` is made once a model's parameters are known. It is a JAX pytree whose leaves are the terms' numbers
(strengths, bounds), so a compiled program takes it as an argument and a new strength costs no compilation; paths,
shapes, axes and modes are its static structure. Printed, it is the audit of a model.

One file because the plan, what it is made from and what it prints change together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from taut import _cores, _meeting, _term, errors, joint, layouts
from taut.constraints import Constraint, Intersection
from taut.regularizers import Acting, Regularizer

__all__ = ["Activity", "Entry", "Plan", "bind"]

_cores.offer_cores()
_term.register_with_jax()

Params = Mapping[str, jax.Array]
RULES = ("exact", "keras")


@dataclass(frozen=True)
class Entry:
    """One parameter and what acts on it.

    ``mode`` is "gradient", "proximal" or "decoupled", and None without a regularizer. ``fan_in`` is None where no
    layout is declared; terms that need it were refused when the plan was bound. ``metric`` says that the step in the
    optimizer's own diagonal metric is needed, not only the new weights.

    An entry with ``parts`` stands for the units of a layer, kernel and bias as one array (``layouts.join``); its path
    ends in "/unit".
    """

    path: str
    role: str
    shape: tuple[int, ...]
    fan_in: tuple[int, ...] | None
    trainable: bool = True
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    mode: str | None = None
    metric: bool = False
    parts: tuple[layouts.Part, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The parameters that the terms act on."""
        return tuple(p.path for p in self.parts) or (self.path,)

    def weight(self, values: Mapping[str, Any]) -> Any:
        """This entry's array out of a dict by path: of weights, or of anything shaped like them."""
        return layouts.join(self.parts, values) if self.parts else values[self.path]

    def put(self, values: dict[str, Any], w: Any) -> None:
        """The inverse of :meth:`weight`."""
        values.update(layouts.part(self.parts, w) if self.parts else {self.path: w})

    def size(self, sizes: Mapping[str, Any]) -> Any:
        """The effective step of this entry: a number, or shaped like its array; None without a metric."""
        if not self.metric:
            return None
        found = {p: sizes[p] for p in self.paths}
        if all(jnp.ndim(s) == 0 for s in found.values()):  # one step for all parameters
            return found[self.paths[0]]
        shapes = {p.path: p.shape for p in self.parts}
        return self.weight({p: jnp.broadcast_to(s, shapes.get(p, self.shape)) for p, s in found.items()})

    @property
    def one_step(self) -> bool:
        """Whether a term here has no exact method in a per-entry metric (a spectral ball, SLOPE): then the whole
        parameter takes one step size, the smallest of its entries'."""
        by_entry = self.mode != "proximal" or getattr(self.regularizer, "metric", "entry") == "entry"
        return self.metric and not (by_entry and (self.constraint is None or self.constraint.metric))

    def penalty(self, w: jax.Array) -> jax.Array:
        """R(w), a scalar."""
        assert self.regularizer is not None
        return self.regularizer(w, fan_in=self.fan_in)

    def step(self, w: Any, size: Any) -> Any:
        """The proximal step and the projection of one parameter, solved jointly, ``size`` being its metric."""
        prox = self.regularizer if self.mode == "proximal" else None
        if prox is None and self.constraint is None:
            return w
        return joint.step_for(prox, self.constraint)(w, size if self.metric else None, self.fan_in)


@dataclass(frozen=True)
class Activity:
    """A regularizer on the output of one layer; its penalty is divided by the batch size, as in Keras."""

    layer: str
    regularizer: Regularizer


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True)
class Plan:
    """Every (parameter, role, fan-in, terms, mode) of one model, with the maps over its whole parameter tree.

    ``params`` below is a dict from path to array. ``str(plan)`` is the audit. ``entries`` has one entry a parameter;
    ``units`` one for each layer whose kernel and bias are taken together.
    """

    entries: tuple[Entry, ...] = ()
    activities: tuple[Activity, ...] = ()
    rule: str = "exact"
    units: tuple[Entry, ...] = ()

    # --- values -----------------------------------------------------------------------------------------------------

    def penalty(self, params: Params, *, modes: Sequence[str] = ("gradient", "proximal", "decoupled")) -> jax.Array:
        """The sum of the penalties acting in ``modes``: part of the loss, whatever the mode."""
        terms = [e.penalty(e.weight(params)) for e in self.regularized if e.mode in modes]
        return sum(terms, start=jnp.zeros((), jnp.float32))

    def activity_penalty(self, outputs: Mapping[str, jax.Array]) -> jax.Array:
        """The activity penalties of one batch of layer outputs, divided by the number of rows only."""
        total = jnp.zeros((), jnp.float32)
        for a in self.activities:
            out = outputs[a.layer]
            total = total + a.regularizer(out) / out.shape[0]
        return total

    def violations(self, params: Params) -> dict[str, float]:
        """How far each constrained parameter is outside its set; all 0.0 for a feasible model."""
        return {
            e.path: float(e.constraint.violation(e.weight(params), fan_in=e.fan_in))
            for e in self.constrained
            if e.constraint is not None
        }

    # --- maps -------------------------------------------------------------------------------------------------------

    def project(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The nearest feasible parameters (Euclidean): at build, after loading, on ``set_weights``, for averages."""
        out = dict(params)
        for e in self.constrained:
            e.put(out, joint.step_for(None, e.constraint)(e.weight(out), None, e.fan_in))
        return out

    def step(self, params: Params, sizes: Mapping[str, Any]) -> dict[str, jax.Array]:
        """What follows the optimizer's step: each parameter's prox and projection, solved jointly.

        ``sizes`` holds the effective step (a number or shaped like the parameter) of each path in
        :attr:`metric_paths`.
        """
        out = dict(params)
        for e in self.acting:
            if e.trainable and (e.mode == "proximal" or e.constraint is not None):
                e.put(out, e.step(e.weight(out), e.size(sizes)))
        return out

    def decay(self, params: Params, learning_rate: Any) -> dict[str, jax.Array]:
        """Decoupled L2: w ← w − lr·∇R(w) = w(1 − 2·lr·λ), outside the optimizer's moments (as AdamW, with 2λ)."""
        out = dict(params)
        for e in self.regularized:
            if e.mode == "decoupled":
                w = e.weight(out)
                e.put(out, w - learning_rate * jax.grad(e.penalty)(w))
        return out

    # --- selections -------------------------------------------------------------------------------------------------

    @property
    def acting(self) -> tuple[Entry, ...]:
        """Parameters, and units as a whole."""
        return self.entries + self.units

    @property
    def regularized(self) -> tuple[Entry, ...]:
        """Trainable entries with a regularizer (Keras, too, leaves frozen weights out of the penalty)."""
        return tuple(e for e in self.acting if e.trainable and e.regularizer is not None)

    @property
    def constrained(self) -> tuple[Entry, ...]:
        return tuple(e for e in self.acting if e.trainable and e.constraint is not None)

    @property
    def metric_paths(self) -> tuple[str, ...]:
        """The parameters whose step needs the optimizer's metric."""
        return tuple(path for e in self.acting if e.trainable and e.metric for path in e.paths)

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
        return _plan(entries, tuple(map(Activity, layers, activity)), rule)

    # --- the audit ----------------------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[str, ...]]:
        """The audit as a table: the names of its columns, then a row a parameter, unit or activity."""
        rows: list[tuple[str, ...]] = [("parameter", "shape", "role", "one unit", "regularizer", "mode", "constraint")]
        for e in self.acting:
            axes = e.fan_in
            unit = (
                "no layout" if axes is None else f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
            )
            frozen = "" if e.trainable else " (frozen)"
            rows.append(
                (
                    e.path + frozen,
                    "×".join(map(str, e.shape)) or "scalar",
                    e.role,
                    unit,
                    _show(e.regularizer),
                    e.mode or "–",
                    _show(e.constraint),
                )
            )
        for a in self.activities:
            rows.append((f"{a.layer}/activity", "rows×…", "activity", "–", _show(a.regularizer), "gradient", "–"))
        return rows

    @property
    def how(self) -> str:
        """How the terms act, in a sentence."""
        return {
            "exact": "terms act exactly: kinks by proximal steps and bounds by projections, in the optimizer's metric",
            "keras": "terms act as in Keras: regularizers by gradient, bounds by Euclidean projections",
        }[self.rule]

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join([*lines, self.how])


def _plan(entries: Iterable[Entry], activities: tuple[Activity, ...], rule: str) -> Plan:
    together = tuple(entries)
    return Plan(tuple(e for e in together if not e.parts), activities, rule, tuple(e for e in together if e.parts))


def _show(term: Any) -> str:
    return "–" if term is None else errors.shown(getattr(term, "__name__", None) or term).strip("'")


# --- binding -----------------------------------------------------------------------------------------------------------


def _default_mode(term: Regularizer) -> str:
    return "proximal" if term.has_prox and not term.smooth else "gradient"


def _mode(where: str, term: Regularizer | Acting, rule: str) -> tuple[Regularizer, str]:
    asked = None
    if isinstance(term, Acting):
        term, asked = term.term, term.mode
    if rule == "keras":
        return term, "gradient"
    if asked == "proximal" and not term.has_prox:
        raise ValueError(
            f'{where}: {_show(term)} was asked to act as "proximal", but it has no known proximal map; '
            f'use .acting("gradient") or leave the mode out.'
        )
    if asked == "decoupled" and not term.decouples:
        raise ValueError(
            f'{where}: {_show(term)} was asked to act as "decoupled", which is known for L2 alone; '
            f"use taut.regularizers.L2, or leave the mode out."
        )
    return term, asked or _default_mode(term)


def _needs_layout(term: Any) -> bool:
    """Whether the term, or one inside it, has an ``axis`` (or ``by``) left to the layout."""
    if dataclasses.is_dataclass(term) and not isinstance(term, type):
        fields = {f.name: getattr(term, f.name) for f in dataclasses.fields(term)}
        if ("axis" in fields and fields["axis"] is None) or "by" in fields:
            return True
        values: Iterable[Any] = fields.values()
        return any(
            _needs_layout(part) for value in values for part in (value if isinstance(value, tuple | list) else (value,))
        )
    return False


def _check(what: str, where: str, call: Callable[[jax.Array], Any], shape: tuple[int, ...]) -> None:
    """Run a term on the parameter's shape, without its values, so that a misfit is found before training."""
    try:
        jax.eval_shape(call, jax.ShapeDtypeStruct(shape, jnp.float32))
    except Exception as error:
        raise ValueError(f"{where}: {what} does not fit a parameter of shape {shape}: {error}") from error


TRIED = 4096
"""Weights up to which constraints are tried together when a plan is bound; larger ones are met when a model is built."""


def _try(entry: Entry) -> None:
    """Take one step of a parameter in numpy, where constraints that have no common point say so; compiled they cannot."""
    w = np.random.default_rng(0).normal(size=entry.shape).astype(np.float32)
    try:
        entry.step(w, np.ones_like(w))
    except ValueError as error:
        raise ValueError(f"{entry.path}: {error}") from error


def bind(
    parameters: Iterable[Entry],
    activities: Iterable[tuple[str, Regularizer | Acting]] = (),
    *,
    rule: str = "exact",
) -> Plan:
    """Settle the mode of every term and check that each can act where it was put.

    Args:
        parameters: entries whose ``regularizer`` may still be an ``Acting`` and whose mode is open.
        activities: (layer name, regularizer) pairs.
        rule: "exact", or "keras" for every regularizer by gradient and every projection Euclidean.

    Raises:
        ValueError: a mode the term does not have, a pair of terms with no known joint step, a term that needs an axis
            on a parameter without a declared layout, a shape that does not fit, constraints that cannot all hold. Each names
            the parameter.
    """
    if rule not in RULES:
        raise ValueError(f'terms={rule!r}: expected "exact" or "keras".')
    bound = []
    for entry in parameters:
        regularizer, constraint, mode = entry.regularizer, entry.constraint, None
        for term in (regularizer, constraint):
            if entry.fan_in is None and _needs_layout(term.term if isinstance(term, Acting) else term):
                raise ValueError(
                    f"{entry.path}: {_show(term)} acts on one unit's incoming weights, but the layer that owns this "
                    f"parameter (shape {entry.shape}) has no declared layout. Declare one with "
                    f"taut.layouts.register(LayerClass, {{...}}), or give the term an explicit axis."
                )
        if regularizer is not None:
            regularizer, mode = _mode(entry.path, regularizer, rule)
            _check(_show(regularizer), entry.path, lambda w, r=regularizer, e=entry: r(w, fan_in=e.fan_in), entry.shape)
        prox = regularizer if mode == "proximal" else None
        if prox is not None or constraint is not None:
            try:
                why = joint.known(prox, constraint, entry.shape, entry.fan_in)
            except ValueError:  # a term that does not fit the shape at all: the check below says so
                why = None
            if why is not None:
                raise ValueError(f"{entry.path}: {why}")
        coupled = constraint is not None and constraint.convex and not constraint.separable
        metric = rule == "exact" and (prox is not None or coupled)
        entry = dataclasses.replace(entry, regularizer=regularizer, mode=mode, metric=metric)
        if prox is not None or constraint is not None:
            _check(
                " with ".join(_show(t) for t in (prox, constraint) if t is not None),
                entry.path,
                lambda w, e=entry: e.step(w, jnp.ones_like(w)),
                entry.shape,
            )
        if isinstance(constraint, Intersection) and math.prod(entry.shape) <= TRIED:
            _try(entry)
        bound.append(entry)
    acting = []
    for layer, term in activities:
        plain, mode = _mode(f"{layer}/activity", term, "keras")
        try:
            _meeting.refuse_beyond(plain, jnp.dtype(jnp.float32))
        except ValueError as error:
            raise ValueError(f"{layer}/activity: {error}") from error
        if isinstance(term, Acting) and term.mode != "gradient":
            raise ValueError(
                f"{layer}/activity: {_show(plain)} was asked to act as {term.mode!r}; an activity is no parameter, "
                f'so its penalty can act by gradient alone. Leave the mode out or use .acting("gradient").'
            )
        acting.append(Activity(layer, plain))
    plan = _plan(bound, tuple(acting), rule)
    for unit in plan.units:
        for e in plan.entries:
            if e.path in unit.paths and _steps(e) and _steps(unit):
                raise ValueError(
                    f"{unit.path} and {e.path}: {_show_terms(unit)} and {_show_terms(e)} act on the same weights by steps "
                    f"of their own, and one after the other is wrong in general. Give all of them to the unit, or let "
                    f'the penalty of {e.path} act by gradient, term.acting("gradient").'
                )
    return plan


def _steps(entry: Entry) -> bool:
    return entry.mode == "proximal" or entry.constraint is not None


def _show_terms(entry: Entry) -> str:
    return " with ".join(_show(t) for t in (entry.regularizer, entry.constraint) if t is not None)
