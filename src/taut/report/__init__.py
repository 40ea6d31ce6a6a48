"""What the terms did: numbers, text tables and pictures. The model is only read.

matplotlib is loaded when a picture is drawn, not before.
"""

from taut.report.numbers import (
    WeightRow,
    accuracy_under_noise,
    ignored_inputs,
    input_norms,
    inputs_ignored,
    weight_row,
    weights_table,
)
from taut.report.text import sparkline, text_table

__all__ = [
    "WeightRow",
    "accuracy_under_noise",
    "ignored_inputs",
    "input_norms",
    "inputs_ignored",
    "sparkline",
    "text_table",
    "weight_row",
    "weights_table",
]
