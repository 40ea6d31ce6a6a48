"""The laws, each a function that raises AssertionError where a term breaks it.

They are plain functions of a row and of weights, so that `test_meta.py` can hand them wrong terms and see
each of them fail.
"""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import torch
from hypothesis import strategies as st

from taut import constraints, identifiers, joint, regularizers
from tests.laws.table import PairRow, PenaltyRow, Place, SetRow

Array = Any
LIBRARIES = ("numpy", "jax", "torch")
DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
TORCH = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
# JAX has no float64 here, as in most programs that use it, and one half precision will do: it compiles for each.
CASES = [(lib, dt) for lib in LIBRARIES for dt in DTYPES if lib != "jax" or dt in ("float32", "bfloat16")]


def shapes_for(library: str, shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """JAX compiles once a shape, which takes far longer than a law: one of them there."""
    return shapes if library != "jax" else shapes[:1]


EXACT = [("numpy", "float64"), ("torch", "float64")]


# --- weights ----------------------------------------------------------------------------------------------


@st.composite
def draws(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> tuple[Array, Array, np.random.Generator]:
    """Weights of many kinds, a per-entry step, and a generator for what a law needs besides."""
    shape = draw(st.sampled_from(shapes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.05, 0.5, 1.0, 3.0, 30.0]))
    w = rng.normal(size=shape) * scale
    match draw(st.sampled_from(["plain", "sparse", "ties", "zero unit", "negative"])):
        case "sparse":
            w = np.where(rng.uniform(size=shape) < 0.5, 0.0, w)
        case "ties":
            w = np.round(w * 2) / 2
        case "zero unit":
            w[..., :1] = 0.0
        case "negative":
            w = -np.abs(w)
        case _:
            pass
    spread = draw(st.sampled_from([0.0, 1.0, 3.0]))
    step = np.exp(rng.normal(size=shape) * spread) * draw(st.sampled_from([0.1, 1.0]))
    return w, step, rng


# --- the three libraries ----------------------------------------------------------------------------------


def to(library: str, x: Array, dtype: str) -> Array:
    """``x``, rounded to ``dtype``, as an array of ``library``."""
    rounded = np.asarray(x).astype(DTYPES[dtype])
    if library == "numpy":
        return rounded
    if library == "jax":
        return jnp.asarray(rounded)
    return torch.asarray(np.array(rounded, np.float64)).to(TORCH[dtype])


def back(x: Array) -> Array:
    """As numpy, bits unchanged."""
    if isinstance(x, torch.Tensor):
        if x.dtype == torch.bfloat16:
            return x.to(torch.float32).numpy().astype(ml_dtypes.bfloat16)
        return x.detach().numpy()
    return np.asarray(x)


def exact(x: Array) -> Array:
    """As float64, value unchanged."""
    return back(x).astype(np.float64)


def bits(x: Array) -> bytes:
    return np.ascontiguousarray(back(x)).tobytes()


# One program for a set and its violation: compiling is what these tests spend their time on.
_IN_JAX: dict[str, Any] = {
    "project": jax.jit(lambda term, w: (term(w), term.violation(w))),
    "project in metric": jax.jit(lambda term, w, step: term(w, step=step)),
    "prox": jax.jit(lambda term, w, step: term.prox(w, step)),
    "value": jax.jit(lambda term, w: term(w)),
    "joint": jax.jit(lambda r, c, w, step: joint.step_for(r, c)(w, step, None)),
}


def run(library: str, what: str, *given: Any) -> Array:
    """Apply a term: eagerly in numpy and PyTorch, jitted in JAX with the term's numbers traced."""
    if library == "jax":
        if what in ("project", "violation"):
            return _IN_JAX["project"](*given)[what == "violation"]
        return _IN_JAX[what](*given)
    term = given[0]
    match what:
        case "project" | "value":
            return term(given[1])
        case "project in metric":
            return term(given[1], step=given[2])
        case "violation":
            return term.violation(given[1])
        case "prox":
            return term.prox(given[1], given[2])
        case _:
            return joint.step_for(given[0], given[1])(given[2], given[3], None)


# --- laws of sets -----------------------------------------------------------------------------------------


def feasible(row: SetRow, library: str, dtype: str, w: Array) -> None:
    """C(w) is in the set, measured in float64; so is a point that the term's own `violation` calls 0."""
    x = to(library, w, dtype)
    z = run(library, "project", row.term, x)
    assert str(z.dtype).endswith(dtype) and tuple(z.shape) == tuple(np.shape(w))
    before, after = exact(x), exact(z)
    place = _as_stored(row.place, dtype)
    assert np.all(place.low <= after) and np.all(after <= place.high), "an entry is out of its bounds"
    for axis, low, high in place.bands:
        n = _long_norms(after, axis)
        moved = np.any(before != after, axis=_axes(after, axis), keepdims=True)
        # A slice that only its entries' bounds moved is accepted by the norm, like one that nothing moved.
        accepted = ~moved | np.isfinite(place.low).any() | np.isfinite(place.high).any()
        slack = np.where(accepted, 1 + 2.0**-21 if dtype != "float64" else 1 + 4 * EPS[dtype], 1.0)
        if low == high:  # a sphere: to within kappa
            slack = 1 + {"float64": 16 * EPS[dtype], "float32": 2.0**-20}.get(dtype, 2 * EPS[dtype])
        assert np.all(n <= high * slack), f"norm {n.max()!r} above {high!r}"
        assert np.all(n * slack >= low), f"norm {n.min()!r} below {low!r}"
    assert float(run(library, "violation", row.term, z)) == 0.0


def feasible_in_metric(row: SetRow, library: str, dtype: str, w: Array, step: Array) -> None:
    """C(w, step) is in the set, too, and C leaves it there."""
    if (library, dtype) == ("jax", "bfloat16"):
        return  # the equation is solved in float32 all the same; one more program to compile
    x, s = to(library, w, dtype), to(library, step, "float64" if dtype == "float64" else "float32")
    z = run(library, "project in metric", row.term, x, s)
    assert float(run(library, "violation", row.term, z)) == 0.0
    assert bits(run(library, "project", row.term, z)) == bits(z)
    slack = {"float64": 1e-14, "float32": 2e-6}.get(dtype, 4 * EPS[dtype])
    assert row.place.excess(exact(z)) <= slack


def idempotent(row: SetRow, library: str, dtype: str, w: Array) -> None:
    """C(C(w)) has C(w)'s bits, whichever library applies the second."""
    z = run(library, "project", row.term, to(library, w, dtype))
    for other in LIBRARIES:
        if (other, dtype) in CASES and np.shape(w) in shapes_for(other, row.shapes):
            again = run(other, "project", row.term, to(other, back(z), dtype))
            assert bits(again) == bits(z), f"{other} moved what {library} had projected"


def keeps_feasible_bits(row: SetRow, library: str, dtype: str, w: Array, step: Array, rng: np.random.Generator) -> None:
    """A feasible point comes back with the same bits, in every metric, and its violation is 0."""
    # A little inside: rounding to the dtype may put a point of the very surface outside.
    place = _inset(row.place, 4 * EPS[dtype])
    p = to(library, place.sample(rng, w), dtype)
    if not np.all((_as_stored(row.place, dtype).low <= exact(p)) & (exact(p) <= _as_stored(row.place, dtype).high)):
        return
    assert float(run(library, "violation", row.term, p)) == 0.0
    assert bits(run(library, "project", row.term, p)) == bits(p)
    if (library, dtype) != ("jax", "bfloat16"):
        s = to(library, step, "float64" if dtype == "float64" else "float32")
        assert bits(run(library, "project in metric", row.term, p, s)) == bits(p)


def nothing_closer(
    row: SetRow, library: str, dtype: str, w: Array, step: Array | None, rng: np.random.Generator
) -> None:
    """No feasible point, near C(w) or far from it, is closer to ``w`` in the metric."""
    x = to(library, w, dtype)
    s = to(library, np.ones(()) if step is None else step, dtype)
    z = exact(
        run(library, "project", row.term, x) if step is None else run(library, "project in metric", row.term, x, s)
    )
    u, m = exact(x), exact(s)

    def distance(p: Array) -> float:
        return float(np.sum((p - u) ** 2 / (2 * m)))

    best = distance(z)
    # A point moved by kappa·r is farther by at most its slope times that.
    slack = {"float64": row.tolerance, "float32": 4e-6}.get(dtype, 8 * EPS[dtype])
    slack *= 1e-9 + float(np.sum((np.abs(u) + np.abs(z) + 1) * (np.abs(z - u) + slack) / m))
    # On the way to ``w``, for all entries or for some: where there is room, it is closer.
    some = np.random.default_rng(0)
    ways = [z + t * (u - z) * (some.uniform(size=z.shape) < share) for t in (1e-3, 0.1, 0.5) for share in (0.3, 1.0)]
    rivals = [*row.place.rivals(rng, z), *(p for p in ways if row.place.convex and row.place.excess(p) <= 0)]
    if step is not None and row.tolerance < 1e-6:  # a projection that is near only is no rival
        # Down the slope of the distance, and back into the set by the Euclidean projection.
        down = (u - z) / m
        for t in (1e-3, 0.03):
            moved = z + t * (1 + np.abs(z).max(initial=0.0)) * down / (np.abs(down).max(initial=0.0) or 1.0)
            rivals.append(exact(run(library, "project", row.term, to(library, moved, dtype))))
    for p in rivals:
        assert best <= distance(p) + slack, f"a feasible point is closer by {best - distance(p):.3g}"


# --- laws of penalties ------------------------------------------------------------------------------------


def value_is_formula(row: PenaltyRow, library: str, dtype: str, w: Array) -> None:
    """R(w) is the number that the formula gives, in at least float32."""
    x = to(library, w, dtype)
    got = run(library, "value", row.term, x)
    assert tuple(got.shape) == ()
    assert str(got.dtype).endswith("float64" if dtype == "float64" else "float32")
    want = row.value(exact(x))
    assert abs(float(got) - want) <= {"float64": 1e-13}.get(dtype, 3e-6) * (abs(want) + 1e-6)


def prox_is_minimiser(
    row: PenaltyRow, library: str, dtype: str, w: Array, step: Array, rng: np.random.Generator
) -> None:
    """Nothing beats R.prox(w, step) in R(z) + Σ(z−w)²/(2 step): not a point nearby, nor 0, nor ``w``."""
    x, s = to(library, w, dtype), to(library, step, dtype)
    got = run(library, "prox", row.term, x, s)
    assert str(got.dtype).endswith(dtype) and tuple(got.shape) == tuple(np.shape(w))
    _nothing_lower(row.value, exact(x), exact(s), exact(got), None, dtype, rng)


def joint_is_minimiser(row: PairRow, library: str, dtype: str, w: Array, step: Array, rng: np.random.Generator) -> None:
    """The joint step is feasible, and nothing feasible beats it in the penalised objective."""
    x, s = to(library, w, dtype), to(library, step, dtype)
    got = run(library, "joint", row.penalty.term, row.set.term, x, s)
    assert float(run(library, "violation", row.set.term, got)) == 0.0
    slack = {"float64": 1e-14, "float32": 2e-6}.get(dtype, 4 * EPS[dtype])
    assert row.set.place.excess(exact(got)) <= slack
    if not row.set.place.convex or not row.set.term.metric:
        # Sets that are not convex, or not known in a metric, are taken in the Euclidean one: one step for all.
        s = to(library, np.full(np.shape(step), step.flat[0]), dtype)
        got = run(library, "joint", row.penalty.term, row.set.term, x, s)
    _nothing_lower(row.penalty.value, exact(x), exact(s), exact(got), row.set, dtype, rng)


def _nothing_lower(
    value: Any, w: Array, step: Array, z: Array, within: SetRow | None, dtype: str, rng: np.random.Generator
) -> None:
    def objective(p: Array) -> float:
        return value(p) + float(np.sum((p - w) ** 2 / (2 * step)))

    best = objective(z)
    accuracy = {"float64": within.tolerance if within else 1e-12, "float32": 4e-6}[dtype]
    # First-order: an error of `accuracy` in z costs its slope (0 at an interior minimum) times that.
    slack = accuracy * (abs(best) + 1e-6 + float(np.sum((np.abs(z) + 1e-3) * np.abs(z - w) / step)))
    if within is not None:
        rivals = within.place.rivals(rng, z)
    else:
        rivals = [w, np.zeros_like(w), 0.999 * z, 1.001 * z, (z + w) / 2, np.where(np.abs(z) < 0.1, 0, z)]
        alone = [np.arange(z.size).reshape(z.shape) == k for k in range(z.size)]
        rivals += [z * (1 - 1e-3 * k) for k in alone] + [np.where(k, 0.0, z) for k in alone]
        for reach in (1e-4, 1e-2, 0.3, 1.0):
            noise = reach * rng.normal(size=(4, *z.shape)) * (np.abs(z - w).max() + 1e-3)
            rivals += [np.where(rng.uniform(size=z.shape) < 0.3, z, z + n) for n in noise]
    for p in rivals:
        assert best <= objective(p) + slack, f"a rival is lower by {best - objective(p):.3g}"


# --- laws of every term -----------------------------------------------------------------------------------


def round_trips(term: Any, kind: str) -> None:
    """A config is plain JSON, and gives back an equal term with an equal hash, by each of three ways."""
    front: Any = regularizers if kind == "regularizer" else constraints
    config = json.loads(json.dumps(term.get_config()))
    described = json.loads(json.dumps(identifiers.serialize(term)))
    for again in (
        type(term).from_config(config),
        identifiers.deserialize(kind, described),
        front.get(described),
        front.deserialize(front.serialize(term)),
    ):
        assert again == term and hash(again) == hash(term) and repr(again) == repr(term)
        assert again.get_config() == term.get_config()


def libraries_agree(what: str, terms: tuple[Any, ...], w: Array, step: Array | None = None) -> None:
    """numpy, JAX (jitted) and PyTorch give the same float32 numbers, to a few units in the last place."""
    results = []
    for library in LIBRARIES:
        arrays = [to(library, x, "float32") for x in (w, step) if x is not None]
        results.append(exact(run(library, what, *terms, *arrays)))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=4e-6, atol=2e-6 * (np.abs(w).max() + 1e-30))


def _axes(z: Array, axis: int | None) -> tuple[int, ...]:
    from tests.laws.table import unit_axes

    return unit_axes(z, axis)


def _long_norms(z: Array, axis: int | None) -> Array:
    wide = z.astype(np.longdouble)
    return np.sqrt(np.sum(wide * wide, axis=_axes(z, axis), keepdims=True)).astype(np.float64)


def _as_stored(place: Place, dtype: str) -> Place:
    """Bounds on entries are numbers of the dtype (float32 for the halves), as ``w <= 0.1`` would read them."""
    keep = np.float64 if dtype == "float64" else np.float32
    return Place(np.asarray(keep(place.low), np.float64), np.asarray(keep(place.high), np.float64), place.bands)


def _inset(place: Place, margin: float) -> Place:
    if type(place) is not Place:  # one that draws its points inside by itself
        return place

    def inner(axis: int | None, low: float, high: float) -> tuple[int | None, float, float]:
        middle = (low + high) / 2
        return (axis, min(low * (1 + margin), middle), max(high * (1 - margin), middle))

    return Place(place.low, place.high, tuple(inner(*band) for band in place.bands))
