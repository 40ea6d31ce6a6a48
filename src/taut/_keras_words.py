"""What a Keras program may say that taut does not know, and what to write instead.

One mechanism for names of modules (``metrics.AUC``), of a model (``model.get_layer``), in strings (``loss="huber"``) and
for arguments (``fit(callbacks=...)``): each error says what is missing and the way out.
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
    "loss": "Write any other as a function of (y_true, y_pred) in JAX that gives one value a row: compile(loss=function).",
    "metric": "Write any other as a function of (y_true, y_pred) in JAX that gives one value a row, or measure the outputs "
    "of model.predict(x), for instance with sklearn.metrics.",
    "optimizer": "Any other is there as an optax transformation: compile(optax.nadam(1e-3)). Learning rates that change "
    "are optax's schedules: compile(optax.adam(optax.cosine_decay_schedule(1e-3, 1000))).",
    "layer": "In place of any other give a Flax NNX module, which is called with one array: flax.nnx.Conv, BatchNorm, Embed, ...",
    "initializer": "Write any other as a function of (shape, numpy.random.Generator) that returns an array.",
    "activation": "Any other is a function in JAX: Dense(10, activation=jax.nn.celu).",
    "regularizer": "Write any other as a function of the weights, or as a subclass of taut.regularizers.Regularizer.",
    "constraint": "Write any other as a function of the weights, or as a subclass of taut.constraints.Constraint.",
    "util": "Keras's own keras.utils works on the same numpy arrays.",
    "name": "taut has what networks with regularizers and constraints need; take the rest from Keras, Flax or JAX by its "
    "own name.",
    "model": "taut.Sequential is the one kind of model: its layers may be Flax NNX modules, in which layers branch and join.",
}
"""By kind of thing, what to do about one that taut has not."""

NAMES = {
    "schedules": "Learning rates that change are optax's: compile(optax.adam(optax.cosine_decay_schedule(1e-3, 1000))).",
    "clone_model": "copy.deepcopy(model) copies a model.",
    "save_model": "model.save(path) saves a model.",
    "load_weights": "taut.load_model(path) loads a model, and set_weights(loaded.get_weights()) takes over its weights.",
    "save_weights": "model.save(path) saves a model with its weights.",
    "callbacks": "taut has no callbacks. Call fit several times with few epochs (it goes on where it was) and do between "
    "them what the callback did.",
    "backend": "taut runs on JAX: use jax.numpy.",
    "ops": "taut runs on JAX: use jax.numpy and jax.nn.",
    "random": "Use jax.random or numpy.random; taut.utils.set_random_seed seeds taut's own draws.",
    "Model": WAYS["model"],
    "Layer": "taut.layers.Layer is the base of layers.",
    "Loss": "taut.losses.Loss is the base of losses.",
    "Metric": "taut.metrics.Metric is the base of metrics.",
    "Optimizer": "taut.optimizers.Optimizer is the base of optimizers.",
    "Initializer": "taut.initializers.Initializer is the base of initializers.",
    "Regularizer": "taut.regularizers.Regularizer is the base of regularizers.",
    "saving": "taut.load_model(path) and model.save(path) load and save; taut.identifiers.register(kind, YourClass) makes a class known.",
    "get_layer": "Take it from model.layers.",
    "pop": "Make a new Sequential of model.layers[:-1].",
    "train_on_batch": "fit(x, y, batch_size=len(x), shuffle=False) takes one step.",
    "test_on_batch": "evaluate(x, y) measures rows.",
    "predict_on_batch": "predict(x) gives the outputs of any number of rows.",
    "to_json": "model.save(path) writes a model to a file.",
    "get_config": "model.save(path) writes a model to a file; print(model.plan) shows its terms.",
    "add_loss": "Penalties on weights and outputs are the layers' regularizers, or model.attach's.",
    "weights": "model.params has them by path, model.get_weights() as a list.",
    "variables": "model.params has them by path, model.get_weights() as a list.",
    "trainable_weights": "model.params has all weights by path, model.plan whether each is trainable.",
    "trainable_variables": "model.params has all weights by path, model.plan whether each is trainable.",
    "losses": "model.plan.penalty(model.params) is the sum of the penalties.",
}
"""By name, where more is known than the kind."""

_IN_MEMORY = "Leave it out: taut's data are arrays in memory."
_COMPILED = "Leave it out: taut compiles every program, a whole epoch at once."
_ONE_FORM = "Leave it out: there is one form of the summary."
ARGUMENTS = {
    "callbacks": NAMES["callbacks"] + " taut.path(patience=...) and the estimators' early_stopping stop early.",
    "steps_per_epoch": "An epoch visits all rows; give fewer of them: x[:n], y[:n].",
    "validation_steps": "All rows are validated; give fewer of them in validation_data.",
    "validation_batch_size": "Leave it out: where the size of a batch matters (activity penalties), it is batch_size.",
    "validation_freq": "Validation follows each epoch; give validation_data to every n-th fit, or call evaluate.",
    "steps": "All rows are taken; give fewer of them: x[:n].",
    "workers": _IN_MEMORY,
    "use_multiprocessing": _IN_MEMORY,
    "max_queue_size": _IN_MEMORY,
    "loss_weights": "A model has one output and one loss; rows are weighed by fit(sample_weight=...) or class_weight.",
    "weighted_metrics": "Metrics are not weighted; weigh them with sklearn.metrics on model.predict(x). The scores of taut.path are weighted.",
    "run_eagerly": _COMPILED,
    "steps_per_execution": _COMPILED,
    "jit_compile": _COMPILED,
    "auto_scale_loss": "Leave it out: taut trains in float32, which needs no scaled loss.",
    "custom_objects": "Make each class known once, before loading: taut.identifiers.register(kind, YourClass), where kind is "
    "'layer', 'regularizer', 'loss', ...; or taut.activations.register(name, function).",
    "compile": "Leave it out: a model is loaded as it was saved, compiled or not.",
    "safe_mode": "Leave it out: loading a model file never runs code from it.",
    "filepath": "It is called path here.",
    "overwrite": "Leave it out: save replaces a file of that name. See whether there is one before.",
    "save_format": "Leave it out: a model is one safetensors file.",
    "include_optimizer": "Leave it out: the optimizer is always saved.",
    "zipped": "Leave it out: a model is one safetensors file.",
    "trainable": "Set layer.trainable on the layers.",
    "lr": "It is called learning_rate here.",
    "decay": NAMES["schedules"],
    "amsgrad": "optax has it: compile(optax.amsgrad(1e-3)).",
    "centered": "optax has it: compile(optax.rmsprop(1e-3, centered=True)).",
    "loss_scale_factor": "Leave it out: taut trains in float32, which needs no scaled loss.",
    "input_dim": "Give input_shape=(n,).",
    "batch_input_shape": "Give the shape of one row, without the batch axis: input_shape=(10,).",
    "batch_shape": "Give the shape of one row, without the batch axis: shape=(10,).",
    "dtype": "Leave it out: taut computes in float32.",
    "autocast": "Leave it out: taut computes in float32.",
    "batch_size": "Leave it out: fit, evaluate and predict take the size of a batch.",
    "weights": "Build the model first, then call model.set_weights([...]).",
    "lora_rank": "There is no LoRA here; constraints.LowRank keeps a whole kernel at a low rank.",
    "lora_alpha": "Leave it out: there is no LoRA here.",
    "quantization_config": "Leave it out: weights are float32; model.export writes ONNX, which other tools quantize.",
    "sparse": "Arrays are dense here: give x.toarray().",
    "ragged": "All rows have one length here: pad them.",
    "tensor": "Models are stacks of layers: taut.Sequential([taut.layers.Input((10,)), ...]).",
    "optional": "Leave it out: a model has one input, which is always there.",
    "noise_shape": "Leave it out: every entry is dropped on its own.",
    "data_format": "The channels are the last axis here: transpose the data once.",
    "line_length": _ONE_FORM,
    "positions": _ONE_FORM,
    "expand_nested": _ONE_FORM,
    "show_trainable": _ONE_FORM,
    "layer_range": _ONE_FORM,
}
"""By argument, for any function that has not that one."""

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
"""Arguments of Keras's layers that taut's lack, with the values that change nothing: those are accepted."""


def way_out(kind: str) -> str:
    """What to do about a thing of this kind that taut has not, to go at the end of an error; empty if nothing is known."""
    return f" {WAYS[kind]}" if kind in WAYS else ""


def _missing(what: str, name: str, known: Iterable[str], way: str, owner: Any) -> AttributeError:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return AttributeError(f"{what} has no attribute {name!r}.{hint}{way}", name=name, obj=owner)


def in_module(module: str, known: Iterable[str], kind: str) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module: an error for each name that is not there."""

    def missing(name: str) -> NoReturn:
        if name.startswith("_"):  # asked for by Python itself
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        way = f" {NAMES[name]}" if name in NAMES else way_out(kind)
        if _is_named(name, known):
            way = f" Give its name in quotes: {name!r}."
        raise _missing(f"module {module!r}", name, known, way, sys.modules[module])

    return missing


