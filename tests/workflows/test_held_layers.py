"""Terms of layers that other modules hold: they act as those of the model's own layers, or are refused by name."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut import constraints, layers, regularizers
from taut._versions import List

ROWS = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = ROWS @ np.asarray([[1.0], [-2.0], [0.1]], np.float32)


class Block(nnx.Module):
    """A taut layer in an attribute, two in a list, one in a dict, one of them twice."""

    def __init__(self) -> None:
        self.first = layers.Dense(3, kernel_regularizer=regularizers.L1(0.5), bias_constraint="non_neg")
        self.more = List([layers.Dense(3, unit_constraint=constraints.MaxNorm(0.5)), layers.Dropout(0.5)])
        self.named = nnx.Dict(
            last=layers.Dense(3, activity_regularizer=regularizers.L2(0.3), kernel_constraint="non_neg")
        )
        self.again = self.named.last

    def __call__(self, x):
        x = self.first(x)
        for layer in self.more:
            x = layer(x)
        return self.again(self.named.last(x))


class Stack(layers.Layer):
    """A taut layer of a user's own that holds others; its config says nothing of their terms."""

    def __init__(self, units, **others):
        super().__init__(**others)
        self.units = units
        self.inner = layers.Dense(units, kernel_regularizer=regularizers.L1(0.05))

    def __call__(self, x):
        return self.inner(x)


def stack(units=2, **arguments):
    taut.utils.set_random_seed(0)
    model = taut.Sequential([layers.Input((3,)), Stack(units), layers.Dense(1, **arguments)])
    model.compile("sgd", "mse")
    return model


def test_terms_act_in_attributes_lists_dicts_and_where_a_layer_is_shared() -> None:
    taut.utils.set_random_seed(1)
    block = Block()
    model = taut.Sequential([layers.Input((3,)), block, layers.Dense(1)])
    entries = {e.path: e for e in model.plan.acting}
    assert entries["block/first/kernel"].mode == "proximal"
    assert str(entries["block/first/bias"].constraint) == "NonNeg()"
    assert str(entries["block/more/0/unit"].constraint) == "MaxNorm(max_value=0.5, axis=None)"
    assert [p for p in entries if "last" in p or "again" in p] == ["block/again/kernel", "block/again/bias"]
    assert [a.layer for a in model.plan.activities] == ["block/again"]

    model.compile(taut.optimizers.SGD(0.1), "mse")
    # The activity penalty by hand, in inference mode: both calls of the shared layer count, as in Keras.
    w = {p: np.asarray(v, np.float64) for p, v in model.params.items()}
    hidden = ROWS @ w["block/first/kernel"] @ w["block/more/0/kernel"]
    once = hidden @ w["block/again/kernel"]
    twice = once @ w["block/again/kernel"]
    expected = 0.3 * ((once**2).sum() + (twice**2).sum()) / 8 + 0.5 * abs(w["block/first/kernel"]).sum()
    assert model.evaluate(ROWS, Y, return_dict=True)["penalty"] == pytest.approx(expected, rel=1e-5)

    model.fit(ROWS, Y, epochs=30, verbose=0)
    w = {p: np.asarray(v) for p, v in model.params.items()}
    assert (w["block/first/kernel"] == 0).any() and (w["block/again/kernel"] >= 0).all()
    units = np.vstack([w["block/more/0/kernel"], w["block/more/0/bias"]]).astype(np.float64)
    assert np.linalg.norm(units, axis=0).max() <= 0.5 * (1 + 2**-21)
    twin = copy.deepcopy(model)
    assert str(twin.plan) == str(model.plan)
    np.testing.assert_array_equal(twin.predict(ROWS), model.predict(ROWS))


def test_a_held_layer_learns_what_the_same_layer_learns_outside() -> None:
    inside = stack()
    taut.utils.set_random_seed(0)
    outside = taut.Sequential(
        [layers.Input((3,)), layers.Dense(2, kernel_regularizer=regularizers.L1(0.05)), layers.Dense(1)]
    )
    outside.compile("sgd", "mse")
    for model in (inside, outside):
        model.fit(ROWS, Y, epochs=3, verbose=0, shuffle=False)
    assert list(inside.params) == ["stack/inner/kernel", "stack/inner/bias", "dense/kernel", "dense/bias"]
    for a, b in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    unknown = taut.Sequential([Stack(2), layers.Dense(1)])  # of which the input's shape is not known before fit
    unknown.compile("sgd", "mse")
    unknown.fit(ROWS, Y, verbose=0)
    assert unknown.plan["stack/inner/kernel"].mode == "proximal"
    nested = taut.Sequential([layers.Input((3,)), nnx.Sequential(layers.Dense(2, kernel_regularizer="l1"), nnx.relu)])
    assert str(nested.plan["sequential/layers/0/kernel"].regularizer) == "L1(l1=0.01)"


