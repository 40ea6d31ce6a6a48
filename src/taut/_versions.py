"""What JAX and Flax call differently in the versions that taut runs on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flax import nnx
from jax.extend import core

if TYPE_CHECKING:
    List = nnx.List
    get_opaque_trace_state = core.get_opaque_trace_state
else:
    List = getattr(nnx, "List", list)  # before Flax 0.12 a module holds a plain list
    try:
        get_opaque_trace_state = core.get_opaque_trace_state
    except AttributeError:  # before JAX 0.7
        from jax.core import get_opaque_trace_state

__all__ = ["List", "get_opaque_trace_state", "iter_modules"]


def iter_modules(node: Any) -> Iterator[tuple[tuple[Any, ...], nnx.Module]]:
    """(place, module) of every module inside ``node``, itself included and each once; inner ones first.

    ``nnx.iter_modules`` does the same from Flax 0.12.1 on; the method of that name is deprecated since.
    """
    for place, value in nnx.iter_graph(node):
        if isinstance(value, nnx.Module):
            yield tuple(place), value
