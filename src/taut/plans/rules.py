"""Rules: where terms go, ``{where: term or list of terms}``, said the same way to every front end.

*Where* is one of

- a name or a pattern in the library's own spelling: ``*`` stands for one level of a name or a part of it, ``**`` for any
  number of levels, every other character for itself;
- :func:`role`: every array that plays it, ``role("kernel")``;
- ``(LayerType, "weight")``: this array of every layer of this class;
- a function of a :class:`Target` that says yes or no.

Later rules refine earlier ones: a new regularizer takes the place of the old one and leaves the constraint, and the other
way round; None takes both away. A pattern leaves biases, normalisation and embeddings alone unless it names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taut import errors, identifiers
from taut.constraints import Constraint, as_constraint
from taut.regularizers import Acting, Regularizer

__all__ = ["Role", "Target", "label", "reached", "resolve", "role", "sorted_terms"]

Where = Any
Terms = dict[str, Any]  # "regularizer" and "constraint", whichever is spoken of


@dataclass(frozen=True)
class Role:
    """Every array that plays this role; see :func:`role`."""

    name: str

    def __repr__(self) -> str:
        return f"role({self.name!r})"


def role(name: str) -> Role:
    """Where to put a term: on every array that plays the role ``name``, in any library.

    Args:
        name: "kernel", "recurrent_kernel", "bias", "embedding", "scale", ... as ``taut.layouts`` and a plan's audit name
            them; "unit" for kernel and bias of each unit together, "activity" for the outputs of layers.

    >>> role("kernel")
    role('kernel')
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"role({name!r}): expected the name of a role, such as role('kernel').")
    return Role(name)


@dataclass(frozen=True)
class Target:
    """A place where a term can act.

    Attributes:
        name: in the library's own spelling, "encoder.0.weight" or "dense/kernel".
        role: "kernel", "bias", ...; "unit" or "activity".
        shape: of the array; empty where it is not known.
        layer: the layer that owns it, or None.
        kind: "parameter", "unit" (kernel and bias of a layer's units together) or "activity" (a layer's output).
        aliases: other names of the same array (tied weights).
    """

    name: str
    role: str
    shape: tuple[int, ...] = ()
    layer: Any = None
    kind: str = "parameter"
    aliases: tuple[str, ...] = ()


def resolve(rules: Mapping[Where, Any], targets: Iterable[Target], *, separator: str = "/") -> dict[str, Terms]:
    """What the rules put where: ``{name: {"regularizer": ..., "constraint": ...}}``.

    Args:
        rules: from *where* to a regularizer, a constraint, a list of them, or None.
        targets: every place there is.
        separator: what the library puts between the levels of a name.

    Raises:
        TypeError: rules that are no dict, a *where* or a term that is none.
        ValueError: a rule that reaches nothing (the nearest names are listed), or that puts a constraint on an activity.

    >>> from taut.regularizers import L1
    >>> resolve({"**/kernel": L1(0.1)}, [Target("dense/kernel", "kernel"), Target("dense/bias", "bias")])
    {'dense/kernel': {'regularizer': L1(l1=0.1)}}
    """
    if not isinstance(rules, Mapping):
        raise TypeError(
            f'rules={errors.shown(rules)}: expected a dict from where to terms, such as {{"**/kernel": '
            f"taut.regularizers.L1(0.01)}}."
        )
    known, out = tuple(targets), dict[str, Terms]()
    for where, value in rules.items():
        for target in reached(where, known, separator=separator):
            terms = sorted_terms(target.name, value, activity=target.kind == "activity")
            out[target.name] = {**out.get(target.name, {}), **terms}
    return out


def reached(where: Where, targets: Sequence[Target], *, separator: str = "/") -> list[Target]:
    """The targets that ``where`` means, in their own order.

    Raises:
        TypeError: ``where`` is no way to say where.
        ValueError: it reaches nothing.
    """
    if isinstance(where, str):
        found = _named(where, targets, separator)
    elif isinstance(where, Role):
        found = [t for t in targets if t.role == where.name]
    elif isinstance(where, tuple):
        found = _of_type(where, targets, separator)
    elif callable(where) and not isinstance(where, type):
        found = [t for t in targets if _says_yes(where, t)]
    else:
        raise TypeError(
            f"{errors.shown(where)} does not say where a term goes: expected a name or a pattern, taut.role('kernel'), "
            f"(LayerType, 'weight'), or a function of a target that gives True or False."
        )
    if not found:
        raise ValueError(_nothing(where, targets, separator))
    return found


def sorted_terms(name: str, value: Any, *, activity: bool = False) -> Terms:
    """The terms of one rule for the place ``name`` as {"regularizer": ..., "constraint": ...}.

    Raises:
        TypeError: something that is not a term.
        ValueError: a constraint on an activity.
    """
    if value is None:
        return {"regularizer": None} if activity else {"regularizer": None, "constraint": None}
    given = value if isinstance(value, list | tuple) else [value]
    members = [identifiers.from_keras(m) or m for m in given]
    penalties = [m for m in members if isinstance(m, Regularizer | Acting)]
    sets = [m for m in members if isinstance(m, Constraint)]
    if len(penalties) + len(sets) != len(members) or not members:
        odd = next((m for m in members if not isinstance(m, Regularizer | Acting | Constraint)), value)
        raise TypeError(
            f"{name}: {errors.shown(odd)} is not a term; expected a regularizer such as taut.regularizers.L1(0.01), a "
            f"constraint such as taut.constraints.NonNeg(), a list of them, or None to take terms away."
        )
    if sets and activity:
        raise ValueError(
            f"{name}: {errors.words(sets[0])} is a constraint, and an activity (the output of a layer) can only be "
            f"regularized. Put it on the layer's weights."
        )
    out: Terms = {}
    if penalties:
        if len(penalties) > 1 and any(isinstance(p, Acting) for p in penalties):
            raise TypeError(f"{name}: several regularizers act as one sum, in one mode: (a + b).acting(mode).")
        total: Any = penalties[0]
        for p in penalties[1:]:
            total = total + p
        out["regularizer"] = total
    if sets:
        out["constraint"] = as_constraint(sets)
    return out


