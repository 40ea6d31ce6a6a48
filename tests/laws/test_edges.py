"""The ends of the number line, and input that is wrong: every term of the table, on three array libraries.

Huge is the dtype's largest number over 1024: beyond that the sums that define the sets are no numbers themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut.constraints import (
    NM,
    Box,
    Fixed,
    HalfSpace,
    L1Ball,
    LowRank,
    MaxNorm,
    MinMaxNorm,
    Monotone,
    NonNeg,
    Orthogonal,
    Radial,
    Simplex,
    SpectralNorm,
    Symmetric,
    TopK,
    Triangular,
    UnitNorm,
    Zeros,
)
from taut.regularizers import (
    L1,
    L2,
    ExclusiveLasso,
    GroupLasso,
    GroupLInf,
    LogSum,
    NuclearNorm,
    OrthogonalRegularizer,
    SparseGroupLasso,
    Towards,
)
from tests.laws import laws
from tests.laws.table import GRADIENT_ONLY, PENALTIES, SETS, PenaltyRow, SetRow, table_catalogue

LARGEST = {"float64": 1.7e308, "float32": 3.4e38, "float16": 65504.0, "bfloat16": 3.3e38}
SMALLEST = {"float64": 5e-324, "float32": 1.5e-45, "float16": 6e-8, "bfloat16": 9.2e-41}
CASES = [("numpy", "float64"), ("numpy", "float16"), ("torch", "float32")]  # bfloat16 has the range of float32
PROJECTIONS = [row for row in SETS if row.projects]
ALL_PENALTIES = [*PENALTIES, *GRADIENT_ONLY, *(row for row, _ in table_catalogue.ONE_STEP)]
# JAX's float32 norms have no wider float beside them and its zero is anything subnormal; one program each.
IN_JAX = ["MaxNorm(max_value=1.1", "UnitNorm()", "MinMaxNorm(min_value=0.5", "Simplex(total=1.0", "L1Ball(radius=1.3"]
IN_JAX += ["TopK(k=2", "Monotone()", "SpectralNorm", "GroupLasso(strength=0.7, by='unit'", "LogSum(strength=0.2"]


def in_jax(row: Any) -> bool:
    return "&" not in str(row) and str(row).startswith(tuple(IN_JAX))


def extremes(shape: tuple[int, ...], dtype: str) -> Iterator[tuple[str, np.ndarray]]:
    w = np.random.default_rng(0).normal(size=shape)
    w /= np.abs(w).max()
    huge = LARGEST[dtype] / 1024
    yield "zero", np.zeros(shape)
    yield "negative zero", -np.zeros(shape)
    yield "1e-30", w * 1e-30
    yield "subnormal", np.sign(w) * SMALLEST[dtype]
    yield "huge", w * huge
    yield "one huge", np.where(np.arange(w.size).reshape(shape) == 1, huge, w)
    yield "huge and equal", np.full(shape, huge)
    yield "squares too large", w * np.sqrt(LARGEST[dtype])


def steps(shape: tuple[int, ...]) -> np.ndarray:
    return np.exp(np.random.default_rng(1).normal(size=shape))


def quiet() -> contextlib.AbstractContextManager[Any]:
    """numpy tells of each overflow, in what is then not selected as well."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def set_at_the_ends(row: SetRow, library: str, dtype: str) -> None:
    slow = row.tolerance > 1e-10  # balls, or sums, in turns
    for name, w in extremes(row.shapes[0], dtype):
        if slow and name not in ("zero", "huge"):
            continue
        x = laws.to(library, w, dtype)
        s = laws.to(library, steps(w.shape), "float64" if dtype == "float64" else "float32")
        with quiet():
            z = laws.run(library, "project", row.term, x)
            in_metric = laws.run(library, "project in metric", row.term, x, s)
            assert float(laws.run(library, "violation", row.term, x)) >= 0.0, name
            for found in (z, in_metric):
                assert found.dtype == x.dtype and tuple(found.shape) == w.shape
                assert np.isfinite(laws.exact(found)).all(), name
                assert float(laws.run(library, "violation", row.term, found)) == 0.0, name
                assert laws.bits(laws.run(library, "project", row.term, found)) == laws.bits(found), name


@pytest.mark.parametrize(("library", "dtype"), CASES)
@pytest.mark.parametrize("row", PROJECTIONS, ids=str)
def test_projections_at_the_ends(row: SetRow, library: str, dtype: str) -> None:
    set_at_the_ends(row, library, dtype)


