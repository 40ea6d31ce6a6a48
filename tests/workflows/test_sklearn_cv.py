"""TautClassifierCV and TautRegressorCV: the strength is chosen by a path, and the estimator is scikit-learn's."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import taut
from taut.sklearn import TautClassifierCV, TautRegressor, TautRegressorCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
NUMBER = X @ [2.0, 0.0, -1.0, 0.0] + 0.1 * RNG.normal(size=60)
QUICK: dict[str, Any] = {"hidden": (), "learning_rate": 0.1, "epochs": 100, "strengths": 4, "cv": 3, "random_state": 0}


# Those of scikit-learn's checks that compile little, and those of what a path does for itself. A path takes seconds to
# compile, and the rest of what they look at is shared with TautClassifier and TautRegressor, which are held to all of
# them in test_sklearn.py. `python -m tests.workflows.test_sklearn_cv` runs all of them on both, in some minutes.
CHECKS = (
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimators_unfitted",
    "check_requires_y_none",
    "check_fit1d",
    "check_complex_data",
    "check_fit2d_1sample",
    "check_sample_weight_equivalence_on_dense_data",
)


@pytest.mark.parametrize(
    "estimator", [TautClassifierCV(**QUICK), TautRegressorCV(**QUICK)], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learns_checks(estimator: Any, check: str) -> None:
    getattr(estimator_checks, check)(type(estimator).__name__, clone(estimator))


def test_a_weight_is_a_row_given_as_often() -> None:
    y = (NUMBER > 0).astype(int)
    weight = np.arange(60) % 3
    rows = np.repeat(np.arange(60), weight)
    folds = [(np.arange(0, 40), np.arange(40, 60)), (np.arange(20, 60), np.arange(0, 20))]
    of_row = np.searchsorted(rows, np.arange(61))  # where each row's copies begin
    many = [
        tuple(np.concatenate([np.arange(of_row[i], of_row[i + 1]) for i in part]) for part in fold) for fold in folds
    ]
    arguments = QUICK | {"epochs": 20, "strengths": [0.001, 0.1]}
    weighted = TautClassifierCV(**arguments | {"cv": folds}).fit(X, y, sample_weight=weight)
    repeated = TautClassifierCV(**arguments | {"cv": many}).fit(X[rows], y[rows])
    np.testing.assert_array_equal(weighted.coef_, repeated.coef_)
    np.testing.assert_array_equal(weighted.path_.scores["val_accuracy"], repeated.path_.scores["val_accuracy"])


def test_a_regressor_chooses_its_strength() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    net = TautRegressorCV(**QUICK).fit(frame, NUMBER)
    assert (abs(net.coef_[[1, 3]]) < 0.02).all() and net.score(frame, NUMBER) > 0.99
    assert net.strength_ == net.path_.best(rule="one_se").strengths["*/kernel"]
    assert net.n_iter_ == len(net.loss_curve_) == 100
    assert net.feature_names_in_.tolist() == net.model_.metadata["columns"] == list("abcd")
    # the same network as the one of that strength alone, to the order of float32 sums
    alone = TautRegressor(
        hidden=(),
        learning_rate=0.1,
        epochs=100,
        tol=None,
        kernel_regularizer=taut.regularizers.L1(net.strength_),
        random_state=0,
    ).fit(frame, NUMBER)
    np.testing.assert_allclose(net.coef_, alone.coef_, atol=1e-4)
    best = clone(net).set_params(rule="max").fit(frame, NUMBER)
    assert best.strength_ == best.path_.best(rule="max").strengths["*/kernel"] <= net.strength_
    sparse = clone(net).fit(scipy.sparse.csr_array(X), NUMBER)
    np.testing.assert_array_equal(sparse.coef_, net.coef_)
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.predict(frame), net.predict(frame))
    assert twin.path_.table()["inputs"].tolist() == net.path_.table()["inputs"].tolist()


def test_a_classifier_in_a_pipeline() -> None:
    y = np.asarray(["no", "yes"])[(NUMBER > 0).astype(int)]
    pipe = make_pipeline(StandardScaler(), TautClassifierCV(**QUICK, class_weight="balanced")).fit(X, y)
    net = pipe[-1]
    assert pipe.score(X, y) > 0.9 and net.classes_.tolist() == ["no", "yes"]
    assert net.path_.metric == "log_loss"
    assert net.predict_proba(X).shape == (60, 2)


def test_several_terms_are_varied_by_path() -> None:
    vary = {"dense/kernel": taut.regularizers.L1, "dense/bias": taut.regularizers.L2}
    strengths = {"dense/kernel": [0.01, 0.1], "dense/bias": [0.01]}
    net = TautRegressorCV(**QUICK | {"vary": vary, "strengths": strengths, "rule": "max", "epochs": 3}).fit(X, NUMBER)
    assert set(net.strength_) == set(vary)
    assert net.strength_["dense/bias"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"vary": 3}, TypeError, "vary=3, expected a term's name"),
        ({"vary": "l3"}, ValueError, "Unknown regularizer 'l3'"),
        ({"vary": {"dens/kernel": taut.regularizers.L1}}, ValueError, "dense/kernel"),
        ({"rule": "two_se"}, ValueError, "two_se"),
        ({"epochs": 0}, ValueError, "epochs=0"),
    ],
)
def test_a_bad_parameter_is_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TautRegressorCV(**QUICK | {"epochs": 1} | arguments).fit(X, NUMBER)


def test_weights_that_leave_one_class_are_refused() -> None:
    with pytest.raises(ValueError, match="TautClassifierCV: all rows with a weight above 0 are of one class"):
        TautClassifierCV(**QUICK).fit(X[:10], np.arange(10) % 2, sample_weight=np.arange(10) % 2)


def test_nothing_is_a_parameter_that_does_nothing() -> None:
    assert not hasattr(TautClassifierCV, "partial_fit")
    assert not {"early_stopping", "tol", "warm_start", "settle"} & set(TautClassifierCV().get_params())


if __name__ == "__main__":
    for made in (TautClassifierCV(**QUICK), TautRegressorCV(**QUICK)):
        found = estimator_checks.check_estimator(made, on_fail=None)
        failed = [check for check in found if check["status"] not in ("passed", "skipped")]
        print(f"{type(made).__name__}: {len(found) - len(failed)} of {len(found)} passed or skipped", *failed, sep="\n")
