"""taut.path: each net is its own ``fit``, held-out rows stay out, and what it gives is what it says."""

import numpy as np
import pytest

import taut
from taut import constraints, regularizers
from taut.paths import _blocks, _nets, choice, folds, largest
from taut.paths.scoring import Score
from taut.paths.varying import resolve

ROWS, INPUTS, CLASSES = 96, 6, 3
VARY = {"dense/kernel": regularizers.L1}
STRENGTHS = [0.1, 0.01, 0.0]
SEED, SEEDS = 5, 2


def table(rows=ROWS, seed=0):
    """Rows of three classes; the last two inputs are noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, INPUTS)).astype(np.float32)
    label = np.argmax(x[:, :4] @ rng.standard_normal((4, CLASSES)) + 0.1 * rng.standard_normal((rows, CLASSES)), axis=1)
    return x, label


X, LABEL = table()


def net(strength=None, optimizer=None, **first):
    layers = taut.layers
    if strength is not None:
        first["kernel_regularizer"] = regularizers.L1(strength)
    model = taut.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(INPUTS,), **first),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(optimizer or taut.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def train(model=None, x=X, y=LABEL, vary=VARY, **options):
    options = {"strengths": STRENGTHS, "folds": 3, "seeds": SEEDS, "epochs": 10, "seed": SEED, "verbose": 0} | options
    return taut.path(net() if model is None else model, x, y, vary, **options)


@pytest.fixture(scope="module")
def path():
    return train()


def alone(strength, rows, seed=SEED, epochs=10, build=net, **options):
    """The net's own ``fit``."""
    taut.utils.set_random_seed(seed)
    model = build(strength)
    model.fit(X[rows], LABEL[rows], batch_size=32, epochs=epochs, verbose=0, **options)
    return model


def apart(a, b):
    """The distance of two sets of weights, over the norm of the second."""
    distance = sum(float(np.square(np.asarray(a[p]) - np.asarray(b[p])).sum()) for p in b)
    return np.sqrt(distance / sum(float(np.square(np.asarray(w)).sum()) for w in b.values()))


# --- each net is its own fit ----------------------------------------------------------------------------------------------


def test_each_net_is_its_own_fit(path) -> None:
    for s, seed in enumerate(path.seeds):
        for f, (rows, held) in enumerate(path.folds):
            for i in (0, 2):
                model = alone(STRENGTHS[i], rows, seed)
                for prefix, part in (("", rows), ("val_", held)):
                    scores = model.evaluate(X[part], LABEL[part], return_dict=True, verbose=0)
                    for name, value in scores.items():
                        assert path.scores[prefix + name][i, s, f] == pytest.approx(value, abs=2e-3, rel=1e-3), name


def test_the_nets_of_all_rows_are_their_own_fits(path) -> None:
    for i in (0, 2):
        model = alone(STRENGTHS[i], np.arange(ROWS))
        weights = {p: w[i] for p, w in path.weights.items()}
        assert apart(weights, model.params) < 1e-4
        kept = np.asarray(model.params["dense/kernel"]) != 0
        assert abs(kept.sum() - (weights["dense/kernel"] != 0).sum()) <= 0.01 * kept.size
        assert path.penalties[i] == pytest.approx(
            model.evaluate(X, LABEL, return_dict=True, verbose=0)["penalty"], rel=1e-3
        )
        assert_weights_are(path.refit(i), model)


def assert_weights_are(model, other):
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def dropping(strength):
    """Everything that a step may carry: dropout's stream, batch statistics, momentum, averages of the weights."""
    from flax import nnx

    dense = taut.layers.Dense
    term = None if strength is None else regularizers.GroupLasso(strength, by="input")
    model = taut.Sequential(
        [
            dense(8, activation="relu", input_shape=(INPUTS,), kernel_regularizer=term, bias_constraint="max_norm"),
            nnx.BatchNorm(8, rngs=nnx.Rngs(0)),
            taut.layers.Dropout(0.3),
            dense(CLASSES, activation="softmax", activity_regularizer="l2"),
        ]
    )
    optimizer = taut.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.5, global_clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def test_one_step_of_a_net_with_state_is_its_own_fits() -> None:
    rows = 32  # one batch
    vary = {"dense/kernel": lambda s: regularizers.GroupLasso(s, by="input")}
    weight = np.linspace(0.5, 2, rows)
    options = {"class_weight": {0: 2.0}, "sample_weight": weight}
    path = train(
        dropping(None), X[:rows], LABEL[:rows], vary, strengths=[0.3, 0.01], folds=None, seeds=1, epochs=1, **options
    )
    for i, strength in enumerate((0.3, 0.01)):
        model = alone(strength, np.arange(rows), epochs=1, build=dropping, **options)
        assert apart({p: w[i] for p, w in path.weights.items()}, model.params) < 1e-6


