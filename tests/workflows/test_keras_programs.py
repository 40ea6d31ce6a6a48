"""Keras programs as people write them, unchanged but for the import."""

import warnings

import numpy as np
import pytest

import taut as keras
from taut import constraints

_generator = np.random.default_rng(0)
_classes = _generator.integers(0, 10, 320)
x_train = _generator.normal(size=(320, 10)).astype(np.float32)
x_train[:, :5] += 2 * _generator.normal(size=(10, 5))[_classes]
x_train[:, 9] = 0  # an input that says nothing
y_train = keras.utils.to_categorical(_classes, 10)


@pytest.fixture(autouse=True)
def seed() -> None:
    keras.utils.set_random_seed(0)


# --- the three programs of the README, word for word ------------------------------------------------------------------


def test_l2_program(capsys) -> None:
    model = keras.Sequential(
        [
            keras.layers.Dense(
                64, activation="relu", kernel_regularizer=keras.regularizers.l2(0.01), input_shape=(10,)
            ),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    before = float(np.square(model.get_weights()[0]).sum())
    history = model.fit(x_train, y_train, epochs=10).history

    assert len(history["loss"]) == 10
    assert history["loss"][-1] < history["loss"][0]
    assert history["accuracy"][-1] > history["accuracy"][0]
    # The penalty is measured before each step, so the first epoch's lies near that of the first weights.
    assert history["penalty"][0] == pytest.approx(0.01 * before, rel=0.05)
    assert "epoch 10/10" in capsys.readouterr().out


def test_min_max_norm_program(monkeypatch) -> None:
    monkeypatch.setattr(constraints, "_warned", set())
    with pytest.warns(UserWarning, match=r"MinMaxNorm\(-1, 1\) bounds the norm.*Box\(-1, 1\)") as told:
        model = keras.Sequential(
            [
                keras.layers.Dense(
                    64,
                    activation="relu",
                    kernel_constraint=keras.constraints.MinMaxNorm(min_value=-1.0, max_value=1.0),
                    input_shape=(10,),
                ),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
    assert len(told) == 1
    assert told[0].filename == __file__  # it points at the user's line
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # told once: neither training nor a second one says it again
        keras.constraints.MinMaxNorm(min_value=-1.0, max_value=1.0)
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        assert np.abs(model.get_weights()[0]).max() <= 1
        model.fit(x_train, y_train, epochs=10, verbose=0)
    kernel = model.get_weights()[0]
    assert np.abs(kernel).max() <= 1
    assert np.sqrt(np.square(kernel.astype(np.float64)).sum(axis=0)).max() <= 1 + 2**-21


def test_l1_non_neg_program() -> None:
    model = keras.Sequential(
        [
            keras.layers.Dense(
                64,
                activation="relu",
                kernel_regularizer=keras.regularizers.l1(0.001),
                kernel_constraint=keras.constraints.NonNeg(),
                input_shape=(10,),
            ),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    first = model.get_weights()[0]
    assert first.min() == 0  # inside its constraint from the start
    assert 0 < (first[9] > 0).mean() < 1
    history = model.fit(x_train, y_train, epochs=10, verbose=0).history
    kernel = model.get_weights()[0]

    assert kernel.min() >= 0
    np.testing.assert_array_equal(kernel[9], 0.0)  # every weight of the useless input
    assert (kernel[:9] > 0).any(axis=1).all()  # and of no other
    assert history["accuracy"][-1] > history["accuracy"][0]


# --- other everyday spellings -------------------------------------------------------------------------------------------


def test_the_model_layer_by_layer() -> None:
    model = keras.models.Sequential(name="by_hand")
    model.add(keras.Input(shape=(4, 2)))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(5, name="hidden", kernel_initializer="he_normal"))
    model.add(keras.layers.Activation("tanh"))
    model.add(keras.layers.Dropout(0.5))
    model.add(keras.layers.Dense(3, activation="softmax", use_bias=False))
    assert [w.shape for w in model.get_weights()] == [(8, 5), (5,), (5, 3)]
    assert list(model.params) == ["hidden/kernel", "hidden/bias", "dense/kernel"]
    assert model.count_params() == 8 * 5 + 5 + 5 * 3
    assert [w.shape for w in model.layers[2].get_weights()] == [(8, 5), (5,)]
    assert model.layers[3].get_weights() == []
    assert model.predict(np.zeros((2, 4, 2))).shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"input_shape": (3,)}, (3, 2)),
        ({"input_shape": [3]}, (3, 2)),
        ({"input_shape": 3}, (3, 2)),
        ({"input_dim": 3}, (3, 2)),
        ({"input_shape": (5, 3)}, (3, 2)),
    ],
)
def test_ways_to_say_the_input_shape(arguments, shape) -> None:
    assert keras.Sequential([keras.layers.Dense(2, **arguments)]).get_weights()[0].shape == shape


def test_names_are_numbered_as_in_keras() -> None:
    layers = [keras.layers.Dense(1, input_shape=(1,)), *(keras.layers.Dense(1) for _ in range(2))]
    assert list(keras.Sequential(layers).params)[::2] == ["dense/kernel", "dense_1/kernel", "dense_2/kernel"]


@pytest.mark.parametrize(
    ("given", "term"),
    [
        ("l1", keras.regularizers.L1(0.01)),
        ("L2", keras.regularizers.L2(0.01)),
        (keras.regularizers.l1_l2(l1=1e-5, l2=1e-4), keras.regularizers.L1L2(1e-5, 1e-4)),
        ({"class_name": "L2", "config": {"l2": 0.5}}, keras.regularizers.L2(0.5)),
        (keras.regularizers.OrthogonalRegularizer(), keras.regularizers.OrthogonalRegularizer(0.01, "rows")),
        (None, None),
    ],
)
def test_ways_to_name_a_regularizer(given, term) -> None:
    layer = keras.layers.Dense(2, kernel_regularizer=given, bias_regularizer=None, input_shape=(3,))
    assert layer.kernel_regularizer == term
    assert keras.Sequential([layer]).plan["dense/kernel"].regularizer == term


@pytest.mark.parametrize(
    ("given", "term"),
    [
        ("non_neg", keras.constraints.NonNeg()),
        ("MaxNorm", keras.constraints.MaxNorm(2)),
        (keras.constraints.max_norm(3.0, axis=0), keras.constraints.MaxNorm(3.0, 0)),
        ("unit_norm", keras.constraints.UnitNorm()),
        ({"class_name": "NonNeg", "config": {}}, keras.constraints.NonNeg()),
    ],
)
def test_ways_to_name_a_constraint(given, term) -> None:
    layer = keras.layers.Dense(2, kernel_constraint=given, input_shape=(3,))
    assert keras.Sequential([layer]).plan["dense/kernel"].constraint == term


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        ("mean_absolute_error", "mean_absolute_error"),
        (keras.losses.MeanSquaredError(), "mean_squared_error"),
        (keras.losses.mean_absolute_error, "mean_absolute_error"),
        ("categorical_crossentropy", "categorical_crossentropy"),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), "categorical_crossentropy"),
        (keras.losses.categorical_crossentropy, "categorical_crossentropy"),
        ("BinaryCrossentropy", "binary_crossentropy"),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "sparse_categorical_crossentropy"),
    ],
)
def test_ways_to_name_a_loss(loss, name) -> None:
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    model.compile(loss=loss)
    assert keras.losses.serialize(model.loss)["class_name"].lower() == name.replace("_", "")


