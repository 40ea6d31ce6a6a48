"""What a path is made of: the rows, the model and the terms as they were when it was asked for, and no other's."""

import threading

import jax
import numpy as np
import pandas as pd
import pytest
import sklearn.utils

import taut
from taut import regularizers
from taut.model.data import class_weights
from taut.paths._given import kept
from taut.paths.varying import plan_with

RNG = np.random.default_rng(3)
X = RNG.standard_normal((48, 3)).astype(np.float32)
CLASS = (X[:, 0] + 0.3 * RNG.standard_normal(48) > 0).astype(np.int32)
OPTIONS = {"strengths": [0.1, 0.01], "folds": 2, "seeds": 1, "epochs": 3, "batch_size": 16, "seed": 0, "verbose": 0}
VARY = {"dense/kernel": regularizers.L1}


def net(built: bool = True, **compiled) -> taut.Sequential:
    model = taut.Sequential([taut.layers.Dense(2, "softmax", **({"input_shape": (3,)} if built else {}))])
    given = {
        "optimizer": taut.optimizers.Adam(0.05),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    model.compile(**given | compiled)
    return model


def everything(model: taut.Sequential) -> list:
    return [str(model.plan), *(w.tobytes() for w in model.get_weights()), model.optimizer, model.loss, model.metrics[:]]


def test_what_is_done_to_the_data_or_the_model_later_changes_nothing() -> None:
    model, x, y, weight, classes = net(), X.copy(), CLASS.copy(), np.linspace(0.5, 1.5, 48), {0: 1.0, 1: 2.0}
    scale = [1.0]
    vary = {"dense/kernel": lambda s: regularizers.L1(scale[0] * s)}
    before = everything(model)
    path = taut.path(model, x, y, vary, sample_weight=weight, class_weight=classes, **OPTIONS)
    assert everything(model) == before and model.history is None and model._state is None
    # x, y and weights changed in place, then the model: compiled otherwise, with other weights and terms
    x *= 0
    y[:] = 0
    weight[:] = 0
    classes[1] = 100.0
    scale[0] = 100.0
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.attach({"dense/kernel": taut.constraints.NonNeg()})
    again = path.refit(1)
    for name, w in again.params.items():
        np.testing.assert_allclose(w, path.weights[name][1], atol=2e-5)
    assert np.asarray(again.params["dense/kernel"]).min() < 0
    assert again.plan["dense/kernel"].regularizer == regularizers.L1(0.01)
    freed = path.refit(1, debias=True)
    assert freed.plan["dense/kernel"].regularizer is None


@pytest.mark.parametrize("kind", ["list", "frame", "jax"])
def test_every_kind_of_table_is_taken_as_it_is_then(kind: str) -> None:
    frame = pd.DataFrame(X.copy(), columns=list("abc"))
    given = {"list": X.tolist(), "frame": frame, "jax": jax.numpy.asarray(X)}[kind]
    path = taut.path(net(), given, CLASS, VARY, **OPTIONS)
    if kind == "list":
        given[0][:] = [9.0] * 3
    elif kind == "frame":
        frame.loc[:, :] = 0.0
        assert path.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(path._recipe.given.x, X)


def test_the_copy_is_one_and_nobody_can_write_to_it() -> None:
    for shape in [(5, 3), (7,), (1, 2)]:
        rows = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        own = kept(rows)
        np.testing.assert_array_equal(own, rows)
        with pytest.raises(ValueError, match="read-only"):
            own[...] = 1
        assert own.ctypes.data % 64 == 0 and not np.may_share_memory(own, rows)
    own = kept(X)
    assert jax.device_put(own).unsafe_buffer_pointer() == own.ctypes.data, "on the CPU read in place"


def test_a_model_without_weights_is_left_without() -> None:
    model = net(built=False)
    path = taut.path(model, X, CLASS, VARY, **OPTIONS)
    assert not model.built and path.model.built
    np.testing.assert_allclose(path.refit(0).get_weights()[0], path.weights["dense/kernel"][0], atol=2e-5)


def test_a_plan_with_other_terms_is_no_change_of_the_model() -> None:
    """In the midst of making plans the model shows its own plan, to this thread and to any other."""
    model = net()
    own = str(model.plan)
    seen: list[str] = []

    def make(number: float):
        seen.append(str(model.plan))
        return regularizers.L1(number)

    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            seen.append(str(model.plan))
            ended.wait(0.01)

    other = threading.Thread(target=look)
    other.start()
    try:
        taut.path(model, X, CLASS, {"dense/kernel": make, "dense/bias": make}, **OPTIONS | {"strengths": [0.1]})
    finally:
        ended.set()
        other.join()
    assert len(seen) > 2 and set(seen) == {own}
    changed = plan_with(model, [{"dense/kernel": regularizers.L2(3.0)}])
    assert changed["dense/kernel"].regularizer == regularizers.L2(3.0)
    assert str(model.plan) == own and model._attached == {}


def test_another_threads_seeds_are_its_own() -> None:
    taut.utils.set_random_seed(7)
    expected = [taut.utils.draw_seed() for _ in range(2)]
    taut.utils.set_random_seed(7)
    drawn: list[int] = []
    with taut.utils.drawn_from(1):
        inside = taut.utils.draw_seed()
        other = threading.Thread(target=lambda: drawn.append(taut.utils.draw_seed()))
        other.start()
        other.join()
        assert taut.utils.draw_seed() == np.random.default_rng(1).integers(2**31, size=2)[1]
    assert [*drawn, taut.utils.draw_seed()] == expected and inside not in expected


# --- comparisons ------------------------------------------------------------------------------------------------------


def test_one_hot_labels_are_compared_as_class_numbers_are() -> None:
    options = {"kinds": ["l1"], "strengths": 2, "folds": 2, "epochs": 3, "seed": 1, "verbose": 0}
    model = net(loss="categorical_crossentropy")
    one_hot = taut.utils.to_categorical(CLASS, 2)
    x = X.copy()
    before = everything(model)
    found = taut.compare(model, x, one_hot, **options)
    numbers = taut.compare(net(), X, CLASS, **options)
    for a, b in zip(found.rows, numbers.rows, strict=True):
        assert (a.kind, a.term) == (b.kind, b.term)
        assert (a.score, a.test) == pytest.approx((b.score, b.test), rel=1e-5)
    assert everything(model) == before
    # and the paths are of the data that they were given
    x *= 0
    one_hot[:] = [1, 0]
    path = found.paths["l1"]
    point = path.best()
    np.testing.assert_allclose(path.refit(point).get_weights()[0], found.models["l1"].get_weights()[0], atol=2e-5)
    assert path._recipe is not None and path._recipe.given is found.paths["none"]._recipe.given, "one copy of the rows"


# --- choosing where one class is rare -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rare() -> tuple[np.ndarray, np.ndarray]:
    """Rows with 3 % positives, which one input makes likelier without ever making them likely."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(4.5 - 1.6 * x[:, 0]))
    y = (rng.random(400) < chance).astype(np.float32)
    x[:12, 0], y[:12] = 1.0, 1.0
    return x, y


def test_the_log_loss_chooses_where_accuracies_tie(rare) -> None:
    x, y = rare
    model = taut.Sequential([taut.layers.Dense(1, "sigmoid", input_shape=(3,))])
    model.compile(taut.optimizers.Adam(0.05), "binary_crossentropy", ["accuracy"])
    options = OPTIONS | {"strengths": [1.0, 0.001], "epochs": 30, "batch_size": "full", "folds": 3}
    path = taut.path(model, x, y, VARY, **options)
    table = path.table()
    assert path.metric == "log_loss"
    assert {"val_log_loss", "val_accuracy", "val_log_loss_se"} <= set(table.columns)
    assert table["val_log_loss"][1] < table["val_log_loss"][0], "the second knows more"
    assert path.best().index == 1 and path.best().inputs > 0

    tied = taut.path(model, x, np.zeros_like(y), VARY, metric="accuracy", **options)
    point = tied.best()
    assert tied.metric == "accuracy" and np.ptp(tied.table()["val_accuracy"]) == 0
    lower = int(np.argmin(tied.table()["val_log_loss"]))
    assert point.index == lower and "all 2 points have this accuracy; the lowest log_loss decided" in str(point)
    assert "all 2 points have this accuracy" in str(tied.best("one_se"))

    balanced = taut.path(model, x, y, VARY, class_weight="balanced", **options)
    np.testing.assert_allclose(
        class_weights("balanced", y[:, None]), sklearn.utils.compute_sample_weight("balanced", y), rtol=1e-6
    )
    assert balanced.refit(0).predict(x).mean() > 3 * path.refit(0).predict(x).mean()


def test_a_metric_that_the_model_lacks_is_measured_for_the_path() -> None:
    model = net(metrics=[], loss=taut.losses.CategoricalCrossentropy(label_smoothing=0.2))
    hot = taut.utils.to_categorical(CLASS, 2)
    path = taut.path(model, X, hot, VARY, metric="accuracy", **OPTIONS | {"folds": None, "validation_data": (X, hot)})
    assert model.metrics == [] and path.metric == "accuracy"
    out = path.refit(0).predict(X)
    assert path.scores["val_accuracy"][0, 0, 0] == pytest.approx(np.mean(out.argmax(axis=1) == CLASS))
    log_loss = -np.log(out[np.arange(48), CLASS]).mean()
    assert path.scores["val_log_loss"][0, 0, 0] == pytest.approx(log_loss, rel=1e-4)
    assert path.scores["val_data_loss"][0, 0, 0] > log_loss, "smoothed labels are no log loss"
    squares = taut.Sequential([taut.layers.Dense(1, input_shape=(3,))])
    squares.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"metric='log_loss' is for classifiers"):
        taut.path(squares, X, CLASS, VARY, metric="log_loss", **OPTIONS)
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        taut.path(squares, X, CLASS, VARY, metric="acuracy", **OPTIONS)
    with pytest.raises(TypeError, match=r"'even', expected a dict .* or \"balanced\""):
        taut.compare(net(), X, CLASS, class_weight="even", kinds=["l1"], **OPTIONS_OF_COMPARE)


OPTIONS_OF_COMPARE = {"strengths": 2, "folds": 2, "epochs": 1, "seed": 0, "verbose": 0}
