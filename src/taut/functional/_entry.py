"""What the entrywise maps share."""

from __future__ import annotations

from typing import Any

from taut.functional._dtype import Array, Namespace, Number, namespace, number, real, widen


def ready(w: Array, *numbers: Number) -> tuple[Any, ...]:
    """The namespace, ``w``, ``w`` in computing precision, and the numbers as arrays beside it."""
    xp = namespace(w, *numbers)
    w = real(xp, w)
    x = widen(xp, w)
    return (xp, w, x, *(number(xp, n, x) for n in numbers))


def size(xp: Namespace, x: Array) -> Array:
    """|x|, with the gradient 0 at 0: JAX's own ``abs`` has 1 there, which moves weights that are zero.

    The larger of two numbers that are equal has half the gradient of each. A product with the sign would do as well, and
    costs XLA three comparisons.
    """
    return xp.maximum(x, -x)


def signed(xp: Namespace, x: Array, size: Array) -> Array:
    """``size`` with the signs of ``x``, and no −0.0."""
    return xp.where(size == 0, xp.zeros_like(size), xp.where(x < 0, -size, size))
