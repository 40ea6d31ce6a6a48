"""Text that several error messages share: what happened, what was expected, how to fix it."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like ``name``, best first, ignoring case and underscores.

    >>> nearest("maxnrom", ["MaxNorm", "NonNeg", "UnitNorm"])[0]
    'MaxNorm'
    """
    plain = {k.lower().replace("_", ""): k for k in sorted(known)}
    close = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=count, cutoff=0.5)
    return [plain[c] for c in close]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not registered.

    >>> unknown("constraint", "maxnrom", ["MaxNorm", "NonNeg"])
    "Unknown constraint 'maxnrom'. Did you mean 'MaxNorm'? Known: MaxNorm, NonNeg."
    """
    names = sorted(known)
    close = nearest(name, names)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"Unknown {what} {name!r}.{hint} Known: {', '.join(names)}."


def shown(value: object) -> str:
    """A value as text for an error message: short, on one line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integer of more than a few thousand digits
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."


def words(term: Any) -> str:
    """A term as a user would write it, for an error message; numbers equal to the default are left out.

    >>> from taut.constraints import MaxNorm, NonNeg
    >>> words(NonNeg() & MaxNorm(3.0)), words(NonNeg() & MaxNorm())
    ('NonNeg() & MaxNorm(3.0)', 'NonNeg() & MaxNorm(2.0)')
    """
    function, members = getattr(term, "function", None), getattr(term, "terms", None)
    if callable(function):
        return function_name(function)
    if isinstance(members, tuple):
        return (" + " if getattr(term, "kind", "") == "regularizer" else " & ").join(map(words, members))
    if not dataclasses.is_dataclass(term) or isinstance(term, type):
        return shown(term) if hasattr(term, "get_config") and not isinstance(term, type) else function_name(term)
    given: list[str] = []
    for i, field in enumerate(dataclasses.fields(term)):
        value = getattr(term, field.name)
        plain = isinstance(value, str | bool | int | float | None)
        if plain and value == field.default and (i > 0 or not isinstance(value, float)):
            continue
        inner = words(value) if dataclasses.is_dataclass(value) else shown(value) if plain else "..."
        given.append(inner if len(given) == i and field.name != "axis" else f"{field.name}={inner}")
    return f"{type(term).__name__}({', '.join(given)})"


def function_name(function: object) -> str:
    """The name of a function, for an error message.

    >>> function_name(abs), function_name(lambda w: w)
    ('abs', '<lambda>')
    """
    return str(getattr(function, "__name__", None) or type(function).__name__)


