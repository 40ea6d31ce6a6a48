"""taut's own layers."""

from taut.layouts._rows import Array, Flow, Row

ROWS: dict[str, Row] = {
    "Dense": Row(
        {"kernel": Array("kernel", "in out"), "bias": Array("bias", "out")},
        Flow("mix", {"units": "out"}, shift="bias", activation="activation", computes="affine"),
        takes="... in",
    ),
    "Input": Row(flow=Flow("entry", computes="same")),
    "Flatten": Row(flow=Flow("flatten")),
    "Select": Row(flow=Flow("select")),
    "Dropout": Row(flow=Flow("entry", computes="same")),
    "Activation": Row(flow=Flow("entry", activation="activation", computes="same")),
}
