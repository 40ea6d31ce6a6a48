"""The base class of all terms: a frozen dataclass that is also a config, a value and a JAX pytree.

A subclass declares its fields and its mathematics; everything else is defined here. Numbers (`number`) are pytree
leaves, so that a new strength does not cause a new trace; all other fields are static.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from taut import errors
from taut._meeting import Check, checked_map, checked_value, is_leaf
from taut._own_terms import by_fields, given, taking_all

T = TypeVar("T", bound="Term")

_classes: list[type[Term]] = []
_registered: set[type[Term]] = set()


def number(default: Any = dataclasses.MISSING, check: Check = errors.real_number, optional: bool = False) -> Any:
    """A field that holds a number (or an array of them): a pytree leaf, checked when a user constructs it.

    ``optional`` fields may be None; in the others None stands for the default, as in Keras.
    """
    return dataclasses.field(default=default, metadata={"leaf": True, "check": check, "optional": optional})


MEMBER = {"leaf": True}
"""The metadata of a field that holds a term, or a tuple of terms: a pytree branch."""


MAPS = {"constraint": "__call__", "regularizer": "prox"}
"""The method that maps weights to weights, by kind. For concrete arrays it raises an error on NaN, which has no nearest
point.
"""


class Term:
    """What regularizers and constraints share: validation, configs, equality, and being a pytree.

    Subclasses are frozen dataclasses made with ``eq=False`` (equality here also compares arrays).
    """

    kind: ClassVar[str]
    keras: ClassVar[bool] = False
    """Whether Keras has a class of the same name and config."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _classes.append(cls)
        for name in ("__call__", "prox", "violation"):
            if name in vars(cls):
                setattr(cls, name, taking_all(cls, name, vars(cls)[name]))
        maps = MAPS.get(getattr(cls, "kind", ""), "")
        if maps in vars(cls):
            setattr(cls, maps, checked_map(vars(cls)[maps]))
        if maps == "prox" and "__call__" in vars(cls):
            cls.__call__ = checked_value(vars(cls)["__call__"])  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls not in _registered and "jax" in sys.modules:
            register_with_jax()
        return object.__new__(cls)

    def __post_init__(self) -> None:
        for field in _fields(self):
            check = field.metadata.get("check")
            value = getattr(self, field.name)
            if check is None or (value is None and field.metadata["optional"]):
                continue
            default = None if field.default is dataclasses.MISSING else field.default
            object.__setattr__(self, field.name, check(type(self).__name__, field.name, value, default))
        self.validate()

    def validate(self) -> None:
        """Check the fields against each other. Runs in the constructor only, never under tracing."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain Python: numbers, strings, None, lists and dicts.

        Raises:
            TypeError: a class that is not a dataclass, has arguments, and does not define ``get_config``.
        """
        cls = type(self)
        if not by_fields(cls) and any(given(cls)):
            raise TypeError(
                f"{cls.__name__} has no get_config, so it cannot be saved. Define get_config(self), which returns "
                f"the constructor's arguments ({', '.join(given(cls))}) as a dict of plain Python."
            )
        return {field.name: _plain(getattr(self, field.name)) for field in _fields(self)}

    @classmethod
    def from_config(cls: type[T], config: dict[str, Any]) -> T:
        """The term that `get_config` described.

        Raises:
            TypeError: an argument that the class does not have.
        """
        known = given(cls)
        for name in config:
            if name not in known and "**" not in known:
                raise TypeError(errors.unknown(f"argument of {cls.__name__}", name, known))
        if not by_fields(cls):
            return cls(**config)
        return cls(**{name: _revive(cls.kind, value) for name, value in config.items()})

    def __repr__(self) -> str:  # of classes that are no dataclasses: without an address, which differs between runs
        try:
            config = self.get_config()
        except Exception:  # whatever a user's own may raise
            config = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={errors.shown(v)}' for k, v in config.items())})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not by_fields(type(self)):
            return self is other
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in _fields(self))

    def __hash__(self) -> int:
        if not by_fields(type(self)):
            return id(self)
        return hash((type(self), *(_hashable(getattr(self, f.name)) for f in _fields(self))))


