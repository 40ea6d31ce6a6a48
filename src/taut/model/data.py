"""Converts the data given to ``fit`` to arrays and checks them: numpy, JAX, PyTorch, lists, pandas and polars."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from taut import errors
from taut.losses import CategoricalCrossentropy, Loss

__all__ = ["class_weights", "inputs", "labels", "no_numbers", "row_weights", "split_off"]

INT32 = np.iinfo(np.int32)
DATES = "Turn a date into numbers first, such as the days since another date, the month or the weekday."


def _to_numpy(data: Any, what: str) -> tuple[np.ndarray, list[str] | None]:
    """The array and, for a data frame, the names of its columns."""
    for method, kind in (("tocsr", "sparse matrix"), ("collect", "lazy frame")):
        if hasattr(data, method):
            way = "toarray" if method == "tocsr" else "collect"
            raise ValueError(f"{what}: is a {kind}, expected its values: give {what}.{way}().")
    columns = getattr(data, "columns", None)
    names = None if columns is None or callable(columns) else [str(c) for c in columns]
    if isinstance(data, np.ma.MaskedArray):  # what is masked is missing, and numpy would hand out what lies below it
        data = np.where(np.ma.getmaskarray(data), np.nan, data.data) if np.ma.is_masked(data) else data.data
    if hasattr(data, "detach"):  # a PyTorch tensor may carry a gradient
        data = data.detach().cpu()
        data = data.float() if str(data.dtype) in ("torch.bfloat16", "torch.float16") else data
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
        raise ValueError(
            f"{what}: cannot be converted to an array ({error}); expected rows of equal length."
        ) from error
    if array.dtype == object:
        if (found := no_numbers(array, names)) is not None:
            raise ValueError(f"{what}: {found}")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{what}: {_first_that_is_no_number(array, names)}") from None
    if array.dtype.kind == "V" and array.dtype.names is None:  # bfloat16, which numpy itself does not know
        array = array.astype(np.float32)
    if array.dtype.kind in "USMmcV":
        raise ValueError(f"{what}: has dtype {array.dtype}, expected real numbers. Encode text and dates first.")
    return array, names


def no_numbers(data: Any, names: list[str] | None = None) -> str | None:
    """Where ``data`` has dates, durations or complex numbers, which numpy would silently convert; otherwise None.

    Args:
        data: an array or a column, possibly of objects.
        names: the names of its columns, for the message.
    """
    array: np.ndarray = np.asarray(data)
    if array.dtype.kind in "mM":
        return f"has dtype {array.dtype}, expected real numbers. {DATES}"
    if array.dtype.kind != "O":
        return None
    for index in np.ndindex(array.shape):
        value, where = array[index], f"{_place(index, names)} is" if index else "is"
        if isinstance(value, datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64):
            return f"{where} {errors.shown(value)}, expected a real number. {DATES}"
        if isinstance(value, complex | np.complexfloating):
            return f"{where} {errors.shown(value)}, expected a real number. Complex data not supported."
    return None


def _place(index: tuple[int, ...], names: list[str] | None) -> str:
    """The position of an entry, as column and row."""
    if len(index) == 1:
        return f"row {index[0]}"
    if len(index) == 2:
        return f"column {names[index[1]] if names else index[1]!r}, row {index[0]}"
    return f"row {index[0]}, position {index[1:]}"


def _first_that_is_no_number(array: np.ndarray, names: list[str] | None) -> str:
    for index in np.ndindex(array.shape):
        try:
            float(array[index])
        except (TypeError, ValueError):
            where = f"{_place(index, names)} is" if index else "is"
            return (
                f"{where} {errors.shown(array[index])}, expected a number. Encode text first, and fill in missing "
                "values."
            )
    return f"has dtype {array.dtype}, expected real numbers."


def _check_finite(array: np.ndarray, what: str, names: list[str] | None = None) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    raise ValueError(
        f"{what}: {_place(index, names)} is {array[index]} ({int(bad.sum())} such value{'s' if bad.sum() > 1 else ''} in all); expected "
        f"finite numbers. Fill in or drop these rows first."
    )


def inputs(
    x: Any,
    row_shape: tuple[int, ...] | None = None,
    *,
    what: str = "x",
    integers: bool = False,
    table: int | None = None,
    layer: str | None = None,
) -> np.ndarray:
    """The rows of ``x`` as float32 (or, where ``integers`` says that the first layer may take them, int32).

    Args:
        row_shape: the shape that the model was built for; None accepts any.
        table: the number of rows of the embedding, if the first layer is one.
        layer: the name of the first layer, for the message.

    Raises:
        ValueError: a row number that the embedding does not have, no rows, NaN or infinity (the message names column
            and row), text, or rows of another shape.
    """
    array, names = _to_numpy(x, what)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{what}: has shape {array.shape}, expected at least one row.")
    if array.ndim == 1 and row_shape in (None, (1,)):
        array = array[:, None]
    if row_shape is not None and array.shape[1:] != row_shape:
        raise ValueError(
            f"{what}: has rows of shape {array.shape[1:]}, but {f'layer {layer!r}' if layer else 'the first layer'} takes "
            f"rows of shape {row_shape} (given: {array.shape}, expected: {_rows_of(row_shape)})."
        )
    if 0 in array.shape:
        raise ValueError(f"{what}: has shape {array.shape}, expected at least one value per row.")
    _check_finite(array, what, names)
    if integers and array.dtype.kind in "iu":
        _check_whole(array, what, names, table, layer)
        return np.ascontiguousarray(array, np.int32)
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(array, np.float32)
    if array.dtype == np.float64 and not np.isfinite(out).all():
        raise ValueError(f"{what}: holds values beyond ±3.4e38, which float32 cannot hold; scale the data first.")
    return out


def _check_whole(
    array: np.ndarray, what: str, names: list[str] | None, table: int | None = None, layer: str | None = None
) -> None:
    """``array`` as int32, checked to be integers in range, and valid row numbers of the embedding."""
    low, high = (int(INT32.min), int(INT32.max)) if table is None else (0, table - 1)
    bad = (array < low) | (array > high)
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    whose = "int32 holds" if table is None else f"layer {layer!r} is an embedding of {table} rows, numbered"
    raise ValueError(f"{what}: {_place(index, names)} is {array[index]}, but {whose} {low} … {high}.")


def _rows_of(shape: tuple[int, ...]) -> str:
    return f"(rows, {', '.join(map(str, shape))})"


def labels(y: Any, loss: Loss, output_shape: tuple[int, ...], rows: int, *, what: str = "y") -> np.ndarray:
    """Labels checked against the loss and the model's output."""
    array, names = _to_numpy(y, what)
    if array.ndim == 2 and array.shape[1] == 1 and names is not None and not isinstance(loss, CategoricalCrossentropy):
        array = array[:, 0]  # a frame of one column is a column of labels
    if array.ndim == 0 or len(array) != rows:
        raise ValueError(
            f"{what}: has {0 if array.ndim == 0 else len(array)} rows, but x has {rows}; expected one label per row."
        )
    _check_finite(array, what, names)
    try:
        with np.errstate(over="ignore"):
            out = np.ascontiguousarray(loss.check(array, output_shape))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if out.dtype == np.int32 and array.dtype.kind in "iu":
        _check_whole(array, what, names)
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        raise ValueError(f"{what}: holds values beyond ±3.4e38, which float32 cannot hold; scale the data first.")
    return out


