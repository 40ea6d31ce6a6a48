"""One row of a comparison, and the sentence that says what happened and when to use it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from taut.paths.kinds import Kind
from taut.paths.scoring import Score

__all__ = ["Row", "sentence"]


@dataclass(frozen=True)
class Row:
    """One kind of term at its best strength.

    Attributes:
        kind: "none", "l1", "l2", ...
        term: the term, with its strength.
        strength: NaN for a kind without one.
        score: the mean score on the held-out folds.
        error: the standard error of that mean.
        train, test: scores on the training and test rows of the net that was trained on all rows but the test rows.
        gap: how much better the score is on the training rows than on the test rows; large if the net overfits.
        noisy: the score on test rows with noise added to every input.
        zeros: the share of exact zeros among the weights of all kernels.
        inputs: how many inputs the first kernel uses; None without a kernel.
        sentence: what the term did, and when to use it.
        others: the model's other metrics on the test rows, by name.
    """

    kind: str
    term: str
    strength: float
    score: float
    error: float
    train: float
    test: float
    gap: float
    noisy: float
    zeros: float
    inputs: int | None
    sentence: str
    others: dict[str, float] = field(default_factory=dict[str, float])


def sentence(kind: Kind, row: Row, bare: Row, score: Score, inputs: int) -> str:
    """What the kind does, what it did, and when to use it."""
    if row is bare or kind.name == "none":
        return (
            f"{kind.says}: {score.name} {row.train:.4g} on the training rows and {row.test:.4g} on the test rows; "
            f"{kind.fits}."
        )
    did: list[str] = []
    if row.zeros > 0:
        did.append(f"{row.zeros:.0%} of the kernels' weights are exactly 0")
    if row.inputs is not None and row.inputs < inputs:
        did.append(f"{row.inputs} of {inputs} inputs are used")
    did.append(_change(score, "test " + score.name, row.test, bare.test))
    did.append(_change(score, "under noise", row.noisy, bare.noisy))
    return f"{kind.says}. Here {', '.join(d for d in did if d)}; {kind.fits}."


def _change(score: Score, what: str, now: float, before: float) -> str:
    if not np.isfinite(now) or not np.isfinite(before):
        return ""
    change = score.sign * (now - before)
    if abs(change) <= 1e-3 * max(abs(before), 1e-12):
        return f"{what} stays at {now:.4g}"
    return f"{what} goes from {before:.4g} to {now:.4g} ({'better' if change > 0 else 'worse'})"
