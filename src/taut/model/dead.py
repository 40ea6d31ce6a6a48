"""Finds features of a model that have no effect: constant ones, and those that nothing depends on.

Edge k leads into layer k; the last edge leads out of the model. On each edge a mask of the shape of a row says which
entries are removed. Forwards, a unit without a non-zero weight from anything that varies is *constant*; backwards, an
entry that does not reach the output is *not needed*. Both can be removed if the layers on both sides of an edge allow
it: the wiring of each kind of layer (`taut.layers.wiring`) says which features before and after it are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut.layers.wiring import Wiring

__all__ = ["Dead", "Stage", "channels", "contribution", "find"]

Mask = np.ndarray


@dataclass(frozen=True)
class Stage:
    """One layer of a model with its wiring; ``wiring`` is None if nothing may be removed on either side.

    ``zero_in`` and ``zero_out`` are the input and the output of the layer for a row of zeros, which are the values of
    all constant entries.
    """

    name: str
    layer: Any
    wiring: Wiring | None
    arrays: dict[str, np.ndarray]
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    zero_in: np.ndarray
    zero_out: np.ndarray

    @property
    def couples(self) -> bool:
        return self.wiring is None or self.wiring.couples(self.layer)


@dataclass(frozen=True)
class Dead:
    """For each edge: what is removed, and which of it is constant (the rest is not needed)."""

    cut: list[Mask]
    constant: list[Mask]
    needed: list[Mask]


def channels(mask: Mask, how: Any = np.all) -> Mask:
    """A mask over a row as a mask over its last axis: features that are marked at every position."""
    return how(mask.reshape(-1, mask.shape[-1]), axis=0)


def _spread(marked: Any, shape: tuple[int, ...]) -> Mask:
    return np.broadcast_to(marked, shape).copy()


def _links(stage: Stage, source: str, target: str) -> Mask:
    """(sources, targets): whether a non-zero weight connects one feature to the other."""
    assert stage.wiring is not None
    sizes = {"in": stage.shape_in[-1], "out": stage.shape_out[-1]}
    found = np.zeros((sizes[source], sizes[target]), bool)
    for name, axes in stage.wiring.axes.items():
        ends = [i for i, label in enumerate(axes) if label is not None]
        if name not in stage.arrays or len(ends) != 2:
            continue
        first, second = ((axes[i] or "").partition("*")[0] for i in ends)
        if (first, second) not in ((source, target), (target, source)):
            continue
        order = ends if (first, second) == (source, target) else ends[::-1]
        weights = np.moveaxis(stage.arrays[name] != 0, order, (-2, -1))
        weights = weights.any(axis=tuple(range(weights.ndim - 2)))  # over windows
        # (k·sources, m·targets), packed one after the other → (sources, targets)
        found |= weights.reshape(-1, sizes[source], weights.shape[1] // sizes[target], sizes[target]).any(axis=(0, 2))
    return found


def _forward(stage: Stage, constant: Mask) -> Mask:
    """Which outputs are constant, given which inputs are."""
    wiring = stage.wiring
    if wiring is None or stage.couples:
        return np.zeros(stage.shape_out, bool)
    if wiring.way == "mix":
        inside = channels(constant)
        varies = _links(stage, "in", "out")[~inside].any(axis=0)
        varies |= ~inside if wiring.tied else False
        again, count = _links(stage, "out", "out"), -1
        while count != varies.sum():
            count = varies.sum()
            varies |= again[varies].any(axis=0)
        out = _spread(~varies, stage.shape_out)
    elif wiring.way == "select":
        out = _selected(stage, constant)
    else:
        out = constant.reshape(stage.shape_out)
    return out & np.isfinite(stage.zero_out)


def _backward(stage: Stage, needed: Mask) -> Mask:
    """Which inputs are needed, given which outputs are."""
    wiring = stage.wiring
    if wiring is None:
        return np.ones(stage.shape_in, bool)
    if stage.couples and needed.any():
        needed = np.ones(stage.shape_out, bool)
    if wiring.way == "mix":
        wanted, count = channels(needed, np.any), -1
        again = _links(stage, "out", "out")
        while count != wanted.sum():
            count = wanted.sum()
            wanted = wanted | again[:, wanted].any(axis=1)
        inside = _links(stage, "in", "out")[:, wanted].any(axis=1)
        return _spread(inside | wanted if wiring.tied else inside, stage.shape_in)
    if wiring.way == "select":
        return _unselected(stage, needed)
    return needed.reshape(stage.shape_in)


def _selected(stage: Stage, mask: Mask) -> Mask:
    indices = list(stage.layer.indices)
    return mask.reshape(-1)[indices] if stage.layer.axis is None else mask[..., indices]


def _unselected(stage: Stage, mask: Mask) -> Mask:
    """A mask over the outputs of a selection as a mask over its inputs."""
    out = np.zeros(stage.shape_in, bool)
    indices = list(stage.layer.indices)
    if stage.layer.axis is None:
        out.reshape(-1)[indices] = mask
    else:
        out[..., indices] = mask
    return out


def _agree(stage: Stage, dead: Dead, k: int, takes: bool) -> tuple[Mask, Mask]:
    """The removals on both sides of layer ``k`` that it allows; ``takes`` says that it may absorb constants."""
    before, behind, wiring = dead.cut[k], dead.cut[k + 1], stage.wiring
    if wiring is None:
        return np.zeros_like(before), np.zeros_like(behind)
    if wiring.way == "mix":
        inside, outside = channels(before), channels(behind) & (not stage.couples)
        inside = inside & ~_stuck(stage, dead.constant[k] & dead.needed[k], takes)
        if wiring.tied:
            inside = outside = inside & outside
        return _spread(inside, before.shape), _spread(outside, behind.shape)
    if wiring.way == "select":
        if stage.layer.axis is not None:
            before, behind = _spread(channels(before), before.shape), _spread(channels(behind), behind.shape)
        return before & ~_unselected(stage, ~behind), behind
    both = before.reshape(behind.shape) & behind & (not stage.couples)
    if wiring.axes:  # it has weights by feature
        both = _spread(channels(both), behind.shape)
    return both.reshape(before.shape), both


def _stuck(stage: Stage, folded: Mask, takes: bool) -> Mask:
    """Inputs that are constant and needed, but that a mixing layer cannot absorb in its bias."""
    assert stage.wiring is not None
    rows = stage.zero_in.reshape(-1, stage.shape_in[-1])
    if takes and stage.wiring.shift in stage.arrays:
        unlike = rows != rows[:1]  # another constant at each place: no one bias takes that up
    else:
        unlike = rows != 0
    return channels(folded, np.any) & unlike.any(axis=0)


def contribution(stage: Stage, cut: Mask, constant: Mask) -> np.ndarray | None:
    """What the removed constant inputs add to the shift (bias) of a mixing layer, float64; None for nothing."""
    wiring = stage.wiring
    if wiring is None or wiring.way != "mix" or wiring.shift not in stage.arrays:
        return None
    taken = channels(cut & constant)
    values = np.where(taken, stage.zero_in.reshape(-1, stage.shape_in[-1])[0], 0.0).astype(np.float64)
    if not values.any():
        return None
    behind = wiring.axes[wiring.shift][-1]
    for name, axes in wiring.axes.items():
        if "in" in axes and axes[-1] == behind and name in stage.arrays:
            weights = np.moveaxis(stage.arrays[name].astype(np.float64), axes.index("in"), 0)
            given = np.tensordot(values, weights, axes=1)
            return given.reshape(-1, given.shape[-1]).sum(axis=0)  # over windows
    return None


def find(stages: Sequence[Stage], refusing: Collection[str] = (), inputs: bool = True) -> Dead:
    """Everything that can be removed, repeated until nothing more follows.

    Args:
        refusing: names of layers that may not absorb constants in their bias.
        inputs: whether to remove inputs of the model that are not needed.
    """
    edges = len(stages) + 1
    shapes = [stage.shape_in for stage in stages] + [stages[-1].shape_out]
    constant = [np.zeros(shapes[0], bool)]
    for stage in stages:
        constant.append(_forward(stage, constant[-1]))
    needed = [np.ones(shapes[-1], bool)]
    for stage in reversed(stages):
        needed.insert(0, _backward(stage, needed[0]))
    cut = [constant[k] | ~needed[k] for k in range(edges)]
    cut[0], cut[-1] = ~needed[0] & inputs, np.zeros(shapes[-1], bool)
    dead = Dead(cut, constant, needed)
    while True:
        before = [mask.sum() for mask in cut]
        for k, stage in enumerate(stages):
            cut[k], cut[k + 1] = _agree(stage, dead, k, stage.name not in refusing)
        if before == [mask.sum() for mask in cut]:
            whole = [mask for mask in cut if mask.all()]
            if not whole:
                return dead
            for mask in whole:
                mask[..., 0] = False  # a layer needs one unit at least
