"""PyTorch: weights are (units, inputs, window), those of a transposed convolution (inputs, units, window).

A recurrent layer's arrays count layers and directions: ``weight_ih_l*`` stands for ``weight_ih_l0``, ``weight_ih_l0_reverse``,
``weight_ih_l1``, and so on.
"""

from taut.layouts._rows import Array, Flow, Row

_BIAS = Array("bias", "out")
_CONV = Row(
    {"weight": Array("kernel", "(group:groups out) in window*"), "bias": Array("bias", "(group:groups out)")},
    Flow("mix"),
    takes="in window*",
)
_TRANSPOSED = Row(
    {"weight": Array("kernel", "(group:groups in) out window*"), "bias": Array("bias", "(group:groups out)")},
    Flow("mix"),
    takes="in window*",
)
_TABLE = Row({"weight": Array("embedding", "token out")})
_NORM = Row({"weight": Array("scale", "out*"), "bias": Array("bias", "out*")})
_LAZY = (
    "Linear",
    *(f"{kind}{n}d" for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm") for n in (1, 2, 3)),
)


def _recurrent(units: str) -> Row:
    return Row(
        {
            "weight_ih_l*": Array("kernel", f"{units} in"),
            "weight_hh_l*": Array("recurrent_kernel", f"{units} in"),
            "weight_hr_l*": Array("projection/kernel", "out in"),
            "bias_ih_l*": Array("bias", units),
            "bias_hh_l*": Array("bias", units),
        },
        Flow("mix"),
        takes="time in",
    )


def _cell(units: str) -> Row:
    return Row(
        {
            "weight_ih": Array("kernel", f"{units} in"),
            "weight_hh": Array("recurrent_kernel", f"{units} in"),
            "bias_ih": Array("bias", units),
            "bias_hh": Array("bias", units),
        },
        Flow("mix"),
        takes="in",
    )


_ATTENTION = Row(
    {
        "in_proj_weight": Array("query+key+value/kernel", "(part:3 head:num_heads out) in"),
        "q_proj_weight": Array("query/kernel", "(head:num_heads out) in"),
        "k_proj_weight": Array("key/kernel", "(head:num_heads out) in"),
        "v_proj_weight": Array("value/kernel", "(head:num_heads out) in"),
        "in_proj_bias": Array("query+key+value/bias", "(part:3 head:num_heads out)"),
        "bias_k": Array("key/bias", "1 1 (head:num_heads out)"),
        "bias_v": Array("value/bias", "1 1 (head:num_heads out)"),
        "out_proj.weight": Array("output/kernel", "out (in.head:num_heads in)"),
        "out_proj.bias": Array("output/bias", "out"),
    },
    Flow("mix"),
    takes="time in",
)

ROWS: dict[str, Row] = {
    "Linear": Row(
        {"weight": Array("kernel", "out in"), "bias": _BIAS},
        Flow("mix", shift="bias", computes="affine"),
        takes="... in",
    ),
    "Bilinear": Row({"weight": Array("kernel", "out in in2"), "bias": _BIAS}, Flow("mix"), takes="... in"),
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _CONV),
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"), _TRANSPOSED),
    "Embedding": _TABLE,
    "EmbeddingBag": _TABLE,
    "RNN": _recurrent("out"),
    "LSTM": _recurrent("(gate:4 out)"),
    "GRU": _recurrent("(gate:3 out)"),
    "RNNCell": _cell("out"),
    "LSTMCell": _cell("(gate:4 out)"),
    "GRUCell": _cell("(gate:3 out)"),
    "MultiheadAttention": _ATTENTION,
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), _NORM),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), _NORM),
    **dict.fromkeys(("LayerNorm", "GroupNorm", "RMSNorm"), _NORM),
    "PReLU": Row({"weight": Array("slope", "out")}, Flow("entry")),
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), Row(flow=Flow("entry", computes="same"))),
    **{
        f"Lazy{name}": Row(
            refuse=f"a Lazy{name} has no shape before its first batch. Call the model on one batch, which turns it "
            f"into a {name}."
        )
        for name in _LAZY
    },
}
