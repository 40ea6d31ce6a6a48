"""What the arrays of each layer kind are: one description, from which everything else follows.

A kernel's axes cannot be told from its shape: PyTorch and Equinox keep (out, in), Keras and Flax (in, out), an LSTM four gates
on one axis, a depthwise convolution no sum over inputs at all. So each layer kind has a row here, by its library's name
for it, which says what each axis of each of its arrays counts. From it follow one unit's fan-in (what a term with
``axis=None`` bounds), the groups of inputs, units and filters, the matrices of gates and heads, fans, Keras's axis, and
what ``taut.compact`` may cut.

`of` answers for a layer; `layout` declares a class of your own. A bare array says nothing about its layout: without a layer, or
an explicit axis, a term takes all axes but the last for a unit's, which is right for Dense and convolution kernels in
Keras and Flax alone.

>>> import taut
>>> model = taut.Sequential([taut.layers.Dense(3, input_shape=(4,))])
>>> kernel = taut.layouts.of(model.layers[0])["kernel"]
>>> kernel.role, kernel.fan_in, kernel.fans
('kernel', (0,), (4, 3))

Reading the table imports no library: rows go by class names.
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
