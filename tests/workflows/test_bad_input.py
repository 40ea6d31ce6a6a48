"""Every mistake gets a message that says what happened, what was expected and what to do, and nothing is lost."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from flax import nnx

import taut
from taut import constraints, layers, layouts, optimizers, regularizers
from tests.workflows._nets import NUMBERS, ROWS, X, Y, assert_same, fit, net, weights

NAN, INF = float("nan"), float("inf")


def changed(array, index, value):
    out = np.array(array, np.float64)
    out[index] = value
    return out


def says(error, *words) -> None:
    """The message holds each of ``words`` (regular expressions)."""
    for word in words:
        assert re.search(word, str(error)), f"{word!r} is not in: {error}"


@pytest.fixture(scope="module")
def model():
    """A trained model, which no mistake below may change."""
    model = net(optimizer="adam", kernel_regularizer="l1", kernel_constraint="non_neg")
    fit(model, epochs=2)
    return model


def everything(model):
    """All that a user could lose, comparable."""
    return {
        **weights(model),
        "state": [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model._state)],
        "rest": [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model._split()[2])],
        "compiled": (model.optimizer, model.loss, list(model.metrics), model.terms),
        "plan": str(model.plan),
        "history": dict(model.history.history),
        "shapes": (model.input_shape, model.output_shape, len(model.layers)),
    }


def assert_refused(model, error, words, mistake):
    """``mistake(model)`` raises ``error`` with ``words`` in its message and leaves the model as it was."""
    before = everything(model)
    with pytest.raises(error) as caught:
        mistake(model)
    says(caught.value, *words)
    after = everything(model)
    for key, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, after[key])
        else:
            assert value == after[key], key


# --- data ---------------------------------------------------------------------------------------------------------------

FRAME = pd.DataFrame(X.astype(np.float64), columns=["age", "height", "weight"])

ROWS_REFUSED = {
    "too few columns": (X[:, :2], ["layer 'dense' takes", r"\(3,\)", r"given: \(24, 2\)", r"expected: \(rows, 3\)"]),
    "one axis too many": (X[:, None], [r"rows of shape \(1, 3\)", "layer 'dense'"]),
    "one row alone": (X[0], ["layer 'dense'", r"rows, 3"]),
    "no rows": (X[:0], [r"shape \(0, 3\)", "at least one row"]),
    "nothing": (None, ["x: .*at least one row"]),
    "NaN": (changed(X, (5, 2), NAN), ["x: column 2, row 5 is nan", "finite", "Fill in or drop"]),
    "infinity": (changed(X, (7, 0), -INF), ["column 0, row 7 is -inf", "1 such value"]),
    "NaN in pandas": (FRAME.assign(height=changed(X[:, 1], 3, NAN)), ["column 'height', row 3 is nan"]),
    "NA in pandas": (
        FRAME.assign(age=pd.array([1, None] * 12, dtype="Int64")),
        ["column 'age', row 1 is <NA>", "fill in missing values"],
    ),
    "null in polars": (pl.DataFrame({"a": [1.0, None], "b": [1, 2], "c": [1, 2]}), ["column 'a', row 1 is nan"]),
    "masked": (np.ma.masked_greater(X, 2.5), [r"column 0, row \d+ is nan"]),
    "text in pandas": (FRAME.assign(age="old"), ["column 'age' has type", "Encode", "taut fit"]),
    "text in polars": (pl.DataFrame({"a": ["x"], "b": [1], "c": [1]}), ["column 'a' has type String", "Encode"]),
    "categories": (FRAME.assign(age=pd.Categorical(["a", "b"] * 12)), ["column 'age' has type category"]),
    "dates": (FRAME.assign(age=pd.Timestamp("2026-01-01")), ["column 'age' has type datetime64", "expected numbers"]),
    "text in lists": ([[1, 2, "x"]], ["dtype <U", "real numbers"]),
    "an object": (np.array([[1, {}, 2]], dtype=object), [r"column 1, row 0 is \{\}", "expected a number"]),
    "ragged": ([[1, 2, 3], [1, 2]], ["cannot be converted to an array", "rows of equal length"]),
    "complex": (X.astype(complex), ["complex", "real numbers"]),
    "beyond float32": (changed(X, (0, 0), 1e39), ["3.4e38", "scale the data"]),
    "sparse": (scipy.sparse.csr_matrix(X), ["sparse matrix", r"x\.toarray\(\)"]),
    "lazy": (pl.LazyFrame({"a": [1.0], "b": [1.0], "c": [1.0]}), ["lazy frame", r"x\.collect\(\)"]),
    "a dict": ({"a": [1, 2]}, ["x: is {'a'", "expected a number"]),
}


@pytest.mark.parametrize("case", ROWS_REFUSED)
def test_rows(model, case) -> None:
    x, words = ROWS_REFUSED[case]
    assert_refused(model, ValueError, words, lambda m: fit(m, x, Y))
    assert_refused(model, ValueError, words, lambda m: m.predict(x))
    assert_refused(model, ValueError, words, lambda m: m.evaluate(x, Y))
    assert_refused(model, ValueError, ["validation_data x: "], lambda m: fit(m, validation_data=(x, Y)))


LABELS_REFUSED = {
    "too few": ("categorical_crossentropy", Y[:5], ["has 5 rows, but x has 24", "one label per row"]),
    "class numbers for one-hot": ("categorical_crossentropy", NUMBERS, [r"\(24,\)", "sparse_categorical_crossentropy"]),
    "another width": ("categorical_crossentropy", np.eye(3)[NUMBERS], [r"\(24, 3\)", r"\(24, 2\)", "units"]),
    "several ones": ("categorical_crossentropy", np.ones((ROWS, 2)), ["row 0", "sum to 1", "binary_crossentropy"]),
    "negative": ("categorical_crossentropy", changed(Y, 4, [2, -1]), ["row 4", "≥ 0"]),
    "one-hot for numbers": ("sparse_categorical_crossentropy", Y, [r"\(24, 2\)", "loss='categorical_crossentropy'"]),
    "a class too many": (
        "sparse_categorical_crossentropy",
        changed(NUMBERS, 9, 2),
        ["label of row 9 is 2", "2 outputs", "more units"],
    ),
    "a negative class": ("sparse_categorical_crossentropy", changed(NUMBERS, 2, -1), ["row 2 is -1"]),
    "half a class": ("sparse_categorical_crossentropy", changed(NUMBERS, 2, 0.5), ["row 2 is 0.5"]),
    "names": ("sparse_categorical_crossentropy", ["a", "b"] * 12, ["has dtype", "Encode"]),
    "NaN": ("mse", changed(Y, (3, 1), NAN), ["column 1, row 3 is nan"]),
    "missing in a series": ("sparse_categorical_crossentropy", pd.Series([0, None] * 12), ["row 1 is nan"]),
    "signs": ("binary_crossentropy", 2 * Y - 1, ["row 0", "from 0 to 1"]),
    "a column for two outputs": (
        "mse",
        X[:, 0],
        [r"labels have shape \(24,\)", r"\(24, 2\)", "units of the last layer"],
    ),
    "beyond float32": ("mae", changed(Y, 0, 1e39), ["3.4e38"]),
    "nothing": ("mse", None, ["one label per row"]),
}


@pytest.mark.parametrize("case", LABELS_REFUSED)
def test_labels(case) -> None:
    loss, y, words = LABELS_REFUSED[case]
    model = net()
    model.compile("sgd", loss)
    before = weights(model)
    good = NUMBERS if loss == "sparse_categorical_crossentropy" else Y
    for mistake, prefix in (
        (lambda: fit(model, X, y), "^y: "),
        (lambda: model.evaluate(X, y), "^y: "),
        (lambda: fit(model, X, good, validation_data=(X, y)), "^validation_data y: "),
    ):
        with pytest.raises(ValueError) as caught:
            mistake()
        says(caught.value, prefix, *words)
    assert_same(weights(model), before)


ARGUMENTS_REFUSED = {
    "batch_size of nothing": ({"batch_size": 0}, ["batch_size=0", "≥ 1"]),
    "half a batch": ({"batch_size": 2.5}, ["batch_size=2.5", "integer"]),
    "negative epochs": ({"epochs": -1}, ["epochs=-1", "≥ 0"]),
    "epochs as text": ({"epochs": "3"}, ["epochs='3'", "integer"]),
    "settle": ({"settle": 1.5}, ["settle=1.5", "integer"]),
    "verbose": ({"verbose": 3}, ["verbose=3", "0 .silent.", "auto"]),
    "all held out": ({"validation_split": 1.0}, ["validation_split=1.0", r"\[0, 1\)"]),
    "split as text": ({"validation_split": "a"}, ["validation_split='a'", "number"]),
    "no row to train on": ({"x": X[:1], "y": Y[:1], "batch_size": 1, "validation_split": 0.5}, ["leaves 0 to train"]),
    "validation of another form": ({"validation_data": X}, ["validation_data", r"\(x, y\)"]),
    "validation rows": ({"validation_data": (X, Y[:3])}, ["validation_data y: has 3 rows"]),
    "too few weights": ({"sample_weight": np.ones(3)}, [r"sample_weight: has shape \(3,\)", r"\(24,\)"]),
    "negative weight": ({"sample_weight": changed(np.ones(24), 4, -1)}, ["sample_weight: row 4 is -1", "≥ 0"]),
    "NaN weight": ({"sample_weight": changed(np.ones(24), 4, NAN)}, ["sample_weight: row 4 is nan"]),
    "a class that there is not": ({"class_weight": {2: 1.0}}, ["class_weight: 2 is not a class", "0 … 1"]),
    "a class by name": ({"class_weight": {"a": 1.0}}, ["'a' is not a class"]),
    "negative class weight": ({"class_weight": {0: -1}}, ["0: -1", "≥ 0"]),
}


@pytest.mark.parametrize("case", ARGUMENTS_REFUSED)
def test_arguments_of_fit(model, case) -> None:
    arguments, words = ARGUMENTS_REFUSED[case]
    assert_refused(model, ValueError, words, lambda m: fit(m, **arguments))


def test_class_weight_needs_classes(model) -> None:
    assert_refused(
        model, TypeError, ["class_weight='even'", "a dict", "balanced"], lambda m: fit(m, class_weight="even")
    )
    regression = taut.Sequential([layers.Dense(1, input_shape=(3,))])
    regression.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"not one class per row.*sample_weight"):
        fit(regression, X, X[:, 0], class_weight={0: 2.0})
    several = net()
    several.compile("sgd", "binary_crossentropy")
    with pytest.raises(ValueError, match="not one class per row"):
        fit(several, X, np.ones((ROWS, 2)), class_weight={0: 2.0})


def test_an_array_of_another_shape_to_call(model) -> None:
    assert_refused(model, ValueError, ["layer 'dense' takes rows of", r"\(24, 2\)"], lambda m: m(X[:, :2]))


# --- compile ------------------------------------------------------------------------------------------------------------

COMPILE_REFUSED = {
    "optimizer": (ValueError, {"optimizer": "adm"}, ["Unknown optimizer 'adm'", "Did you mean 'Adam'", "RMSprop"]),
    "no optimizer": (ValueError, {"optimizer": None}, ["optimizer=None", "adam"]),
    "loss": (
        ValueError,
        {"loss": "categorical_crosentropy"},
        ["Unknown loss", "Did you mean 'CategoricalCrossentropy'"],
    ),
    "loss of no kind": (TypeError, {"loss": 3.5}, ["loss=3.5", "'mse'", "function"]),
    "metric": (ValueError, {"metrics": ["acuracy"]}, ["Unknown metric 'acuracy'", "'accuracy'", "mse"]),
    "metric of no kind": (TypeError, {"metrics": [3]}, ["metric 3", "'accuracy'"]),
    "metrics not in a list": (TypeError, {"metrics": "accuracy"}, ["metrics='accuracy'", r"\['accuracy'\]"]),
    "terms": (ValueError, {"terms": "exat"}, ["terms='exat'", '"exact" or "keras"']),
    "an optimizer without a metric": (
        ValueError,
        {"optimizer": optax.adam(0.1)},
        ["dense/kernel: L1", "effective step", "Optax", "step_size", 'terms="keras"'],
    ),
}


@pytest.mark.parametrize("case", COMPILE_REFUSED)
def test_compile(model, case) -> None:
    error, arguments, words = COMPILE_REFUSED[case]
    assert_refused(
        model, error, words, lambda m: m.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **arguments})
    )


def test_compile_finds_an_unknown_metric_before_the_model_is_built() -> None:
    with pytest.raises(ValueError, match="Unknown metric 'acuracy'"):
        taut.Sequential([layers.Dense(1)]).compile("sgd", "mse", ["acuracy"])


def test_an_optimizer_without_a_metric_is_fine_where_none_is_needed() -> None:
    def compiled(optimizer, terms="exact", **first):
        model = net(**first)
        model.compile(optimizer, "categorical_crossentropy", terms=terms)
        return model

    with pytest.raises(ValueError, match=r"dense/kernel: MaxNorm.*effective step"):
        compiled(optax.sgd(0.1), kernel_constraint=constraints.MaxNorm(1))
    unbuilt = taut.Sequential([layers.Dense(2, kernel_regularizer="l1")])
    unbuilt.compile(optax.sgd(0.1), "mse")
    with pytest.raises(ValueError, match=r"dense/kernel: L1.*effective step"):
        fit(unbuilt, X, X[:, :2])
    model = compiled(optax.sgd(0.5), kernel_constraint="non_neg", bias_regularizer="l2")
    fit(model)
    known = compiled(optimizers.Optax(optax.sgd(0.01), step_size=lambda state, path: 0.01), kernel_regularizer="l1")
    same = compiled("sgd", kernel_regularizer="l1")
    for m in (known, same):
        fit(m, shuffle=False)
    for a, b in zip(known.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("metric", "y", "loss", "words"),
    [
        ("sparse_categorical_accuracy", Y, "categorical_crossentropy", [r"\(8, 2\), expected \(8,\)", "'accuracy'"]),
        ("categorical_accuracy", NUMBERS, "sparse_categorical_crossentropy", [r"\(8,\), expected \(8, 2\)"]),
        ("mse", NUMBERS, "sparse_categorical_crossentropy", ["metric 'mse'", r"\(8,\)"]),
        (lambda y, out: y[:3], Y, "categorical_crossentropy", ["8 rows", "one value per row"]),
    ],
)
def test_a_metric_that_does_not_fit_the_labels(metric, y, loss, words) -> None:
    model = net()
    model.compile("sgd", loss, [metric])
    before = weights(model)
    with pytest.raises(ValueError) as caught:
        fit(model, X, y)
    says(caught.value, *words)
    assert_same(weights(model), before)


def test_a_metric_cannot_take_the_name_of_a_loss() -> None:
    def penalty(y_true, y_pred):
        return y_pred

    with pytest.raises(ValueError, match=r"named 'penalty'.*Rename"):
        net().compile("sgd", "mse", [penalty])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda y, out: out[:3], ["shape \\(3, 2\\)", "8 rows", "one value per row"]),
        (lambda y, out: jnp.zeros((2,)), ["8 rows"]),
    ],
)
def test_a_loss_function_of_the_wrong_shape(values, words) -> None:
    model = net()
    model.compile("sgd", values)
    with pytest.raises(ValueError) as caught:
        fit(model)
    says(caught.value, *words)


# --- layers and models --------------------------------------------------------------------------------------------------

LAYERS_REFUSED = {
    "no units": (ValueError, lambda: layers.Dense(0), ["units=0", "≥ 1"]),
    "units as text": (ValueError, lambda: layers.Dense("10"), ["units='10'", "integer"]),
    "half a unit": (ValueError, lambda: layers.Dense(1.5), ["units=1.5"]),
    "activation": (ValueError, lambda: layers.Dense(1, "rleu"), ["Unknown activation 'rleu'", "'relu'", "softmax"]),
    "activation of no kind": (TypeError, lambda: layers.Activation(3), ["activation 3", "'relu'"]),
    "a misspelt argument": (
        TypeError,
        lambda: layers.Dense(1, kernel_regulariser="l1"),
        ["Dense", "'kernel_regulariser'", "Did you mean 'kernel_regularizer'"],
    ),
    "an argument of another layer": (TypeError, lambda: layers.Flatten(units=3), ["Flatten", "'units'", "name"]),
    "initializer": (ValueError, lambda: layers.Dense(1, kernel_initializer="glorot"), ["'glorot'", "GlorotUniform"]),
    "initializer of no kind": (TypeError, lambda: layers.Dense(1, bias_initializer=0.1), ["Constant"]),
    "spread": (ValueError, lambda: taut.initializers.RandomNormal(stddev=-1), ["stddev=-1", "≥ 0"]),
    "seed": (ValueError, lambda: taut.initializers.HeNormal(seed="a"), ["seed='a'", "integer"]),
    "name with a slash": (ValueError, lambda: layers.Dense(1, name="a/b"), ["name='a/b'", "without '/'"]),
    "name of no kind": (ValueError, lambda: layers.Dense(1, name=3), ["name=3", "string"]),
    "open shape": (ValueError, lambda: layers.Dense(1, input_shape=(None, 3)), [r"\(None, 3\)", r"\(10,\)"]),
    "shape as text": (ValueError, lambda: layers.Input("10"), ["'10'", "positive integers"]),
    "no shape": (ValueError, lambda: layers.Input(()), [r"input_shape=\(\)", "positive"]),
    "rate": (ValueError, lambda: layers.Dropout(1.0), ["rate=1.0", r"\[0, 1\)"]),
    "rate as text": (ValueError, lambda: layers.Dropout("a"), ["rate='a'"]),
    "dropout seed": (ValueError, lambda: layers.Dropout(0.1, seed=-1), ["seed=-1"]),
    "no bias to regularize": (
        ValueError,
        lambda: layers.Dense(1, use_bias=False, bias_regularizer="l2"),
        ["bias_regularizer=L2", "use_bias=False", "use_bias=True"],
    ),
    "no bias to constrain": (
        ValueError,
        lambda: layers.Dense(1, use_bias=False, bias_constraint="non_neg"),
        ["bias_constraint=NonNeg", "Remove"],
    ),
    "no layer": (TypeError, lambda: taut.Sequential([lambda x: x]), ["<lambda>", "taut layer", "NNX module"]),
    "a layer's class": (TypeError, lambda: taut.Sequential([layers.Flatten]), ["Flatten", "taut layer"]),
    "a layer alone": (TypeError, lambda: taut.Sequential(layers.Dense(1)), ["layers=Dense", "a list"]),
    "no layers": (ValueError, lambda: taut.Sequential().build((3,)), ["no layers", "Dense"]),
    "equal names": (
        ValueError,
        lambda: taut.Sequential([layers.Dense(1, name="a", input_shape=(3,)), layers.Dense(1, name="a")]),
        ["two layers are named 'a'", "unique"],
    ),
    "shapes that do not meet": (
        ValueError,
        lambda: taut.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1, input_shape=(4,))]),
        ["layer 'dense_1'", r"input_shape=\(4,\)", r"\(2,\)"],
    ),
}


@pytest.mark.parametrize("case", LAYERS_REFUSED)
def test_layers(case) -> None:
    error, mistake, words = LAYERS_REFUSED[case]
    with pytest.raises(error) as caught:
        mistake()
    says(caught.value, *words)


def test_a_layer_used_again_for_other_rows() -> None:
    layer = layers.Dense(2)
    taut.Sequential([layers.Input((3,)), layer])
    with pytest.raises(ValueError, match=r"layer 'dense' takes rows of 3 values.*\(4,\)"):
        taut.Sequential([layers.Input((4,)), layer])


@pytest.mark.parametrize("given", [np.ones((1, 1)), np.full((3, 2), NAN)])
def test_an_initializer_that_gives_something_else(given) -> None:
    layer = layers.Dense(2, kernel_initializer=lambda shape: given, input_shape=(3,))
    with pytest.raises(ValueError, match=r"kernel_initializer=.*(shape \(1, 1\)|NaN).*expected.*\(3, 2\)"):
        taut.Sequential([layer])


def test_a_layer_that_cannot_be_added_leaves_the_model_alone() -> None:
    model = taut.Sequential()
    with pytest.raises(ValueError, match="does not fit a parameter"):
        model.add(layers.Dense(2, bias_regularizer="orthogonal_regularizer", input_shape=(3,)))
    assert (model.layers, model.input_shape, model.output_shape, model.built) == ([], None, None, False)
    model.add(layers.Dense(4, input_shape=(5,)))
    before = weights(model)
    with pytest.raises(ValueError, match="cannot take rows"):
        model.add(nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    assert (model.output_shape, len(model.layers)) == ((4,), 1)
    assert_same(weights(model), before)
    model.add(layers.Dense(1))
    assert model.predict(np.ones((2, 5))).shape == (2, 1)


def test_a_fit_that_is_refused_builds_nothing() -> None:
    def fresh():
        taut.utils.set_random_seed(0)
        model = taut.Sequential([layers.Dense(2, kernel_regularizer="l1")])
        model.compile("sgd", "mse")
        return model

    model, reference = fresh(), fresh()
    for x, y, arguments in (
        (X[:, :2], X, {}),  # labels of another width
        (X, Y[:3], {}),
        (X, Y, {"batch_size": 0}),
        (X, Y, {"verbose": "loud"}),
        (X, Y, {"validation_data": (X[:, :2], Y)}),
        (X, Y, {"sample_weight": [1]}),
    ):
        with pytest.raises(ValueError):
            fit(model, x, y, **arguments)
        assert not model.built
    taut.utils.set_random_seed(1)
    fit(model)
    taut.utils.set_random_seed(1)
    fit(reference)
    assert_same(weights(model), weights(reference))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda m: m.fit(X, Y), ["no loss yet", "model.compile"]),
        (lambda m: m.evaluate(X, Y), ["no loss yet", "model.compile"]),
        (lambda m: m.predict(X), ["no weights yet", "input_shape", "fit or build"]),
        (lambda m: m.get_weights(), ["no weights yet"]),
        (lambda m: m.plan, ["no weights yet"]),
        (lambda m: m.save("x.taut"), ["no weights yet"]),
        (lambda m: m.attach({}), ["no weights yet"]),
    ],
)
def test_too_early(act, words) -> None:
    with pytest.raises(ValueError) as caught:
        act(taut.Sequential([layers.Dense(1)]))
    says(caught.value, *words)


# --- terms --------------------------------------------------------------------------------------------------------------

TERMS_REFUSED = {
    "unknown regularizer": (
        ValueError,
        {"kernel_regularizer": "l3"},
        ["Unknown regularizer 'l3'", "'L1'", "GroupLasso"],
    ),
    "unknown constraint": (ValueError, {"bias_constraint": "maxnrom"}, ["'maxnrom'", "Did you mean 'MaxNorm'"]),
    "a bare strength": (TypeError, {"kernel_regularizer": 0.01}, ["got 0.01", r"L1\(0.01\)"]),
    "a constraint as regularizer": (
        TypeError,
        {"kernel_regularizer": constraints.NonNeg()},
        ["kernel_regularizer", "NonNeg", "is a constraint"],
    ),
    "a regularizer as constraint": (
        TypeError,
        {"kernel_constraint": regularizers.L1()},
        ["kernel_constraint", "L1", "is a regularizer"],
    ),
    "a proximal activity": (
        ValueError,
        {"activity_regularizer": regularizers.L1().acting("proximal")},
        ["dense/activity", "proximal", "gradient"],
    ),
    "a matrix's term on a bias": (
        ValueError,
        {"bias_regularizer": regularizers.OrthogonalRegularizer()},
        ["dense/bias", r"\(4,\)", "two axes"],
    ),
    "an axis that there is not": (
        ValueError,
        {"kernel_constraint": constraints.MaxNorm(1, axis=5)},
        ["dense/kernel", "Axis 5", r"\(3, 4\)"],
    ),
    "strengths of another shape": (
        ValueError,
        {"kernel_regularizer": regularizers.L1(np.ones((7, 7)))},
        ["dense/kernel", r"\(3, 4\)"],
    ),
}


@pytest.mark.parametrize("case", TERMS_REFUSED)
def test_terms_on_a_layer(case) -> None:
    error, arguments, words = TERMS_REFUSED[case]
    with pytest.raises(error) as caught:
        net(**arguments)
    says(caught.value, *words)


@pytest.mark.parametrize(
    ("error", "make", "words"),
    [
        (ValueError, lambda: regularizers.L1(-1), [r"l1=-1", "at least 0"]),
        (ValueError, lambda: regularizers.L2(NAN), ["l2=nan", "finite"]),
        (ValueError, lambda: regularizers.L1L2(l2=INF), ["l2=inf", "finite"]),
        (TypeError, lambda: regularizers.L1("0.1"), ["'0.1'", "without quotes"]),
        (TypeError, lambda: regularizers.L2(True), ["True", "number"]),
        (ValueError, lambda: constraints.Box(1, -1), ["low is above high", "Swap"]),
        (ValueError, lambda: constraints.Box(), ["has no bound", r"Box\(-1, 1\)"]),
        (ValueError, lambda: constraints.MinMaxNorm(2, 1), ["min_value is above max_value"]),
        (ValueError, lambda: constraints.MinMaxNorm(rate=5), ["rate=5", "at most 1"]),
        (ValueError, lambda: constraints.MaxNorm(-1), ["max_value=-1", "at least 0"]),
        (TypeError, lambda: constraints.MaxNorm(axis="a"), ["axis='a'", "integer"]),
        (ValueError, lambda: regularizers.L1().acting("fast"), ["'fast'", "proximal"]),
        (ValueError, lambda: regularizers.L1().acting("decoupled"), ["L1", "L2"]),
        (ValueError, lambda: optimizers.Adam(learning_rate=0), ["learning_rate=0", "above 0"]),
        (TypeError, lambda: optimizers.SGD("0.1"), ["'0.1'", "number"]),
        (ValueError, lambda: optimizers.SGD(momentum=1.0), ["momentum=1.0", r"\[0, 1\)"]),
        (ValueError, lambda: optimizers.Adam(clipnorm=1, clipvalue=1), ["clipnorm and clipvalue", "at most one"]),
        (ValueError, lambda: optimizers.Adam(gradient_accumulation_steps=0), ["gradient_accumulation_steps=0"]),
        (ValueError, lambda: taut.utils.set_random_seed(-1), ["seed=-1", "from 0 to 4294967295"]),
        (ValueError, lambda: taut.utils.set_random_seed("a"), ["seed='a'"]),
    ],
)
def test_numbers(error, make, words) -> None:
    with pytest.raises(error) as caught:
        make()
    says(caught.value, *words)


ATTACH_REFUSED = {
    "unknown path": (
        ValueError,
        {"dense/kernle": regularizers.L1()},
        ["'dense/kernle'", "Did you mean 'dense/kernel'"],
    ),
    "a pattern of nothing": (ValueError, {"*/foo": regularizers.L1()}, [r"'\*/foo'", "dense_1/bias", "dense/activity"]),
    "no term": (TypeError, {"dense/kernel": 3}, ["dense/kernel: 3 is not a term", "L1", "NonNeg"]),
    "a constrained activity": (
        ValueError,
        {"dense/activity": constraints.NonNeg()},
        ["dense/activity", "only be regularized"],
    ),
    "one good, one bad": (
        ValueError,
        {"dense_1/kernel": regularizers.L1(), "dense_1/bias": regularizers.OrthogonalRegularizer()},
        ["dense_1/bias"],
    ),
    "an axis that there is not": (ValueError, {"dense_1/kernel": constraints.MaxNorm(1, axis=7)}, ["Axis 7"]),
}


@pytest.mark.parametrize("case", ATTACH_REFUSED)
def test_attach(model, case) -> None:
    error, terms, words = ATTACH_REFUSED[case]
    assert_refused(model, error, words, lambda m: m.attach(terms))


class Square(nnx.Module):
    """A user's own module."""

    def __init__(self, size):
        self.w = nnx.Param(jnp.ones((size, size)))

    def __call__(self, x):
        return x @ self.w[...]


