"""Every known pair of a regularizer and a constraint is solved jointly; every other is refused by name."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from taut import joint
from taut.constraints import Box, MaxNorm, MinMaxNorm, NonNeg, Plain, UnitNorm
from taut.regularizers import L1, GroupLasso, OrthogonalRegularizer
from tests.laws import laws
from tests.laws.table import PAIRS, PairRow


@pytest.mark.parametrize("row", PAIRS, ids=str)
def test_joint_step(row: PairRow) -> None:
    @settings(max_examples=12)
    @given(laws.draws(row.shapes))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.joint_is_minimiser(row, "numpy", "float64", w, step, rng)

    check()


@pytest.mark.parametrize("row", [r for r in PAIRS if str(r).startswith(("L1(", "GroupLasso(strength=0.7"))], ids=str)
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
        (GroupLasso(), Box(-1, 1)),
        (GroupLasso(), UnitNorm()),
        (GroupLasso(), MinMaxNorm()),
        (GroupLasso(by="input"), MaxNorm()),
        (GroupLasso() + GroupLasso(by="input"), None),
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
    # axis=0 is one unit of a Dense kernel and not of a convolution's.
    step = joint.step_for(GroupLasso(0.1), MaxNorm(1.0, axis=0))
    assert step(np.ones((4, 3)), 0.1, (0,)).shape == (4, 3)
    with pytest.raises(ValueError, match="same groups"):
        step(np.ones((2, 2, 3)), 0.1, (0, 1))
    assert joint.known(GroupLasso(), MaxNorm(axis=0), (4, 3), (0,)) is None
    assert joint.known(GroupLasso(), MaxNorm(axis=0), (2, 2, 3), (0, 1)) is not None


def test_without_a_regularizer_or_a_step_it_is_the_projection() -> None:
    w = np.asarray([[3.0, -4.0], [0.0, 0.1]])
    assert joint.step_for(None, None)(w, None, None) is w
    np.testing.assert_array_equal(joint.step_for(None, NonNeg())(w, 1.0, None), NonNeg()(w))
    np.testing.assert_array_equal(joint.step_for(L1(9.0), NonNeg())(w, None, None), NonNeg()(w))
    np.testing.assert_array_equal(joint.step_for(L1(9.0), None)(w, 1.0, None), np.zeros((2, 2)))
    np.testing.assert_array_equal(joint.step_for(L1(9.0).acting("proximal"), None)(w, 1.0, None), np.zeros((2, 2)))
