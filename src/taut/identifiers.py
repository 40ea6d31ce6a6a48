"""Conversion between names, objects and plain dicts, for everything that has a config: terms, layers, optimizers.

Only registered classes are created; no module that a dict names is imported. Names are compared without case and
underscores, so that "MaxNorm", "max_norm" and Keras 2's "maxnorm" mean the same.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from taut import _keras_words, errors, layouts

# The modules that register the classes of each kind. A fixed table, so that a dict from a file cannot choose one.
_HOMES = {
    "regularizer": "taut.regularizers",
    "constraint": "taut.constraints",
    "initializer": "taut.initializers",
    "layer": "taut.layers",
    "loss": "taut.losses",
    "metric": "taut.metrics",
    "optimizer": "taut.optimizers",
}
_by_name: dict[str, dict[str, type]] = {}
_kind_of: dict[type, str] = {}
_aliases: dict[str, set[str]] = {}


def register(kind: str, cls: type, *aliases: str) -> type:
    """Register ``cls`` under its own name and ``aliases``.

    Args:
        kind: "regularizer", "constraint", "layer", "optimizer", "loss", ...
        cls: the class. It needs ``get_config`` and ``from_config`` to be saved.
        aliases: more names for it.

    Raises:
        ValueError: another class already has one of the names.
    """
    names = _by_name.setdefault(kind, {})
    for name in (cls.__name__, *aliases):
        taken = names.get(_key(name))
        if taken is not None and taken is not cls and taken.__qualname__ != cls.__qualname__:
            raise ValueError(
                f"The {kind} name {name!r} belongs to {taken.__module__}.{taken.__qualname__}. "
                f"Choose another name for {cls.__module__}.{cls.__qualname__}."
            )
        names[_key(name)] = cls
    _kind_of[cls] = kind
    _aliases.setdefault(kind, set()).update(aliases)
    return cls


def get(kind: str, identifier: Any) -> Any:
    """The object that a name, a dict, a class or an object stands for; None stays None.

    >>> get("regularizer", "l2"), get("constraint", "max_norm")
    (L2(l2=0.01), MaxNorm(max_value=2.0, axis=None))
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        cls = _find(kind, identifier, _keras_words.way_out(kind))
        return cls.from_name() if hasattr(cls, "from_name") else cls()  # pyright: ignore
    if isinstance(identifier, Mapping):
        return deserialize(kind, identifier)
    if inspect.isclass(identifier) and (identifier in _kind_of or _keras_kind(identifier) is not None):
        identifier = identifier()
    wrap = getattr(importlib.import_module(_HOMES[kind]), f"as_{kind}", None) if kind in _HOMES else None
    return identifier if wrap is None else wrap(identifier)


def names(kind: str) -> list[str]:
    """Every name and alias of a kind, as Keras writes them: snake case."""
    if kind in _HOMES:
        importlib.import_module(_HOMES[kind])
    return sorted({snake_case(c.__name__) for c in _by_name.get(kind, {}).values()} | _aliases.get(kind, set()))


def snake_case(name: str) -> str:
    """A class name in snake case, as Keras names objects.

    >>> snake_case("MeanSquaredError"), snake_case("LSTMCell"), snake_case("L1")
    ('mean_squared_error', 'lstm_cell', 'l1')
    """
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name))
    return name.lower()


def numbered(base: str, taken: dict[str, int]) -> str:
    """``base``, or the first of base_1, base_2, ... that is not in ``taken``, which then stores it.

    So a thousand names take a thousand steps, not a thousand searches from the start.

    >>> taken = {}
    >>> [numbered(name, taken) for name in ("dense", "dense_1", "dense", "dense")]
    ['dense', 'dense_1', 'dense_2', 'dense_3']
    """
    name, n = base, taken.get(base, 0)
    while name in taken:
        n += 1
        name = f"{base}_{n}"
    taken[base] = n
    taken.setdefault(name, 0)
    return name


def serialize(obj: Any, for_keras: Any = None) -> dict[str, Any] | None:
    """A plain dict: module, class_name, config, registered_name.

    Args:
        obj: an object of a registered class, or None.
        for_keras: a layer, or the axes of its fan-in: resolve ``axis=None`` to them, since Keras would read
            None as the whole tensor, and name Keras's own class.

    Raises:
        TypeError: the class is not registered, or Keras has no such class.
    """
    if obj is None:
        return None
    if for_keras is not None:
        return _for_keras(obj, for_keras)
    cls = type(obj)
    config = obj.get_config()
    if cls not in _kind_of:
        raise TypeError(
            f"{cls.__name__} is not registered, so a config of it could not be loaded again. Call "
            f"taut.identifiers.register(kind, {cls.__name__}) once."
        )
    if _kind_of[cls] in ("regularizer", "constraint") and cls.__module__.partition(".")[0] != "taut":
        config = _readable(cls, config)
    return {
        "module": f"taut.{_plural(_kind_of[cls])}",
        "class_name": cls.__name__,
        "config": config,
        "registered_name": cls.__name__,
    }


