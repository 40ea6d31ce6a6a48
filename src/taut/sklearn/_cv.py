"""TautClassifierCV and TautRegressorCV: estimators that choose their strength by a path.

Long because scikit-learn reads every parameter off a constructor's signature, and each has a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from taut import Sequential, errors, identifiers, path, utils
from taut.paths import folds
from taut.paths import strengths as listing
from taut.paths._optimum import solvable
from taut.paths.varying import plan_at, resolve
from taut.sklearn._base import EARLY, FAR, Taut
from taut.sklearn._estimators import Classes, Numbers
from taut.sklearn._training import Watch, merged

__all__ = ["TautClassifierCV", "TautRegressorCV"]

TOLERANCE, PATIENCE = 1e-4, 10  # by which a plain estimator's training ends, too
SCORES = {
    "neg_log_loss": "log_loss",
    "accuracy": "accuracy",
    "neg_mean_squared_error": "mse",
    "neg_mean_absolute_error": "mae",
}

_PARAMETERS = """
    All strengths, folds and seeds are trained side by side (`taut.path`). The strength is chosen by the scores on held-out
    rows, and the network is trained again on all rows with this strength.

    Args:
        hidden, activation, dropout, optimizer, learning_rate, epochs, {class_weight}random_state, dense_limit, verbose, and
            the terms, kernel_regularizer to unit_constraint: as for {plain}. All epochs are trained.
        vary: the term whose strength is chosen: by name ("l1", "group_lasso"), to act on every kernel, or a dict from a
            parameter's path or pattern ("dense/kernel", "*/bias") to a class of terms or a function of the strength.
        strengths: how many, from the largest useful strength down, or a list.
        cv: how many folds, a scikit-learn splitter, or pairs of row numbers.
        rule: "one_se", the simplest net whose score is within one standard error of the best; or "max", the best.
        scoring: the score on held-out rows, by scikit-learn's name or taut's: "neg_log_loss", "accuracy",
            "neg_mean_squared_error", "neg_mean_absolute_error". None means the log loss for a classifier and the squared
            error for a regressor.
        by: what simpler means: "inputs" (fewer of them used), "zeros" (more of them) or "strength" (larger); None for
            the first of these that differs between nets.
        seeds: how many nets for each strength and fold.
        batch_size: rows per step. "auto" means 200 (or all rows, if there are fewer). A linear model with a convex
            objective takes all rows and continues after the epochs until it reaches the optimum.

    Attributes:
        strength_: the chosen strength; a dict by entry of ``vary`` if there are several.
        point_: the chosen point, with its score; its ``note`` says if scores tie or do not differ.
        path_: the `taut.paths.Path`: ``path_.table()``, ``path_.plot()``, ``path_.to_html(...)``.
        model_, n_iter_, loss_curve_, loss_, coef_, intercept_, coefs_, intercepts_, n_features_in_, feature_names_in_: as
            for {plain}, for the network that was trained on all rows.
