"""The base class of taut's layers: a Flax NNX module with its terms, built when the shape of its input is known."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import numpy as np
from flax import nnx
from jax.core import Tracer

from taut import _keras_words, activations, errors, identifiers, initializers
from taut.layers._calls import called
from taut.layers._terms import KINDS, UNIT, Terms, check_name, term
from taut.regularizers import Acting

__all__ = ["Layer", "Source", "Terms", "term"]

Shape = tuple[int, ...]
#: where a layer's parameters come from: (name, shape, initializer) → array; a draw, or a file's tensor
Source = Callable[[str, Shape, Any], np.ndarray]


def _argument(name: str, kind: str) -> property:
    def read(self: Layer) -> Any:
        return self.terms.by_name.get(name)

    def write(self: Layer, value: Any) -> None:
        old = self.terms.by_name.get(name)
        try:
            self.terms.by_name[name] = initializers.get(value) if kind == "initializer" else term(kind, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{type(self).__name__}: {name}: {error}") from None
        if kind != "initializer":
            self.terms.remember(value)
            self.terms.remember(self.terms.by_name[name])
            self._tell(name, lambda: self.terms.by_name.update({name: old}))

    return property(
        read, write, doc=f"The layer's ``{name}``. A new one takes effect at once, also over one from ``attach``."
    )


class Layer(nnx.Module):
    """A layer with Keras's arguments.

    A subclass lists the names of its parameters in ``PARAMETERS``; each gets a ``<name>_initializer``, a
    ``<name>_regularizer`` and a ``<name>_constraint``, and every layer has an ``activity_regularizer``. A layer with a
    kernel has a ``unit_regularizer`` and a ``unit_constraint`` for kernel and bias together. It implements ``build``
    (with :meth:`make`) and ``__call__``.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            cls.__call__ = called(vars(cls)["__call__"])  # type: ignore[method-assign]
        for parameter in cls.PARAMETERS:
            for kind in KINDS:
                setattr(cls, f"{parameter}_{kind}", _argument(f"{parameter}_{kind}", kind))
        if "kernel" in cls.PARAMETERS:
            for name in UNIT:
                setattr(cls, name, _argument(name, name.removeprefix("unit_")))
        identifiers.register("layer", cls)

    def __init__(
        self,
        *,
        name: Any = None,
        trainable: bool = True,
        input_shape: Any = None,
        activity_regularizer: Any = None,
        **terms: Any,
    ) -> None:
        known = self._term_arguments()
        terms = _keras_words.without_neutral(type(self).__name__, terms)
        for key in terms:
            if key not in known:  # a misspelt term would otherwise be a term that does nothing
                what = errors.unknown(f"argument of {type(self).__name__}", key, self._arguments())
                raise TypeError(what + _keras_words.argument(key))
        if input_shape is not None:
            input_shape = check_shape(input_shape, type(self).__name__)
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(f"{type(self).__name__}: name={name!r}, expected a non-empty string without '/'.")
        self.name = name
        self.trainable = bool(trainable)
        self.input_shape = input_shape
        self.terms = Terms()
        self.activity_regularizer = activity_regularizer
        for key, value in terms.items():
            setattr(self, key, value)

    activity_regularizer = _argument("activity_regularizer", "regularizer")

    @classmethod
    def _arguments(cls) -> list[str]:
        """All arguments of the constructor, including those of this class."""
        return list(dict.fromkeys([*_named(cls.__init__), *_named(Layer.__init__)]))

    def __setattr__(self, name: str, value: Any) -> None:
        argument = getattr(type(self), name, None)
        if isinstance(argument, property) and argument.fset is not None:
            argument.fset(self, value)  # past NNX, which takes a term that holds an array for a parameter
            return
        if name not in vars(self) and not hasattr(type(self), name) and name not in self._arguments():
            check_name(self, name, value, self._term_arguments())
        before = vars(self).get(name)
        super().__setattr__(name, value)
        if name == "trainable" and before is not None:
            self._tell(name, lambda: vars(self).update(trainable=before))

    def _tell(self, name: str, undo: Callable[[], None]) -> None:
        """Tell the models that contain the layer about a new term, or that the layer was frozen or unfrozen."""
        try:
            for act in (False, True):  # nothing acts in one model that another refuses
                for model in list(self.terms.models):
                    model._changed(self, name, act)
        except Exception:
            undo()
            raise

    @classmethod
    def _term_arguments(cls) -> list[str]:
        names = [f"{parameter}_{kind}" for parameter in cls.PARAMETERS for kind in KINDS]
        return [*names, *(UNIT if "kernel" in cls.PARAMETERS else ()), "activity_regularizer"]

    @property
    def built(self) -> bool:
        """Whether the layer has its parameters (always true for a layer without parameters)."""
        return True

    def build(self, input_shape: Shape, source: Source) -> None:
        """Create the parameters for inputs of ``input_shape`` (without the batch axis)."""

    def make(self, name: str, shape: Shape, source: Source) -> nnx.Param[Any]:
        """Create the parameter ``name`` of this layer with its initializer, through ``source``.

        Raises:
            ValueError: the initializer returned another shape, or values that are not finite.
        """
        initializer = getattr(self, f"{name}_initializer")
        array: Any = source(name, shape, initializer)
        if isinstance(array, Tracer) and array.shape == shape:  # under nnx.vmap, which stacks layers
            return nnx.Param(array)
        array = np.asarray(array)
        if array.shape != shape or not np.isfinite(array).all():
            what = f"shape {array.shape}" if array.shape != shape else "NaN or infinity"
            raise ValueError(
                f"{type(self).__name__}: {name}_initializer={errors.shown(initializer)} gave {what}, expected finite "
                f"numbers of shape {shape}. An initializer is called with (shape, numpy.random.Generator)."
            )
        return nnx.Param(jax.device_put(array))

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the layer's parameters, the kernel before the bias; empty before the layer is built."""
        return [np.array(getattr(self, name)[...]) for name in self.PARAMETERS if hasattr(self, name)]

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one row of output."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, without the weights."""
        config: dict[str, Any] = {}
        for key in _named(type(self).__init__):
            config[key] = encode(getattr(self, key))
        config |= {"name": self.name, "trainable": self.trainable, "input_shape": encode(self.input_shape)}
        config["activity_regularizer"] = encode(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**config)