def label(where: Where) -> str:
    """A short name for a *where*, for tables: the name or pattern itself, a role's name, "Dense/kernel".

    >>> label("*/kernel"), label(role("kernel"))
    ('*/kernel', 'kernel')
    """
    if isinstance(where, Role):
        return where.name
    if isinstance(where, tuple):
        return "/".join(getattr(part, "__name__", str(part)) for part in where)
    return where if isinstance(where, str) else errors.function_name(where)


# --- names and patterns -----------------------------------------------------------------------------------------------


def _named(pattern: str, targets: Sequence[Target], separator: str) -> list[Target]:
    exact = [t for t in targets if pattern == t.name or pattern in t.aliases]
    if exact:  # a name means itself, whatever characters are in it
        return exact
    if "*" not in pattern:
        return [t for t in targets if t.role == pattern]  # "kernel" for role("kernel")
    matches = _expression(pattern, separator).fullmatch
    found = [t for t in targets if matches(t.name) or any(map(matches, t.aliases))]
    found = [t for t in found if t.kind == "parameter"] or found  # what is made of parameters is asked for by name
    named = _namer(pattern, targets, separator)
    return [t for t in found if t.kind != "parameter" or not _left_alone(t) or named(t)]


def _expression(pattern: str, separator: str) -> re.Pattern[str]:
    """A pattern as a regular expression: ``**`` is any number of levels, none included, ``*`` a part of one."""
    sep = re.escape(separator)
    level = f"[^{sep}]"
    out, levels = "", pattern.split(separator)
    for i, part in enumerate(levels):
        last = i == len(levels) - 1
        if part == "**":
            out += f"(?:{level}*{sep})*{level}*" if last else f"(?:{level}*{sep})*"
        else:
            out += f"{level}*".join(map(re.escape, re.split(r"\*+", part))) + ("" if last else sep)
    return re.compile(out, re.DOTALL)


LEFT_ALONE = ("scale", "embedding", "gamma", "beta", "embeddings")


def _left_alone(target: Target) -> bool:
    """Whether a term for the whole of a model does not mean this array: biases, normalisation, embeddings."""
    kind = target.role.rsplit("/", 1)[-1]
    return kind.endswith("bias") or kind in LEFT_ALONE


def _namer(pattern: str, targets: Sequence[Target], separator: str) -> Callable[[Target], bool]:
    """Whether the pattern names an array that is left alone otherwise: by an array's own name that no kernel has
    ("**/bias"), or by its layer's name as well ("norm*.weight")."""
    *before, last = pattern.split(separator)
    if not last.strip("*"):
        return lambda target: False
    kernels = {t.name.rsplit(separator, 1)[-1] for t in targets if t.kind == "parameter" and not _left_alone(t)}
    own = _expression(last, separator).fullmatch
    if not any(map(own, kernels)) or (before and before[-1].strip("*")):
        return lambda target: True
    return lambda target: False


def _of_type(where: tuple[Any, ...], targets: Sequence[Target], separator: str) -> list[Target]:
    if len(where) != 2 or not isinstance(where[0], type) or not isinstance(where[1], str):
        raise TypeError(
            f"{errors.shown(where)} does not say where a term goes: expected a pair of a layer's class and an array's name, "
            f"such as (Dense, 'kernel')."
        )
    kind, name = where
    return [
        t for t in targets if isinstance(t.layer, kind) and (t.name.rsplit(separator, 1)[-1] == name or t.role == name)
    ]


def _says_yes(where: Callable[[Target], Any], target: Target) -> bool:
    answer = where(target)
    if not isinstance(answer, bool):
        raise TypeError(
            f"the rule {errors.function_name(where)} gave {errors.shown(answer)} for {target.name}; expected True or False."
        )
    return answer


def _nothing(where: Where, targets: Sequence[Target], separator: str) -> str:
    names = [t.name for t in targets]
    if isinstance(where, str):
        said = errors.unknown("name or pattern", where, names)
        if "*" in where:
            skipped = [t.name for t in targets if _left_alone(t) and _expression(where, separator).fullmatch(t.name)]
            if skipped:
                said = (
                    f"The pattern {where!r} reaches only {', '.join(skipped)}, which patterns leave alone (biases, "
                    f"normalisation, embeddings). Name them: {skipped[0]!r}, or taut.role(...)."
                )
            elif "**" not in where:
                said += f" `*` stands for one level of a name and `**` for any number: '**{separator}kernel'."
        return said
    if isinstance(where, Role):
        return errors.unknown("role", where.name, {t.role for t in targets})
    if isinstance(where, tuple):
        layers = sorted({type(t.layer).__name__ for t in targets if t.layer is not None})
        return (
            f"No layer of class {where[0].__name__} has an array {where[1]!r}. Layers here: {', '.join(layers) or 'none'}; "
            f"arrays: {', '.join(names)}."
        )
    return f"The rule {errors.function_name(where)} says True for none of {', '.join(names)}."
