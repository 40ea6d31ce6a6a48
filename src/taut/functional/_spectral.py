"""A matrix with its singular values, or eigenvalues, replaced by a function of them; and the derivative of that.

The vectors of a decomposition have no derivative where two of its values are equal, but the map has one: in the basis of
the vectors each entry of a change is multiplied by a divided difference of the function (Daleckii & Krein, 1965), whose
limit for equal values is the function's own slope. So the decomposition is taken of constants, and the derivative is
added as what is linear in w and zero in value, of pieces that JAX and PyTorch differentiate.

Reference: Lewis & Sendov, Nonsmooth analysis of singular values (2005); Stewart & Sun, Matrix Perturbation Theory (1990).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taut.functional._control import constant
from taut.functional._dtype import Array, Namespace, beside, eps, is_jax, is_torch
from taut.functional._norms import positive

Change = Callable[[Array], tuple[Array, Array]]
"""From values to new ones, and the slope of each by itself (what it shares with the others, a threshold, held fixed)."""


def on_singular_values(xp: Namespace, m: Array, change: Change) -> tuple[Array, Array]:
    """U·diag(f(σ))·Vᵀ of m = U·diag(σ)·Vᵀ, with its first derivative, in m and in whatever ``change`` depends on; and σ.

    Args:
        m: matrices, (…, rows, columns).
        change: f, symmetric: it does not tell one singular value from another but by its size.
    """
    u, s, vt = xp.linalg.svd(constant(m), full_matrices=False)
    if not _differentiable(m):
        return xp.matmul(u * change(s)[0][..., None, :], vt), s
    d = m - constant(m)  # zeros, which carry the derivative
    ut, v = xp.matrix_transpose(u), xp.matrix_transpose(vt)
    p = xp.matmul(xp.matmul(ut, d), v)
    eye = xp.eye(s.shape[-1], dtype=s.dtype, **beside(s))
    values, slope = change(s + xp.sum(p * eye, axis=-1))
    f, slope = constant(values), constant(slope)
    turned = xp.matrix_transpose(p)
    alike, apart = (p + turned) / 2, (p - turned) / 2
    small = eps(s.dtype) * s[..., :1] + 2.0**-100  # the quotients of what is smaller are noise, or no numbers
    across = s[..., :, None] + s[..., None, :]
    mean = (slope[..., :, None] + slope[..., None, :]) / 2
    both = xp.where(across > small[..., None], (f[..., :, None] + f[..., None, :]) / positive(xp, across), mean)
    core = (_divided(xp, s, f, slope) * alike + both * apart) * (1 - eye)  # the diagonal is in the values
    ratio = xp.where(s > small, f / positive(xp, s), slope)
    left = (xp.matmul(d, v) - xp.matmul(u, p)) * ratio[..., None, :]  # of what no vector in u reaches
    right = ratio[..., :, None] * (xp.matmul(ut, d) - xp.matmul(p, vt))
    inner = u * values[..., None, :] + xp.matmul(u, core) + left
    return xp.matmul(inner, vt) + xp.matmul(u, right), s


def on_eigenvalues(xp: Namespace, m: Array, change: Change) -> tuple[Array, Array]:
    """V·diag(f(λ))·Vᵀ of a symmetric m, with its first derivative; f takes each eigenvalue by itself. And λ, rising."""
    values, v = xp.linalg.eigh(constant(m))
    f, slope = change(values)
    vt = xp.matrix_transpose(v)
    z = xp.matmul(v * f[..., None, :], vt)
    if not _differentiable(m):
        return z, values
    p = xp.matmul(xp.matmul(vt, m - constant(m)), v)
    return z + xp.matmul(xp.matmul(v, _divided(xp, values, f, slope) * p), vt), values


def with_slope_of(z: Array, kept: Array) -> Array:
    """``kept``, bit for bit, with the derivative of ``z``: a point of a curved set that is left as it is moves along it."""
    # Subtracted, not added, so that −0.0 is kept.
    return constant(kept) - (constant(z) - z) if _differentiable(z) else kept


def _divided(xp: Namespace, s: Array, f: Array, slope: Array) -> Array:
    """(f_i − f_j)/(s_i − s_j), and where the function is the same straight line at both, its slope."""
    si, sj, fi, fj = s[..., :, None], s[..., None, :], f[..., :, None], f[..., None, :]
    ki, kj = slope[..., :, None], slope[..., None, :]
    gap = si - sj
    ratio: Any = (fi - fj) / xp.where(gap == 0, xp.ones_like(gap), gap)
    return xp.where(ki == kj, ki + 0 * kj, ratio)


def _differentiable(m: Array) -> bool:
    return is_jax(m) or (is_torch(m) and m.requires_grad)
