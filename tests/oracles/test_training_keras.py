"""Whole trainings beside real Keras: equal initial weights, equal batches, ``terms="keras"``."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import taut

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")

Build = Callable[[Any], Any]


def relative(ours: Any, theirs: Any) -> float:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-12))


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """320 rows of 10 inputs and the numbers of four classes, not quite separable."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(320, 10)).astype(np.float32)
    scores = x[:, :4] @ rng.normal(size=(4, 4)) + 0.5 * rng.normal(size=(320, 4))
    return x, scores.argmax(axis=1)


def with_every_term(k: Any) -> Any:
    """All three places for a regularizer, every penalty, a constraint on each kernel and on a bias.

    No relu: Keras's ε moves weights by 1e-7 a step, and a unit that switches on a step earlier than in the other
    training would amplify that a thousandfold.
    """
    penalty, bound = k.regularizers, k.constraints
    return k.Sequential(
        [
            k.layers.Input((10,)),
            k.layers.Dense(
                12,
                activation="tanh",
                kernel_regularizer=penalty.L1(1e-3),
                bias_regularizer=penalty.L2(1e-2),
                activity_regularizer=penalty.L2(1e-3),
                kernel_constraint=bound.MaxNorm(1.0),
            ),
            k.layers.Dense(
                4,
                activation="softmax",
                kernel_regularizer=penalty.L1L2(1e-3, 1e-2),
                kernel_constraint=bound.NonNeg(),
                bias_constraint=bound.MinMaxNorm(0.0, 0.1),
            ),
        ]
    )


def side_by_side(
    build: Build,
    optimizer: Build,
    data: tuple[np.ndarray, np.ndarray],
    loss: Build | str,
    metric: str = "accuracy",
    **fit: Any,
) -> tuple[Any, Any, Any, Any]:
    """Both models after the same training, and both histories."""
    out: list[Any] = []
    weights: list[np.ndarray] = []
    for k, extra in ((keras, {}), (taut, {"terms": "keras"})):
        k.utils.set_random_seed(7)
        model = build(k)
        if k is keras:
            for variable in model.trainable_variables:  # taut starts inside its constraints, Keras does not
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable))
            weights = model.get_weights()
        else:
            model.set_weights(weights)
        model.compile(optimizer(k), loss if isinstance(loss, str) else loss(k), metrics=[metric], **extra)
        history = model.fit(*data, shuffle=False, verbose=0, **fit)
        out += [model, history]
    return tuple(out)  # pyright: ignore


def agree(theirs: Any, their_history: Any, ours: Any, our_history: Any, weights: float = 1e-4) -> None:
    for path, a, b in zip(ours.params, ours.get_weights(), theirs.get_weights(), strict=True):
        assert relative(a, b) < weights, path
    shared = their_history.history.keys()
    assert shared <= our_history.history.keys()
    for key in shared:
        gap = np.abs(np.asarray(our_history.history[key]) - their_history.history[key]).max()
        # An accuracy may differ by the one row whose two best classes are closer to each other than Keras's ε.
        assert gap < (4e-3 if key == "accuracy" else 1e-5), (key, gap)


OPTIMIZERS: dict[str, Build] = {
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "momentum": lambda k: k.optimizers.SGD(0.01, momentum=0.9),
    "nesterov": lambda k: k.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.05),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01),
    "rmsprop with momentum": lambda k: k.optimizers.RMSprop(0.003, momentum=0.9),
    "adagrad": lambda k: k.optimizers.Adagrad(0.05),
}


# Adam's whenever, the others' in `make test-all`: the rule of each alone is in test_optimizers.py.
@pytest.mark.parametrize(
    "name", ["adam", *(pytest.param(n, marks=pytest.mark.slow) for n in OPTIMIZERS if n != "adam")]
)
def test_a_hundred_steps_follow_keras(name: str, rows: tuple[np.ndarray, np.ndarray]) -> None:
    one_hot = np.eye(4, dtype=np.float32)[rows[1]]
    models = side_by_side(
        with_every_term, OPTIMIZERS[name], (rows[0], one_hot), "categorical_crossentropy", batch_size=32, epochs=10
    )
    assert models[3].params["steps"] * 10 == 100
    agree(*models)


