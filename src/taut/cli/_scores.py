"""How good predictions are, beside what needs no model: the most frequent class, or the mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import click
import numpy as np

from taut.cli._command import heading, note
from taut.cli._network import Rows
from taut.tables import Target

__all__ = ["guess", "held_out", "score", "show"]

_LEAST = float(np.finfo(np.float32).eps)  # a probability of 0 has an infinite log loss; as in scikit-learn


def guess(target: Target, y: np.ndarray) -> dict[str, Any]:
    """The best constant prediction, from training values. Plain numbers, for a file.

    ``constant`` is the number of the most frequent class, or the mean; ``shares`` are those of the classes.
    """
    if target.task == "regression":
        return {"constant": float(y.mean())}
    counts = np.bincount(y, minlength=target.outputs)
    return {"constant": float(counts.argmax()), "shares": (counts / counts.sum()).tolist()}


def score(target: Target, outputs: np.ndarray, y: np.ndarray, baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Measure outputs of a network against values from `Target.encode`. Plain numbers, for a file.

    Args:
        target: what is predicted.
        outputs: class probabilities, shape (rows, classes), or scaled numbers, shape (rows, 1).
        y: the right answers.
        baseline: what `guess` said of the training rows.
    """
    constant, shares = baseline["constant"], baseline.get("shares")
    if target.task == "classification":
        found: dict[str, Any] = {
            "rows": len(y),
            "accuracy": float(np.mean(np.argmax(outputs, axis=1) == y)),
            "log_loss": _log_loss(outputs, y),
            "baseline_accuracy": float(np.mean(y == int(constant))),
            "constant": constant,
        }
        if shares is not None:
            found["baseline_log_loss"] = _log_loss(np.tile(shares, (len(y), 1)), y)
        return found
    error = target.unscale(outputs[:, 0]) - y
    rmse, base = _root_mean_square(error), _root_mean_square(y - constant)
    return {
        "rows": len(y),
        "rmse": rmse,
        "mae": float(np.mean(np.abs(error))),
        "baseline_rmse": base,
        "baseline_mae": float(np.mean(np.abs(y - constant))),
        "r2": 1 - (rmse / base) ** 2 if base > 0 else None,
        "constant": constant,
    }


def held_out(model: Any, rows: Rows, baseline: Mapping[str, Any], used: str) -> dict[str, Any] | None:
    """Test a model on the held-out rows, print its scores, and return them; None if there are none.

    Args:
        used: for what the other rows were used.
    """
    if not len(rows.test):
        note("no rows were held out, so the model was not tested; --test-fraction 0.2 holds out a fifth of the rows")
        return None
    heading("Held out")
    try:
        found = score(rows.target, model.predict(rows.x[rows.test]), rows.y[rows.test], baseline)
    except KeyboardInterrupt:  # a second Ctrl-C: what was trained is saved all the same
        note("interrupted before the test was complete; the model is saved without a score")
        return None
    click.echo(f"{len(rows.test)} rows that were {used}")
    click.echo(show(rows.target, found))
    return found


def show(target: Target, result: Mapping[str, Any]) -> str:
    """Scores and those of the baseline, in two lines; what an older model file does not have is left out."""
    if target.task == "classification":
        kinds = [("accuracy", "accuracy", "{:7.2%}"), ("log_loss", "log loss", "{:.4g}")]
    else:
        kinds = [("rmse", "RMSE", "{:.4g}"), ("mae", "mean absolute error", "{:.4g}")]
    kinds = [kind for kind in kinds if _is_number(result.get(kind[0]))]
    if not kinds:
        return ""
    first, *others = kinds
    lines = [f"{first[1]:<8}  {first[2].format(result[first[0]])}", "baseline  "]
    known = _is_number(result.get(f"baseline_{first[0]}"))
    lines[1] += first[2].format(result[f"baseline_{first[0]}"]) if known else "–"
    for key, words, form in others:
        base = result.get(f"baseline_{key}")
        lines[0] += f"   {words} {form.format(result[key])}"
        lines[1] += f"   {words} {form.format(base)}" if _is_number(base) else ""
    if _is_number(result.get("r2")):
        lines[0] += f"   R² {result['r2']:.3f}"
    return f"{lines[0]}\n{lines[1]}   {_baseline(target, result)}" if known else lines[0]


def _baseline(target: Target, result: Mapping[str, Any]) -> str:
    constant = result.get("constant")
    if not _is_number(constant):
        return ""
    if target.task == "regression":
        return f"always {constant:.4g}, the mean of the training rows"
    text = f"always {str(target.labels[int(constant)])!r}, the most frequent class in training"
    return text + ("; log loss of the class shares in training" if "baseline_log_loss" in result else "")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _log_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean of -log(probability of the right class)."""
    right = np.asarray(probabilities, np.float64)[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.clip(right, _LEAST, 1.0))))


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
