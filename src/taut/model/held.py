"""The layers that a model's layers hold: in attributes, lists and dicts, at any depth.

Their terms act as those of the model's own layers. A taut layer that has no weights yet is built for the rows that it
is called with, since what holds it need not know about shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from taut._versions import List, iter_modules
from taut.layers import Layer
from taut.layers._calls import UNSEEN, building

__all__ = ["activity_layers", "build_held", "modules", "own_terms", "redraw_held", "tried", "way", "within"]

Shape = tuple[int, ...]


def build_held(layer: Any, name: str, shape: Shape, source: Callable[..., np.ndarray]) -> None:
    """Make the parameters of the taut layers that ``layer`` holds and that have none, for rows of ``shape``."""
    unbuilt = {path: inner for path, inner in within([layer], (name,)).items() if not inner.built}
    if not unbuilt:
        return
    shapes = tried(layer, name, shape)[1]
    for path, inner in unbuilt.items():
        if path in shapes:
            inner.terms.built_for = shapes[path]
            _draw(inner, path, source)


def redraw_held(layer: Any, name: str, source: Callable[..., np.ndarray], drawn: set[int]) -> None:
    """Draw anew what `build_held` drew, in the same order; frozen layers keep the weights they have.

    ``drawn`` has the ids of the layers that were, and gets those of these.
    """
    for path, inner in within([layer], (name,)).items():
        if inner is layer or inner.terms.built_for is None or id(inner) in drawn:
            continue
        drawn.add(id(inner))
        kept = {key: getattr(inner, key) for key in inner.PARAMETERS if hasattr(inner, key)}
        _draw(inner, path, source)
        if not (inner.trainable and getattr(layer, "trainable", True)):
            for key, value in kept.items():
                setattr(inner, key, value)


def _draw(inner: Layer, path: str, source: Callable[..., np.ndarray]) -> None:
    assert inner.terms.built_for is not None
    inner.build(inner.terms.built_for, lambda key, *rest: source(f"{path}/{key}", *rest))


def tried(layer: Any, name: str, shape: Shape) -> tuple[Any, dict[str, Shape]]:
    """A copy of ``layer`` whose taut layers all have weights, and the rows that those were built for, by path.

    Raises:
        ValueError: it cannot be called with rows of ``shape``, or calls a layer that the model cannot see.
    """
    twin = nnx.clone(layer)
    with building() as shapes:
        try:
            twin(jnp.zeros((2, *shape)))
        except Exception as on_floats:
            try:  # embeddings look rows up by integers
                twin(jnp.zeros((2, *shape), jnp.int32))
            except Exception:
                raise ValueError(
                    f"layer {name!r} ({type(layer).__name__}) cannot take rows of shape {shape}: {on_floats}"
                ) from on_floats
    found = {path: inner for path, inner in within([twin], (name,)).items() if id(inner) in shapes}
    if len(found) < len(shapes):
        raise ValueError(f"layer {name!r} ({type(layer).__name__}): {UNSEEN}")
    return twin, {path: shapes[id(inner)] for path, inner in found.items()}


def within(layers: Sequence[Any], names: Sequence[str]) -> dict[str, Layer]:
    """Every taut layer by path, those that other modules hold included ("block/dense"); a shared one once."""
    found = {path: module for path, module in modules(layers, names).items() if isinstance(module, Layer)}
    return dict(sorted(found.items(), key=lambda item: item[0].split("/")))


def modules(layers: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Every NNX module by path, the model's own layers included; a shared one once."""
    together: Any = list(layers)
    own = {id(layer): name for layer, name in zip(layers, names, strict=True)}
    found: dict[str, Any] = {}
    for path, module in iter_modules(together):
        keys: tuple[Any, ...] = path
        name = "/".join([str(names[keys[0]]), *map(str, keys[1:])])
        found[own.get(id(module), name)] = module
    return found


def activity_layers(layers: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """What has an output that can be regularized: the model's layers, and the taut layers that they hold."""
    return {**dict(zip(names, layers, strict=True)), **within(layers, names)}


def own_terms(copies: Sequence[Any]) -> None:
    """Give copies of layers terms of their own to change: NNX hands on the very object."""
    for layer in within(copies, [str(i) for i in range(len(copies))]).values():
        object.__setattr__(layer, "terms", layer.terms.copied())


def way(layers: Sequence[Any], keys: Sequence[Any]) -> list[Any]:
    """The modules on the way to what is kept at ``keys``, from the model's layer on."""
    here: Any = layers
    found: list[Any] = []
    for key in keys:
        here = here[key] if isinstance(here, list | tuple | Mapping | List) else getattr(here, key)
        if isinstance(here, nnx.Module):
            found.append(here)
    return found
