"""How features pass through a layer, as ``taut.compact`` reads it from the layer table.

A feature is one entry along the last axis of the arrays between two layers. ``taut.compact`` follows features that are
constant, or that have no effect, through a model and removes them. All that it knows about a layer is in the layer's
row of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taut import activations, layouts
from taut.layouts import Flow

__all__ = ["Wiring", "wiring_of"]


@dataclass(frozen=True)
class Wiring:
    """How features flow through one layer; each axis counts "in", "out", "out*4" (for packed gates), or None."""

    flow: Flow
    axes: Mapping[str, tuple[str | None, ...]]

    @property
    def way(self) -> str:
        return self.flow.way

    @property
    def sizes(self) -> Mapping[str, str]:
        return self.flow.sizes

    @property
    def shift(self) -> str | None:
        return self.flow.shift

    @property
    def tied(self) -> bool:
        return self.flow.tied

    def couples(self, layer: Any) -> bool:
        """Whether the outputs of ``layer`` depend on each other, as after a softmax: then none is removed."""
        return self.flow.activation is not None and activations.couples(getattr(layer, self.flow.activation))


def wiring_of(module: Any) -> Wiring | None:
    """The wiring of ``module``. None if the layer is not known, or not which of its sizes count features."""
    layout = layouts.of(module)
    if layout.flow is None or (layout and not layout.flow.sizes):
        return None
    return Wiring(layout.flow, {name: parameter.features for name, parameter in layout.items()})
