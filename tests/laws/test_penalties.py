"""Every regularizer of the table obeys the laws of penalties and of proximal maps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.laws import laws
from tests.laws.table import GRADIENT_ONLY, PENALTIES, PenaltyRow

every_penalty = pytest.mark.parametrize("row", PENALTIES, ids=str)


@pytest.mark.parametrize(("library", "dtype"), laws.CASES)
@pytest.mark.parametrize("row", [*PENALTIES, *GRADIENT_ONLY], ids=str)
def test_value(row: PenaltyRow, library: str, dtype: str) -> None:
    if type(row.term).__name__ == "Plain" and dtype in ("float16", "bfloat16"):
        pytest.skip("a user's function computes in whatever precision it chooses")

    @settings(max_examples=8 if library == "numpy" else 4)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        laws.value_is_formula(row, library, dtype, drawn[0])

    check()


@pytest.mark.parametrize(("library", "dtype"), [*laws.EXACT, ("jax", "float32")])
@every_penalty
def test_prox(row: PenaltyRow, library: str, dtype: str) -> None:
    @settings(max_examples=25 if library == "numpy" else 8)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.prox_is_minimiser(row, library, dtype, w, step, rng)
        laws.prox_is_minimiser(row, library, dtype, w, np.full((), step.flat[0]), rng)

    check()


@every_penalty
def test_libraries_agree(row: PenaltyRow) -> None:
    @settings(max_examples=6)
    @given(laws.draws(row.shapes[:1]))
    def check(drawn: Any) -> None:
        w, step, _ = drawn
        laws.libraries_agree("prox", (row.term,), w, step)
        laws.libraries_agree("value", (row.term,), w)

    check()


@pytest.mark.parametrize("row", [*PENALTIES, *GRADIENT_ONLY[:-1]], ids=str)
def test_configs_round_trip(row: PenaltyRow) -> None:
    laws.round_trips(row.term, "regularizer")


@pytest.mark.parametrize("row", GRADIENT_ONLY, ids=str)
def test_without_a_prox_the_way_out_is_named(row: PenaltyRow) -> None:
    assert not row.term.has_prox
    with pytest.raises(NotImplementedError, match=r"acting\(\"gradient\"\)"):
        row.term.prox(np.ones((2, 2)), 0.1)
    with pytest.raises(ValueError, match=r"acting\(\"gradient\"\)"):
        row.term.acting("proximal")
    assert row.term.acting("gradient").term is row.term
