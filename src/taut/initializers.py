"""Initial weights by Keras's names and formulas, drawn by numpy (one eager JAX draw per parameter costs seconds)."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _keras_words, errors, identifiers, layouts

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

if not TYPE_CHECKING:  # a type checker should see what is there
    __getattr__ = _keras_words.in_module(__name__, __all__, "initializer")

Shape = tuple[int, ...]
# The standard deviation of a normal truncated at ±2: Keras divides by it so that the variance is the requested one.
_TRUNCATED_STDDEV = 0.87962566103423978


@dataclass(frozen=True)
class Initializer:
    """Draws a float32 array. With a ``seed`` (if the class has one) the values do not depend on the model's seed.

    Raises:
        ValueError: a number that is not finite, a negative ``stddev`` or ``scale``, a seed that is not an integer ≥ 0.
    """

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "seed":
                whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0
                if value is not None and not whole:
                    raise ValueError(f"{name}(seed={value!r}): expected an integer ≥ 0, or None for the model's seed.")
            elif field.type == "float":
                errors.real_number(name, field.name, value)
                if field.name in ("stddev", "scale") and value < 0:
                    raise ValueError(f"{name}({field.name}={value!r}): expected a number ≥ 0.")

    def __call__(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        seed = getattr(self, "seed", None)
        return self.draw(shape, generator if seed is None else np.random.default_rng(seed)).astype(np.float32)

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        # Keras's configs also contain axes, which are None except in layers that pack several matrices into one.
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in config.items() if k in known or v is not None})


@dataclass(frozen=True)
class Constant(Initializer):
    """Every entry ``value``."""

    value: float = 0.0

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every entry 0."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """Every entry 1."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return np.ones(shape)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """Uniform between ``minval`` and ``maxval``."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return generator.uniform(self.minval, self.maxval, shape)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """Normal with ``mean`` and ``stddev``."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(self.mean, self.stddev, shape)


def _truncated(shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Standard normals, those beyond ±2 drawn again."""
    out = generator.standard_normal(shape)
    while (far := np.abs(out) > 2).any():
        out[far] = generator.standard_normal(int(far.sum()))
    return out


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normal with ``mean`` and ``stddev``; values more than two ``stddev`` from the mean are drawn again."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * _truncated(shape, generator)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan in, fan out) of a kernel whose last axis counts the units, receptive field included, as in Keras.

    For an array of a layer, ``taut.layouts.of(layer)[name].fans`` is right for any order of axes.
    """
    return layouts.fans("window* in out" if len(shape) > 1 else "out*", shape)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Variance ``scale`` / fan, the fan being "fan_in", "fan_out" or "fan_avg"."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * _truncated(shape, generator)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (
            ("mode", ("fan_in", "fan_out", "fan_avg")),
            ("distribution", ("truncated_normal", "untruncated_normal", "uniform")),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"VarianceScaling: {name}={getattr(self, name)!r}, expected one of {known}.")


def _scaling(name: str, scale: float, mode: str, distribution: str) -> type[Initializer]:
    """Keras's named cases of variance scaling, each a class whose only argument is ``seed``."""

    @dataclass(frozen=True)
    class Named(Initializer):
        seed: int | None = None

        def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
            return VarianceScaling(scale, mode, distribution).draw(shape, generator)

    Named.__name__ = Named.__qualname__ = name
    Named.__doc__ = f"Variance {scale:g} / {mode}, {distribution.replace('_', ' ')}."
    return Named


GlorotUniform = _scaling("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _scaling("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _scaling("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = _scaling("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaling("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = _scaling("LecunNormal", 1.0, "fan_in", "truncated_normal")


@dataclass(frozen=True)
class _Function(Initializer):
    """A function of ``(shape)``, of ``(shape, dtype)`` as Keras calls it, or of ``(shape, generator)``."""

    function: Callable[..., Any]

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        try:
            names = list(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):  # a builtin shows no signature
            names = []
        if "dtype" in names:
            return np.asarray(self.function(shape, dtype="float32"))
        return np.asarray(self.function(shape) if len(names) < 2 else self.function(shape, generator))

    def get_config(self) -> dict[str, Any]:
        raise TypeError(errors.unsaved("initializer", self.function))


constant, zeros, ones = Constant, Zeros, Ones
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal

for _class in (
    Constant,
    Zeros,
    Ones,
    RandomUniform,
    RandomNormal,
    TruncatedNormal,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
):
    identifiers.register("initializer", _class)


def get(identifier: Any) -> Initializer | None:
    """An initializer from a name, a config, an initializer, or a function of ``(shape, numpy.random.Generator)``.

    >>> get("he_normal")
    HeNormal(seed=None)
    """
    if callable(identifier) and not isinstance(identifier, Initializer | type):
        return _Function(identifier)
    found = identifiers.get("initializer", identifier)
    if found is not None and not isinstance(found, Initializer):
        raise TypeError(
            f"initializer {found!r}: expected a name such as 'glorot_uniform', a taut.initializers object, or a function "
            f"of (shape, numpy.random.Generator). For a number write taut.initializers.Constant(number)."
        )
    return found


def serialize(initializer: Initializer) -> Any:
    """A plain dict that `deserialize` turns back into an equal initializer."""
    return identifiers.serialize(initializer)


def deserialize(config: dict[str, Any]) -> Any:
    """The initializer that a dict describes. Only registered classes are created."""
    return identifiers.deserialize("initializer", config)