@pytest.mark.parametrize("row", [r for r in PROJECTIONS if in_jax(r)], ids=str)
def test_projections_at_the_ends_in_jax(row: SetRow) -> None:
    set_at_the_ends(row, "jax", "float32")


def penalty_at_the_ends(row: PenaltyRow, library: str, dtype: str) -> None:
    for name, w in extremes(row.shapes[0], dtype):
        x = laws.to(library, w, dtype)
        with quiet():
            got = float(laws.run(library, "value", row.term, x))
            try:
                want = float(row.value(laws.exact(x)))
            except OverflowError:  # of a power of a Python float
                want = np.inf
        assert got == got or not abs(want) < LARGEST["float64" if dtype == "float64" else "float32"], name
        if name.endswith("zero") or name == "1e-30":  # elsewhere the formula's own squares are out of range
            assert abs(got - want) <= 1e-5 * (abs(want) + 1e-30), name
        if not row.term.has_prox:
            continue
        s = laws.to(library, steps(w.shape), "float64" if dtype == "float64" else "float32")
        with quiet():
            z = laws.run(library, "prox", row.term, x, s)
        assert z.dtype == x.dtype and tuple(z.shape) == w.shape
        assert np.isfinite(laws.exact(z)).all(), name
        assert not name.endswith("zero") or "Towards" in str(row) or not laws.exact(z).any()


@pytest.mark.parametrize(("library", "dtype"), CASES)
@pytest.mark.parametrize("row", ALL_PENALTIES, ids=str)
def test_penalties_at_the_ends(row: PenaltyRow, library: str, dtype: str) -> None:
    if "Plain" in str(row) and dtype != "float64":
        pytest.skip("a user's function computes in whatever precision it chooses")
    penalty_at_the_ends(row, library, dtype)


@pytest.mark.parametrize("row", [r for r in ALL_PENALTIES if in_jax(r)], ids=str)
def test_penalties_at_the_ends_in_jax(row: PenaltyRow) -> None:
    penalty_at_the_ends(row, "jax", "float32")


@pytest.mark.parametrize("row", PROJECTIONS, ids=str)
def test_what_is_outside_is_seen(row: SetRow) -> None:
    """`violation` is 0 for no point that the set's own definition puts outside."""
    rng = np.random.default_rng(4)
    for scale in (0.1, 1.0, 10.0):
        for w in (scale * rng.normal(size=row.shapes[0]), scale * np.abs(rng.normal(size=row.shapes[0]))):
            z = row.term(w)
            nudged = z.copy()
            nudged.flat[rng.integers(z.size)] -= 0.3 * scale
            swapped = z.copy()  # the same sums
            swapped[0, ...] -= 2.0
            swapped[1, ...] += 2.0
            for p in (w, -w, nudged, swapped):
                if row.place.excess(p) > 1e-4:
                    assert float(row.term.violation(p)) > 0.0


# --- shapes -----------------------------------------------------------------------------------------------------------


def fits(term: Any, w: np.ndarray) -> bool:
    """Whether ``term`` takes weights of this shape; otherwise it must say so, and show the shape."""
    try:
        term(w)
    except ValueError as error:
        assert any(word in str(error) for word in (str(w.shape), "shape", "axes", "axis")), error
        return False
    return True


def excess(row: SetRow, z: np.ndarray) -> float:
    try:
        return row.place.excess(z)
    except ValueError:  # one weight has no neighbour
        return 0.0


@pytest.mark.parametrize("row", PROJECTIONS, ids=str)
def test_sets_of_one_weight_and_of_none(row: SetRow) -> None:
    for shape in [(1,), (1, 1), (1, 1, 1, 1)]:
        for value in (0.0, -3.0, 0.4):
            w = np.full(shape, value)
            if fits(row.term, w):
                z, z_step = row.term(w), row.term(w, step=np.full(shape, 2.0))
                for found in (z, z_step):
                    assert excess(row, found) <= 1e-6 and float(row.term.violation(found)) == 0.0
                    np.testing.assert_array_equal(row.term(found), found)
    for shape in [(0,), (4, 0), (0, 3), (2, 0, 3)]:
        w = np.zeros(shape)
        if fits(row.term, w):
            assert row.term(w).shape == shape and row.term(w, step=np.ones(shape)).shape == shape
            assert float(row.term.violation(w)) == 0.0


