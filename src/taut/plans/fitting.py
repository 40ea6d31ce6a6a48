"""Whether a term fits an array of some shape, found without the array's values.

A term that does not fit fails when it is run. To run it costs nothing on arrays without values, which JAX and PyTorch
have; where neither is loaded, nor an array in the hands of this process, it is run once on zeros of numpy's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["why_misfit"]


def why_misfit(what: str, call: Callable[[Any], Any], shape: tuple[int, ...]) -> str | None:
    """None if ``call`` runs on a float32 array of ``shape``; otherwise a sentence about ``what``."""
    try:
        _run(call, shape)
    except Exception as error:
        return f"{what} does not fit a parameter of shape {shape}: {error}"
    return None


def _run(call: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    jax: Any = sys.modules.get("jax")
    if jax is not None:
        jax.eval_shape(call, jax.ShapeDtypeStruct(shape, np.float32))
    else:
        call(np.zeros(shape, np.float32))
