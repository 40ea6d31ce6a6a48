"""Keras's layers: the last axis of a kernel is the units, or the inputs for transposed kernels."""

from typing import Any

from taut.layouts._einsum import einsum
from taut.layouts._rows import Array, Arrays, Flow, Row

_BIAS = Array("bias", "out")
_DENSE = Row(
    {"kernel": Array("kernel", "in out"), "bias": _BIAS},
    Flow("mix", {"units": "out"}, shift="bias", activation="activation", computes="affine"),
    takes="... in",
)


def _placed(module: Any) -> str:
    """One row of a picture or a series, its features last or first."""
    return "window* in" if module.data_format == "channels_last" else "in window*"


_CONV = Row(
    {"kernel": Array("kernel", "window* in (group:groups out)"), "bias": Array("bias", "(group:groups out)")},
    Flow("mix"),
    takes=_placed,
)
_TRANSPOSED = Row({"kernel": Array("kernel", "window* out in"), "bias": _BIAS}, Flow("mix"), takes=_placed)
_DEPTHWISE = Row(
    {"kernel": Array("depthwise_kernel", "window* group out"), "bias": Array("bias", "(group out:depth_multiplier)")},
    Flow("mix"),
    takes=_placed,
)
_SEPARABLE = Row(
    {
        "depthwise_kernel": Array("depthwise_kernel", "window* group out"),
        "pointwise_kernel": Array("pointwise_kernel", "window* in out"),
        "bias": _BIAS,
    },
    Flow("mix"),
    takes=_placed,
)


def _recurrent(units: str, at: str, bias: str | None = None) -> dict[str, Array]:
    return {
        "kernel": Array("kernel", f"in {units}", f"{at}kernel"),
        "recurrent_kernel": Array("recurrent_kernel", f"in {units}", f"{at}recurrent_kernel"),
        "bias": Array("bias", bias or units, f"{at}bias"),
    }


def _gru(at: str) -> Any:
    def arrays(module: Any) -> Arrays:
        after = module.reset_after  # then the input and the state have a bias each
        return _recurrent("(gate:3 out)", at, "part (gate:3 out)" if after else None)

    return arrays


def _attention(query_heads: str, other_heads: str) -> Row:
    """Each projection is an EinsumDense with a separate axis for the heads."""

    def side(name: str, heads: str) -> dict[str, Array]:
        at = f"_{name}_dense"
        return {
            f"{name}/kernel": Array(f"{name}/kernel", f"in head:{heads} out", f"{at}.kernel"),
            f"{name}/bias": Array(f"{name}/bias", f"head:{heads} out", f"{at}.bias"),
        }

    return Row(
        {
            **side("query", query_heads),
            **side("key", other_heads),
            **side("value", other_heads),
            "attention_output/kernel": Array("output/kernel", f"in.head:{query_heads} in out", "_output_dense.kernel"),
            "attention_output/bias": Array("output/bias", "out", "_output_dense.bias"),
        },
        Flow("mix"),
    )


_NORM = Row({"gamma": Array("scale", "out*"), "beta": Array("bias", "out*")})

ROWS: dict[str, Row] = {
    "Dense": _DENSE,
    "EinsumDense": Row(lambda module: einsum(module.equation), Flow("mix")),
    "Embedding": Row({"embeddings": Array("embedding", "token out")}),
    "Conv1D": _CONV,
    "Conv2D": _CONV,
    "Conv3D": _CONV,
    "Conv1DTranspose": _TRANSPOSED,
    "Conv2DTranspose": _TRANSPOSED,
    "Conv3DTranspose": _TRANSPOSED,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "SimpleRNN": Row(_recurrent("out", "cell."), Flow("mix"), takes="time in"),
    "SimpleRNNCell": Row(_recurrent("out", ""), Flow("mix"), takes="in"),
    "LSTM": Row(_recurrent("(gate:4 out)", "cell."), Flow("mix"), takes="time in"),
    "LSTMCell": Row(_recurrent("(gate:4 out)", ""), Flow("mix"), takes="in"),
    "GRU": Row(_gru("cell."), Flow("mix"), takes="time in"),
    "GRUCell": Row(_gru(""), Flow("mix"), takes="in"),
    "RNN": Row(children=("cell",)),
    "Bidirectional": Row(flow=Flow("mix"), children=("forward_layer", "backward_layer"), takes="time in"),
    "TimeDistributed": Row(children=("layer",)),
    "MultiHeadAttention": _attention("num_heads", "num_heads"),
    "GroupQueryAttention": _attention("num_query_heads", "num_key_value_heads"),
    "BatchNormalization": _NORM,
    "LayerNormalization": _NORM,
    "GroupNormalization": _NORM,
    "RMSNormalization": Row({"scale": Array("scale", "out*")}),
    "PReLU": Row({"alpha": Array("slope", "out*")}, Flow("entry")),
}
