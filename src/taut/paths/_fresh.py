"""A model's architecture with new initial weights: what a user's own code gives after ``set_random_seed(seed)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flax import nnx

from taut import utils
from taut.layers import Layer
from taut.model import Sequential, held, network

__all__ = ["fresh"]


def fresh(
    model: Sequential, seed: int, terms: Sequence[Mapping[str, Any]] = (), *, project: bool = True
) -> tuple[Sequential, int]:
    """A copy of ``model`` with its weights drawn anew, and the seed of the order in which its rows are visited.

    Both are what building the same architecture and calling ``fit`` right after ``taut.utils.set_random_seed(seed)``
    would draw. Layers that are frozen, and modules that are not taut's, keep the weights they have: a pretrained part
    stays pretrained. The copy shares nothing with ``model`` but its terms, optimizer, loss and metrics.

    Args:
        model: built.
        seed: 0 … 2³² − 1.
        terms: what is attached to the copy before its first weights are projected onto their constraints.
        project: whether they are.
    """
    model._need_built()
    with utils.drawn_from(seed):
        new = Sequential(name=model.name)  # draws the seed of its weights, as a user's would
        order = utils.draw_seed()
    new.layers = copied(model.layers)
    names = new._names
    drawn: set[int] = set()

    def draw(layer: Any, name: str, shape: tuple[int, ...]) -> None:
        if id(layer) in drawn:  # a shared layer: one set of weights
            return
        drawn.add(id(layer))
        if isinstance(layer, Layer):
            redraw(layer, name, shape)
        held.redraw_held(layer, name, new._draw, drawn)

    def redraw(layer: Layer, name: str, shape: tuple[int, ...]) -> None:
        kept = {key: getattr(layer, key) for key in layer.PARAMETERS if hasattr(layer, key)}
        layer.build(shape, lambda key, *rest: new._draw(f"{name}/{key}", *rest))
        if not layer.trainable:
            for key, value in kept.items():
                setattr(layer, key, value)

    assert model.input_shape is not None
    new.output_shape = network.output_shape(new.layers, names, model.input_shape, draw)
    new.input_shape = model.input_shape
    new._adopt()
    new._attached = {path: dict(terms) for path, terms in model._attached.items()}
    new.optimizer, new.loss, new.metrics, new.terms = model.optimizer, model.loss, list(model.metrics), model.terms
    new.metadata = dict(model.metadata)
    structure, params, _ = new._split()
    for more in terms:
        new.attach(more)
    # `attach` projects onto the constraints that there are by then; only the last ones count.
    network.write(new.layers, structure, new._feasible(structure, params) if project else params)
    return new, order


def copied(layers: list[Any]) -> list[Any]:
    """Copies of layers, each with terms of its own to change; layers that are shared stay shared."""
    copies = list(nnx.clone(layers))
    held.own_terms(copies)
    return copies
