"""A description of the arrays of each kind of layer, from which everything else follows.

A kernel's axes cannot be told from its shape: PyTorch and Equinox keep (out, in), Keras and Flax (in, out), an LSTM four gates
on one axis, a depthwise convolution no sum over inputs at all. So each kind of layer has a row here, under the name of
its class in its library, which says what each axis of each array counts. From it follow one unit's fan-in (the weights
that a term with ``axis=None`` uses), the groups of inputs, units and filters, the matrices of gates and heads, fans,
Keras's axis, and what ``taut.compact`` may remove.

`of` gives the layout of a layer; `layout` declares the layout of a class of your own. An array alone does not tell its
layout: without a layer, or
an explicit axis, a term uses all axes but the last for each unit, which is right only for Dense and convolution kernels
in Keras and Flax.

>>> import taut
>>> model = taut.Sequential([taut.layers.Dense(3, input_shape=(4,))])
>>> kernel = taut.layouts.of(model.layers[0])["kernel"]
>>> kernel.role, kernel.fan_in, kernel.fans
('kernel', (0,), (4, 3))

Reading the table imports no library, because rows are found by class names.
"""

from taut.layouts._axes import Factor
from taut.layouts._reading import Layout, Parameter, fans, layout, main_fan_in, of
from taut.layouts._rows import Array, Flow, Row, name_of, table

__all__ = [
    "Array",
    "Factor",
    "Flow",
    "Layout",
    "Parameter",
    "Row",
    "fans",
    "layout",
    "main_fan_in",
    "name_of",
    "of",
    "table",
]
