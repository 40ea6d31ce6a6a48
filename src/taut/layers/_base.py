"""What every taut layer is: a Flax NNX module that is built once its input's shape is known, and holds its terms."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import numpy as np
from flax import nnx

from taut import _keras_words, activations, constraints, errors, identifiers, initializers, regularizers
from taut.regularizers import Acting

__all__ = ["Layer", "Source", "Terms"]

Shape = tuple[int, ...]
#: where a layer's parameters come from: (name, shape, initializer) → array; a draw, or a file's tensor
Source = Callable[[str, Shape, Any], np.ndarray]


class Terms:
    """A layer's initializers, regularizers, constraints and seeds, by argument name.

    Any two compare equal: none of them says anything about the shape of a program, so that a module's static structure
    (which keys compiled programs) is the same whatever the strengths and seeds are. The plan is where terms act.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Terms)

    def __hash__(self) -> int:
        return hash(Terms)


def term(kind: str, value: Any) -> Any:
    """A regularizer or a constraint from whatever names one, a regularizer's mode included.

    Raises:
        TypeError: a term of the other kind, which, being callable, would pass for a plain function.
    """
    other = regularizers.Regularizer | Acting if kind == "constraint" else constraints.Constraint
    if isinstance(value, other):
        right = "regularizer" if kind == "constraint" else "constraint"
        raise TypeError(f"expected a {kind}, got {value}, which is a {right}; give it as a {right}.")
    if isinstance(value, Acting):
        return value
    if kind == "regularizer" and isinstance(value, Mapping) and value.get("mode") is not None:
        return regularizers.get({k: v for k, v in value.items() if k != "mode"}).acting(value["mode"])
    return constraints.get(value) if kind == "constraint" else regularizers.get(value)


_KINDS = ("initializer", "regularizer", "constraint")
_UNIT = ("unit_regularizer", "unit_constraint")


def _argument(name: str, kind: str) -> property:
    def read(self: Layer) -> Any:
        return self.terms.by_name.get(name)

    def write(self: Layer, value: Any) -> None:
        try:
            self.terms.by_name[name] = initializers.get(value) if kind == "initializer" else term(kind, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{type(self).__name__}: {name}: {error}") from None

    return property(read, write, doc=f"The layer's ``{name}``; a new one acts from the next ``fit`` on.")


class Layer(nnx.Module):
    """A layer with Keras's arguments.

    A subclass lists in ``PARAMETERS`` the names of its parameters; each gets a ``<name>_initializer``, a
    ``<name>_regularizer`` and a ``<name>_constraint``, and every layer has an ``activity_regularizer``. A layer with a
    kernel has a ``unit_regularizer`` and a ``unit_constraint`` for kernel and bias together. It implements ``build``
    (with :meth:`make`) and ``__call__``.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for parameter in cls.PARAMETERS:
            for kind in _KINDS:
                setattr(cls, f"{parameter}_{kind}", _argument(f"{parameter}_{kind}", kind))
        if "kernel" in cls.PARAMETERS:
            for name in _UNIT:
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
        known = {f"{parameter}_{kind}" for parameter in self.PARAMETERS for kind in _KINDS}
        known |= set(_UNIT) if "kernel" in self.PARAMETERS else set()
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
        """Every argument of the constructor, those of this class included."""
        names = [*inspect.signature(cls.__init__).parameters, *inspect.signature(Layer.__init__).parameters]
        return [name for name in dict.fromkeys(names) if name not in ("self", "kwargs", "terms")]

    def __setattr__(self, name: str, value: Any) -> None:
        argument = getattr(type(self), name, None)
        if isinstance(argument, property) and argument.fset is not None:
            argument.fset(self, value)  # past NNX, which takes a term that holds an array for a parameter
        else:
            super().__setattr__(name, value)

    @property
    def built(self) -> bool:
        """Whether the layer has its parameters (always true of a layer without any)."""
        return True

    def build(self, input_shape: Shape, source: Source) -> None:
        """Make the parameters for inputs of ``input_shape`` (without the batch axis)."""

    def make(self, name: str, shape: Shape, source: Source) -> nnx.Param[Any]:
        """The parameter ``name`` of this layer, from ``source`` by its initializer.

        Raises:
            ValueError: the initializer gave another shape, or values that are not finite.
        """
        initializer = getattr(self, f"{name}_initializer")
        array = np.asarray(source(name, shape, initializer))
        if array.shape != shape or not np.isfinite(array).all():
            what = f"shape {array.shape}" if array.shape != shape else "NaN or infinity"
            raise ValueError(
                f"{type(self).__name__}: {name}_initializer={errors.shown(initializer)} gave {what}, expected finite "
                f"numbers of shape {shape}. An initializer is called with (shape, numpy.random.Generator)."
            )
        return nnx.Param(jax.device_put(array))

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the layer's parameters, a kernel before its bias; empty before it is built."""
        return [np.array(getattr(self, name)[...]) for name in self.PARAMETERS if hasattr(self, name)]

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one row of output."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: everything but the weights."""
        config: dict[str, Any] = {}
        for key in inspect.signature(type(self).__init__).parameters:
            if key in ("self", "kwargs"):
                continue
            config[key] = encode(getattr(self, key))
        config |= {"name": self.name, "trainable": self.trainable, "input_shape": encode(self.input_shape)}
        config["activity_regularizer"] = encode(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**config)


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
            f"the function {name!r} cannot be saved: a file holds names and numbers, never code. An activation of your "
            f"own can be named once with taut.activations.register({name!r}, {name}); write an initializer as a "
            f"subclass of taut.initializers.Initializer and register it with taut.identifiers.register('initializer', "
            f"YourClass)."
        )
    if isinstance(value, Acting):  # the mode beside the term: it is no part of the term's own config
        return {**(identifiers.serialize(value.term) or {}), "mode": value.mode}
    return identifiers.serialize(value)


def check_shape(shape: Any, owner: str) -> Shape:
    """``input_shape`` as a tuple of positive integers; an integer is a shape of one axis."""
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