def test_a_bound_that_is_varied_holds_from_the_first_weights_on() -> None:
    vary = {"dense/kernel": constraints.MaxNorm, "dense/activity": regularizers.L1}
    strengths = {"dense/kernel": [0.1, 0.2], "dense/activity": [0.01, 0.02]}
    path = train(vary=vary, strengths=strengths, folds=None, seeds=1, epochs=1)
    assert path.strengths.tolist() == [[0.1, 0.01], [0.1, 0.02], [0.2, 0.01], [0.2, 0.02]]
    for i, (radius, strength) in enumerate(path.strengths):
        norms = np.linalg.norm(path.weights["dense/kernel"][i], axis=0)
        assert norms.max() <= radius * (1 + 2**-20)

        def build(_, radius=radius, strength=strength):
            return net(kernel_constraint=constraints.MaxNorm(radius), activity_regularizer=regularizers.L1(strength))

        model = alone(None, np.arange(ROWS), epochs=1, build=build)
        assert apart({p: w[i] for p, w in path.weights.items()}, model.params) < 1e-5


def test_groups_of_nets_and_devices_change_nothing(path, monkeypatch) -> None:
    options = {"folds": None, "seeds": 1}
    small = train(memory=_one_net_and_a_half(), **options)
    monkeypatch.setattr(_blocks.Work, "_cut", _on_one_device)
    one = train(**options)
    for name in path.weights:
        np.testing.assert_allclose(small.weights[name], path.weights[name], atol=1e-4)
        np.testing.assert_allclose(one.weights[name], path.weights[name], atol=1e-4)


def _one_net_and_a_half():
    job = net().prepare(X, LABEL)
    with pytest.raises(ValueError, match=r"is too little for one net: .* together") as caught:
        train(memory=1)
    assert job.rows == ROWS and "one net in training" in str(caught.value)
    return "24 KiB"


def _on_one_device(self, strengths, cells):
    from taut.paths._program import Split

    batch = self._batch(len(self.cells[cells[0]].rows))
    return [self._block(cells, strengths, (len(cells), len(strengths)), Split(), batch)]


def test_a_score_counts_a_row_as_often_as_it_weighs() -> None:
    x, label = table(seed=1)
    weight = np.arange(len(x)) % 3
    found = train(folds=None, seeds=1, epochs=3, validation_data=(x, label, weight))
    rows = np.repeat(np.arange(len(x)), weight)
    for i, strength in enumerate(STRENGTHS):
        expected = alone(strength, np.arange(len(X)), epochs=3).evaluate(x[rows], label[rows], verbose=0)[1]
        assert found.scores["val_accuracy"][i, 0, 0] == pytest.approx(expected, abs=1e-3)
        assert found.scores["val_accuracy"][i, 0, 0] != found.scores["accuracy"][i, 0, 0]


# --- held-out rows stay out -----------------------------------------------------------------------------------------------


def test_what_a_fold_holds_out_does_not_change_its_training(path) -> None:
    _, held = path.folds[1]
    x, y = X.copy(), LABEL.copy()
    x[held], y[held] = 100.0, (y[held] + 1) % CLASSES
    other = train(x=x, y=y, folds=[path.folds[1]], seeds=1)
    for name in ("loss", "accuracy"):
        # One net beside six: equal to the order of float32 sums. A row that leaked would move them by their own size.
        np.testing.assert_allclose(other.scores[name][:, 0, 0], path.scores[name][:, 0, 1], rtol=1e-4)
        np.testing.assert_allclose(other.curves[name][:, 0, 0], path.curves[name][:, 0, 1], rtol=1e-4)
    assert not np.array_equal(other.scores["val_accuracy"][:, 0, 0], path.scores["val_accuracy"][:, 0, 1])


