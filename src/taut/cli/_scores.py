"""How good predictions are, beside what needs no model: the most frequent class, or the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from taut.tables import Target

__all__ = ["guess", "score", "show"]


def guess(target: Target, y: np.ndarray) -> float:
    """The best constant prediction on training values: a class index, or the mean."""
    return float(np.bincount(y).argmax()) if target.task == "classification" else float(y.mean())


def score(target: Target, outputs: np.ndarray, y: np.ndarray, constant: float) -> dict[str, Any]:
    """Measure outputs of a network against values from `Target.encode`. Plain numbers, for a file.

    Args:
        target: what is predicted.
        outputs: class scores, shape (rows, classes), or scaled numbers, shape (rows, 1).
        y: the right answers.
        constant: what `guess` said of the training rows.
    """
    if target.task == "classification":
        hits = float(np.mean(np.argmax(outputs, axis=1) == y))
        base = float(np.mean(y == int(constant)))
        return {"rows": len(y), "accuracy": hits, "baseline_accuracy": base, "constant": constant}
    error = target.unscale(outputs[:, 0]) - y
    rmse, base = _root_mean_square(error), _root_mean_square(y - constant)
    return {
        "rows": len(y),
        "rmse": rmse,
        "mae": float(np.mean(np.abs(error))),
        "baseline_rmse": base,
        "r2": 1 - (rmse / base) ** 2 if base > 0 else None,
        "constant": constant,
    }


def show(target: Target, result: dict[str, Any]) -> str:
    """A score and its baseline, in two lines."""
    if target.task == "classification":
        label = target.labels[int(result["constant"])]
        return (
            f"accuracy  {result['accuracy']:7.2%}\nbaseline  {result['baseline_accuracy']:7.2%}  always "
            f"{str(label)!r}, the most frequent class in training"
        )
    explained = "" if result["r2"] is None else f"   R² {result['r2']:.3f} against it"
    return (
        f"RMSE      {result['rmse']:.4g}   mean absolute error {result['mae']:.4g}{explained}\nbaseline  "
        f"{result['baseline_rmse']:.4g}   always {result['constant']:.4g}, the mean of the training rows"
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
