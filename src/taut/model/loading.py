"""A model from the tensors and the description in a file.

Loading runs no code from the file: only registered layers, terms, losses and optimizers are made. Shapes are checked
against the file's own tensors before memory is allocated, and `plain` limits how much a file may ask for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from taut import _keras_words, errors, identifiers, losses, metrics, optimizers, transforms
from taut.layers._terms import term
from taut.model import entries, files, held_terms, network, plain
from taut.model.compacting import Change, Compaction
from taut.model.files import ModelFileError
from taut.model.history import History

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["FORMAT", "REFUSALS", "load_model", "raw", "rebuild", "words"]

FORMAT = 1
REFUSALS = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)
"""The errors that a wrong description or tensor can cause."""


@_keras_words.checked
def load_model(path: str | os.PathLike[str]) -> Sequential:
    """Load a model that ``save`` wrote, with its weights, terms, optimizer state and history; training can continue.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the file is not a taut model, is truncated or altered, was written by a newer version, or names a
            layer or term that is not registered.
    """
    path = Path(path)
    tensors, body = files.read(path)
    try:
        description = plain.parse(body)
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
        return rebuild(description, tensors)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except REFUSALS as error:
        raise ModelFileError(f"{path}: cannot be made a model: {words(error)}") from error


def words(error: Exception) -> str:
    return f"has no {error}" if isinstance(error, KeyError) else str(error)


def rebuild(description: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, projected: bool = True) -> Sequential:
    """The model that ``description`` and ``tensors`` describe; with ``projected=False`` its weights are not projected."""
    from taut.model.sequential import Sequential

    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"the tensor {name!r} holds NaN or infinity.")
    plain.check_size(description)
    layers: list[Any] = []
    for item in description["layers"]:
        if "shared_with" in item:
            layers.append(_shared(layers, item["shared_with"]))
            continue
        layer = identifiers.deserialize("layer", {k: v for k, v in item.items() if k != "name"})
        layers.append(layer)
    model = Sequential(name=str(description["name"]), _seed=int(description["seed"]))
    model.layers = layers  # not add(): that would draw weights, of whatever size the file asks for
    if description.get("generator") is not None:  # older files have none
        model._generator.bit_generator.state = description["generator"]
    if description["input_shape"] is None:
        return _finish(model, description)
    model._need_layers()
    model.input_shape = tuple(int(n) for n in description["input_shape"])
    model.output_shape = network.build(layers, model._names, model.input_shape, _from_file(tensors))
    model._adopt()
    held_terms.put_back(layers, model._names, description.get("held", {}))
    structure, params, rest = model._split()
    expected = {f"params/{p}" for p in params}
    found = {name for name in tensors if name.startswith("params/")}
    if expected != found:
        odd = sorted(expected ^ found)[0]
        raise ModelFileError(f"the tensor {odd!r} is {'missing' if odd in expected else 'of no layer'}.")
    values = {p: _fit(f"params/{p}", tensors[f"params/{p}"], w) for p, w in params.items()}
    model._attached = _attached(description["attached"], [t.name for t in entries.targets(layers, structure, params)])
    state = _fill("state/", rest, tensors)
    resting = model._feasible(structure, values, resting=True) if projected else values
    network.write(layers, structure, resting, state)
    _finish(model, description)
    plan = model.plan
    if any(name.startswith("training/") for name in tensors) and model.optimizer is not None:
        optimizer = model.optimizer.prepared()
        trained = {e.path: values[e.path] for e in plan.entries if e.trainable}
        kept = {name.removeprefix("training/metric/") for name in tensors if name.startswith("training/metric/")}
        state = _fill("training/", transforms.init(optimizer, plan, trained, kept), tensors)
        model._state = transforms.layout(optimizer, trained), state
    return model


def _finish(model: Sequential, description: Mapping[str, Any]) -> Sequential:
    """Set what is not an array: compile arguments, history, metadata."""
    compiled = description["compile"]
    if compiled is not None:
        measured = [metrics.deserialize(m) for m in compiled["metrics"]]
        optimizer, loss = optimizers.deserialize(compiled["optimizer"]), losses.deserialize(compiled["loss"])
        model.compile(optimizer, loss, measured, compiled["terms"])
    if description["history"] is not None:
        model.history = _history(description["history"])
    model.metadata = dict(description["metadata"])
    if description.get("compaction") is not None:
        model.compaction = _compaction(description["compaction"])
    return model


def _compaction(described: Mapping[str, Any]) -> Compaction:
    made: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in described.items()}
    made["changes"] = tuple(Change(**change) for change in described["changes"])
    return Compaction(**made)


def _shared(layers: list[Any], index: Any) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(layers):
        raise ModelFileError(f"a layer is shared with number {index!r}, but {len(layers)} layers come before it.")
    return layers[index]


def _attached(described: Mapping[str, Mapping[str, Any]], known: list[str]) -> dict[str, dict[str, Any]]:
    places = set(known)
    for path, terms in described.items():
        if path not in places:
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
        data = _fit(name, tensors[name], raw(leaf))
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
        return data

    return jax.tree_util.tree_map_with_path(take, template)


def raw(leaf: Any) -> Any:
    """An array as a file holds it: a random key as its data."""
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
