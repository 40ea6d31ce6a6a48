"""Which weights form a group: by unit, input or filter, by blocks, or by lists of indices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from taut import errors
from taut._regularizer import Regularizer
from taut.functional._axes import Axes, filter_groups, input_groups, resolve
from taut.functional._dtype import Array, Namespace, Number, beside, namespace, real, shape_of
from taut.layouts._fan_in import FanIn

KINDS = ("unit", "input", "filter", "all", "entry")
By = str | tuple[int, ...]
Groups = tuple[tuple[int, ...], ...] | None


class Arrangement(NamedTuple):
    """Weights laid out so that a group spans ``axes``, and the way back; ``sizes`` of the groups."""

    lay: Callable[[Array, float], Array]
    back: Callable[[Array], Array]
    axes: tuple[int, ...]
    sizes: Any  # a number, or an array that broadcasts to the groups
    natural: bool  # the layout is that of the weights


class Grouped(Regularizer):
    """A regularizer with ``by`` and ``groups`` among its fields."""

    even: ClassVar[bool] = True
    by: By
    groups: Groups

    def validate(self) -> None:
        name = type(self).__name__
        if isinstance(self.by, list | tuple):
            by = tuple(self.by)
            if not by or not all(errors._is_integer(b) and b > 0 for b in by):
                raise ValueError(
                    f"{name}(by={errors.shown(by)}): the shape of a block must consist of positive integers."
                )
            errors.at_most(name, "by", max(by))
            object.__setattr__(self, "by", tuple(int(b) for b in by))
        elif self.by not in KINDS:
            raise ValueError(
                f"{name}(by={errors.shown(self.by)}): by must be 'unit' (one unit's incoming weights), 'input' (one "
                f"input's outgoing weights), 'filter' (one unit's weights for one input), 'all', 'entry' together "
                f"with groups, or the shape of a block, such as (4, 4)."
            )
        if self.groups is not None:
            if self.by not in ("unit", "input", "entry"):
                raise ValueError(
                    f"{name}(by={errors.shown(self.by)}, groups=...): groups lists units, inputs or entries; give "
                    f"by='unit', by='input' or by='entry' with it."
                )
            object.__setattr__(self, "groups", _as_lists(name, self.groups))
        elif self.by == "entry":
            raise ValueError(
                f"{name}(by='entry') needs groups: lists of entries such as [[0, 1], [2, 3]], or the number of each "
                f"entry's group."
            )

    def arrange(self, w: Array, fan_in: Axes) -> Arrangement:
        """How to arrange ``w`` and its step sizes by group."""
        xp = namespace(w)
        w = real(xp, w)
        shape = shape_of(w)
        if self.groups is not None:
            return _by_lists(xp, w, type(self).__name__, str(self.by), self.groups, fan_in)
        if isinstance(self.by, tuple):
            return _by_blocks(xp, type(self).__name__, self.by, shape)
        axes = self.natural_axes(shape, fan_in)
        if axes is None:
            assert isinstance(fan_in, FanIn)
            return _unpacked(xp, shape, fan_in.unpacked, fan_in.by_input if self.by == "input" else fan_in.by_filter)
        return Arrangement(lambda x, _: x, lambda z: z, axes, math.prod([shape[a] for a in axes]), natural=True)

    def natural_axes(self, shape: tuple[int, ...], fan_in: Axes) -> tuple[int, ...] | None:
        """The axes that a group spans in the weights as they are, or None if no axes say it."""
        if self.groups is not None or isinstance(self.by, tuple):
            return None
        if self.by == "all":
            return tuple(range(len(shape)))
        if self.by == "input":
            return input_groups(fan_in, shape)
        return filter_groups(fan_in, shape) if self.by == "filter" else resolve(None, fan_in, shape)


def lay_step(layout: Arrangement, step: Number) -> Number:
    """A step size arranged like the weights; padding of short groups gets step 1 and is not used."""
    return layout.lay(step, 1.0) if getattr(step, "ndim", 0) > 0 else step


def _as_lists(name: str, groups: Any) -> tuple[tuple[int, ...], ...]:
    try:
        ragged = [np.asarray(g) for g in groups]
    except TypeError:
        ragged = []
    if not ragged or any(g.dtype.kind not in "iu" for g in ragged):
        raise TypeError(
            f"{name}(groups={errors.shown(groups)}): groups must be lists of indices, such as [[0, 1], [2]], or "
            f"the number of each one's group, such as [0, 0, 1]."
        )
    if isinstance(groups, np.ndarray) or all(g.ndim == 0 for g in ragged):
        labels = np.asarray(groups).ravel()
        lists = [np.flatnonzero(labels == k).tolist() for k in np.unique(labels)]
    else:
        lists = [g.ravel().tolist() for g in ragged]
    members = [i for g in lists for i in g]
    twice = sorted(i for i, times in Counter(members).items() if times > 1)
    if twice:
        raise ValueError(
            f"{name}(groups=...): groups overlap: {errors.shown(twice)} are in more than one. Each index belongs to "
            f"one group."
        )
    errors.at_most(name, "groups", max(members, default=0))
    if min(members, default=0) < 0 or any(not g for g in lists):
        raise ValueError(
            f"{name}(groups={errors.shown(groups)}): each group must list at least one index, and indices must be ≥ 0."
        )
    return tuple(tuple(int(i) for i in g) for g in lists)


def _by_blocks(xp: Namespace, name: str, block: Sequence[int], shape: tuple[int, ...]) -> Arrangement:
    full = (1,) * (len(shape) - len(block)) + tuple(block)
    if len(full) != len(shape) or any(n % b for n, b in zip(shape, full, strict=True)):
        raise ValueError(
            f"{name}(by={tuple(block)}): blocks of this shape do not cover weights of shape {shape}. Each of the last "
            f"{len(block)} axes must be a multiple of the block's."
        )
    split = tuple(k for n, b in zip(shape, full, strict=True) for k in (n // b, b))  # (blocks, within) an axis
    return Arrangement(
        lambda x, _: xp.reshape(x, split),
        lambda z: xp.reshape(z, shape),
        tuple(range(1, 2 * len(shape), 2)),
        math.prod(full),
        natural=False,
    )


def _unpacked(xp: Namespace, shape: tuple[int, ...], unpacked: tuple[int, ...], axes: tuple[int, ...]) -> Arrangement:
    """Groups of a packed kernel (several gates or groups on one axis): whole axes, after the axis is split."""
    return Arrangement(
        lambda x, _: xp.reshape(x, unpacked),
        lambda z: xp.reshape(z, shape),
        axes,
        math.prod([unpacked[a] for a in axes]),
        natural=False,
    )


def _by_lists(
    xp: Namespace, w: Array, name: str, by: str, groups: tuple[tuple[int, ...], ...], fan_in: Axes
) -> Arrangement:
    shape = shape_of(w)
    unit = resolve(None, fan_in, shape)
    # The axes that the lists refer to: the entries, the units, or the inputs.
    along = {
        "entry": tuple(range(len(shape))),
        "unit": tuple(a for a in range(len(shape)) if a not in unit),
        "input": unit[-1:],
    }[by]
    take, put, counts = _gather(name, by, groups, shape, along)
    forward, backward = xp.asarray(take.ravel(), **beside(w)), xp.asarray(put, **beside(w))

    def lay(x: Array, fill: float) -> Array:
        flat = xp.reshape(x, (-1,))
        padded = xp.concat([flat, xp.full((1,), fill, dtype=flat.dtype, **beside(flat))])
        return xp.reshape(xp.take(padded, forward, axis=0), take.shape)  # (groups, longest)

    def back(z: Array) -> Array:
        return xp.reshape(xp.take(xp.reshape(z, (-1,)), backward, axis=0), shape)

    return Arrangement(lay, back, (1,), counts, natural=False)


@lru_cache(maxsize=64)
def _gather(
    name: str, by: str, groups: tuple[tuple[int, ...], ...], shape: tuple[int, ...], along: tuple[int, ...]
) -> tuple[Any, Any, Any]:
    """Flat positions by (group, member), the number of entries where a group is short; the way back; sizes."""
    counted = math.prod([shape[a] for a in along])
    listed = {i for g in groups for i in g}
    strange, missing = sorted(i for i in listed if i >= counted), sorted(set(range(counted)) - listed)
    if strange or missing:
        what = f"{errors.shown(missing)} are in none" if missing else f"{errors.shown(strange)} do not exist"
        raise ValueError(
            f"{name}(by={by!r}, groups=...): groups do not cover weights of shape {shape}, which have {counted} "
            f"({by}): {what}. List each of 0 to {counted - 1} once."
        )
    number = np.arange(counted).reshape([n if a in along else 1 for a, n in enumerate(shape)])
    number = np.broadcast_to(number, shape).ravel()
    group_of = np.empty(counted, np.int64)
    for k, members in enumerate(groups):
        group_of[list(members)] = k
    owner = group_of[number]
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(groups))
    place = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)  # within its group
    longest = int(counts.max(initial=1))
    take = np.full((len(groups), longest), owner.size)
    take[owner[order], place] = order
    put = np.empty(owner.size, np.int64)
    put[order] = owner[order] * longest + place
    return take, put, counts[:, None].astype(np.float64)
