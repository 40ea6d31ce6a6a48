"""Lists of strengths: checked where they are given, geometric where they are counted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taut import errors

__all__ = ["checked", "geometric", "given_for", "grid"]

RATIO = 1e-3  # the smallest computed strength over the largest, scikit-learn's choice for its lasso paths


def geometric(largest: float, count: int, ratio: float = RATIO) -> np.ndarray:
    """``count`` strengths from ``largest`` down to ``ratio`` of it, each the same factor below the one before.

    >>> geometric(1.0, 4)
    array([1.   , 0.1  , 0.01 , 0.001])
    """
    return largest * np.geomspace(1.0, ratio, count) if count > 1 else np.array([float(largest)])


def given_for(names: Sequence[str], strengths: Any) -> list[Any]:
    """What is said of each entry of ``vary``: a count or an array.

    Args:
        names: the entries of ``vary``.
        strengths: one for all of them, or a dict with one for each.

    Raises:
        ValueError: the dict lacks an entry of ``vary``, or has one that is not in it.
    """
    if not isinstance(strengths, Mapping):
        return [checked(strengths, "strengths") for _ in names]
    for name in strengths:
        if name not in names:
            raise ValueError(errors.unknown("entry of strengths", str(name), list(names)))
    missing = [name for name in names if name not in strengths]
    if missing:
        raise ValueError(f"strengths: has no entry for {missing[0]!r}; give a count or a list for each entry of vary.")
    return [checked(strengths[name], f"strengths[{name!r}]") for name in names]


def checked(strengths: Any, what: str) -> Any:
    """A count ≥ 1 as an int, or numbers ≥ 0 in ascending or descending order, each once, as a float64 array.

    Raises:
        ValueError: an empty list, a negative number, NaN or infinity, numbers out of order or twice.
        TypeError: neither a count nor a list of numbers.

    >>> checked([0.1, 0.3, 0.2], "strengths")  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ValueError: strengths: 0.3 is followed by 0.2 after rising from 0.1; expected ascending or descending order, each
    number once: sorted(set(strengths)).
    """
    if isinstance(strengths, int | np.integer) and not isinstance(strengths, bool):
        if strengths < 1:
            raise ValueError(f"{what}={strengths}, expected at least one strength.")
        return int(strengths)
    try:
        values = np.asarray(strengths, np.float64)
    except (TypeError, ValueError):
        values = None
    if values is None or values.ndim != 1 or isinstance(strengths, str | bool):
        raise TypeError(
            f"{what}={errors.shown(strengths)}, expected a count (an int) to have strengths computed, or a list of numbers."
        )
    if not values.size:
        raise ValueError(
            f"{what}: the list is empty; give at least one strength, or a count (an int) to have them computed."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{what}: number {int((~np.isfinite(values)).argmax())} is {values[~np.isfinite(values)][0]}.")
    if (values < 0).any():
        raise ValueError(
            f"{what}: number {int((values < 0).argmax())} is {values[values < 0][0]:g}; strengths and bounds must be ≥ 0."
        )
    steps = np.diff(values)
    if values.size > 1 and not ((steps > 0).all() or (steps < 0).all()):
        bad = int((np.sign(steps) != np.sign(steps[0])).argmax()) if steps[0] else 0
        turn = f"rising from {values[bad - 1]:g}" if steps[0] > 0 else f"falling from {values[bad - 1]:g}"
        after = f" after {turn}" if bad else ""
        raise ValueError(
            f"{what}: {values[bad]:g} is followed by {values[bad + 1]:g}{after}; expected ascending or descending "
            f"order, each number once: sorted(set(strengths))."
        )
    return values


def grid(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Every combination of several lists, (product of their lengths, lists); the last one varies fastest.

    >>> grid([np.array([2.0, 1.0]), np.array([0.5])]).tolist()
    [[2.0, 0.5], [1.0, 0.5]]
    """
    return np.array(list(itertools.product(*columns)), np.float64).reshape(-1, len(columns))
