"""What TautClassifier and TautRegressor share: parameters, training, weights by scikit-learn's names.

Long because scikit-learn reads every parameter off a constructor's signature, and each has a line of its own.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from taut import Sequential, errors, utils
from taut.model.data import no_numbers
from taut.sklearn._network import widths
from taut.sklearn._training import LEAST_ROWS, Run, Watch, train

__all__ = ["PARAMETERS", "Taut"]

MORE = "Raise epochs or learning_rate, or scale the inputs, for instance with StandardScaler."
EARLY = "training ended after {epochs} epochs, while the {what} was still improving. " + MORE
FAR = (
    "training stopped before it reached the optimum. The usual cause is inputs of very different scales: scale them, for "
    "instance with StandardScaler."
)
PREDICTED_ROWS = 4096  # at a time; of a sparse X, no more than these are dense
PARAMETERS = """
    Args:
        hidden: widths of the hidden layers; () is a linear model.
        activation: of the hidden layers, a name or a function in JAX.
        kernel_regularizer, bias_regularizer, unit_regularizer, activity_regularizer: penalties: a term
            (`taut.regularizers.L1(0.001)`), a text ("l1=0.001 + l2=0.01"), or a dict from a layer's number (0 is the first,
            −1 the last) to either. Without a dict a penalty acts on every layer; one on activities on every hidden layer.
        kernel_constraint, bias_constraint, unit_constraint: constraints on the weights, given in the same ways ("non_neg &
            max_norm=2").
        terms: "exact", or "keras" to differentiate every regularizer with the loss.
        dropout: the share of hidden activities that is left out of each training step, in [0, 1).
        optimizer: a name ("adam", "sgd", "adamw", "rmsprop", "adagrad") or an optimizer.
        learning_rate: > 0; None for the optimizer's default.
        batch_size: rows per step. "auto" means 200 (or all rows, if there are fewer); in a linear model always all rows. A
            linear model with a convex objective that is trained on all rows at once continues after the epochs until it
            reaches the optimum.
        epochs: the maximum number of passes over the rows.
        settle: full-batch proximal steps at the end, which determine which weights are exactly zero.
        shuffle: whether the rows are shuffled in each epoch.
        tol, n_iter_no_change: training stops when the loss (with ``early_stopping``, the score) has not improved by ``tol``
            for ``n_iter_no_change`` epochs. For the loss of a regressor ``tol`` is a share of the variance of ``y``. If
            training ends before that, a ``ConvergenceWarning`` is given. With ``tol=None`` all epochs are trained, without
            a warning.
        early_stopping: hold out ``validation_fraction`` of the rows, score them after each epoch, and keep the weights of
            the best epoch.
        validation_fraction: the share of the rows held out for early stopping, in (0, 1).
        {class_weight}warm_start: whether ``fit`` continues from the previous fit.
        random_state: random seed for the initial weights, shuffling and the held-out rows.
        dense_limit: the most bytes that a sparse X may take when ``fit`` converts it to a dense float32 array.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.

    Attributes:
        model_: the fitted `taut.Sequential`: ``model_.plan``, ``model_.save(...)``, ``taut.compact(model_)``.
        n_iter_: epochs trained so far; loss_curve_: the loss of each epoch, penalties included; loss_: the last of them.
            After Ctrl-C they describe the epochs that were completed, and ``model_`` has the weights from then.
        validation_scores_, best_validation_score_: with ``early_stopping``.
        coef_, intercept_: of a model without hidden layers, in the shapes of scikit-learn's linear models; coefs_,
            intercepts_: of all layers.
        n_features_in_, feature_names_in_{classes}.
"""


class Taut(BaseEstimator):
    """What both estimators share."""

    feature_names_in_: Any
    _flat: bool
    _metrics: tuple[str, ...] = ()
    _fewest = 1  # rows

    def __init__(
        self,
        hidden: Any = (100,),
        activation: Any = "relu",
        *,
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
        settle: int = 0,
        shuffle: bool = True,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: Any = None,
        dense_limit: float = 4e9,
        verbose: Any = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.unit_regularizer = unit_regularizer
        self.activity_regularizer = activity_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.unit_constraint = unit_constraint
        self.terms = terms
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.settle = settle
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.dense_limit = dense_limit
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- what the two differ in -----------------------------------------------------------------------------------------

    def _encode(self, y: Any, classes: Any, first: bool) -> np.ndarray:
        """Labels as the network takes them; sets what is known of them."""
        raise NotImplementedError

    def _network(self) -> Sequential:
        raise NotImplementedError

    def _score(self, outputs: np.ndarray, y: np.ndarray) -> float:
        raise NotImplementedError

    def _class_weight(self, y: Any) -> np.ndarray | None:
        return None

    # --- training -------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on rows ``X`` (dense or sparse) with labels ``y`` and, if given, one weight per row."""
        return self._fit(X, y, sample_weight, None, partly=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, partly: bool) -> Any:
        first = not hasattr(self, "model_") or not (partly or self.warm_start)
        x, y = self._checked(X, y, first)
        weight = self._weights(x, y, sample_weight)
        targets = self._encode(y, classes, first)
        if first:
            random = check_random_state(self.random_state)
            self._seed = int(random.randint(2**31 - 1))
            with utils.drawn_from(self._seed):
                self.model_ = self._network()
                self.model_.build((x.shape[1],))
            self._describe()
            self.n_iter_, self.loss_curve_ = 0, []
            self.validation_scores_ = [] if self.early_stopping and not partly else None
        held_out = score = None
        if self.early_stopping and not partly:
            x, targets, weight, held_out, score = self._hold_out(x, targets, weight)
        count = 1 if partly else errors.integer("epochs", self.epochs, 1)
        tol = None if partly else self._tolerance(1.0 if self.early_stopping else self._scale(targets, weight))
        run, watch = (
            Run(),
            Watch(tol, errors.integer("n_iter_no_change", self.n_iter_no_change, 1), -1 if score is None else 1),
        )
        try:
            train(
                self.model_,
                x,
                targets,
                weight,
                batch_size=self._batch(len(x)),
                epochs=range(self.n_iter_, self.n_iter_ + count),
                shuffle=bool(self.shuffle),
                seed=self._seed,
                verbose=self.verbose,
                settle=0 if partly else errors.integer("settle", self.settle, 0),
                watch=watch,
                held_out=held_out,
                score=score,
                run=run,
                optimum=not partly and score is None,
            )
        finally:  # after Ctrl-C as well: what was trained is there, and is told
            self._record(run, score is not None)
        if run.optimum is False:
            self._warn(FAR)
        elif run.optimum is None and tol is not None and not watch.over:
            self._warn(EARLY.format(epochs=count, what="loss" if score is None else "score"))
        return self

    def _record(self, run: Run, scored: bool) -> None:
        self.n_iter_ += len(run.losses)
        self.loss_curve_ = [*self.loss_curve_, *run.losses]
        if self.loss_curve_:
            self.loss_ = self.loss_curve_[-1]
        if scored and run.scores:
            self.validation_scores_ = [*(self.validation_scores_ or []), *run.scores]
            self.best_validation_score_ = max(self.validation_scores_)

    def _warn(self, text: str) -> None:
        warnings.warn(f"{type(self).__name__}: {text}", ConvergenceWarning, stacklevel=4)

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[np.ndarray, np.ndarray]:
        _numbers_only(X, "X")
        if isinstance(self, RegressorMixin):
            _numbers_only(y, "y")
        checked: Any = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            multi_output=True,
            ensure_min_samples=self._fewest,
            y_numeric=isinstance(self, RegressorMixin),
            reset=first,
        )
        x, y = checked
        if hasattr(x, "tocsr"):
            needed = 4.0 * x.shape[0] * x.shape[1]
            if needed > self.dense_limit:
                raise ValueError(
                    f"X is sparse, of shape {x.shape}, and takes {needed / 1e9:.3g} GB as a dense array; dense_limit "
                    f"allows {self.dense_limit / 1e9:.3g} GB. Raise dense_limit, or call partial_fit with fewer rows."
                )
        return _dense(x), y

    def _weights(self, x: np.ndarray, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        """One weight a row, of mean 1: the loss is the weighted mean, whatever the weights' scale."""
        by_class = self._class_weight(y)
        if sample_weight is None and by_class is None:
            return None
        weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        if by_class is not None:
            weight = weight * by_class
        if not weight.sum() > 0:
            raise ValueError("sample_weight: all weights are 0; expected at least one weight above 0.")
        return weight * (len(weight) / weight.sum())

    def _hold_out(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> tuple[Any, ...]:
        if not isinstance(self.validation_fraction, float) or not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction={self.validation_fraction!r}, expected a number between 0 and 1.")
        rows, held = train_test_split(
            np.arange(len(x)),
            test_size=self.validation_fraction,
            random_state=self._seed,
            stratify=y if isinstance(self, ClassifierMixin) else None,
        )
        labels, own = y[held], x[held]
        weight = None if weight is None else weight[rows]
        return x[rows], y[rows], weight, own, lambda outputs: self._score(outputs, labels)

    def _batch(self, rows: int) -> int:
        few = rows if not widths(self.hidden) else 200
        return min(few, rows) if self.batch_size == "auto" else errors.integer("batch_size", self.batch_size, 1)

    def _scale(self, targets: np.ndarray, weight: np.ndarray | None) -> float:
        """What ``tol`` is a share of, where it is the loss that is watched."""
        return 1.0

    def _tolerance(self, scale: float) -> float | None:
        if self.tol is None:
            return None
        if errors.is_concrete(self.tol) and self.tol >= 0:
            return self.tol * scale
        raise ValueError(f"tol={self.tol!r}, expected a number ≥ 0, or None to train all epochs.")

    def _describe(self) -> None:
        """What the saved or exported model should know of its data."""
        if hasattr(self, "feature_names_in_"):
            self.model_.metadata["columns"] = [str(name) for name in self.feature_names_in_]

    # --- outputs ----------------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        _numbers_only(X, "X")
        x: Any = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        parts = [_dense(x[i : i + PREDICTED_ROWS]) for i in range(0, x.shape[0], PREDICTED_ROWS)]
        # At least so many rows, so that any small number is served by one program.
        few = [np.pad(part, ((0, max(0, LEAST_ROWS - len(part))), (0, 0))) for part in parts]
        outputs = [self.model_.predict(more)[: len(part)] for part, more in zip(parts, few, strict=True)]
        return np.concatenate(outputs).astype(np.float64)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels, layer by layer: (inputs, units)."""
        return self._by_role("kernel")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases, layer by layer."""
        return self._by_role("bias")

    def _by_role(self, role: str) -> list[np.ndarray]:
        if "model_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no weights yet: call fit first.")
        return [np.array(w) for path, w in self.model_.params.items() if path.endswith(f"/{role}")]

    @property
    def coef_(self) -> np.ndarray:
        """The weights of a model without hidden layers, one row an output."""
        kernel = self._one_layer(self.coefs_).T
        return kernel[0] if isinstance(self, RegressorMixin) and self._flat else kernel

    @property
    def intercept_(self) -> Any:
        """The biases of a model without hidden layers."""
        bias = self._one_layer(self.intercepts_)
        return bias[0] if isinstance(self, RegressorMixin) and self._flat else bias

    def _one_layer(self, arrays: list[np.ndarray]) -> np.ndarray:
        if len(arrays) != 1:
            raise AttributeError(
                f"coef_ and intercept_ exist only for a linear model, hidden=(); this one has {len(arrays)} layers. Use "
                f"coefs_ and intercepts_."
            )
        return arrays[0]


def _numbers_only(data: Any, what: str) -> None:
    """Refuse dates and durations, which scikit-learn reads as the number of their ticks.

    Raises:
        ValueError: naming the column or the row.
    """
    columns = getattr(data, "columns", None)
    if columns is None or callable(columns):
        found = None if hasattr(data, "tocsr") else no_numbers(data)
    else:
        parts = ((name, no_numbers(data[name])) for name in columns)
        found = next((f"column {name!r} {part}" for name, part in parts if part is not None), None)
    if found is not None:
        raise ValueError(f"{what}: {found}")


def _dense(x: Any) -> np.ndarray:
    """float32, whatever was given; values beyond it are infinite, which the model refuses by name."""
    with np.errstate(over="ignore"):
        return x.astype(np.float32).toarray() if hasattr(x, "tocsr") else np.asarray(x)
