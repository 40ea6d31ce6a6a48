"""Equinox: weights are (units, inputs, window), as in PyTorch; a transposed convolution's too."""

from taut.layouts._rows import Array, Flow, Row

_CONV = Row(
    {"weight": Array("kernel", "(group:groups out) in window*"), "bias": Array("bias", "(group:groups out) 1*")},
    Flow("mix"),
    takes="in window*",
)
_NORM = Row({"weight": Array("scale", "out*"), "bias": Array("bias", "out*")})


def _gates(units: str) -> dict[str, Array]:
    return {
        "weight_ih": Array("kernel", f"{units} in"),
        "weight_hh": Array("recurrent_kernel", f"{units} in"),
        "bias": Array("bias", units),
    }


def _attention() -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name in ("query", "key", "value"):
        arrays[f"{name}_proj.weight"] = Array(f"{name}/kernel", "(head:num_heads out) in")
        arrays[f"{name}_proj.bias"] = Array(f"{name}/bias", "(head:num_heads out)")
    arrays["output_proj.weight"] = Array("output/kernel", "out (in.head:num_heads in)")
    arrays["output_proj.bias"] = Array("output/bias", "out")
    return arrays


ROWS: dict[str, Row] = {
    "Linear": Row(
        {"weight": Array("kernel", "out in"), "bias": Array("bias", "out")},
        Flow("mix", shift="bias", computes="affine"),
        takes="in",
    ),
    **dict.fromkeys(("Conv", "Conv1d", "Conv2d", "Conv3d"), _CONV),
    **dict.fromkeys(("ConvTranspose", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"), _CONV),
    "Embedding": Row({"weight": Array("embedding", "token out")}),
    "GRUCell": Row({**_gates("(gate:3 out)"), "bias_n": Array("bias", "out")}, Flow("mix"), takes="in"),
    "LSTMCell": Row(_gates("(gate:4 out)"), Flow("mix"), takes="in"),
    "MultiheadAttention": Row(_attention(), Flow("mix"), takes="time in"),
    **dict.fromkeys(("LayerNorm", "GroupNorm", "RMSNorm", "BatchNorm"), _NORM),
    "PReLU": Row({"negative_slope": Array("slope", "out*")}, Flow("entry")),
    "Dropout": Row(flow=Flow("entry", computes="same")),
}
