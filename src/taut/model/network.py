"""A list of layers as one pure function: parameters by path, everything else as state.

The layers are Flax NNX modules, taut's own or any other. :func:`split` takes them apart into a hashable structure
(which keys compiled programs), a flat dict of parameters ``{"dense/kernel": array}`` and the remaining state (batch
statistics, random streams); :func:`apply` runs them; :func:`write` puts new values back. One file because the four are one
codec: what one takes apart the others put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from taut import activations, identifiers, layouts
from taut._versions import iter_modules
from taut.layers import Layer, Select
from taut.layers._calls import Watch, watching
from taut.layers._terms import Terms
from taut.model.held import build_held, tried, way, within
from taut.model.programs import holds_user_code

__all__ = ["Structure", "apply", "build", "name_layers", "split", "write"]

Shape = tuple[int, ...]
Params = dict[str, jax.Array]


@dataclass(frozen=True)
class Structure:
    """What a compiled program is keyed by: the layers without any of their numbers."""

    names: tuple[str, ...]
    train: Any  # nnx.GraphDef in training mode
    evaluate: Any  # and in inference mode
    keys: tuple[tuple[str, tuple[Any, ...]], ...]  # of each parameter: its path, and where NNX keeps it
    holds_user_code: bool = field(default=False, compare=False)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path, _ in self.keys)


def name_layers(layers: Sequence[Any]) -> tuple[str, ...]:
    """A name for each layer: its own, or its class's in snake case, numbered as Keras does from the second on."""
    names: dict[int, str] = {}  # of each layer, by identity: a shared layer is one set of weights, with one name
    taken: dict[str, int] = {}
    for layer in layers:
        if id(layer) in names:
            continue
        own = getattr(layer, "name", None)
        base = own if isinstance(own, str) and own else identifiers.snake_case(type(layer).__name__)
        if own == base and base in taken:
            raise ValueError(f"two layers are named {base!r}; names must be unique within a model.")
        names[id(layer)] = identifiers.numbered(base, taken)
    return tuple(names[id(layer)] for layer in layers)


def build(layers: Sequence[Any], names: Sequence[str], input_shape: Shape, source: Callable[..., np.ndarray]) -> Shape:
    """Make the parameters of every layer that has none yet; returns the shape of one row of output.

    ``source(path, shape, initializer)`` gives each array. Taut layers that other modules hold are built for the rows that
    they are called with.
    """

    def make(layer: Any, name: str, shape: Shape) -> None:
        if isinstance(layer, Layer) and not layer.built:
            layer.build(shape, lambda key, *rest, name=name: source(f"{name}/{key}", *rest))
        build_held(layer, name, shape, source)

    return output_shape(layers, names, input_shape, make)


def output_shape(
    layers: Sequence[Any],
    names: Sequence[str],
    input_shape: Shape,
    visit: Callable[[Any, str, Shape], None] | None = None,
) -> Shape:
    """The shape of one row of output for rows of ``input_shape``; ``visit`` sees each layer with its own.

    Raises:
        ValueError: a layer that cannot take what comes before it, by name.
    """
    shape = input_shape
    for layer, name in zip(layers, names, strict=True):
        if isinstance(layer, Layer):
            declared = layer.input_shape
            if declared is not None and declared != shape and layer is not layers[0]:
                raise ValueError(
                    f"layer {name!r} was given input_shape={declared}, but the layer before it gives rows of shape {shape}."
                )
            if layer.built:
                check_input(layer, name, shape)
        if visit is not None and isinstance(layer, nnx.Module):
            visit(layer, name, shape)
        shape = rows_after(layer, name, shape)
    return shape


def rows_after(layer: Any, name: str, shape: Shape) -> Shape:
    """The shape of one row of the output of ``layer`` for rows of ``shape``."""
    for kind in type(layer).__mro__:
        if kind.__module__.partition(".")[0] == "taut" or "output_shape" in vars(kind):
            return layer.output_shape(shape)
        if "__call__" in vars(kind):  # a class of a user's own, or Flax's, which does not say
            break
    return foreign_output_shape(layer, name, shape)


def check_input(layer: Layer, name: str, shape: Shape) -> None:
    """A built layer's kernel must fit what comes before it."""
    for array, parameter in layouts.of(layer).items():
        if parameter.inputs is not None and parameter.inputs != shape[-1]:
            raise ValueError(
                f"layer {name!r} takes rows of {parameter.inputs} values (its {array} has shape {parameter.shape}), but "
                f"what comes before it gives rows of shape {shape}."
            )


