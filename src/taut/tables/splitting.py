"""Which rows are held out to score a model."""

from __future__ import annotations

import math

import numpy as np

from taut.tables._errors import TableError
from taut.tables.target import Target

__all__ = ["hold_out"]


def hold_out(target: Target, values: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows at random into training and held-out ones, each class in the same proportion.

    A class of one row goes to training whole. Both parts come back in the order of the table.

    Args:
        target: what is predicted.
        values: one value a row, as `Target.encode` gives it.
        fraction: the part to hold out, at least 0 and below 1; 0 holds out none.
        seed: the same seed gives the same rows.

    Raises:
        TableError: a fraction out of range, or too few rows for both parts.
    """
    if not 0 <= fraction < 1:
        raise TableError(f"The held-out fraction is {fraction:g}; expected at least 0 and below 1.")
    rows = len(values)
    if fraction == 0:
        return np.arange(rows), np.arange(0)
    draw = np.random.default_rng(seed)
    groups = [np.flatnonzero(values == code) for code in np.unique(values)]
    groups = groups if target.task == "classification" else [np.arange(rows)]
    held: list[np.ndarray] = []
    for group in groups:
        count = min(math.floor(len(group) * fraction + 0.5), len(group) - 1)
        if count == 0 and len(group) >= 2 and len(groups) > 1:
            count = int(draw.random() < len(group) * fraction)  # small classes are held out now and then
        held.append(draw.permutation(group)[:count])
    test = np.sort(np.concatenate(held))
    if test.size == 0:
        raise TableError(
            f"{rows} rows are too few to hold out {fraction:g} of them. Expected more rows, or a fraction of 0 "
            "(--test-fraction 0)."
        )
    return np.setdiff1d(np.arange(rows), test), test
