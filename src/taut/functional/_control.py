"""Loops that compile where they can: ``jax.lax`` for JAX arrays, plain Python for the others.

Unrolled into a scan body, twenty iterations took XLA over a minute to compile; as a loop, none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from taut.functional._dtype import Namespace

S = TypeVar("S")


def fori(xp: Namespace, count: int, body: Callable[[S], S], state: S) -> S:
    """Apply ``body`` to ``state`` a fixed number of times."""
    if xp.__name__.startswith("jax"):
        lax = sys.modules["jax"].lax
        return lax.fori_loop(0, count, lambda _, s: body(s), state)
    for _ in range(count):
        state = body(state)
    return state


def while_(xp: Namespace, limit: int, unfinished: Callable[[S], Any], body: Callable[[S], S], state: S) -> S:
    """Apply ``body`` until ``unfinished(state)`` is false, at most ``limit`` times."""
    if xp.__name__.startswith("jax"):
        lax = sys.modules["jax"].lax
        _, state = lax.while_loop(
            lambda s: (s[0] < limit) & unfinished(s[1]), lambda s: (s[0] + 1, body(s[1])), (0, state)
        )
        return state
    for _ in range(limit):
        if not bool(unfinished(state)):
            break
        state = body(state)
    return state