@pytest.mark.parametrize("row", ALL_PENALTIES, ids=str)
def test_penalties_of_one_weight_and_of_none(row: PenaltyRow) -> None:
    for shape in [(1,), (1, 1), (1, 1, 1, 1)]:
        w = np.full(shape, -3.0)
        if fits(row.term, w) and row.term.has_prox:
            z = row.term.prox(w, np.full(shape, 0.5))
            assert z.shape == shape
            # One weight, so a line search over it is a proof.
            grid = np.linspace(-4, 1, 101) if shape == (1, 1) else []
            cost = [float(row.term(np.full(shape, v))) + (v + 3) ** 2 for v in grid]
            assert float(row.term(z)) + (float(z.flat[0]) + 3) ** 2 <= min(cost, default=np.inf) + 1e-12
    for shape in [(0,), (4, 0), (0, 3), (2, 0, 3)]:
        w = np.zeros(shape)
        if fits(row.term, w):
            # No rows at all are not orthonormal.
            assert float(row.term(w)) == 0.0 or "SquaredOrthogonal" in str(row)
            if row.term.has_prox:
                assert row.term.prox(w, 0.5).shape == shape and row.term.prox(w, np.ones(shape)).shape == shape


def strided(w: np.ndarray) -> np.ndarray:
    """Equal to ``w``, with every second place in memory, axes in reverse order and backwards."""
    room = np.zeros(tuple(2 * n for n in reversed(w.shape)))
    view = room[tuple(slice(None, None, 2) for _ in w.shape)].T[::-1]
    view[...] = w
    return view


