"""Flax NNX modules as layers: trained, constrained, put in and out of training mode, and left as they were otherwise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut import constraints, layers, regularizers
from taut._versions import List
from taut.model import engine
from tests.workflows._nets import NUMBERS, ROWS, X, Y, assert_same, fit, weights


def rngs(seed=0):
    return nnx.Rngs(seed)


def classifier(*between, shape=(3,), optimizer="sgd"):
    taut.utils.set_random_seed(0)
    model = taut.Sequential([layers.Input(shape), *between, layers.Dense(2, "softmax")])
    model.compile(optimizer, "categorical_crossentropy", ["accuracy"])
    return model


def test_linear_is_dense() -> None:
    linear = nnx.Linear(3, 4, rngs=rngs())
    foreign, own = classifier(linear), classifier(layers.Dense(4))
    own.set_weights(foreign.get_weights())
    assert list(foreign.params)[:2] == ["linear/kernel", "linear/bias"]
    for model, name in ((foreign, "linear"), (own, "dense")):
        model.attach(
            {f"{name}/kernel": [regularizers.L1(0.05), constraints.NonNeg()], f"{name}/activity": regularizers.L2(0.1)}
        )
        fit(model, epochs=2, shuffle=False)
    for a, b in zip(foreign.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(linear.kernel[...], foreign.get_weights()[0])  # the user's own module is trained
    assert foreign.plan["linear/kernel"].fan_in == (0,)


def test_the_same_architecture_compiles_once() -> None:
    def trained():
        model = classifier(
            nnx.Linear(3, 4, rngs=rngs(1)), nnx.BatchNorm(4, rngs=rngs(1)), nnx.Dropout(0.5, rngs=rngs(1))
        )
        fit(model)
        return weights(model)

    first = trained()
    programs = engine.run._cache_size()
    assert_same(trained(), first)
    assert engine.run._cache_size() == programs


class Block(nnx.Module):
    """Conv, batch norm, dropout and a list of linear layers: what people nest."""

    def __init__(self):
        self.conv = nnx.Conv(1, 3, (2, 2), rngs=rngs(2))
        self.norm = nnx.BatchNorm(3, momentum=0.5, rngs=rngs(2))
        self.drop = nnx.Dropout(0.5, rngs=rngs(3))
        self.mix = List([nnx.Linear(3, 3, rngs=rngs(4)), nnx.Linear(3, 3, use_bias=False, rngs=rngs(5))])

    def __call__(self, x):
        x = self.drop(nnx.relu(self.norm(self.conv(x))))
        for linear in self.mix:
            x = linear(x)
        return x


IMAGES = np.random.default_rng(1).normal(3, 2, (ROWS, 4, 4, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def convolutional():
    block = Block()
    model = classifier(block, layers.Flatten(), shape=(4, 4, 1))
    before = weights(model)
    model.attach(
        {
            "block/conv/kernel": constraints.MaxNorm(0.3),
            "block/mix/*/kernel": regularizers.L2(0.01),
            "block/norm/scale": constraints.Box(0.9, 1.1),
        }
    )
    fit(model, IMAGES, Y, shuffle=False, epochs=2)
    return model, block, before


def test_paths_roles_and_units_of_nested_modules(convolutional) -> None:
    model, _, _ = convolutional
    entries = {e.path: (e.role, e.fan_in) for e in model.plan.entries}
    assert entries == {
        "block/conv/kernel": ("kernel", (0, 1, 2)),
        "block/conv/bias": ("bias", (0,)),
        "block/mix/0/kernel": ("kernel", (0,)),
        "block/mix/0/bias": ("bias", (0,)),
        "block/mix/1/kernel": ("kernel", (0,)),
        "block/norm/scale": ("scale", (0,)),
        "block/norm/bias": ("bias", (0,)),
        "dense/kernel": ("kernel", (0,)),
        "dense/bias": ("bias", (0,)),
    }
    assert model.plan["block/mix/1/kernel"].regularizer == regularizers.L2(0.01)


def test_nested_parameters_train_inside_their_constraints(convolutional) -> None:
    model, block, before = convolutional
    after = weights(model)
    assert all((after[path] != before[path]).any() for path in after)
    norms = np.linalg.norm(after["block/conv/kernel"].reshape(-1, 3).astype(np.float64), axis=0)  # one a filter
    assert norms.max() <= 0.3 * (1 + 2**-21)
    assert np.abs(after["block/norm/scale"] - 1).max() <= 0.1 + 1e-7
    np.testing.assert_array_equal(block.conv.kernel[...], after["block/conv/kernel"])


def test_batch_statistics_follow_the_training_data_alone(convolutional) -> None:
    model, block, _ = convolutional
    mean, var = np.array(block.norm.mean[...]), np.array(block.norm.var[...])
    out = model.predict(IMAGES)
    model.evaluate(IMAGES, Y)
    np.testing.assert_array_equal(block.norm.mean[...], mean)
    np.testing.assert_array_equal(block.norm.var[...], var)
    np.testing.assert_array_equal(model.predict(IMAGES), out)  # no dropout either
    np.testing.assert_allclose(model.predict(IMAGES[:3]), out[:3], rtol=1e-4, atol=1e-6)  # a row is its own

    # By hand, from modules with the same weights in inference mode.
    copy = nnx.clone(block)
    copy.eval()
    kernel, bias = model.get_weights()[-2:]
    logits = np.asarray(copy(jnp.asarray(IMAGES))).reshape(ROWS, -1) @ kernel + bias
    np.testing.assert_allclose(out, jax.nn.softmax(logits), rtol=1e-4, atol=1e-6)


def test_batch_statistics_are_those_of_the_batches() -> None:
    norm = nnx.BatchNorm(3, momentum=0.75, use_bias=False, use_scale=False, rngs=rngs())
    model = classifier(norm)
    fit(model, shuffle=False)
    mean, var = np.zeros(3), np.ones(3)
    for start in (0, 8, 16):
        batch = X[start : start + 8].astype(np.float64)
        mean, var = 0.75 * mean + 0.25 * batch.mean(axis=0), 0.75 * var + 0.25 * batch.var(axis=0)
    np.testing.assert_allclose(norm.mean[...], mean, rtol=1e-5)
    np.testing.assert_allclose(norm.var[...], var, rtol=1e-5)
    expected = (X - mean) / np.sqrt(var + 1e-5)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), jax.nn.softmax(expected @ kernel + bias), rtol=1e-4)


def test_a_frozen_normaliser_keeps_its_statistics() -> None:
    norm = nnx.BatchNorm(3, rngs=rngs())
    norm.trainable = False
    model = classifier(norm)
    before = weights(model)
    fit(model, epochs=2)
    after = weights(model)
    assert_same(*({p: w for p, w in side.items() if p.startswith("batch")} for side in (after, before)))
    np.testing.assert_array_equal(norm.mean[...], 0)
    np.testing.assert_array_equal(norm.var[...], 1)
    assert (after["dense/kernel"] != before["dense/kernel"]).any()


def test_dropout_of_flax_acts_in_training_only() -> None:
    model = classifier(nnx.Dropout(0.5, rngs=rngs()))
    a, b = model.predict(X), model.predict(X)
    np.testing.assert_array_equal(a, b)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(a, jax.nn.softmax(X @ kernel + bias), rtol=1e-5)
    dry = model.evaluate(X, Y)[0]
    assert fit(model, batch_size=ROWS).history["loss"][0] != pytest.approx(dry, rel=1e-3)


class Switch(nnx.Module):
    """A module with a mode of its own, in the plain way: an attribute and nothing else."""

    def __init__(self):
        self.deterministic = False
        self.used = nnx.Rngs(0)  # a source of randomness that has to stay where it is unless it is used

    def __call__(self, x):
        return x if self.deterministic else x * 0


def test_a_mode_that_is_an_attribute_alone() -> None:
    switch = Switch()
    model = classifier(switch)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), jax.nn.softmax(X @ kernel + bias), rtol=1e-5)
    fit(model)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)  # in training its output is zero
    assert switch.deterministic is False  # the user's module is not switched
    assert switch.used.default.count[...] == 0


def test_embedding_of_whole_numbers() -> None:
    words = np.stack([NUMBERS, 2 + NUMBERS, 4 * np.ones(ROWS, int)], axis=1)
    embed = nnx.Embed(8, 2, rngs=rngs())
    model = classifier(embed, layers.Flatten(), optimizer=taut.optimizers.SGD(0.5))
    model.attach({"embed/embedding": constraints.MaxNorm(0.5)})
    before = np.array(embed.embedding[...])
    for kind in (np.int64, np.int32, np.uint8):
        history = fit(model, words.astype(kind), Y, epochs=5).history
    after = np.array(embed.embedding[...])
    assert history["accuracy"][-1] == 1
    assert (after[:5] != before[:5]).any(axis=1).all()
    np.testing.assert_array_equal(after[5:], before[5:])  # words that never came
    assert np.linalg.norm(after.astype(np.float64), axis=1).max() <= 0.5 * (1 + 2**-21)
    assert model.plan["embed/embedding"].fan_in == (1,)


def test_an_error_in_a_layer_names_it() -> None:
    model = classifier(nnx.Embed(8, 2, rngs=rngs()), layers.Flatten())
    before = weights(model)
    for mistake in (lambda: fit(model), lambda: model.predict(X)):
        with pytest.raises(ValueError, match="must be an integer") as caught:
            mistake()
        assert "layer 'embed' (Embed), given float32" in caught.value.__notes__[0]
    assert_same(weights(model), before)


def test_a_module_used_twice_has_one_set_of_weights() -> None:
    linear = nnx.Linear(3, 3, rngs=rngs())
    model = classifier(linear, linear)
    assert list(model.params) == ["linear/kernel", "linear/bias", "dense/kernel", "dense/bias"]
    model.attach({"linear/kernel": regularizers.L2(0.1)})
    kernel = model.get_weights()[0]
    assert model.evaluate(X, Y, return_dict=True)["penalty"] == pytest.approx(0.1 * np.square(kernel).sum(), rel=1e-5)
    k, b, last, last_bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), jax.nn.softmax((((X @ k + b) @ k + b) @ last) + last_bias), rtol=1e-5)
    fit(model)
    assert (model.get_weights()[0] != kernel).any()


def test_images_of_bytes(convolutional) -> None:
    model, _, _ = convolutional
    images = (IMAGES * 10).clip(0, 255)
    np.testing.assert_allclose(
        model.predict(images.astype(np.uint8)), model.predict(images.astype(np.uint8).astype(np.float32)), rtol=1e-5
    )


def test_summary_counts_foreign_layers(convolutional, capsys) -> None:
    model, _, _ = convolutional
    model.summary()
    shown = capsys.readouterr().out
    assert "block    Block    (rows, 4, 4, 3)" in shown
    assert f"parameters: {sum(w.size for w in model.get_weights())}" in shown
