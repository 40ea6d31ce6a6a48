"""Estimators that have not converged say so; linear ones reach the optimum; and what is no number is refused."""

import datetime
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from flax import nnx
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor

import taut
from taut.model import data as adapt
from taut.sklearn import TautClassifier, TautClassifierCV, TautRegressor, TautRegressorCV
from taut.sklearn import _training as training

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 20))
TRUE = np.where(np.arange(20) < 5, 2.0, 0.0)
Y = X @ TRUE + 3 + 0.7 * RNG.normal(size=300)
NEW = RNG.normal(size=(500, 20))
NEW_Y = NEW @ TRUE + 3 + 0.7 * RNG.normal(size=500)


def fitted(net: Any, x: Any = X, y: Any = Y) -> tuple[Any, list[str]]:
    """The estimator, and what its fit warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, y)
    assert all(w.category is ConvergenceWarning for w in caught), caught
    return net, [str(w.message) for w in caught]


def test_linear_data_are_fitted_with_the_defaults() -> None:
    net, said = fitted(TautRegressor(hidden=(), random_state=0))
    exact = LinearRegression().fit(X, Y)
    np.testing.assert_allclose(net.coef_, exact.coef_, atol=1e-4)
    assert net.intercept_ == pytest.approx(exact.intercept_, abs=1e-4)
    assert said == [] and net.model_.history.settled == {"optimum": True}
    logistic, said = fitted(TautClassifier(hidden=(), kernel_regularizer="l2=0.01", epochs=5, random_state=0), y=Y > 3)
    other = LogisticRegression(C=1 / (2 * 0.01 * 300), tol=1e-10, max_iter=1000).fit(X, Y > 3)
    np.testing.assert_allclose(logistic.coef_, other.coef_, atol=1e-3)
    assert said == []


def test_a_chosen_linear_model_is_as_good_as_lasso_cv() -> None:
    net, said = fitted(TautRegressorCV(hidden=(), strengths=8, cv=3, epochs=3, random_state=0))
    assert said == [] and net.path_.converged.all()
    assert net.score(NEW, NEW_Y) > LassoCV().fit(X, Y).score(NEW, NEW_Y) - 0.01
    assert (net.coef_[:5] != 0).all() and (net.coef_[5:] == 0).sum() >= 5
    assert "data_loss" in str(net.point_)
    hit = TautClassifierCV(hidden=(), strengths=[0.1, 0.01], cv=3, epochs=3, scoring="accuracy", random_state=0)
    assert fitted(hit, y=Y > 3)[0].path_.metric == "accuracy"
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        TautClassifierCV(hidden=(), scoring="acuracy").fit(X, Y > 3)


def test_what_has_not_converged_says_so() -> None:
    """As scikit-learn's own networks do."""
    small: dict[str, Any] = {"hidden": (2,), "epochs": 3, "random_state": 0}
    _, said = fitted(TautRegressor(**small))
    assert said == [
        "TautRegressor: training ended after 3 epochs, while the loss was still improving. Raise epochs or learning_rate, or scale the inputs, for "
        "instance with StandardScaler."
    ]
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=3, random_state=0).fit(X, Y)
    assert fitted(TautRegressor(**small, tol=None))[1] == [], "all epochs were asked for"
    assert "while the score was still improving" in fitted(TautRegressor(**small, early_stopping=True))[1][0]
    _, said = fitted(TautRegressorCV(**small, strengths=[0.01, 0.1], cv=2))
    assert said[0].startswith("TautRegressorCV: training ended after 3 epochs, while the loss was still improving")


def test_an_optimum_that_was_not_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taut.paths._optimum.MOST", 100)
    wide = X * np.logspace(-3, 3, 20)  # a condition number of 1e12
    _, said = fitted(TautRegressor(hidden=(), epochs=1, random_state=0), x=wide)
    assert len(said) == 1 and "before it reached the optimum" in said[0] and "StandardScaler" in said[0]
    _, said = fitted(TautRegressorCV(hidden=(), strengths=[0.1, 0.01], cv=2, epochs=1, random_state=0), x=wide)
    assert len(said) == 1 and "before it reached the optimum" in said[0]


def test_the_tolerance_is_a_share_of_the_targets_variance() -> None:
    small: dict[str, Any] = {"hidden": (2,), "epochs": 40, "learning_rate": 0.01, "batch_size": 300, "random_state": 0}
    here = TautRegressor(**small)
    for scale in (1e-3, 1.0, 1e3):
        target = scale * (Y - Y.mean())
        assert here._scale(target[:, None], None) == pytest.approx(target.var())
    tiny, said = fitted(TautRegressor(**small), y=1e-3 * Y)
    assert tiny.n_iter_ > 15 or said, "a small target is no reason to stop"


