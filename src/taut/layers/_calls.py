"""What a layer's call does in addition to its mathematics.

Inside a model, the outputs of layers with activity penalties are recorded, also for layers inside other modules, and a
layer without weights is built for its input. Outside a model, calls that mean something else in Keras raise an error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flax import nnx
from jax.core import Tracer

from taut._versions import get_opaque_trace_state

__all__ = ["UNSEEN", "Watch", "building", "called", "refuse_symbols", "watching"]


UNSEEN = (
    "a layer is called that the model cannot see, so its weights would not be trained and its terms would not act: "
    "it is stored in an object that is not an NNX module, or in a closure. Make it an attribute of the module that "
    "calls it; for lists and dicts of layers use nnx.List([...]) and nnx.Dict(...)."
)


def _trace() -> Any:
    return get_opaque_trace_state(convention="nnx")


@dataclass
class Watch:
    """The current forward pass.

    Attributes:
        known: ids of the layers that the model sees.
        wanted: names, by id, of the layers whose outputs are requested.
        seen: outputs by name, one per call.
    """

    known: frozenset[int]
    wanted: Mapping[int, str] = field(default_factory=dict[int, str])
    seen: dict[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    trace: Any = field(default_factory=_trace)
    inside: set[int] = field(default_factory=set[int])

    def note(self, name: str, out: Any) -> None:
        self.seen[name] = (*self.seen.get(name, ()), out)


@dataclass
class Build:
    """A call for which layers without weights are built: the shapes of their rows, by layer id."""

    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    trace: Any = field(default_factory=_trace)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_build: ContextVar[Build | None] = ContextVar("build", default=None)


@contextmanager
def watching(watch: Watch) -> Generator[Watch]:
    """Inside the block, ``watch`` records calls of layers."""
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


@contextmanager
def building() -> Generator[dict[int, tuple[int, ...]]]:
    """Inside the block, a layer without weights gets zeros; the result is the shape of its rows, by layer id."""
    build = Build()
    token = _build.set(build)
    try:
        yield build.shapes
    finally:
        _build.reset(token)


def called(method: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's ``__call__`` with these additions."""

    @functools.wraps(method)
    def call(self: Any, x: Any, *args: Any, **named: Any) -> Any:
        watch = _watch.get()
        if watch is not None and id(self) in watch.inside:  # super().__call__ of a subclass
            return method(self, x, *args, **named)
        _check(self, x)
        if watch is None:
            return method(self, x, *args, **named)
        _check_seen(self, x, watch)
        watch.inside.add(id(self))
        try:
            out = method(self, x, *args, **named)
        finally:
            watch.inside.discard(id(self))
        if id(self) in watch.wanted:
            if _trace() != watch.trace:
                raise ValueError(
                    f"{watch.wanted[id(self)]} has an activity_regularizer, but is called inside a JAX "
                    "transformation (vmap, scan, checkpoint), where its output cannot be recorded. Call it outside, "
                    "or give the regularizer to the layer around it."
                )
            watch.note(watch.wanted[id(self)], out)
        return out

    return call


def refuse_symbols(kind: str, x: Any) -> None:
    """Raise for the symbolic tensors of Keras's functional API."""
    if isinstance(x, nnx.Module) or type(x).__name__ == "KerasTensor":
        raise TypeError(
            f"{kind} was called on {type(x).__name__}, which is not an array: taut connects layers by their order "
            "in a model, not by calls. Write taut.Sequential([taut.layers.Input((10,)), taut.layers.Dense(3)]); for "
            "branches, use a Flax NNX module of your own as a layer; its __call__ takes and returns arrays."
        )


def _check(layer: Any, x: Any) -> None:
    kind = type(layer).__name__
    refuse_symbols(kind, x)
    if layer.built:
        return
    watch, build, shape = _watch.get(), _build.get(), getattr(x, "shape", None)
    if watch is not None and id(layer) not in watch.known:
        raise ValueError(f"{kind}: {UNSEEN}")
    if build is not None and shape is not None and build.trace == _trace():
        build.shapes[id(layer)] = tuple(shape[1:])
        layer.build(tuple(shape[1:]), lambda name, shape, initializer: np.zeros(shape, np.float32))
    elif build is not None:
        raise ValueError(
            f"{kind} has no weights yet and is called inside a JAX transformation (vmap, scan, jit), where it cannot be "
            f"built. Build it where you create it: layer.build((n,), lambda name, shape, initializer: "
            "initializer(shape, "
            f"numpy.random.default_rng(0)))."
        )
    else:
        given = type(x).__name__ if shape is None else f"an array of shape {tuple(shape)}"
        raise ValueError(
            f"{kind} was called on {given}, but it has no weights yet: taut builds a layer as part of a model, "
            "where the shape of its input is known. Write model = taut.Sequential([taut.layers.Input((n,)), layer]) "
            "and call the model."
        )


def _check_seen(layer: Any, x: Any, watch: Watch) -> None:
    """Raise for a layer with weights that the model cannot see: its weights would silently never change."""
    if id(layer) in watch.known or not isinstance(x, Tracer):
        return
    arrays = [getattr(layer, name)[...] for name in layer.PARAMETERS if hasattr(layer, name)]
    if any(not isinstance(a, Tracer) for a in arrays):  # else a copy that an NNX transformation made
        raise ValueError(f"{type(layer).__name__}: {UNSEEN}")
