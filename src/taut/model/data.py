"""What a user hands to ``fit``, checked, as arrays: numpy, JAX, PyTorch, lists, pandas and polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taut.losses import CategoricalCrossentropy, Loss

__all__ = ["class_weights", "inputs", "labels", "row_weights", "split_off"]


def _to_numpy(data: Any, what: str) -> tuple[np.ndarray, list[str] | None]:
    """The array and, of a data frame, the names of its columns."""
    columns = getattr(data, "columns", None)
    names = None if columns is None or callable(columns) else [str(c) for c in columns]
    if hasattr(data, "detach"):  # a PyTorch tensor may carry a gradient
        data = data.detach().cpu()
    if names is not None:
        for name, dtype in zip(names, getattr(data, "dtypes", ()), strict=False):
            kind = getattr(dtype, "kind", None)
            numeric = kind in "fiub" if kind is not None else bool(getattr(dtype, "is_numeric", lambda: True)())
            if not numeric and str(dtype) not in ("Boolean", "boolean"):
                raise ValueError(
                    f"{what}: column {name!r} has type {dtype}, expected numbers. Encode it first (one-hot, say), or use "
                    f"`taut fit`, which does so for a table."
                )
    try:
        array = data.to_numpy() if hasattr(data, "to_numpy") else np.asarray(data)
    except Exception as error:
        raise ValueError(f"{what}: cannot be made an array ({error}); expected rows of equal length.") from error
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what}: holds values that are not numbers ({error}).") from error
    if array.dtype.kind in "USMmcV":
        raise ValueError(f"{what}: has dtype {array.dtype}, expected real numbers. Encode text and dates first.")
    return array, names


def _check_finite(array: np.ndarray, what: str, names: list[str] | None = None) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    if array.ndim == 1:
        where = f"row {index[0]}"
    elif array.ndim == 2:
        where = f"column {names[index[1]]!r}, row {index[0]}" if names else f"column {index[1]}, row {index[0]}"
    else:
        where = f"row {index[0]}, position {index[1:]}"
    raise ValueError(
        f"{what}: {where} is {array[index]} ({int(bad.sum())} such value{'s' if bad.sum() > 1 else ''} in all); expected "
        f"finite numbers. Fill in or drop these rows first."
    )


def inputs(x: Any, row_shape: tuple[int, ...] | None = None, *, what: str = "x", integers: bool = False) -> np.ndarray:
    """The rows of ``x`` as float32 (or, where ``integers`` says that the first layer may take them, int32).

    Args:
        row_shape: what the model was built for; None takes any.

    Raises:
        ValueError: no rows, NaN or infinity (naming column and row), text, or rows of another shape.
    """
    array, names = _to_numpy(x, what)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{what}: has shape {array.shape}, expected at least one row.")
    if array.ndim == 1 and row_shape in (None, (1,)):
        array = array[:, None]
    if row_shape is not None and array.shape[1:] != row_shape:
        raise ValueError(
            f"{what}: has rows of shape {array.shape[1:]}, but the model's first layer takes rows of shape {row_shape} "
            f"(given: {array.shape}, expected: {('rows', *row_shape)})."
        )
    if 0 in array.shape:
        raise ValueError(f"{what}: has shape {array.shape}, expected at least one value a row.")
    _check_finite(array, what, names)
    if integers and array.dtype.kind in "iu":
        return np.ascontiguousarray(array, np.int32)
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(array, np.float32)
    if array.dtype == np.float64 and not np.isfinite(out).all():
        raise ValueError(f"{what}: holds values beyond ±3.4e38, which float32 cannot hold; scale the data first.")
    return out


def labels(y: Any, loss: Loss, output_shape: tuple[int, ...], rows: int, *, what: str = "y") -> np.ndarray:
    """Labels checked against the loss and the model's output."""
    array, names = _to_numpy(y, what)
    if array.ndim == 2 and array.shape[1] == 1 and names is not None and not isinstance(loss, CategoricalCrossentropy):
        array = array[:, 0]  # a frame of one column is a column of labels
    if array.ndim == 0 or len(array) != rows:
        raise ValueError(
            f"{what}: has {0 if array.ndim == 0 else len(array)} rows, but x has {rows}; expected one label a row."
        )
    _check_finite(array, what, names)
    try:
        return np.ascontiguousarray(loss.check(array, output_shape))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def row_weights(weights: Any, rows: int, *, what: str = "sample_weight") -> np.ndarray | None:
    """One finite weight ≥ 0 a row, float32."""
    if weights is None:
        return None
    array, _ = _to_numpy(weights, what)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.shape != (rows,):
        raise ValueError(f"{what}: has shape {array.shape}, expected {(rows,)}: one weight a row.")
    _check_finite(array, what)
    if (array < 0).any():
        raise ValueError(f"{what}: row {int((array < 0).argmax())} is {array.min()}, expected weights ≥ 0.")
    return np.ascontiguousarray(array, np.float32)


def class_weights(weights: Mapping[int, float], y: np.ndarray) -> np.ndarray:
    """``{class number: weight}`` as one weight a row; one-hot labels count by their largest entry."""
    classes = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y)).astype(np.int64)
    out = np.ones(len(y), np.float32)
    for label, weight in weights.items():
        try:
            number, value = int(label), float(weight)
        except (TypeError, ValueError):
            number, value = -1, float("nan")
        if number < 0 or not np.isfinite(value) or value < 0:
            raise ValueError(
                f"class_weight: {label!r}: {weight!r}, expected class numbers 0, 1, ... with finite weights ≥ 0."
            )
        out[classes == number] = value
    missing = sorted(set(np.unique(classes).tolist()) - {int(k) for k in weights})
    if missing:
        raise ValueError(f"class_weight: has no weight for class {missing[0]}; give one for each class in y.")
    return out


def split_off(fraction: float, rows: int) -> int:
    """How many rows train when the last ``fraction`` is held out for validation (before any shuffle, as Keras)."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction < 1:
        raise ValueError(f"validation_split={fraction!r}, expected a number in [0, 1).")
    kept = int(rows * (1 - fraction))
    if kept == 0 or (fraction > 0 and kept == rows):
        raise ValueError(
            f"validation_split={fraction} of {rows} rows leaves {kept} to train on and {rows - kept} to validate on; "
            f"expected at least one of each."
        )
    return kept