def test_a_leak_into_the_held_out_rows_is_not_used() -> None:
    # An input that names the class on the held-out rows, and is 0 in training.
    xv, yv = table(48, seed=1)
    leak = np.concatenate([X, np.zeros((ROWS, 1), np.float32)], axis=1)
    held = np.concatenate([xv, 10.0 * yv[:, None].astype(np.float32)], axis=1)

    def wide():
        model = taut.Sequential([taut.layers.Dense(CLASSES, activation="softmax", input_shape=(INPUTS + 1,))])
        model.compile(taut.optimizers.Adam(0.05), "sparse_categorical_crossentropy", ["accuracy"])
        return model

    options = {"folds": "auto", "seeds": 1, "epochs": 8, "strengths": [0.1, 0.03]}
    leaking = train(wide(), leak, validation_data=(held, yv), **options)
    honest = train(wide(), leak, validation_data=(np.where(np.arange(INPUTS + 1) < INPUTS, held, 0), yv), **options)
    assert not leaking.kept_inputs[:, -1].any()
    assert all(np.array_equal(leaking.scores[name], honest.scores[name]) for name in honest.scores)
    assert leaking.best().index == honest.best().index
    # The same input would be used if it were in the training rows.
    cheating = train(wide(), np.concatenate([X, LABEL[:, None]], axis=1), validation_data=(held, yv), **options)
    assert cheating.kept_inputs[:, -1].all()


# --- folds ------------------------------------------------------------------------------------------------------------------


def test_folds_are_stratified_grouped_or_ordered() -> None:
    from sklearn.model_selection import TimeSeriesSplit

    classes = np.repeat([0, 1], [60, 12])
    for rows, held in folds.split(6, 72, classes, None, 0):
        assert np.bincount(classes[held]).tolist() == [10, 2]
        assert sorted([*rows, *held]) == list(range(72))
    groups = np.arange(72) // 6
    for labels in (None, classes):
        for rows, held in folds.split(3, 72, labels, groups, 0):
            assert not set(groups[rows]) & set(groups[held])
    for rows, held in folds.split(TimeSeriesSplit(3), 72, None, None, 0):
        assert rows.max() < held.min()
    mask = np.arange(72) % 2 == 0
    [(rows, held)] = folds.split([(mask, np.flatnonzero(~mask))], 72, None, None, 0)
    assert rows.tolist() == list(range(0, 72, 2))
    assert np.array_equal(folds.split(3, 9, None, None, 1)[0][1], folds.split(3, 9, None, None, 1)[0][1])


def test_time_ordered_folds_of_unequal_size_train_side_by_side() -> None:
    from sklearn.model_selection import TimeSeriesSplit

    path = train(folds=TimeSeriesSplit(2), seeds=1, epochs=1, strengths=[0.01])
    for f, (rows, _) in enumerate(path.folds):
        loss = alone(0.01, rows, epochs=1).evaluate(X[rows], LABEL[rows], return_dict=True, verbose=0)["loss"]
        assert path.scores["loss"][0, 0, f] == pytest.approx(loss, rel=1e-5)


# --- what it gives ----------------------------------------------------------------------------------------------------------


def test_the_table_is_the_scores(path) -> None:
    columns = path.table().columns
    assert next(iter(columns)) == "dense/kernel" and len(path.table()) == len(STRENGTHS)
    mean = path.scores["val_accuracy"].mean(axis=(1, 2))
    np.testing.assert_allclose(columns["val_accuracy"], mean)
    loss = {name: path.scores[name].mean(axis=(1, 2)) for name in ("log_loss", "val_log_loss")}
    np.testing.assert_allclose(columns["gap"], loss["val_log_loss"] - loss["log_loss"])
    assert list(columns)[1:6] == ["log_loss", "log_loss_se", "val_log_loss", "val_log_loss_se", "gap"]
    by_fold = path.scores["val_accuracy"].mean(axis=1)
    np.testing.assert_allclose(columns["val_accuracy_se"], by_fold.std(axis=1, ddof=1) / np.sqrt(3))
    kernel = path.weights["dense/kernel"]
    np.testing.assert_allclose(columns["zeros"], (kernel == 0).mean(axis=(1, 2)))
    assert columns["inputs"].tolist() == (kernel != 0).any(axis=2).sum(axis=1).tolist()
    np.testing.assert_allclose(columns["norm"], np.sqrt((kernel.astype(float) ** 2).sum(axis=(1, 2))))
    np.testing.assert_allclose(columns["penalty"], np.abs(kernel).sum(axis=(1, 2)) * STRENGTHS, rtol=1e-5)
    assert columns["zeros"][0] > columns["zeros"][2]
    text = str(path.table()).splitlines()
    assert len(text) == 4 and "val_accuracy" in text[0]
    assert path.table().to_dicts()[1]["dense/kernel"] == 0.01
    assert path.table().to_pandas().shape == path.table().to_polars().shape == (3, len(columns))
    assert path.curves["loss"].shape == path.curves["val_accuracy"].shape == (3, 2, 3, 10)
    np.testing.assert_allclose(path.curves["val_loss"][..., -1], path.scores["val_loss"], rtol=1e-5)


