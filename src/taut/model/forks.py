"""Forked processes: JAX's threads are not copied by a fork, and the new process would wait for them forever."""

from __future__ import annotations

import os

from jax._src import xla_bridge

__all__ = ["refuse_fork"]

_stuck = False


def refuse_fork() -> None:
    """Raise an error if a computation would never end.

    Raises:
        RuntimeError: this process was forked from one in which JAX had already computed.
    """
    if _stuck:
        raise RuntimeError(
            'This process was forked (by os.fork, or by multiprocessing with the start method "fork") from one in which '
            "JAX was already running. JAX's threads are not copied, so a computation here would never end. Start "
            'processes with multiprocessing.get_context("spawn"), or fork before the first use of taut and JAX.'
        )


def _in_child() -> None:
    global _stuck
    _stuck = xla_bridge.backends_are_initialized()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_in_child)
