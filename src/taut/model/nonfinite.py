"""The error for a loss or a weight that stops being finite, with the likely cause in data, weights or terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taut import errors
from taut.losses import FunctionLoss
from taut.model.engine import Data
from taut.plans import Plan

__all__ = ["LARGE", "NonFiniteError", "advice"]

LARGE = 1e4
"""Inputs, labels, initial weights and penalties are rarely above this; products of larger float32 numbers soon
overflow.
"""


class NonFiniteError(FloatingPointError):
    """A loss or a weight became NaN or infinite; the model keeps the last weights with a finite loss.

    Attributes:
        epoch, step: the epoch and the step within it, counted from 1.
        parameters: the paths of the parameters that stopped being finite; empty if only the loss did.
    """

    def __init__(self, message: str, epoch: int, step: int, parameters: tuple[str, ...]) -> None:
        super().__init__(message)
        self.epoch, self.step, self.parameters = epoch, step, parameters


def advice(plan: Plan, weights: Mapping[str, Any], batch: Data, loss: Any, at_once: bool) -> str:
    """The probable cause, and what to do.

    Args:
        weights: the weights at the start of training, by path.
        batch: the rows of this step.
        at_once: the loss was not finite before the first step.
    """
    found = _large(plan, weights, batch)
    if at_once and not found and isinstance(loss, FunctionLoss):
        name = errors.function_name(loss.function)
        found = [f"the loss {name!r} gives no finite number for these labels and outputs: change it"]
    elif at_once and not found and plan.activities:
        penalties = ", ".join(f"{errors.words(a.regularizer)} on the outputs of {a.layer}" for a in plan.activities)
        found = [
            f"the outputs of the layers overflow, or {penalties}: start from smaller weights or a smaller strength"
        ]
    elif at_once and not found:
        found = ["the outputs of the layers overflow: start from smaller weights"]
    if not found:
        return "A smaller learning rate, clipnorm=1.0, or scaled inputs usually solves this."
    why = "No step had been taken, so the learning rate is not the cause: " if at_once else "The likely cause: "
    return f"{why}{'; '.join(found)}."


def _large(plan: Plan, weights: Mapping[str, Any], batch: Data) -> list[str]:
    """Everything that is above `LARGE`, each with what to do."""
    out: list[str] = []
    for what, values, way in (
        ("input", batch.x, "scale the inputs"),
        ("label", batch.y, "scale the labels"),
        ("sample weight", batch.weight, "give smaller weights"),
    ):
        top = 0.0 if values is None else _top(values)
        if top > LARGE:
            out.append(f"the largest {what} of this batch is {top:.3g} in magnitude ({way})")
    for path, w in weights.items():
        if (top := _top(w)) > LARGE:
            out.append(
                f"the largest weight of {path} was {top:.3g} in magnitude when this training began (start from smaller ones)"
            )
    for entry in plan.regularized:
        penalty = float(entry.penalty(entry.weight(weights)))
        if not abs(penalty) <= LARGE:
            out.append(
                f"the penalty of {entry.path} by {errors.words(entry.regularizer)} was {penalty:.3g} when this training "
                f"began (give it a smaller strength)"
            )
    return out


def _top(values: Any) -> float:
    return float(np.max(np.abs(np.asarray(values, np.float64)), initial=0.0))
