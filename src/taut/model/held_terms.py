"""Saves the current terms of inner layers in a file, and restores them.

The outer module writes its own config, which may not contain the terms of inner layers, or only old ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taut import errors
from taut.layers._base import encode
from taut.layers._terms import is_term_argument, term
from taut.model.held import within

__all__ = ["put_back", "written"]


def written(layers: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """``{"held": {path: terms}}`` as plain data; empty if no layer has inner layers."""
    found = {
        path: {
            "trainable": inner.trainable,
            "terms": {name: encode(value) for name, value in inner.terms.by_name.items() if is_term_argument(name)},
        }
        for path, inner in within(layers, names).items()
        if path not in names
    }
    return {"held": found} if found else {}


def put_back(layers: Sequence[Any], names: Sequence[str], described: Mapping[str, Any]) -> None:
    """Set the terms of inner layers from a file.

    Raises:
        ValueError: a layer or a term that does not exist.
    """
    inner = within(layers, names)
    for path, one in described.items():
        if path not in inner:
            raise ValueError(errors.unknown("layer", path, inner))
        arguments = [name for name in inner[path]._term_arguments() if is_term_argument(name)]
        for name, value in one["terms"].items():
            if name not in arguments:
                raise ValueError(errors.unknown(f"term of {path}", name, arguments))
            inner[path].terms.by_name[name] = term(name.rpartition("_")[2], value)
        object.__setattr__(
            inner[path], "trainable", bool(one["trainable"])
        )  # not by the layer: no model hears of it yet
