"""Binding: choose the mode of every term and check that each can act on its parameter.

The result for each kind (terms, shape, axes) is cached: a model with a thousand parameters has few kinds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from taut import _meeting, _term, joint
from taut.functional._dtype import namespace
from taut.plans.audit import show, show_terms
from taut.plans.entries import Activity, Entry
from taut.plans.fitting import why_contradictory, why_misfit
from taut.plans.plan import Plan, plan_of
from taut.regularizers import Acting, Regularizer

__all__ = ["RULES", "bind"]

RULES = ("exact", "keras")


def bind(
    parameters: Iterable[Entry],
    activities: Iterable[tuple[str, Regularizer | Acting]] = (),
    *,
    rule: str = "exact",
) -> Plan:
    """Choose the mode of every term and check that each can act on its parameter.

    Args:
        parameters: entries whose ``regularizer`` may still be an ``Acting`` and whose mode is not chosen yet.
        activities: (layer name, regularizer) pairs.
        rule: "exact", or "keras", in which every regularizer is differentiated with the loss and every projection is
            Euclidean.

    Raises:
        ValueError: a mode that the term does not have, a pair of terms without a known joint step, a term that needs an
            axis on a parameter without a declared layout, or a shape that does not fit. The message names the
            parameter.
    """
    if rule not in RULES:
        raise ValueError(f'terms={rule!r}: expected "exact" or "keras".')
    plan = plan_of(
        [_bound(entry, rule) for entry in parameters], tuple(_activity(layer, term) for layer, term in activities), rule
    )
    _refuse_clashes(plan)
    return plan


def _bound(entry: Entry, rule: str) -> Entry:
    if entry.regularizer is None and entry.constraint is None:
        return dataclasses.replace(entry, mode=None, scaled=False)
    found = _remembered(entry, rule)
    mode, scaled, why = found
    if why is not None:
        raise ValueError(f"{entry.path}: {why}")
    term: Any = entry.regularizer
    return dataclasses.replace(
        entry, regularizer=term.term if isinstance(term, Acting) else term, mode=mode, scaled=scaled
    )


Found = tuple[str | None, bool, str | None]  # the mode, whether the step is scaled, why the terms cannot act
KNOWN = 4096  # kinds of (terms, shape, axes) remembered
_known: dict[Any, Found] = {}


def _remembered(entry: Entry, rule: str) -> Found:
    try:
        key = (rule, _key(entry.regularizer), _key(entry.constraint), entry.shape, entry.fan_in)
    except _Unknowable:
        return _found(entry, rule, ours=False)
    found = _known.get(key)
    if found is None:
        found = _found(entry, rule, ours=True)
        if len(_known) >= KNOWN:
            _known.clear()
        _known[key] = found  # another thread may clear it, so it is not read again
    return found


class _Unknowable(Exception):
    """The effect of a term may change while the object stays the same: user's code, or another library's array."""


def _key(value: Any) -> Any:
    """A key for a term, by value."""
    if isinstance(value, _term.Term):
        if not type(value).__module__.startswith("taut.") or hasattr(value, "function"):
            raise _Unknowable
        leaves, static = _term.flatten(value)
        return type(value), static, tuple(_key(leaf) for leaf in leaves)
    if isinstance(value, tuple):
        return tuple(_key(member) for member in value)
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if value is None or isinstance(value, int | float):
        return value
    raise _Unknowable


def _found(entry: Entry, rule: str, *, ours: bool) -> Found:
    regularizer, constraint = entry.regularizer, entry.constraint
    for term in (regularizer, constraint):
        if entry.fan_in is None and _needs_layout(term.term if isinstance(term, Acting) else term):
            return None, False, _without_layout(entry, term)
        if term is not None and (why := _beyond(term)) is not None:
            return None, False, why
    mode = None
    if regularizer is not None:
        regularizer, mode, why = _mode(regularizer, rule)
        why = why or why_misfit(
            show(regularizer), lambda w: regularizer(w, fan_in=entry.fan_in), entry.shape, weights=False, ours=ours
        )
        if why is not None:
            return None, False, why
    prox = regularizer if mode == "proximal" else None
    coupled = constraint is not None and constraint.convex and not constraint.separable
    scaled = rule == "exact" and (prox is not None or coupled)
    if prox is not None or constraint is not None:
        try:
            why = joint.known(prox, constraint, entry.shape, entry.fan_in)
        except ValueError:  # a term that does not fit the shape at all: said below
            why = None
        settled = dataclasses.replace(entry, regularizer=prox, constraint=constraint, mode=mode, scaled=scaled)
        why = why or why_misfit(
            show_terms(settled),
            lambda w: settled.step(w, namespace(w).ones_like(w)),
            entry.shape,
            weights=True,
            ours=ours,
        )
        why = why or why_contradictory(settled)
        if why is not None:
            return None, False, why
    return mode, scaled, None


def _beyond(term: Any) -> str | None:
    """Why a number of the term cannot be represented in the precision that models are trained in."""
    try:
        _meeting.refuse_beyond(term, np.dtype(np.float32))
    except ValueError as error:
        return str(error)
    return None


def _mode(term: Regularizer | Acting, rule: str) -> tuple[Regularizer, str, str | None]:
    asked = None
    if isinstance(term, Acting):
        term, asked = term.term, term.mode
    why = None
    if rule == "keras":
        return term, "gradient", None
    if asked == "proximal" and not term.has_prox:
        why = (
            f'{show(term)} cannot act in mode "proximal": it has no known proximal map. Use .acting("gradient"), or '
            f"leave the mode out."
        )
    if asked == "decoupled" and not term.decouples:
        why = f'mode "decoupled" is only available for L2, not for {show(term)}. Use L2, or leave the mode out.'
    return term, asked or ("proximal" if term.has_prox and not term.smooth else "gradient"), why


def _needs_layout(term: Any) -> bool:
    """Whether the term, or one inside it, has an ``axis`` (or ``by``) that the layout decides."""
    if dataclasses.is_dataclass(term) and not isinstance(term, type):
        fields = {f.name: getattr(term, f.name) for f in dataclasses.fields(term)}
        if ("axis" in fields and fields["axis"] is None) or "by" in fields:
            return True
        return any(
            _needs_layout(part)
            for value in fields.values()
            for part in (value if isinstance(value, tuple | list) else (value,))
        )
    return False


def _without_layout(entry: Entry, term: Any) -> str:
    return (
        f"{show(term)} acts on one unit's incoming weights, but the layer that owns this parameter (shape "
        f"{entry.shape}) has no declared layout. Declare one with "
        f"taut.layouts.layout({{'{entry.path.rpartition('/')[2]}': (role, axes)}})(LayerClass), or give the term an explicit "
        f"axis."
    )


def _activity(layer: str, term: Regularizer | Acting) -> Activity:
    plain, _, _ = _mode(term, "keras")
    why = _beyond(plain)
    if why is not None:
        raise ValueError(f"{layer}/activity: {why}")
    if isinstance(term, Acting) and term.mode != "gradient":
        raise ValueError(
            f"{layer}/activity: {show(plain)} was asked to act in mode {term.mode!r}; an activity is not a parameter, so "
            f'its penalty can only act by gradient. Leave the mode out or use .acting("gradient").'
        )
    return Activity(layer, plain)


def _refuse_clashes(plan: Plan) -> None:
    stepping = {e.path: e for e in plan.entries if e.steps}
    for unit in plan.units:
        for e in (stepping[path] for path in unit.paths if unit.steps and path in stepping):
            raise ValueError(
                f"{unit.path} and {e.path}: {show_terms(unit)} and {show_terms(e)} act on the same weights in separate "
                f"steps, and applying one after the other is wrong in general. Give all of them to the unit, or let "
                f'the penalty of {e.path} act by gradient, term.acting("gradient").'
            )
