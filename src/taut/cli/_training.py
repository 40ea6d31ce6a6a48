"""A training that Ctrl-C ends without loss, and what a model file remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taut.report.text import sparkline
from taut.tables import Target

__all__ = ["record", "train", "training_line"]


def train(model: Any, x: np.ndarray, y: np.ndarray, epochs: int, **options: Any) -> tuple[Any, bool]:
    """Fit a model; Ctrl-C ends the training, and the model keeps the weights that it has by then.

    Returns:
        The history, and whether the training was interrupted.

    Raises:
        KeyboardInterrupt: before the first epoch was complete, so that there is nothing to keep.
    """
    try:
        return model.fit(x, y, epochs=epochs, **options), False
    except KeyboardInterrupt:
        history = model.history
        if history is None or not history.epoch:
            raise
        return history, True


def record(fitted: Any, aim: Target, seed: int, rows: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says later about this training; JSON."""
    curves = {key: [float(f"{value:.6g}") for value in values] for key, values in fitted.history.items()}
    return {
        "task": aim.task,
        "rows": rows,
        "seed": seed,
        "epochs": len(fitted.epoch),
        "batch_size": min(options["batch_size"], rows),
        "optimizer": options["optimizer"],
        "settle": options["settle"],
        "history": curves,
    }


def training_line(training: Mapping[str, Any]) -> str:
    """The training of one model in a line: rows, epochs, and the loss as a curve; only what is known of it.

    Metadata is the user's: every key may be absent, or be something else than what `record` wrote.
    """
    known = {key: value for key, value in training.items() if isinstance(value, int | str) and value is not True}
    facts = [
        words.format(known[key])
        for key, words in (
            ("rows", "{} rows"),
            ("epochs", "{} epochs"),
            ("batch_size", "batch {}"),
            ("optimizer", "{}"),
        )
        if key in known
    ]
    loss = _curve(training.get("history"))
    curve = f"loss {loss[0]:.4g} → {loss[-1]:.4g}  {sparkline(loss)}" if loss else ""
    return ": ".join(part for part in (", ".join(facts), curve) if part)


def _curve(history: Any) -> list[float]:
    values: Any = history.get("loss") if isinstance(history, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):  # pyright: ignore[reportUnknownVariableType]
        return []
    return [float(value) for value in values]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
