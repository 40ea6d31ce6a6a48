"""Bounds on entries in half precision: the nearest number that the dtype has inside them, counted out over all numbers."""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

from taut.constraints import Box, Constraint, Fixed, LInfBall, NonNeg, NonPositive
from taut.functional.projections import project_box

# All finite numbers of each half precision, in order.
DTYPES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
with np.errstate(invalid="ignore"):  # NaN among them
    EVERY = {name: np.arange(2**16, dtype=np.uint16).view(dtype).astype(np.float64) for name, dtype in DTYPES.items()}
NUMBERS = {name: np.unique(every[np.isfinite(every)]) for name, every in EVERY.items()}
COUNT = 4000


def project(library: str, dtype: str, term: Constraint, w: np.ndarray) -> np.ndarray:
    if library == "torch":
        return term(torch.from_numpy(w.astype(np.float64)).to(getattr(torch, dtype))).to(torch.float64).numpy()
    if library == "jax":
        return np.asarray(term(jnp.asarray(w)).astype(jnp.float32), np.float64)
    return np.asarray(term(w)).astype(np.float64)


def boxes(dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random bounds of every size, read in float32, that hold a number; some of them only one. And weights beside them."""
    rng = np.random.default_rng(0)
    size = 10.0 ** rng.uniform(-6 if dtype == "float16" else -30, 4, COUNT)
    low = (rng.normal(size=COUNT) * size).astype(np.float32).astype(np.float64)
    width = np.abs(low) * 2.0 ** rng.uniform(-14, 1, COUNT)
    high = (low + width).astype(np.float32).astype(np.float64)
    numbers = NUMBERS[dtype]
    first = np.minimum(np.searchsorted(numbers, low), len(numbers) - 1)
    held = (numbers[first] >= low) & (numbers[first] <= high) & (np.abs(high) < numbers[-1])
    low, high = low[held], high[held]
    w = np.where(rng.uniform(size=len(low)) < 0.5, -1, 1) * rng.exponential(size=len(low)) * (np.abs(low) + 1e-30) * 2
    return low, high, np.clip(w, numbers[0], numbers[-1]).astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
def test_a_box_gives_the_nearest_number_inside(library: str, dtype: str) -> None:
    low, high, w = boxes(dtype)
    numbers = NUMBERS[dtype]
    lowest = numbers[np.searchsorted(numbers, low)]
    topmost = numbers[np.searchsorted(numbers, high, side="right") - 1]
    want = np.clip(w.astype(np.float64), lowest, topmost)
    assert np.sum(lowest == topmost) > 100  # narrow ones are among them
    np.testing.assert_array_equal(project(library, dtype, Box(low, high), w), want)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_other_bounds_on_entries(dtype: str) -> None:
    _, _, w = boxes(dtype)
    numbers, x = NUMBERS[dtype], w.astype(np.float64)
    top = numbers[np.searchsorted(numbers, np.float32(0.3), side="right") - 1]
    for library in ("numpy", "jax", "torch"):
        np.testing.assert_array_equal(project(library, dtype, LInfBall(0.3), w), np.clip(x, -top, top))
        np.testing.assert_array_equal(project(library, dtype, NonNeg(), w), np.maximum(x, 0))
        np.testing.assert_array_equal(project(library, dtype, NonPositive(), w), np.minimum(x, 0))
        nearest = numbers[np.argmin(np.abs(numbers - np.float32(0.3)))]  # a value that is given is rounded
        np.testing.assert_array_equal(project(library, dtype, Fixed(0.3), w), np.full_like(x, nearest))


def test_float32_reads_its_bounds_as_numpy_does() -> None:
    """``w <= 0.2`` compares float32 weights with float32(0.2): so does a Box, whatever float64 its bounds are given in."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=1000)
    high = low + np.abs(low) * 2.0 ** rng.uniform(-30, 1, size=1000)
    w = rng.normal(size=1000).astype(np.float32)
    for library, x in (("numpy", w), ("jax", jnp.asarray(w)), ("torch", torch.from_numpy(w))):
        got = np.asarray(Box(low, high)(x))
        np.testing.assert_array_equal(got, np.clip(w, low.astype(np.float32), high.astype(np.float32)), library)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_bounds_without_a_number_are_refused(dtype: str) -> None:
    w = np.zeros(3, DTYPES[dtype])
    for term in (Box(0.3, 0.3), Box([0.0, 0.3, 0.0], [1.0, 0.3, 1.0]), Box(-0.3, -0.3)):
        for x in (w, jnp.asarray(w), torch.zeros(3, dtype=getattr(torch, dtype))):
            with pytest.raises(ValueError, match=f"hold no number of dtype .*{dtype}"):
                term(x)
    Box(0.25, 0.25)(w)  # one that it has
    Box(0.3, 0.3)(w.astype(np.float32))
    if dtype == "float16":
        for term in (Box(1e5, 2e5), Box(low=1e5), Box(high=-1e5)):
            with pytest.raises(ValueError, match="float16"):
                term(w)


def test_infinite_weights_come_to_the_largest_number() -> None:
    w = np.asarray([np.inf, -np.inf], np.float16)
    np.testing.assert_array_equal(project_box(w, -1e4, 1e6), np.asarray([65504.0, -10000.0], np.float16))
