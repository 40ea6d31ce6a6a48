"""Names and arguments of Keras that taut does not have, and what to write instead.

One mechanism for names of modules (``metrics.AUC``), of a model (``model.get_layer``), in strings (``loss="huber"``) and
for arguments (``fit(callbacks=...)``): each error says what is missing and what to write instead.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, ParamSpec, TypeVar

from taut import errors

__all__ = ["argument", "checked", "in_model", "in_module", "refuse", "way_out", "without_neutral"]

P = ParamSpec("P")
R = TypeVar("R")

WAYS = {
    "loss": "Write any other loss as a function of (y_true, y_pred) in JAX that returns one value per row: "
    "compile(loss=function).",
    "metric": "Write any other metric as a function of (y_true, y_pred) in JAX that returns one value per row, or "
    "score the outputs "
    "of model.predict(x), for instance with sklearn.metrics.",
    "optimizer": "Use any other optimizer from optax: compile(optax.nadam(1e-3)). For learning rate schedules also "
    "use optax: compile(optax.adam(optax.cosine_decay_schedule(1e-3, 1000))).",
    "layer": "For any other layer use a Flax NNX module that is called with one array: flax.nnx.Conv, BatchNorm, "
    "Embed, ...",
    "initializer": "Write any other initializer as a function of (shape, numpy.random.Generator) that returns an "
    "array.",
    "activation": "Any function in JAX can be an activation: Dense(10, activation=jax.nn.celu).",
    "regularizer": "Write any other regularizer as a function of the weights, or as a subclass of "
    "taut.regularizers.Regularizer.",
    "constraint": "Write any other constraint as a function of the weights, or as a subclass of "
    "taut.constraints.Constraint.",
    "util": "Use keras.utils from Keras, which works on the same numpy arrays.",
    "name": "taut has what networks with regularizers and constraints need; import the rest from Keras, Flax or JAX.",
    "model": "taut.Sequential is the only kind of model. For branches, write a Flax NNX module and use it as a layer.",
}
"""By kind, what to use instead of something that taut does not have."""

NAMES = {
    "schedules": "For learning rate schedules use optax: compile(optax.adam(optax.cosine_decay_schedule(1e-3, 1000))).",
    "clone_model": "copy.deepcopy(model) copies a model.",
    "save_model": "model.save(path) saves a model.",
    "load_weights": "taut.load_model(path) loads a model, and model.set_weights(loaded.get_weights()) copies its "
    "weights.",
    "save_weights": "model.save(path) saves a model with its weights.",
    "callbacks": "taut has no callbacks. Call fit several times with few epochs (training continues where it "
    "stopped) and do between the calls what the callback did.",
    "backend": "taut runs on JAX: use jax.numpy.",
    "ops": "taut runs on JAX: use jax.numpy and jax.nn.",
    "random": "Use jax.random or numpy.random; taut.utils.set_random_seed sets taut's own random seed.",
    "Model": WAYS["model"],
    "Layer": "taut.layers.Layer is the base class of layers.",
    "Loss": "taut.losses.Loss is the base class of losses.",
    "Metric": "taut.metrics.Metric is the base class of metrics.",
    "Optimizer": "taut.optimizers.Optimizer is the base class of optimizers.",
    "Initializer": "taut.initializers.Initializer is the base class of initializers.",
    "Regularizer": "taut.regularizers.Regularizer is the base class of regularizers.",
    "saving": "Use taut.load_model(path) and model.save(path); taut.identifiers.register(kind, YourClass) registers "
    "a class.",
    "get_layer": "Take it from model.layers.",
    "pop": "Create a new Sequential from model.layers[:-1].",
    "train_on_batch": "fit(x, y, batch_size=len(x), shuffle=False) takes one step.",
    "test_on_batch": "evaluate(x, y) gives the loss and the metrics of these rows.",
    "predict_on_batch": "predict(x) gives the outputs of any number of rows.",
    "to_json": "model.save(path) writes a model to a file.",
    "get_config": "model.save(path) writes a model to a file; print(model.plan) shows its terms.",
    "add_loss": "Use the layers' regularizers, or model.attach, for penalties on weights and outputs.",
    "weights": "model.params is a dict of all weights by path, model.get_weights() a list.",
    "variables": "model.params is a dict of all weights by path, model.get_weights() a list.",
    "trainable_weights": "model.params is a dict of all weights by path; model.plan shows which are trainable.",
    "trainable_variables": "model.params is a dict of all weights by path; model.plan shows which are trainable.",
    "losses": "model.plan.penalty(model.params) is the sum of the penalties.",
}
"""By name, where there is more specific advice than for the kind."""

_IN_MEMORY = "Leave it out: taut reads data from arrays in memory."
_COMPILED = "Leave it out: taut always compiles, a whole epoch as one program."
_ONE_FORM = "Leave it out: the summary has a fixed form."
ARGUMENTS = {
    "callbacks": NAMES["callbacks"] + " taut.path(patience=...) and the estimators' early_stopping stop early.",
    "steps_per_epoch": "An epoch uses all rows; give fewer rows: x[:n], y[:n].",
    "validation_steps": "All rows of validation_data are used; give fewer rows.",
    "validation_batch_size": "Leave it out: validation uses batch_size where the size of a batch matters (activity "
    "penalties).",
    "validation_freq": "Validation runs after each epoch; give validation_data to every n-th call of fit, or call "
    "evaluate.",
    "steps": "All rows are used; give fewer rows: x[:n].",
    "workers": _IN_MEMORY,
    "use_multiprocessing": _IN_MEMORY,
    "max_queue_size": _IN_MEMORY,
    "loss_weights": "A model has one output and one loss; use fit(sample_weight=...) or class_weight to weight rows.",
    "weighted_metrics": "Metrics are not weighted; for weighted metrics use sklearn.metrics on model.predict(x). "
    "The scores of taut.path are weighted.",
    "run_eagerly": _COMPILED,
    "steps_per_execution": _COMPILED,
    "jit_compile": _COMPILED,
    "auto_scale_loss": "Leave it out: taut trains in float32, which needs no loss scaling.",
    "custom_objects": "Register each class once, before loading: taut.identifiers.register(kind, YourClass), where "
    "kind is "
    "'layer', 'regularizer', 'loss', ...; or taut.activations.register(name, function).",
    "compile": "Leave it out: a compiled model is loaded as a compiled model.",
    "safe_mode": "Leave it out: loading a model file never runs code from it.",
    "filepath": "In taut it is called path.",
    "overwrite": "Leave it out: save replaces an existing file. Check before whether the file exists.",
    "save_format": "Leave it out: a model is always saved as one safetensors file.",
    "include_optimizer": "Leave it out: the optimizer is always saved.",
    "zipped": "Leave it out: a model is always saved as one safetensors file.",
    "trainable": "Set layer.trainable on the layers.",
    "lr": "In taut it is called learning_rate.",
    "decay": NAMES["schedules"],
    "amsgrad": "Use optax: compile(optax.amsgrad(1e-3)).",
    "centered": "Use optax: compile(optax.rmsprop(1e-3, centered=True)).",
    "loss_scale_factor": "Leave it out: taut trains in float32, which needs no loss scaling.",
    "input_dim": "Give input_shape=(n,).",
    "batch_input_shape": "Give the shape of one row, without the batch axis: input_shape=(10,).",
    "batch_shape": "Give the shape of one row, without the batch axis: shape=(10,).",
    "dtype": "Leave it out: taut computes in float32.",
    "autocast": "Leave it out: taut computes in float32.",
    "batch_size": "Leave it out: the batch size is an argument of fit, evaluate and predict.",
    "weights": "Build the model first, then call model.set_weights([...]).",
    "lora_rank": "taut has no LoRA; constraints.LowRank keeps a whole kernel at a low rank.",
    "lora_alpha": "Leave it out: taut has no LoRA.",
    "quantization_config": "Leave it out: weights are float32; model.export writes an ONNX file, which other tools can quantize.",
    "sparse": "Arrays must be dense: use x.toarray().",
    "ragged": "All rows must have the same length: pad them.",
    "tensor": "Models are stacks of layers: taut.Sequential([taut.layers.Input((10,)), ...]).",
    "optional": "Leave it out: a model has one input, which is always required.",
    "noise_shape": "Leave it out: every entry is dropped independently.",
    "data_format": "Channels must be the last axis: transpose the data once.",
    "line_length": _ONE_FORM,
    "positions": _ONE_FORM,
    "expand_nested": _ONE_FORM,
    "show_trainable": _ONE_FORM,
    "layer_range": _ONE_FORM,
}
"""By argument, for any function that does not have it."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "dtype": (None, "float32"),
    "autocast": (None, True, False),
    "batch_size": (None,),
    "batch_shape": (None,),
    "batch_input_shape": (None,),
    "weights": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "quantization_config": (None,),
    "sparse": (None, False),
    "ragged": (None, False),
    "tensor": (None,),
    "optional": (False,),
    "noise_shape": (None,),
    "data_format": (None, "channels_last"),
}
"""Arguments of Keras's layers that taut does not have, with the values that change nothing, which are accepted."""


