"""TautClassifier and TautRegressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from taut import Sequential
from taut.sklearn._base import PARAMETERS, Taut
from taut.sklearn._network import network

__all__ = ["Classes", "Numbers", "TautClassifier", "TautRegressor"]


class Classes(ClassifierMixin, Taut):
    """What classifiers add: class labels, weights by class, probabilities."""

    class_weight: Any

    def _encode(self, y: Any, classes: Any, first: bool) -> np.ndarray:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        found = np.unique(y)
        if first:
            self.classes_ = found if classes is None else np.unique(classes)
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(f"classes={classes!r} differ from those of the first call, {self.classes_}.")
        if not np.isin(found, self.classes_).all():
            raise ValueError(
                f"y contains {np.setdiff1d(found, self.classes_)}, which are not among the classes {self.classes_}."
            )
        if len(self.classes_) < 2:
            raise ValueError(f"y has only one class, {self.classes_[0]!r}; a classifier needs at least two.")
        numbers = np.searchsorted(self.classes_, y)
        return numbers.astype(np.float32)[:, None] if len(self.classes_) == 2 else numbers.astype(np.int32)

    def _network(self) -> Sequential:
        two = len(self.classes_) == 2
        outputs, last, loss = (
            (1, "sigmoid", "binary_crossentropy")
            if two
            else (len(self.classes_), "softmax", "sparse_categorical_crossentropy")
        )
        return network(self.get_params(deep=False), outputs, last, loss, self._metrics)

    def _describe(self) -> None:
        super()._describe()
        self.model_.metadata["classes"] = self.classes_.tolist()

    def _class_weight(self, y: Any) -> np.ndarray | None:
        return None if self.class_weight is None else compute_sample_weight(self.class_weight, y)

    def _score(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return float(accuracy_score(y.reshape(-1), _numbers(outputs)))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        numbers = _numbers(self._outputs(X))
        return self.classes_[numbers]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, shape (rows, classes), in the order of ``classes_``."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _numbers(outputs: np.ndarray) -> np.ndarray:
    return (outputs[:, 0] > 0.5).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


class Numbers(RegressorMixin, Taut):
    """What regressors add: one number a row, or one a column of ``y``."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _encode(self, y: Any, classes: Any, first: bool) -> np.ndarray:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if first:
            self._flat, self.n_outputs_ = y.ndim == 1, outputs
        elif outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} columns, but the model was fitted to {self.n_outputs_}.")
        return np.asarray(y, np.float64).reshape(len(y), -1)

    def _scale(self, targets: np.ndarray, weight: np.ndarray | None) -> float:
        center = np.average(targets, axis=0, weights=weight)
        return float(np.average(np.square(targets - center), axis=0, weights=weight).mean()) or 1.0

    def _network(self) -> Sequential:
        return network(self.get_params(deep=False), self.n_outputs_, None, "mse", self._metrics)

    def _score(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return float(r2_score(y, outputs))

    def predict(self, X: Any) -> np.ndarray:
        """The prediction for each row; with one column per output if ``y`` had columns."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs


class TautClassifier(Classes):
    __doc__ = f"""A neural network classifier with taut's regularizers and constraints.
{PARAMETERS.format(class_weight="class_weight: a dict from class to weight, or 'balanced'.        ", classes=", classes_")}
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> net = TautClassifier(hidden=(), kernel_regularizer="l1=0.01", epochs=5, random_state=0).fit(x, x[:, 0] > 0)
    >>> net.predict(x[:2]).shape, net.coef_.shape
    ((2,), (1, 3))
    """

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
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        dense_limit: float = 4e9,
        verbose: Any = 0,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "class_weight", "__class__")}
        super().__init__(**given)
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train one more epoch on these rows; the first call needs ``classes``, the list of all classes."""
        return self._fit(X, y, sample_weight, classes, partly=True)


class TautRegressor(Numbers):
    __doc__ = f"""A neural network regressor with taut's regularizers and constraints.
{PARAMETERS.format(class_weight="", classes="")}
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> net = TautRegressor(hidden=(), learning_rate=0.1, tol=None, random_state=0).fit(x, x @ [1.0, 0.0, -2.0])
    >>> net.coef_.round(2) + 0.0
    array([ 1.,  0., -2.], dtype=float32)
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train one more epoch on these rows."""
        return self._fit(X, y, sample_weight, None, partly=True)
