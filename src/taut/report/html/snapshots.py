"""The weights that a page shows: one network, at one strength or at many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from taut.plans import Entry
from taut.report.numbers import ignored_inputs, input_norms

__all__ = ["Snapshots", "input_names"]


@dataclass(frozen=True)
class Snapshots:
    """Weights of one architecture at each step of the slider.

    Attributes:
        entries: its parameters and the terms on them, in the order of the plan.
        weights: by path, shape (steps, *shape of the parameter).
        names: one name an input of the first kernel; empty if there is no kernel.
        image: (height, width) if the inputs are the pixels of an image, row by row.
        spread: the standard deviation of each input in the data, if known.
        start: the step that is shown first.
    """

    entries: Sequence[Entry]
    weights: Mapping[str, np.ndarray]
    names: Sequence[str]
    image: tuple[int, int] | None = None
    spread: np.ndarray | None = None
    start: int = 0

    @property
    def steps(self) -> int:
        return len(next(iter(self.weights.values())))

    @cached_property
    def kernels(self) -> list[Entry]:
        """Parameters that join inputs to units; the first one reads the data."""
        return [e for e in self.entries if e.role in ("kernel", "embedding") and len(e.shape) > 1 and np.prod(e.shape)]

    @cached_property
    def first(self) -> Entry | None:
        return next((e for e in self.kernels if e.role == "kernel"), None)

    @cached_property
    def contributions(self) -> np.ndarray:
        """The norm of each input's weights in the first kernel, times its spread: shape (steps, inputs)."""
        if self.first is None:
            return np.zeros((self.steps, 0))
        norms = np.stack([input_norms(w, self.first.fan_in) for w in self.weights[self.first.path]])
        return norms if self.spread is None else norms * self.spread

    @cached_property
    def kept(self) -> np.ndarray:
        """Which inputs have a weight that is not zero: shape (steps, inputs)."""
        if self.first is None:
            return np.zeros((self.steps, 0), bool)
        kept = np.ones((self.steps, len(self.names)), bool)
        for step, w in enumerate(self.weights[self.first.path]):
            kept[step, ignored_inputs(w, self.first.fan_in)] = False
        return kept


def input_names(given: Any, count: int) -> list[str]:
    """One name an input: those given, or "input 0", "input 1", ...

    Raises:
        ValueError: another number of names than of inputs.

    >>> input_names(None, 2)
    ['input 0', 'input 1']
    """
    if given is None:
        return [f"input {i}" for i in range(count)]
    names = [str(n) for n in given]
    if isinstance(given, str) or len(names) != count:
        raise ValueError(
            f"feature_names: got {1 if isinstance(given, str) else len(names)}, expected {count}, one for each input of "
            f"the first kernel."
        )
    return names
