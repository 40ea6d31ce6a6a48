"""fit, evaluate, predict: every kind of input and every argument, and the numbers they report."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import taut
from taut import constraints, regularizers
from tests.workflows._nets import NUMBERS, ROWS, X, Y, assert_differ, assert_same, fit, net, weights


def columns(array):
    return {f"c{i}": array[:, i] for i in range(array.shape[1])}


# --- what can be handed over --------------------------------------------------------------------------------------------

AS = {
    "numpy": np.asarray,
    "float64": lambda a: a.astype(np.float64),
    "fortran": np.asfortranarray,
    "view": lambda a: np.repeat(a, 2, axis=0)[::2],
    "jax": jnp.asarray,
    "torch": torch.tensor,
    "torch with gradient": lambda a: torch.tensor(a, requires_grad=True),
    "lists": lambda a: a.tolist(),
    "list of arrays": list,
    "pandas": lambda a: pd.DataFrame(columns(a), index=range(100, 100 + len(a))),
    "pandas nullable": lambda a: pd.DataFrame(columns(a)).convert_dtypes(),
    "polars": lambda a: pl.DataFrame(columns(a)),
    "masked, nothing masked": lambda a: np.ma.masked_array(a, mask=False),
}


@pytest.fixture(scope="module")
def trained():
    model = net()
    fit(model, epochs=2)
    return weights(model)


@pytest.mark.parametrize("kind", AS)
def test_every_kind_of_table_trains_to_the_same_bits(kind, trained) -> None:
    model = net()
    given = AS[kind](X)
    before = np.array(X)
    fit(model, given, AS[kind](Y), epochs=2)
    assert_same(weights(model), trained)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(model.predict(given), model.predict(X))


@pytest.mark.parametrize("kind", [jnp.bfloat16, jnp.float16, torch.bfloat16, torch.float16, np.float16])
def test_half_precision_rows(kind) -> None:
    half = torch.tensor(X).to(kind) if isinstance(kind, torch.dtype) else jnp.asarray(X, kind)
    rounded = half.float().numpy() if isinstance(kind, torch.dtype) else np.asarray(half, np.float32)
    model = net()
    np.testing.assert_array_equal(model.predict(half), model.predict(rounded))
    assert (model.predict(half) != model.predict(X)).any()


@pytest.mark.parametrize(
    "y",
    [
        NUMBERS,
        NUMBERS[:, None],
        NUMBERS.astype(float),
        NUMBERS.tolist(),
        NUMBERS.astype(np.uint8),
        NUMBERS.astype(bool),
        pd.Series(NUMBERS, index=range(50, 74)),
        pd.DataFrame({"y": NUMBERS}),
        pl.Series(NUMBERS),
        pl.DataFrame({"y": NUMBERS}),
        torch.tensor(NUMBERS),
        jnp.asarray(NUMBERS),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')} {getattr(y, 'shape', '')}",
)
def test_every_kind_of_class_numbers(y) -> None:
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    one_hot = net().evaluate(X, Y)
    np.testing.assert_allclose(model.evaluate(X, y), one_hot, rtol=1e-6)


def test_a_column_of_numbers_is_one_input() -> None:
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(1,))])
    np.testing.assert_array_equal(model.predict([1, 2]), model.predict([[1.0], [2.0]]))


# --- which rows, in what order, with what weight ------------------------------------------------------------------------


def by_hand(x, y, batches, rate=0.1, weight=None):
    """Plain gradient descent on the mean square of one linear unit that starts at zero, in float64."""
    w, b, losses = np.zeros(x.shape[1]), 0.0, []
    for rows in batches:
        error = x[rows] @ w + b - y[rows]
        r = np.ones(len(rows)) if weight is None else weight[rows]
        losses.append((np.mean(r * error**2), len(rows)))
        w, b = w - rate * 2 * np.mean(r[:, None] * error[:, None] * x[rows], axis=0), b - rate * 2 * np.mean(r * error)
    loss = sum(value * n for value, n in losses) / sum(n for _, n in losses)
    return w, b, loss


def linear(rate=0.1, **layer):
    model = taut.Sequential([taut.layers.Dense(1, kernel_initializer="zeros", input_shape=(3,), **layer)])
    model.compile(taut.optimizers.SGD(rate), "mse")
    return model


def blocks(order, size):
    return [order[i : i + size] for i in range(0, len(order), size)]


@pytest.mark.parametrize("rows", [24, 21, 5])
def test_every_batch_is_trained_and_the_smaller_last_one_too(rows) -> None:
    x, y = X[:rows], X[:rows, 1] - X[:rows, 0] + 1
    model = linear()
    size = min(8, rows)
    history = fit(model, x, y, batch_size=size, shuffle=False)
    w, b, loss = by_hand(x, y, blocks(np.arange(rows), size))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], w, rtol=1e-5)
    np.testing.assert_allclose(bias, [b], rtol=1e-5)
    assert history.history["loss"] == [pytest.approx(loss, rel=1e-5)]  # each row counts once, whatever its batch
    assert history.params["steps"] == -(-rows // size)


def test_a_batch_larger_than_the_data_is_one_batch() -> None:
    """As in Keras, wherever a batch is given."""
    y = X[:, 1] - X[:, 0] + 1
    model, whole = linear(), linear()
    more = {"epochs": 2, "shuffle": False, "validation_data": (X[:5], y[:5])}
    history = fit(model, X, y, batch_size=512, **more)
    assert history.history == fit(whole, X, y, batch_size=ROWS, **more).history
    assert (history.params["steps"], history.params["batch_size"]) == (1, ROWS)
    assert_same(weights(model), weights(whole))
    assert model.evaluate(X, y, batch_size=512) == whole.evaluate(X, y, batch_size=ROWS)
    np.testing.assert_array_equal(model.predict(X, batch_size=512), whole.predict(X, batch_size=ROWS))
    paths = [
        taut.path(
            model,
            X,
            y,
            {"dense/kernel": regularizers.L1},
            [0.1],
            folds=2,
            seeds=[0],
            epochs=1,
            batch_size=size,
            verbose=0,
        )
        for size in (512, ROWS)
    ]
    np.testing.assert_array_equal(paths[0].weights["dense/kernel"], paths[1].weights["dense/kernel"])
    assert len(paths[0].refit(0).history.epoch) == 1


def test_sample_weight_multiplies_the_loss_of_its_row() -> None:
    y = X[:, 1]
    weight = np.linspace(0, 3, ROWS)
    model = linear()
    history = fit(model, X, y, shuffle=False, sample_weight=weight.tolist())
    w, b, loss = by_hand(X, y, blocks(np.arange(ROWS), 8), weight=weight)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], w, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [b], rtol=1e-5)
    assert history.history["loss"] == [pytest.approx(loss, rel=1e-5)]
    error = np.square(model.predict(X)[:, 0] - y)
    assert model.evaluate(X, y, sample_weight=weight) == pytest.approx(np.mean(weight * error), rel=1e-5)
    assert model.evaluate(X, y) == pytest.approx(np.mean(error), rel=1e-5)


def test_class_weight_is_a_sample_weight() -> None:
    def trained(y, **arguments):
        model = net()
        if np.ndim(y) == 1:
            model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        fit(model, X, y, **arguments)
        return weights(model)

    by_row = np.where(NUMBERS == 1, 5.0, 1.0)
    expected = trained(Y, sample_weight=by_row)
    assert_same(trained(Y, class_weight={0: 1.0, 1: 5.0}), expected)
    assert_same(trained(Y, class_weight={1: 5}), expected)  # a class that is not named weighs 1
    twice = trained(Y, class_weight={1: 5}, sample_weight=np.full(ROWS, 2.0))
    assert_same(twice, trained(Y, sample_weight=2 * by_row))
    assert_differ(twice, expected)
    numbered = trained(NUMBERS, class_weight={1: 5})
    for path, w in numbered.items():
        np.testing.assert_allclose(w, expected[path], rtol=1e-4, atol=1e-6)


def test_shuffle() -> None:
    def trained(**arguments):
        model = net()
        return fit(model, **arguments).seed, weights(model)

    (seed, shuffled), (again, same) = trained(epochs=2), trained(epochs=2)
    _, in_order = trained(epochs=2, shuffle=False)
    assert seed == again
    assert_same(shuffled, same)
    assert_differ(shuffled, in_order)
    order = [taut.model.training.epoch_order(ROWS, seed, epoch, True) for epoch in (0, 1)]
    assert sorted(order[0]) == sorted(order[1]) == list(range(ROWS))
    assert (order[0] != order[1]).any()  # a new one each epoch
    by_order = net()
    for rows in order:
        fit(by_order, X[rows], Y[rows], shuffle=False)
    assert_same(weights(by_order), shuffled)


def assert_same_history(a, b) -> None:
    """Equal to the order in which float32 sums are taken, which the pace of the machine decides."""
    assert list(a) == list(b)
    for key in a:
        assert a[key] == pytest.approx(b[key], rel=1e-6), key


def test_rows_held_out_are_the_last_and_are_not_trained_on() -> None:
    x, y = np.concatenate([X, X[:8] * 100]), np.concatenate([Y, Y[:8]])
    history = fit(split := net(), x, y, epochs=2, validation_split=0.25).history
    twin = fit(given := net(), epochs=2, validation_data=(x[24:], y[24:])).history
    fit(alone := net(), epochs=2)
    assert_same(weights(split), weights(alone))
    assert_same(weights(given), weights(alone))
    assert_same_history(history, twin)
    keys = ["loss", "data_loss", "penalty", "accuracy"]
    assert list(history) == keys + [f"val_{key}" for key in keys]
    last = split.evaluate(x[24:], y[24:], return_dict=True)
    for key in keys:  # after the epoch, on the weights that it ended with
        assert history[f"val_{key}"][-1] == pytest.approx(last[key], rel=1e-6)
    assert history["val_loss"][0] != history["val_loss"][1]


def test_weights_of_held_out_rows() -> None:
    x, y, weight = np.concatenate([X, X[:8]]), np.concatenate([Y, Y[:8]]), np.linspace(0.5, 2, ROWS + 8)
    a = fit(split := net(), x, y, validation_split=0.25, sample_weight=weight, class_weight={0: 3}).history
    b = fit(
        net(),
        sample_weight=weight[:24],
        class_weight={0: 3},
        validation_data=[x[24:], y[24:], weight[24:]],
    ).history
    assert_same_history(a, b)  # weighted by sample, not by class, as in Keras
    assert a["val_loss"][-1] == pytest.approx(split.evaluate(x[24:], y[24:], sample_weight=weight[24:])[0], rel=1e-6)
    assert a["val_loss"][-1] != pytest.approx(split.evaluate(x[24:], y[24:])[0], rel=1e-3)


# --- what is reported ---------------------------------------------------------------------------------------------------


def regularized(optimizer="sgd"):
    return net(
        optimizer=optimizer,
        kernel_regularizer=regularizers.L1(0.01),
        bias_regularizer=regularizers.L2(0.1),
        activity_regularizer=regularizers.L2(0.05),
        kernel_constraint=constraints.Box(-0.8, 0.8),
        bias_initializer="ones",
    )


def test_the_loss_is_the_data_s_and_the_penalties() -> None:
    model = regularized()
    history = fit(model, epochs=3, validation_data=(X, Y)).history
    for prefix in ("", "val_"):
        for loss, data, penalty in zip(*(history[prefix + k] for k in ("loss", "data_loss", "penalty")), strict=True):
            assert loss == pytest.approx(data + penalty, rel=1e-6)
            assert penalty > 0
    values = model.evaluate(X, Y, return_dict=True)
    kernel, bias = model.get_weights()[:2]
    hidden = np.maximum(X @ kernel + bias, 0)
    penalty = 0.01 * np.abs(kernel).sum() + 0.1 * np.square(bias).sum() + 0.05 * np.square(hidden).sum() / ROWS
    assert values["penalty"] == pytest.approx(penalty, rel=1e-5)
    p = model.predict(X)
    assert values["data_loss"] == pytest.approx(-np.mean(np.log(p[np.arange(ROWS), NUMBERS])), rel=1e-5)
    assert values["accuracy"] == pytest.approx((p.argmax(axis=1) == NUMBERS).mean(), abs=1e-6)
    assert model.evaluate(X, Y) == [values["loss"], values["accuracy"]]
    assert history["val_loss"][-1] == pytest.approx(values["loss"], rel=1e-5)


def test_the_loss_is_measured_before_the_step() -> None:
    model = regularized()
    first = model.evaluate(X, Y, batch_size=ROWS, return_dict=True)
    history = fit(model, batch_size=ROWS).history  # one step
    for key, value in first.items():
        assert history[key] == [pytest.approx(value, rel=1e-5)]


def test_evaluate_without_metrics_is_one_number() -> None:
    model = linear()
    value = model.evaluate(X, X[:, 0])
    assert isinstance(value, float)
    assert value == pytest.approx(np.square(X[:, 0]).mean(), rel=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 3, 17, 64])
def test_predict_any_number_of_rows(rows) -> None:
    model = net()
    kernel, bias, last, last_bias = model.get_weights()
    x = np.resize(X, (rows, 3))
    logits = np.maximum(x @ kernel + bias, 0) @ last + last_bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    out = model.predict(x)
    assert isinstance(out, np.ndarray) and out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(x, batch_size=16), expected, rtol=1e-5)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("verbose", "out", "bar"),
    [
        (0, "", False),
        (1, "", True),
        (True, "", True),
        (2, "epoch 2/2: loss", False),
        ("auto", "epoch 2/2: loss", False),
    ],
)
def test_verbose(verbose, out, bar, capsys) -> None:
    fit(net(), epochs=2, verbose=verbose, validation_data=(X, Y))
    shown = capsys.readouterr()
    assert out in shown.out and bool(shown.out) == bool(out)
    assert shown.out.count("val_accuracy") == (2 if out else 0)
    assert ("epoch 2/2" in shown.err) == bar
    assert ("6/6" in shown.err and "penalty" in shown.err) == bar


def test_evaluate_can_speak(capsys) -> None:
    net().evaluate(X, Y, verbose=1)
    assert "loss 0." in capsys.readouterr().out


def test_initial_epoch_goes_on_counting(capsys) -> None:
    whole, parts = net(), net()
    seed = fit(whole, epochs=3).seed
    assert fit(whole, epochs=3, initial_epoch=3).history == {}
    taut.utils.set_random_seed(0)
    taut.utils.draw_seed()  # the model's
    history = fit(parts, epochs=3, initial_epoch=1, verbose=2)
    assert history.seed == seed
    assert history.epoch == [1, 2]
    assert [len(column) for column in history.history.values()] == [2] * 4
    assert "epoch 2/3" in (shown := capsys.readouterr().out) and "epoch 3/3" in shown and "epoch 1/3" not in shown


def test_no_epochs_change_nothing() -> None:
    model = net()
    before = weights(model)
    assert fit(model, epochs=0).history == {}
    assert_same(weights(model), before)


def test_settle_reaches_the_full_batch_optimum_from_where_training_stopped() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    y = 3 * x[:, 0] + 0.1 * rng.normal(size=ROWS)
    model = linear(0.05, kernel_regularizer=regularizers.L1(0.3))
    before = fit(model, x, y, epochs=5)
    assert before.settled is None
    history = fit(model, x, y, epochs=5, settle=60)
    kernel, bias = model.get_weights()
    # The optimality conditions of the lasso: |gradient| = 0.3 where a weight is, ≤ 0.3 where it is exactly zero.
    gradient = 2 * x.T @ (x @ kernel[:, 0] + bias - y) / ROWS
    assert kernel[0, 0] > 0 and gradient[0] == pytest.approx(-0.3, abs=1e-3)
    np.testing.assert_array_equal(kernel[1:, 0], 0)
    assert (np.abs(gradient[1:]) < 0.3).all()
    settled = history.settled
    assert settled["steps"] == 60 and settled["zeros_after"] == 2
    assert settled["objective_after"] <= settled["objective_before"]
    assert model.evaluate(x, y) == pytest.approx(settled["objective_after"], rel=1e-5)


# --- going on, freezing, averaging, accumulating ------------------------------------------------------------------------


def test_fitting_twice_goes_on_with_the_optimizer_s_state() -> None:
    once, twice, fresh = net(optimizer="adam"), net(optimizer="adam"), net(optimizer="adam")
    fit(once, epochs=2, shuffle=False)
    for _ in range(2):
        fit(twice, shuffle=False)
        fit(fresh, shuffle=False)
        fresh.compile("adam", "categorical_crossentropy", ["accuracy"])  # a new optimizer, as in Keras
    assert_same(weights(twice), weights(once))
    assert_differ(weights(fresh), weights(once))


def test_a_frozen_layer_keeps_its_bits() -> None:
    terms = {"kernel_regularizer": "l1", "kernel_constraint": constraints.Box(-0.1, 0.1)}
    model = net(optimizer="adam", trainable=False, **terms)
    before = weights(model)
    assert np.abs(before["dense/kernel"]).max() > 0.1  # frozen: not projected either
    history = fit(model, epochs=2, settle=3).history
    after = weights(model)
    frozen = {p: w for p, w in after.items() if p.startswith("dense/")}
    assert_same(frozen, {p: before[p] for p in frozen})
    assert (after["dense_1/kernel"] != before["dense_1/kernel"]).all()
    assert history["penalty"] == [0.0, 0.0]  # as Keras: what is frozen is not penalised
    assert not model.plan["dense/kernel"].trainable

    model.layers[0].trainable = True
    fit(model)
    assert np.abs(weights(model)["dense/kernel"]).max() <= np.float32(0.1)


def test_a_model_frozen_altogether_can_be_fitted() -> None:
    model = linear(trainable=False)
    before = weights(model)
    history = fit(model, X, X[:, 0], epochs=2).history
    assert_same(weights(model), before)
    assert history["loss"][0] == pytest.approx(history["loss"][1], rel=1e-6)


def test_a_moving_average_takes_the_place_of_the_weights() -> None:
    def averaged(momentum, batches=3):
        return fit_linear(taut.optimizers.SGD(0.1, use_ema=True, ema_momentum=momentum), batches)

    def fit_linear(optimizer, batches):
        model = linear()
        model.compile(optimizer, "mse")
        fit(model, X[: 8 * batches], X[: 8 * batches, 1] + 1, shuffle=False)
        return model.get_weights()[0][:, 0]

    latest = fit_linear(taut.optimizers.SGD(0.1), 3)
    path = [by_hand(X, X[:, 1] + 1, blocks(np.arange(8 * n), 8))[0] for n in (1, 2, 3)]
    average = path[0]
    for w in path[1:]:
        average = 0.75 * average + 0.25 * w
    np.testing.assert_allclose(averaged(0.75), average, rtol=1e-4)
    np.testing.assert_allclose(averaged(0.0), latest, rtol=1e-6)
    assert np.abs(averaged(0.75) - latest).max() > 1e-2


def test_averages_stay_feasible_and_keep_their_zeros() -> None:
    optimizer = taut.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)
    model = net(optimizer=optimizer, kernel_regularizer=regularizers.L1(0.1), kernel_constraint="non_neg")
    history = fit(model, epochs=8, validation_data=(X, Y)).history
    kernel = model.get_weights()[0]
    assert kernel.min() == 0
    assert 0 < (kernel == 0).sum() < kernel.size
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y)[0], rel=1e-5)


def test_accumulated_gradients_are_one_step() -> None:
    y = X[:, 1]
    small, large = linear(), linear()
    small.compile(taut.optimizers.SGD(0.1, gradient_accumulation_steps=3), "mse")
    fit(small, X, y, epochs=2, shuffle=False)
    fit(large, X, y, epochs=2, batch_size=24, shuffle=False)
    for a, b in zip(small.get_weights(), large.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)
    half = linear()
    half.compile(taut.optimizers.SGD(0.1, gradient_accumulation_steps=4), "mse")
    fit(half, X, y, shuffle=False)  # three batches are no step yet
    assert not half.get_weights()[0].any()
    fit(half, X, y, shuffle=False)  # the fourth is
    assert half.get_weights()[0].any()


def test_the_model_s_weights_are_its_own() -> None:
    def aligned(shape):  # so that a library could use the memory as it is
        raw = np.zeros(int(np.prod(shape)) * 4 + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + int(np.prod(shape)) * 4].view(np.float32).reshape(shape)

    start = aligned((3, 4))
    model = net(kernel_initializer=lambda shape: start)
    start += 1
    assert not model.get_weights()[0].any()
    given = [aligned(w.shape) for w in model.get_weights()]
    model.set_weights(given)
    for array in given:
        array += 1
    assert not any(w.any() for w in model.get_weights())
    for array in model.get_weights():
        array += 1
    assert not any(w.any() for w in model.get_weights())
    x = aligned(X.shape)
    x += X
    first = model.predict(x)
    x += 1
    np.testing.assert_array_equal(first, model.predict(X))


# --- terms on a finished model ------------------------------------------------------------------------------------------


def test_attach_and_take_away() -> None:
    model = net()
    model.attach({"*/kernel": [regularizers.L1(0.1), constraints.NonNeg()], "dense/bias": regularizers.L2(0.5)})
    assert min(w.min() for p, w in weights(model).items() if p.endswith("kernel")) == 0  # at once
    assert model.plan["dense_1/kernel"].regularizer == regularizers.L1(0.1)
    assert model.plan["dense_1/bias"].regularizer is None
    model.attach({"dense/kernel": None, "dense_1/*": [regularizers.L1(0.1), regularizers.L2(0.2)]})
    plan = model.plan
    assert (plan["dense/kernel"].regularizer, plan["dense/kernel"].constraint) == (None, None)
    assert plan["dense/bias"].regularizer == regularizers.L2(0.5)
    assert plan["dense_1/kernel"].regularizer == regularizers.L1(0.1) + regularizers.L2(0.2)
    assert plan["dense_1/kernel"].constraint == constraints.NonNeg()
    model.attach({"dense/activity": regularizers.L2(0.1)})
    hidden = np.maximum(X @ model.get_weights()[0] + model.get_weights()[1], 0)
    penalty = model.evaluate(X, Y, return_dict=True)["penalty"]
    rest = float(model.plan.penalty(model.params))
    assert penalty == pytest.approx(rest + 0.1 * np.square(hidden).sum() / ROWS, rel=1e-5)


def test_attach_overrules_the_layer_and_none_takes_its_term_away() -> None:
    model = net(kernel_regularizer=regularizers.L1(0.1), kernel_constraint="non_neg")
    model.attach({"dense/kernel": regularizers.L2(0.3)})
    entry = model.plan["dense/kernel"]
    assert (entry.regularizer, entry.constraint, entry.mode) == (
        regularizers.L2(0.3),
        constraints.NonNeg(),
        "gradient",
    )
    model.attach({"dense/kernel": None})
    assert model.plan["dense/kernel"].constraint is None


def test_terms_changed_on_a_built_layer_act_from_the_next_fit() -> None:
    model = net()
    assert fit(model).history["penalty"] == [0.0]
    model.layers[0].kernel_regularizer = regularizers.L2(0.1)
    model.layers[0].kernel_constraint = constraints.MaxNorm(0.3)
    start = 0.1 * np.square(model.get_weights()[0]).sum()
    history = fit(model)
    assert 0 < history.history["penalty"][0] < start
    norms = np.linalg.norm(model.get_weights()[0].astype(np.float64), axis=0)
    assert norms.max() <= 0.3 * (1 + 2**-21)
    model.layers[0].kernel_regularizer = None
    assert fit(model).history["penalty"] == [0.0]


def test_a_strength_changed_between_fits_keeps_the_optimizer_s_state() -> None:
    kept, direct = (net(optimizer="adam", kernel_regularizer=regularizers.L1(s)) for s in (0.0, 0.1))
    for model in (kept, direct):
        fit(model, shuffle=False)
    kept.layers[0].kernel_regularizer = regularizers.L1(0.1)
    before = weights(kept)
    fit(kept, shuffle=False)
    # With moments of three steps, Adam's fourth is at most lr·√(1−β₂⁴)/(1−β₁⁴)·|m|/√v: far from its first, which
    # moves every entry by lr. A lost state would move the second layer's bias by exactly lr in that step.
    fresh = net(optimizer="adam", kernel_regularizer=regularizers.L1(0.1))
    fresh.set_weights(list(before.values()))
    fit(fresh, shuffle=False)
    assert_differ(weights(kept), weights(fresh))


# --- dropout ------------------------------------------------------------------------------------------------------------


def test_dropout_acts_in_training_only() -> None:
    model = taut.Sequential([taut.layers.Input((3,)), taut.layers.Dropout(0.5), taut.layers.Dense(1, trainable=False)])
    model.compile("sgd", lambda y, out: out)  # the loss is the mean output
    model.set_weights([np.ones((3, 1)), [0.0]])
    x = np.ones((ROWS, 3), np.float32)
    np.testing.assert_array_equal(model.predict(x), np.full((ROWS, 1), 3))
    assert model.evaluate(x, x[:, 0]) == 3
    losses = fit(model, x, x[:, 0], epochs=20, validation_data=(x, x[:, 0])).history
    assert len(set(losses["loss"])) > 5  # a new draw each step
    assert np.mean(losses["loss"]) == pytest.approx(3, abs=0.2)  # what is kept is scaled up
    assert losses["val_loss"] == [3.0] * 20


def test_looking_at_a_model_changes_nothing_of_its_training() -> None:
    def trained(look):
        model = net(between=(taut.layers.Dropout(0.5),))
        if look:
            model.predict(X), model.evaluate(X, Y), model.plan, model.params, model.summary(print_fn=str)
        fit(model)
        return weights(model)

    assert_same(trained(look=True), trained(look=False))


def test_dropout_with_a_seed_draws_its_own() -> None:
    def trained(model_seed, seed):
        model = net(model_seed, between=(taut.layers.Dropout(0.5, seed=seed),))
        model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
        fit(model, shuffle=False)
        return weights(model)

    assert_same(trained(0, 7), trained(1, 7))
    assert_same(trained(0, None), trained(0, None))
    assert_differ(trained(0, 7), trained(0, 8))
    assert_differ(trained(0, None), trained(1, None))