def is_concrete(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a plain number that a constructor can check (neither an array nor a tracer)."""
    return isinstance(value, numbers.Real) and value is not True and value is not False


def real_number(term: str, name: str, value: Any, default: Any = None) -> Any:
    """``value`` as a finite real number, or an array of floats; everything else raises an error.

    Args:
        term: the class, for the message.
        name: the argument, for the message.
        value: the value that was given; None means ``default``.
        default: the value that None stands for.

    Raises:
        TypeError: a string, a boolean, None without a default, or another object that is not a number.
        ValueError: NaN or infinity.

    >>> real_number("L1", "l1", "0.1")
    Traceback (most recent call last):
    TypeError: L1(l1='0.1'): l1 must be a number, got a str. Write it without quotes: L1(l1=0.1).
    """
    if value is None and default is not None:
        return default
    if is_concrete(value):
        number = _as_float(value)
        if not math.isfinite(number):
            raise ValueError(f"{term}({name}={shown(value)}): {name} must be finite. Give an ordinary number.")
        return number
    if isinstance(value, (list, tuple)):
        try:
            value = np.asarray(value, dtype=np.float64)
        except OverflowError:
            raise ValueError(
                f"{term}({name}={shown(value)}): {name} holds a number that is too large for float64."
            ) from None
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "fiu" and str(value.dtype) != "bfloat16":
            raise TypeError(f"{term}({name}=...): {name} must hold real numbers, got dtype {value.dtype}.")
        if not np.isfinite(np.asarray(value, dtype=np.float64)).all():
            raise ValueError(f"{term}({name}=...): {name} holds NaN or infinity. Every entry must be finite.")
        return float(value) if value.ndim == 0 else value.astype(np.float64, copy=True)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value  # another library's array, or a tracer: nothing can be said about its value
    hint = ""
    if isinstance(value, str):
        hint = f" Write it without quotes: {term}({name}={value})."
    elif isinstance(value, bool):
        hint = f" Give a strength or a bound, for example {term}({name}=0.01)."
    raise TypeError(f"{term}({name}={shown(value)}): {name} must be a number, got a {type(value).__name__}.{hint}")


def not_negative(term: str, name: str, value: Any, default: Any = None) -> Any:
    """`real_number`, and ≥ 0.

    >>> not_negative("L1", "l1", -0.1)
    Traceback (most recent call last):
    ValueError: L1(l1=-0.1): l1 must be at least 0. A penalty or a norm cannot be negative; use 0 for none.
    """
    value = real_number(term, name, value, default)
    if (is_concrete(value) or isinstance(value, np.ndarray)) and bool(np.any(np.asarray(value) < 0)):
        raise ValueError(
            f"{term}({name}={shown(value)}): {name} must be at least 0. "
            f"A penalty or a norm cannot be negative; use 0 for none."
        )
    return value


def _as_float(value: Any) -> float:
    """``value`` as a float; infinity for an integer or a fraction that is too large for float64."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def unsaved(what: str, function: object) -> str:
    """The error for a plain function in a config."""
    name = getattr(function, "__name__", type(function).__name__)
    return (
        f"The function {name!r} works as a {what}, but it cannot be saved: a file holds names and numbers, "
        f"never code. Write it as a subclass of taut.{what}s.{what.capitalize()} and register it with "
        f"taut.identifiers.register({what!r}, YourClass)."
    )


def bound(term: str, name: str, value: Any, default: Any = None) -> Any:
    """`real_number`, or infinity for no bound on that side; NaN raises an error."""
    if isinstance(value, float | np.floating) and math.isinf(value):
        return float(value)
    return real_number(term, name, value, default)


def above(low: Any, high: Any) -> bool:
    """Whether a lower bound is above an upper one somewhere; False for tracers and None, whose values are not known."""
    both = [v for v in (low, high) if is_concrete(v) or isinstance(v, np.ndarray)]
    return len(both) == 2 and bool(np.any(np.asarray(low) > np.asarray(high)))


def ordered(term: str, low_name: str, low: Any, high_name: str, high: Any) -> None:
    """Raise if a lower bound is above an upper bound."""
    if above(low, high):
        raise ValueError(
            f"{term}({low_name}={shown(low)}, {high_name}={shown(high)}): {low_name} is above {high_name}, so "
            f"no weight is feasible. Swap them if they were given in the wrong order."
        )


AXES = 64
"""The largest number of axes of a numpy array."""
SIZE = 2**31 - 1
"""The largest integer that is accepted as a number of weights, units or blocks."""


def at_most(term: str, name: str, value: int, most: int = SIZE) -> None:
    """Raise if an integer is larger than is useful, before anything counts up to it."""
    if value > most:
        raise ValueError(f"{term}({name}={shown(value)}): {name} must be at most {most}.")


def axis_field() -> Any:
    """A dataclass field for ``axis``: None, an integer, or integers."""
    return dataclasses.field(default=None, metadata={"check": _axis, "optional": True})


def _axis(term: str, name: str, value: Any, default: Any = None) -> int | tuple[int, ...]:
    given = value if isinstance(value, list | tuple) else (value,)
    if all(_is_integer(a) for a in given):
        if len(given) > AXES or any(abs(a) > AXES for a in given):
            raise ValueError(f"{term}({name}={shown(value)}): no array has more than {AXES} axes.")
        whole = tuple(int(a) for a in given)
        return whole if isinstance(value, list | tuple) else whole[0]
    raise TypeError(
        f"{term}({name}={shown(value)}): {name} must be an integer, a tuple of integers, or None for the "
        f"layer's fan-in."
    )


def integer(what: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number from ``low`` to ``high``; Python's, numpy's and what else counts as an index, but no boolean.

    Args:
        what: the argument, for the message: "batch_size", "Dense: units".

    Raises:
        ValueError: anything else.

    >>> integer("units", 0, 1)
    Traceback (most recent call last):
    ValueError: units=0, expected an integer ≥ 1.
    """
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        number = value.__index__()
        if low <= number and (high is None or number <= high):
            return number
    bounds = f"≥ {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"{what}={value!r}, expected an integer {bounds}.")


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and value is not True and value is not False
