"""Exported models give in onnxruntime what they give here: every layer kind, every activation.

Warnings of the runtime are its own.
"""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from flax import nnx

import taut
from taut.layers import Activation, Dense, Dropout, Flatten, Input, Select
from taut.model.onnx import ACTIVATIONS

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32) * 2
OURS = set(taut.activations.ACTIVATIONS)  # before a test registers its own


def run(file: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def test_every_activation_has_its_form() -> None:
    assert set(ACTIVATIONS) >= OURS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation(name: str, tmp_path: Path) -> None:
    model = taut.Sequential([Input((3,)), Activation(name)])
    model.export(tmp_path / "model.onnx")
    x = np.concatenate([X, np.asarray([[0, -30, 30], [-4, -3, 7]], np.float32)])
    expected = np.asarray(taut.activations.get(name)(jnp.asarray(x)))
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x), expected, rtol=1e-5, atol=1e-6)


MODELS: dict[str, list[Any]] = {
    "dense": [Dense(4, "relu", input_shape=(3,)), Dropout(0.5), Dense(2, "softmax")],
    "no bias, own layer of an activation": [Input((3,)), Dense(4, use_bias=False), Activation("tanh"), Dense(1)],
    "rows of several axes": [Dense(4, "selu", input_shape=(2, 3)), Flatten(), Dense(2)],
    "selections": [Select([2, 0], input_shape=(2, 3)), Select([3, 1], axis=None), Dense(2)],
    "of Flax": [Input((3,)), nnx.Linear(3, 4, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(0)), Dense(2)],
    "nothing at all": [Input((3,)), Dropout(0.5)],
}


@pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS)
def test_a_model_of(layers: list[Any], tmp_path: Path) -> None:
    taut.utils.set_random_seed(0)
    model = taut.Sequential(layers)
    model.export(tmp_path / "model.onnx")
    for rows in (1, 4):  # any number of them
        x = np.random.default_rng(rows).normal(size=(rows, *model.input_shape)).astype(np.float32)
        np.testing.assert_allclose(run(tmp_path / "model.onnx", x), model.predict(x), rtol=1e-5, atol=1e-6)


def test_a_compact_model_with_its_names(tmp_path: Path) -> None:
    model = taut.Sequential([Dense(6, "relu", input_shape=(3,)), Dense(2, "softmax")])
    w = model.get_weights()
    w[0][1], w[0][:, 2:5] = 0, 0
    model.set_weights(w)
    model.metadata = {"columns": ["a", "b", "ö"], "classes": ["no", "yes"]}
    small = taut.compact(model)
    small.export(tmp_path / "model.onnx")
    np.testing.assert_allclose(run(tmp_path / "model.onnx", X), model.predict(X), rtol=1e-5, atol=1e-6)
    proto = onnx.load(tmp_path / "model.onnx")
    assert {p.key: json.loads(p.value) for p in proto.metadata_props} == model.metadata
    assert sum(np.prod(i.dims) for i in proto.graph.initializer) < model.count_params()


def test_what_has_no_form_is_named(tmp_path: Path) -> None:
    class Odd(nnx.Module):
        def __call__(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"layer 'odd' \(Odd\) cannot be exported to ONNX"):
        taut.Sequential([Input((3,)), Odd()]).export(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="layer 'dense': the activation 'cube' cannot be exported to ONNX"):

        def cube(z: Any) -> Any:
            return z**3

        taut.Sequential([Dense(2, cube, input_shape=(3,))]).export(tmp_path / "model.onnx")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        taut.Sequential([Dense(2, input_shape=(3,))]).export(tmp_path / "nowhere" / "model.onnx")
    assert not list(tmp_path.iterdir())
