"""The score that points are chosen by, and every net's scores gathered into a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taut import errors, losses, metrics
from taut.functional import units
from taut.model import Sequential
from taut.paths._nets import Nets
from taut.paths._refit import Recipe
from taut.paths.result import Path
from taut.paths.varying import Varied

__all__ = ["LOG_LOSS", "Score", "collect"]

ACCURACIES = (
    metrics.BinaryAccuracy | metrics.CategoricalAccuracy | metrics.SparseCategoricalAccuracy | metrics._Accuracy
)
CROSSENTROPIES = losses.BinaryCrossentropy | losses.CategoricalCrossentropy | losses.SparseCategoricalCrossentropy
OF_LOSS = ("data_loss", "loss")
LOG_LOSS = "log_loss"


@dataclass(frozen=True)
class Score:
    """A score by name, and whether a higher one is better.

    ``measured`` is what the compiled program calls it: the log loss of a classifier is its loss without penalties.
    """

    name: str
    higher: bool
    measured: str

    @property
    def sign(self) -> int:
        return 1 if self.higher else -1

    @classmethod
    def of(cls, model: Sequential, name: str | None) -> Score:
        """The score called ``name``; ``model``, which must be the caller's own, measures it from here on.

        By default it is the model's first metric; but an accuracy counts right answers, which ties and, where one class
        is rare, hardly differs from that of a constant, so that classifiers are chosen by their log loss
        (docs/decisions/090). Without a metric it is the loss without penalties.

        Raises:
            ValueError: no such metric, the log loss of a model that gives no probabilities, or a metric of a user's own
                that does not say whether higher is better.
        """
        loss: Any = model.loss
        classes = isinstance(loss, CROSSENTROPIES)
        known = {m.name: m for m in model._metrics()}
        if name is None:
            first = next(iter(known.values()), None)
            by_loss = classes and (first is None or isinstance(first, ACCURACIES))
            name = LOG_LOSS if by_loss else "data_loss" if first is None else first.name
        smoothed = getattr(loss, "label_smoothing", 0)
        if classes and smoothed and LOG_LOSS not in known:  # for the tables as well
            known[LOG_LOSS] = _measure(model, metrics._LossMetric(LOG_LOSS, replace(loss, label_smoothing=0.0)))
        if name in OF_LOSS:
            return cls(name, False, name)
        if name == LOG_LOSS and name not in known:
            if not classes:
                raise ValueError(
                    f"metric='log_loss' is for classifiers, whose loss is a cross-entropy; this model's loss is {loss}. "
                    f"Choose by metric='data_loss', or compile with another loss."
                )
            return cls(name, False, "data_loss")
        if name not in known:
            try:
                known[name] = _measure(model, metrics.get(name))
            except (TypeError, ValueError):
                names = [*known, *OF_LOSS, LOG_LOSS, "accuracy", "mse", "mae"]
                raise ValueError(errors.unknown("metric", str(name), list(dict.fromkeys(names)))) from None
        metric = known[name]
        if isinstance(metric, ACCURACIES):
            return cls(name, True, name)
        if isinstance(metric, metrics._LossMetric):
            return cls(name, False, name)
        own = getattr(metric, "function", metric)
        higher = getattr(own, "higher_is_better", None)
        if not isinstance(higher, bool):
            raise ValueError(
                f"metric {name!r}: it is not known whether a higher value is better. Set the attribute higher_is_better = "
                f'True or False on it, or give metric="data_loss".'
            )
        return cls(name, higher, name)

    def best(self, values: np.ndarray) -> float:
        """The best mean over cells of any strength, (cells, strengths), times the sign: more is better."""
        mean = self.sign * values.mean(axis=0)
        return float(np.max(mean[np.isfinite(mean)], initial=-np.inf))


def _measure(model: Sequential, metric: metrics.Metric) -> metrics.Metric:
    model.metrics = [*model.metrics, metric]
    return metric


def collect(
    nets: Nets,
    record: Mapping[str, Sequence[np.ndarray]],
    varied: tuple[Varied, ...],
    numbers: np.ndarray,
    terms: Sequence[Sequence[Mapping[str, Any]]],
    score: Score,
    *,
    seeds: tuple[int, ...],
    folds: tuple[Any, ...],
    arrived: np.ndarray | None,
    interrupted: bool,
    stopped: bool,
    feature_names: tuple[str, ...] | None,
    recipe: Recipe,
) -> Path:
    """The path of trained nets."""
    points, model = len(numbers), nets.model
    counted = len(seeds) * max(1, len(folds))

    def shaped(values: np.ndarray) -> np.ndarray:  # (cells, points) → (points, seeds, folds)
        return values[:counted].T.reshape(points, len(seeds), max(1, len(folds)))

    inside, outside = nets.measure(False), nets.measure(True)
    finite = nets.finite()
    penalties = np.where(finite[-1 if folds else 0], inside["penalty"][-1 if folds else 0], np.nan)
    scores: dict[str, np.ndarray] = {}
    for prefix, values in (("", inside), ("val_", outside)):
        values = {"loss": values["data_loss"] + values["penalty"], **values}
        if isinstance(model.loss, CROSSENTROPIES):
            values.setdefault(LOG_LOSS, values["data_loss"])
        scores |= {prefix + name: shaped(np.where(finite, v, np.nan)) for name, v in values.items()}
    epochs = nets.epochs
    curves = {name: np.stack([shaped(v) for v in values[:epochs]], axis=-1) for name, values in record.items()}

    first = counted if folds else 0  # the cell of all rows
    kernel = next((e for e in model.plan.entries if e.role == "kernel"), None)
    paths = list(dict.fromkeys(p for v in varied for p in v.parameters))
    weights: dict[str, np.ndarray] = {}
    kept = {p: np.zeros((points, *model.params[p].shape)) for p in paths}
    inputs = 0 if kernel is None else units.by_input(np.empty(kernel.shape), kernel.fan_in).shape[1]
    kept_inputs, shares = np.zeros((points, inputs), bool), np.zeros((points, inputs))
    for c, s, params in nets.each():
        used = np.zeros(0, bool)
        if kernel is not None:
            used = (units.by_input(np.asarray(params[kernel.path]), kernel.fan_in) != 0).any(axis=0)
        if c == first:
            for p in nets.job.program.structure.paths:
                weights.setdefault(p, np.zeros((points, *params[p].shape), params[p].dtype))[s] = params[p]
            kept_inputs[s] = used
        if c < counted:
            shares[s] += used
            for p in paths:
                kept[p][s] += params[p] != 0
    zeros = {p: (w == 0).reshape(points, -1).mean(axis=1) for p, w in weights.items()}
    return Path(
        varied=tuple(v.name for v in varied),
        strengths=numbers,
        scores=scores,
        curves=curves,
        weights=weights,
        kept_inputs=kept_inputs,
        zeros=zeros,
        penalties=penalties,
        metric=score.name,
        higher_is_better=score.higher,
        finite=shaped(finite).astype(bool),
        converged=None if arrived is None else shaped(arrived),
        seed=seeds[0],
        seeds=seeds,
        folds=folds,
        epochs=epochs,
        interrupted=interrupted,
        stopped=stopped,
        feature_names=feature_names,
        model=model,
        _entries=varied,
        _terms=terms,
        _kept={p: count / counted for p, count in kept.items()},
        _shares=shares / counted,
        _recipe=recipe,
    )