def test_regression_with_weighted_rows_and_a_smaller_last_batch(rows: tuple[np.ndarray, np.ndarray]) -> None:
    """310 rows are nine batches of 32 and one of 22; relu, L1 by gradient, validation and evaluation with penalties."""
    x = rows[0]
    y = (x[:, :2] @ np.array([[1.0, 0.5], [-2.0, 0.3]]) + np.abs(x[:, 2:3])).astype(np.float32)
    weight = np.random.default_rng(1).uniform(0, 2, 310).astype(np.float32)

    def build(k: Any) -> Any:
        hidden = k.layers.Dense(
            8, activation="relu", kernel_regularizer="l1", activity_regularizer=k.regularizers.L1(1e-3)
        )
        return k.Sequential([k.layers.Input((10,)), hidden, k.layers.Dense(2, bias_regularizer="l2")])

    models = side_by_side(
        build,
        lambda k: k.optimizers.SGD(0.02, momentum=0.9, clipvalue=0.1),
        (x[:310], y[:310]),
        "mse",
        "mae",
        batch_size=32,
        epochs=4,
        sample_weight=weight,
        validation_data=(x[300:], y[300:]),
    )
    agree(*models)
    theirs, _, ours, _ = models
    for weights in ({}, {"sample_weight": weight}):
        for size in (32, 100):  # the activity penalty is a mean over batches, so the size shows
            np.testing.assert_allclose(
                ours.evaluate(x[:310], y[:310], batch_size=size, verbose=0, **weights),
                theirs.evaluate(x[:310], y[:310], batch_size=size, verbose=0, **weights),
                atol=1e-5,
            )
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), atol=1e-5)


def test_class_numbers_with_class_weights_and_held_out_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    def build(k: Any) -> Any:
        head = k.layers.Dense(4, activation="softmax", kernel_regularizer=k.regularizers.L2(1e-2))
        return k.Sequential([k.layers.Input((10,)), head])

    agree(
        *side_by_side(
            build,
            lambda k: k.optimizers.Adam(0.02, clipnorm=0.1),
            rows,
            "sparse_categorical_crossentropy",
            epochs=4,
            class_weight={0: 2.0, 1: 0.5, 2: 1.0, 3: 0.0},
            validation_split=0.2,
        )
    )


def test_two_classes_smoothed_labels_and_averaged_weights(rows: tuple[np.ndarray, np.ndarray]) -> None:
    def build(k: Any) -> Any:
        return k.Sequential([k.layers.Input((10,)), k.layers.Dense(1, activation="sigmoid", kernel_regularizer="l2")])

    agree(
        *side_by_side(
            build,
            lambda k: k.optimizers.RMSprop(0.02, use_ema=True, ema_momentum=0.95, weight_decay=0.01),
            (rows[0], (rows[1] > 1).astype(np.float32)),
            lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.1),
            epochs=4,
        )
    )


def test_logits_and_gradients_accumulated_across_epochs(rows: tuple[np.ndarray, np.ndarray]) -> None:
    """Ten batches an epoch, three to a step: a sum begun in one epoch is finished in the next."""

    def build(k: Any) -> Any:
        return k.Sequential([k.layers.Input((10,)), k.layers.Dense(4, kernel_regularizer="l2")])

    agree(
        *side_by_side(
            build,
            lambda k: k.optimizers.AdamW(0.02, gradient_accumulation_steps=3, global_clipnorm=0.5),
            (rows[0], np.eye(4, dtype=np.float32)[rows[1]]),
            lambda k: k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
            epochs=4,
        )
    )