def row_weights(weights: Any, rows: int, *, what: str = "sample_weight") -> np.ndarray | None:
    """One finite weight ≥ 0 a row, float32."""
    if weights is None:
        return None
    array, _ = _to_numpy(weights, what)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.shape != (rows,):
        raise ValueError(f"{what}: has shape {array.shape}, expected {(rows,)}: one weight per row.")
    _check_finite(array, what)
    if (array < 0).any():
        raise ValueError(f"{what}: row {int((array < 0).argmax())} is {array.min()}, expected weights ≥ 0.")
    return np.ascontiguousarray(array, np.float32)


def class_weights(weights: Any, y: np.ndarray, classes: int | None = None) -> np.ndarray:
    """``{class number: weight}`` as one weight per row; a class without an entry has weight 1, as in Keras.

    "balanced" is as in scikit-learn: rows / (classes × rows of the class), over the classes that occur.

    Args:
        y: checked labels: class numbers, one-hot rows, or one column of 0 and 1.
        classes: the number of classes; None accepts any class number.

    Raises:
        ValueError: labels that are not classes, a class that does not exist, a weight that is negative or not finite.
    """
    given: Any = weights
    balanced = isinstance(weights, str) and weights == "balanced"
    if not balanced and not isinstance(weights, Mapping):
        raise TypeError(
            f'class_weight={errors.shown(weights)}, expected a dict such as {{0: 1.0, 1: 5.0}}, or "balanced".'
        )
    one_hot = y.ndim == 2 and y.shape[1] > 1
    numbers = y.argmax(axis=-1) if one_hot else y.reshape(len(y), -1)[:, 0]
    each = np.abs(y.sum(axis=-1) - 1) < 1e-3 if one_hot else numbers == np.floor(numbers)
    if y.size != numbers.size * (y.shape[-1] if one_hot else 1) or not np.all(each):
        raise ValueError(
            f"class_weight: the labels (shape {y.shape}) are not one class per row, so class weights cannot be "
            "applied. Give sample_weight, one weight per row."
        )
    if one_hot:
        classes = y.shape[1]
    elif y.ndim == 2 and numbers.max() <= 1:
        classes = 2
    if balanced:
        found, counts = np.unique(numbers, return_counts=True)
        given = {int(n): len(y) / (len(found) * count) for n, count in zip(found, counts.tolist(), strict=True)}
    out = np.ones(len(y), np.float32)
    for label, weight in given.items():
        whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if not whole or label < 0 or (classes is not None and label >= classes):
            numbered = f"0 … {classes - 1}" if classes is not None else "0, 1, ..."
            raise ValueError(f"class_weight: {label!r} is not a class; the labels are class numbers {numbered}.")
        number: Any = weight
        if not errors.is_concrete(number) or not 0 <= number < np.inf:
            raise ValueError(f"class_weight: {label!r}: {weight!r}, expected a finite weight ≥ 0.")
        out[numbers == label] = weight
    return out


def split_off(fraction: Any, rows: int) -> int:
    """The number of training rows if the last ``fraction`` is held out (before shuffling, as in Keras)."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction < 1:
        raise ValueError(f"validation_split={fraction!r}, expected a number in [0, 1).")
    kept = int(rows * (1 - fraction))
    if kept == 0 or (fraction > 0 and kept == rows):
        raise ValueError(
            f"validation_split={fraction} of {rows} rows leaves {kept} to train on and {rows - kept} to validate on; "
            f"expected at least one of each."
        )
    return kept
