"""The networks of `taut demo`: one, each time with other terms, and what to say of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["STUDIES", "Outcome", "Study"]

# The terms of one layer, as its keyword arguments, from `taut.regularizers` and `taut.constraints`.
Terms = Callable[[Any, Any], dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What was measured of one trained network."""

    train: float  # accuracies
    test: float
    noisy: float
    zeros: int  # of all weights in kernels
    weights: int
    ignored: int  # inputs
    inputs: int
    largest_norm: float  # of one unit's incoming weights
    smallest: float  # weight of a kernel
    largest: float
    bias_zeros: int
    biases: int
    quiet: float  # share of the hidden outputs on test rows that are exactly 0
    activity: float  # their mean
    kernel: np.ndarray = field(repr=False)  # the first, (inputs, units)

    @property
    def gap(self) -> float:
        return self.train - self.test


def _none(regularizers: Any, constraints: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Study:
    """A name, the sentence for an outcome beside the bare network's, and the terms of the two layers."""

    name: str
    says: Callable[[Outcome, Outcome], str]
    hidden: Terms = _none
    output: Terms = _none


def _on_both(name: str, says: Callable[[Outcome, Outcome], str], terms: Terms) -> Study:
    return Study(name, says, terms, terms)


def _points(share: float) -> str:
    return f"{abs(share) * 100:.1f} points"


def _test(now: Outcome, bare: Outcome) -> str:
    """The change in test accuracy, in words."""
    change = now.test - bare.test
    if abs(change) < 0.0005:
        return "test accuracy stays the same"
    return f"test accuracy {'gains' if change > 0 else 'loses'} {_points(change)}"


def _noise(now: Outcome, bare: Outcome) -> str:
    change = now.noisy - bare.noisy
    return f"under noise it is {_points(change)} {'better' if change > 0 else 'worse'} than bare"


def _bare(now: Outcome, bare: Outcome) -> str:
    return (
        f"nothing holds the weights: not one of {now.weights} is zero, the longest unit grows to "
        f"{now.largest_norm:.1f}, and test accuracy stays {_points(now.gap)} below training."
    )


def _l2(now: Outcome, bare: Outcome) -> str:
    return (
        f"shrinks every weight (the longest unit from {bare.largest_norm:.1f} to {now.largest_norm:.1f}) "
        f"but makes {_count(now.zeros, 'exact zero')}; {_noise(now, bare)}."
    )


def _l1(now: Outcome, bare: Outcome) -> str:
    return (
        f"sets {now.zeros} of {now.weights} weights to exactly 0 and lets go of {now.ignored} of "
        f"{now.inputs} pixels; {_test(now, bare)}."
    )


def _group(now: Outcome, bare: Outcome) -> str:
    return (
        f"drops whole pixels: {now.ignored} of {now.inputs} are ignored, the other "
        f"{now.inputs - now.ignored} keep nearly all their weights; {_test(now, bare)}."
    )


def _bias(now: Outcome, bare: Outcome) -> str:
    return (
        f"acts on the {now.biases} biases alone: {now.bias_zeros} are exactly 0 (bare: {bare.bias_zeros}) "
        f"and the kernels are as free as before; {_test(now, bare)}."
    )


def _activity(now: Outcome, bare: Outcome) -> str:
    return (
        "penalises what the hidden layer puts out, not its weights: its mean output falls from "
        f"{bare.activity:.2f} to {now.activity:.2f}, and {now.quiet:.0%} of it is exactly 0 (bare: "
        f"{bare.quiet:.0%}); {_test(now, bare)}."
    )


def _max_norm(now: Outcome, bare: Outcome) -> str:
    return (
        f"no unit's weights are longer than {now.largest_norm:.4f} (bare: {bare.largest_norm:.1f}), so no "
        f"one unit can shout; {_noise(now, bare)}."
    )


def _box(now: Outcome, bare: Outcome) -> str:
    return (
        f"every weight lies in [{now.smallest:.2f}, {now.largest:.2f}] (bare: [{bare.smallest:.2f}, "
        f"{bare.largest:.2f}]); {_noise(now, bare)}."
    )


def _non_neg(now: Outcome, bare: Outcome) -> str:
    return (
        f"the smallest weight is {_exact(now.smallest)}: pixels can speak for a unit, never against it; "
        f"{now.zeros} of {now.weights} weights rest at exactly 0, and {_test(now, bare)}."
    )


def _both_at_once(now: Outcome, bare: Outcome) -> str:
    return (
        f"{1 - now.zeros / now.weights:.0%} of the weights are left, all of them positive, on "
        f"{now.inputs - now.ignored} of {now.inputs} pixels; {_test(now, bare)}."
    )


def _count(number: int, what: str) -> str:
    return f"{number if number else 'not one'} {what}{'s' if number > 1 else ''}"


def _exact(value: float) -> str:
    return "exactly 0" if value == 0 else f"{value:.4f}"


STUDIES: tuple[Study, ...] = (
    Study("bare", _bare),
    _on_both("L2(0.003)", _l2, lambda r, c: {"kernel_regularizer": r.L2(0.003)}),
    _on_both("L1(0.001)", _l1, lambda r, c: {"kernel_regularizer": r.L1(0.001)}),
    Study(
        "GroupLasso(0.01) by input",
        _group,
        lambda r, c: {"kernel_regularizer": r.GroupLasso(0.01, by="input")},
    ),
    _on_both("L1(0.01) on biases", _bias, lambda r, c: {"bias_regularizer": r.L1(0.01)}),
    Study("L1(0.01) on activity", _activity, lambda r, c: {"activity_regularizer": r.L1(0.01)}),
    _on_both("MaxNorm(1.5)", _max_norm, lambda r, c: {"kernel_constraint": c.MaxNorm(1.5)}),
    _on_both("Box(-0.3, 0.3)", _box, lambda r, c: {"kernel_constraint": c.Box(-0.3, 0.3)}),
    _on_both("NonNeg", _non_neg, lambda r, c: {"kernel_constraint": c.NonNeg()}),
    _on_both(
        "L1(0.001) + NonNeg",
        _both_at_once,
        lambda r, c: {"kernel_regularizer": r.L1(0.001), "kernel_constraint": c.NonNeg()},
    ),
)
