"""Copies of a model: ``copy.deepcopy`` and ``pickle``.

A pickle holds what a model file holds, arrays and plain data, because layers hold compiled functions, which cannot be
pickled. A deep copy copies the objects themselves, so it also works for a user's own functions (a loss, an activation),
which a file cannot hold.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from flax import nnx

from taut.model import held, loading, plain, saving
from taut.model.programs import Programs

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["deep", "reduced"]


def deep(model: Sequential, memo: dict[int, Any]) -> Sequential:
    """A copy of ``model``; a change to one does not change the other."""
    twin = object.__new__(type(model))
    memo[id(model)] = twin
    layers = nnx.clone(list(model.layers))
    held.own_terms(layers)
    shared = {
        "layers": layers,
        "_state": model._state,
        "_bound": None,
        "_looked": None,
        "_programs": Programs(),
    }  # arrays are immutable
    own = {name: value for name, value in vars(model).items() if name not in shared}
    plain = ("optimizer", "loss")  # frozen
    for name, value in own.items():
        own[name] = value if name in plain else list(value) if name == "metrics" else copy.deepcopy(value, memo)
    vars(twin).update(own | shared)
    twin._adopt()
    return twin


def reduced(model: Sequential) -> tuple[Any, ...]:
    """What pickle stores, and the function that makes the model again.

    Raises:
        TypeError, ValueError: what a model file cannot hold, such as a user's own function.
    """
    tensors, body = saving.parts(model)
    return _restored, (body, tensors)


def _restored(body: str, tensors: dict[str, np.ndarray]) -> Sequential:
    return loading.rebuild(plain.parse(body), tensors)