def _readable(cls: Any, config: Any) -> dict[str, Any]:
    """The config of a user's own term as plain Python, after a check that the term can be created from it.

    Raises:
        TypeError: it contains something that is not plain Python, or an argument is missing.
    """

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):  # a number or an array of any library
            return value.tolist()
        raise TypeError(
            f"it holds {errors.shown(value)}, expected numbers, strings, True, False, None, lists and dicts"
        )

    try:
        written = json.loads(json.dumps(config, default=plain))
        cls.from_config(dict(written))
    except Exception as error:
        raise TypeError(
            f"{cls.__name__}.get_config() gives {errors.shown(config)}, from which {cls.__name__} cannot be created "
            "again: "
            f"{error}. It has to return the constructor's arguments."
        ) from error
    return written


def _for_keras(obj: Any, layer: Any) -> dict[str, Any]:
    term = obj.for_keras() if hasattr(obj, "for_keras") else obj
    cls = type(term)
    if not getattr(cls, "keras", False):
        raise TypeError(
            f"Keras has no {cls.__name__}, so it cannot be written for Keras. Keras knows "
            f"{', '.join(sorted(c.__name__ for c in _kind_of if getattr(c, 'keras', False)))}."
        )
    config = term.get_config()
    if "axis" in config and config["axis"] is None:
        axes = _fan_in(layer)
        config["axis"] = axes[0] if len(axes) == 1 else list(axes)
    return {
        "module": f"keras.{_plural(_kind_of[cls])}",
        "class_name": cls.__name__,
        "config": config,
        "registered_name": None,
    }


def _fan_in(layer: Any) -> tuple[int, ...]:
    if isinstance(layer, int):
        return (layer,)
    if isinstance(layer, tuple | list):
        return tuple(layer)
    axes = layouts.main_fan_in(layer)
    if axes is not None:
        return axes
    raise TypeError(
        f"The fan-in of {errors.shown(layer)} is not known here. Give its axes instead: "
        f"serialize(term, for_keras=(0,)) for a kernel of shape (inputs, units)."
    )


def from_keras(obj: Any) -> Any:
    """The taut term that corresponds to one of Keras's own regularizers or constraints; None for everything else.

    It is recognised by the module of its class, so Keras is not imported. A user's subclass does not count as its base
    class.

    Raises:
        ValueError: norms of a whole tensor (``axis=None`` in Keras), which taut writes as explicit axes.
    """
    kind = _keras_kind(type(obj))
    if kind is None:
        return None
    if type(obj).__name__ == kind.capitalize():  # the base class itself: no penalty, or the whole space
        return getattr(importlib.import_module(_HOMES[kind]), kind.capitalize())()
    described = {"module": f"keras.{_plural(kind)}", "class_name": type(obj).__name__, "config": obj.get_config()}
    return deserialize(kind, described)


def _as_written(value: Any) -> Any:
    """A number that is exactly a float32, as the shortest decimal that rounds to it."""
    if not isinstance(value, float) or not abs(value) < np.finfo(np.float32).max:
        return value
    short = np.float32(value)
    return float(str(short)) if float(short) == value else value


def _keras_kind(cls: type) -> str | None:
    """Whether a class is one of Keras's own regularizers or constraints."""
    first, *rest = cls.__module__.split(".")
    if first not in ("keras", "tf_keras"):
        return None
    return next((kind for kind in ("regularizer", "constraint") if _plural(kind) in rest), None)


def make(kind: str, name: str, **config: Any) -> Any:
    """An object of the registered class with this name."""
    return _find(kind, name)(**config)


def _plural(kind: str) -> str:
    return kind + ("es" if kind.endswith("s") else "s")


def deserialize(kind: str, config: Mapping[str, Any] | None) -> Any:
    """The object that `serialize` (or Keras) described.

    Raises:
        TypeError: the dict is not of that form, or an argument does not exist.
        ValueError: no class of that name is registered, or a value is out of range.
    """
    if config is None:
        return None
    name = config.get("class_name")
    if not isinstance(name, str) or not isinstance(config.get("config", {}), Mapping):
        raise TypeError(
            f"A {kind} is described by {{'class_name': name, 'config': {{...}}}}; got {errors.shown(dict(config))}."
        )
    cls: Any = _find(kind, name)
    given = dict(config.get("config") or {})
    theirs = str(config.get("module")).startswith("keras.") and kind in ("regularizer", "constraint")
    if theirs:  # Keras keeps some numbers in float32: 0.10000000149 is what became of 0.1
        given = {key: _as_written(value) for key, value in given.items()}
    if theirs and "axis" in given and given["axis"] is None:
        raise ValueError(
            f"Keras's {name}(axis=None) takes one norm of the whole array, while taut's axis=None means one norm "
            "per unit. "
            f"Give the axes: for a kernel of two axes, axis=(0, 1) is the whole kernel and axis=0 each unit."
        )
    return cls.from_config(given)


def _find(kind: str, name: str, way_out: str = "") -> type:
    if kind in _HOMES:
        importlib.import_module(_HOMES[kind])
    names = _by_name.get(kind, {})
    cls = names.get(_key(name))
    if cls is None:
        raise ValueError(errors.unknown(kind, name, {c.__name__ for c in names.values()}) + way_out)
    return cls


def _key(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