def _is_named(name: str, known: Iterable[str]) -> bool:
    """Whether a class of that name is there, ``name`` being Keras's function: "binary_accuracy", BinaryAccuracy."""
    return name.islower() and name.replace("_", "") in {k.lower() for k in known}


def in_model(model: object, name: str) -> AttributeError:
    """The error for a name that a model has not."""
    way = f" {NAMES[name]}" if name in NAMES else ""
    return _missing(f"{type(model).__name__!r} object", name, [n for n in dir(model) if n[0] != "_"], way, model)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, whose error for an argument that it has not names the way out.

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
    """Refuse the arguments that are not ``known``.

    Raises:
        TypeError: naming the way out.
    """
    for name in set(given) - set(known):
        public = [k for k in known if not k.startswith("_")]
        close = errors.nearest(name, public, count=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        way = argument(name) or f"{hint} It has {', '.join(public)}."
        raise TypeError(f"{function}() has no argument {name!r}.{way}")


def without_neutral(layer: str, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` without the arguments of Keras's layers that change nothing at the value given (`NEUTRAL`).

    Raises:
        TypeError: one that would change something, with the way out.
    """
    for name, neutral in NEUTRAL.items():
        if name in given and not any(given[name] is v or given[name] == v for v in neutral):
            raise TypeError(
                f"{layer}: {name}={errors.shown(given[name])}, an argument of Keras that taut lacks.{argument(name)}"
            )
    return {name: value for name, value in given.items() if name not in NEUTRAL}


def argument(name: str) -> str:
    """What to write instead of an argument of this name; empty if nothing is known."""
    return f" {ARGUMENTS[name]}" if name in ARGUMENTS else ""
