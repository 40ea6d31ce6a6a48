"""Work that is rarely needed and known derivatives, arranged so that they cost nothing in the usual case.

XLA fuses a sum with what it sums and then reads an array once; what two sums share it writes out first, and new
memory costs a CPU more than the arithmetic. So a second and a third sum that are hardly ever needed wait behind
a condition, and a derivative that has a formula does not cost one more round of its iteration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from taut.functional._dtype import Array, Namespace, is_jax, is_torch


def rarely(xp: Namespace, needed: Array, rescue: Callable[[Array], Array], usual: Array) -> Array:
    """``rescue(usual)`` if ``needed``, a boolean, is true; ``usual`` if not, without the work of ``rescue``.

    For JAX a loop of at most one round rather than ``cond``: under ``vmap`` a condition for each element turns into
    both branches for all, a loop into no round if none needs it. Compiled PyTorch always computes ``rescue``, which
    therefore selects for itself where it applies.
    """
    if is_jax(needed) and isinstance(needed, sys.modules["jax"].core.Tracer):
        lax = sys.modules["jax"].lax
        return lax.while_loop(lambda s: s[1], lambda s: (rescue(s[0]), s[1] & False), (usual, needed))[0]
    if is_torch(needed) and sys.modules["torch"].compiler.is_compiling():
        return rescue(usual)
    return rescue(usual) if bool(needed) else usual


Derivative = Callable[[Array, tuple[Array, ...], tuple[Array, ...]], Array]


def with_derivative(value: Callable[..., Array], derivative: Derivative, *given: Any) -> Array:
    """``value(*given)``, whose derivative along d is known to be ``derivative(value, given, d)``.

    JAX cannot differentiate a loop in reverse, and is told the derivative instead; the other libraries differentiate
    ``value`` as it stands.
    """
    if not any(is_jax(g) for g in given):
        return value(*given)
    function = sys.modules["jax"].custom_jvp(value)

    @function.defjvp
    def _(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
        out = function(*primals)
        return out, derivative(out, primals, tangents)

    return function(*given)


def solved(root: Callable[..., Array], derivative: Derivative, *given: Any) -> Array:
    """`with_derivative` for a root found by iteration, where no library should differentiate the iteration.

    PyTorch is handed the derivative as a term that is linear in ``given`` and zero in value.
    """
    if not any(is_torch(g) for g in given):
        return with_derivative(root, derivative, *given)
    fixed = tuple(g.detach() if is_torch(g) else g for g in given)
    out = root(*fixed)
    if not any(is_torch(g) and g.requires_grad for g in given):
        return out
    turn = derivative(out, fixed, given)
    return out + (turn - turn.detach())
