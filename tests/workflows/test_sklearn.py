"""TautClassifier and TautRegressor in scikit-learn's hands: its own checks, and what people do with an estimator.

Compilations cost all the time here, so the nets and the tables have few shapes.
"""

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import taut
from taut.sklearn import TautClassifier, TautRegressor
from taut.sklearn._training import as_one_batch

QUICK: dict[str, Any] = {"hidden": (8,), "learning_rate": 0.1, "epochs": 30, "tol": None}


# Of one layer: what the checks look at does not hang on a hidden one, and every new shape of a table compiles.
@parametrize_with_checks([TautClassifier(**QUICK | {"hidden": ()}), TautRegressor(**QUICK | {"hidden": ()})])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
NUMBER = X @ [2.0, 0.0, -1.0, 0.0] + 0.5
CLASS = np.asarray(["low", "high"])[(NUMBER > 0.5).astype(int)]
LINEAR: dict[str, Any] = {"hidden": (), "learning_rate": 0.1, "epochs": 300, "tol": None, "random_state": 0}


def same(a: Any, b: Any) -> bool:
    return all((u == v).all() for u, v in zip(a.coefs_, b.coefs_, strict=True))


def test_a_linear_model_is_scikit_learns() -> None:
    net = TautRegressor(**LINEAR | {"kernel_regularizer": "l2=0.1", "optimizer": "sgd"}).fit(X, NUMBER)
    ridge = Ridge(alpha=0.1 * len(X)).fit(X, NUMBER)  # ours is λ·Σw² beside a mean
    np.testing.assert_allclose(net.coef_, ridge.coef_, atol=1e-4)
    assert net.intercept_ == pytest.approx(ridge.intercept_, abs=1e-4)
    logistic = TautClassifier(**LINEAR | {"kernel_regularizer": "l2=0.05", "optimizer": "sgd", "learning_rate": 1.0})
    logistic.fit(X, CLASS)
    other = LogisticRegression(C=1 / (2 * 0.05 * len(X)), tol=1e-8).fit(X, CLASS)
    np.testing.assert_allclose(logistic.coef_, other.coef_, atol=1e-4)
    np.testing.assert_allclose(logistic.predict_proba(X), other.predict_proba(X), atol=1e-4)
    assert logistic.classes_.tolist() == ["high", "low"]


def test_exact_zeros_and_the_model_behind() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    net = TautClassifier(**LINEAR | {"kernel_regularizer": "l1=0.05", "settle": 3}).fit(frame, CLASS)
    assert net.model_.history.settled["steps"] == 3
    assert net.coef_.shape == (1, 4)
    assert (net.coef_[0, [1, 3]] == 0).all() and (net.coef_[0, [0, 2]] != 0).all()
    assert net.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    small = taut.compact(net.model_, inputs="drop")
    assert small.compaction.columns == ("a", "c")
    np.testing.assert_allclose(small.predict(X[:, [0, 2]])[:, 0], net.predict_proba(frame)[:, 1], atol=1e-6)
    assert net.model_.metadata["classes"] == ["high", "low"]


def test_pipeline_grid_and_scores() -> None:
    pipe = make_pipeline(StandardScaler(), TautClassifier(**LINEAR | {"epochs": 40}))
    assert cross_val_score(pipe, X, CLASS, cv=3).mean() > 0.85
    grid = GridSearchCV(pipe, {"tautclassifier__kernel_regularizer": ["l1=0.001", "l1=10.0"]}, cv=3).fit(X, CLASS)
    assert grid.best_params_ == {"tautclassifier__kernel_regularizer": "l1=0.001"}


def test_clones_pickles_and_copies() -> None:
    term = taut.regularizers.L1(0.01)
    net = TautRegressor(**QUICK | {"random_state": 1, "kernel_regularizer": term}).fit(X, NUMBER)
    again = clone(net)
    assert not hasattr(again, "model_") and again.kernel_regularizer == term
    assert same(again.fit(X, NUMBER), net)
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        np.testing.assert_array_equal(twin.predict(X), net.predict(X))
        assert (twin.n_iter_, twin.loss_curve_) == (net.n_iter_, net.loss_curve_)


