"""Losses with Keras's names, reductions and defaults, computed from logits where the model allows it.

A loss is a hashable frozen dataclass, so a compiled program is keyed by it. ``rows`` gives one value a row of the
batch; training sums ``sample_weight × rows`` and divides by the number of rows (Keras's ``sum_over_batch_size``).
One file because each loss is a few lines beside what they share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

import jax
import jax.numpy as jnp
import numpy as np

from taut import _keras_words, identifiers

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "FunctionLoss",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "serialize",
    "sparse_categorical_crossentropy",
]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "loss")

Array = jax.Array
_CLIP = 1e-7  # Keras keeps probabilities this far from 0 and 1


@dataclass(frozen=True)
class Loss:
    """A loss of one batch. ``loss(y_true, y_pred)`` is its mean over the rows."""

    #: the output activation with which the loss is computed from logits instead
    fused_with: ClassVar[str | None] = None

    @property
    def from_logits(self) -> bool:
        return False

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        """One value a row; ``logits`` says that ``out`` is what the last activation would have been given."""
        raise NotImplementedError

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        """The labels in the shape and type that ``rows`` takes; an error that names the row where they do not fit."""
        raise NotImplementedError

    def lowered(self, y: np.ndarray) -> tuple[Loss, np.ndarray] | None:
        """A cheaper loss and labels with the same values, where ``y`` allows it."""
        return None

    def __call__(self, y_true: Any, y_pred: Any) -> Array:
        return jnp.mean(self.each(y_true, y_pred))

    def each(self, y_true: Any, y_pred: Any) -> Array:
        """One value a row, for labels and outputs of any array library.

        Raises:
            ValueError: labels whose shape does not fit the outputs' (never broadcast against them).
        """
        y, out = jnp.asarray(y_true), jnp.asarray(y_pred)
        expected = self.expected_labels(out.shape)
        if expected == (*y.shape, 1):
            y = y[..., None]
        if y.shape != expected:
            raise ValueError(
                f"{_name(self)}: labels have shape {y.shape}, expected {expected} for outputs of shape {out.shape}."
            )
        return self.rows(y, out, self.from_logits)

    def expected_labels(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the labels of outputs of ``shape``."""
        return shape

    def get_config(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        # Keras's configs also carry a name and a reduction, which are not ours to choose.
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in config.items() if k in known})


def _name(loss: Loss) -> str:
    return identifiers.snake_case(type(loss).__name__)


def _row_mean(values: Array) -> Array:
    return jnp.mean(values.reshape(values.shape[0], -1), axis=-1)