@pytest.mark.parametrize(
    ("optimizer", "kind", "rate"),
    [
        ("sgd", "SGD", 0.01),
        ("SGD", "SGD", 0.01),
        ("adam", "Adam", 0.001),
        ("rmsprop", "RMSprop", 0.001),
        ("adamw", "AdamW", 0.001),
        ("adagrad", "Adagrad", 0.001),
        (keras.optimizers.Adam(learning_rate=0.1), "Adam", 0.1),
        (keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "SGD", 0.1),
        (keras.optimizers.RMSprop(learning_rate=0.1, rho=0.8), "RMSprop", 0.1),
    ],
)
def test_ways_to_name_an_optimizer(optimizer, kind, rate) -> None:
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    model.compile(optimizer=optimizer, loss="mse")
    assert (type(model.optimizer).__name__, model.optimizer.learning_rate) == (kind, rate)


def test_no_optimizer_is_rmsprop_as_in_keras() -> None:
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    model.compile(loss="mse")
    assert model.optimizer == keras.optimizers.RMSprop()


@pytest.mark.parametrize("name", sorted(keras.activations.ACTIVATIONS))
def test_activations_by_name_and_by_attribute(name) -> None:
    function = getattr(keras.activations, name)
    layer = keras.layers.Dense(2, activation=function)
    assert layer.activation is keras.layers.Activation(name).activation
    assert keras.activations.deserialize(keras.activations.serialize(function)) is function


