"""A model as one safetensors file: tensors for every array, JSON in its metadata for everything else.

Reading one runs no code and can name none: only registered layers, terms, losses and optimizers are ever made, and
arrays are checked against the file's own tensors before any memory is taken for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from taut import _keras_words, errors, identifiers, losses, metrics, optimizers, transforms
from taut.layers import Layer
from taut.layers._base import encode, term
from taut.model import files, network
from taut.model.files import ModelFileError
from taut.model.history import History

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["FORMAT", "ModelFileError", "load_model", "save"]

FORMAT = 1


# --- writing -------------------------------------------------------------------------------------------------------------


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to ``path``, atomically."""
    model._need_built()
    files.write(Path(path), *parts(model))


def parts(model: Sequential) -> tuple[dict[str, np.ndarray], str]:
    """Every array of a model by name, and everything else as JSON."""
    tensors: dict[str, np.ndarray] = {}
    if model.built:
        _, params, rest = model._split()
        tensors |= {f"params/{p}": np.asarray(w) for p, w in params.items()}
        tensors |= {f"state/{name}": array for name, array in _leaves(rest)}
    if model._state is not None:
        tensors |= {f"training/{name}": array for name, array in _leaves(model._state[1])}
    return tensors, json.dumps(_describe(model), allow_nan=False, sort_keys=True)


def _describe(model: Sequential) -> dict[str, Any]:
    from taut import __version__

    names = network.name_layers(model.layers)
    layers = []
    for i, (name, layer) in enumerate(zip(names, model.layers, strict=True)):
        first = next(j for j, other in enumerate(model.layers) if other is layer)
        layers.append({"shared_with": first} if first < i else {"name": name, **_layer(name, layer)})
    compiled = None
    if model.loss is not None and model.optimizer is not None:
        compiled = {
            "optimizer": optimizers.serialize(model.optimizer),
            "loss": losses.serialize(model.loss),
            "metrics": [metrics.serialize(m) for m in model.metrics],
            "terms": model.terms,
        }
    history = model.history
    return {
        "format": FORMAT,
        "version": __version__,
        "name": model.name,
        "seed": model.seed,
        "input_shape": list(model.input_shape or ()) if model.built else None,
        "layers": layers,
        "attached": {
            path: {kind: encode(term) for kind, term in terms.items()} for path, terms in model._attached.items()
        },
        "compile": compiled,
        "history": None if history is None else _plain_history(history),
        "metadata": _plain(model.metadata),
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


def _plain(metadata: Any) -> Any:
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"model.metadata cannot be saved ({error}); expected a dict of strings, finite numbers, True, False, None, "
            f"lists and dicts."
        ) from error
    return metadata


def _plain_history(history: History) -> dict[str, Any]:
    # JSON has no NaN or infinity; a run that ended so keeps its record up to there.
    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    values = {key: [number(v) for v in column] for key, column in history.history.items()}
    return {
        "seed": history.seed,
        "params": history.params,
        "history": values,
        "epoch": history.epoch,
        "settled": history.settled,
    }


