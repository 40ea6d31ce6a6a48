"""Keras's regularizers and constraints, exact, on a compiled JAX engine.

Every public name is loaded when it is first used: ``import taut`` costs a few milliseconds, and using
the terms alone loads neither JAX nor PyTorch.

>>> import taut
>>> taut.regularizers.L1(0.01)
L1(l1=0.01)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # what a type checker and an editor see; at run time `__getattr__` does the same
    from taut import (
        activations,
        constraints,
        functional,
        initializers,
        layers,
        layouts,
        losses,
        metrics,
        models,
        optimizers,
        paths,
        regularizers,
        utils,
    )
    from taut._term import stack
    from taut.layers import Input
    from taut.model import Sequential, compact, load_model
    from taut.paths import compare, path
    from taut.plans.rules import role

__all__ = [
    "Input",
    "Sequential",
    "__version__",
    "activations",
    "compact",
    "compare",
    "constraints",
    "functional",
    "initializers",
    "layers",
    "layouts",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "path",
    "paths",
    "regularizers",
    "role",
    "stack",
    "utils",
]

# Names that live inside a module; every other public name is a module of its own.
_HOMES = {
    "Input": "taut.layers",
    "Sequential": "taut.model",
    "compact": "taut.model",
    "compare": "taut.paths",
    "load_model": "taut.model",
    "path": "taut.paths",
    "role": "taut.plans.rules",
    "stack": "taut._term",
}

# Modules that need an optional library: there by name, but not in `from taut import *`.
_OPTIONAL = ("sklearn",)


def __getattr__(name: str) -> Any:
    if name not in __all__ and name not in _OPTIONAL:
        import_module("taut._keras_words").in_module("taut", __all__, "name")(name)
    value = getattr(import_module(_HOMES[name]), name) if name in _HOMES else import_module(f"taut.{name}")
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_OPTIONAL])
