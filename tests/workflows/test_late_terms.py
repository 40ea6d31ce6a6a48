"""Terms that are put on a layer of a finished model: they act at once, everywhere, or are refused with the right name."""

import copy
import pickle

import keras
import numpy as np
import pytest

import taut
from taut import constraints, layers, regularizers
from taut.paths import varying

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = (X @ np.asarray([[1.0], [-2.0], [0.1]])).astype(np.float32)


def net(**terms):
    taut.utils.set_random_seed(0)
    model = taut.Sequential([layers.Dense(4, name="a[x]", input_shape=(3,), **terms), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def agree(model, tmp_path) -> None:
    """What is saved, pickled or copied has the plan and the outputs of the model, to the last bit."""
    before = model.predict(X)
    model.save(tmp_path / "m.taut")
    for twin in (model, taut.load_model(tmp_path / "m.taut"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert str(twin.plan) == str(model.plan)
        np.testing.assert_array_equal(twin.predict(X), before)


def test_a_late_constraint_holds_at_once(tmp_path) -> None:
    model = net()
    model.layers[0].kernel_constraint = "non_neg"
    assert (model.layers[0].get_weights()[0] >= 0).all()  # before anything was asked of the model
    agree(model, tmp_path)
    model.layers[1].unit_constraint = constraints.MaxNorm(0.1)
    units = np.vstack([w.reshape(-1, 1) for w in model.layers[1].get_weights()]).astype(np.float64)
    assert np.linalg.norm(units) <= 0.1 * (1 + 2**-21)
    agree(model, tmp_path)
    model.layers[0].kernel_regularizer = regularizers.L1(0.1)
    model.layers[0].activity_regularizer = "l2"
    model.fit(X, Y, verbose=0)
    assert max(model.plan.violations(model.params).values()) < 1e-7
    agree(model, tmp_path)


def test_the_latest_term_counts_attached_or_not() -> None:
    model = net(kernel_regularizer="l2")
    model.attach({"a[x]/kernel": [regularizers.L1(0.1), constraints.Box(-0.1, 0.1)]})  # its own path is no pattern
    model.layers[0].kernel_regularizer = regularizers.L1(0.3)
    entry = model.plan["a[x]/kernel"]
    assert (entry.regularizer, entry.constraint) == (regularizers.L1(0.3), constraints.Box(-0.1, 0.1))
    model.layers[0].kernel_constraint = None
    assert model.plan["a[x]/kernel"].constraint is None
    model.attach({"a[x]/kernel": regularizers.L1(0.4)})
    assert model.plan["a[x]/kernel"].regularizer == regularizers.L1(0.4)
    (varied,) = varying.resolve(model, {"a[x]/kernel": regularizers.L1})
    assert varied.paths == ("a[x]/kernel",)


def test_frozen_weights_are_projected_when_they_are_freed(tmp_path) -> None:
    model = net(kernel_constraint=constraints.Box(-0.1, 0.1))
    model.layers[0].trainable = False
    model.set_weights([w + 1 for w in model.get_weights()])
    assert model.get_weights()[0].min() > 0.5  # frozen weights are not touched
    agree(model, tmp_path)
    model.layers[0].trainable = True
    assert abs(model.layers[0].get_weights()[0]).max() <= np.float32(0.1)
    agree(model, tmp_path)


def test_weights_changed_by_hand_are_projected_when_they_are_saved(tmp_path) -> None:
    model = net(kernel_constraint="non_neg")
    model.layers[0].kernel[...] = model.layers[0].kernel[...] - 1  # behind the model's back
    model.save(tmp_path / "m.taut")
    assert (model.get_weights()[0] >= 0).all()
    agree(model, tmp_path)


def test_a_constraint_that_is_no_projection_is_not_applied_by_saving(tmp_path) -> None:
    model = net(kernel_constraint=constraints.MinMaxNorm(0.1, 0.2, rate=0.5))
    agree(model, tmp_path)


def test_a_late_term_that_cannot_act_changes_nothing() -> None:
    model = net(kernel_regularizer="l1")
    before = str(model.plan), model.get_weights()
    for name, value, match in (
        ("kernel_constraint", constraints.Fixed(np.ones((7, 7))), r"a\[x\]/kernel"),
        ("unit_constraint", constraints.MaxNorm(1.0), r"a\[x\]/unit and a\[x\]/kernel"),
        ("kernel_regularizer", constraints.NonNeg(), "is a constraint"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            setattr(model.layers[0], name, value)
        assert str(model.plan) == before[0]
    for a, b in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(a, b)
    no_bias = taut.Sequential([layers.Dense(1, use_bias=False, input_shape=(3,))])
    with pytest.raises(ValueError, match=r"layer 'dense' has bias_regularizer=.*no bias for it to act on"):
        no_bias.layers[0].bias_regularizer = "l1"


def test_a_layer_in_two_models_tells_both_and_one_taken_out_none() -> None:
    model = net()
    both = taut.Sequential([layers.Input((3,)), model.layers[0]])
    model.layers[0].kernel_constraint = "non_neg"
    assert str(both.plan["a[x]/kernel"].constraint) == str(model.plan["a[x]/kernel"].constraint) == "NonNeg()"
    both.attach({"a[x]/kernel": regularizers.L1(0.1)})
    with pytest.raises(ValueError, match=r"a\[x\]/unit and a\[x\]/kernel"):  # in one of the two models
        model.layers[0].unit_constraint = constraints.MaxNorm(0.01)
    assert np.abs(model.get_weights()[0]).max() > 0.1 and "a[x]/unit" not in str(model.plan)
    twin = copy.deepcopy(model.layers[0])
    twin.kernel_constraint = constraints.Box(0.0, 0.01)
    assert model.get_weights()[0].max() > 0.1
    out = both.layers.pop()
    out.kernel_constraint = None
    assert model.plan["a[x]/kernel"].constraint is None


@pytest.mark.parametrize(
    ("layer", "name", "value", "right"),
    [
        (layers.Dense(2), "kernel_regulariser", regularizers.L2(10.0), "kernel_regularizer"),
        (layers.Dense(2), "kernel_constrain", "non_neg", "kernel_constraint"),
        (layers.Dense(2), "bias_contraint", None, "bias_constraint"),
        (layers.Dense(2), "kernelRegularizer", 0.1, "kernel_regularizer"),
        (layers.Dense(2), "activity_regulizer", "l1", "activity_regularizer"),
        (layers.Dense(2), "units_constraint", "max_norm", "unit_constraint"),
        (layers.Dense(2), "kernel_initialiser", "zeros", "kernel_initializer"),
        (layers.Dense(2), "regularizer", regularizers.L1(0.1), "_regularizer"),
        (layers.Dense(2), "weight_constraint", keras.constraints.NonNeg(), "_constraint"),
        (layers.Flatten(), "kernel_regularizer", "l1", "Flatten has no kernel_regularizer"),
    ],
)
def test_a_misspelt_term_is_refused_with_the_right_name(layer, name, value, right) -> None:
    with pytest.raises(AttributeError, match=right):
        setattr(layer, name, value)
    assert not hasattr(layer, name)


def test_a_term_on_the_model_itself_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"a Sequential has no kernel_constraint.*attach\({'\*/kernel': term}\)"):
        net().kernel_constraint = "non_neg"


def test_other_attributes_are_the_user_s() -> None:
    layer = layers.Dense(2)
    layer.note, layer.kernel_norm_seen, layer.regularizer_note, layer.constraints_met = "mine", 0.3, "L1", True
    assert (layer.note, layer.kernel_norm_seen) == ("mine", 0.3)

    class Mine(layers.Layer):  # keeps a term for what it holds, under Keras's usual name and under one of its own
        def __init__(self, kernel_regularizer=None, **kwargs):
            super().__init__(**kwargs)
            self.kernel_regularizer = regularizers.get(kernel_regularizer)
            self.penalty = regularizers.L1(0.1)
            self.inner = layers.Dense(2, kernel_regularizer=self.kernel_regularizer)

        def __call__(self, x):
            return self.inner(x)

    model = taut.Sequential([layers.Input((3,)), Mine("l1")])
    assert str(model.plan["mine/inner/kernel"].regularizer) == "L1(l1=0.01)"


def test_calls_that_keras_s_functional_api_would_take_say_how_models_are_built() -> None:
    for call in (
        lambda: layers.Dense(3)(layers.Input((4,))),
        lambda: layers.Dense(3)(keras.Input((4,))),
        lambda: layers.Flatten()(layers.Input((4,))),
        lambda: net()(layers.Input((3,))),
    ):
        with pytest.raises(
            TypeError, match=r"(Dense|Flatten|a Sequential) was called on \w+, which is not an array.*taut.Sequential\("
        ):
            call()
    with pytest.raises(ValueError, match=r"Dense was called on an array of shape \(12, 3\), but it has no weights yet"):
        layers.Dense(3)(X)
    model = net()
    np.testing.assert_allclose(model.layers[0](X), X @ model.get_weights()[0] + model.get_weights()[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: layers.Dense(2, dtype="float16"),
            "dtype='float16', an argument of Keras that taut does not have.*float32",
        ),
        (lambda: layers.Dense(2, lora_rank=4), "LowRank"),
        (lambda: layers.Dense(2, weights=[X]), "set_weights"),
        (lambda: layers.Input((3,), sparse=True), "toarray"),
        (lambda: layers.Input(batch_shape=(None, 3)), r"without the batch axis: shape=\(10,\)"),
        (lambda: layers.Dropout(0.5, noise_shape=(1, 3)), "every entry is dropped"),
        (lambda: layers.Flatten(data_format="channels_first"), "last axis"),
    ],
)
def test_arguments_of_keras_s_layers_that_taut_lacks_name_a_way_out(make, match) -> None:
    with pytest.raises(TypeError, match=match):
        make()


def test_arguments_of_keras_s_layers_that_change_nothing_are_taken() -> None:
    layers.Input((3,), batch_size=None, dtype="float32", sparse=False)
    layers.Dense(2, dtype="float32", lora_rank=None), layers.Flatten(data_format="channels_last")