def test_the_comparison_can_fail(rows: tuple[np.ndarray, np.ndarray]) -> None:
    """A strength 1 % off, or a proximal step in place of a gradient, is far outside the bounds above."""
    one_hot = np.eye(4, dtype=np.float32)[rows[1]]

    def build(strength: float) -> Build:
        def model(k: Any) -> Any:
            term = k.regularizers.L1(strength if k is taut else 1e-2)
            return k.Sequential(
                [k.layers.Input((10,)), k.layers.Dense(4, activation="softmax", kernel_regularizer=term)]
            )

        return model

    models = side_by_side(build(1.01e-2), OPTIMIZERS["sgd"], (rows[0], one_hot), "categorical_crossentropy", epochs=4)
    with pytest.raises(AssertionError):
        agree(*models)


# --- losses --------------------------------------------------------------------------------------------------------------

LOSSES: dict[str, tuple[Build, str]] = {
    "mse": (lambda k: k.losses.MeanSquaredError(), "numbers"),
    "mae": (lambda k: k.losses.MeanAbsoluteError(), "numbers"),
    "categorical": (lambda k: k.losses.CategoricalCrossentropy(), "one-hot"),
    "categorical, smoothed": (lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.2), "one-hot"),
    "categorical of logits": (lambda k: k.losses.CategoricalCrossentropy(from_logits=True), "one-hot"),
    "categorical of logits, smoothed": (
        lambda k: k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        "one-hot",
    ),
    "sparse": (lambda k: k.losses.SparseCategoricalCrossentropy(), "classes"),
    "sparse of logits": (lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), "classes"),
    "binary": (lambda k: k.losses.BinaryCrossentropy(), "yes or no"),
    "binary, smoothed": (lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.2), "yes or no"),
    "binary of logits": (lambda k: k.losses.BinaryCrossentropy(from_logits=True), "yes or no"),
    "binary of logits, smoothed": (
        lambda k: k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
        "yes or no",
    ),
}


