"""Export of a model to ONNX, which other programs and languages can run.

The layers and activations listed here can be exported; for any other, the error names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _extras, _files, activations, layouts
from taut.model.files import check_name

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["export"]

OPSET = 17  # of 2022: old enough for most runtimes, new enough for every operator below
IR = 8


class _Graph:
    """Nodes and constants in order; ``value`` is the name of the last node's output."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.value = "x"

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; its output is the value from here on."""
        self.value = f"v{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [self.value], **attributes))
        return self.value


def _node(kind: str, **attributes: Any) -> Callable[[_Graph, str], str]:
    return lambda graph, x: graph.node(kind, x, **attributes)


def _gelu(graph: _Graph, x: str) -> str:
    """x·Φ(x) = x/2·(1 + erf(x/√2)); the operator Gelu came in opset 20."""
    half = graph.node("Mul", x, graph.constant(0.5))
    erf = graph.node("Erf", graph.node("Mul", x, graph.constant(np.sqrt(0.5))))
    return graph.node("Mul", half, graph.node("Add", erf, graph.constant(1.0)))


def _relu6(graph: _Graph, x: str) -> str:
    return graph.node("Clip", x, graph.constant(0.0), graph.constant(6.0))


def _silu(graph: _Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _mish(graph: _Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))


def _linear(graph: _Graph, x: str) -> str:
    return x


# ONNX's defaults differ from Keras's where an attribute is given.
ACTIVATIONS: dict[str, Callable[[_Graph, str], str]] = {
    "linear": _linear,
    "relu": _node("Relu"),
    "relu6": _relu6,
    "leaky_relu": _node("LeakyRelu", alpha=0.2),
    "elu": _node("Elu", alpha=1.0),
    "selu": _node("Selu"),
    "gelu": _gelu,
    "silu": _silu,
    "swish": _silu,
    "mish": _mish,
    "tanh": _node("Tanh"),
    "sigmoid": _node("Sigmoid"),
    "hard_sigmoid": _node("HardSigmoid", alpha=1 / 6, beta=0.5),
    "softplus": _node("Softplus"),
    "softsign": _node("Softsign"),
    "exponential": _node("Exp"),
    "softmax": _node("Softmax", axis=-1),
    "log_softmax": _node("LogSoftmax", axis=-1),
}


def export(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to ``path`` as ONNX: input "x" (rows, ...), output "y" (rows, ...), float32, any number of rows.

    Each entry of ``model.metadata`` is stored as JSON in a property of the ONNX model, so that column names and classes are
    in the file.

    Raises:
        ModuleNotFoundError: onnx is not installed.
        ValueError: a layer or an activation that cannot be exported (the message names it), or a name that belongs to
            another format.
    """
    onnx = _extras.require("onnx", "Exporting to ONNX")
    _extras.require("onnx.helper", "Exporting to ONNX")
    model._need_built()
    check_name(path, "onnx")
    graph = _Graph(onnx)
    for layer, name in zip(model.layers, model._names, strict=True):
        _layer(graph, layer, name)
    if graph.value == "x":
        graph.node("Identity", "x")
    graph.nodes[-1].output[0] = "y"
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    whole = helper.make_graph(
        graph.nodes,
        model.name,
        [helper.make_tensor_value_info("x", kind, ["rows", *(model.input_shape or ())])],
        [helper.make_tensor_value_info("y", kind, ["rows", *(model.output_shape or ())])],
        graph.constants,
    )
    from taut import __version__

    proto = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="taut",
        producer_version=__version__,
    )
    proto.ir_version = IR
    helper.set_model_props(proto, {key: json.dumps(value) for key, value in model.metadata.items()})
    onnx.checker.check_model(proto, full_check=True)
    _files.put(path, proto.SerializeToString(deterministic=True), "model.onnx")


def _layer(graph: _Graph, layer: Any, name: str) -> None:
    x, kind, layout = graph.value, type(layer), layouts.of(layer)
    way, computes = (layout.flow.way, layout.flow.computes) if layout.flow else ("", "")
    if way == "flatten":
        graph.node("Flatten", x, axis=1)
    elif way == "select":
        if layer.axis is None:
            x = graph.node("Flatten", x, axis=1)
        graph.node("Gather", x, graph.constant(layer.indices, np.int64), axis=-1)
    elif computes == "affine":
        x = graph.node("MatMul", x, graph.constant(layer.kernel[...]))
        if "bias" in layout:
            x = graph.node("Add", x, graph.constant(layer.bias[...]))
    elif computes != "same":
        raise ValueError(
            f"layer {name!r} ({kind.__name__}) cannot be exported to ONNX; supported are Dense, Flatten, Activation, Dropout, "
            f"Select, Input and nnx.Linear. Replace the layer, or export the layers before it as a model of their own."
        )
    if layout.flow and layout.flow.activation:
        _activate(graph, getattr(layer, layout.flow.activation), name, x)


def _activate(graph: _Graph, activation: Any, name: str, x: str) -> None:
    known = activations.name_of(activation)
    if known not in ACTIVATIONS:
        shown = known or getattr(activation, "__name__", type(activation).__name__)
        raise ValueError(
            f"layer {name!r}: the activation {shown!r} cannot be exported to ONNX; supported are {', '.join(ACTIVATIONS)}."
        )
    graph.value = ACTIVATIONS[known](graph, x)
