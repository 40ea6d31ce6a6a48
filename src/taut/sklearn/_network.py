"""From an estimator's parameters to a compiled model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taut import Sequential, _language, errors, layers, optimizers

__all__ = ["TERMS", "network", "widths"]

TERMS = (
    "kernel_regularizer",
    "bias_regularizer",
    "unit_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "unit_constraint",
)


def widths(hidden: Any) -> tuple[int, ...]:
    """The hidden layers' widths; an integer is one layer.

    Raises:
        ValueError: something that is no width.
    """
    given = (hidden,) if isinstance(hidden, int | np.integer) else hidden
    good = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    if not good or not all(isinstance(w, int | np.integer) and not isinstance(w, bool) and w > 0 for w in given):
        raise ValueError(
            f"hidden={errors.shown(hidden)}, expected integers ≥ 1, such as (64, 32), or () for a linear model."
        )
    return tuple(int(w) for w in given)


def network(
    params: Mapping[str, Any], outputs: int, last: str | None, loss: str, metrics: Sequence[str] = ()
) -> Sequential:
    """The model that an estimator's parameters describe, compiled and without weights."""
    hidden = widths(params["hidden"])
    terms = _terms(params, len(hidden) + 1)
    stack: list[Any] = []
    for i, width in enumerate(hidden):
        stack.append(layers.Dense(width, params["activation"], **terms[i]))
        if params["dropout"]:
            stack.append(layers.Dropout(params["dropout"]))
    stack.append(layers.Dense(outputs, last, **terms[-1]))
    model = Sequential(stack)
    model.compile(_optimizer(params["optimizer"], params["learning_rate"]), loss, list(metrics), params["terms"])
    return model


def _optimizer(given: Any, learning_rate: Any) -> optimizers.Optimizer:
    optimizer = optimizers.get(given)
    return optimizer if learning_rate is None else dataclasses.replace(optimizer, learning_rate=learning_rate)


def _terms(params: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The term arguments of each layer.

    One term acts on every layer (one on activities: on every hidden layer); a dict gives layers their own terms, by number
    from 0, or from the end by −1.

    Raises:
        ValueError: a text that is not a term, or a layer that does not exist.
    """
    out: list[dict[str, Any]] = [{} for _ in range(count)]
    for name in TERMS:
        given, kind = params[name], name.rpartition("_")[2]
        own = isinstance(given, Mapping) and all(isinstance(k, int | np.integer) for k in given)
        for layer in given if own else ():
            if not -count <= layer < count:
                raise ValueError(f"{name}: there is no layer {layer}; the network has {count} layers, numbered from 0.")
        for i in range(count):
            if own:
                term = next((given[k] for k in (i, i - count) if k in given), None)
            else:
                term = None if name == "activity_regularizer" and i == count - 1 > 0 else given
            if isinstance(term, str):
                try:
                    term = _language.build(kind, term)
                except _language.TermError as error:
                    raise ValueError(f"{name}: {error}") from None
            out[i][name] = term
    return out
