"""Flax Linen: modules hold no arrays, so `taut.layouts.of` takes ``variables["params"]`` beside them."""

from typing import Any

from taut.layouts._einsum import einsum, general
from taut.layouts._flax_nnx import ALIKE, BIAS, CONV, attention, conv_transpose, gates, length
from taut.layouts._rows import Array, Arrays, Flow, Row


def _dense_general(module: Any) -> Arrays:
    return general(length(module.batch_dims), length(module.axis), length(module.features))


def _einsum(module: Any) -> Arrays:
    if module.einsum_str is None:
        raise ValueError(
            "the equation of this Einsum is an argument of its call; give it to the constructor instead, einsum_str=..."
        )
    return einsum(module.einsum_str)


_ATTENTION = Row(attention("num_heads"), Flow("mix"))
_LSTM = Row(gates(("ii", "if", "ig", "io"), ("hi", "hf", "hg", "ho")), Flow("mix"))

ROWS: dict[str, Row] = {
    "Dense": Row({"kernel": Array("kernel", "in out"), "bias": BIAS}, Flow("mix"), takes="... in"),
    "DenseGeneral": Row(_dense_general, Flow("mix")),
    "Einsum": Row(_einsum, Flow("mix")),
    "Conv": CONV,
    "ConvTranspose": Row(conv_transpose, Flow("mix"), takes="window* in"),
    "Embed": Row({"embedding": Array("embedding", "token out")}),
    "LSTMCell": _LSTM,
    "OptimizedLSTMCell": _LSTM,
    "GRUCell": Row(gates(("ir", "iz", "in"), ("hr", "hz", "hn")), Flow("mix")),
    "SimpleCell": Row(gates(("i",), ("h",)), Flow("mix")),
    "MultiHeadDotProductAttention": _ATTENTION,
    "MultiHeadAttention": _ATTENTION,
    **ALIKE,
}
