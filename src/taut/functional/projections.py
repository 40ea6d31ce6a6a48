"""Nearest feasible points: for each set, argmin_z Σ (z_i − w_i)² / (2 step_i) over it.

Without ``step``, or if it is one number, the distance is Euclidean. Every map satisfies the law of norms (design.md): a
feasible slice is not changed at all, a slice that moves ends inside by the margin ``kappa``, and applying a map a
second time, in any library, changes nothing. Every map returns ``w``'s dtype.
"""

from __future__ import annotations

from taut.functional import _newton
from taut.functional._dtype import (
    Array,
    Namespace,
    Number,
    between,
    is_half,
    namespace,
    narrow_bound,
    narrow_inward,
    number,
    real,
    widen,
)
from taut.functional._norms import first, kappa, positive, root_sum_squares


def project_box(w: Array, low: Number | None = None, high: Number | None = None) -> Array:
    """Clip every entry into [low, high]. It is the nearest point for all step sizes.

    Bounds are converted to the precision of the weights. For half precision they are read in float32, and an entry
    becomes the nearest number of its dtype inside.

    Args:
        w: weights, any shape.
        low: smallest value allowed, a number or broadcastable to ``w``; None for no bound.
        high: largest value allowed, in the same form.

    Raises:
        ValueError: bounds between which a half precision has no number.

    >>> import numpy as np
    >>> project_box(np.asarray([-3.0, 0.5, 2.0]), -1.0, 1.0)
    array([-1. ,  0.5,  1. ])
    """
    xp = namespace(w, low, high)
    w = real(xp, w)
    x = widen(xp, w)
    if not between(low, high, w.dtype):
        raise ValueError(
            f"Bounds from {low} to {high} hold no number of dtype {w.dtype}, whose neighbours are farther apart. Widen the "
            f"bounds, or keep these weights in float32."
        )
    # Selected instead of `clip`: this keeps -0.0 and NaN, and `clip` fails for numpy's bfloat16.
    if low is not None:
        b = number(xp, low, x)
        w = xp.where(x < b, narrow_bound(xp, b, w.dtype, upwards=True), w)
    if high is not None:
        b = number(xp, high, x)
        w = xp.where(x > b, narrow_bound(xp, b, w.dtype, upwards=False), w)
    return w


def project_l2_ball(w: Array, radius: Number, axes: tuple[int, ...], step: Number | None = None) -> Array:
    """Nearest point to ``w`` whose L2 norm over ``axes`` is at most ``radius``.

    Euclidean: w·min(1, radius/‖w‖). With a step for each entry: z_i = w_i/(1 + μ·step_i), with the μ ≥ 0 of each slice
    for which ‖z‖ = radius, followed by the Euclidean projection so that the bound is exact.

    Args:
        w: weights, any shape.
        radius: ≥ 0, a number or broadcastable to the norms.
        axes: the axes that one slice spans.
        step: the step size, a number or shaped like ``w``; > 0.

    >>> import numpy as np
    >>> project_l2_ball(np.asarray([3.0, 4.0]), 10.0, (0,))
    array([3., 4.])
    """
    xp = namespace(w, radius, step)
    w = real(xp, w)
    if step is not None and 0 not in w.shape:
        x = widen(xp, w)
        s = number(xp, step, x)
        if s.ndim > 0:
            norm = root_sum_squares(xp, w, axes)
            mu = _newton.ball(xp, x, s, number(xp, radius, x) * (1 - kappa(w.dtype) / 2), axes)
            # If the point is inside already, μ is about −1/s, and z is not used.
            z = narrow_inward(xp, x / (1 + xp.where(mu > 0, mu, xp.zeros_like(mu)) * s), w.dtype)
            w = xp.where(norm <= number(xp, radius, norm), w, z)
    return into_ball(xp, w, radius, axes)


