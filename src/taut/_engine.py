"""What the JAX engine does to JAX when it is first imported: it makes terms and plans pytrees, and offers the cores.

Every room from here up that loads JAX imports this module before it makes an array.
"""

from __future__ import annotations

from jax import tree_util

from taut import _cores, _term
from taut.plans import Plan

_started = False


def start() -> None:
    """Make JAX ready for taut; only the first call does anything."""
    global _started
    if not _started:
        _started = True
        _cores.offer_cores()
        _term.register_with_jax()
        tree_util.register_pytree_node(Plan, Plan.tree_flatten, Plan.tree_unflatten)