"""


class _Chosen(Taut):
    """What both share: a path in place of one training run."""

    _fewest = 2  # one to train on, one to hold out
    vary: Any
    strengths: Any
    cv: Any
    rule: str
    by: str | None
    seeds: int
    scoring: str | None

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, partly: bool) -> Any:
        x, y = self._checked(X, y, True)
        weight, by_class = self._weights(x, y, sample_weight), self._class_weight(y)
        targets = self._encode(y, classes, True)
        if isinstance(self, Classes) and weight is not None and len(np.unique(targets[np.asarray(weight) > 0])) < 2:
            raise ValueError(
                f"{type(self).__name__}: all rows with a weight above 0 are of one class; expected at least two classes, "
                f"or there is nothing to choose a strength by."
            )
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        of_classes = None
        if weight is not None and by_class is not None:  # apart: they weigh in training, not in the scores
            numbers = targets.reshape(-1).astype(int)
            of_classes = {int(n): float(by_class[numbers == n][0]) for n in np.unique(numbers)}
            own = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, np.float64)
            weight = own * (len(x) / (own * by_class).sum())
        with utils.drawn_from(self._seed):
            template: Sequential = self._network()
            template.build((x.shape[1],))
            labels = targets.reshape(-1) if isinstance(self, Classes) else None
            pairs = self.cv if self.cv is None else folds.split(self.cv, len(x), labels, None, self._seed)
            varied = self._varied()
            size: Any = self._batch(len(x))
            full = self.batch_size == "auto" and _solvable(template, varied, self.strengths)
            if pairs is not None and size >= len(x) and not template.plan.activities:
                x, targets, weight, pairs = _merged(x, targets, weight, pairs)
            self.path_ = path(
                template,
                x,
                targets,
                varied,
                strengths=self.strengths,
                folds=pairs,
                seeds=self.seeds,
                epochs=errors.integer("epochs", self.epochs, 1),
                batch_size="full" if full else size,
                metric=self._metric(),
                sample_weight=weight,
                class_weight=of_classes,
                verbose=self.verbose,
                seed=self._seed,
            )
            # The best point needs no order of what is simpler, which a grid of several terms may not have.
            point = self.path_.best(self.rule, "zeros" if self.rule == "max" and self.by is None else self.by)
            self.model_ = self.path_.refit(point)
        self._describe()
        strengths = list(point.strengths.values())
        self.strength_ = strengths[0] if len(strengths) == 1 else dict(point.strengths)
        assert self.model_.history is not None
        self.loss_curve_ = list(self.model_.history.history["loss"])
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        self.point_ = point
        self._say(full, self._scale(targets, weight))
        return self

    def _say(self, full: bool, scale: float) -> None:
        """Warn if the nets have not converged."""
        if self.path_.interrupted:
            self._warn(
                f"interrupted after {self.path_.epochs} epochs; the strength was chosen by the scores at that time."
            )
            return
        assert self.model_.history is not None
        if full:
            arrived = self.path_.converged is not None and self.path_.converged.all()
            if not arrived or not (self.model_.history.settled or {}).get("optimum"):
                self._warn(FAR)
            return
        watch = Watch(TOLERANCE * scale, PATIENCE, -1)
        for loss in self.loss_curve_:
            watch.improved(loss)
            if watch.over:
                return
        self._warn(EARLY.format(epochs=self.n_iter_, what="loss"))

    def _metric(self) -> str | None:
        if self.scoring is None or self.scoring in SCORES.values():
            return self.scoring
        if self.scoring not in SCORES:
            raise ValueError(errors.unknown("score (scoring)", str(self.scoring), [*SCORES, *set(SCORES.values())]))
        return SCORES[self.scoring]

    def _varied(self) -> dict[str, Any]:
        if isinstance(self.vary, Mapping):
            return dict(self.vary)
        if not isinstance(self.vary, str):
            raise TypeError(
                f"vary={errors.shown(self.vary)}, expected a term's name such as 'l1', or a dict such as "
                f"{{'dense/kernel': taut.regularizers.L1}}."
            )
        return {"*/kernel": identifiers._find("regularizer", self.vary)}


def _solvable(template: Sequential, vary: Mapping[str, Any], strengths: Any) -> bool:
    """Whether every net of the path has an optimum that is reached; what is wrong with ``vary`` is said by the path."""
    try:
        varied = resolve(template, vary)
        given = listing.given_for([v.name for v in varied], strengths)
        numbers = [1.0 if isinstance(one, int) else float(one[0]) for one in given]
        return solvable(template, plan_at(template, varied, numbers))
    except (TypeError, ValueError):
        return False


def _merged(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None, pairs: list[folds.Fold]) -> tuple[Any, ...]:
    """Rows that are the same and that the same folds hold out as one row with the sum of their weights.

    So a weight of two is, to the bit, a row given twice, and one of zero a row left out: where all rows are one batch,
    as in `as_one_batch`. Rows that need no merging keep their order.
    """
    sides = np.zeros((len(x), 2 * len(pairs)), np.float32)
    for i, (train, held) in enumerate(pairs):
        sides[train, 2 * i], sides[held, 2 * i + 1] = 1, 1
    rows = np.hstack([x.astype(np.float32), y.reshape(len(y), -1).astype(np.float32), sides])
    first, total, number = merged(rows, weight)
    if len(first) == len(x) and (weight is None or (weight == weight[0]).all()):
        return x, y, weight, pairs

    def renumbered(part: np.ndarray) -> np.ndarray:
        return np.unique(number[part][number[part] >= 0])

    pairs = [(renumbered(train), renumbered(held)) for train, held in pairs]
    return x[first], y[first], total * (len(total) / total.sum()), pairs


class TautClassifierCV(_Chosen, Classes):
    __doc__ = f"""A `TautClassifier` whose strength is chosen by cross-validation.
{_PARAMETERS.format(plain="`TautClassifier`", class_weight="class_weight, ")}
    >>> TautClassifierCV(hidden=(), vary="group_lasso", strengths=[0.01, 0.1], cv=3)
    TautClassifierCV(cv=3, hidden=(), strengths=[0.01, 0.1], vary='group_lasso')
    """
    _metrics = ("accuracy",)

    def __init__(
        self,
        hidden: Any = (100,),
        activation: Any = "relu",
        *,
        vary: Any = "l1",
        strengths: Any = 32,
        cv: Any = 5,
        rule: str = "one_se",
        by: str | None = None,
        seeds: int = 1,
        scoring: str | None = None,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        unit_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        unit_constraint: Any = None,
        terms: str = "exact",
        dropout: float = 0.0,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        batch_size: Any = "auto",
        epochs: int = 200,
        class_weight: Any = None,
        random_state: Any = None,
        dense_limit: float = 4e9,
        verbose: Any = 0,
    ) -> None:
        vars(self).update({name: value for name, value in locals().items() if name not in ("self", "__class__")})


class TautRegressorCV(_Chosen, Numbers):
    __doc__ = f"""A `TautRegressor` whose strength is chosen by cross-validation.
{_PARAMETERS.format(plain="`TautRegressor`", class_weight="")}"""

    def __init__(
        self,
        hidden: Any = (100,),
        activation: Any = "relu",
        *,
        vary: Any = "l1",
        strengths: Any = 32,
        cv: Any = 5,
        rule: str = "one_se",
        by: str | None = None,
        seeds: int = 1,
        scoring: str | None = None,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        unit_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        unit_constraint: Any = None,
        terms: str = "exact",
        dropout: float = 0.0,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        batch_size: Any = "auto",
        epochs: int = 200,
        random_state: Any = None,
        dense_limit: float = 4e9,
        verbose: Any = 0,
    ) -> None:
        vars(self).update({name: value for name, value in locals().items() if name not in ("self", "__class__")})
