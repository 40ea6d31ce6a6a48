"""A model as one safetensors file: a tensor for each array, and JSON in the file's metadata for everything else.

Before anything is written, a model is made of it as `taut.model.loading` does, so what has been saved can be loaded.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from taut import errors, identifiers, losses, metrics, optimizers, transforms
from taut.layers import Layer
from taut.layers._base import encode
from taut.model import files, held_terms, network, plain
from taut.model.history import History
from taut.model.loading import FORMAT, REFUSALS, raw, rebuild, words

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["parts", "save"]


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to ``path`` atomically, after a check that the file can be loaded."""
    model._need_built()
    files.check_name(path, "model", stacklevel=5)  # through Sequential.save and what checks its arguments
    files.write(path, *parts(model))


def parts(model: Sequential) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of a model by name, and everything else as JSON text; `loading.rebuild` makes the model of them again.

    Raises:
        TypeError, ValueError: something that a file cannot hold, or that loading would refuse.
    """
    tensors: dict[str, np.ndarray] = {}
    if model.built:
        try:
            model._rest()
        except ValueError as error:
            raise ValueError(f"this model cannot be saved: {error}") from error
        structure, params, rest = model._split()
        tensors |= {f"params/{p}": np.asarray(w) for p, w in params.items()}
        tensors |= {f"state/{name}": array for name, array in _leaves(rest)}
        if model._state is not None and model._state[0] == _layout(model, structure, params):
            # A state of other weights or of another optimizer is left out: the next fit would not continue from it.
            tensors |= {f"training/{name}": array for name, array in _leaves(model._state[1])}
    for name, array in tensors.items():
        if array.dtype.kind not in "biuf" or not array.dtype.isbuiltin:
            raise TypeError(
                f"this model cannot be saved: the tensor {name!r} is {array.dtype}, and a file holds numpy's own numbers, "
                f"such as float32 and float16. Convert the layer, or make it with param_dtype='float32'."
            )
    body = json.dumps(_describe(model), allow_nan=False, sort_keys=True)
    try:
        rebuild(plain.parse(body), tensors, projected=False)
    except REFUSALS as error:
        raise ValueError(f"this model cannot be saved, because the file could not be loaded: {words(error)}") from error
    return tensors, body


def _layout(model: Sequential, structure: network.Structure, params: network.Params) -> Any:
    plan = model._bind(structure, params, model.terms)
    trainable = {e.path for e in plan.entries if e.trainable}
    assert model.optimizer is not None
    return transforms.layout(model.optimizer.prepared(), {p: w for p, w in params.items() if p in trainable})


def _describe(model: Sequential) -> dict[str, Any]:
    from taut import __version__

    layers: list[dict[str, Any]] = []
    first: dict[int, int] = {}  # where each layer stands for the first time
    for i, (name, layer) in enumerate(zip(network.name_layers(model.layers), model.layers, strict=True)):
        at = first.setdefault(id(layer), i)
        layers.append({"shared_with": at} if at < i else {"name": name, **_layer(name, layer)})
    compiled = None
    if model.loss is not None and model.optimizer is not None:
        compiled = {
            "optimizer": optimizers.serialize(model.optimizer),
            "loss": losses.serialize(model.loss),
            "metrics": [metrics.serialize(m) for m in model.metrics],
            "terms": model.terms,
        }
    if not isinstance(model.metadata, dict):
        raise TypeError(
            f"this model cannot be saved: model.metadata is {errors.shown(model.metadata)}, expected a dict; use {{}} for "
            f"nothing."
        )
    return {
        "format": FORMAT,
        "version": __version__,
        "name": model.name,
        "seed": model.seed,
        "generator": model._generator.bit_generator.state,
        "input_shape": list(model.input_shape or ()) if model.built else None,
        "layers": layers,
        "attached": {
            path: {kind: encode(term) for kind, term in terms.items()} for path, terms in model._attached.items()
        },
        **held_terms.written(model.layers, model._names),
        "compile": compiled,
        "history": None if model.history is None else _plain_history(model.history),
        "metadata": _plain(model.metadata, "model.metadata"),
        "compaction": None if model.compaction is None else dataclasses.asdict(model.compaction),
    }


def _layer(name: str, layer: Any) -> dict[str, Any]:
    try:
        return identifiers.serialize(layer) or {}
    except (TypeError, AttributeError, ValueError) as error:
        kind = type(layer).__name__
        if isinstance(layer, Layer):
            raise TypeError(f"layer {name!r} ({kind}) cannot be saved: {error}") from error
        raise TypeError(
            f"layer {name!r} ({kind}) cannot be saved: {error}. A model file names no code, so a layer "
            f"of your own needs get_config, from_config and taut.identifiers.register('layer', {kind})."
        ) from error


def _plain(value: Any, place: str) -> Any:
    try:
        return plain.check(value, place)
    except RecursionError:
        raise ValueError(f"this model cannot be saved: {place} holds itself, or is nested too deeply.") from None
    except (TypeError, ValueError) as error:
        raise type(error)(f"this model cannot be saved: {error}") from None


def _plain_history(history: History) -> dict[str, Any]:
    # JSON has no NaN or infinity, and a run that ended so keeps its record: Python reads "inf" back as the number.
    def number(value: float) -> float | str | None:
        return float(value) if np.isfinite(value) else None if np.isnan(value) else str(float(value))

    values = {key: [number(v) for v in column] for key, column in history.history.items()}
    return {
        "seed": history.seed,
        "params": _plain(history.params, "model.history.params"),
        "history": values,
        "epoch": history.epoch,
        "settled": _plain(history.settled, "model.history.settled"),
    }


def _leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays of a pytree by the names of their places; random keys as their data."""
    return [
        (jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(raw(leaf)))
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]
