"""What comes before the JAX engine: its libraries are there, and JAX knows terms and plans as pytrees.

Every file from here up that a program can name and that imports JAX imports this one before it, so that a missing
library is told in one sentence. No device is touched: importing taut leaves ``jax.devices()`` as it was (docs/decisions/115).
"""

from __future__ import annotations

from taut import _extras, _term
from taut.plans import Plan


def _start() -> None:
    for library in _extras.ENGINE:
        _extras.check(library, "taut's engine (layers, models, optimizers, paths)")
    from jax import tree_util

    _term.register_with_jax()
    tree_util.register_pytree_node(Plan, Plan.tree_flatten, Plan.tree_unflatten)


_start()