def foreign_output_shape(layer: Any, name: str, shape: Shape) -> Shape:
    if not isinstance(layer, nnx.Module):
        raise TypeError(f"layer {name!r} is {layer!r}, expected a taut layer or a Flax NNX module.")
    if any(not inner.built for inner in within([layer], (name,)).values()):
        layer = tried(layer, name, shape)[0]
    graph, state = nnx.split(layer)

    def run(state: Any, x: jax.Array) -> jax.Array:
        twin = nnx.merge(graph, state)
        with watching(Watch(frozenset(map(id, within([twin], (name,)).values())))):
            return twin(x)

    try:
        out = jax.eval_shape(run, state, jax.ShapeDtypeStruct((2, *shape), "float32"))
    except Exception as on_floats:
        try:  # embeddings look rows up by integers
            out = jax.eval_shape(run, state, jax.ShapeDtypeStruct((2, *shape), "int32"))
        except Exception:
            raise ValueError(
                f"layer {name!r} ({type(layer).__name__}) cannot take rows of shape {shape}: {on_floats}"
            ) from on_floats
    shapes = [getattr(leaf, "shape", None) for leaf in jax.tree.leaves(out)]
    if not hasattr(out, "shape") or out.shape[:1] != (2,):
        raise ValueError(
            f"layer {name!r} ({type(layer).__name__}) gives arrays of shapes {shapes} for two rows of shape {shape}; "
            f"expected one array with one row for each. Wrap it in a module that returns that."
        )
    return tuple(out.shape[1:])


