"""The fan-in in the form that terms take: a tuple of axes, possibly with more information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class FanIn(tuple[int, ...]):
    """A fan-in whose last axis is not the input axis: a PyTorch kernel, or a kernel in groups.

    A tuple of axes that also says what one input's weights are: in the array reshaped to ``unpacked``, the axes
    ``inputs`` count inputs (in the order in which features are counted), and ``filters`` are the axes of one unit's
    weights for one input.
    """

    unpacked: tuple[int, ...]
    inputs: tuple[int, ...]
    filters: tuple[int, ...]

    def __new__(
        cls,
        axes: Sequence[int],
        unpacked: tuple[int, ...],
        inputs: tuple[int, ...],
        filters: tuple[int, ...],
    ) -> FanIn:
        self = super().__new__(cls, axes)
        self.unpacked, self.inputs, self.filters = unpacked, inputs, filters
        return self

    @property
    def by_input(self) -> tuple[int, ...]:
        """The axes of the unpacked array that one input's weights span."""
        return tuple(a for a in range(len(self.unpacked)) if a not in self.inputs)

    @property
    def by_filter(self) -> tuple[int, ...]:
        return tuple(a for a in range(len(self.unpacked)) if a not in self.filters)

    def _all(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self), self.unpacked, self.inputs, self.filters

    def __getnewargs__(self) -> Any:
        return self._all()

    def __eq__(self, other: object) -> bool:  # as axes it is the plain tuple; two of them group alike or they differ
        return self._all() == other._all() if isinstance(other, FanIn) else tuple(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__