def test_late_terms_of_held_layers_are_saved(tmp_path) -> None:
    model = stack()
    inner = model.layers[1].inner
    inner.kernel_constraint = "non_neg"
    inner.kernel_regularizer = None
    inner.activity_regularizer = regularizers.L2(0.1)
    assert (np.asarray(model.get_weights()[0]) >= 0).all()
    model.layers[1].inner.trainable = False
    model.save(tmp_path / "m.taut")
    for twin in (taut.load_model(tmp_path / "m.taut"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert str(twin.plan) == str(model.plan)
        np.testing.assert_array_equal(twin.predict(ROWS), model.predict(ROWS))
    before = model.get_weights()
    model.fit(ROWS, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])  # frozen inside what is not
    assert (model.get_weights()[2] != before[2]).any()
    # a copy's terms are its own
    twin.layers[1].inner.kernel_constraint = None
    assert model.plan["stack/inner/kernel"].constraint is not None


def test_a_path_draws_held_layers_anew() -> None:
    model = stack()
    result = taut.path(
        model, ROWS, Y, vary={"stack/inner/kernel": regularizers.L1}, strengths=[0.01], epochs=2, folds=None, seed=3
    )
    again = result.refit(0)
    taut.utils.set_random_seed(3)
    own = taut.Sequential([layers.Input((3,)), Stack(2), layers.Dense(1)])
    own.compile("sgd", "mse")
    own.layers[1].inner.kernel_regularizer = regularizers.L1(0.01)
    own.fit(ROWS, Y, epochs=2, verbose=0)
    for a, b in zip(again.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_terms_can_be_attached_to_held_layers_and_their_outputs() -> None:
    model = stack()
    model.attach({"stack/inner/kernel": regularizers.L2(0.2), "stack/inner/activity": regularizers.L1(0.1)})
    assert model.plan["stack/inner/kernel"].regularizer == regularizers.L2(0.2)
    assert [a.layer for a in model.plan.activities] == ["stack/inner"]
    model.layers[1].inner.activity_regularizer = None  # the latest counts
    assert not model.plan.activities


class Hidden(nnx.Module):
    def __init__(self, built=False):
        self.box = type("Box", (), {})()
        self.box.layer = layers.Dense(3, kernel_regularizer="l1")
        if built:
            self.box.layer.build((3,), lambda name, shape, init: np.ones(shape, np.float32))

    def __call__(self, x):
        return self.box.layer(x)


class Idle(nnx.Module):
    def __init__(self):
        self.idle = layers.Dense(3, kernel_regularizer="l1")

    def __call__(self, x):
        return x


class Mapped(nnx.Module):
    def __init__(self):
        self.inner = layers.Dense(3, activity_regularizer="l1")
        self.inner.build((3,), lambda name, shape, initializer: np.ones(shape, np.float32))

    def __call__(self, x):
        return jax.vmap(self.inner)(x)


class Unbuilt(nnx.Module):
    def __init__(self):
        self.inner = layers.Dense(3)

    def __call__(self, x):
        return jax.vmap(self.inner)(x)


class Copied(Mapped):
    def __call__(self, x):
        return nnx.jit(lambda inner, x: inner(x))(self.inner, x)


@pytest.mark.parametrize(
    ("block", "match"),
    [
        (Hidden, "layer 'hidden'.* a layer is called that the model cannot see"),
        (lambda: Hidden(built=True), "layer 'hidden'.* a layer is called that the model cannot see"),
        (Idle, "layer 'idle/idle' has kernel_regularizer=.*never built, because nothing calls it"),
        (Mapped, "mapped/inner has an activity_regularizer, but is called inside a JAX transformation"),
        (Copied, "copied/inner has an activity_regularizer, but the model cannot record its output"),
        (Unbuilt, "Dense has no weights yet and is called inside a JAX transformation"),
    ],
)
def test_a_term_that_reaches_nothing_is_refused_by_name(block, match) -> None:
    with pytest.raises(ValueError, match=match):
        model = taut.Sequential([layers.Input((3,)), block(), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.evaluate(ROWS, Y)


def test_terms_as_attributes_of_other_libraries_layers_are_refused() -> None:
    linear = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    model = taut.Sequential([layers.Input((3,)), linear])
    linear.kernel_regularizer = regularizers.L1(0.1)
    with pytest.raises(
        ValueError, match=r"'linear' \(Linear\) has an attribute kernel_regularizer.*attach\({'linear/kernel"
    ):
        model.plan  # noqa: B018
    linear.kernel_regularizer = None
    with pytest.raises(TypeError, match="is a model, and a Sequential contains layers"):
        taut.Sequential([model])


class Scanned(nnx.Module):
    """Four layers of one kind in one array each, as ``nnx.vmap`` makes them, one after the other by ``nnx.scan``."""

    def __init__(self, kind):
        @nnx.split_rngs(splits=4)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make(rngs):
            return kind(rngs)

        self.layers = make(nnx.Rngs(0))

    def __call__(self, x):
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def forward(x, layer):
            return jnp.tanh(layer(x))

        return forward(x, self.layers)


def dense(rngs):
    layer = layers.Dense(3, kernel_constraint=constraints.MaxNorm(0.5), unit_regularizer=regularizers.L2(0.1))
    layer.build((3,), lambda name, shape, init: jax.random.normal(rngs.params(), shape))
    return layer


def test_stacked_layers_keep_the_units_of_one() -> None:
    model = taut.Sequential([layers.Input((3,)), Scanned(dense), layers.Dense(1)])
    entry = model.plan["scanned/layers/kernel"]
    assert (entry.shape, entry.fan_in) == ((4, 3, 3), (1,))
    assert (model.plan["scanned/layers/unit"].shape, model.plan["scanned/layers/bias"].fan_in) == ((4, 12), (1,))
    norms = np.linalg.norm(np.asarray(model.params["scanned/layers/kernel"], np.float64), axis=1)
    assert norms.max() <= 0.5 * (1 + 2**-21) and (norms > 0.1).all()  # one a unit of each layer
    model.compile("sgd", "mse")
    model.fit(ROWS, Y, verbose=0)
    assert max(model.plan.violations(model.params).values()) < 1e-6

    flax = taut.Sequential([layers.Input((3,)), Scanned(lambda rngs: nnx.Linear(3, 3, rngs=rngs))])
    assert flax.plan["scanned/layers/kernel"].fan_in == (1,)
    convs = taut.Sequential(
        [layers.Input((6, 3)), Scanned(lambda rngs: nnx.Conv(3, 3, (2,), rngs=rngs)), layers.Flatten()]
    )
    entry = convs.plan["scanned/layers/kernel"]
    assert (entry.shape, entry.fan_in) == ((4, 2, 3, 3), (1, 2))


def test_what_is_compacted_or_compared_keeps_the_terms_of_held_layers() -> None:
    model = stack(kernel_constraint="non_neg")
    model.layers[1].inner.kernel_constraint = constraints.Zeros(np.asarray([[1, 0], [0, 0], [1, 0]]))
    model.fit(ROWS, Y, verbose=0)
    smaller = taut.compact(model)
    np.testing.assert_allclose(smaller.predict(ROWS), model.predict(ROWS), atol=1e-6)
    inner = [e.constraint for e in smaller.plan.entries if e.path == "stack/inner/kernel"]
    assert inner == [model.plan["stack/inner/kernel"].constraint]
    smaller.layers[1].inner.kernel_constraint = None  # of the copy alone
    assert model.plan["stack/inner/kernel"].constraint is not None
    model.summary(lambda text: None)


def test_a_term_in_an_attribute_of_a_block_without_taut_layers_is_refused() -> None:
    """No weight of the block is called as the term asks, and no layer in it could have been given the term."""

    class Block(nnx.Module):
        def __init__(self, term) -> None:
            self.inner = nnx.Linear(3, 4, rngs=nnx.Rngs(0))
            self.kernel_regularizer = term

        def __call__(self, x):
            return self.inner(x)

    with pytest.raises(ValueError, match=r"layer 'block' \(Block\).*kernel_regularizer=L1.*attach"):
        taut.Sequential([layers.Input((3,)), Block(regularizers.L1(0.1)), layers.Dense(1)])
    taut.Sequential([layers.Input((3,)), Block("none of taut's"), layers.Dense(1)])


@pytest.mark.parametrize("name", ["kernel_regularizer", "kernel_regulariser", "my_regularization"])
def test_a_block_may_keep_a_term_that_it_gave_to_a_layer_and_no_other(name: str) -> None:
    class Block(nnx.Module):
        def __init__(self, kept, given) -> None:
            self.inner = layers.Dense(3, kernel_regularizer=given)
            setattr(self, name, kept)

        def __call__(self, x):
            return self.inner(x)

    def net(kept, given) -> taut.Sequential:
        return taut.Sequential([layers.Input((3,)), Block(kept, given), layers.Dense(1)])

    for given in (None, regularizers.L1(0.2)):
        with pytest.raises(
            ValueError, match=rf"layer 'block' \(Block\) has an attribute {name}=L1\(l1=0\.1\).*does nothing"
        ):
            net(regularizers.L1(0.1), given)
    term = regularizers.L1(0.1)
    model = net(term, term)
    model.layers[1].inner.kernel_regularizer = regularizers.L2(0.3)  # the block still keeps what it gave
    assert model.plan["block/inner/kernel"].regularizer == regularizers.L2(0.3)
    twin = __import__("copy").deepcopy(model)
    assert str(twin.plan) == str(model.plan)
    net(regularizers.get("l1"), "l1")
    net("l1", "l1")
