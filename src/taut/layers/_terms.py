"""A layer's terms: where they are kept, what may be given, and which names are refused because a term was meant."""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Collection, Mapping
from typing import Any

from taut import constraints, errors, identifiers, regularizers
from taut.regularizers import Acting, Regularizer

__all__ = ["KINDS", "UNIT", "Terms", "check_name", "is_term_argument", "term"]

KINDS = ("initializer", "regularizer", "constraint")
UNIT = ("unit_regularizer", "unit_constraint")


class Terms:
    """A layer's initializers, regularizers, constraints and seeds, by argument name.

    Any two compare equal: none of them says anything about the shape of a program, so that a module's static structure
    (which keys compiled programs) is the same whatever the strengths and seeds are. The plan is where terms act.

    Attributes:
        by_name: the terms.
        built_for: the shape of one row of input, where a model built a layer that another module holds.
        models: the models that the layer is part of, which a late term is told to.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}
        self.built_for: tuple[int, ...] | None = None
        self.models: weakref.WeakSet[Any] = weakref.WeakSet()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Terms)

    def __hash__(self) -> int:
        return hash(Terms)

    def copied(self) -> Terms:
        """The same for another layer, which is part of no model yet."""
        own = Terms()
        own.by_name, own.built_for = dict(self.by_name), self.built_for
        return own

    def __getstate__(self) -> dict[str, Any]:  # of a copy, which is part of no model either
        return {**vars(self), "models": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, models=weakref.WeakSet())


def term(kind: str, value: Any) -> Any:
    """A regularizer or a constraint from whatever names one, a regularizer's mode included.

    Raises:
        TypeError: a term of the other kind, which, being callable, would pass for a plain function.
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

# Of difflib's ratio: "kernel_regulariser" is 0.94 from its right name, "bias_regularizer" 0.76 from another's.
CLOSE = 0.85
CLOSE_TERM = 0.6  # where the value is a term, so that one was certainly meant: "regularizer", "weight_constraint"


def is_term_argument(name: str) -> bool:
    return name.endswith(("_regularizer", "_constraint"))


def check_name(layer: Any, name: str, value: Any, arguments: Collection[str]) -> None:
    """Refuse an attribute whose name is almost that of a term: it would be kept and do nothing.

    Args:
        layer: which does not have the attribute yet.
        name, value: the attribute.
        arguments: of the layer's constructor, the names.

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
            f"{kind}.{name} = {errors.shown(value)}: {kind} has no {name!r}, so that it would do nothing. Did you mean "
            f"{best!r}? {_has(kind, known)}"
        )


def _has(kind: str, known: Collection[str]) -> str:
    terms = [a for a in known if is_term_argument(a)]
    return f"the terms of {kind} are {', '.join(terms)}."
