"""Whether a term fits an array of some shape, found before training by running it once.

It runs on numpy zeros, which takes a tenth of a millisecond. For large arrays, and for users' code, which may work in
JAX only, it runs on abstract JAX arrays if JAX is loaded.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from taut import errors, joint
from taut.constraints import Intersection
from taut.plans.entries import Entry

__all__ = ["why_contradictory", "why_misfit"]

LARGE = 1 << 16  # entries, from which on a run on values takes longer than a trace


def why_misfit(
    what: str, call: Callable[[Any], Any], shape: tuple[int, ...], *, weights: bool, ours: bool
) -> str | None:
    """None if ``call`` runs on a float32 array of ``shape`` and gives ``weights`` like it, or one number;
    otherwise a sentence about ``what``.

    ``ours`` says that it runs taut's code only.
    """
    jax: Any = sys.modules.get("jax")
    try:
        if jax is not None and (not ours or math.prod(shape) >= LARGE):
            out = jax.eval_shape(call, jax.ShapeDtypeStruct(shape, np.float32))
        else:
            out = call(np.zeros(shape, np.float32))
    except Exception as error:
        return f"{what} does not fit a parameter of shape {shape}: {error}"
    return None if ours else _why_wrong(what, out, shape, weights)


def _why_wrong(what: str, out: Any, shape: tuple[int, ...], weights: bool) -> str | None:
    """What is wrong with the result of a user's code, which a compiled step would broadcast, or not take, in silence."""
    dtype = getattr(out, "dtype", None)
    kinds = "f" if weights else "fiub"
    got = (
        errors.shown(out)
        if dtype is None
        else f"an array of shape {tuple(out.shape)}"
        if tuple(out.shape) != (shape if weights else ())
        else None
        if np.dtype(dtype).kind in kinds and (not weights or np.dtype(dtype).itemsize >= 4)
        else f"an array of dtype {np.dtype(dtype)}"
    )
    if got is None or (dtype is None and not weights and isinstance(out, int | float)):
        return None
    wanted = f"weights of shape {shape} and dtype float32, as it was given" if weights else "one real number"
    return f"{what} gave {got} for a parameter of shape {shape}; expected {wanted}."


TRIED = 4096
"""The number of weights up to which constraints are tested together when a plan is bound; larger arrays are tested when
a model is built.
"""


def why_contradictory(entry: Entry) -> str | None:
    """Why the constraints of a parameter cannot all hold; tested in numpy, since compiled code cannot raise errors."""
    if not isinstance(entry.constraint, Intersection) or math.prod(entry.shape) > TRIED:
        return None
    w = np.random.default_rng(0).normal(size=entry.shape).astype(np.float32)
    try:
        joint.step_for(entry.prox, entry.constraint)(w, np.ones_like(w) if entry.scaled else None, entry.fan_in)
    except ValueError as error:
        return str(error)
    return None