@pytest.mark.parametrize("row", [*PROJECTIONS, *ALL_PENALTIES], ids=str)
def test_memory_order_changes_nothing(row: Any) -> None:
    w = np.random.default_rng(2).normal(size=row.shapes[0])
    step = steps(w.shape)
    is_set = isinstance(row, SetRow)
    if not is_set and not row.term.has_prox:
        np.testing.assert_allclose(float(row.term(strided(w))), float(row.term(w)), rtol=1e-14)
        return
    torch_view = torch.asarray(np.ascontiguousarray(w.T)).permute(*reversed(range(w.ndim)))
    for x in (strided(w), torch_view):
        z = row.term(x, step=_like(x, step)) if is_set else row.term.prox(x, _like(x, step))
        plain = row.term(w, step=step) if is_set else row.term.prox(w, step)
        np.testing.assert_allclose(laws.exact(z), plain, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(w, np.random.default_rng(2).normal(size=row.shapes[0]))  # and nothing is written


def _like(x: Any, step: np.ndarray) -> Any:
    return torch.asarray(step) if isinstance(x, torch.Tensor) else strided(step)


# --- input that is wrong ----------------------------------------------------------------------------------------------


def act(row: Any, w: Any) -> Any:
    return row.term(w) if isinstance(row, SetRow) else row.term.prox(w, 0.5)


@pytest.mark.parametrize("row", [*SETS, *(r for r in ALL_PENALTIES if r.term.has_prox)], ids=str)
def test_nan_is_refused_where_it_can_be_seen(row: Any) -> None:
    w = np.ones(row.shapes[0])
    w.flat[1] = np.nan
    first = tuple(int(i) for i in np.argwhere(np.isnan(w))[0])
    for library, dtype in (("numpy", "float64"), ("torch", "bfloat16"), ("jax", "float32")):
        with pytest.raises(ValueError, match="are NaN, the first at") as caught:
            act(row, laws.to(library, w, dtype))
        assert str(first) in str(caught.value) and type(row.term).__name__ in str(caught.value)


def test_nan_stays_nan_where_it_cannot() -> None:
    """Traced, it comes out again, so that the loss shows it: nothing silently becomes a number."""
    w = jnp.asarray([[1.0, np.nan], [0.5, 2.0]])
    for term in (Box(-1, 1), L1Ball(1.3), UnitNorm()):
        assert np.isnan(jax.jit(term)(w)[0, 1]), term
        assert float(term.violation(w)) != 0.0
    for term in (L1(0.1), GroupLasso(0.1), LogSum(0.1)):
        assert np.isnan(jax.jit(lambda v, t=term: t.prox(v, 0.5))(w)[0, 1]), term
        assert np.isnan(term(w))
    assert torch.isnan(torch.func.vmap(NonNeg())(torch.asarray(np.array(w)))[0, 1])


@pytest.mark.parametrize("row", ALL_PENALTIES, ids=str)
def test_integers_and_complex_numbers_are_refused(row: PenaltyRow) -> None:
    if "Plain" in str(row):
        return
    for wrong in (np.ones(row.shapes[0], int), np.ones(row.shapes[0], complex), np.ones(row.shapes[0], bool)):
        with pytest.raises(TypeError, match="real floating-point"):
            row.term(wrong)
        if row.term.has_prox:
            with pytest.raises(TypeError, match="real floating-point"):
                row.term.prox(wrong, 0.5)
    for wrong in (torch.ones(row.shapes[0], dtype=torch.int32), jnp.ones(row.shapes[0], jnp.int32)):
        with pytest.raises(TypeError, match="real floating-point"):
            row.term(wrong)


VECTOR, KERNEL = np.ones(6), np.ones((4, 3))
REFUSED: list[tuple[Any, str]] = [
    (lambda: Box(2, 1), "low is above high"),
    (lambda: Box(np.asarray([0.0, 2.0]), 1.0), "low is above high"),
    (lambda: MinMaxNorm(2, 1), "min_value is above max_value"),
    (lambda: NonNeg() & Box(high=-1.0), "cannot all hold"),
    (lambda: Box(1.0, 2.0) & Box(3.0, 4.0), "cannot all hold"),
    (lambda: (Box(1.0, 2.0) & MaxNorm(0.5))(KERNEL), "No weights are feasible"),
    (lambda: MaxNorm(-1), "at least 0"),
    (lambda: Simplex(0), "above 0"),
    (lambda: HalfSpace([0.0, 0.0], 1.0), "a is zero"),
    (lambda: TopK(7)(VECTOR), "only 6 weights"),
    (lambda: TopK(13, per="tensor")(KERNEL), "only 12 weights"),
    (lambda: NM(3, 2), "at most m"),
    (lambda: NM(2, 4)(VECTOR), "blocks of 4"),
    (lambda: LowRank(4)(KERNEL), "rank is at most 3"),
    (lambda: SpectralNorm()(VECTOR), "needs a matrix"),
    (lambda: Orthogonal()(VECTOR), "needs a matrix"),
    (lambda: Symmetric()(KERNEL), "square"),
    (lambda: Triangular()(VECTOR), "needs a matrix"),
    (lambda: Radial()(KERNEL), "square"),
    (lambda: Monotone()(np.ones((2, 2, 3))), "one axis"),
    (lambda: Zeros(np.ones((2, 2)))(KERNEL), r"shape \(2, 2\)"),
    (lambda: Fixed(np.ones(5))(KERNEL), r"shape \(5,\)"),
    (lambda: MaxNorm(axis=2)(KERNEL), "Axis 2 does not exist"),
    (lambda: NuclearNorm()(VECTOR), "rows"),
    (lambda: OrthogonalRegularizer()(VECTOR), "matrix"),
    (lambda: SparseGroupLasso(by="input", groups=[[0, 1], [2]])(KERNEL), "do not cover"),
    (lambda: SparseGroupLasso(by="input", groups=[[0, 1], [1, 2, 3]]), "overlap"),
    (lambda: ExclusiveLasso(by="entry", groups=[[0], [99]])(VECTOR), "do not cover"),
    (lambda: GroupLInf(by=(3, 1))(KERNEL), "do not cover"),
    (lambda: L2(-1), "at least 0"),
    (lambda: Towards(L1(), np.ones(5))(KERNEL), "does not fit"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_cannot_be_is_refused_in_words(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_the_laws_of_the_ends_can_fail() -> None:
    """Keras's quotient, whose small number in the denominator shortens what is tiny and whose norm overflows."""
    from dataclasses import dataclass

    from tests.laws.table import Place

    @dataclass(frozen=True, eq=False)
    class Epsilon(UnitNorm):
        def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
            return w / (1e-7 + np.sqrt(np.sum(w * w, axis=0, keepdims=True)))

    row = SetRow(Epsilon(), Place(bands=((None, 1.0, 1.0),)), shapes=[(4, 3)])
    with pytest.raises(AssertionError):
        set_at_the_ends(row, "numpy", "float64")
