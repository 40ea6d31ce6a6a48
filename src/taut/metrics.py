"""Metrics: one number a row, averaged over all rows of an epoch inside the compiled program.

``"accuracy"`` becomes the binary, sparse or categorical one by the shape of the labels and of the output, as in
Keras. Any loss, by name or object, is a metric as well. Metrics are not weighted by ``sample_weight`` (nor are
Keras's ``metrics``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from taut import errors, losses

__all__ = ["Metric", "get"]

Array = jax.Array


@dataclass(frozen=True)
class Metric:
    """A named value a row. ``on_logits`` says that it may be given what the last activation would have been given."""

    name: str
    function: Callable[[Array, Array, bool], Array]
    on_logits: bool = False

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        values = self.function(y, out, logits)
        return values if values.ndim == 1 else jnp.mean(values.reshape(values.shape[0], -1), axis=-1)


def _categorical(y: Array, out: Array, logits: bool) -> Array:
    return (jnp.argmax(y, axis=-1) == jnp.argmax(out, axis=-1)).astype(jnp.float32)


def _sparse(y: Array, out: Array, logits: bool) -> Array:
    return (y == jnp.argmax(out, axis=-1)).astype(jnp.float32)


def _binary(y: Array, out: Array, logits: bool) -> Array:
    return ((out > (0.0 if logits else 0.5)) == (y > 0.5)).astype(jnp.float32)


_ACCURACIES: dict[str, Callable[[Array, Array, bool], Array]] = {
    "categorical_accuracy": _categorical,
    "sparse_categorical_accuracy": _sparse,
    "binary_accuracy": _binary,
}
_ANY_ACCURACY = ("accuracy", "acc")


def get(identifier: Any, loss: losses.Loss, output_shape: tuple[int, ...]) -> Metric:
    """A metric from its name, a loss, or a plain function ``metric(y_true, y_pred)``.

    Args:
        identifier: "accuracy", one of the accuracies by its full name, the name of a loss, a ``Loss``, a ``Metric`` or
            a function in JAX.
        loss: the loss of the model, which says how the labels are laid out.
        output_shape: the shape of one row of output.

    Raises:
        ValueError: an unknown name; the message lists the nearest known ones.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, losses.Loss):
        name = losses._name(identifier)
        return Metric(name, lambda y, out, logits: identifier.rows(y, out, logits), on_logits=False)
    if isinstance(identifier, str):
        if identifier in _ANY_ACCURACY:
            if isinstance(loss, losses.SparseCategoricalCrossentropy):
                return Metric(identifier, _sparse, on_logits=True)
            kind = _binary if output_shape[-1:] == (1,) or isinstance(loss, losses.BinaryCrossentropy) else _categorical
            return Metric(identifier, kind, on_logits=True)
        if identifier in _ACCURACIES:
            return Metric(identifier, _ACCURACIES[identifier], on_logits=True)
        known = losses.identifiers.names("loss")
        if identifier not in known:
            raise ValueError(errors.unknown("metric", identifier, [*_ANY_ACCURACY, *_ACCURACIES, *known]))
        other = losses.get(identifier)
        assert other is not None
        return Metric(identifier, _LossRows(other))
    if callable(identifier):
        return Metric(getattr(identifier, "__name__", "metric"), _PlainRows(identifier))
    raise TypeError(f"metric {identifier!r}: expected a name such as 'accuracy', a loss, or a function.")


@dataclass(frozen=True)
class _LossRows:
    """Hashable by its loss, so that equal models share one compiled program."""

    loss: losses.Loss

    def __call__(self, y: Array, out: Array, logits: bool) -> Array:
        return self.loss.rows(y, out, logits)


@dataclass(frozen=True)
class _PlainRows:
    function: Callable[[Array, Array], Array]

    def __call__(self, y: Array, out: Array, logits: bool) -> Array:
        return jnp.broadcast_to(self.function(y, out), (out.shape[0],))