def test_the_model_is_not_changed() -> None:
    model = net(0.02)
    before, plan = model.get_weights(), str(model.plan)
    train(model, folds=None, seeds=1, epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert str(model.plan) == plan and model.history is None


def test_the_best_point_and_the_simplest_within_one_standard_error() -> None:
    mean, error = np.array([0.70, 0.86, 0.90, 0.89]), np.full(4, 0.03)
    inputs = np.array([1, 3, 5, 9])
    assert choice.pick(mean, error, True, "max", inputs) == 2
    assert choice.pick(mean, error, True, "one_se", inputs) == 3 - 1
    assert choice.pick(mean, np.full(4, 0.045), True, "one_se", inputs) == 1
    assert choice.pick(-mean, np.full(4, 0.045), False, "one_se", inputs) == 1
    assert choice.pick(np.array([np.nan, 0.5]), np.zeros(2), True, "max", np.zeros(2)) == 1
    assert choice.pick(np.array([0.5, 0.5]), np.zeros(2), True, "max", np.array([2, 1])) == 1  # a tie
    values = np.arange(12.0).reshape(1, 3, 4)
    m, e = choice.mean_and_error(values)
    by_fold = values[0].mean(axis=0)
    assert (m[0], e[0]) == pytest.approx((by_fold.mean(), by_fold.std(ddof=1) / 2))


def test_choosing(path) -> None:
    best = path.best()
    assert path.metric == "log_loss" and best.score == min(path.table()["val_log_loss"])
    simple = path.best(rule="one_se", by="inputs")
    assert simple.score <= best.score + best.error and simple.inputs <= best.inputs
    assert best.strengths == {"dense/kernel": STRENGTHS[best.index]}
    assert f"point {best.index}" in str(best)
    with pytest.raises(ValueError, match=r'rule=.median., expected "max" or "one_se"'):
        path.best(rule="median")
    with pytest.raises(ValueError, match="Did you mean 'inputs'"):
        path.best(by="input")
    with pytest.raises(ValueError, match="row of the table: 0 … 2"):
        path.refit(3)


def test_a_debiased_refit_keeps_the_support_and_drops_the_penalty(path) -> None:
    biased, free = path.refit(0), path.refit(0, debias=True)
    zero = np.asarray(biased.params["dense/kernel"]) == 0
    assert zero.any() and np.array_equal(np.asarray(free.params["dense/kernel"]) == 0, zero)
    assert free.plan["dense/kernel"].regularizer is None
    scores = [m.evaluate(X, LABEL, return_dict=True, verbose=0) for m in (biased, free)]
    assert scores[1]["data_loss"] < scores[0]["data_loss"] and scores[1]["penalty"] == 0
    free.fit(X, LABEL, epochs=1, verbose=0)  # the support stays frozen
    assert np.array_equal(np.asarray(free.params["dense/kernel"]) == 0, zero)


def test_stability_is_the_share_of_nets(path) -> None:
    stable = path.stability()
    assert stable.nets == 6 and stable.inputs.shape == (3, INPUTS)
    kept = sum(
        (np.asarray(alone(STRENGTHS[0], rows, seed).params["dense/kernel"]) != 0).astype(float)
        for seed in path.seeds
        for rows, _ in path.folds
    )
    assert np.abs(stable.weights["dense/kernel"][0] - kept / 6).max() <= 1 / 6 + 1e-9  # one net at a threshold
    assert np.abs(stable.weights["dense/kernel"][0] - kept / 6).mean() < 0.02
    assert stable.inputs[2].tolist() == [1.0] * INPUTS
    with pytest.raises(ValueError, match="share in"):
        stable.stable(0.3)


def test_the_picture_shows_and_is_saved(path, tmp_path) -> None:
    figure = path.plot(tmp_path / "path.png")
    coefficients, scores, sparsity = figure.axes
    lines = [line.get_ydata() for line in coefficients.get_lines()]
    norms = np.linalg.norm(path.weights["dense/kernel"], axis=2)[::-1]
    assert len(lines) == INPUTS
    assert all(any(np.allclose(line, norms[:, i]) for line in lines) for i in range(INPUTS))
    assert np.allclose(scores.get_lines()[1].get_ydata(), path.table()["val_log_loss"][::-1])
    assert sparsity.get_xlabel()
    assert (tmp_path / "path.png").stat().st_size > 5000


# --- stopping early ---------------------------------------------------------------------------------------------------------


def test_after_ctrl_c_the_full_epochs_stay(path, monkeypatch) -> None:
    left = [4]

    def interrupted(self, block, epoch, advance, original=_nets.Nets._train):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        original(self, block, epoch, advance)

    monkeypatch.setattr(_nets.Nets, "_train", interrupted)  # two blocks: in the second one of the second epoch
    cut = train()
    assert cut.interrupted and cut.epochs == 1 and not path.interrupted
    assert cut.curves["loss"].shape[-1] == 1
    np.testing.assert_allclose(cut.curves["loss"][..., 0], path.curves["loss"][..., 0], rtol=1e-6)
    monkeypatch.undo()
    whole = train(epochs=1)
    assert all(np.array_equal(whole.weights[p], cut.weights[p]) for p in whole.weights)


def test_patience_stops_the_whole_path() -> None:
    model = net(optimizer=taut.optimizers.Adam(1e-12))  # nothing ever improves
    path = train(model, patience=2, epochs=9)
    assert path.stopped and path.epochs == 3
    with pytest.raises(ValueError, match="patience needs held-out rows"):
        train(folds=None, patience=2)


def test_a_net_that_diverges_does_not_touch_the_others() -> None:
    vary = {"dense/kernel": regularizers.L2}
    options = {"strengths": [0.01, 1e30], "seeds": 1, "epochs": 2, "folds": "auto", "validation_data": (X, LABEL)}
    path = train(net(optimizer=taut.optimizers.SGD(0.05)), vary=vary, **options)
    assert path.finite[0].all() and not path.finite[1].any()
    assert np.isnan(path.scores["val_accuracy"][1]).all() and path.best().index == 0
    assert "–" in str(path.table())


# --- bad input --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strengths", "message"),
    [
        ([], "strengths: the list is empty"),
        ([0.1, -0.2], "number 1 is -0.2; strengths and bounds must be ≥ 0"),
        ([0.1, 0.3, 0.2], "0.3 is followed by 0.2 after rising from 0.1"),
        ([0.1, 0.1], "0.1 is followed by 0.1"),
        ([0.1, float("nan")], "number 1 is nan"),
        (0, "expected at least one strength"),
        ({"dense/kernl": 3}, "Did you mean 'dense/kernel'"),
        ({}, "has no entry for 'dense/kernel'"),
    ],
)
def test_bad_strengths(strengths, message) -> None:
    with pytest.raises(ValueError, match=message):
        train(strengths=strengths)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vary": {"dens/kernel": regularizers.L1}}, ValueError, "Did you mean 'dense/kernel'"),
        ({"vary": {"dense/kernel": regularizers.L1(0.1)}}, TypeError, "a class of terms or a function"),
        ({"vary": regularizers.L1}, TypeError, "expected a dict from a path"),
        (
            {"vary": {"dense/kernel": regularizers.L1, "kernel": regularizers.L2}},
            ValueError,
            "both set the regularizer",
        ),
        ({"vary": {"dense/kernel": lambda s: 3}}, TypeError, "3 is not a term"),
        ({"folds": 60}, ValueError, "folds=60, but class . has only .* Use folds="),
        ({"folds": 1}, ValueError, "folds=1, expected at least 2"),
        ({"folds": [(range(9), range(8, 20))]}, ValueError, "trains on 1 of the rows that it holds out"),
        ({"folds": [([0, 1], [ROWS])]}, ValueError, "contain 96, expected row numbers 0 … 95"),
        ({"folds": [([0, 0], [1])]}, ValueError, "contain a row twice"),
        ({"folds": 3.5}, TypeError, "expected a number of folds"),
        ({"validation_data": (X, LABEL)}, ValueError, "folds and validation_data are both given"),
        ({"groups": np.zeros(ROWS)}, ValueError, "there are only 1 different groups"),
        ({"groups": [1, 2]}, ValueError, "one label per row"),
        ({"folds": None, "groups": np.zeros(ROWS)}, ValueError, "no folds that they could be kept together in"),
        ({"seeds": [1, 1], "seed": None}, ValueError, "each once"),
        ({"seeds": [1]}, ValueError, "are both given"),
        ({"metric": "acuracy"}, ValueError, "Did you mean 'accuracy'"),
        ({"memory": "lots"}, ValueError, "expected bytes or a text"),
        ({"epochs": 0}, ValueError, "epochs=0"),
        ({"batch_size": 0}, ValueError, "batch_size=0"),
    ],
)
def test_bad_input(options, error, message) -> None:
    if "seeds" in options and options["seeds"] == [1]:
        options["seed"] = 3
    with pytest.raises(error, match=message):
        train(**options)


