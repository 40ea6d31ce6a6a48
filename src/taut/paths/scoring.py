"""The score that points are chosen by, and every net's scores gathered into a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut import errors, metrics
from taut.functional import units
from taut.model import Sequential
from taut.paths._nets import Nets
from taut.paths._refit import Recipe
from taut.paths.result import Path
from taut.paths.varying import Varied

__all__ = ["Score", "collect"]

ACCURACIES = (
    metrics.BinaryAccuracy | metrics.CategoricalAccuracy | metrics.SparseCategoricalAccuracy | metrics._Accuracy
)
OF_LOSS = ("data_loss", "loss")


@dataclass(frozen=True)
class Score:
    """A score by name, and whether a higher one is better."""

    name: str
    higher: bool

    @property
    def sign(self) -> int:
        return 1 if self.higher else -1

    @classmethod
    def of(cls, model: Sequential, name: str | None) -> Score:
        """The score called ``name``: by default the model's first metric, else the loss without penalties.

        Raises:
            ValueError: no such metric, or one of a user's own that does not say whether higher is better.
        """
        known = {m.name: m for m in model._metrics()}
        if name is None:
            name = next(iter(known), "data_loss")
        if name in OF_LOSS:
            return cls(name, False)
        if name not in known:
            raise ValueError(errors.unknown("metric", str(name), [*known, *OF_LOSS]))
        metric = known[name]
        if isinstance(metric, ACCURACIES):
            return cls(name, True)
        if isinstance(metric, metrics._LossMetric):
            return cls(name, False)
        own = getattr(metric, "function", metric)
        higher = getattr(own, "higher_is_better", None)
        if not isinstance(higher, bool):
            raise ValueError(
                f"metric {name!r}: nothing says whether a higher value is better. Set higher_is_better = True or False "
                f'on it, or choose by metric="data_loss".'
            )
        return cls(name, higher)

    def best(self, values: np.ndarray) -> float:
        """The best mean over cells of any strength, (cells, strengths), times the sign: more is better."""
        mean = self.sign * values.mean(axis=0)
        return float(np.max(mean[np.isfinite(mean)], initial=-np.inf))


def collect(
    nets: Nets,
    record: Mapping[str, Sequence[np.ndarray]],
    varied: tuple[Varied, ...],
    numbers: np.ndarray,
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
        _kept={p: count / counted for p, count in kept.items()},
        _shares=shares / counted,
        _recipe=recipe,
    )