def _flat(nested: Mapping[Any, Any], prefix: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def _nested(flat: Iterable[tuple[tuple[Any, ...], Any]]) -> dict[Any, Any]:
    out: dict[Any, Any] = {}
    for keys, value in flat:
        here = out
        for key in keys[:-1]:
            here = here.setdefault(key, {})
        here[keys[-1]] = value
    return out


def split(layers: Sequence[Any], names: tuple[str, ...], own: dict[Any, Structure]) -> tuple[Structure, Params, Any]:
    """(structure, parameters by path, remaining state) of built layers; no array is copied.

    Parameters come in the order of the layers, a layer's kernel before its bias as in Keras. Structures that hold a
    user's code are remembered in ``own``, others for all models.
    """
    layers = list(layers)
    graph, state, rest = nnx.split(layers, nnx.Param, ...)
    flat = dict(_flat(nnx.to_pure_dict(state)))
    key = (graph, names)
    structure = _structures.get(key) or own.get(key)
    if structure is None:
        order = sorted(flat, key=lambda keys: (keys[0], *(_rank(key) for key in keys[1:])))
        structure = Structure(
            names,
            _graph_in_mode(layers, training=True),
            _graph_in_mode(layers, training=False),
            tuple(("/".join((names[keys[0]], *(str(key) for key in keys[1:]))), keys) for keys in order),
            holds_user_code(layers, skip=(Terms,)),  # the terms that act are in the plan
        )
        remembered = own if structure.holds_user_code else _structures
        if len(remembered) >= STRUCTURES:
            remembered.clear()
        remembered[key] = structure
    return structure, {path: flat[keys] for path, keys in structure.keys}, nnx.to_pure_dict(rest)


STRUCTURES = 256  # architectures remembered: equal models share one structure, and a view costs NNX 2 ms
_structures: dict[Any, Structure] = {}


def _graph_in_mode(layers: list[Any], training: bool) -> Any:
    """The structure of the layers in training or inference mode; frozen layers keep their batch statistics, as Keras's.

    Not by ``nnx.view``: it takes an ``Rngs`` for a module with a ``set_view`` and draws from it, so that a look at a model
    changed its dropout; and it passes by modules that have the attributes alone.
    """
    copies = nnx.clone(layers)
    together: Any = copies
    for keys, module in iter_modules(together):
        frozen = not all(bool(getattr(held, "trainable", True)) for held in way(copies, keys))
        for name, value in (("deterministic", not training), ("use_running_average", not training or frozen)):
            if name in vars(module):
                setattr(module, name, value)
    return nnx.graphdef(copies)


def _rank(key: Any) -> tuple[int, str]:
    """Kernels before biases before everything else, then by name."""
    order = ("kernel", "embedding", "scale", "bias")
    return (order.index(key) if key in order else len(order), str(key).zfill(6))


def _merge(structure: Structure, params: Mapping[str, Any], rest: Any, training: bool) -> list[Any]:
    nested = _nested((keys, params[path]) for path, keys in structure.keys)
    return nnx.merge(structure.train if training else structure.evaluate, nested, rest)


class Outputs(NamedTuple):
    """What one forward pass gives; ``logits`` is what the last activation was given, where there is one."""

    out: jax.Array
    logits: jax.Array | None
    layers: dict[str, tuple[jax.Array, ...]]  # one for each call
    rest: Any


def apply(
    structure: Structure,
    params: Mapping[str, Any],
    rest: Any,
    x: jax.Array,
    *,
    training: bool,
    want: Sequence[str] = (),
) -> Outputs:
    """Run the layers on a batch ``x``; the outputs of the layers named in ``want`` are returned as well.

    Raises:
        ValueError: one of them was not called, or where its output cannot be taken out of.
    """
    layers = _merge(structure, params, rest, training)
    inner = within(layers, structure.names)
    watch = Watch(
        frozenset(map(id, inner.values())), {id(layer): path for path, layer in inner.items() if path in want}
    )
    logits = None
    for i, (name, layer) in enumerate(zip(structure.names, layers, strict=True)):
        try:
            with watching(watch):
                if i == len(layers) - 1 and gives_logits(layer):
                    logits = layer.before_activation(x)
                    out = layer.activation(logits)
                    noted = False
                else:
                    out = layer(x)
                    noted = isinstance(layer, Layer)
        except Exception as error:
            error.add_note(f"This happened in layer {name!r} ({type(layer).__name__}), given {x.dtype}{x.shape}.")
            raise
        x = out
        if name in want and not noted:
            watch.note(name, x)
    for name in want:
        if name not in watch.seen:
            raise ValueError(
                f"{name} has an activity_regularizer, but its output is not seen when the model is called: it is called "
                f"inside an NNX transformation (scan, vmap, jit, remat) or not at all. Give the regularizer to the "
                f"layer around it."
            )
    if training:
        _, _, rest = nnx.split(layers, nnx.Param, ...)
        rest = nnx.to_pure_dict(rest)
    return Outputs(x, logits, watch.seen, rest)


def write(layers: Sequence[Any], structure: Structure, params: Mapping[str, Any], rest: Any = None) -> None:
    """Put parameters (and state) back into the layers' own variables."""
    layers = list(layers)
    nnx.update(layers, _nested((keys, params[path]) for path, keys in structure.keys if path in params))
    if rest:
        nnx.update(layers, rest)


def gives_logits(layer: Any) -> bool:
    """Whether a layer is its ``activation`` of its ``before_activation``; a subclass with another call is not."""
    for kind in type(layer).__mro__:
        if "before_activation" in vars(kind):
            return True
        if "__call__" in vars(kind):
            return False
    return False


def activation_name(layer: Any) -> str | None:
    """The name of a layer's activation, where it has a known one."""
    return activations.name_of(getattr(layer, "activation", None))


RARE = 10  # batches between an entry's gradients, beyond which an optimizer's second moment fades by more than 1 %


def with_rare_entries(
    layers: Sequence[Any], structure: Structure, params: Mapping[str, Any], x: Any, batch: int
) -> tuple[str, ...]:
    """The parameters that have entries which go many batches without a gradient.

    In the first layer's kernel these are the rows of inputs that are seldom other than zero (a rare word's column); in
    a module that is not taut's anything may be rare (an embedding's rows). Inputs that are zero in every row are dead,
    not rare.
    """
    first = None  # the taut layer that the data come to as they are
    for name, layer in zip(structure.names, layers, strict=True):
        if isinstance(layer, Select):
            x = np.asarray(x)
            x = (x.reshape(len(x), -1) if layer.axis is None else x)[..., list(layer.indices)]
        if not isinstance(layer, Layer) or layer.PARAMETERS:
            first = name
            break
    out = []
    for path, keys in structure.keys:
        if not isinstance(layers[keys[0]], Layer) or len(keys) > 2:
            out.append(path)
        elif path == f"{first}/kernel" and path in params:
            columns = np.asarray(x).reshape(-1, params[path].shape[0])
            share = (columns != 0).mean(axis=0)  # of the rows in which an input is not zero
            rows = batch * len(columns) / len(x)
            if ((share > 0) & (share * rows * RARE < 1)).any():
                out.append(path)
    return tuple(out)
