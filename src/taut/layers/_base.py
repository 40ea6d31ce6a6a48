"""What every taut layer is: a Flax NNX module that is built once its input's shape is known, and holds its terms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from flax import nnx

from taut import activations, constraints, identifiers, regularizers

__all__ = ["Layer", "Source", "Terms"]

Shape = tuple[int, ...]
#: where a layer's parameters come from: (name, shape, initializer) → array; a draw, or a file's tensor
Source = Callable[[str, Shape, Any], np.ndarray]


class Terms:
    """A layer's regularizers and constraints, by argument name.

    Any two compare equal: a term says nothing about the shape of a program, so that a module's static structure (which
    keys compiled programs) is the same whatever the strengths are. The plan is where terms act.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Terms)

    def __hash__(self) -> int:
        return hash(Terms)


def _term(name: str) -> property:
    get = constraints.get if name.endswith("constraint") else regularizers.get

    def read(self: Layer) -> Any:
        return self.terms.by_name.get(name)

    def write(self: Layer, value: Any) -> None:
        self.terms.by_name[name] = get(value)

    return property(read, write, doc=f"The layer's ``{name}``; a new one acts from the next ``fit`` on.")


class Layer(nnx.Module):
    """A layer with Keras's arguments.

    A subclass lists in ``PARAMETERS`` the names of its parameters; each gets a ``<name>_regularizer`` and a
    ``<name>_constraint``, and every layer has an ``activity_regularizer``. It implements ``build`` and ``__call__``.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for parameter in cls.PARAMETERS:
            for kind in ("regularizer", "constraint"):
                setattr(cls, f"{parameter}_{kind}", _term(f"{parameter}_{kind}"))
        identifiers.register("layer", cls)

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        input_shape: Shape | None = None,
        activity_regularizer: Any = None,
        **terms: Any,
    ) -> None:
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

    activity_regularizer = _term("activity_regularizer")

    @property
    def built(self) -> bool:
        """Whether the layer has its parameters (always true of a layer without any)."""
        return True

    def build(self, input_shape: Shape, source: Source) -> None:
        """Make the parameters for inputs of ``input_shape`` (without the batch axis)."""

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
    return identifiers.serialize(value)


def check_shape(shape: Any, owner: str) -> Shape:
    """``input_shape`` as a tuple of positive integers; an integer is a shape of one axis."""
    if isinstance(shape, int | np.integer) and not isinstance(shape, bool):
        shape = (shape,)
    try:
        out = tuple(int(n) for n in shape)
        good = all(isinstance(n, int | np.integer) and n > 0 for n in shape)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"{owner}: input_shape={shape!r}, expected a tuple of positive integers, one row of the data without the "
            f"batch axis, such as (10,)."
        )
    return out
