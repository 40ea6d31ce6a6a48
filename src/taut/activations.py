"""Activations by Keras's names and in Keras's forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import taut._engine  # noqa: F401 (before JAX: it says how to install what is missing)

import jax
import jax.numpy as jnp

from taut import _keras_words, errors

__all__ = [
    "ACTIVATIONS",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mish",
    "name_of",
    "register",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "activation")

Array = jax.Array
Activation = Callable[[Array], Array]


def linear(x: Array) -> Array:
    """The identity."""
    return x


def gelu(x: Array) -> Array:
    """x·Φ(x), exact as Keras's default (not the tanh approximation)."""
    return jax.nn.gelu(x, approximate=False)


def leaky_relu(x: Array) -> Array:
    """max(x, 0.2·x): Keras's slope."""
    return jax.nn.leaky_relu(x, 0.2)


def softmax(x: Array) -> Array:
    """exp(x) / Σ exp(x) over the last axis."""
    return jax.nn.softmax(x, axis=-1)


def log_softmax(x: Array) -> Array:
    """log softmax over the last axis."""
    return jax.nn.log_softmax(x, axis=-1)


relu = jax.nn.relu
relu6 = jax.nn.relu6
elu = jax.nn.elu
selu = jax.nn.selu
silu = swish = jax.nn.silu
mish = jax.nn.mish
tanh = jnp.tanh
sigmoid = jax.nn.sigmoid
hard_sigmoid = jax.nn.hard_sigmoid
softplus = jax.nn.softplus
softsign = jax.nn.soft_sign
exponential = jnp.exp

ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    "relu": relu,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "swish": swish,
    "mish": mish,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "softplus": softplus,
    "softsign": softsign,
    "exponential": exponential,
    "softmax": softmax,
    "log_softmax": log_softmax,
}
_BY_ENTRY = set(ACTIVATIONS) - {"softmax", "log_softmax"}


def register(name: str, function: Activation, by_entry: bool = False) -> None:
    """Name an activation of your own, so that a model which uses it can be saved and loaded.

    Args:
        by_entry: whether each output follows from one input alone, as for relu and unlike a softmax, so that dead units
            before it can be cut out (`taut.compact`).

    Raises:
        ValueError: the name is taken by another function.
    """
    if ACTIVATIONS.setdefault(name, function) is not function:
        raise ValueError(f"the activation name {name!r} is taken; choose another.")
    if by_entry:
        _BY_ENTRY.add(name)


def couples(activation: Any) -> bool:
    """Whether an output may depend on several inputs: a softmax, or a function that nothing is known of."""
    return name_of(activation) not in _BY_ENTRY


def get(identifier: Any) -> Any:
    """The activation named ``identifier``; None is the identity, a function is itself.

    >>> get("relu")(jnp.asarray([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        if identifier not in ACTIVATIONS:
            raise ValueError(errors.unknown("activation", identifier, ACTIVATIONS) + _keras_words.way_out("activation"))
        return ACTIVATIONS[identifier]
    if callable(identifier):
        return identifier
    raise TypeError(f"activation {identifier!r}: expected a name such as 'relu', a function, or None.")


def name_of(activation: Any) -> str | None:
    """The name of a known activation, or None for a user's own function."""
    return next((name for name, known in ACTIVATIONS.items() if known is activation), None)


def serialize(activation: Any) -> str:
    """The name that stands for ``activation`` in configs and files.

    Raises:
        ValueError: a function without a registered name.
    """
    name = name_of(activation)
    if name is None:
        raise ValueError(
            f"the activation {getattr(activation, '__name__', activation)!r} has no name; give it one with "
            f"taut.activations.register(name, function)."
        )
    return name


def deserialize(name: str) -> Any:
    """The activation that `serialize` named."""
    return get(name)
