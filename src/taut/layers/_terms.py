"""A layer's terms: where they are stored, what is accepted, and which misspelt names raise an error."""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Collection, Mapping
from typing import Any

from taut import constraints, errors, identifiers, regularizers
from taut.regularizers import Acting, Regularizer

__all__ = ["KINDS", "UNIT", "Terms", "check_name", "is_term_argument", "term"]

KINDS = ("initializer", "regularizer", "constraint")
GIVEN = 1000  # terms remembered, so that a loop that sets strengths does not fill the memory
UNIT = ("unit_regularizer", "unit_constraint")


class Terms:
    """A layer's initializers, regularizers, constraints and seeds, by argument name.

    Any two objects compare equal: terms do not change the shape of a program, so the static structure of a module, by
    which compiled programs are cached, is the same for all strengths and seeds. Terms act through the plan.

    Attributes:
        by_name: the terms.
        built_for: the shape of one row of input, if the layer is inside another module and was built by a model.
        given: every term that the layer was ever given, as it was given.
        models: the models that contain the layer; they are told about a term that is set later.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}
        self.given: list[Any] = []
        self.built_for: tuple[int, ...] | None = None
        self.models: weakref.WeakSet[Any] = weakref.WeakSet()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Terms)

    def __hash__(self) -> int:
        return hash(Terms)

    def remember(self, value: Any) -> None:
        """Note a term that the layer is given: a block may keep the same object in an attribute of its own."""
        if value is not None and len(self.given) < GIVEN:
            self.given.append(value)

    def copied(self) -> Terms:
        """A copy for another layer, which is not part of a model yet."""
        own = Terms()
        own.by_name, own.given, own.built_for = dict(self.by_name), list(self.given), self.built_for
        return own

    def __getstate__(self) -> dict[str, Any]:  # of a copy, which is part of no model either
        return {**vars(self), "models": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, models=weakref.WeakSet())


def term(kind: str, value: Any) -> Any:
    """A regularizer (with or without a mode) or a constraint, from an object, a name, a config or a function.

    Raises:
        TypeError: a term of the other kind, which would otherwise be treated as a plain function because it is
            callable.
    """
    value = identifiers.from_keras(value) or value
    other = Regularizer | Acting if kind == "constraint" else constraints.Constraint
    if isinstance(value, other):
        right = "regularizer" if kind == "constraint" else "constraint"
        raise TypeError(f"expected a {kind}, got {value}, which is a {right}; give it as a {right}.")
    if isinstance(value, Acting):
        return value
    if kind == "regularizer" and isinstance(value, Mapping) and value.get("mode") is not None:
        return regularizers.get({k: v for k, v in value.items() if k != "mode"}).acting(value["mode"])
    return constraints.get(value) if kind == "constraint" else regularizers.get(value)


# --- names ------------------------------------------------------------------------------------------------------------

# Limits for difflib's ratio: "kernel_regulariser" has 0.94 with the right name, "bias_regularizer" 0.76 with another
# name.
CLOSE = 0.85
CLOSE_TERM = 0.6  # where the value is a term, so that one was certainly meant: "regularizer", "weight_constraint"


def is_term_argument(name: str) -> bool:
    return name.endswith(("_regularizer", "_constraint"))


def check_name(layer: Any, name: str, value: Any, arguments: Collection[str]) -> None:
    """Raise for an attribute whose name is close to the name of a term: it would be stored and do nothing.

    Args:
        layer: the layer, which does not have the attribute yet.
        name, value: the attribute.
        arguments: the names of the constructor's arguments.

    Raises:
        AttributeError: with the right name.
    """
    known = [a for a in arguments if is_term_argument(a) or a.endswith("_initializer")]
    plain = name.lower().replace("_", "")
    ratio = {a: difflib.SequenceMatcher(None, plain, a.replace("_", "")).ratio() for a in known}
    others = {f"{p}_{k}" for p in ("kernel", "bias", "unit", "activity") for k in ("regularizer", "constraint")}
    kind = type(layer).__name__
    own = type(layer).__module__.partition(".")[0] == "taut"  # a class of a user's own may keep a term for its own use
    is_term = (
        isinstance(value, Regularizer | Acting | constraints.Constraint) or identifiers.from_keras(value) is not None
    )
    best = max(ratio, key=lambda a: ratio[a], default=None)
    if name in others:
        raise AttributeError(f"{kind} has no {name}: {_has(kind, known)}")
    if best is not None and ratio[best] >= (CLOSE_TERM if own and is_term else CLOSE):
        raise AttributeError(
            f"{kind}.{name} = {errors.shown(value)}: {kind} has no {name!r}, so it would have no effect. Did you mean "
            f"{best!r}? {_has(kind, known)}"
        )


def _has(kind: str, known: Collection[str]) -> str:
    terms = [a for a in known if is_term_argument(a)]
    return f"the terms of {kind} are {', '.join(terms)}."