def unchecked(method: Callable[..., Any]) -> Callable[..., Any]:
    """A term's bound ``prox`` or ``__call__`` without the checks of the weights, for callers that did them."""
    plain = getattr(method, "__wrapped__", None)
    return method if plain is None else plain.__get__(method.__self__)  # type: ignore[attr-defined]


def _fields(term: Term) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(term) if by_fields(type(term)) else ()  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if isinstance(value, Term):
        from taut import identifiers

        return identifiers.serialize(value)
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if hasattr(value, "dtype"):
        return np.asarray(value).tolist()
    return value


def _revive(kind: str, value: Any) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        from taut import identifiers

        return identifiers.deserialize(kind, value)
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return tuple(_revive(kind, v) for v in value)
    return value


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if hasattr(a, "dtype") or hasattr(b, "dtype"):
        try:
            return np.array_equal(np.asarray(a), np.asarray(b))
        except Exception:  # a tracer has no value; only identity could tell, and it said no
            return False
    return bool(a == b)


def _hashable(value: Any) -> Any:
    if hasattr(value, "dtype"):
        # As a list of numbers, so that L1(0.5) and L1(float32 array of 0.5), which are equal, have the same hash.
        return _frozen(np.asarray(value).tolist())
    return _frozen(value)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value


def flatten(term: Term) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """A term's numbers and inner terms, and everything else as hashable pairs."""
    if not by_fields(type(term)):  # a class of a user's own, written in Keras's way
        return (), (("", term),)
    leaves = tuple(getattr(term, f.name) for f in _fields(term) if is_leaf(f))
    static = tuple((f.name, _frozen(getattr(term, f.name))) for f in _fields(term) if not is_leaf(f))
    return leaves, static


def unflatten(cls: type[T], static: tuple[tuple[str, Any], ...], leaves: Sequence[Any]) -> T:
    """The inverse of `flatten`, without ``__init__``: JAX also unflattens tracers, objects and None."""
    if not by_fields(cls):
        return static[0][1]
    term = object.__new__(cls)
    names = [f.name for f in dataclasses.fields(cls) if is_leaf(f)]  # type: ignore[arg-type]
    for name, value in (*zip(names, leaves, strict=True), *static):
        object.__setattr__(term, name, value)
    return term


def register_with_jax() -> None:
    """Make every term class known to ``jax.tree_util``; does nothing for those that already are."""
    from jax import tree_util

    for cls in _classes:
        if cls in _registered:
            continue

        def with_keys(term: Term) -> Any:
            leaves, static = flatten(term)
            names = [f.name for f in _fields(term) if is_leaf(f)] if leaves else []
            return [(tree_util.GetAttrKey(n), v) for n, v in zip(names, leaves, strict=True)], static

        def rebuild(static: Any, leaves: Any, cls: type[Term] = cls) -> Term:
            return unflatten(cls, static, leaves)

        tree_util.register_pytree_with_keys(cls, with_keys, rebuild, flatten)
        _registered.add(cls)


def stack(terms: Sequence[T]) -> T:
    """Several terms of one class as one term whose numbers are arrays, for ``jax.vmap`` over terms.

    Args:
        terms: at least one, all of the same class, with everything but their numbers equal.

    >>> from taut.regularizers import L1
    >>> stack([L1(0.1), L1(0.2)])
    L1(l1=array([0.1, 0.2]))
    """
    if not terms:
        raise ValueError("stack needs at least one term.")
    one, *others = terms
    leaves, static = flatten(one)
    for other in others:
        if type(other) is not type(one) or flatten(other)[1] != static:
            raise ValueError(
                f"Terms that are stacked may only differ in their numbers, but {errors.shown(other)} differs from "
                f"{errors.shown(one)} in its class or its settings."
            )
    columns = zip(leaves, *(flatten(t)[0] for t in others), strict=True)
    return unflatten(type(one), static, [_stack(column) for column in columns])


def _stack(column: Sequence[Any]) -> Any:
    first = column[0]
    if isinstance(first, Term):
        return stack(column)
    if isinstance(first, tuple):
        return tuple(_stack(members) for members in zip(*column, strict=True))
    if any(v is None for v in column):
        if all(v is None for v in column):
            return None
        raise ValueError("Terms that are stacked must all have a bound, or all have none.")
    return np.stack([np.asarray(v) for v in column])
