"""What a path varies: names of parameters, each with a function from a number to a term."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from taut import errors
from taut.constraints import Constraint
from taut.model import Sequential, entries
from taut.plans import Plan, rules
from taut.regularizers import Acting, Regularizer

__all__ = ["Varied", "distinct", "plan_at", "plan_with", "plan_without", "resolve", "terms_at"]

Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Varied:
    """One entry of ``vary``.

    Attributes:
        name: what the user wrote: a path, a pattern or a role.
        paths: the parameters (or layers' units, or activities) that it matches; they share each strength.
        make: from a number to a term, or to a list of terms.
        parameters: the parameters among these; for units, their kernels and biases.
    """

    name: str
    paths: tuple[str, ...]
    make: Make
    parameters: tuple[str, ...]

    def term(self, number: float) -> Any:
        """The term of this number.

        Raises:
            ValueError, TypeError: the term refuses the number; the message names the entry.
        """
        try:
            return self.make(float(number))
        except (TypeError, ValueError) as error:
            raise type(error)(f"vary[{self.name!r}]: cannot make a term of the number {number:g}: {error}") from error

    def kinds(self, number: float) -> frozenset[str]:
        """Whether the term of this number is a "regularizer", a "constraint", or both."""
        return frozenset(_sorted(self.paths[0], self.term(number)))


def resolve(model: Sequential, vary: Any) -> tuple[Varied, ...]:
    """The entries of ``vary``, each with the parameters that it stands for.

    Args:
        model: built.
        vary: from *where*, as `Sequential.attach` takes it ("dense/kernel", "**/kernel", ``taut.role("kernel")``,
            "dense/unit", "dense/activity", ...), to a class of terms or a function from a number to a term.

    Raises:
        ValueError: an entry that matches nothing (the message lists the nearest paths); see also `distinct`.
        TypeError: not a dict, or an entry that is not a function of a number.
    """
    if not isinstance(vary, Mapping) or not vary:
        raise TypeError(
            f"vary={errors.shown(vary)}, expected a dict from a path to a term that takes a number, such as "
            f'{{"dense/kernel": taut.regularizers.L1}}.'
        )
    structure, params, _ = model._split()
    units = entries.unit_parts(model.layers, structure, params)
    targets = entries.targets(model.layers, structure, params)
    trainable = {e.path for e in model.plan.entries if e.trainable}
    free = [t for t in targets if t.kind == "activity" or trainable.issuperset(units.get(t.name, (t.name,)))]
    out: list[Varied] = []
    for where, make in vary.items():
        name = rules.label(where)
        if not callable(make) or isinstance(make, Regularizer | Constraint | Acting):
            raise TypeError(
                f"vary[{name!r}]: {errors.shown(make)}, expected a class of terms or a function from a number to a "
                f"term: taut.regularizers.L1, or lambda s: taut.regularizers.L1L2(s, s / 10). Give the numbers as "
                f"strengths."
            )
        try:
            found = rules.reached(where, free)
        except ValueError:
            if rules.reached(where, targets):  # or this raises, with all the names there are
                raise ValueError(
                    f"vary[{name!r}]: this layer is frozen (trainable=False), so a term would have no effect on it."
                ) from None
            raise
        paths = [t.name for t in found]
        parts = [part for p in paths for part in units.get(p, (p,)) if part in params]
        out.append(Varied(name, tuple(paths), make, tuple(parts)))
    labels = [one.name for one in out]
    for name in labels:
        if labels.count(name) > 1:
            raise ValueError(
                f"vary: two entries are called {name!r} in tables. Give one of them another name or pattern."
            )
    return tuple(out)


def _sorted(path: str, term: Any) -> dict[str, Any]:
    return rules.sorted_terms(path, term, activity=path.endswith("/activity"))


def distinct(varied: Sequence[Varied], numbers: Sequence[float]) -> None:
    """Refuse two entries that vary the same kind of term on the same parameter; ``numbers`` are those of one net.

    Raises:
        ValueError: naming both.
    """
    taken: dict[tuple[str, str], str] = {}
    for one, number in zip(varied, numbers, strict=True):
        for kind in one.kinds(number):
            for path in one.paths:
                if (path, kind) in taken:
                    raise ValueError(
                        f"vary: {taken[path, kind]!r} and {one.name!r} both set the {kind} of {path}. Join them in one "
                        f"entry: a function that returns their sum."
                    )
                taken[path, kind] = one.name


def terms_at(varied: Sequence[Varied], numbers: Sequence[float]) -> list[dict[str, Any]]:
    """What ``attach`` is given, one call after another, to put the terms of these numbers on a model."""
    return [{path: v.term(s) for path in v.paths} for v, s in zip(varied, numbers, strict=True)]


def plan_with(model: Sequential, terms: Sequence[Mapping[str, Any]], like: Plan | None = None) -> Plan:
    """The plan that ``model`` would have with ``terms`` attached (`terms_at`); the model is not touched, not even for a
    moment: another thread may be using it.

    Args:
        like: the plan of other numbers. Binding traces every term (some 40 ms); where only the numbers differ, they are
            put in place of its.
    """
    if like is not None:
        replaced = _replaced(like, terms)
        if replaced is not None:
            return replaced
    return _bound(model, [{path: _sorted(path, term) for path, term in more.items()} for more in terms])


def plan_at(model: Sequential, varied: Sequence[Varied], numbers: Sequence[float], like: Plan | None = None) -> Plan:
    """The plan of ``model`` with the terms of these numbers; see `plan_with`."""
    return plan_with(model, terms_at(varied, numbers), like)


def plan_without(model: Sequential, varied: Sequence[Varied], numbers: Sequence[float]) -> Plan:
    """The plan of ``model`` without the terms that are varied, nor those of its own that they take the place of."""
    gone = [
        {path: dict.fromkeys(one.kinds(number)) for path in one.paths}
        for one, number in zip(varied, numbers, strict=True)
    ]
    return _bound(model, gone)


def _bound(model: Sequential, changes: Sequence[Mapping[str, Mapping[str, Any]]]) -> Plan:
    attached = {path: dict(terms) for path, terms in model._attached.items()}
    for change in changes:
        for path, terms in change.items():
            attached[path] = {**attached.get(path, {}), **terms}
    structure, params, _ = model._split()
    return model._bind(structure, params, model.terms, attached)


def _replaced(plan: Plan, given: Sequence[Mapping[str, Any]]) -> Plan | None:
    """``plan`` with other numbers, or None where a term's structure changes with its number."""
    new: dict[str, dict[str, Any]] = {}
    for terms in given:
        for path, value in terms.items():
            sorted_terms = _sorted(path, value)
            if isinstance(sorted_terms.get("regularizer"), Acting):
                sorted_terms["regularizer"] = sorted_terms["regularizer"].term
            new.setdefault(path, {}).update(sorted_terms)
    entries = tuple(dataclasses.replace(e, **new.get(e.path, {})) for e in plan.entries)
    units = tuple(dataclasses.replace(e, **new.get(e.path, {})) for e in plan.units)
    activities = tuple(dataclasses.replace(a, **new.get(f"{a.layer}/activity", {})) for a in plan.activities)
    out = Plan(entries, activities, plan.rule, units)
    return out if jax.tree.structure(out) == jax.tree.structure(plan) else None