def project_l2_shell(w: Array, low: Number, high: Number, axes: tuple[int, ...], rate: Number = 1.0) -> Array:
    """Scale every slice so that its L2 norm over ``axes`` lies in [low, high].

    With ``rate`` below 1 it moves only that fraction of the way: the norm becomes rate·clip(‖w‖, low, high) +
    (1 − rate)·‖w‖, which is not a projection. A zero slice has no direction: below a positive ``low`` it
    becomes ``low`` times its first coordinate vector.

    Args:
        w: weights, any shape.
        low: smallest norm allowed. A negative number means 0.
        high: ≥ low, largest norm allowed. Equal to ``low`` it makes a sphere.
        axes: the axes that one slice spans.
        rate: in (0, 1].

    >>> import numpy as np
    >>> project_l2_shell(np.asarray([0.3, 0.4]), 1.0, 2.0, (0,)).round(4)
    array([0.6, 0.8])
    """
    xp = namespace(w, low, high, rate)
    return into_shell(xp, real(xp, w), low, high, axes, rate)


def project_sphere(w: Array, axes: tuple[int, ...]) -> Array:
    """Divide every slice by its L2 norm over ``axes``; a zero slice becomes its first coordinate vector.

    A slice whose norm is 1 within 2⁻²⁰ (float32), 16·eps (float64) or 2·eps (half precision) is not changed.

    >>> import numpy as np
    >>> project_sphere(np.asarray([3.0, 4.0]), (0,))
    array([0.6, 0.8])
    """
    xp = namespace(w)
    return into_shell(xp, real(xp, w), 1.0, 1.0, axes)


def into_ball(xp: Namespace, w: Array, radius: Number, axes: tuple[int, ...]) -> Array:
    """`project_l2_ball` with one step size."""
    if 0 in w.shape:
        return w
    norm = root_sum_squares(xp, w, axes)  # (…, 1, …) in the widest float there is
    top = number(xp, radius, norm)
    inside = norm <= top
    scale = top * (1 - kappa(w.dtype)) / xp.where(inside, xp.ones_like(norm), norm)
    # Select, do not multiply by one: clamping the ratio still moves bits in 1 to 47 % of slices.
    return xp.where(inside, w, narrow_inward(xp, xp.astype(w, norm.dtype) * scale, w.dtype))


def norm_bounds(xp: Namespace, low: Array, high: Array, dtype: object) -> tuple[Array, Array, Array, Array]:
    """Of a band of norms: the band that is accepted as it is, and the band that a moved slice is sent to.

    A moved slice lands inside by ``kappa``. A band too thin for that (a sphere) is accepted with a
    tolerance instead and aimed at in its middle.
    """
    k = kappa(dtype)
    tolerance = 2 * k if is_half(dtype) else k
    inner_low, inner_high = low * (1 + k), high * (1 - k)
    thin = (inner_low > inner_high) & (high > 0)
    middle = (low + high) / 2
    return (
        xp.where(thin, low * (1 - tolerance), low),
        xp.where(thin, high * (1 + tolerance), high),
        xp.where(thin, middle, inner_low),
        xp.where(thin, middle, inner_high),
    )


def into_shell(
    xp: Namespace,
    w: Array,
    low: Number,
    high: Number,
    axes: tuple[int, ...],
    rate: Number = 1.0,
    direction: Array | None = None,
) -> Array:
    """`project_l2_shell`; ``direction`` holds unit vectors for the zero slices, instead of the first ones."""
    if 0 in w.shape:
        return w
    norm = root_sum_squares(xp, w, axes)
    zero = norm < (2.0**-1022 if norm.dtype.itemsize == 8 else 2.0**-126)  # subnormals count as 0
    top, bottom = number(xp, high, norm), number(xp, low, norm)
    bottom = xp.where(bottom > 0, bottom, xp.zeros_like(bottom))
    accept_low, accept_high, aim_low, aim_high = norm_bounds(xp, bottom, top, w.dtype)
    inside = (norm >= accept_low) & (norm <= accept_high)
    # Too short goes up to aim_low, too long comes down to aim_high; rate < 1 goes part of the way.
    way = number(xp, rate, norm)
    aim = way * xp.where(norm < accept_low, aim_low, aim_high) + (1 - way) * norm
    if direction is None:
        direction = first(xp, w, axes)
    # For the smallest norms the quotient would overflow, so such a slice is first multiplied by a power of two.
    lift = xp.where(norm < 2.0**-60, xp.full_like(norm, 2.0**60), xp.ones_like(norm))
    scaled = xp.astype(w, norm.dtype) * lift * (aim / positive(xp, norm * lift))
    moved = xp.where(zero, xp.astype(direction, norm.dtype) * aim, scaled)
    return xp.where(inside, w, xp.astype(moved, w.dtype))
