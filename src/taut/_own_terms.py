"""Classes of terms that users write as in Keras: not dataclasses, with methods that take the weights only.

taut only knows the methods and the ``get_config`` of such a class. In a compiled program the object is static,
identified by its identity; the numbers of taut's own terms are inputs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from taut import errors


def by_fields(cls: type[Any]) -> bool:
    """Whether a term is fully described by its fields, as a dataclass is; not true of a class written for Keras.

    A subclass of a dataclass with a constructor of its own is of the second kind: it may hold anything.
    """
    home = next((c for c in cls.__mro__ if "__init__" in vars(c)), object)
    return "__dataclass_fields__" in vars(home)


def given(cls: type[Any]) -> list[str]:
    """The names of the constructor's arguments; "**" where it takes any."""
    if cls.__init__ is object.__init__:
        return []
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return ["**" if p.kind is p.VAR_KEYWORD else p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]


def taking_all(cls: type[Any], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """``method`` with the call signature of taut's own terms: it may be called with ``fan_in=`` and ``step=``, and gets
    only the arguments that it accepts. A penalty that returns one number per weight is summed, as in Keras.
    """
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # a callable that does not say what it takes
        return method
    takes = {p.name for p in parameters}
    dropped = set() if any(p.kind is p.VAR_KEYWORD for p in parameters) else {"fan_in", "step"} - takes
    if (
        name == "__call__"
        and getattr(cls, "kind", "") == "constraint"
        and "step" in dropped
        and "metric" not in vars(cls)
    ):
        cls.metric = False  # type: ignore[attr-defined]  # its projection is Euclidean
    summed = name == "__call__" and getattr(cls, "kind", "") == "regularizer"
    if cls.__module__.partition(".")[0] == "taut" or not (dropped or summed):
        return method

    @functools.wraps(method)
    def call(self: Any, w: Any, *given: Any, **named: Any) -> Any:
        out = method(self, w, *given, **{k: v for k, v in named.items() if k not in dropped})
        return total(out) if summed else out

    return call


def total(penalty: Any) -> Any:
    """A penalty as one number: an array of them is summed.

    Raises:
        TypeError: it is neither a number nor an array, for example where a function lacks its ``return``.
    """
    if penalty is None or isinstance(penalty, tuple | list | dict | str):
        raise TypeError(f"a penalty was {errors.shown(penalty)}, expected one real number. Return a number.")
    return penalty.sum() if getattr(penalty, "ndim", 0) else penalty