def test_one_net_has_no_standard_error_and_no_rows_no_choice() -> None:
    path = train(folds=None, seeds=1, epochs=1)
    with pytest.raises(ValueError, match="no point has a score on held-out rows"):
        path.best()
    one = train(folds="auto", validation_data=(X, LABEL), seeds=1, epochs=1)
    with pytest.raises(ValueError, match="needs a standard error"):
        one.best(rule="one_se")
    assert one.best().score == pytest.approx(min(one.scores["log_loss"][:, 0, 0]))


def test_a_metric_of_ones_own_says_which_way_is_better() -> None:
    def close(y, out):
        return out[:, 0]

    model = net()
    model.compile("adam", "sparse_categorical_crossentropy", [close])
    with pytest.raises(ValueError, match="not known whether a higher value is better"):
        train(model)
    assert Score.of(model, "data_loss") == Score("data_loss", False, "data_loss")
    close.higher_is_better = True
    assert Score.of(model, None) == Score("close", True, "close")
    assert Score.of(net(), None) == Score("log_loss", False, "data_loss")
    assert Score.of(net(), "accuracy") == Score("accuracy", True, "accuracy")
    assert Score.of(net(), "loss") == Score("loss", False, "loss")


# --- a warm-up ---------------------------------------------------------------------------------------------------------------