def test_the_loss_curve_and_when_training_ends() -> None:
    net = TautRegressor(**QUICK | {"epochs": 200, "tol": 1e-2, "n_iter_no_change": 3, "random_state": 0})
    net.fit(X, NUMBER)
    assert net.n_iter_ == len(net.loss_curve_) < 200
    assert net.loss_ == net.loss_curve_[-1] < net.loss_curve_[0]
    best = np.minimum.accumulate(net.loss_curve_)
    assert best[-4] - best[-1] <= 3 * 1e-2
    assert TautRegressor(**QUICK | {"epochs": 7}).fit(X, NUMBER).n_iter_ == 7


def test_early_stopping_keeps_the_best_epoch() -> None:
    net = TautClassifier(
        **QUICK | {"epochs": 20, "learning_rate": 0.5, "tol": 0.0, "early_stopping": True, "random_state": 3},
        validation_fraction=0.25,
        n_iter_no_change=5,
    ).fit(X, CLASS)
    assert net.n_iter_ == len(net.validation_scores_) <= 20
    assert net.best_validation_score_ == max(net.validation_scores_)
    shorter = clone(net).set_params(epochs=1 + int(np.argmax(net.validation_scores_)), tol=None).fit(X, CLASS)
    assert same(shorter, net)


def test_training_goes_on() -> None:
    whole = TautRegressor(**QUICK | {"epochs": 6, "random_state": 0}).fit(X, NUMBER)
    parts = TautRegressor(**QUICK | {"epochs": 3, "random_state": 0, "warm_start": True}).fit(X, NUMBER).fit(X, NUMBER)
    assert same(parts, whole) and parts.n_iter_ == 6
    steps = TautRegressor(**QUICK | {"random_state": 0})
    for _ in range(6):
        steps.partial_fit(X, NUMBER)
    assert same(steps, whole) and steps.loss_curve_ == whole.loss_curve_
    fresh = TautRegressor(**QUICK | {"epochs": 3, "random_state": 0}).fit(X, NUMBER).fit(X, NUMBER)
    assert fresh.n_iter_ == 3


def test_classes_are_named_at_the_first_part() -> None:
    net = TautClassifier(**QUICK).partial_fit(X[:30], CLASS[:30], classes=["high", "low"])
    with pytest.raises(ValueError, match="which are not among the classes"):
        net.partial_fit(X, np.where(CLASS == "low", "middle", CLASS))
    with pytest.raises(ValueError, match="differ from those of the first call"):
        net.partial_fit(X, CLASS, classes=["a", "b"])


def test_weights_of_rows_and_classes() -> None:
    arguments = QUICK | {"random_state": 0}
    weight = np.where(CLASS == "low", 3.0, 1.0)
    by_row = TautClassifier(**arguments).fit(X, CLASS, sample_weight=7 * weight)
    by_class = TautClassifier(**arguments, class_weight={"low": 3.0}).fit(X, CLASS)
    plain = TautClassifier(**arguments).fit(X, CLASS)
    np.testing.assert_allclose(by_row.predict_proba(X), by_class.predict_proba(X), atol=1e-6)
    assert by_class.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()
    with pytest.raises(ValueError, match="all weights are 0"):
        clone(plain).set_params(class_weight={"low": 0.0, "high": 0.0}).fit(X, CLASS)


def test_one_batch_knows_no_order_and_merges_equal_rows() -> None:
    x, y = X[:6].astype(np.float32), np.arange(6.0)
    order = [3, 1, 1, 0, 5, 4, 1, 2]
    twice = as_one_batch(x[order], y[order], None)
    once = as_one_batch(x, y, np.asarray([1.0, 3, 1, 1, 1, 1]))
    for a, b in zip(twice, once, strict=True):
        np.testing.assert_array_equal(a, b)
    assert once[2].mean() == pytest.approx(1.0) and (once[2] > 0).sum() == 6
    gone = as_one_batch(x, y, np.asarray([1.0, 0, 1, 1, 0, 1]))
    assert sorted(gone[1][gone[2] > 0]) == [0, 2, 3, 5]


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_tables(kind: Any) -> None:
    x = X * (np.abs(X) > 0.7)
    net = TautRegressor(**QUICK | {"random_state": 0}).fit(kind(x), NUMBER)
    dense = TautRegressor(**QUICK | {"random_state": 0}).fit(x, NUMBER)
    assert same(net, dense)
    np.testing.assert_array_equal(net.predict(kind(x)), dense.predict(x))
    with pytest.raises(ValueError, match=r"takes 9\.6e-07 GB as a dense array; dense_limit allows 5e-07 GB"):
        clone(net).set_params(dense_limit=500).fit(kind(x), NUMBER)