def way_out(kind: str) -> str:
    """The end of an error message: what to use instead of something that taut does not have; empty if not known."""
    return f" {WAYS[kind]}" if kind in WAYS else ""


def _missing(what: str, name: str, known: Iterable[str], way: str, owner: Any) -> AttributeError:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return AttributeError(f"{what} has no attribute {name!r}.{hint}{way}", name=name, obj=owner)


def in_module(module: str, known: Iterable[str], kind: str) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module: raises an error for a name that does not exist."""

    def missing(name: str) -> NoReturn:
        if name.startswith("_"):  # asked for by Python itself
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        way = f" {NAMES[name]}" if name in NAMES else way_out(kind)
        if _is_named(name, known):
            way = f" Give its name in quotes: {name!r}."
        raise _missing(f"module {module!r}", name, known, way, sys.modules[module])

    return missing


def _is_named(name: str, known: Iterable[str]) -> bool:
    """Whether a class for Keras's function ``name`` exists: BinaryAccuracy for "binary_accuracy"."""
    return name.islower() and name.replace("_", "") in {k.lower() for k in known}


def in_model(model: object, name: str) -> AttributeError:
    """The error for an attribute that a model does not have."""
    way = f" {NAMES[name]}" if name in NAMES else ""
    return _missing(f"{type(model).__name__!r} object", name, [n for n in dir(model) if n[0] != "_"], way, model)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, with an error for unknown arguments that says what to write instead.

    >>> checked(lambda x, epochs=1: x)(1, callbacks=[])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: <lambda>() has no argument 'callbacks'. taut has no callbacks. ...
    """
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "self"]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse(errors.function_name(function), known, kwargs)
        return function(*args, **kwargs)

    return call


def refuse(function: str, known: Iterable[str], given: Iterable[str]) -> None:
    """Raise for arguments that are not ``known``.

    Raises:
        TypeError: with what to write instead.
    """
    for name in set(given) - set(known):
        public = [k for k in known if not k.startswith("_")]
        close = errors.nearest(name, public, count=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        way = argument(name) or f"{hint} It has {', '.join(public)}."
        raise TypeError(f"{function}() has no argument {name!r}.{way}")


def without_neutral(layer: str, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` without those arguments of Keras's layers that change nothing for the given value (`NEUTRAL`).

    Raises:
        TypeError: an argument that would change something, with what to write instead.
    """
    for name, neutral in NEUTRAL.items():
        if name in given and not any(given[name] is v or given[name] == v for v in neutral):
            raise TypeError(
                f"{layer}: {name}={errors.shown(given[name])}, an argument of Keras that taut does not have.{argument(name)}"
            )
    return {name: value for name, value in given.items() if name not in NEUTRAL}


def argument(name: str) -> str:
    """What to write instead of an argument of this name; empty if nothing is known."""
    return f" {ARGUMENTS[name]}" if name in ARGUMENTS else ""