def test_after_a_warm_up_each_net_is_two_fits_of_its_own() -> None:
    path = train(seeds=1, epochs=2, warm_up=2, strengths=[0.1, 0.01], folds=None)
    refitted = path.refit(0)
    assert apart({p: w[0] for p, w in path.weights.items()}, refitted.params) < 1e-5
    taut.utils.set_random_seed(SEED)
    model = net()
    model.fit(X, LABEL, batch_size=32, epochs=2, verbose=0)
    model.attach({"dense/kernel": regularizers.L1(0.1)})
    model._state = None
    taut.utils.set_random_seed(SEED)
    taut.utils.draw_seed()
    model.fit(X, LABEL, batch_size=32, initial_epoch=2, epochs=4, verbose=0)
    assert_weights_are(refitted, model)


# --- the largest useful strength of nets with a hidden layer ---------------------------------------------------------------


def test_a_path_of_a_deeper_net_begins_where_everything_is_zero() -> None:
    vary = {"dense/kernel": lambda s: regularizers.GroupLasso(s, by="input")}
    path = train(vary=vary, strengths=8, folds=None, seeds=1, epochs=10)
    assert path.kept_inputs.sum(axis=1)[0] == 0
    assert path.kept_inputs.sum(axis=1)[3:].min() > 0
    np.testing.assert_allclose(path.strengths[:, 0], path.strengths[0, 0] * np.geomspace(1, 1e-3, 8))


@pytest.mark.parametrize("edge", [3e-6, 0.02, 7.0, 4e5])
@pytest.mark.parametrize("makes_zeros", [True, False])
def test_trials_close_in_on_the_edge(edge, makes_zeros) -> None:
    def attempt(numbers):
        zero = numbers >= edge
        return largest.Trial(zero, np.where(zero, 2.0, 1 + 0.5 * numbers / edge))

    found = largest._by_trial(resolve(net(), {"dense/kernel": regularizers.L1})[0], 1.0, 8, attempt, makes_zeros)
    assert edge <= found <= edge * largest.FINE


def test_no_edge_is_said_to_be_none() -> None:
    def attempt(numbers):
        return largest.Trial(np.zeros(len(numbers), bool), np.ones(len(numbers)))

    with pytest.raises(ValueError, match=r"found no strength that makes .* give strengths as a list"):
        largest._by_trial(resolve(net(), {"dense/kernel": regularizers.L1})[0], 1.0, 8, attempt, True)


def test_the_largest_bound_is_what_the_free_net_keeps() -> None:
    model = net()
    params = {path: np.asarray(w) for path, w in model.params.items()}
    [one] = resolve(model, {"dense/kernel": constraints.MaxNorm})
    norm = np.linalg.norm(params["dense/kernel"], axis=0).max()
    assert largest._widest(model, one, params) == pytest.approx(norm, rel=2e-4)
