"""taut.compact: smaller models with the same outputs, which go on training as the larger ones would have."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut import constraints, layouts, regularizers, transforms
from taut.layers import Activation, Dense, Dropout, Flatten, Input, Select
from taut.model.compacting import compact
from taut.model.slicing import same_penalty, slice_term

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 32)]


def net(
    activation: Any = "relu", bias: Any = -1.0, between: tuple[Any, ...] = (), last: Any = "softmax", **first: Any
) -> Any:
    """6 → 8 → 5 → 3, in which inputs 1 and 4 are dead, hidden units 2, 3 and 6 are constant, 0 and 1 without effect."""
    model = taut.Sequential(
        [Dense(8, activation, input_shape=(6,), **first), *between, Dense(5, "tanh"), Dense(3, last)]
    )
    rng = np.random.default_rng(1)
    w = [rng.uniform(0.2, 1.0, p.shape) * rng.choice([-1, 1], p.shape) for p in model.get_weights()]
    w[0][[1, 4]] = 0
    w[0][:, [2, 3, 6]] = 0
    w[1][[2, 3, 6]] = bias
    w[2][[0, 1]] = 0
    w[4][2] = 0  # of the second layer, unit 2 has no effect
    model.set_weights(w)
    return model


def shapes(model: Any) -> list[tuple[int, ...]]:
    return [tuple(w.shape) for w in model.get_weights()]


def assert_equal(small: Any, large: Any, x: Any = X, kept: Any = None) -> None:
    given = x if kept is None else x[:, list(kept)]
    np.testing.assert_allclose(small.predict(given), large.predict(x), rtol=0, atol=1e-6)


# --- outputs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "bias"), [("relu", -1.0), ("relu", 0.7), ("sigmoid", 0.3), ("exponential", -0.5)]
)
def test_dead_inputs_and_units_go_and_the_outputs_stay(activation: str, bias: float) -> None:
    large = net(activation, bias)
    before = [np.array(w) for w in large.get_weights()]
    small = compact(large)
    assert shapes(small) == [(4, 3), (3,), (3, 4), (4,), (4, 3), (3,)]
    assert_equal(small, large)
    assert small.compaction.inputs == (0, 2, 3, 5)
    assert all((a == b).all() for a, b in zip(before, large.get_weights(), strict=True))


def test_the_model_may_take_the_kept_inputs_alone(tmp_path: Any) -> None:
    large = net()
    large.metadata["columns"] = list("abcdef")
    small = compact(large, inputs="drop")
    assert small.input_shape == (4,)
    assert_equal(small, large, kept=small.compaction.inputs)
    assert small.metadata == {"columns": ["a", "c", "d", "f"], "inputs": [0, 2, 3, 5]}
    small.save(tmp_path / "small.taut")
    assert_equal(taut.load_model(tmp_path / "small.taut"), large, kept=small.metadata["inputs"])
    smaller = compact(compact(large), inputs="drop")  # the selection goes as well
    assert_equal(smaller, large, kept=smaller.metadata["inputs"])


def test_what_was_dropped_is_said() -> None:
    large = net()
    large.metadata["columns"] = list("abcdef")
    assert str(compact(large).compaction).splitlines() == [
        "inputs: 6 → 4: a, c, d, f",
        "dense: 8 → 3 units (3 constant, 2 without effect)",
        "dense_1: 5 → 4 units (0 constant, 1 without effect)",
        "dense_2: 3 → 3 units",
        "parameters: 119 → 46 (38.7%)",
    ]


def test_a_second_time_there_is_nothing_to_drop(tmp_path: Any) -> None:
    large = net()
    small = compact(large)
    again = compact(small)
    assert not again.compaction.changed
    assert str(again.compaction) == "nothing to remove: every input and every unit has an effect"
    assert shapes(again) == shapes(small)
    assert_equal(again, large)
    small.save(tmp_path / "small.taut")
    assert_equal(taut.load_model(tmp_path / "small.taut"), large)


def test_inputs_that_die_later_leave_the_selection_too() -> None:
    small = compact(net())
    w = small.get_weights()
    w[0][0] = 0
    small.set_weights(w)
    smaller = compact(small)
    assert smaller.layers[0].indices == (2, 3, 5)
    assert [type(layer) for layer in smaller.layers].count(Select) == 1
    assert_equal(smaller, small)


def test_death_spreads_through_layers_that_pass_units_on() -> None:
    large = net("linear", 0.0, (Activation("softplus"), Dropout(0.4)))
    small = compact(large)
    assert shapes(small)[:3] == [(4, 3), (3,), (3, 4)]  # softplus(0) is not 0: it went into the next bias
    assert_equal(small, large)


def test_units_whose_only_inputs_are_constant_are_constant() -> None:
    large = net("sigmoid", 0.5)
    w = large.get_weights()
    w[2][[4, 5, 7], 1] = 0  # of the second layer, unit 1 hears only the constant units
    large.set_weights(w)
    small = compact(large)
    assert small.compaction.changes[1].constant == 1
    assert_equal(small, large)


@pytest.mark.parametrize(
    "between", [("softmax", ()), ("linear", (Activation("log_softmax"),)), (lambda z: z / (1 + abs(z)), ())]
)
def test_units_that_depend_on_one_another_stay(between: Any) -> None:
    activation, layers = between
    large = net(activation, 0.0, layers)
    small = compact(large)
    assert shapes(small)[0] == (4, 8)
    assert_equal(small, large)


def test_an_activation_of_ones_own_lets_units_go_if_it_says_so() -> None:
    def halved(z: Any) -> Any:
        return jnp.maximum(z, z / 2)

    taut.activations.register("halved", halved, by_entry=True)
    large = net("halved", 0.5)
    assert shapes(compact(large))[0] == (4, 3)
    assert_equal(compact(large), large)


def test_units_behind_rows_of_several_axes() -> None:
    model = taut.Sequential([Dense(4, "relu", input_shape=(3, 5)), Flatten(), Dense(2)])
    w = model.get_weights()
    w[0][2] = 0
    w[0][:, 1] = 0
    w[1][:] = [0.1, 0.5, 0.2, 0.3]
    model.set_weights(w)
    x = RNG.normal(size=(7, 3, 5)).astype(np.float32)
    small = compact(model)
    assert shapes(small) == [(4, 3), (3,), (9, 2), (2,)]
    assert_equal(small, model, x)
    dropped = compact(model, inputs="drop")
    assert dropped.input_shape == (3, 4)
    np.testing.assert_allclose(dropped.predict(x[..., [0, 1, 3, 4]]), model.predict(x), atol=1e-6)


def test_pixels_without_effect() -> None:
    model = taut.Sequential([Input((3, 2)), Flatten(), Dense(4, "relu"), Dense(2)])
    w = model.get_weights()
    w[0][[0, 1, 3]] = 0
    model.set_weights(w)
    x = RNG.normal(size=(5, 3, 2)).astype(np.float32)
    small = compact(model)
    assert small.compaction.inputs == (2, 4, 5)
    assert_equal(small, model, x)
    np.testing.assert_allclose(
        compact(model, inputs="drop").predict(x.reshape(5, -1)[:, [2, 4, 5]]), model.predict(x), atol=1e-6
    )


@pytest.mark.parametrize("inputs", ["keep", "drop"])
def test_a_model_in_which_everything_is_dead(inputs: str) -> None:
    large = net("sigmoid", 0.5)
    large.set_weights([np.zeros_like(w) if w.ndim == 2 else w for w in large.get_weights()])
    small = compact(large, inputs=inputs)
    assert shapes(small) == [(1, 1), (1,), (1, 1), (1,), (1, 3), (3,)]
    assert_equal(small, large, kept=None if inputs == "keep" else [0])
    assert not compact(small).compaction.changed


def test_no_bias_to_take_up_a_constant() -> None:
    model = taut.Sequential([Dense(4, "sigmoid", input_shape=(3,)), Dense(2, use_bias=False)])
    w = model.get_weights()
    w[0][:, [0, 2]] = 0
    model.set_weights(w)
    assert shapes(compact(model))[0] == (3, 4)  # sigmoid(0) is 1/2
    w[1][:] = -1.0
    model = taut.Sequential([Dense(4, "relu", input_shape=(3,)), Dense(2, use_bias=False)])
    model.set_weights(w)
    assert shapes(compact(model))[0] == (3, 2)  # relu(−1) is 0
    assert_equal(compact(model), model, X[:, :3])


def test_a_bound_that_a_bias_would_leave_keeps_the_constant_units() -> None:
    model = taut.Sequential(
        [Dense(4, "sigmoid", input_shape=(3,)), Dense(2, bias_constraint=constraints.Box(-0.1, 0.1))]
    )
    w = model.get_weights()
    w[0][:, [0, 2]] = 0
    w[2][:] = 1.0  # two units that are always 1/2: a shift of 1
    model.set_weights(w)
    small = compact(model)
    assert shapes(small)[0] == (3, 4)
    assert "dense_1: its bias cannot absorb constant units" in str(small.compaction)
    assert_equal(small, model, X[:, :3])


# --- layer kinds --------------------------------------------------------------------------------------------------------


class Gated(taut.layers.Layer):
    """(x·a + a₀) · sigmoid(x·b + b₀), both halves packed in one array."""

    PARAMETERS = ("kernel", "bias")

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    @property
    def built(self) -> bool:
        return hasattr(self, "kernel")

    def build(self, input_shape: Any, source: Any) -> None:
        self.bias = self.make("bias", (2 * self.units,), source)
        self.kernel = self.make("kernel", (input_shape[-1], 2 * self.units), source)

    def make(self, name: str, shape: Any, source: Any) -> Any:
        return nnx.Param(jnp.asarray(source(name, shape, taut.initializers.RandomNormal())))

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def __call__(self, x: Any) -> Any:
        a, b = jnp.split(x @ self.kernel[...] + self.bias[...], 2, axis=-1)
        return a * jnp.tanh(b)


class Residual(Gated):
    """x + tanh(x·kernel)."""

    def build(self, input_shape: Any, source: Any) -> None:
        self.kernel = self.make("kernel", (self.units, self.units), source)

    def __call__(self, x: Any) -> Any:
        return x + jnp.tanh(x @ self.kernel[...])


layouts.layout(
    {"kernel": ("kernel", "in (gate:2 out)"), "bias": ("bias", "(gate:2 out)")},
    way="mix",
    sizes={"units": "out"},
    shift="bias",
)(Gated)
layouts.layout({"kernel": ("kernel", "in out")}, way="mix", sizes={"units": "out"}, tied=True)(Residual)


def test_gates_join_by_one_row() -> None:
    model = taut.Sequential([Gated(4, input_shape=(6,)), Dense(3)])
    w = model.get_weights()
    w[0][:, [1, 5, 3]] = 0  # unit 1 in both of its gates, unit 3 in one
    w[1][:] = 0.3
    model.set_weights(w)
    small = compact(model)
    assert shapes(small) == [(6, 6), (6,), (3, 3), (3,)]
    assert_equal(small, model)


def test_a_residual_sum_keeps_its_two_sides_together() -> None:
    model = taut.Sequential([Dense(4, "relu", input_shape=(6,)), Residual(4), Dense(3)])
    w = model.get_weights()
    w[0][:, [0, 1]] = 0
    w[1][:] = [-1, -1, 0, 0]
    w[2][0, :], w[2][:, 0] = 0, 0  # unit 0 gets nothing in the sum either; unit 1 does
    model.set_weights(w)
    small = compact(model)
    assert shapes(small) == [(6, 3), (3,), (3, 3), (3, 3), (3,)]
    assert_equal(small, model)


def test_behind_an_unknown_kind_nothing_is_cut() -> None:
    class Odd(nnx.Module):
        def __call__(self, x: Any) -> Any:
            return x[:, ::-1]

    large = net("relu", -1.0, (Odd(),))
    small = compact(large)
    assert shapes(small)[:3] == [(4, 8), (8,), (8, 4)]
    assert_equal(small, large)

    class Shifted(Dense):  # computes something else than the layer it is made from
        def __call__(self, x: Any) -> Any:
            return super().__call__(x + 1)

    model = taut.Sequential([Dense(4, "relu", input_shape=(6,)), Shifted(2)])
    w = model.get_weights()
    w[0][:, 0], w[1][:] = 0, -1
    model.set_weights(w)
    assert shapes(compact(model))[0] == (6, 4)


def test_flax_layers_shrink_too() -> None:
    model = taut.Sequential([Input((6,)), nnx.Linear(6, 4, rngs=nnx.Rngs(0)), Activation("relu"), Dense(2)])
    w = model.get_weights()
    w[0][3], w[0][:, 1], w[1][1] = 0, 0, 0.4
    model.set_weights(w)
    small = compact(model)
    assert shapes(small)[0] == (5, 3)
    assert small.layers[2].in_features == 5
    assert_equal(small, model)


def test_a_shared_layer_is_left_whole() -> None:
    shared = Dense(6, "relu")
    model = taut.Sequential([Input((6,)), shared, shared, Dense(2)])
    w = model.get_weights()
    w[0][:, 0], w[1][:] = 0, -1
    model.set_weights(w)
    small = compact(model)
    assert small.layers[1] is small.layers[2] and small.layers[1] is not shared
    assert shapes(small)[0] == (6, 6)
    assert_equal(small, model)


# --- training goes on ---------------------------------------------------------------------------------------------------

DEAD = np.zeros((6, 8), bool)
DEAD[[1, 4]] = True
DEAD[:, [2, 3, 6]] = True
SILENT = np.zeros((8, 5), bool)
SILENT[[0, 1]] = True


def held(optimizer: Any) -> Any:
    """The net with its dead part held at zero, compiled."""
    large = net("relu", -1.0)
    silent = np.zeros((5, 3), bool)
    silent[2] = True
    large.attach(
        {
            "dense/kernel": [regularizers.L1(1e-3), constraints.Zeros(DEAD)],
            "dense_1/kernel": constraints.Zeros(SILENT),
            "dense_2/kernel": constraints.Zeros(silent),
        }
    )
    large.compile(optimizer, "categorical_crossentropy")
    return large


@pytest.mark.parametrize(
    "optimizer",
    [
        taut.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        taut.optimizers.RMSprop(0.01, momentum=0.5, gradient_accumulation_steps=3),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_training_goes_on_as_that_of_the_large_model_would(optimizer: Any) -> None:
    large = held(optimizer)
    large.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    small = compact(large)
    assert shapes(small) == [(4, 3), (3,), (3, 4), (4,), (4, 3), (3,)]
    assert_equal(small, large)
    for model in (small, large):
        taut.utils.set_random_seed(3)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    np.testing.assert_allclose(small.predict(X), large.predict(X), rtol=0, atol=2e-6)
    losses = [model.history.history["data_loss"] for model in (small, large)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
@pytest.mark.parametrize("packed", [True, False])
def test_every_optimizers_state_is_cut_where_its_weights_are(
    optimizer: str, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not packed:
        monkeypatch.setattr(transforms, "PACK_BELOW", 100)  # the large state is kept by path, the small one packed
    large = held(optimizer)
    if optimizer == "sgd":
        large.compile(taut.optimizers.SGD(momentum=0.9), "mse")
    prepared, params = large.optimizer.prepared(), large.params
    numbers = {path: np.arange(w.size, dtype=np.float32).reshape(w.shape) for path, w in params.items()}
    state = transforms.init(prepared, large.plan, params, ["dense/kernel"])
    # As a compiled step leaves it: dicts sorted by path.
    filled = transforms._pack(prepared, {path: jnp.asarray(numbers[path]) for path in sorted(numbers)})
    slots = jax.tree.map(
        lambda node: filled if isinstance(node, dict) else node,
        state.slots,
        is_leaf=lambda node: isinstance(node, dict),
    )
    metric = {path: jnp.asarray(numbers[path]) for path in state.metric}
    large._state = transforms.layout(prepared, params), state._replace(slots=slots, metric=metric)
    small = compact(large)
    new = small._state[1]
    cut = {path: np.asarray(w) for path, w in numbers.items()}
    cut["dense/kernel"] = cut["dense/kernel"][np.ix_([0, 2, 3, 5], [4, 5, 7])]
    cut["dense/bias"] = cut["dense/bias"][[4, 5, 7]]
    cut["dense_1/kernel"] = cut["dense_1/kernel"][np.ix_([4, 5, 7], [0, 1, 3, 4])]
    cut["dense_1/bias"] = cut["dense_1/bias"][[0, 1, 3, 4]]
    cut["dense_2/kernel"] = cut["dense_2/kernel"][[0, 1, 3, 4]]
    expected = np.concatenate([cut[path].ravel() for path in sorted(cut)])
    found = [n[""] for n in jax.tree.leaves(new.slots, is_leaf=lambda n: isinstance(n, dict)) if isinstance(n, dict)]
    assert found
    for vector in found:
        np.testing.assert_array_equal(vector, expected)
    for path, moment in new.metric.items():
        np.testing.assert_array_equal(moment, cut[path])


def test_an_average_takes_up_what_its_weights_do() -> None:
    large = net("sigmoid", 0.5)
    large.compile(taut.optimizers.Adam(use_ema=True), "mse")
    prepared, params = large.optimizer.prepared(), large.params
    large._state = transforms.layout(prepared, params), transforms.init(prepared, large.plan, params)
    small = compact(large)
    for path, average in small._state[1].average.items():  # before the first step an average is the weight itself
        np.testing.assert_array_equal(average, small.params[path])


def test_a_state_that_cannot_be_cut_begins_anew_and_says_so() -> None:
    import optax

    large = net()
    strange = optax.GradientTransformation(
        lambda params: jnp.zeros(sum(w.size for w in params.values())), lambda g, state, params=None: (g, state)
    )
    large.compile(taut.optimizers.Optax(strange), "categorical_crossentropy")
    prepared = large.optimizer.prepared()
    large._state = transforms.layout(prepared, large.params), transforms.init(prepared, large.plan, large.params)
    small = compact(large)
    assert "its state cannot be made smaller, so training starts with a new state" in str(small.compaction)
    assert small._state is None


# --- terms --------------------------------------------------------------------------------------------------------------

W = RNG.normal(size=(6, 4))
KEPT = (np.asarray([0, 2, 3, 5]), np.asarray([0, 1, 3]))
MASK = RNG.random((6, 4)) < 0.5


@pytest.mark.parametrize(
    "term",
    [
        regularizers.L1(RNG.random((6, 4))),
        regularizers.L2(RNG.random((6, 1))) + regularizers.L1(0.1),
        regularizers.GroupLasso(0.1, scale_by_size=True),
        regularizers.GroupLasso(0.1, by="input", scale_by_size=True),
        regularizers.SparseGroupLasso(0.1, 0.2, by="input", groups=[[0, 1], [2, 5], [3, 4]]),
        regularizers.SparseGroupLasso(0.1, 0.2, by="unit", groups=[[3, 1], [0], [2]]),
        regularizers.ExclusiveLasso(0.3, by="entry", groups=np.arange(24) % 5),
        regularizers.OrderedL1(1.0, 0.25),
        regularizers.OrderedL1(np.linspace(1, 0, 24)),
        regularizers.Masked(regularizers.GroupLasso(0.3), MASK),
        regularizers.NuclearNorm(0.2),
        regularizers.HoyerSquare(0.1),
    ],
    ids=str,
)
def test_a_penalty_says_the_same_of_what_is_left(term: Any) -> None:
    sliced = slice_term(term, "dense/kernel", (6, 4), KEPT, (0,))
    zeroed = np.zeros_like(W)
    zeroed[np.ix_(*KEPT)] = W[np.ix_(*KEPT)]
    assert float(sliced(W[np.ix_(*KEPT)], fan_in=(0,))) == pytest.approx(float(term(zeroed, fan_in=(0,))))
    same_penalty(term, sliced, "dense/kernel", W, KEPT, (0,))
    size = 0.5 * np.ones((4, 3))  # and so does its step
    full = np.asarray(term.prox(zeroed, 0.5, fan_in=(0,))) if getattr(term, "has_prox", False) else None
    if full is not None:
        np.testing.assert_allclose(sliced.prox(W[np.ix_(*KEPT)], size, fan_in=(0,)), full[np.ix_(*KEPT)], atol=1e-9)


@pytest.mark.parametrize(
    "term",
    [
        constraints.Box(-RNG.random((6, 4)), RNG.random((6, 4))),
        constraints.Fixed(RNG.random((1, 4))),
        constraints.Zeros(MASK),
        constraints.Masked(constraints.NonNeg(), MASK),
        constraints.MaxNorm(0.5) & constraints.NonNeg(),
        constraints.HalfSpace(RNG.normal(size=6), 0.1),
        constraints.HalfSpace(RNG.normal(size=(6, 4)), 0.1),
        constraints.TopK(5),
        constraints.LowRank(4),
        constraints.SpectralNorm(0.5),
    ],
    ids=str,
)
def test_a_set_holds_what_is_left_to_the_same(term: Any) -> None:
    zeroed = np.zeros_like(W)
    zeroed[np.ix_(*KEPT)] = W[np.ix_(*KEPT)]
    sliced = slice_term(term, "dense/kernel", (6, 4), KEPT, (0,))
    outside = float(sliced.violation(W[np.ix_(*KEPT)], fan_in=(0,)))
    if not isinstance(term, constraints.Fixed):  # the zeros that went are themselves outside
        assert outside == pytest.approx(float(term.violation(zeroed, fan_in=(0,))))
    inside = np.zeros_like(W)
    inside[np.ix_(*KEPT)] = sliced(W[np.ix_(*KEPT)], fan_in=(0,))
    left = np.asarray(term(inside, fan_in=(0,)))[np.ix_(*KEPT)]
    np.testing.assert_allclose(left, inside[np.ix_(*KEPT)], atol=1e-9)


@pytest.mark.parametrize(
    "terms",
    [
        {"kernel_regularizer": regularizers.TotalVariation(0.1)},
        {"kernel_regularizer": regularizers.SparseGroupLasso(0.1, 0.1, by=(2, 2))},
        {"kernel_regularizer": regularizers.OrthogonalRegularizer(0.1)},
        {"kernel_regularizer": regularizers.SquaredDifferences(0.1)},
        {"kernel_constraint": constraints.NM(2, 3)},
    ],
    ids=lambda terms: type(next(iter(terms.values()))).__name__,
)
def test_a_term_that_cannot_follow_is_named(terms: dict[str, Any]) -> None:
    large = net(**terms)
    with pytest.raises(
        ValueError, match=r"compact: dense/kernel: .* cannot be applied to fewer weights: it is about"
    ) as e:
        compact(large)
    assert "model.attach({'dense/kernel': None})" in str(e.value)
    assert_equal(compact(large, training=False), large)
    large.attach({"dense/kernel": None})
    assert_equal(compact(large), large)


def test_a_bound_that_counts_on_what_goes_is_named() -> None:
    large = net()
    w = large.get_weights()
    w[2] = np.abs(w[2])
    w[2][[0, 1]] = 0
    w[2] /= w[2].sum(axis=0)
    large.set_weights(w)
    large.attach({"dense_1/kernel": constraints.Simplex()})
    with pytest.raises(ValueError, match=r"dense_1/kernel: Simplex.* does not hold for the remaining weights"):
        compact(large)


def test_terms_of_units_and_activities_follow() -> None:
    strengths = np.asarray([1.0, 2, 3, 4, 5, 6, 7, 8]) / 100
    large = net(
        activity_regularizer=regularizers.L1(strengths),
        unit_regularizer=regularizers.GroupLasso(0.1),
        unit_constraint=None,
    )
    small = compact(large)
    assert small.layers[1].activity_regularizer == regularizers.L1(strengths[[4, 5, 7]])
    assert "dense: its activity penalty no longer counts the 5 units" in str(small.compaction)
    assert small.plan["dense/unit"].regularizer == regularizers.GroupLasso(0.1)
    large.attach({"dense/unit": constraints.Box(-np.ones((7, 8)), np.arange(8) + 2.0)})
    high = compact(large).plan["dense/unit"].constraint.high
    np.testing.assert_array_equal(high, [6.0, 7.0, 9.0])


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match='inputs=\'gather\', expected "keep" or "drop"'):
        compact(net(), inputs="gather")
    with pytest.raises(ValueError, match="no weights yet"):
        compact(taut.Sequential([Dense(3)]))


@pytest.mark.parametrize("indices", [[], [0, 0], [-1], [0.5], [[0]], "ab"])
def test_a_selection_that_is_none(indices: Any) -> None:
    with pytest.raises(ValueError, match="Select: indices="):
        Select(indices)


def test_a_selection_beyond_the_row() -> None:
    with pytest.raises(ValueError, match="index 3 is beyond the 3 entries"):
        taut.Sequential([Select([3], input_shape=(3,))])
