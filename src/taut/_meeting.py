"""Checks when a term is applied to weights: NaN, and numbers that the precision of the weights cannot represent."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from taut import errors
from taut.functional._dtype import highest, is_half, is_torch, shape_of, where_nan

Check = Callable[[str, str, Any, Any], Any]


def above_zero(check: Check) -> Check:
    """Marks the check of a number that must be above 0: it must not become 0 in the precision of the weights."""
    check.above_zero = True  # type: ignore[attr-defined]
    return check


def is_leaf(field: dataclasses.Field[Any]) -> bool:
    """Whether a term's field holds a number, or terms: a leaf or a branch of the pytree."""
    # A user's own term may write plainly `strength: float = 0.01`.
    return bool(field.metadata.get("leaf", False)) or field.type in ("float", float)


def refuse_nan(term: Any, w: Any) -> None:
    """Raise if concrete weights contain NaN. Traced weights are not checked, and their NaN stays NaN.

    Raises:
        ValueError: NaN in an array whose values can be read without waiting for a device.
    """
    found = where_nan(w)
    if found is not None:
        count, first = found
        raise ValueError(
            f"{type(term).__name__}: {count} of the {math.prod(shape_of(w))} weights are NaN, the first at {first}; "
            "NaN has no nearest point. Find the training step that produced it (often the learning rate is too "
            "high), or replace it."
        )


def refuse_beyond(term: Any, dtype: Any) -> None:
    """Raise if a number of the term becomes infinite in ``dtype``, or becomes 0 where it must be above 0.

    Bounds are limited by the precision of the weights, strengths by the precision that they are computed in.

    Raises:
        ValueError: naming the field.
    """
    top = highest(dtype) if getattr(term, "kind", "") == "constraint" or not is_half(dtype) else 3.4028234663852886e38
    least = 2.0**-1022 if dtype.itemsize == 8 else 2.0**-126
    for field in dataclasses.fields(term) if dataclasses.is_dataclass(term) else ():
        value = getattr(term, field.name)
        for member in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(member):
                refuse_beyond(member, dtype)
        if not is_leaf(field) or not isinstance(value, float | int | np.ndarray):
            continue
        size = np.abs(np.asarray(value, np.float64))
        known = np.isfinite(size)  # an infinite bound is none
        wrong = np.any((size > top) & known)
        vanishes = getattr(field.metadata.get("check"), "above_zero", False) and np.any(size < least)
        if wrong or vanishes:
            name = f"{type(term).__name__}({field.name}={errors.shown(value)})"
            raise ValueError(
                f"{name}: {field.name} is beyond {dtype}, the precision of the weights, whose largest number is {top:.4g}. "
                f"Give a smaller number{', or None for no bound' if field.default is None else ''}."
                if wrong
                else f"{name}: {field.name} would be 0 in {dtype}, the precision of the weights. Give a larger number."
            )


def _check_numbers(term: Any, w: Any) -> None:
    if is_torch(w) and sys.modules["torch"].compiler.is_compiling():
        return  # the first call outside the compiler has said so, or the plan
    dtype = getattr(w, "dtype", np.dtype(np.float64))
    if hasattr(dtype, "itemsize"):  # otherwise an array of a library that taut does not know
        refuse_beyond(term, dtype)


def checked_value(method: Callable[..., Any]) -> Callable[..., Any]:
    """A penalty that first checks that its numbers can be represented in the precision of the weights."""

    @functools.wraps(method)
    def checked(self: Any, *given: Any, **named: Any) -> Any:
        if given:  # a user's own class may call its weights what it likes
            _check_numbers(self, given[0])
        return method(self, *given, **named)

    return checked


def checked_map(method: Callable[..., Any]) -> Callable[..., Any]:
    """A projection or proximal map with the same check, which also raises on NaN."""

    @functools.wraps(method)
    def checked(self: Any, w: Any, *given: Any, **named: Any) -> Any:
        refuse_nan(self, w)
        _check_numbers(self, w)
        return method(self, w, *given, **named)

    return checked
