"""How features pass through each layer kind: what dead inputs and units mean to it.

A feature is one entry along the last axis of what flows between two layers. ``taut.compact`` follows features that are
constant, or that nothing needs, through a model and cuts them out; all that it knows of a layer kind is its row here.
A new kind joins by one row, :func:`wire`; without one nothing is cut before or behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from taut import activations
from taut.layers.dense import Dense
from taut.layers.shape import Activation, Dropout, Flatten, Input, Select

__all__ = ["Wiring", "wire", "wiring_of"]

WAYS = ("mix", "entry", "flatten", "select")


@dataclass(frozen=True)
class Wiring:
    """The wiring of one layer kind.

    Args:
        way: "mix", an output sums over all inputs (Dense, a convolution's filters); "entry", output i follows from input
            i alone (an activation); "flatten", the entries of a row in one line; "select", some entries of a row.
        axes: by array, what each of its axes counts: "in" the features that come, "out" those that go, None something
            else (a window). An axis that holds the features several times in a row, one for each of four gates, is
            "out*4"; one that joins the inputs and the outputs, as a recurrent kernel may, is an array of each.
        sizes: by constructor argument that counts features, which: ``{"units": "out"}``.
        shift: the array that takes up what a constant input gives (constant · kernel), "bias"; None where none does, so
            that only constants of 0 can be cut before it. It goes with a layer that is linear in its inputs.
        couples: whether the outputs of this module depend on one another, as behind a softmax: none is cut then.
        tied: inputs and outputs are the same features, as in x + f(x).

    Raises:
        ValueError: another way or label.

    >>> Wiring("mix", {"kernel": (None, None, "in", "out"), "bias": ("out",)}, {"filters": "out"}).way
    'mix'
    """

    way: str
    axes: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict[str, tuple[str | None, ...]])
    sizes: Mapping[str, str] = field(default_factory=dict[str, str])
    shift: str | None = None
    couples: Callable[[Any], bool] = lambda module: False
    tied: bool = False

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f"Wiring(way={self.way!r}): expected one of {', '.join(map(repr, WAYS))}.")
        labels = {label for axes in self.axes.values() for label in axes if label is not None}
        for label in [*labels, *self.sizes.values()]:
            feature, _, times = label.partition("*")
            if feature not in ("in", "out") or (times and not times.isdecimal()):
                raise ValueError(f"Wiring: the label {label!r}, expected 'in', 'out', such as 'out*4', or None.")


_WIRED: dict[type, Wiring] = {}


def wire(kind: type, wiring: Wiring) -> None:
    """Declare the wiring of a layer kind; subclasses inherit it."""
    if not isinstance(wiring, Wiring):
        raise TypeError(f"wiring of {kind.__name__}: {wiring!r}, expected a taut.layers.wiring.Wiring.")
    _WIRED[kind] = wiring


def wiring_of(module: Any) -> Wiring | None:
    """The wiring declared for ``module``'s class or the nearest of its bases, or None: nothing is known of it.

    A subclass that computes something else has no row of its own and is not taken for its base.
    """
    for kind in type(module).__mro__:
        row = _WIRED.get(kind)
        if row is None and kind.__module__.startswith("flax.nnx"):
            row = _FLAX.get(kind.__name__)
        if row is not None:
            return row
        if "__call__" in vars(kind):
            return None
    return None


_COUPLED: Callable[[Any], bool] = lambda layer: activations.couples(layer.activation)  # noqa: E731

wire(Input, Wiring("entry"))
wire(
    Dense,
    Wiring("mix", {"kernel": ("in", "out"), "bias": ("out",)}, {"units": "out"}, shift="bias", couples=_COUPLED),
)
wire(Flatten, Wiring("flatten"))
wire(Select, Wiring("select"))
wire(Dropout, Wiring("entry"))
wire(Activation, Wiring("entry", couples=_COUPLED))

# Flax's own modules, by class name.
_FLAX: dict[str, Wiring] = {
    "Linear": Wiring(
        "mix",
        {"kernel": ("in", "out"), "bias": ("out",)},
        {"in_features": "in", "out_features": "out"},
        shift="bias",
    ),
    "Dropout": Wiring("entry"),
}
