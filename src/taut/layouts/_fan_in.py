"""The fan-in as terms take it: a tuple of axes that may know more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class FanIn(tuple[int, ...]):
    """A fan-in whose input is not its last axis: a kernel of PyTorch's, or one in groups.

    A tuple of axes like any other, which knows as well what one input's weights are: the axes ``by_input`` (and, of one
    unit's for one input, ``by_filter``) of the array reshaped to ``unpacked``.
    """

    unpacked: tuple[int, ...]
    by_input: tuple[int, ...]
    by_filter: tuple[int, ...]

    def __new__(
        cls,
        axes: Sequence[int],
        unpacked: tuple[int, ...],
        by_input: tuple[int, ...],
        by_filter: tuple[int, ...],
    ) -> FanIn:
        self = super().__new__(cls, axes)
        self.unpacked, self.by_input, self.by_filter = unpacked, by_input, by_filter
        return self

    def _all(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self), self.unpacked, self.by_input, self.by_filter

    def __getnewargs__(self) -> Any:
        return self._all()

    def __eq__(self, other: object) -> bool:  # as axes it is the plain tuple; two of them group alike or they differ
        return self._all() == other._all() if isinstance(other, FanIn) else tuple(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__
