"""Loops that compile where they can: ``jax.lax`` for JAX arrays, PyTorch's own loop under torch.compile.

Unrolled into a scan body, twenty iterations took XLA over a minute to compile; as a loop, none. Elsewhere a loop
is plain Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from taut.functional._dtype import Array, Namespace, eps, is_jax, is_torch

S = TypeVar("S")


def while_(xp: Namespace, limit: int, unfinished: Callable[[S], Any], body: Callable[[S], S], state: S) -> S:
    """Apply ``body`` until ``unfinished(state)`` is false, at most ``limit`` times.

    ``state`` is an array or a tuple of arrays, whose shapes and dtypes do not change.
    """
    if xp.__name__.startswith("jax"):
        lax = sys.modules["jax"].lax
        _, state = lax.while_loop(
            lambda s: (s[0] < limit) & unfinished(s[1]), lambda s: (s[0] + 1, body(s[1])), (0, state)
        )
        return state
    if "torch" in xp.__name__ and sys.modules["torch"].compiler.is_compiling():
        return _while_in_torch(limit, unfinished, body, state)
    for _ in range(limit):
        if not bool(unfinished(state)):
            break
        state = body(state)
    return state


def _while_in_torch(limit: int, unfinished: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    """`while_` for torch.compile: one operator of the graph, since a Python loop cannot depend on a tensor."""
    import torch
    from torch._higher_order_ops import while_loop

    alone = not isinstance(state, tuple)

    def packed(new: Any) -> list[Any]:
        # The operator requires that the carried arrays keep their memory layout, and that no input is returned
        # unchanged.
        return [a.clone(memory_format=torch.contiguous_format) for a in ((new,) if alone else new)]

    def go(count: Any, *now: Any) -> Any:
        return (count < limit) & unfinished(now[0] if alone else now)

    def step(count: Any, *now: Any) -> tuple[Any, ...]:
        return (count + 1, *packed(body(now[0] if alone else now)))

    _, *end = while_loop(go, step, (torch.zeros((), dtype=torch.int64), *packed(state)))
    return end[0] if alone else tuple(end)


def climb(xp: Namespace, limit: int, move: Callable[..., Array], start: Array, *given: Array) -> Array:
    """The root that Newton's method reaches from below, on a function whose Newton steps never pass it.

    Args:
        limit: most steps taken.
        move: ``move(x, *given)``, the Newton step at ``x``; negative steps (rounding, at the root) are not taken.
        start: at or below the root, elementwise.
        given: the arrays that ``move`` depends on. The loop sees them as constants and one more step is
            taken outside it: that step's derivative is the root's (the implicit function theorem), and
            JAX cannot differentiate a while loop in reverse.

    The loop ends when no step is above eps^0.4 of its point: the step just taken has squared that error
    and the last one squares it again.
    """
    small = eps(start.dtype) ** 0.4
    fixed = [constant(g) for g in given]

    def body(state: tuple[Array, Array]) -> tuple[Array, Array]:
        x, _ = state
        step = move(x, *fixed)
        step = xp.where(step > 0, step, xp.zeros_like(step))
        return x + step, xp.any(step > small * x)

    x = constant(start)
    x, _ = while_(xp, limit, lambda state: state[1], body, (x, xp.any(x == x)))
    step = move(x, *given)
    # Selected, not clamped at zero: at the root the step is zero, but its derivative is needed.
    return x + step


def constant(x: Array) -> Array:
    """``x`` with its gradient cut off."""
    if is_jax(x):
        return sys.modules["jax"].lax.stop_gradient(x)
    return x.detach() if is_torch(x) else x
