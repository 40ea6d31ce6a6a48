"""Prediction on the CPU that skips zero weights, where that is faster.

Units and inputs without effect are cut out first (`taut.compact`). Of what is left, a Dense kernel is kept as a SciPy CSR
matrix if its share of non-zeros is at most `DENSITY`; the other kernels stay dense. Rows are predicted in blocks, by numpy
and SciPy. If no kernel is sparse, the compacted model predicts as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taut import _extras, activations, layouts
from taut.model.compacting import compact

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["DENSITY", "FEWEST", "SparseModel"]

DENSITY = 0.03
"""Largest share of non-zeros for which CSR is used. SciPy multiplies on one thread, dense BLAS on all cores with vector
instructions; benchmarks/sparse.py measures below which density SciPy is faster."""
FEWEST = 1 << 14
"""Smallest number of entries of a kernel for which CSR is used: in smaller ones the calls cost more than the products."""
BLOCK = 256  # rows at a time, so that the activities of a block stay in the cache

Array = np.ndarray


def _gelu(z: Array) -> Array:
    from scipy.special import erf

    return z * (0.5 * (1 + erf(z * np.float32(np.sqrt(0.5)))))


def _sigmoid(z: Array) -> Array:
    from scipy.special import expit

    return expit(z)


def _negative(z: Array, value: Callable[[Array], Array], scale: float = 1.0) -> Array:
    return np.float32(scale) * np.where(z > 0, z, value(np.minimum(z, 0)))


def _softplus(z: Array) -> Array:
    return np.logaddexp(z, np.float32(0))


def _shifted(z: Array) -> Array:
    return z - z.max(axis=-1, keepdims=True)


def _softmax(z: Array) -> Array:
    e = np.exp(_shifted(z))
    return e / e.sum(axis=-1, keepdims=True)


def _log_softmax(z: Array) -> Array:
    s = _shifted(z)
    return s - np.log(np.exp(s).sum(axis=-1, keepdims=True))


# The same functions as in taut.activations, on numpy arrays: a call of JAX costs more than a block's product.
NUMPY: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "relu6": lambda z: np.clip(z, 0, 6),
    "leaky_relu": lambda z: np.maximum(z, np.float32(0.2) * z),
    "elu": lambda z: _negative(z, np.expm1),
    "selu": lambda z: _negative(z, lambda n: np.float32(1.6732632423543772) * np.expm1(n), 1.0507009873554805),
    "gelu": _gelu,
    "silu": lambda z: z * _sigmoid(z),
    "swish": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * np.tanh(_softplus(z)),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "hard_sigmoid": lambda z: np.clip(z + 3, 0, 6) / np.float32(6),
    "softplus": _softplus,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "exponential": np.exp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}


def _activation(function: Any) -> Callable[[Array], Array]:
    name = activations.name_of(function)
    if name in NUMPY:
        return NUMPY[name]
    return lambda z: np.asarray(function(z))  # a user's own, in JAX


@dataclass(frozen=True)
class _Product:
    """x · kernel + bias; ``kernel`` is CSR of the transpose, or the dense transpose: (units, inputs)."""

    name: str
    kernel: Any
    bias: Array | None
    density: float

    @property
    def sparse(self) -> bool:
        return not isinstance(self.kernel, np.ndarray)

    def __call__(self, x: Array) -> Array:
        rows = x.reshape(-1, x.shape[-1])
        out = (self.kernel @ rows.T).T  # what comes out is laid out as the next product takes it
        out = out if self.bias is None else out + self.bias
        return out.reshape(*x.shape[:-1], out.shape[-1])


class SparseModel:
    """A copy of a model for prediction only, made by ``model.to_sparse()``; its outputs agree with the model's to 1e-6.

    Printed, it shows for each kernel whether it is kept sparse.

    Args:
        model: a model that has weights.
        density: a kernel is kept sparse if at most this share of its entries is not zero.
        fewest: a kernel is kept sparse only if it has at least this many entries.

    Raises:
        ModuleNotFoundError: SciPy is not installed.
        ValueError: a layer that it does not support; the message names it.

    >>> import numpy as np
    >>> import taut
    >>> model = taut.Sequential([taut.layers.Dense(256, "relu", input_shape=(256,)), taut.layers.Dense(2)])
    >>> kernel, *others = model.get_weights()
    >>> model.set_weights([kernel * np.eye(256), *others])
    >>> print(model.to_sparse())
    dense    256 × 256  density 0.4 %  sparse
    dense_1  256 × 2  density 100.0 %  dense
    """

    def __init__(self, model: Sequential, density: float = DENSITY, fewest: int = FEWEST) -> None:
        scipy_sparse = _extras.require("scipy.sparse", "A sparse model")
        model._need_built()
        self.input_shape, self.output_shape = model.input_shape, model.output_shape
        self._takes, self._name = model._rows, model.name
        steps: list[Callable[[Array], Array]] = []
        small = compact(model, training=False)
        for layer, name in zip(small.layers, small._names, strict=True):
            kind, layout = type(layer), layouts.of(layer)
            way, computes = (layout.flow.way, layout.flow.computes) if layout.flow else ("", "")
            if way == "flatten":
                steps.append(lambda x: x.reshape(len(x), -1))
            elif way == "select":
                steps.append(_selection(layer))
            elif computes == "affine":
                kernel = np.asarray(layer.kernel[...])
                share = np.count_nonzero(kernel) / kernel.size
                kept = scipy_sparse.csr_array if share <= density and kernel.size >= fewest else np.ascontiguousarray
                bias = np.asarray(layer.bias[...]) if "bias" in layout else None
                steps.append(_Product(name, kept(kernel.T), bias, share))
            elif computes != "same":
                raise ValueError(
                    f"to_sparse does not support layer {name!r} ({kind.__name__}); it supports Dense, Flatten, Activation, "
                    f"Dropout, Select, Input and nnx.Linear. Use model.predict instead."
                )
            if layout.flow and layout.flow.activation:
                steps.append(_activation(getattr(layer, layout.flow.activation)))
        self._steps = steps
        self._whole = None if any(isinstance(s, _Product) and s.sparse for s in steps) else small

    def predict(self, x: Any, batch_size: int = BLOCK) -> Array:
        """The output for each row of ``x``: (rows, ...), float32."""
        rows = self._takes(x)
        if self._whole is not None:
            return self._whole.predict(rows)
        blocks = [self._block(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
        return np.ascontiguousarray(np.concatenate(blocks), np.float32)

    def _block(self, x: Array) -> Array:
        with np.errstate(over="ignore"):  # as XLA
            for step in self._steps:
                x = step(x)
        return x

    def __str__(self) -> str:
        products = [step for step in self._steps if isinstance(step, _Product)]
        width = max((len(p.name) for p in products), default=0)
        return "\n".join(
            f"{p.name.ljust(width)}  {p.kernel.shape[1]} × {p.kernel.shape[0]}  density {p.density:.1%}  "
            f"{'sparse' if p.sparse else 'dense'}".replace("%", " %")
            for p in products
        )


def _selection(layer: Any) -> Callable[[Array], Array]:
    indices = np.asarray(layer.indices)
    if layer.axis is None:
        return lambda x: x.reshape(len(x), -1)[:, indices]
    return lambda x: np.take(x, indices, axis=-1)
