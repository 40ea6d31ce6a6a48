"""Choosing a point of a path: means and standard errors over folds and seeds, and the simplest within one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Point", "mean_and_error", "note_on", "pick"]

RULES = ("max", "one_se")


@dataclass(frozen=True)
class Point:
    """One point of a path.

    Attributes:
        index: its row in the path's table.
        strengths: by entry of ``vary``.
        metric: the name of the score.
        score: the mean over folds and seeds.
        error: the standard error of that mean; NaN for a single net.
        inputs: how many inputs are kept by the net trained on all rows; None without a kernel.
        zeros: the share of exact zeros among the weights that are varied.
        rule: how it was chosen.
        note: what to know about the choice: scores that tie, or that do not tell the points apart; else "".
    """

    index: int
    strengths: dict[str, float]
    metric: str
    score: float
    error: float
    inputs: int | None
    zeros: float
    rule: str = field(default="", compare=False)
    note: str = field(default="", compare=False)

    def __str__(self) -> str:
        numbers = ", ".join(f"{name}: {value:.4g}" for name, value in self.strengths.items())
        bar = "" if np.isnan(self.error) else f" ± {self.error:.2g}"
        kept = "" if self.inputs is None else f", {self.inputs} inputs kept"
        note = f" ({self.note})" if self.note else ""
        return f"point {self.index}: {numbers}; {self.metric} {self.score:.4g}{bar}; {self.zeros:.0%} zeros{kept}{note}"


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over seeds and folds, and its standard error.

    Seeds of one fold share their rows, so they are averaged first and the error is the folds': s/√folds, s the
    standard deviation with folds − 1 in its denominator. With one fold (given validation data) it is the seeds'.

    Args:
        values: (strengths, seeds, folds); NaN where there is no value, which makes the mean NaN.

    >>> mean_and_error(np.array([[[1.0, 3.0]]]))
    (array([2.]), array([1.]))
    """
    each = values.mean(axis=1) if values.shape[2] > 1 else values[:, :, 0]
    count = each.shape[1]
    error = each.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(each), np.nan)
    return each.mean(axis=1), error


def pick(
    mean: np.ndarray,
    error: np.ndarray,
    higher: bool,
    rule: str,
    simplicity: np.ndarray,
    loss: np.ndarray | None = None,
) -> int:
    """The index of the best mean, or under "one_se" of the simplest point within one standard error of it.

    Args:
        mean, error: (strengths,); points whose mean is NaN are left out.
        higher: whether a higher score is better.
        rule: "max" or "one_se".
        simplicity: (strengths,), lower is simpler. Ties go to the better score.
        loss: (strengths,), which decides among equal best scores, before simplicity does; lower is better.

    Raises:
        ValueError: another rule, no point with a score, "one_se" without an error to go by.
    """
    if rule not in RULES:
        raise ValueError(f'rule={rule!r}, expected "max" or "one_se".')
    score = np.where(np.isnan(mean), -np.inf, mean if higher else -mean)
    if not np.isfinite(score).any():
        raise ValueError(
            "no point has a score on held-out rows, so none can be chosen. Give folds or validation_data, or name a point "
            "yourself: path.refit(index)."
        )
    # Accuracies are fractions of few rows, and tie: among equal ones the lower loss, then the simplest.
    second = np.zeros(len(score)) if loss is None else np.where(np.isnan(loss), np.inf, loss)
    order: Any = np.lexsort((simplicity, second, -score))
    best = int(order[0])
    if rule == "max":
        return best
    if np.isnan(error[best]):
        raise ValueError(
            'rule="one_se" needs a standard error, which one fold and one seed do not give; use at least 2 folds or seeds, '
            'or rule="max".'
        )
    near = np.flatnonzero(score >= score[best] - error[best])
    return int(near[np.lexsort((-score[near], simplicity[near]))[0]])


def note_on(
    mean: np.ndarray,
    error: np.ndarray,
    index: int,
    metric: str,
    rule: str,
    decided: str = "the simplest was taken",
    what: str = "points",
) -> str:
    """What to know about the choice of point ``index``: a score that ties, or that tells no points apart.

    Args:
        decided: what happened among equal scores under "max".
        what: what is chosen from.

    >>> decided = "the lowest log_loss decided"
    >>> note_on(np.array([0.97, 0.97, 0.96]), np.full(3, 0.001), 1, "accuracy", "max", decided)
    '2 of 3 points have this accuracy; the lowest log_loss decided'
    """
    known = mean[np.isfinite(mean)]
    tied = int((known == mean[index]).sum())
    if len(known) < 2:
        return ""
    if np.ptp(known) == 0:
        note = f"all {len(known)} {what} have this {metric}"
    elif np.ptp(known) <= error[index]:
        note = f"all {len(known)} {what} are within one standard error: {metric} does not tell them apart"
    elif rule == "max" and tied > 1:
        note = f"{tied} of {len(known)} {what} have this {metric}"
    else:
        return ""
    if rule == "max" and tied > 1:
        note += f"; {decided}"
    return note
