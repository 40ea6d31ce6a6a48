"""The most common steps on numpy and PyTorch arrays, with as few passes over the array as possible.

In a training loop that is not compiled every operation costs an array to make and a call to dispatch, so `combined.solve`, which
is written once for every library, precision and tracer, takes ten to forty times as long as the same map by hand. Here
are the normal forms that networks use most, for plain float32 and float64 arrays outside autograd; whatever else arrives
goes to `combined.solve`, whose results these maps equal to rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut.functional import combined
from taut.functional._dtype import Array, Number, is_torch, shape_of
from taut.functional._norms import kappa
from taut.functional.combined import Axes, Region, Shrinkage

Solve = Callable[[Array, "Number | None"], Array]
_OF_NUMPY = (float, int, np.generic, np.ndarray)


@dataclass(frozen=True)
class _Form:
    """One normal form: entries shrunk and clipped, then at most one norm."""

    l1: Number | None
    l2: Number | None
    low: Number | None
    high: Number | None
    positive: bool  # z ≥ 0 is the only bound on entries
    group: tuple[Axes, Number] | None = None
    ball: tuple[Axes, Number] | None = None

    @property
    def norm(self) -> bool:
        return self.group is not None or self.ball is not None

    @property
    def numbers(self) -> list[Number]:
        """Every strength and bound that is there."""
        pairs = [pair[1] for pair in (self.group, self.ball) if pair is not None]
        return [n for n in (self.l1, self.l2, self.low, self.high, *pairs) if n is not None]


def ready(shrinkage: Shrinkage | None, region: Region) -> Solve:
    """`combined.solve` for these two, as a function ``(w, step) -> w``.

    >>> import numpy as np
    >>> ready(Shrinkage(l1=0.5), Region(nonneg=True))(np.asarray([-3.0, 0.2, 2.0]), 1.0)
    array([0. , 0. , 1.5])
    """

    def general(w: Array, step: Number | None) -> Array:
        return combined.solve(w, step, shrinkage, region)

    form = _form(shrinkage or Shrinkage(), region)
    if form is None:
        return general

    # Numbers of another library, or traced, decide which library computes: `combined.solve` knows how.
    in_numpy = all(isinstance(n, _OF_NUMPY) for n in form.numbers)
    in_torch = all(isinstance(n, _OF_NUMPY) or is_torch(n) for n in form.numbers)

    def solve(w: Array, step: Number | None) -> Array:
        if type(w) is np.ndarray:
            if (
                in_numpy
                and w.dtype.char in ("f" if form.norm else "fd")
                and w.size
                and _plain(form, step, tensors=False)
            ):
                return _in_numpy(form, w, step)
        elif in_torch and is_torch(w) and _plain_tensor(w, form.norm) and _plain(form, step, tensors=True):
            return _in_torch(form, w, step)
        return general(w, step)

    return solve


def _form(shrinkage: Shrinkage, region: Region) -> _Form | None:
    low, high = region.bounds
    (group,) = shrinkage.groups.items() if len(shrinkage.groups) == 1 else (None,)
    (band,) = region.norms.items() if len(region.norms) == 1 else (None,)
    ball = None if band is None else (band[0], band[1][1])
    if len(shrinkage.groups) > 1 or len(region.norms) > 1 or not region.balls:
        return None
    if (group is not None or ball is not None) and (region.boxed or (group is not None and ball is not None)):
        return None
    norms = group is not None or ball is not None
    if norms and shrinkage.l2 is not None and len(shape_of(shrinkage.l2)) > 0:
        return None  # a strength for each entry makes a step for each entry
    return _Form(shrinkage.l1, shrinkage.l2, low, high, region.nonneg and not region.boxed, group, ball)


def _plain(form: _Form, step: Number | None, *, tensors: bool) -> bool:
    """Whether the step is Python's or numpy's (or a tensor), and one for all entries where there is a norm."""
    if type(step) is float or step is None:
        return True
    known = isinstance(step, _OF_NUMPY) or (tensors and is_torch(step))
    return known and not (form.norm and getattr(step, "ndim", 0) > 0)


def _plain_tensor(w: Any, norm: bool) -> bool:
    torch: Any = sys.modules["torch"]
    return (
        type(w) in (torch.Tensor, torch.nn.Parameter)
        and w.layout is torch.strided
        and w.dtype in ((torch.float32,) if norm else (torch.float32, torch.float64))
        and not (w.requires_grad and torch.is_grad_enabled())
        and w.numel() > 0
    )


# --- numpy ------------------------------------------------------------------------------------------------------------


def _in_numpy(form: _Form, w: Any, step: Any) -> Any:
    z = w
    s = _beside(step, w.dtype)
    if step is not None and form.l1 is not None:
        t = s * _beside(form.l1, w.dtype)
        if form.positive:
            z = np.subtract(w, t)
        else:
            z = np.maximum(w, -t)
            np.minimum(z, t, out=z)
            np.subtract(w, z, out=z)
    if step is not None and form.l2 is not None:
        shrink = 1 + 2 * s * _beside(form.l2, w.dtype)
        z = np.divide(z, shrink, out=_own(z, w))
        s = s / shrink
    if form.low is not None:
        z = np.maximum(z, _beside(form.low, w.dtype), out=_own(z, w))
    if form.high is not None:
        z = np.minimum(z, _beside(form.high, w.dtype), out=_own(z, w))
    if form.group is not None and step is not None:
        axes, strength = form.group
        n, t = _norm_in_numpy(z, axes), s * _beside(strength, w.dtype)
        alive = n > t
        z = np.multiply(z, np.where(alive, 1 - t / np.where(alive, n, 1), 0).astype(w.dtype), out=_own(z, w))
        if not alive.all():
            np.add(z, 0.0, out=z)  # −w·0 is −0.0, and −0.0 + 0.0 is 0.0
    if form.ball is not None:
        axes, radius = form.ball
        n, top = _norm_in_numpy(z, axes), _beside(radius, np.dtype(np.float64))
        outside = n > top
        if outside.any():  # a factor of 1 leaves the bits of a slice alone
            scale = np.where(outside, top * (1 - kappa(w.dtype)) / np.where(outside, n, 1), 1)
            z = np.multiply(z, scale.astype(w.dtype), out=_own(z, w))
    return w.copy() if z is w else z


def _own(z: Any, w: Any) -> Any:
    """``z`` as the place for the next result, where it is not the caller's array."""
    return None if z is w else z


