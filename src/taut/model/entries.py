"""Creates the entries of a plan from the layers of a model: which term acts on which parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flax import nnx

from taut import errors, identifiers, layouts
from taut.constraints import Constraint
from taut.functional import units
from taut.layers import Layer
from taut.layers._terms import is_term_argument
from taut.model.held import activity_layers, modules, way
from taut.model.network import Structure
from taut.plans import Entry
from taut.plans.rules import Target
from taut.regularizers import Acting, Regularizer

__all__ = ["entries", "look", "same_look", "targets", "unit_parts"]


def entries(
    layers: Sequence[Any], structure: Structure, params: Mapping[str, Any], attached: Mapping[str, Mapping[str, Any]]
) -> list[Entry]:
    """One plan entry for each parameter, with its role, its fan-in and the terms from its layer or from ``attach``.

    Raises:
        ValueError: a layer has a term for a parameter that does not exist.
    """
    out: list[Entry] = []
    owners: dict[str, Any] = {}  # by the path of the module
    acting: set[tuple[int, str]] = set()  # (layer, argument) of the terms that reach a parameter
    for path, keys in structure.keys:
        held, name = way(layers, keys[:-1]), str(keys[-1])
        owner = owners[path.rpartition("/")[0]] = held[-1]
        trainable = all(bool(getattr(module, "trainable", True)) for module in held)
        shape = tuple(params[path].shape)
        role, fan_in = _described(owner, name, shape)
        terms = _terms_of(owner, name, attached.get(path, {}), acting)
        out.append(
            Entry(
                path=path,
                role=role,
                shape=shape,
                fan_in=fan_in,
                trainable=trainable,
                regularizer=terms.get("regularizer"),
                constraint=terms.get("constraint"),
            )
        )
    for path, parts in _units(out).items():
        terms = _terms_of(owners[path.rpartition("/")[0]], "unit", attached.get(path, {}), acting)
        if any(term is not None for term in terms.values()):
            out.append(
                Entry(
                    path=path,
                    role="unit",
                    shape=(sum(p.rows for p in parts), parts[0].units),
                    fan_in=(0,),
                    trainable=next(e.trainable for e in out if e.path == parts[0].path),
                    regularizer=terms.get("regularizer"),
                    constraint=terms.get("constraint"),
                    parts=parts,
                )
            )
    _refuse_idle(layers, structure.names, acting)
    return out


def _described(owner: Any, name: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...] | None]:
    """The role and the fan-in of one array from the layer table; its name and None if they are not known.

    Layers that ``nnx.vmap`` stacked along the first axis have the units of one layer.
    """
    ahead = _stacked(owner)
    if ahead is None:
        return name, None
    try:
        parameter = layouts.of(owner, {name: shape[ahead:]}).get(name)
        if parameter is None:
            return name, None
        fan_in = parameter.fan_in
        return parameter.role, fan_in if not ahead else tuple(axis + ahead for axis in fan_in)
    except ValueError:  # no shape of this kind, or units that no whole axes make
        return name, None


def _stacked(owner: Any) -> int | None:
    """The number of axes before those of one layer; None if layers are not stacked along the first axes."""
    shape = getattr(getattr(owner, "kernel", None), "shape", None)
    size, count = getattr(owner, "kernel_size", None), getattr(owner, "units", getattr(owner, "out_features", None))
    if shape is None or not isinstance(count, int):
        return 0
    one = 2 if size is None else 2 + (1 if isinstance(size, int) else len(size))
    if len(shape) <= one:
        return 0
    return len(shape) - one if shape[-1] == count else None


def _terms_of(owner: Any, name: str, attached: Mapping[str, Any], acting: set[tuple[int, str]]) -> dict[str, Any]:
    """The terms of a parameter (or of the units) of ``owner``: those attached, or else its own."""
    terms = dict(attached)
    if isinstance(owner, Layer):
        for kind in ("regularizer", "constraint"):
            terms.setdefault(kind, getattr(owner, f"{name}_{kind}", None))
            acting.add((id(owner), f"{name}_{kind}"))
    return terms


def _refuse_idle(layers: Sequence[Any], names: Sequence[str], acting: set[tuple[int, str]]) -> None:
    """Raise for terms that reach no parameter.

    Raises:
        ValueError: the message names the layer and the term.
    """
    every = modules(layers, names)
    for path, module in every.items():
        if not isinstance(module, Layer):
            _refuse_foreign(path, module, every)
            continue
        for argument, value in module.terms.by_name.items():
            if value is None or not is_term_argument(argument) or argument == "activity_regularizer":
                continue
            if (id(module), argument) not in acting:
                parameter = argument.rpartition("_")[0]
                why = (
                    "it was never built, because nothing calls it. Call it, or remove the term"
                    if not module.built
                    else f"no layout says which weights one unit of a {type(module).__name__} has. Declare it with "
                    f"taut.layouts.layout, or give the terms to the kernel and the bias"
                    if parameter == "unit"
                    else f"it has no {parameter} for it to act on. Remove the term, or give the layer its {parameter} "
                    f"({'use_bias=True' if parameter == 'bias' else 'see its arguments'})"
                )
                raise ValueError(f"layer {path!r} has {argument}={value}, but {why}.")


def _refuse_foreign(path: str, module: Any, every: Mapping[str, Any]) -> None:
    """``every``: the modules by path. A block may keep in an attribute what it gave to the taut layers that it holds."""
    for argument, value in vars(module).items():
        parameter = argument.rpartition("_")[0]
        own = (parameter == "activity" and "/" in path) or isinstance(getattr(module, parameter, None), nnx.Variable)
        if value is not None and is_term_argument(argument) and own:
            raise ValueError(
                f"layer {path!r} ({type(module).__name__}) has an attribute {argument}={errors.shown(value)}, which "
                f"only works for taut's own layers. Use model.attach({{'{path}/{parameter}': term}})."
            )
        if not _looks_like_term(argument, value):
            continue
        inside = [m for p, m in every.items() if p.startswith(f"{path}/") and isinstance(m, Layer)]
        if not any(given is value or given == value for layer in inside for given in layer.terms.given):
            raise ValueError(
                f"layer {path!r} ({type(module).__name__}) has an attribute {argument}={errors.shown(value)}, which no taut "
                f"layer in it was ever given, so that it does nothing. Give it to a layer in the block, use "
                f"model.attach({{'{path}/...': term}}) with the path of a parameter in it, or remove the attribute."
            )


def _looks_like_term(name: str, value: Any) -> bool:
    """Whether an attribute was meant as a term: by its value, and a name in the spelling of Keras or close to it."""
    if not isinstance(value, Regularizer | Constraint | Acting) and identifiers.from_keras(value) is None:
        return False
    return "regulari" in name.lower() or "constrain" in name.lower()


def _units(entries: Sequence[Entry]) -> dict[str, tuple[units.Part, ...]]:
    """The parts of the units of each module that has one kernel with a declared layout: by "<module>/unit"."""
    modules: dict[str, list[Entry]] = {}
    for entry in entries:
        modules.setdefault(entry.path.rpartition("/")[0], []).append(entry)
    out: dict[str, tuple[units.Part, ...]] = {}
    for prefix, own in modules.items():
        kernels = [e for e in own if e.role == "kernel" and e.fan_in is not None]
        parts = [
            *(units.Part(e.path, e.shape, e.fan_in or ()) for e in kernels),
            *(units.Part(e.path, e.shape, ()) for e in own if e.role == "bias"),
        ]
        if len(kernels) == 1 and len({p.units for p in parts}) == 1:
            out[f"{prefix}/unit"] = tuple(parts)
    return out


def unit_parts(layers: Sequence[Any], structure: Structure, params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The paths of units, kernel and bias together ("dense/unit"), each with the paths of its parameters."""
    own = [e for e in entries(layers, structure, params, {}) if not e.parts]
    return {path: tuple(part.path for part in parts) for path, parts in _units(own).items()}


