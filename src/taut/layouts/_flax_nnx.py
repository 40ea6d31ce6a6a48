"""Flax NNX: modules hold their arrays; recurrent and attention layers hold linear layers."""

from typing import Any

from taut.layouts._einsum import einsum, general
from taut.layouts._rows import Array, Arrays, Flow, Row

BIAS = Array("bias", "out*")


def linear(name: str, kernel: str, bias: str = "out", role: str = "kernel") -> dict[str, Array]:
    """The arrays of a linear layer inside another."""
    return {f"{name}/kernel": Array(role, kernel), f"{name}/bias": Array("bias", bias)}


def attention(heads: str) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name in ("query", "key", "value"):
        arrays[f"{name}/kernel"] = Array(f"{name}/kernel", f"in head:{heads} out")
        arrays[f"{name}/bias"] = Array(f"{name}/bias", f"head:{heads} out")
    arrays["out/kernel"] = Array("output/kernel", f"in.head:{heads} in out")
    arrays["out/bias"] = Array("output/bias", "out")
    for name in ("query_ln", "key_ln"):  # one norm, the same for all heads
        arrays[f"{name}/scale"] = Array("scale", "out")
        arrays[f"{name}/bias"] = Array("bias", "out")
    return arrays


def gates(inputs: tuple[str, ...], state: tuple[str, ...], units: str = "out") -> dict[str, Array]:
    """The linear layers of a recurrent one: those of the inputs and those of the state."""
    arrays: dict[str, Array] = {}
    for name in (*inputs, *state):
        arrays |= linear(name, f"in {units}", units, "kernel" if name in inputs else "recurrent_kernel")
    return arrays


def length(size: Any) -> int:
    return len(size) if isinstance(size, tuple | list) else 1


def _linear_general(module: Any) -> Arrays:
    return general(len(module.batch_axis), length(module.in_features), length(module.out_features))


def conv_transpose(module: Any) -> Arrays:
    return {"kernel": Array("kernel", "window* out in" if module.transpose_kernel else "window* in out"), "bias": BIAS}


_NORM = Row({"scale": Array("scale", "out*"), "bias": BIAS})
_LSTM = gates(("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho"))


def _packed(units: str) -> Row:
    return Row(gates(("dense_i",), ("dense_h",), units), Flow("mix"))


CONV = Row(
    {
        "kernel": Array("kernel", "window* in (group:feature_group_count out)"),
        "bias": Array("bias", "(group:feature_group_count out)"),
    },
    Flow("mix"),
    takes="window* in",
)

ALIKE: dict[str, Row] = {
    "BatchNorm": _NORM,
    "LayerNorm": _NORM,
    "RMSNorm": _NORM,
    "GroupNorm": _NORM,
    "InstanceNorm": _NORM,
    "PReLU": Row({"negative_slope": Array("slope", "out*")}, Flow("entry")),
    "Dropout": Row(flow=Flow("entry", computes="same")),
}
"""The rows of kinds that NNX and Linen have under one name, with the same arrays."""

ROWS: dict[str, Row] = {
    "Linear": Row(
        {"kernel": Array("kernel", "in out"), "bias": BIAS},
        Flow("mix", {"in_features": "in", "out_features": "out"}, shift="bias", computes="affine"),
        takes="... in",
    ),
    "LinearGeneral": Row(_linear_general, Flow("mix")),
    "Einsum": Row(lambda module: einsum(module.einsum_str), Flow("mix")),
    "Conv": CONV,
    "ConvTranspose": Row(conv_transpose, Flow("mix"), takes="window* in"),
    "Embed": Row({"embedding": Array("embedding", "token out")}),
    "LSTMCell": Row(_LSTM, Flow("mix")),
    "OptimizedLSTMCell": _packed("(gate:4 out)"),
    "GRUCell": _packed("(gate:3 out)"),
    "SimpleCell": _packed("out"),
    "RNN": Row(children=("cell",)),
    "Bidirectional": Row(children=("forward_rnn", "backward_rnn")),
    "MultiHeadAttention": Row(attention("num_heads"), Flow("mix")),
    **ALIKE,
}
