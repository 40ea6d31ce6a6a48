"""Small things a training script needs."""

from __future__ import annotations

import secrets

import numpy as np

__all__ = ["set_random_seed"]

_stream: np.random.Generator | None = None


def set_random_seed(seed: int) -> None:
    """Make everything drawn from here on (initial weights, orders, dropout) follow from ``seed``.

    The same seed on the same machine, visible cores and versions gives the same bits. Without it every model and every
    ``fit`` draws a seed of its own, recorded as ``model.seed`` and ``History.seed``.

    Args:
        seed: an integer from 0 to 2³² − 1.
    """
    global _stream
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed.__index__() < 2**32:
        raise ValueError(f"seed={seed!r}, expected an integer from 0 to 2**32 - 1.")
    _stream = np.random.default_rng(seed.__index__())


def draw_seed() -> int:
    """The next seed of the stream that ``set_random_seed`` began, or a fresh one from the operating system."""
    return secrets.randbits(31) if _stream is None else int(_stream.integers(2**31))
