"""What a model file remembers of its training."""

from __future__ import annotations

from typing import Any

from taut.report.text import sparkline
from taut.tables import Target

__all__ = ["record", "training_line"]


def record(fitted: Any, aim: Target, seed: int, rows: int, options: dict[str, Any]) -> dict[str, Any]:
    """What a report says later about this training; JSON."""
    curves = {key: [float(f"{value:.6g}") for value in values] for key, values in fitted.history.items()}
    return {
        "task": aim.task,
        "rows": rows,
        "seed": seed,
        "epochs": len(fitted.epoch),
        "batch_size": options["batch_size"],
        "optimizer": options["optimizer"],
        "settle": options["settle"],
        "history": curves,
    }


def training_line(training: dict[str, Any]) -> str:
    """The training of one model in a line: rows, epochs, and the loss as a curve."""
    loss = training["history"]["loss"]
    return (
        f"{training['rows']} rows, {training['epochs']} epochs, batch {training['batch_size']}, "
        f"{training['optimizer']}: loss {loss[0]:.4g} → {loss[-1]:.4g}  {sparkline(loss)}"
    )