def targets(layers: Sequence[Any], structure: Structure, params: Mapping[str, Any]) -> list[Target]:
    """Where a term may be put: parameters, then units ("dense/unit") and outputs ("dense/activity")."""
    own = [e for e in entries(layers, structure, params, {}) if not e.parts]
    owners = {path: way(layers, keys[:-1])[-1] for path, keys in structure.keys}
    outputs = activity_layers(layers, structure.names)
    return [
        *(Target(e.path, e.role, e.shape, owners[e.path]) for e in own),
        *(Target(path, "unit", (), owners[parts[0].path], "unit") for path, parts in _units(own).items()),
        *(Target(f"{name}/activity", "activity", (), layer, "activity") for name, layer in outputs.items()),
    ]


def look(layers: Sequence[Any]) -> list[Any] | None:
    """Everything that a plan depends on, collected quickly: while it is unchanged (`same_look`), so is the plan.

    None if that is not possible: with layers that are not taut's own, or that have inner layers.
    """
    found: list[Any] = []
    for layer in layers:
        if type(layer).__module__.partition(".")[0] != "taut" or any(
            isinstance(value, nnx.Module | list | dict) for value in vars(layer).values()
        ):
            return None
        shapes = tuple(getattr(getattr(layer, name, None), "shape", None) for name in layer.PARAMETERS)
        found += [layer, layer.name, layer.trainable, shapes, *layer.terms.by_name, *layer.terms.by_name.values()]
    return found


def same_look(a: list[Any], b: list[Any]) -> bool:
    """Whether two looks saw the same objects; names, numbers and shapes count by value."""
    return len(a) == len(b) and all(
        x is y or (isinstance(x, str | bool | tuple) and x == y) for x, y in zip(a, b, strict=True)
    )