def _same_shape(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Labels of the output's shape; a single output may come without its last axis, as Keras allows."""
    if y.dtype.kind not in "fiub":
        raise ValueError(f"labels have dtype {y.dtype}, expected numbers for the loss {_name(loss)!r}.")
    if y.ndim == len(shape) and shape[-1] == 1:
        y = y[..., None]
    if y.shape[1:] != shape:
        raise ValueError(
            f"labels have shape {y.shape}, but the model's output has shape {(len(y), *shape)}; the loss "
            f"{_name(loss)!r} compares them entry by entry. Change the units of the last layer, or the labels."
        )
    return y.astype(np.float32)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (y − ŷ)² over the outputs of a row."""

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        return _row_mean(jnp.square(out - y))

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        return _same_shape(self, y, output_shape)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """The mean of |y − ŷ| over the outputs of a row."""

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        return _row_mean(jnp.abs(out - y))

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        return _same_shape(self, y, output_shape)


@dataclass(frozen=True)
class _Crossentropy(Loss):
    from_logits: bool = False  # type: ignore[assignment,misc]

    def __post_init__(self) -> None:
        given: Any = self.from_logits
        if not isinstance(given, bool):
            raise TypeError(f"{type(self).__name__}: from_logits={self.from_logits!r}, expected True or False.")


def _check_smoothing(loss: Any) -> None:
    smoothing = loss.label_smoothing
    if isinstance(smoothing, bool) or not isinstance(smoothing, int | float) or not 0 <= smoothing <= 1:
        raise ValueError(f"{type(loss).__name__}: label_smoothing={smoothing!r}, expected a number in [0, 1].")


def _surprise(out: Array, logits: bool) -> Array:
    """−log p of every class."""
    if logits:
        return jax.nn.logsumexp(out, axis=-1, keepdims=True) - out
    out = out / jnp.sum(out, axis=-1, keepdims=True)
    return -jnp.log(jnp.clip(out, _CLIP, 1 - _CLIP))


@dataclass(frozen=True)
class CategoricalCrossentropy(_Crossentropy):
    """−Σ y·log p over the classes; labels one-hot (or probabilities that sum to one)."""

    label_smoothing: float = 0.0
    fused_with: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self)

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        if self.label_smoothing:
            y = y * (1 - self.label_smoothing) + self.label_smoothing / y.shape[-1]
        return _rows_only(jnp.sum(y * _surprise(out, logits or self.from_logits), axis=-1))

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        if y.ndim == len(output_shape) or y.shape[1:] == (1,) != output_shape:
            raise ValueError(
                f"labels have shape {y.shape}, but 'categorical_crossentropy' takes one-hot rows of shape "
                f"{(len(y), *output_shape)}. For class numbers use loss='sparse_categorical_crossentropy'."
            )
        y = _same_shape(self, y, output_shape)
        flat = y.reshape(-1, y.shape[-1])
        bad = (np.abs(flat.sum(axis=-1) - 1) > 1e-3) | (flat < 0).any(axis=-1)
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"labels of row {row} are {flat[row].tolist()}: each row of one-hot labels (or probabilities) must be "
                f"≥ 0 and sum to 1 for 'categorical_crossentropy'. For independent yes/no labels use a sigmoid output "
                f"with 'binary_crossentropy'."
            )
        return y

    def lowered(self, y: np.ndarray) -> tuple[Loss, np.ndarray] | None:
        # One-hot labels are class numbers: an eighth of the bytes to gather, and no argmax of them for the accuracy.
        if (
            self.label_smoothing
            or y.shape[-1] == 1
            or not (((y == 0) | (y == 1)).all() and (y.sum(axis=-1) == 1).all())
        ):
            return None
        return SparseCategoricalCrossentropy(self.from_logits), y.argmax(axis=-1).astype(np.int32)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(_Crossentropy):
    """−log p of the true class; labels are class numbers 0 … classes−1."""

    fused_with: ClassVar[str | None] = "softmax"

    def expected_labels(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[:-1]

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        # A comparison with the class numbers fuses into the sum; a gather would be a kernel of its own.
        chosen = y[..., None] == jnp.arange(out.shape[-1], dtype=y.dtype)
        if logits or self.from_logits:
            return _rows_only(jax.nn.logsumexp(out, axis=-1) - jnp.sum(jnp.where(chosen, out, 0), axis=-1))
        return _rows_only(jnp.sum(jnp.where(chosen, _surprise(out, False), 0), axis=-1))

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        classes = output_shape[-1]
        if y.ndim == len(output_shape) + 1 and y.shape[-1] == 1:
            y = y[..., 0]
        if y.shape[1:] != output_shape[:-1]:
            hint = " These look one-hot: use loss='categorical_crossentropy'." if y.shape[1:] == output_shape else ""
            raise ValueError(
                f"labels have shape {y.shape}, but 'sparse_categorical_crossentropy' takes class numbers of shape "
                f"{(len(y), *output_shape[:-1])}.{hint}"
            )
        if y.dtype.kind not in "fiub":
            raise ValueError(
                f"labels have dtype {y.dtype}, expected class numbers 0 … {classes - 1}; encode them first."
            )
        bad = (y != np.floor(y)) | (y < 0) | (y >= classes) if y.dtype.kind == "f" else (y < 0) | (y >= classes)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            raise ValueError(
                f"label of row {row} is {y[row]}, but the model has {classes} outputs, so class numbers are "
                f"0 … {classes - 1}. Give the last layer more units, or renumber the classes."
            )
        return y.astype(np.int32)


@dataclass(frozen=True)
class BinaryCrossentropy(_Crossentropy):
    """−y·log p − (1−y)·log(1−p), averaged over the outputs of a row; labels in [0, 1]."""

    label_smoothing: float = 0.0
    fused_with: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self)

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        if self.label_smoothing:
            y = y * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if logits or self.from_logits:
            values = jnp.maximum(out, 0) - out * y + jnp.log1p(jnp.exp(-jnp.abs(out)))
        else:
            p = jnp.clip(out, _CLIP, 1 - _CLIP)
            values = -(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))
        return _row_mean(values)

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        y = _same_shape(self, y, output_shape)
        bad = (y < 0) | (y > 1)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            raise ValueError(
                f"label of row {row} is {y[row].tolist()}, but 'binary_crossentropy' takes labels from 0 to 1. For more "
                f"than two classes use a softmax output with 'sparse_categorical_crossentropy'."
            )
        return y


@dataclass(frozen=True)
class FunctionLoss(Loss):
    """A plain function ``loss(y_true, y_pred)`` in JAX that gives one value a row (or any shape that starts so)."""

    function: Callable[[Any, Any], Any]

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        values = jnp.asarray(self.function(y, out))
        if values.ndim == 0:
            return jnp.broadcast_to(values, (out.shape[0],))
        if values.shape[0] != out.shape[0]:
            raise ValueError(
                f"the loss {getattr(self.function, '__name__', 'function')!r} gave shape {values.shape} for "
                f"{out.shape[0]} rows; expected one value a row, or one number."
            )
        return _row_mean(values)

    def check(self, y: np.ndarray, output_shape: tuple[int, ...]) -> np.ndarray:
        if y.dtype.kind not in "fiub":
            raise ValueError(f"labels have dtype {y.dtype}, expected numbers.")
        if y.ndim == len(output_shape) and output_shape[-1] == 1:
            y = y[..., None]  # as Keras; (rows,) against (rows, 1) would broadcast to (rows, rows)
        return y.astype(np.float32) if y.dtype.kind == "f" else y.astype(np.int32)

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            f"the loss {getattr(self.function, '__name__', 'function')!r} is a plain function, which a model file "
            f"cannot name: a file holds no code. Call compile with a loss by name before saving, or compile after loading."
        )


def _rows_only(values: Array) -> Array:
    """One value a row, where the output has axes between rows and classes."""
    return values if values.ndim == 1 else _row_mean(values)


for _class, _aliases in {
    MeanSquaredError: ("mse", "MSE"),
    MeanAbsoluteError: ("mae", "MAE"),
    CategoricalCrossentropy: (),
    SparseCategoricalCrossentropy: (),
    BinaryCrossentropy: (),
}.items():
    identifiers.register("loss", _class, *_aliases)


_CLASSES: dict[Any, Callable[..., Loss]] = {}


def _function(cls: Callable[..., Loss]) -> Callable[..., Array]:
    """Keras's lower-case form: a function of (y_true, y_pred) that gives one value a row."""

    def each(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Array:
        return cls(*args, **kwargs).each(y_true, y_pred)

    each.__name__ = identifiers.snake_case(cls.__name__)
    each.__doc__ = f"`{cls.__name__}` as one value a row; takes its arguments after (y_true, y_pred)."
    _CLASSES[each] = cls
    return each


mean_squared_error = mse = _function(MeanSquaredError)
mean_absolute_error = mae = _function(MeanAbsoluteError)
categorical_crossentropy = _function(CategoricalCrossentropy)
sparse_categorical_crossentropy = _function(SparseCategoricalCrossentropy)
binary_crossentropy = _function(BinaryCrossentropy)


def get(identifier: Any) -> Any:
    """A loss from its name ("mse", "categorical_crossentropy", ...), its config, itself, or a plain function.

    >>> get(mse)
    MeanSquaredError()
    """
    if callable(identifier) and not isinstance(identifier, Loss | type):
        return _CLASSES[identifier]() if identifier in _CLASSES else FunctionLoss(identifier)
    loss = identifiers.get("loss", identifier)
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"loss={loss!r}: expected a name such as 'mse', a taut.losses.Loss, or a function in JAX.")
    return loss


def serialize(loss: Loss) -> Any:
    """A plain dict that `deserialize` turns back into an equal loss."""
    return identifiers.serialize(loss)


def deserialize(config: dict[str, Any]) -> Any:
    """The loss that a dict describes, taut's or Keras's. Only registered classes are made."""
    return identifiers.deserialize("loss", config)
