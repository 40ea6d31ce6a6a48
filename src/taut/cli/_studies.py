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
    dark_zeros: int  # of the zeros, those from inputs that are 0 in every training row
    ignored: int  # inputs
    inputs: int
    largest_norm: float  # of one unit's incoming weights
    smallest: float  # weight of a kernel
    largest: float
    typical: float  # mean magnitude of the weights of kernels
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
    return f"under noise the accuracy is {_points(change)} {'higher' if change > 0 else 'lower'} than without a term"


def _bare(now: Outcome, bare: Outcome) -> str:
    return (
        f"without a term, {now.zeros} of {now.weights} weights are zero, the largest unit norm is "
        f"{now.largest_norm:.2f}, and test accuracy is {_points(now.gap)} "
        f"{'below' if now.gap > 0 else 'above'} training accuracy."
    )


def _l2(now: Outcome, bare: Outcome) -> str:
    return (
        "shrinks every weight in proportion to its size: the mean magnitude goes from "
        f"{bare.typical:.3f} to {now.typical:.3f}, with {_count(now.zeros, 'exact zero')}; "
        f"{_noise(now, bare)}."
    )


def _l1(now: Outcome, bare: Outcome) -> str:
    return (
        f"shrinks every weight by the same amount, so that small ones become exactly 0: {now.zeros} of {now.weights}; "
        f"{now.ignored} of {now.inputs} pixels have only zero weights; {_test(now, bare)}."
    )


def _group(now: Outcome, bare: Outcome) -> str:
    used = now.kernel[np.any(now.kernel != 0, axis=1)]
    kept = float(np.mean(used != 0)) if used.size else 0.0
    return (
        f"keeps or drops all weights of a pixel together: {now.ignored} of {now.inputs} pixels are not used, and of the "
        f"weights of the others {kept:.0%} are not zero; {_test(now, bare)}."
    )


def _bias(now: Outcome, bare: Outcome) -> str:
    return (
        f"acts only on the {now.biases} biases: {now.bias_zeros} are exactly 0 (without a term: "
        f"{bare.bias_zeros}); {_test(now, bare)}."
    )


def _activity(now: Outcome, bare: Outcome) -> str:
    return (
        "penalizes the outputs of the hidden layer, not its weights: the mean output goes from "
        f"{bare.activity:.2f} to {now.activity:.2f}, and {now.quiet:.0%} of the outputs are exactly 0 (without a term: "
        f"{bare.quiet:.0%}); {_test(now, bare)}."
    )


def _max_norm(now: Outcome, bare: Outcome) -> str:
    dark = now.dark_zeros > now.zeros / 2
    aside = (
        f"; {now.zeros} weights are exactly 0, most of them of pixels that are 0 in all training images" if dark else ""
    )
    return (
        f"the norm of the incoming weights of each unit is at most {now.largest_norm:.6g} (without a term: "
        f"{bare.largest_norm:.2f}){aside}; {_noise(now, bare)}."
    )


def _box(now: Outcome, bare: Outcome) -> str:
    edge = float(np.mean((now.kernel == now.smallest) | (now.kernel == now.largest)))
    return (
        f"every weight is in [{now.smallest:.6g}, {now.largest:.6g}] (without a term: [{bare.smallest:.2f}, "
        f"{bare.largest:.2f}]), and {edge:.0%} of the first kernel are equal to a bound; {_noise(now, bare)}."
    )


def _non_neg(now: Outcome, bare: Outcome) -> str:
    return (
        f"no weight is negative, the smallest is {_exact(now.smallest)}; "
        f"{now.zeros} of {now.weights} weights are exactly 0, and {_test(now, bare)}."
    )


def _both_at_once(now: Outcome, bare: Outcome) -> str:
    return (
        f"no weight is negative, and {1 - now.zeros / now.weights:.0%} of all weights are not zero; they use "
        f"{now.inputs - now.ignored} of {now.inputs} pixels; {_test(now, bare)}."
    )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' if number != 1 else ''}"


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
