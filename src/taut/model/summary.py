"""A model's layers as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taut._text import aligned
from taut.model import network

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["summary"]


def summary(model: Sequential) -> str:
    """Layers, output shapes and parameter counts, followed by the plan: which term acts where."""
    names = network.name_layers(model.layers)
    if not model.built:
        rows = [(n, type(layer).__name__, "not built", "?") for n, layer in zip(names, model.layers, strict=True)]
        return (
            _table(model.name, rows)
            + "\nNot built yet, because the shape of the input is unknown. Give the first layer input_shape=(n,), "
            "or call build or fit."
        )
    params = model.params
    rows = []
    shape = model.input_shape
    assert shape is not None
    for name, layer in zip(names, model.layers, strict=True):
        shape = network.rows_after(layer, name, shape)
        count = sum(w.size for path, w in params.items() if path.startswith(f"{name}/"))
        rows.append((name, type(layer).__name__, f"(rows, {', '.join(map(str, shape))})", f"{count:,}"))
    total = model.count_params()
    frozen = sum(params[e.path].size for e in model.plan.entries if not e.trainable)
    lines = [_table(model.name, rows), f"parameters: {total:,}" + (f", of which frozen: {frozen:,}" if frozen else "")]
    return "\n".join([*lines, "", str(model.plan)])


def _table(name: str, rows: list[tuple[str, str, str, str]]) -> str:
    table = [("layer", "kind", "output", "parameters"), *rows]
    return "\n".join([f"model {name!r}", *aligned(table, ruled=True)])
