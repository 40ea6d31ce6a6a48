"""Which array library, which precision.

Half precision is promoted to float32, computed, and cast back; norms are taken in the widest float that
the library has. Nothing here imports JAX or PyTorch: a library that has not been imported cannot have
made the array in hand.
"""

from __future__ import annotations

import math
import sys
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

Array: TypeAlias = Any
Number: TypeAlias = Any  # a Python number, or an array (or tracer) of them
Namespace: TypeAlias = Any


def is_jax(a: object) -> bool:
    """Whether ``a`` is a JAX array or tracer (without importing JAX)."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(a, jax.Array)


def is_torch(a: object) -> bool:
    """Whether ``a`` is a PyTorch tensor (without importing PyTorch)."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(a, torch.Tensor)


def namespace(*arrays: Any) -> Namespace:
    """The array-API namespace of the first array that has one: JAX before PyTorch before numpy.

    JAX first, because a traced strength or step may meet a numpy weight. Python numbers and lists are
    numpy's. (array_api_compat's own look-up is cached, which torch.compile warns about at every call.)
    """
    if any(is_jax(a) for a in arrays):
        return sys.modules["jax"].numpy
    if any(is_torch(a) for a in arrays):
        import array_api_compat.torch as xp

        return xp
    for a in arrays:
        if not isinstance(a, (np.ndarray, np.generic, float, int, list, tuple, type(None))):
            return namespace(a.value) if _is_variable(a) else array_api_compat.array_namespace(a)
    import array_api_compat.numpy as xp

    return xp


def _is_variable(a: Any) -> bool:
    """Whether ``a`` is a Keras variable, which names its dtype by a string."""
    return isinstance(getattr(a, "dtype", None), str) and hasattr(a, "value")


def shape_of(w: Any) -> tuple[int, ...]:
    """The shape of an array of any library, or of nested lists."""
    return tuple(w.shape) if hasattr(w, "shape") else np.shape(w)


def real(xp: Namespace, w: Any) -> Array:
    """``w`` as a real floating-point array; integers, booleans and complex numbers are refused."""
    if _is_variable(w):
        w = w.value
    if not hasattr(w, "dtype"):
        w = np.asarray(w, dtype=np.float64) if xp.__name__.endswith("numpy") else xp.asarray(w)
    dtype = w.dtype
    # Not `isdtype`: numpy's bfloat16 (from ml_dtypes) breaks it. Its kind is "V", its name is plain.
    floating = dtype.is_floating_point if is_torch(w) else dtype.kind == "f" or str(dtype) == "bfloat16"
    if not floating or dtype.itemsize < 2:
        raise TypeError(
            f"Weights must be real floating-point numbers (float16, bfloat16, float32 or float64); "
            f"got an array of dtype {dtype} and shape {tuple(w.shape)}. Convert it first, "
            f"for example with `w.astype('float32')`."
        )
    return xp.asarray(w) if isinstance(w, (np.ndarray, np.generic)) else w


def readable(w: Any) -> bool:
    """Whether an array's values can be looked at without waiting for a device.

    Not of a tracer, under torch.compile and torch.func, nor of an array in a device's own memory.
    """
    if is_jax(w):
        if isinstance(w, sys.modules["jax"].core.Tracer) or not w.is_fully_addressable:
            return False
        return all(device.platform == "cpu" for device in w.devices())
    if is_torch(w):
        torch = sys.modules["torch"]
        compiled = torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(w)
        return not compiled and w.device.type == "cpu"
    return True


def where_nan(w: Any) -> tuple[int, tuple[int, ...]] | None:
    """How many entries of a `readable` array are NaN, and where the first one is; None if there are none."""
    if not readable(w):
        return None
    if is_torch(w):
        torch = sys.modules["torch"]
        if not w.is_floating_point() or not bool(torch.isnan(w).any()):
            return None
        w = w.detach().to(torch.float64)
    given = np.asarray(w)
    if given.dtype.kind != "f" and str(given.dtype) != "bfloat16":
        return None
    found = np.isnan(given)
    if not found.any():
        return None
    return int(found.sum()), tuple(int(i) for i in np.argwhere(found)[0])


def is_half(dtype: Any) -> bool:
    """float16 and bfloat16: the two-byte floats."""
    return dtype.itemsize == 2


def widen(xp: Namespace, w: Array) -> Array:
    """``w`` in the precision that entrywise arithmetic is done in: float32 for halves, its own otherwise."""
    return xp.astype(w, xp.float32) if is_half(w.dtype) else w


def widest(xp: Namespace, w: Array) -> Any:
    """The widest float dtype that the library (and the device) has."""
    if is_jax(w) or xp.__name__.startswith("jax"):
        return xp.float64 if sys.modules["jax"].config.jax_enable_x64 else xp.float32
    if is_torch(w) and w.device.type == "mps":
        return xp.float32
    return xp.float64