def _leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays of a pytree by the names of their places; random keys as their data."""
    return [
        (jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(_raw(leaf)))
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _raw(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


# --- reading -------------------------------------------------------------------------------------------------------------


@_keras_words.checked
def load_model(path: str | os.PathLike[str]) -> Sequential:
    """The model that ``save`` wrote, ready to predict, to be inspected, and to go on training.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is no taut model, is truncated or altered, comes from a newer version, or names a layer or
            term that is not registered.
    """
    path = Path(path)
    tensors, body = files.read(path)
    try:
        description = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: its description is no valid JSON ({error}); the file is damaged.") from error
    version = description.get("format") if isinstance(description, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFileError(f"{path}: has no format number; this is no taut model file.")
    if version > FORMAT:
        raise ModelFileError(
            f"{path}: was written by taut {description.get('version')} in format {version}, but this version reads up to "
            f"format {FORMAT}. Update taut to load it."
        )
    try:
        return _rebuild(description, tensors)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise ModelFileError(f"{path}: cannot be made a model: {what}") from error


def rebuilt(body: str, tensors: Mapping[str, np.ndarray]) -> Sequential:
    """The model whose `parts` these are, also one that is not built."""
    return _rebuild(json.loads(body), tensors)


def _rebuild(description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Sequential:
    from taut.model.sequential import Sequential

    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"the tensor {name!r} holds NaN or infinity.")
    layers: list[Any] = []
    for item in description["layers"]:
        if "shared_with" in item:
            layers.append(_shared(layers, item["shared_with"]))
            continue
        layer = identifiers.deserialize("layer", {k: v for k, v in item.items() if k != "name"})
        layers.append(layer)
    model = Sequential(name=str(description["name"]))
    model.layers = layers  # not add(): that would draw weights, of whatever size the file asks for
    model.seed = int(description["seed"])
    if description["input_shape"] is None:
        model._generator = np.random.default_rng(model.seed)
        return _finish(model, description)
    input_shape = tuple(int(n) for n in description["input_shape"])
    model._build(input_shape, _from_file(tensors))
    structure, params, rest = model._split()
    expected = {f"params/{p}" for p in params}
    found = {name for name in tensors if name.startswith("params/")}
    if expected != found:
        odd = sorted(expected ^ found)[0]
        raise ModelFileError(f"the tensor {odd!r} is {'missing' if odd in expected else 'of no layer'}.")
    values = {p: _fit(f"params/{p}", tensors[f"params/{p}"], w) for p, w in params.items()}
    model._attached = _attached(
        description["attached"],
        [*params, *network.unit_parts(model.layers, structure, params), *(f"{n}/activity" for n in structure.names)],
    )
    state = _fill("state/", rest, tensors)
    network.write(model.layers, structure, model._feasible(structure, values), state)
    _finish(model, description)
    if any(name.startswith("training/") for name in tensors) and model.optimizer is not None:
        optimizer, plan = model.optimizer.prepared(), model.plan
        trained = {e.path: values[e.path] for e in plan.entries if e.trainable}
        kept = {name.removeprefix("training/metric/") for name in tensors if name.startswith("training/metric/")}
        state = _fill("training/", transforms.init(optimizer, plan, trained, kept), tensors)
        model._state = transforms.layout(optimizer, trained), state
    return model


def _finish(model: Sequential, description: Mapping[str, Any]) -> Sequential:
    """Everything that is no array."""
    compiled = description["compile"]
    if compiled is not None:
        measured = [metrics.deserialize(m) for m in compiled["metrics"]]
        optimizer, loss = optimizers.deserialize(compiled["optimizer"]), losses.deserialize(compiled["loss"])
        model.compile(optimizer, loss, measured, compiled["terms"])
    if description["history"] is not None:
        model.history = _history(description["history"])
    model.metadata = dict(description["metadata"])
    return model


def _shared(layers: list[Any], index: Any) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(layers):
        raise ModelFileError(f"a layer is shared with number {index!r}, but {len(layers)} layers come before it.")
    return layers[index]


def _attached(described: Mapping[str, Mapping[str, Any]], known: list[str]) -> dict[str, dict[str, Any]]:
    for path, terms in described.items():
        if path not in known:
            raise ModelFileError(errors.unknown("parameter path", path, known))
        if not set(terms) <= {"regularizer", "constraint"}:
            raise ModelFileError(f"{path} has terms of the kinds {sorted(terms)}, expected regularizer or constraint.")
    return {path: {kind: term(kind, value) for kind, value in terms.items()} for path, terms in described.items()}


def _history(described: Mapping[str, Any]) -> History:
    columns = {
        str(key): [float("nan") if v is None else float(v) for v in column]
        for key, column in described["history"].items()
    }
    epochs = [int(epoch) for epoch in described["epoch"]]
    return History(int(described["seed"]), dict(described["params"]), columns, epochs, described["settled"])


def _from_file(tensors: Mapping[str, np.ndarray]) -> Callable[..., np.ndarray]:
    """A source of parameters that hands out the file's tensors, so nothing larger than the file is ever made."""

    def source(path: str, shape: tuple[int, ...], initializer: Any) -> np.ndarray:
        if initializer is None:  # a random stream; its state follows
            return np.asarray(0)
        array = tensors.get(f"params/{path}")
        if array is None:
            raise ModelFileError(f"the tensor 'params/{path}' is missing.")
        if array.dtype != np.float32:
            raise ModelFileError(f"the tensor 'params/{path}' holds {array.dtype}, expected float32.")
        if array.shape != shape:
            raise ModelFileError(f"the tensor 'params/{path}' has shape {array.shape}, but its layer needs {shape}.")
        return array

    return source


def _fit(name: str, array: np.ndarray, like: jax.Array) -> jax.Array:
    if array.shape != like.shape or array.dtype != like.dtype:
        raise ModelFileError(
            f"the tensor {name!r} is {array.dtype} of shape {array.shape}, expected {like.dtype} of shape {like.shape}."
        )
    return jax.device_put(array)


def _fill(prefix: str, template: Any, tensors: Mapping[str, np.ndarray]) -> Any:
    """``template`` with its leaves taken from the file."""

    def take(path: Any, leaf: Any) -> Any:
        name = prefix + jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in tensors:
            raise ModelFileError(f"the tensor {name!r} is missing.")
        raw = _fit(name, tensors[name], _raw(leaf))
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(raw, impl=jax.random.key_impl(leaf))
        return raw

    return jax.tree_util.tree_map_with_path(take, template)