def test_every_parameter_reaches_the_network() -> None:
    net = TautClassifier(
        hidden=(5, 4),
        activation="tanh",
        kernel_regularizer={0: "l1=0.01", -1: taut.regularizers.L2(0.1)},
        bias_regularizer="l2=0.5",
        activity_regularizer="l1=0.001",
        kernel_constraint={1: "non_neg & max_norm=2"},
        bias_constraint="box(low=-1, high=1)",
        dropout=0.25,
        optimizer=taut.optimizers.SGD(0.5, momentum=0.9),
        learning_rate=0.125,
        batch_size=16,
        epochs=1,
        tol=None,
        shuffle=False,
        random_state=0,
    ).fit(X, CLASS)
    assert [type(layer).__name__ for layer in net.model_.layers] == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    plan = net.model_.plan
    assert plan["dense/kernel"].regularizer == taut.regularizers.L1(0.01)
    assert plan["dense_1/kernel"].regularizer is None
    assert plan["dense_2/kernel"].regularizer == taut.regularizers.L2(0.1)
    assert str(plan["dense_1/kernel"].constraint) == str(taut.constraints.NonNeg() & taut.constraints.MaxNorm(2))
    assert [a.layer for a in plan.activities] == ["dense", "dense_1"]
    assert all(plan[f"{name}/bias"].constraint is not None for name in ("dense", "dense_1", "dense_2"))
    assert net.model_.optimizer == taut.optimizers.SGD(0.125, momentum=0.9)
    assert net.model_.history.params["batch_size"] == 16
    keras = TautRegressor(hidden=(), kernel_regularizer="l1=0.1", terms="keras", epochs=1, tol=None).fit(X, NUMBER)
    assert keras.model_.plan["dense/kernel"].mode == "gradient"
    unit = TautRegressor(
        hidden=4, unit_regularizer={0: "group_lasso=0.1"}, unit_constraint={1: "max_norm=1"}, epochs=1, tol=None
    )
    unit.fit(X, NUMBER)
    assert [e.path for e in unit.model_.plan.units] == ["dense/unit", "dense_1/unit"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden": (4, 0)}, r"hidden=\(4, 0\), expected integers ≥ 1"),
        ({"hidden": "wide"}, "hidden='wide'"),
        ({"kernel_regularizer": "l1=x(3"}, "kernel_regularizer: "),
        ({"kernel_regularizer": {5: "l1"}}, "there is no layer 5; the network has 2"),
        ({"epochs": 0}, "epochs=0, expected an integer ≥ 1"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"tol": -1.0}, "tol=-1.0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change=0"),
        ({"dropout": 1.5}, "rate=1.5"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"early_stopping": True, "validation_fraction": 2.0}, "validation_fraction=2.0"),
        ({"activation": "rleu"}, "Did you mean 'relu'"),
    ],
)
def test_a_bad_parameter_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TautRegressor(**QUICK | arguments).fit(X, NUMBER)


def test_weights_by_name_before_there_are_any() -> None:
    with pytest.raises(AttributeError, match="no weights yet: call fit first"):
        TautRegressor().coefs_  # noqa: B018
    net = TautRegressor(**QUICK).fit(X, NUMBER)
    assert [c.shape for c in net.coefs_] == [(4, 8), (8, 1)] and [b.shape for b in net.intercepts_] == [(8,), (1,)]
    assert not hasattr(net, "coef_")
