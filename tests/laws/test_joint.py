"""Every known pair of a regularizer and a constraint is solved jointly; every other is refused by name."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from taut import joint
from taut.constraints import Box, MaxNorm, MinMaxNorm, NonNeg, Plain, TopK, UnitNorm, UnitSum
from taut.regularizers import L1, MCP, GroupLasso, OrthogonalRegularizer, TotalVariation
from tests.laws import laws
from tests.laws.table import PAIRS, SPLIT, PairRow


@pytest.mark.parametrize("row", PAIRS, ids=str)
def test_joint_step(row: PairRow) -> None:
    @settings(max_examples=8)
    @given(laws.draws(row.shapes))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.joint_is_minimiser(row, "numpy", "float64", w, step, rng)

    check()


@pytest.mark.parametrize("row", SPLIT, ids=str)
def test_split_step(row: PairRow) -> None:
    @settings(max_examples=4)
    @given(laws.draws(row.shapes))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        step = np.sqrt(step)  # steps within a hundredfold: beyond, a few cases need more rounds than the limit
        laws.joint_is_minimiser(row, "numpy", "float64", w, step, rng)

    check()


ALIKE = [r for r in PAIRS if str(r).startswith(("L1(", "GroupLasso(strength=0.7"))][::6]


@pytest.mark.parametrize("row", ALIKE, ids=str)
def test_libraries_agree(row: PairRow) -> None:
    @settings(max_examples=3)
    @given(laws.draws(row.shapes[:1]))
    def check(drawn: Any) -> None:
        w, step, _ = drawn
        laws.libraries_agree("joint", (row.penalty.term, row.set.term), w, step)

    check()


def test_table_is_not_empty() -> None:
    names = {str(row) for row in PAIRS}
    assert len(names) == len(PAIRS) > 50


@pytest.mark.parametrize(
    ("r", "c"),
    [
        (GroupLasso(), UnitNorm()),
        (GroupLasso(), MinMaxNorm()),
        (GroupLasso(), TopK(2)),
        (MCP(), Box(0.1, 1)),
        (MCP(), MaxNorm()),
        (MCP() + TotalVariation(), None),
        (L1(), Plain(abs)),
        (L1(), MinMaxNorm(0.5, 1.0, rate=0.5)),
        (OrthogonalRegularizer(), NonNeg()),
    ],
    ids=str,
)
def test_unknown_pairs_are_refused_by_name(r: Any, c: Any) -> None:
    why = joint.known(r, c)
    assert why is not None and "acting(" in why
    assert all(type(t).__name__ in why for t in getattr(r, "terms", (r,)))
    with pytest.raises(ValueError, match="acting"):
        joint.step_for(r, c)


def test_a_pair_that_depends_on_the_shape_is_refused_there() -> None:
    # axis=0 is one unit of a Dense kernel and not of a convolution's: there two norms, one of them bounded from below.
    both = UnitNorm(axis=0) & MaxNorm(2.0)
    step = joint.step_for(L1(0.1), both)
    assert step(np.ones((4, 3)), 0.1, (0,)).shape == (4, 3)
    with pytest.raises(ValueError, match=r"L1\(0.1\) with UnitNorm\(axis=0\) & MaxNorm\(2.0\)"):
        step(np.ones((2, 2, 3)), 0.1, (0, 1))
    assert joint.known(L1(), both, (4, 3), (0,)) is None
    assert joint.known(L1(), both, (2, 2, 3), (0, 1)) is not None


def test_a_splitting_keeps_zeros_and_ends_inside_on_every_library() -> None:
    rng = np.random.default_rng(0)
    w, step = rng.normal(size=(6, 4)), np.exp(rng.normal(size=(6, 4)))
    for library, dtype in [("numpy", "float64"), ("numpy", "float16"), ("torch", "float32"), ("jax", "float32")]:
        x, s = laws.to(library, w, dtype), laws.to(library, step, "float32" if dtype == "float16" else dtype)
        z = laws.run(library, "joint", L1(0.5), UnitSum(), x, s)
        assert float(UnitSum().violation(z)) == 0.0
        zeros = laws.exact(z) == 0
        if (library, dtype) == ("numpy", "float64"):
            expected = zeros
            assert 3 < zeros.sum() < 20
        np.testing.assert_array_equal(zeros, expected)
        assert str(z.dtype).endswith(dtype)


def test_a_splitting_under_jit_and_vmap() -> None:
    step = jax.jit(
        jax.vmap(lambda l1, w: joint.step_for(L1(l1), UnitSum())(w, jnp.asarray([1.0, 0.1, 2.0]), None), (0, None))
    )
    w = np.asarray([2.0, -0.3, 0.4])
    for l1, z in zip([0.1, 0.5], step(jnp.asarray([0.1, 0.5]), jnp.asarray(w, jnp.float32)), strict=True):
        alone = joint.step_for(L1(l1), UnitSum())(w, np.asarray([1.0, 0.1, 2.0]), None)
        np.testing.assert_allclose(z, alone, atol=2e-5)  # four kappa of the largest weight


def test_entries_without_a_step_stay_where_they_are() -> None:
    # Rare entries have step 0 until their first gradient (docs/decisions/011).
    w, step = np.asarray([0.4, 0.2, -0.1, 0.5]), np.asarray([0.0, 0.0, 1.0, 0.5])
    z = joint.step_for(L1(0.1), UnitSum())(w, step, None)
    np.testing.assert_allclose(z[:2], w[:2], atol=1e-9)
    np.testing.assert_allclose(joint.step_for(L1(9.0), UnitSum())(w, np.zeros(4), None), w, atol=1e-9)


def test_without_a_regularizer_or_a_step_it_is_the_projection() -> None:
    w = np.asarray([[3.0, -4.0], [0.0, 0.1]])
    assert joint.step_for(None, None)(w, None, None) is w
    np.testing.assert_array_equal(joint.step_for(None, NonNeg())(w, 1.0, None), NonNeg()(w))
    np.testing.assert_array_equal(joint.step_for(L1(9.0), NonNeg())(w, None, None), NonNeg()(w))
    np.testing.assert_array_equal(joint.step_for(L1(9.0), None)(w, 1.0, None), np.zeros((2, 2)))
    np.testing.assert_array_equal(joint.step_for(L1(9.0).acting("proximal"), None)(w, 1.0, None), np.zeros((2, 2)))
