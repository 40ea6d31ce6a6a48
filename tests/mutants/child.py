"""What one process does: pytest, on a copy of the tree. It must not import taut before it knows from where."""

from __future__ import annotations

import os
import sys

PRELOADED = ["numpy", "scipy.optimize", "jax", "jax.numpy", "optax", "flax.nnx", "torch", "hypothesis", "pytest"]
"""Imported once, by the process that the others are copies of: they would take most of each one's time."""


def test(tree: str, where: str, tests: str) -> None:
    """Exits with pytest's code: 0 if all passed, 1 if some failed, others if they did not run."""
    import pytest

    sys.dont_write_bytecode = True  # the next bug may have this one's size and second
    sys.path.insert(0, os.path.join(tree, "src"))
    os.chdir(tree)
    out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", where, "-k", tests])
    import taut

    os._exit(int(code) if str(taut.__file__).startswith(tree) else 99)
