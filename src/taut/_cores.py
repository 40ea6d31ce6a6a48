"""One virtual CPU device a core, so that nets trained side by side can share the cores.

A single net gains little from a second core (its kernels are too small to split), 64 of them gain all of it. JAX reads
the number of devices once, when its backend starts, so it has to be asked for before any array is made: the first model
that is made does it, and no import (docs/decisions/115). A user who started JAX first, or chose the number, is left
alone.
"""

from __future__ import annotations

import os

import jax

__all__ = ["offer_cores"]


def offer_cores() -> bool:
    """Ask JAX for one CPU device a core; returns whether it could still be asked.

    Does nothing where ``JAX_NUM_CPU_DEVICES`` or ``XLA_FLAGS=--xla_force_host_platform_device_count`` is set, or where
    JAX has already started.
    """
    chosen = "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if chosen or jax.config.jax_num_cpu_devices >= 0:  # pyright: ignore[reportAttributeAccessIssue]
        return False
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", cores)
    except RuntimeError:  # the backend is running
        return False
    return True
