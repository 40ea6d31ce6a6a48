"""Which rows train and which are held out: folds made by scikit-learn, or given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from taut import errors, losses
from taut._extras import require

__all__ = ["classes_of", "split"]

Fold = tuple[np.ndarray, np.ndarray]


def classes_of(loss: losses.Loss, y: np.ndarray) -> np.ndarray | None:
    """The class of each row, where ``y`` is one class a row."""
    kinds = losses.CategoricalCrossentropy | losses.SparseCategoricalCrossentropy | losses.BinaryCrossentropy
    if not isinstance(loss, kinds):
        return None
    if isinstance(loss, losses.CategoricalCrossentropy):
        return y.argmax(axis=-1) if y.ndim == 2 else None
    flat = y.reshape(len(y), -1)
    whole = flat.shape[1] == 1 and bool((flat == np.floor(flat)).all())
    return flat[:, 0].astype(np.int64) if whole else None


def split(folds: Any, rows: int, classes: np.ndarray | None, groups: Any, seed: int) -> list[Fold]:
    """(training rows, held-out rows) of each fold, in the order given.

    Args:
        folds: how many (random, from ``seed``; stratified by class if there are classes; groups are not split), a
            scikit-learn splitter, or pairs of row numbers.
        rows: the number of rows.
        classes: one class per row, or None.
        groups: one label per row, or None.

    Raises:
        ValueError: fewer than two folds; more folds than rows, than groups, or than rows in the smallest class; a fold
            without rows or with a row on both sides.
        TypeError: ``folds`` is none of these.
    """
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (rows,):
            raise ValueError(f"groups: has shape {groups.shape}, expected {(rows,)}: one label per row.")
    splitter: Any = folds
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        splitter = _counted(int(folds), rows, classes, groups, seed)
    elif isinstance(folds, Iterable) and not isinstance(folds, str | bytes | dict):
        return _checked(list(folds), rows)
    elif not hasattr(folds, "split") or not hasattr(folds, "get_n_splits"):
        raise TypeError(
            f"folds={errors.shown(folds)}, expected a number of folds, a splitter such as "
            f"sklearn.model_selection.TimeSeriesSplit(5), or pairs (training rows, held-out rows)."
        )
    target = np.zeros(rows) if classes is None else classes
    return _checked(list(splitter.split(np.zeros((rows, 1)), target, groups)), rows)


def _counted(count: int, rows: int, classes: np.ndarray | None, groups: Any, seed: int) -> Any:
    if count < 2:
        raise ValueError(
            f"folds={count}, expected at least 2. To choose the held-out rows yourself, give validation_data and folds=None."
        )
    if count > rows:
        raise ValueError(f"folds={count}, but there are only {rows} rows. Use folds={rows} or fewer.")
    if groups is not None and count > len(np.unique(groups)):
        raise ValueError(
            f"folds={count}, but there are only {len(np.unique(groups))} different groups. A group is never split, so each fold needs "
            f"at least one. Use folds={len(np.unique(groups))} or fewer."
        )
    if classes is not None:
        labels, sizes = np.unique(classes, return_counts=True)
        if groups is None and sizes.min() < count:
            raise ValueError(
                f"folds={count}, but class {labels[sizes.argmin()]} has only {sizes.min()} rows, and each fold needs one. "
                f"Use folds={max(2, int(sizes.min()))} or fewer, merge the class with another, or hold out rows yourself "
                f"with validation_data."
            )
    sk = require("sklearn.model_selection", "Splitting rows into folds")
    if groups is not None:
        return sk.GroupKFold(count) if classes is None else sk.StratifiedGroupKFold(count)
    maker = sk.KFold if classes is None else sk.StratifiedKFold
    return maker(count, shuffle=True, random_state=seed)


def _checked(pairs: list[Any], rows: int) -> list[Fold]:
    if not pairs:
        raise ValueError("folds: is empty; expected at least one pair (training rows, held-out rows).")
    out: list[Fold] = []
    for number, pair in enumerate(pairs):
        where = f"folds: fold {number + 1}"
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{where} is {errors.shown(pair)}, expected a pair (training rows, held-out rows).")
        train, held = (
            _rows(part, rows, f"{where}: {what}") for part, what in zip(pair, ("training", "held-out"), strict=True)
        )
        both = np.intersect1d(train, held)
        if both.size:
            raise ValueError(
                f"{where} trains on {both.size} of the rows that it holds out (row {both[0]} first), so its score would be "
                f"too good. Put each row on one side."
            )
        out.append((train, held))
    return out


def _rows(given: Any, rows: int, where: str) -> np.ndarray:
    part = np.asarray(given)
    if part.dtype == bool and part.shape == (rows,):
        part = np.flatnonzero(part)
    if part.ndim != 1 or not part.size or part.dtype.kind not in "iu":
        raise ValueError(
            f"{where} rows have shape {part.shape} and dtype {part.dtype}, expected at least one row number."
        )
    if part.min() < 0 or part.max() >= rows:
        raise ValueError(
            f"{where} rows contain {part.max() if part.max() >= rows else part.min()}, expected row numbers 0 … {rows - 1}."
        )
    if len(np.unique(part)) != len(part):
        raise ValueError(f"{where} rows contain a row twice.")
    return part.astype(np.int32)