@pytest.mark.parametrize(
    ("given", "mean"),
    [
        ("zeros", 0.0),
        ("ones", 1.0),
        (keras.initializers.Constant(0.25), 0.25),
        (keras.initializers.constant(0.25), 0.25),
        (lambda shape, dtype=None: np.full(shape, 0.5, dtype), 0.5),  # as Keras calls a function
        (lambda shape, generator: np.full(shape, 0.5), 0.5),
        (lambda shape: np.full(shape, 0.5), 0.5),
        (np.ones, 1.0),
    ],
)
def test_ways_to_give_an_initializer(given, mean) -> None:
    layer = keras.layers.Dense(2, kernel_initializer=given, input_shape=(3,))
    np.testing.assert_array_equal(keras.Sequential([layer]).get_weights()[0], np.full((3, 2), mean, np.float32))


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "random_normal", "lecun_uniform", "truncated_normal"])
def test_an_initializer_with_a_seed_draws_its_own(name) -> None:
    def kernel(seed):
        initializer = getattr(keras.initializers, name)(seed=seed)
        return keras.Sequential(
            [keras.layers.Dense(2, kernel_initializer=initializer, input_shape=(3,))]
        ).get_weights()[0]

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).all()


def test_none_for_an_initializer_is_the_default() -> None:
    layer = keras.layers.Dense(2, kernel_initializer=None, bias_initializer=None, input_shape=(3,))
    kernel, bias = keras.Sequential([layer]).get_weights()
    assert kernel.shape == (3, 2)
    assert np.ptp(kernel) > 0
    np.testing.assert_array_equal(bias, [0, 0])


def test_metrics_by_name_object_and_function() -> None:
    def gap(y_true, y_pred):
        return abs(y_true - y_pred).max()

    model = keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(10,))])
    model.compile(
        optimizer="sgd",
        loss="categorical_crossentropy",
        metrics=[
            "accuracy",
            "acc",
            "mse",
            keras.metrics.CategoricalAccuracy(),
            keras.metrics.BinaryAccuracy(name="half", threshold=0.5),
            keras.metrics.MeanAbsoluteError(),
            keras.losses.CategoricalCrossentropy(),
            gap,
        ],
    )
    y = y_train[:, :2].copy()
    y[:, 1] = 1 - y[:, 0]
    history = model.fit(x_train, y, verbose=0).history
    scores = model.evaluate(x_train, y, return_dict=True)
    names = [
        "accuracy",
        "acc",
        "mse",
        "categorical_accuracy",
        "half",
        "mean_absolute_error",
        "categorical_crossentropy",
    ]
    assert list(history) == ["loss", "data_loss", "penalty", *names, "gap"]
    assert list(scores) == list(history)

    p = model.predict(x_train)
    right = (p.argmax(axis=1) == y.argmax(axis=1)).mean()
    for name in ("accuracy", "acc", "categorical_accuracy", "half"):  # of two classes that sum to 1
        assert scores[name] == pytest.approx(right, abs=1e-6)
    assert scores["mse"] == pytest.approx(np.square(p - y).mean(), rel=1e-5)
    assert scores["mean_absolute_error"] == pytest.approx(np.abs(p - y).mean(), rel=1e-5)
    assert scores["categorical_crossentropy"] == pytest.approx(scores["loss"], rel=1e-5)
    assert scores["gap"] == pytest.approx(np.abs(p - y).max(), rel=1e-5)
    assert model.evaluate(x_train, y) == list(scores.values())[:1] + list(scores.values())[3:]


def test_metrics_of_one_name_have_a_column_each() -> None:
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros", input_shape=(10,))])
    model.compile(loss="mse", metrics=[lambda y, p: p + 1, lambda y, p: p + 2, "mae", "mae"])
    values = model.evaluate(x_train, x_train[:, 9], return_dict=True)
    assert {k: values[k] for k in list(values)[3:]} == {"<lambda>": 1, "<lambda>_1": 2, "mae": 0, "mae_1": 0}


