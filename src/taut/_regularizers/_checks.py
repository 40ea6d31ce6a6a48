"""Checks of numeric arguments; `taut.errors` describes their form."""

from __future__ import annotations

from typing import Any

import numpy as np

from taut import errors
from taut._meeting import Check, above_zero


def greater_than(limit: float, why: str) -> Check:
    """A check that a number is above ``limit``; ``why`` is the end of the error message."""

    def check(term: str, name: str, value: Any, default: Any = None) -> Any:
        value = errors.real_number(term, name, value, default)
        if _known(value) and bool(np.any(np.asarray(value) <= limit)):
            raise ValueError(f"{term}({name}={errors.shown(value)}): {name} must be above {limit:g}; {why}.")
        return value

    return above_zero(check)


def between(low: float, high: float, closed: bool, why: str) -> Check:
    """A check that a number is between two others, the ends included if ``closed``."""

    def check(term: str, name: str, value: Any, default: Any = None) -> Any:
        value = errors.real_number(term, name, value, default)
        if _known(value):
            v = np.asarray(value)
            inside = (low <= v) & (v <= high) if closed else (low < v) & (v < high)
            if not bool(np.all(inside)):
                ends = f"from {low:g} to {high:g}" if closed else f"above {low:g} and below {high:g}"
                raise ValueError(f"{term}({name}={errors.shown(value)}): {name} must be {ends}; {why}.")
        return value

    return check


def whole(term: str, name: str, value: Any, least: int, most: int = errors.SIZE) -> None:
    """Raise unless the value is a plain integer from ``least`` to ``most``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{term}({name}={errors.shown(value)}): {name} must be an integer.")
    if value < least:
        raise ValueError(f"{term}({name}={errors.shown(value)}): {name} must be at least {least}.")
    errors.at_most(term, name, value, most)


def _known(value: Any) -> bool:
    return errors.is_concrete(value) or isinstance(value, np.ndarray)
