"""The devices that many nets are shared out over."""

from __future__ import annotations

import jax
import numpy as np
from jax.sharding import Mesh

__all__ = ["AXIS", "mesh_over"]

AXIS = "nets"


def mesh_over(count: int) -> Mesh:
    """A mesh over the devices, no more of them than ``count`` nets."""
    devices = jax.devices()
    return Mesh(np.array(devices[: max(1, min(count, len(devices)))]), (AXIS,))