def test_accuracy_is_the_one_that_fits() -> None:
    x, y = x_train[:, :1], (x_train[:, 0] > 0).astype(int)
    sigmoid = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(1,))])
    sigmoid.set_weights([[[2.0]], [-0.5]])
    sigmoid.compile(loss="binary_crossentropy", metrics=["accuracy"])
    logits = keras.Sequential([keras.layers.Dense(2, input_shape=(1,))])
    logits.set_weights([[[0.0, 2.0]], [0.0, -0.5]])
    logits.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    expected = ((x[:, 0] > 0.25) == y).mean()
    assert 0.5 < expected < 1
    for model in (sigmoid, logits):
        assert model.evaluate(x, y)[1] == pytest.approx(expected, abs=1e-6)


def test_a_loss_in_jax_with_class_numbers() -> None:
    import jax.numpy as jnp

    def crossentropy(y_true, y_pred):
        return -jnp.log(jnp.take_along_axis(y_pred, y_true[:, None], axis=1)[:, 0])

    model = keras.Sequential([keras.layers.Dense(10, activation="softmax", input_shape=(10,))])
    model.compile(loss=crossentropy, metrics=["accuracy"])
    values = model.evaluate(x_train, _classes, return_dict=True)
    p = model.predict(x_train)
    assert values["loss"] == pytest.approx(-np.log(p[np.arange(len(p)), _classes]).mean(), rel=1e-5)
    assert values["accuracy"] == pytest.approx((p.argmax(axis=1) == _classes).mean(), abs=1e-6)


def test_a_function_as_loss_gets_labels_shaped_like_the_output() -> None:
    # (rows,) against (rows, 1) would broadcast to (rows, rows) and train something else in silence.
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(10,))])
    model.compile(loss=lambda y_true, y_pred: (y_true - y_pred) ** 2)
    y = x_train[:, 0]
    assert model.evaluate(x_train, y) == pytest.approx(np.square(model.predict(x_train)[:, 0] - y).mean(), rel=1e-5)


def test_losses_called_on_arrays() -> None:
    y, p = np.asarray([0.0, 1.0, 1.0]), np.asarray([[0.5], [1.0], [3.0]])
    assert keras.losses.MeanSquaredError()(y, p) == pytest.approx((0.25 + 0 + 4) / 3)
    np.testing.assert_allclose(keras.losses.mean_squared_error(y, p), [0.25, 0, 4])
    np.testing.assert_allclose(keras.losses.mae(y, p), [0.5, 0, 2])
    logits = np.asarray([[2.0, 0.0]])
    expected = np.log1p(np.exp(-2.0))
    assert keras.losses.CategoricalCrossentropy(from_logits=True)([[1, 0]], logits) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(
        keras.losses.sparse_categorical_crossentropy([0], logits, from_logits=True), [expected], rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"labels have shape \(4,\), expected \(3, 1\)"):
        keras.losses.MeanSquaredError()(np.ones(4), p)


def test_a_regression_written_as_for_keras() -> None:
    model = keras.Sequential()
    model.add(keras.layers.Dense(1, input_dim=10, kernel_regularizer="l2"))
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse", metrics=["mae"])
    y = x_train @ np.arange(10, dtype=np.float32) / 10
    history = model.fit(x_train, y, batch_size=32, epochs=5, validation_split=0.1, verbose=0)
    assert history.history["val_mae"][-1] < history.history["val_mae"][0]
    assert history.epoch == [0, 1, 2, 3, 4]
    assert model.predict(x_train[:7]).shape == (7, 1)


@pytest.mark.parametrize(
    ("numbers", "classes", "expected"),
    [([1, 0], None, [[0, 1], [1, 0]]), ([[1], [0]], 3, [[0, 1, 0], [1, 0, 0]]), (np.asarray([1.0]), 2, [[0, 1]])],
)
def test_to_categorical(numbers, classes, expected) -> None:
    np.testing.assert_array_equal(keras.utils.to_categorical(numbers, classes), np.asarray(expected, np.float32))


@pytest.mark.parametrize("numbers", [[3], [-1], [0.5], ["a"], []])
def test_to_categorical_refuses_what_is_no_class(numbers) -> None:
    with pytest.raises(ValueError, match="expected class numbers"):
        keras.utils.to_categorical(numbers, 3)


def test_summary_shows_layers_and_terms(capsys) -> None:
    model = keras.Sequential(
        [keras.layers.Dense(4, input_shape=(3,), kernel_regularizer="l1", trainable=False), keras.layers.Dense(2)]
    )
    model.summary()
    text = capsys.readouterr().out
    assert "dense_1  Dense  (rows, 2)  10" in text
    assert "parameters: 26, of which frozen: 16" in text
    assert "dense/kernel (frozen)" in text and "L1(l1=0.01)" in text
