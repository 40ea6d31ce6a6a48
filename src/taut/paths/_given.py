"""What a path is given, in arrays that nobody else can change: a result is made of the data it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut.model import Sequential

__all__ = ["Given", "kept"]

ALIGNED = 64  # bytes; XLA uses an array that begins at a multiple of it as it is


@dataclass(frozen=True, eq=False)
class Given:
    """Checked rows, labels and weights, and how the classes are weighted in training.

    Attributes:
        x, y, weight: read-only arrays; ``weight`` is one a row, or None.
        class_weight: {class number: weight}, "balanced" or None.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    class_weight: Mapping[int, float] | str | None = None

    @classmethod
    def of(cls, model: Sequential, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Given:
        """A copy of what ``fit`` would be given.

        Raises:
            ValueError: what ``fit`` refuses.
        """
        data = model._data(x, y, sample_weight)
        weight = None if data.weight is None else kept(data.weight)
        own = dict(class_weight) if isinstance(class_weight, Mapping) else class_weight
        return cls(kept(data.x), kept(data.y), weight, own)


def kept(array: np.ndarray) -> np.ndarray:
    """A read-only copy, laid out so that on the CPU JAX reads it in place and makes no second one."""
    room = np.empty(array.nbytes + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    own = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    own[...] = array
    own.flags.writeable = False
    return own