def number(xp: Namespace, value: Number, like: Array) -> Array:
    """``value`` as an array of ``like``'s dtype, on ``like``'s device.

    Everything numeric passes through here: a bare Python scalar in ``maximum`` or ``minimum`` fails under
    torch.compile.
    """
    if is_torch(value):  # `asarray` of PyTorch before 2.9 or so would cut a strength off from its gradient
        return value.to(like.device, like.dtype)
    if is_torch(like):
        return xp.asarray(value, dtype=like.dtype, device=like.device)
    return xp.asarray(value, dtype=like.dtype)


def beside(w: Array) -> dict[str, Any]:
    """The ``device=`` for a new array next to ``w``: PyTorch's business alone (a JAX tracer has none)."""
    return {"device": w.device} if is_torch(w) else {}


def eps(dtype: Any) -> float:
    """The spacing of floats at 1, as a Python number, for the half precisions too."""
    if is_half(dtype):
        return 2.0**-7 if "bfloat16" in str(dtype) else 2.0**-10
    return 2.0**-23 if dtype.itemsize == 4 else 2.0**-52


def highest(dtype: Any) -> float:
    """The largest finite number, as a Python number."""
    if is_half(dtype):
        return (2 - 2.0**-7) * 2.0**127 if "bfloat16" in str(dtype) else 65504.0
    return float(np.finfo(np.float32 if dtype.itemsize == 4 else np.float64).max)


def smallest(dtype: Any) -> float:
    """The smallest positive number, subnormal, as a Python number."""
    if is_half(dtype):
        return 2.0**-133 if "bfloat16" in str(dtype) else 2.0**-24
    return 2.0**-149 if dtype.itemsize == 4 else 2.0**-1074


def narrow(xp: Namespace, z: Array, dtype: Any) -> Array:
    """``z`` rounded to ``dtype``, to nearest."""
    return xp.astype(z, dtype)


def narrow_bound(xp: Namespace, bound: Array, dtype: Any, upwards: bool) -> Array:
    """The number of ``dtype`` nearest to ``bound`` that is not below it (``upwards``), or not above it."""
    if not is_half(dtype):
        return xp.astype(bound, dtype)
    top = xp.full_like(bound, highest(dtype))
    bound = xp.where(bound > top, top, xp.where(bound < -top, -top, bound))
    rounded = xp.astype(bound, dtype)
    back = xp.astype(rounded, bound.dtype)
    # 0.6 to 1.2 spacings further, and at a power of two, where they are half as wide inwards, 1.2: rounded, that is the
    # next number in either case.
    further = 0.6 * xp.maximum(xp.abs(back) * eps(dtype), xp.full_like(back, smallest(dtype)))
    # Chosen before it is rounded: beyond the highest number there is none.
    beyond = back < bound if upwards else back > bound
    return xp.astype(xp.where(beyond, back + further if upwards else back - further, back), dtype)


def between(low: Any, high: Any, dtype: Any) -> bool:
    """Whether a half precision has a number in [low, high] everywhere, as far as bounds that are no tracers tell."""
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if not is_half(dtype) or not all(isinstance(b, float | int | np.ndarray) for b in (low, high)):
        return True
    top = highest(dtype)
    low, high = np.broadcast_arrays(np.maximum(low, -top).astype(np.float32), np.asarray(high, np.float32))
    if np.any(low > top):
        return False
    if "bfloat16" not in str(dtype):
        import array_api_compat.numpy as xp

        return bool(np.all(narrow_bound(xp, low, np.dtype(np.float16), True).astype(np.float32) <= high))
    # bfloat16 is float32 without its last 16 bits, and numpy itself has none.
    bits = np.ascontiguousarray(np.where(low == 0, np.float32(0), low)).view(np.uint32)
    cut = bits & np.uint32(0xFFFF0000)
    up = np.where((low > 0) & (cut != bits), cut + np.uint32(0x10000), cut)  # cutting goes towards zero
    return bool(np.all(up.view(np.float32) <= high))


def narrow_inward(xp: Namespace, z: Array, dtype: Any) -> Array:
    """``z`` cast to ``dtype``; in half precision rounded towards zero, so that no bound is crossed.

    Rounding to nearest may push an entry past a bound by half a unit in the last place, and near
    float16's subnormals by much more, relatively. One spacing is at most ``max(|z|·eps, smallest)``;
    taking off that much and rounding again lands strictly inside.
    """
    rounded = xp.astype(z, dtype)
    if not is_half(dtype):
        return rounded
    size = xp.abs(z)
    spacing = xp.maximum(size * eps(dtype), xp.full_like(size, smallest(dtype)))
    inside = xp.astype(xp.sign(z) * (size - spacing), dtype)
    return xp.where(xp.abs(xp.astype(rounded, z.dtype)) > size, inside, rounded)
