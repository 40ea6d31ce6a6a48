"""What the terms did to the weights, in numbers: pure functions over arrays, and over a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut.functional import units
from taut.functional._axes import resolve

__all__ = [
    "WeightRow",
    "accuracy_under_noise",
    "ignored_inputs",
    "input_norms",
    "inputs_ignored",
    "weight_row",
    "weights_table",
]

Axes = tuple[int, ...]


@dataclass(frozen=True)
class WeightRow:
    """One parameter: the number of zeros, the range of its weights, and how far it violates its constraint.

    ``smallest_norm`` and ``largest_norm`` are norms of one unit's incoming weights; ``idle_units`` is the number of units
    whose incoming weights are all zero. A bias counts as one unit.
    """

    path: str
    shape: tuple[int, ...]
    zeros: int
    smallest: float
    largest: float
    smallest_norm: float
    largest_norm: float
    idle_units: int
    units: int
    violation: float | None = None  # None: no constraint

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def zero_share(self) -> float:
        return self.zeros / self.size if self.size else 0.0


def weight_row(path: str, w: Any, fan_in: Axes | None = None, violation: float | None = None) -> WeightRow:
    """Measure one parameter.

    Args:
        path: its name.
        w: any array; measured in float64.
        fan_in: the axes that run over one unit's incoming weights; by default all but the last, and axis 0
            of a vector, as everywhere in taut.
        violation: how far it is outside its constraint, if it has one.

    >>> row = weight_row("kernel", [[0.0, 3.0], [0.0, -4.0]])
    >>> row.zeros, row.zero_share, row.largest_norm, row.idle_units
    (2, 0.5, 5.0, 1)
    """
    w = np.asarray(w, dtype=np.float64)
    norms = np.sqrt(np.sum(np.square(w), axis=resolve(None, fan_in, w.shape)))
    empty = w.size == 0
    return WeightRow(
        path=path,
        shape=w.shape,
        zeros=int(np.sum(w == 0)),
        smallest=0.0 if empty else float(w.min()) + 0.0,  # and not -0.0
        largest=0.0 if empty else float(w.max()),
        smallest_norm=0.0 if empty else float(norms.min()),
        largest_norm=0.0 if empty else float(norms.max()),
        idle_units=0 if empty else int(np.sum(norms == 0)),
        units=int(norms.size),
        violation=violation,
    )


def ignored_inputs(kernel: Any, fan_in: Axes | None = None) -> np.ndarray:
    """The indices of the inputs that no unit uses (all weights of such an input are exactly zero), ascending.

    The inputs run along the last axis of the fan-in (for a convolution they are its channels).

    >>> ignored_inputs([[0.0, 0.0], [0.0, 1e-9]])
    array([0])
    """
    w = np.asarray(kernel)
    return np.flatnonzero(np.all(units.by_input(w, fan_in) == 0, axis=0))


def input_norms(kernel: Any, fan_in: Axes | None = None) -> np.ndarray:
    """The norm of the weights of each input, shape (inputs,), in float64.

    The inputs run along the last axis of the fan-in, as in `ignored_inputs`.

    >>> input_norms([[3.0, 4.0], [0.0, 0.0]])
    array([5., 0.])
    """
    w = np.asarray(kernel, dtype=np.float64)
    return np.sqrt(np.sum(np.square(units.by_input(w, fan_in)), axis=0))


def weights_table(model: Any) -> list[WeightRow]:
    """One row per parameter, in the order of the plan; then one per term that acts on kernel and bias together."""
    params, plan = model.params, model.plan
    outside = plan.violations(params)
    return [
        weight_row(entry.path, entry.weight(params), entry.fan_in, outside.get(entry.path)) for entry in plan.acting
    ]


def inputs_ignored(model: Any) -> np.ndarray:
    """The indices of the inputs that the model's first kernel does not use, ascending; empty if there is no kernel."""
    for entry in model.plan.entries:
        if entry.role == "kernel":
            return ignored_inputs(model.params[entry.path], entry.fan_in)
    return np.arange(0)


def accuracy_under_noise(
    predict: Callable[[np.ndarray], Any],
    x: np.ndarray,
    labels: np.ndarray,
    noise: float,
    *,
    draws: int = 5,
    seed: int = 0,
) -> float:
    """The accuracy with Gaussian noise added to every input, averaged over several draws of the noise.

    Args:
        predict: a function from inputs to one score per class, such as ``model.predict``.
        x: inputs, shape (rows, ...).
        labels: the right class of each row, as an index.
        noise: standard deviation, in the units of ``x``.
        draws: the number of draws.
        seed: random seed for the noise; use the same seed to compare models on the same inputs.
    """
    if noise < 0 or draws < 1:
        raise ValueError(f"noise is {noise:g} and draws is {draws}; expected noise >= 0 and draws >= 1.")
    draw = np.random.default_rng(seed)
    hits: list[float] = []
    for _ in range(draws):
        noisy = (x + noise * draw.standard_normal(x.shape)).astype(x.dtype)
        hits.append(float(np.mean(np.argmax(np.asarray(predict(noisy)), axis=-1) == labels)))
    return float(np.mean(hits))