def _named(function: Callable[..., Any]) -> list[str]:
    """The arguments of a method that have names of their own."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def encode(value: Any) -> Any:
    """A constructor argument as plain data."""
    if isinstance(value, tuple):
        return [encode(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str | list):
        return value
    if callable(value) and (known := activations.name_of(value)) is not None:
        return known
    if not hasattr(value, "get_config"):
        name = getattr(value, "__name__", type(value).__name__)
        raise TypeError(
            f"the function {name!r} cannot be saved, because a file contains names and numbers but no code. "
            f"Register an activation of your own once with taut.activations.register({name!r}, {name}); write an "
            "initializer as a "
            f"subclass of taut.initializers.Initializer and register it with taut.identifiers.register('initializer', "
            f"YourClass)."
        )
    if isinstance(value, Acting):  # the mode beside the term: it is not part of the term's own config
        return {**(identifiers.serialize(value.term) or {}), "mode": value.mode}
    return identifiers.serialize(value)


def check_shape(shape: Any, owner: str) -> Shape:
    """``input_shape`` as a tuple of positive integers; an integer n means (n,)."""
    out: tuple[Any, ...] = ()
    if isinstance(shape, int | np.integer):
        out = (shape,)
    elif isinstance(shape, list | tuple):
        out = tuple(shape)
    if not out or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in out):
        raise ValueError(
            f"{owner}: input_shape={shape!r}, expected a tuple of positive integers, one row of the data without the "
            f"batch axis, such as (10,)."
        )
    return tuple(int(n) for n in out)