def _norm_in_numpy(w: Any, axes: Axes) -> Any:
    return np.sqrt(np.add.reduce(np.square(w, dtype=np.float64), axis=axes, keepdims=True))


def _beside(value: Any, dtype: Any) -> Any:
    """``value`` so that it widens no array of ``dtype``: a Python number, or an array of that dtype."""
    if value is None or type(value) is float:
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(dtype, copy=False)
    return float(value)


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def _in_torch(form: _Form, w: Any, step: Any) -> Any:
    torch: Any = sys.modules["torch"]
    z = w
    s = _tensor(torch, step, w)
    if step is not None and form.l1 is not None:
        t = s * _tensor(torch, form.l1, w)
        z = w - t if form.positive else torch.sub(w, torch.clamp(w, -t, t))
    if step is not None and form.l2 is not None:
        shrink = 1 + 2 * s * _tensor(torch, form.l2, w)
        z, s = z / shrink, s / shrink
    if form.low is not None or form.high is not None:
        z = _clamp(torch, z, _tensor(torch, form.low, w), _tensor(torch, form.high, w))
    if form.group is not None and step is not None:
        axes, strength = form.group
        n, t = _norm_in_torch(torch, z, axes), s * _tensor(torch, strength, w)
        z = (z * torch.where(n > t, 1 - t / n, torch.zeros_like(n)).to(w.dtype)).add_(0.0)  # −0.0 + 0.0 is 0.0
    if form.ball is not None:
        axes, radius = form.ball
        n, top = _norm_in_torch(torch, z, axes), _tensor(torch, radius, w)
        z = z * torch.where(n > top, top * (1 - kappa(w.dtype)) / n, torch.ones_like(n)).to(w.dtype)
    return z.clone() if z is w else z


def _clamp(torch: Any, z: Any, low: Any, high: Any) -> Any:
    arrays = [b for b in (low, high) if is_torch(b)]
    if arrays and len(arrays) < 2 and low is not None and high is not None:  # both numbers, or both arrays
        low, high = (b if is_torch(b) else torch.full_like(arrays[0], b) for b in (low, high))
    return torch.clamp(z, low, high)


def _norm_in_torch(torch: Any, w: Any, axes: Axes) -> Any:
    # An empty tuple of axes means all of them to PyTorch.
    if not axes:
        return w.to(torch.float64).abs()
    return torch.linalg.vector_norm(w, dim=axes, keepdim=True, dtype=torch.float64)


def _tensor(torch: Any, value: Any, w: Any) -> Any:
    if value is None or type(value) is float:
        return value
    if is_torch(value):
        return value.to(w.dtype)
    return torch.as_tensor(value, dtype=w.dtype, device=w.device) if np.ndim(value) else float(value)