def labels_and_outputs(kind: str, logits: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    out = 4 * rng.normal(size=(50, 3)).astype(np.float32)
    if kind == "numbers":
        return rng.normal(size=(50, 3)).astype(np.float32), out
    classes = rng.integers(0, 3, 50)
    if not logits:
        out = 1 / (1 + np.exp(-out))
        out[:3] = [[0, 1, 0], [1, 0, 0], [1, 1, 1]]  # certainties, and rows that do not sum to one, are clipped alike
    label = {
        "classes": classes,
        "one-hot": np.eye(3, dtype=np.float32)[classes],
        "yes or no": rng.integers(0, 2, (50, 3)).astype(np.float32),
    }
    return label[kind], out.astype(np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_of_keras(name: str) -> None:
    build, kind = LOSSES[name]
    y, out = labels_and_outputs(kind, "logits" in name)
    theirs, ours = build(keras), build(taut)
    assert float(ours(y, out)) == pytest.approx(float(theirs(y, out)), rel=1e-5)
    config = theirs.get_config()
    assert ours.get_config().items() <= config.items()
    assert taut.losses.deserialize(keras.losses.serialize(theirs)) == ours


@pytest.mark.parametrize("name", [n for n in LOSSES if "logits" not in n])
def test_probabilities_within_keras_clip_give_keras_gradients(name: str) -> None:
    """The loss from probabilities and the fused one from logits have Keras's gradient where Keras's is not clipped."""
    build, kind = LOSSES[name]
    y, _ = labels_and_outputs(kind, True)
    raw = jnp.asarray(np.random.default_rng(6).normal(size=(50, 3)), jnp.float32)
    squash = {"numbers": lambda z: z, "yes or no": jax.nn.sigmoid}.get(kind, jax.nn.softmax)
    theirs = jax.grad(lambda z: build(keras)(y, squash(z)))(raw)
    loss = build(taut)
    plain = jax.grad(lambda z: loss(y, squash(z)))(raw)
    np.testing.assert_allclose(plain, theirs, atol=1e-7)
    if kind != "numbers":
        fused = jax.grad(lambda z: jnp.mean(loss.rows(jnp.asarray(y), z, True)))(raw)
        np.testing.assert_allclose(fused, theirs, atol=1e-7)


def test_a_certain_mistake_has_a_gradient() -> None:
    """Keras clips a probability of 1e-7 and learns nothing from it; the loss from logits does."""
    y, z = jnp.asarray([[0.0, 1.0]]), jnp.asarray([[40.0, 0.0]])
    theirs = jax.grad(lambda z: keras.losses.CategoricalCrossentropy()(y, jax.nn.softmax(z)))(z)
    ours = jax.grad(lambda z: jnp.mean(taut.losses.CategoricalCrossentropy().rows(y, z, True)))(z)
    assert not np.asarray(theirs).any()
    np.testing.assert_allclose(ours, [[1.0, -1.0]], rtol=1e-6)


# --- defaults ------------------------------------------------------------------------------------------------------------


OWN = {"name", "trainable", "input_shape", "unit_regularizer", "unit_constraint"}  # not among Keras's own arguments


def test_dense_has_the_defaults_of_keras() -> None:
    theirs, ours = keras.layers.Dense(3).get_config(), taut.layers.Dense(3).get_config()
    assert set(inspect.signature(keras.layers.Dense).parameters) >= ours.keys() - OWN
    for key in ours.keys() - (OWN - {"trainable"}):  # Keras takes an input_shape and drops it from the config
        expected, found = theirs.get(key), ours[key]  # Keras leaves out an activity regularizer of None
        if isinstance(expected, dict):
            assert taut.initializers.deserialize(expected) == taut.initializers.deserialize(found), key
        else:
            assert found == expected, key


INITIALIZERS: dict[str, dict[str, Any]] = {
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": 0.3},
    "RandomUniform": {},
    "RandomNormal": {},
    "TruncatedNormal": {"mean": 0.1, "stddev": 0.2},
    "GlorotUniform": {},
    "GlorotNormal": {},
    "HeUniform": {},
    "HeNormal": {},
    "LecunUniform": {},
    "LecunNormal": {},
    "VarianceScaling": {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}


@pytest.mark.parametrize("shape", [(200, 300), (3, 3, 40, 60)], ids=str)
@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_weights_are_distributed_as_in_keras(name: str, shape: tuple[int, ...]) -> None:
    keras.utils.set_random_seed(0)
    theirs, ours = (getattr(k.initializers, name)(**INITIALIZERS[name]) for k in (keras, taut))
    assert ours.get_config().items() <= theirs.get_config().items()
    assert taut.initializers.deserialize(keras.initializers.serialize(theirs)) == ours
    a = np.asarray(ours(shape, np.random.default_rng(0)), np.float64).ravel()
    b = np.asarray(theirs(shape), np.float64).ravel()
    assert a.shape == b.shape
    # Four standard errors of the difference, and quantiles out to the bounds.
    assert abs(a.mean() - b.mean()) <= 4 * b.std() * np.sqrt(2 / b.size)
    assert a.std() == pytest.approx(b.std(), rel=0.02)
    spread = np.ptp(b) or 1.0
    levels = [0.0005, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9995]
    np.testing.assert_allclose(np.quantile(a, levels), np.quantile(b, levels), atol=0.02 * spread)
    if "Uniform" in name or "Truncated" in name or name in ("GlorotNormal", "HeNormal", "LecunNormal"):
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.01)  # a hard bound, and it is Keras's


@pytest.mark.parametrize("name", sorted(taut.activations.ACTIVATIONS))
def test_activations_are_those_of_keras(name: str) -> None:
    x = np.linspace(-6, 6, 61, dtype=np.float32).reshape(1, -1)
    np.testing.assert_allclose(
        taut.activations.get(name)(jnp.asarray(x)), keras.activations.get(name)(x), rtol=2e-5, atol=2e-6
    )
