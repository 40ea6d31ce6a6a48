"""The penalties that regularizers add to the loss: one number for an array of weights, on Keras's scale.

Sums, without ½. A penalty of a half-precision array is computed and returned in float32: Σ|w| passes
float16's largest number, 65504, in an ordinary layer.
"""

from __future__ import annotations

from taut.functional._control import constant
from taut.functional._dtype import Array, Number, beside, namespace, number, real, widen
from taut.functional._entry import size
from taut.functional._norms import positive, root_sum_squares


def l1(w: Array, strength: Number = 1.0) -> Array:
    """The sum of absolute values: Σ strength·|w|.

    At zero the gradient is 0 in PyTorch and strength·1 in JAX, as in Keras on JAX, so that ``terms="keras"`` follows
    Keras (docs/decisions/045). The proximal map, which is the default, does not use this gradient.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or an array that broadcasts to ``w``.

    >>> float(l1([-3.0, 0.5], 2.0))
    7.0
    """
    xp = namespace(w, strength)
    x = widen(xp, real(xp, w))
    return xp.sum(xp.abs(x) * number(xp, strength, x))


def l2(w: Array, strength: Number = 1.0) -> Array:
    """The sum of squares: Σ strength·w², without the ½ that many texts write.

    Args:
        w: weights, any shape.
        strength: ≥ 0, a number or an array that broadcasts to ``w``.

    >>> float(l2([-3.0, 0.5], 2.0))
    18.5
    """
    xp = namespace(w, strength)
    x = widen(xp, real(xp, w))
    # In this order a strength of 0 is never multiplied by a square that has overflowed.
    return xp.sum(x * (x * number(xp, strength, x)))


def group_norms(w: Array, strength: Number, axes: tuple[int, ...]) -> Array:
    """The sum of the groups' L2 norms: strength·Σ_g ‖w_g‖. At a zero group the gradient is 0.

    Args:
        w: weights, any shape.
        strength: ≥ 0.
        axes: the axes that one group spans.

    >>> float(group_norms([[3.0, 0.0], [4.0, 2.0]], 1.0, (0,)))
    7.0
    """
    xp = namespace(w, strength)
    x = widen(xp, real(xp, w))
    norms = xp.astype(root_sum_squares(xp, x, axes), x.dtype)
    return xp.sum(norms * number(xp, strength, x))


def mutual_coherence(w: Array, factor: Number, rows: bool) -> Array:
    """How far the rows (or columns) of a matrix are from orthogonal: factor times the mean |cosine|.

    factor · ½ · Σ_{i≠j} |û_i·û_j| / (n(n−1)/2), with û the rows (columns) divided by their norms. A zero row counts as
    orthogonal to all others; a single row gives 0.

    Args:
        w: a matrix.
        factor: ≥ 0.
        rows: compare rows if true, columns otherwise.

    Raises:
        ValueError: ``w`` is not a matrix.

    >>> float(mutual_coherence([[1.0, 0.0], [1.0, 1.0]], 1.0, rows=True))  # cos 45°
    0.7071...
    """
    xp = namespace(w, factor)
    x = widen(xp, real(xp, w))
    if x.ndim != 2:
        raise ValueError(
            f"An orthogonal regularizer compares the rows or columns of a matrix (two axes); got an array "
            f"of shape {tuple(x.shape)}. Reshape the weights to (fan-in, units) first."
        )
    x = x if rows else xp.matrix_transpose(x)
    n = x.shape[0]
    if n < 2:
        return xp.sum(x * 0) * number(xp, factor, x)
    # Scaled to about length 1 by a constant first, because the derivative of x/‖x‖ contains 1/‖x‖², which is huge for
    # tiny rows.
    x = x / constant(positive(xp, xp.astype(root_sum_squares(xp, x, (1,)), x.dtype)))
    norm = xp.astype(root_sum_squares(xp, x, (1,)), x.dtype)
    unit = x / xp.where(norm == 0, xp.ones_like(norm), norm)
    cosines = unit @ xp.matrix_transpose(unit)  # (n, n)
    apart = size(xp, cosines) * (1 - xp.eye(n, dtype=x.dtype, **beside(x)))
    return number(xp, factor, x) * xp.sum(apart) / (n * (n - 1.0))