def test_a_layer_without_a_declared_layout() -> None:
    model = taut.Sequential([layers.Input((3,)), Square(3)])
    with pytest.raises(ValueError) as caught:
        model.attach({"square/w": constraints.MaxNorm(0.5)})
    says(caught.value, "square/w: MaxNorm", "no declared layout", r"taut\.layouts\.layout", "explicit axis")
    np.testing.assert_array_equal(model.get_weights()[0], 1)
    model.attach({"square/w": constraints.MaxNorm(0.5, axis=1)})
    np.testing.assert_allclose(np.linalg.norm(model.get_weights()[0], axis=1), 0.5, rtol=1e-5)
    model.attach({"square/w": [regularizers.L1(0.1), constraints.NonNeg()]})  # these need no axis

    class Declared(Square):
        pass

    layouts.layout({"w": ("kernel", "in out")})(Declared)
    model = taut.Sequential([layers.Input((3,)), Declared(3)])
    model.attach({"declared/w": constraints.MaxNorm(0.5)})
    np.testing.assert_allclose(np.linalg.norm(model.get_weights()[0], axis=0), 0.5, rtol=1e-5)
    assert model.plan["declared/w"].fan_in == (0,)


def test_a_foreign_layer_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"layer 'square' \(Square\) cannot take rows of shape \(4,\)"):
        taut.Sequential([layers.Input((4,)), Square(3)])

    class Two(nnx.Module):
        def __call__(self, x):
            return x, x

    with pytest.raises(ValueError, match=r"layer 'two' \(Two\) gives arrays.*expected one array"):
        taut.Sequential([layers.Input((4,)), Two()])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], ["got 0", "expected a list of 4", "dense/kernel, dense/bias"]),
        (None, ["got NoneType", "list of 4"]),
        ([np.ones((3, 3))] * 4, ["dense/kernel got shape", r"expected \(3, 4\)"]),
        ([np.ones((3, 4)), np.ones(4), np.ones((4, 2)), [1, NAN]], ["dense_1/bias holds NaN", "finite"]),
    ],
)
def test_set_weights(model, given, words) -> None:
    assert_refused(model, ValueError, words, lambda m: m.set_weights(given))


def test_set_weights_lands_inside_the_constraints(model) -> None:
    copy = net(kernel_constraint="non_neg")
    copy.set_weights([np.full(w.shape, -1.0) for w in copy.get_weights()])
    assert copy.get_weights()[0].min() == 0
    assert copy.get_weights()[2].max() == -1
