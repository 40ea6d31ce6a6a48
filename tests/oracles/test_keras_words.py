"""Every public name and argument of Keras that taut has not: the error says what to write instead."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest

import taut
from taut import _keras_words

KINDS = ("losses", "metrics", "optimizers", "layers", "initializers", "activations", "regularizers", "constraints")
MODULES = [*KINDS, "utils", "models"]
METHODS = ("compile", "fit", "evaluate", "predict", "save", "summary")


def model() -> Any:
    return taut.Sequential([taut.layers.Dense(1, input_shape=(2,))])


@pytest.mark.parametrize("module", MODULES)
def test_names_of_modules(module: str) -> None:
    ours = getattr(taut, module)
    for name in dir(getattr(keras, module)):
        if name.startswith("_") or hasattr(ours, name):
            continue
        with pytest.raises(AttributeError, match=f"module 'taut.{module}' has no attribute '{name}'") as caught:
            getattr(ours, name)
        ways = [*_keras_words.WAYS.values(), *_keras_words.NAMES.values(), f"Give its name in quotes: '{name}'."]
        assert any(way in str(caught.value) for way in ways), name


def test_names_in_quotes() -> None:
    made = model()
    for arguments, words in (
        ({"loss": "huber"}, ["Unknown loss 'huber'", "function of (y_true, y_pred)"]),
        ({"loss": "mse", "metrics": ["auc"]}, ["Unknown metric 'auc'", "sklearn.metrics"]),
        ({"loss": "mse", "optimizer": "nadam"}, ["Unknown optimizer 'nadam'", "optax.nadam"]),
    ):
        with pytest.raises(ValueError) as caught:
            made.compile(**arguments)
        assert all(word in str(caught.value) for word in words)
    with pytest.raises(ValueError, match=r"jax\.nn\.celu"):
        taut.layers.Dense(1, activation="celu")
    with pytest.raises(AttributeError, match="in quotes: 'binary_accuracy'"):
        _ = taut.metrics.binary_accuracy  # type: ignore[attr-defined]


def test_the_ways_out_are_there() -> None:
    """What the errors tell to write works."""
    import jax
    import optax
    from flax import nnx

    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    made = taut.Sequential(
        [
            nnx.Linear(2, 2, rngs=nnx.Rngs(0)),
            taut.layers.Dense(1, jax.nn.celu, kernel_initializer=lambda shape, generator: generator.normal(size=shape)),
        ]
    )
    schedule = optax.cosine_decay_schedule(1e-3, 1000)
    made.compile(optax.nadam(schedule), lambda y, p: abs(y - p), metrics=[lambda y, p: abs(y - p)])
    for _ in range(2):
        made.fit(x, y, verbose=0)
    assert made.history is not None and np.isfinite(made.history.history["loss"]).all()


@pytest.mark.parametrize("method", METHODS)
def test_arguments_of_methods(method: str) -> None:
    made = model()
    own = inspect.signature(getattr(made, method)).parameters
    theirs = inspect.signature(getattr(keras.Sequential, method)).parameters
    lacking = set(theirs) - set(own) - {"self", "kwargs"}
    if method == "fit":
        lacking |= {"workers", "use_multiprocessing", "max_queue_size"}
    assert lacking
    for name in lacking:
        with pytest.raises(TypeError) as caught:
            getattr(made, method)(**{name: None})
        assert str(caught.value) == f"{method}() has no argument {name!r}. {_keras_words.ARGUMENTS[name]}"


def test_arguments_of_the_rest() -> None:
    for name in ("custom_objects", "compile", "safe_mode", "filepath"):
        with pytest.raises(TypeError) as caught:
            taut.load_model(**{name: None})
        assert _keras_words.ARGUMENTS[name] in str(caught.value)
    with pytest.raises(TypeError, match=r"layer\.trainable"):
        taut.Sequential([], trainable=False)  # type: ignore[call-arg]
    with pytest.raises(
        TypeError, match=r"fit\(\) has no argument 'epoch'. Did you mean 'epochs'\? It has x, y, batch_size"
    ):
        model().fit(np.ones((1, 2)), np.ones(1), epoch=3)


def test_arguments_of_optimizers_and_layers() -> None:
    for kind, ours in (("optimizers", taut.optimizers), ("layers", taut.layers)):
        names = {"optimizers": ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"), "layers": ("Dense", "Input")}[kind]
        for name in names:
            cls = getattr(ours, name)
            for argument in (*inspect.signature(getattr(getattr(keras, kind), name)).parameters, "lr", "dtype"):
                if argument in _keras_words.ARGUMENTS:
                    with pytest.raises(TypeError) as caught:
                        cls(*([1] if kind == "layers" else []), **{argument: 0.5})
                    assert _keras_words.ARGUMENTS[argument] in str(caught.value), (name, argument)
    with pytest.raises(TypeError, match=r"Adam\(\) has no argument 'beta1'. Did you mean 'beta_1'\?"):
        taut.optimizers.Adam(beta1=0.5)  # type: ignore[call-arg]


def test_names_of_a_model() -> None:
    made = model()
    for name in ("get_layer", "train_on_batch", "load_weights", "save_weights", "to_json", "pop", "weights"):
        with pytest.raises(AttributeError, match=f"'Sequential' object has no attribute '{name}'") as caught:
            getattr(made, name)
        assert _keras_words.NAMES[name] in str(caught.value)
    with pytest.raises(AttributeError, match="Did you mean 'predict'"):
        _ = made.predct
    assert not hasattr(made, "__no_such__")
    for name in ("callbacks", "ops", "backend", "Model", "applications"):
        with pytest.raises(AttributeError, match=f"module 'taut' has no attribute '{name}'. ") as caught:
            getattr(taut, name)
        assert str(caught.value).endswith(_keras_words.NAMES.get(name, _keras_words.WAYS["name"]))


def test_a_property_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> Any:
        raise AttributeError("the real reason")

    monkeypatch.setattr(taut.Sequential, "plan", property(broken))
    with pytest.raises(AttributeError, match="the real reason"):
        _ = model().plan
