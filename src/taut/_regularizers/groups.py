"""Penalties on groups of weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taut import errors
from taut._regularizers._checks import greater_than
from taut._regularizers._grouping import By, Grouped, Groups, lay_step
from taut._term import number
from taut.functional import combined, groups, penalties
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number
from taut.functional.combined import Shrinkage


def _scaled(strength: Number, sizes: Any, by_size: bool) -> Number:
    if not by_size:
        return strength
    return strength * (math.sqrt(sizes) if isinstance(sizes, int) else np.sqrt(sizes))


def _check_flag(term: str, flag: Any) -> None:
    if type(flag) is not bool:
        raise TypeError(f"{term}(scale_by_size={errors.shown(flag)}): it must be True or False.")


class _Norms(Grouped):
    """The group lasso, with or without an additional L1 penalty."""

    def _shrinkage(self, axes: tuple[int, ...], sizes: Any) -> Shrinkage:
        of: Any = self
        strength = _scaled(of.strength, sizes, of.scale_by_size)
        return Shrinkage(l1=getattr(self, "l1", None), groups={axes: strength})

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        parts = self._shrinkage(layout.axes, layout.sizes)
        return layout.back(combined.solve(layout.lay(w, 0.0), lay_step(layout, step), parts, combined.ANYWHERE))

    def shrinkage(self, shape: tuple[int, ...], fan_in: Axes) -> Shrinkage | None:
        axes = self.natural_axes(shape, fan_in)
        return None if axes is None else self._shrinkage(axes, math.prod([shape[a] for a in axes]))


@dataclass(frozen=True, eq=False)
class GroupLasso(_Norms):
    """Adds ``strength`` times the sum of the groups' L2 norms to the loss; whole units or inputs become 0.0.

    A group is one unit's incoming weights (``by="unit"``), one input's outgoing weights (``by="input"``: the last
    axis of the layer's fan-in, over every other axis), or another choice of ``by``. A group that helps the loss less
    than its penalty becomes exactly 0.0 as a whole.

    Args:
        strength: ≥ 0. None means 0.01.
        by: what a group is: "unit", "input", "filter", "all", or the shape of a block; see SparseGroupLasso.
        scale_by_size: multiply by the square root of a group's size, so that one strength suits kernels of different
            shapes (Yuan & Lin, 2006). False by default, which is the formula above.
        groups: lists of units, inputs or entries that form one group; see SparseGroupLasso.

    Raises:
        ValueError: a strength that is negative or not finite, another ``by``, groups that overlap, or (when called)
            that do not cover all weights.

    Reference: Yuan & Lin, Model selection and estimation in regression with grouped variables (2006).

    >>> import numpy as np
    >>> GroupLasso(1.0, by="input").prox(np.asarray([[3.0, 4.0], [0.3, 0.4]]), step=1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    by: By = "unit"
    scale_by_size: bool = False
    groups: Groups = None

    def validate(self) -> None:
        super().validate()
        _check_flag("GroupLasso", self.scale_by_size)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        strength = _scaled(self.strength, layout.sizes, self.scale_by_size)
        return penalties.group_norms(layout.lay(w, 0.0), strength, layout.axes)


@dataclass(frozen=True, eq=False)
class SparseGroupLasso(_Norms):
    """Adds ``l1 * sum(abs(w))`` and ``strength`` times the groups' L2 norms: zeros by group and within groups.

    Its proximal map applies the soft threshold and then shrinks the norm of each group; it is exact with any step size
    for each weight.

    Args:
        l1: strength of the absolute values, ≥ 0. None means 0.01.
        strength: strength of the norms, ≥ 0. None means 0.01.
        by: what a group is: "unit" (one unit's incoming weights), "input" (one input's outgoing weights), "filter"
            (one unit's weights for one input: a convolution's spatial window), "all", or the shape of a
            block, (4, 4), over the last axes. "entry" goes with ``groups``.
        groups: lists of units, inputs or (flat) entries, as ``by`` says, that form one group:
            ``by="input", groups=[[0, 1], [2]]``, or as a group number for each, ``[0, 0, 1]``.
        scale_by_size: multiply a group's norm by the square root of its size. False by default.

    Raises:
        ValueError: a negative strength, another ``by``, groups that overlap, or (when called) that do not cover all
            weights.

    Reference: Simon et al., A sparse-group lasso (2013).

    >>> import numpy as np
    >>> SparseGroupLasso(1.0, 1.0, by="all").prox(np.asarray([4.0, -5.0, 0.5]), step=1.0)
    array([ 2.4, -3.2,  0. ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    l1: Number = number(0.01, errors.not_negative)
    strength: Number = number(0.01, errors.not_negative)
    by: By = "unit"
    groups: Groups = None
    scale_by_size: bool = False

    def validate(self) -> None:
        super().validate()
        _check_flag("SparseGroupLasso", self.scale_by_size)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        strength = _scaled(self.strength, layout.sizes, self.scale_by_size)
        return penalties.l1(w, self.l1) + penalties.group_norms(layout.lay(w, 0.0), strength, layout.axes)


@dataclass(frozen=True, eq=False)
class GroupMCP(Grouped):
    """Adds the minimax concave penalty of the groups' L2 norms: small groups become 0.0, and large ones are not shrunk.

    The proximal map is exact with one step size per group. If step sizes differ within a group, no exact map is known;
    the smallest one is used for the whole group, which still lowers the objective.

    Args:
        strength: ≥ 0; the slope at zero. None means 0.01.
        gamma: > 0; groups with a norm up to gamma·strength are shrunk.
        by: what a group is; see SparseGroupLasso.
        groups: lists of indices that form one group; see SparseGroupLasso.
        scale_by_size: multiply a group's strength by the square root of its size. False by default.

    Raises:
        ValueError: as SparseGroupLasso; and a gamma that is not positive.

    Reference: Huang, Breheny & Ma, A selective review of group selection (2012).

    >>> import numpy as np
    >>> GroupMCP(1.0, gamma=2.0).prox(np.asarray([[3.0, 0.3], [4.0, 0.4]]), step=1.0)
    array([[3., 0.],
           [4., 0.]])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    convex: ClassVar[bool] = False
    metric: ClassVar[str] = "group"
    strength: Number = number(0.01, errors.not_negative)
    gamma: Number = number(3.0, greater_than(0, "the shrinkage ends at gamma times strength"))
    by: By = "unit"
    groups: Groups = None
    scale_by_size: bool = False

    def validate(self) -> None:
        super().validate()
        _check_flag("GroupMCP", self.scale_by_size)

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        strength = _scaled(self.strength, layout.sizes, self.scale_by_size)
        return groups.group_mcp(layout.lay(w, 0.0), strength, self.gamma, layout.axes)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        strength = _scaled(self.strength, layout.sizes, self.scale_by_size)
        step = layout.lay(step, np.inf) if getattr(step, "ndim", 0) > 0 else step
        return layout.back(groups.shrink_group_mcp(layout.lay(w, 0.0), step, strength, self.gamma, layout.axes))


@dataclass(frozen=True, eq=False)
class ExclusiveLasso(Grouped):
    """Adds ``strength`` times the groups' squared L1 norms: each group keeps only a few non-zero weights.

    There is no factor ½. The proximal map is exact with any step size for each weight: one threshold per group.

    Args:
        strength: ≥ 0. None means 0.01.
        by: what a group is; see SparseGroupLasso.
        groups: lists of indices that form one group; see SparseGroupLasso.

    Raises:
        ValueError: as SparseGroupLasso.

    Reference: Zhou, Jin & Hoi, Exclusive lasso for multi-task feature selection (2010).

    >>> import numpy as np
    >>> ExclusiveLasso(1.0).prox(np.asarray([3.0, 1.0]), step=0.5)
    array([1.5, 0. ])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    by: By = "unit"
    groups: Groups = None

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        return groups.exclusive(layout.lay(w, 0.0), self.strength, layout.axes)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        return layout.back(
            groups.shrink_exclusive(layout.lay(w, 0.0), lay_step(layout, step), self.strength, layout.axes)
        )


@dataclass(frozen=True, eq=False)
class GroupLInf(Grouped):
    """Adds ``strength`` times the largest absolute weight of each group: zero groups, equal largest weights.

    This is the L∞ group lasso. The proximal map clips each group; it is exact with any step size for each weight.

    Args:
        strength: ≥ 0. None means 0.01.
        by: what a group is; see SparseGroupLasso.
        groups: lists of indices that form one group; see SparseGroupLasso.

    Raises:
        ValueError: as SparseGroupLasso.

    Reference: Duchi & Singer, Efficient online and batch learning using forward backward splitting (2009).

    >>> import numpy as np
    >>> GroupLInf(2.0).prox(np.asarray([3.0, -2.0, 0.5]), step=1.0)
    array([ 1.5, -1.5,  0.5])
    """

    smooth: ClassVar[bool] = False
    has_prox: ClassVar[bool] = True
    strength: Number = number(0.01, errors.not_negative)
    by: By = "unit"
    groups: Groups = None

    def __call__(self, w: Array, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        return groups.largest_entries(layout.lay(w, 0.0), self.strength, layout.axes)

    def prox(self, w: Array, step: Number, *, fan_in: Axes = None) -> Array:
        layout = self.arrange(w, fan_in)
        return layout.back(groups.clip_largest(layout.lay(w, 0.0), lay_step(layout, step), self.strength, layout.axes))
