"""How features pass through a layer, as ``taut.compact`` reads it from the layer table.

A feature is one entry along the last axis of what flows between two layers. ``taut.compact`` follows features that are
constant, or that nothing needs, through a model and cuts them out; all that it knows of a layer is what its row says.
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
    """The flow of one layer, with what each axis of its arrays counts: "in", "out", "out*4" for packed gates, or None."""

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
        """Whether the outputs of ``layer`` depend on one another, as behind a softmax: none is cut then."""
        return self.flow.activation is not None and activations.couples(getattr(layer, self.flow.activation))


def wiring_of(module: Any) -> Wiring | None:
    """The wiring of ``module``, or None: nothing is known of it, or not which of its sizes count features."""
    layout = layouts.of(module)
    if layout.flow is None or (layout and not layout.flow.sizes):
        return None
    return Wiring(layout.flow, {name: parameter.features for name, parameter in layout.items()})
