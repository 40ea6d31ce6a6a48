"""What calling a layer does beside its mathematics.

Inside a model the outputs of layers with activity penalties are noted, also of those that other modules hold, and a
layer that has no weights yet is built for what it is given. Outside one, calls that mean something else in Keras are
refused.
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
    "a layer is called that the model cannot see, so that its weights would not be trained and its terms would not act: it "
    "is held by an object that is no NNX module, or by a closure. Make it an attribute of the module that calls it; lists "
    "and dicts of layers are nnx.List([...]) and nnx.Dict(...)."
)


def _trace() -> Any:
    return get_opaque_trace_state(convention="nnx")


@dataclass
class Watch:
    """The forward pass that is going on.

    Attributes:
        known: ids of the layers that the model sees.
        wanted: of those whose outputs are asked for, by id, the names.
        seen: outputs by name, one for each call.
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
    """A call that layers without weights are built for: the shapes of their rows, by their ids."""

    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    trace: Any = field(default_factory=_trace)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_build: ContextVar[Build | None] = ContextVar("build", default=None)


@contextmanager
def watching(watch: Watch) -> Generator[Watch]:
    """Within the block calls of layers are seen by ``watch``."""
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


@contextmanager
def building() -> Generator[dict[int, tuple[int, ...]]]:
    """Within the block a layer without weights gets zeros; what comes out is the shape of its rows, by its id."""
    build = Build()
    token = _build.set(build)
    try:
        yield build.shapes
    finally:
        _build.reset(token)


def called(method: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's ``__call__`` with all that."""

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
                    f"{watch.wanted[id(self)]} has an activity_regularizer, but is called inside a JAX transformation "
                    f"(vmap, scan, checkpoint), out of which its output cannot be taken. Call it outside, or give the "
                    f"regularizer to the layer around it."
                )
            watch.note(watch.wanted[id(self)], out)
        return out

    return call


def refuse_symbols(kind: str, x: Any) -> None:
    """Refuse what stands for an array in Keras's functional API."""
    if isinstance(x, nnx.Module) or type(x).__name__ == "KerasTensor":
        raise TypeError(
            f"{kind} was called on {type(x).__name__}, which is no array: taut connects layers by their order in a "
            f"model, not by calls. Write taut.Sequential([taut.layers.Input((10,)), taut.layers.Dense(3)]); for "
            f"branches, put a Flax NNX module of your own into it, whose __call__ takes and gives arrays."
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
            f"built. Build it where it is made: layer.build((n,), lambda name, shape, initializer: initializer(shape, "
            f"numpy.random.default_rng(0)))."
        )
    else:
        given = type(x).__name__ if shape is None else f"an array of shape {tuple(shape)}"
        raise ValueError(
            f"{kind} was called on {given}, but it has no weights yet: taut builds a layer inside a model, where the shape "
            f"of its input is known. Write model = taut.Sequential([taut.layers.Input((n,)), layer]) and call the model."
        )


def _check_seen(layer: Any, x: Any, watch: Watch) -> None:
    """A layer with weights that the model does not see would be held at its first weights, without a word."""
    if id(layer) in watch.known or not isinstance(x, Tracer):
        return
    arrays = [getattr(layer, name)[...] for name in layer.PARAMETERS if hasattr(layer, name)]
    if any(not isinstance(a, Tracer) for a in arrays):  # else a copy that an NNX transformation made
        raise ValueError(f"{type(layer).__name__}: {UNSEEN}")
