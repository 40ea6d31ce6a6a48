"""Dense: the fully connected layer."""

from __future__ import annotations

from typing import Any, ClassVar

from taut import activations, errors
from taut.layers._base import Layer, Shape, Source

__all__ = ["Dense"]


class Dense(Layer):
    r"""A fully connected layer: activation(x · kernel + bias).

    Args:
        units: outputs a row, ≥ 1.
        activation: a name such as "relu", a function in JAX, or None for the identity.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: the initial weights; None means the default.
        kernel_regularizer, bias_regularizer: penalties on the weights; terms, names or configs.
        activity_regularizer: a penalty on the layer's output, divided by the batch size.
        kernel_constraint, bias_constraint: sets in which the weights are kept, after every step.
        unit_regularizer, unit_constraint: a penalty on, or a constraint for, each unit's kernel column together with
            its bias, as one vector of inputs + 1 weights. ``GroupLasso`` then makes whole units zero, including the
            bias.
        input_shape: one row of the data without the batch axis; ``input_dim=n`` is ``input_shape=(n,)``.

    Shapes: x (batch, ..., inputs); kernel (inputs, units); bias (units,); output (batch, ..., units).
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("kernel", "bias")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        unit_regularizer: Any = None,
        unit_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        units = errors.integer("Dense: units", units, 1)
        if "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(
            activity_regularizer=activity_regularizer,
            kernel_initializer="glorot_uniform" if kernel_initializer is None else kernel_initializer,
            bias_initializer="zeros" if bias_initializer is None else bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            unit_regularizer=unit_regularizer,
            unit_constraint=unit_constraint,
            **kwargs,
        )
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        for argument in ("bias_regularizer", "bias_constraint"):
            if not self.use_bias and getattr(self, argument) is not None:
                raise ValueError(
                    f"Dense: {argument}={getattr(self, argument)}, but use_bias=False, so there is no bias. Remove the "
                    "term, or set use_bias=True."
                )

    @property
    def built(self) -> bool:
        return hasattr(self, "kernel")

    def build(self, input_shape: Shape, source: Source) -> None:
        kernel = self.make("kernel", (input_shape[-1], self.units), source)
        if self.use_bias:
            self.bias = self.make("bias", (self.units,), source)
        self.kernel = kernel  # last: a layer with a kernel counts as built

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def before_activation(self, x: Any) -> Any:
        """x · kernel + bias: the input of the activation (the logits, for a softmax)."""
        out = x @ self.kernel[...]
        return out + self.bias[...] if self.use_bias else out

    def __call__(self, x: Any) -> Any:
        return self.activation(self.before_activation(x))
