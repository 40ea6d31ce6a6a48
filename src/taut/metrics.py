"""Metrics: one number a row, averaged over all rows of an epoch inside the compiled program.

``"accuracy"`` becomes the binary, sparse or categorical one by the shape of the labels and of the output, by Keras's
rule, whatever the loss (docs/decisions/071). Any loss, by name or object, is a metric as well. Metrics are not weighted
by ``sample_weight`` (nor are Keras's ``metrics``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

import jax
import jax.numpy as jnp

from taut import _keras_words, errors, identifiers, losses

__all__ = [
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "deserialize",
    "get",
    "serialize",
]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "metric")

Array = jax.Array
_TAKEN = ("loss", "data_loss", "penalty")


@dataclass(frozen=True)
class Metric:
    """A named value a row; hashable, so that equal models share one compiled program.

    A subclass implements ``values`` and, where labels are not shaped like the output, ``expected_labels``. ``on_logits``
    says that it may be given what the last activation would have been given.
    """

    name: str
    on_logits: ClassVar[bool] = False
    #: takes class numbers as well as one-hot labels, whichever the engine finds cheaper
    any_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name: Any = self.name
        if not isinstance(name, str) or not name:
            raise ValueError(f"{type(self).__name__}: name={self.name!r}, expected a non-empty string.")
        if self.name in _TAKEN:
            raise ValueError(f"a metric cannot be named {self.name!r}: History already has that key. Rename it.")

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        """One value a row, or one an entry."""
        raise NotImplementedError

    def expected_labels(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The shape of the labels of outputs of ``shape``; None for any."""
        return shape

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        """One value a row.

        Raises:
            ValueError: labels that are laid out otherwise; comparing them would broadcast into nonsense.
        """
        expected = self.expected_labels(out.shape)
        if expected is not None and y.shape != expected:
            if y.size != math.prod(expected):
                raise ValueError(
                    f"metric {self.name!r}: labels have shape {y.shape}, expected {expected} for outputs of shape "
                    f"{out.shape}. 'accuracy' fits class numbers and one-hot rows alike."
                )
            y = y.reshape(expected)  # (rows,) for (rows, 1), and back
        values = self.values(y, out, logits)
        return values if values.ndim == 1 else jnp.mean(values.reshape(values.shape[0], -1), axis=-1)

    def named(self, name: str) -> Metric:
        """The same metric under another name."""
        return dataclasses.replace(self, name=name)

    def get_config(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in config.items() if k in known})  # Keras's also have a dtype


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """Whether the largest output is the class of a one-hot label."""

    name: str = "categorical_accuracy"
    on_logits: ClassVar[bool] = True

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        return (jnp.argmax(y, axis=-1) == jnp.argmax(out, axis=-1)).astype(jnp.float32)


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """Whether the largest output is the class whose number is the label."""

    name: str = "sparse_categorical_accuracy"
    on_logits: ClassVar[bool] = True

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        return (y == jnp.argmax(out, axis=-1)).astype(jnp.float32)

    def expected_labels(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[:-1]


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """Whether a label is 1 and its output above ``threshold`` (between 0 and 1), or 0 and not above it.

    Any other label counts as wrong, as in Keras.
    """

    name: str = "binary_accuracy"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not errors.is_concrete(self.threshold) or not 0 < self.threshold < 1:
            raise ValueError(f"BinaryAccuracy: threshold={self.threshold!r}, expected a number between 0 and 1.")

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        limit = math.log(self.threshold / (1 - self.threshold)) if logits else self.threshold
        return ((out > limit).astype(y.dtype) == y).astype(jnp.float32)


@dataclass(frozen=True)
class _Accuracy(Metric):
    """Keras's "accuracy": which one it is shows in the shapes."""

    on_logits: ClassVar[bool] = True
    any_labels: ClassVar[bool] = True

    def _chosen(self, labels: tuple[int, ...], out: tuple[int, ...]) -> Metric:
        if out[-1] == 1:
            return BinaryAccuracy(self.name)
        sparse = len(labels) < len(out) or labels[-1] == 1
        return SparseCategoricalAccuracy(self.name) if sparse else CategoricalAccuracy(self.name)

    def rows(self, y: Array, out: Array, logits: bool = False) -> Array:
        return self._chosen(y.shape, out.shape).rows(y, out, logits)


@dataclass(frozen=True)
class _LossMetric(Metric):
    """A loss, measured without the sample weights."""

    loss: losses.Loss

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        return self.loss.rows(y, out, self.loss.from_logits)

    def expected_labels(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return None if isinstance(self.loss, losses.FunctionLoss) else self.loss.expected_labels(shape)


@dataclass(frozen=True)
class _FunctionMetric(Metric):
    """A plain function of (labels, outputs) that gives one value a row, or one number."""

    function: Callable[[Array, Array], Any]

    def values(self, y: Array, out: Array, logits: bool) -> Array:
        values = jnp.asarray(self.function(y, out))
        if values.ndim and values.shape[0] != out.shape[0]:
            raise ValueError(
                f"metric {self.name!r} gave shape {values.shape} for {out.shape[0]} rows; expected one value a row, or "
                f"one number."
            )
        return jnp.broadcast_to(values, (out.shape[0],)) if values.ndim == 0 else values

    def expected_labels(self, shape: tuple[int, ...]) -> None:
        return None


def _of_loss(cls: type[losses.Loss]) -> Callable[..., _LossMetric]:
    """Keras's name for a loss that is measured: takes a name, then the loss's own arguments."""

    def metric(name: str = identifiers.snake_case(cls.__name__), **arguments: Any) -> _LossMetric:
        return _LossMetric(name, cls(**arguments))

    metric.__name__ = metric.__qualname__ = cls.__name__
    metric.__doc__ = f"`taut.losses.{cls.__name__}` as a metric."
    return metric


MeanSquaredError = _of_loss(losses.MeanSquaredError)
MeanAbsoluteError = _of_loss(losses.MeanAbsoluteError)
CategoricalCrossentropy = _of_loss(losses.CategoricalCrossentropy)
SparseCategoricalCrossentropy = _of_loss(losses.SparseCategoricalCrossentropy)
BinaryCrossentropy = _of_loss(losses.BinaryCrossentropy)

for _class in (BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy):
    identifiers.register("metric", _class)

_ANY_ACCURACY = ("accuracy", "acc")
_NAMED = ("binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")


def get(identifier: Any) -> Metric:
    """A metric from its name, a loss, or a plain function ``metric(y_true, y_pred)``.

    Args:
        identifier: "accuracy", one of the accuracies by its full name, the name of a loss, a ``Loss``, a ``Metric`` or
            a function in JAX. "accuracy" of several outputs asks which is the largest; for yes/no labels, each output
            counted by itself, give "binary_accuracy".

    Raises:
        ValueError: an unknown name; the message lists the nearest known ones.
        TypeError: something that is no metric.

    >>> get("binary_accuracy")
    BinaryAccuracy(name='binary_accuracy', threshold=0.5)
    """
    if isinstance(identifier, type) and issubclass(identifier, Metric | losses.Loss):
        identifier = identifier()  # pyright: ignore[reportCallIssue]
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, losses.Loss):
        return _LossMetric(losses._name(identifier), identifier)
    if isinstance(identifier, str):
        if identifier.lower() in _ANY_ACCURACY:
            return _Accuracy(identifier)
        for kind in ("metric", "loss"):  # "BinaryAccuracy", "MeanSquaredError": Keras takes class names too
            try:
                return get(identifiers.get(kind, identifier)).named(identifier)
            except ValueError:
                continue
        known = [*_ANY_ACCURACY, *_NAMED, *identifiers.names("loss")]
        raise ValueError(errors.unknown("metric", identifier, known) + _keras_words.way_out("metric"))
    if callable(identifier):
        named = losses.get(identifier)
        if not isinstance(named, losses.FunctionLoss):
            return _LossMetric(identifier.__name__, named)  # type: ignore[arg-type]
        return _FunctionMetric(getattr(identifier, "__name__", "metric"), identifier)
    raise TypeError(f"metric {identifier!r}: expected a name such as 'accuracy', a loss, or a function.")


def get_all(given: Sequence[Any]) -> tuple[Metric, ...]:
    """The metrics of a model; one whose name is taken is numbered, so that each has its own column in a History."""
    taken: dict[str, int] = {}
    found = [get(identifier) for identifier in given]
    return tuple(metric.named(identifiers.numbered(metric.name, taken)) for metric in found)


def serialize(metric: Any) -> Any:
    """A name, or a plain dict, that `deserialize` turns back into an equal metric.

    Raises:
        TypeError: a plain function, which no file can name.
    """
    if isinstance(metric, str):
        return metric
    if isinstance(metric, losses.Loss):
        return losses.serialize(metric)
    metric = get(metric)
    if isinstance(metric, _LossMetric):
        return {"class_name": "Loss", "config": {"name": metric.name, "loss": losses.serialize(metric.loss)}}
    if isinstance(metric, _FunctionMetric):
        raise TypeError(
            f"the metric {metric.name!r} is a plain function, which a model file cannot name: a file holds no code. "
            f"Compile with a metric by name before saving, or compile after loading."
        )
    return identifiers.serialize(metric)


def deserialize(config: Any) -> Any:
    """What `serialize` described: a name, a loss or a metric. Only registered classes are made."""
    if isinstance(config, str):
        return config
    if config.get("class_name") == "Loss":
        inner = config["config"]
        return _LossMetric(str(inner["name"]), losses.deserialize(inner["loss"]))
    kind = "metric" if str(config.get("class_name")).endswith("Accuracy") else "loss"
    return identifiers.deserialize(kind, config)
