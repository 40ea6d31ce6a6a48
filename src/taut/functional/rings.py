"""Kernels that are the same in every direction: one value for each ring around the centre."""

from __future__ import annotations

import numpy as np

from taut.functional._dtype import Array, Namespace, Number, namespace, narrow, number, real, widen
from taut.functional._norms import total


def project_rings(w: Array, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest kernel that is constant on each square ring around the centre: the ring's weighted mean.

    Args:
        w: weights, of the same size along each of ``axes``.
        axes: the spatial axes.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_rings(np.asarray([[0.0, 1.0, 0.0], [1.0, 5.0, 1.0], [0.0, 1.0, 0.0]]), (0, 1))
    array([[0.5, 0.5, 0.5],
           [0.5, 5. , 0.5],
           [0.5, 0.5, 0.5]])
    """
    xp = namespace(w, step)
    w = real(xp, w)
    if 0 in w.shape:
        return w
    x = widen(xp, w)
    weight = xp.ones_like(x) if step is None else 1 / (number(xp, step, x) + xp.zeros_like(x))
    z = xp.zeros_like(x)
    for ring in rings(w.shape, axes):
        at = number(xp, ring, x)
        # Computed relative to one of the ring's entries: if all are equal, their mean is exactly equal too.
        start = _one_of(xp, x, ring, axes)
        mean = start + total(xp, weight * at * (x - start), axes) / total(xp, weight * at, axes)
        z = xp.where(at > 0, mean, z)
    return xp.where(x == z, w, narrow(xp, z, w.dtype))


def roundness(w: Array, axes: tuple[int, ...]) -> Array:
    """The largest difference between two entries of a ring."""
    xp = namespace(w)
    x = widen(xp, real(xp, w))
    if 0 in x.shape:
        return xp.sum(x)
    off = xp.zeros_like(x)
    for ring in rings(x.shape, axes):
        off = xp.where(number(xp, ring, x) > 0, xp.abs(x - _one_of(xp, x, ring, axes)), off)
    return xp.max(off)


def rings(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[np.ndarray]:
    """1 on each ring and 0 elsewhere, from the centre outwards; size 1 along the other axes."""
    size = tuple(n if a in axes else 1 for a, n in enumerate(shape))
    places = np.indices(size)
    # Twice the L∞ distance from the centre, which is an integer for even sizes too.
    far = np.max([np.abs(2 * places[a] - (shape[a] - 1)) for a in axes], axis=0)
    return [(far == d).astype(np.float64) for d in np.unique(far)]


def _one_of(xp: Namespace, x: Array, ring: np.ndarray, axes: tuple[int, ...]) -> Array:
    first = np.unravel_index(int(np.argmax(ring)), ring.shape)
    return x[tuple(slice(int(first[a]), int(first[a]) + 1) if a in axes else slice(None) for a in range(x.ndim))]