def test_ctrl_c_leaves_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = training.Trainer.epoch, []

    def stopping(self: Any, *rest: Any) -> Any:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return real(self, *rest)

    monkeypatch.setattr(training.Trainer, "epoch", stopping)
    net = TautRegressor(hidden=(2,), epochs=9, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y)
    assert net.n_iter_ == len(net.loss_curve_) == 3 and net.loss_ == net.loss_curve_[-1]
    monkeypatch.undo()
    whole, _ = fitted(TautRegressor(hidden=(2,), epochs=3, random_state=0))
    np.testing.assert_array_equal(net.predict(X), whole.predict(X))
    assert net.loss_curve_ == whole.loss_curve_


# --- the wrong type ---------------------------------------------------------------------------------------------------

DAYS = np.arange(20).astype("datetime64[D]")
WRONG = {
    "dates": DAYS[:, None],
    "a list of dates": [[d] for d in DAYS],
    "durations": (DAYS - DAYS[0])[:, None],
    "objects": np.array([*DAYS[:19], datetime.date(2020, 1, 1)], object)[:, None],
    "durations as objects": np.array([datetime.timedelta(3)] * 20, object)[:, None],
    "pandas": pd.DataFrame({"when": DAYS.astype("datetime64[us]")}),
    "pandas, zone": pd.DataFrame({"when": pd.Series(pd.date_range("2020", periods=20, tz="UTC")), "a": 1.0}),
    "polars": pl.DataFrame({"a": np.ones(20), "when": DAYS}),
    "polars, durations": pl.DataFrame({"when": (DAYS - DAYS[0]).astype("timedelta64[us]")}),
    "complex": np.full((20, 1), 1j),
    "complex objects": np.array([np.complex64(1j)] * 20, object)[:, None],
}
SMALL = np.arange(20.0)[:, None]


@pytest.mark.parametrize("kind", WRONG)
def test_dates_and_the_like_are_no_numbers(kind: str) -> None:
    x = WRONG[kind]
    message = r"(?i)expected real? ?numbers|expected a real number|expected numbers|complex data not supported"
    with pytest.raises(ValueError, match=message):
        TautRegressor(hidden=()).fit(x, SMALL[:, 0])
    with pytest.raises(ValueError, match=message):
        adapt.inputs(x, (1,))
    if "pandas" in kind or "polars" in kind:
        with pytest.raises(ValueError, match="column 'when'"):
            TautRegressor(hidden=()).fit(x, SMALL[:, 0])
        return
    if "complex" not in kind:
        with pytest.raises(ValueError, match=r"y: .*expected (a )?real numbers?"):
            TautRegressor(hidden=()).fit(SMALL, np.asarray(x).reshape(-1))
        fine = TautRegressor(hidden=(), epochs=1, tol=None).fit(SMALL, SMALL[:, 0])
        with pytest.raises(ValueError, match="X: "):
            fine.predict(x)


def test_dates_may_be_classes() -> None:
    net = TautClassifier(hidden=(), epochs=1, tol=None).fit(SMALL, np.repeat(DAYS[:2], 10))
    assert net.classes_.tolist() == DAYS[:2].tolist()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (2**32 + 1, r"x: column 1, row 2 is 4294967297, but layer 'embed' is an embedding of 5 rows, numbered 0 … 4"),
        (5, "is 5, but layer 'embed' is an embedding of 5 rows"),
        (-1, "is -1, but layer 'embed'"),
    ],
)
def test_a_row_that_an_embedding_has_not_is_refused(index: int, message: str) -> None:
    model = taut.Sequential([taut.layers.Input((3,)), nnx.Embed(5, 2, rngs=nnx.Rngs(0)), taut.layers.Flatten()])
    model.add(taut.layers.Dense(1))
    model.compile("sgd", "mse")
    x = np.zeros((4, 3), np.int64)
    model.fit(x, np.zeros(4), verbose=0)
    x[2, 1] = index
    for use in (lambda: model.fit(x, np.zeros(4), verbose=0), lambda: model.predict(x)):
        with pytest.raises(ValueError, match=message):
            use()


def test_whole_numbers_that_int32_does_not_hold_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x: column 0, row 1 is 4294967297, but int32 holds -2147483648 … 2147483647"):
        adapt.inputs(np.array([[1], [2**32 + 1]]), integers=True)
    own = taut.losses.get(lambda y, out: (out - y) ** 2)
    with pytest.raises(ValueError, match="y: row 1 is 4294967297, but int32 holds"):
        adapt.labels(np.array([1, 2**32 + 1]), own, (1,), 2)
    assert adapt.inputs(np.array([[2**31 - 1]]), integers=True).dtype == np.int32
