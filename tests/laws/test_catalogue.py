"""Penalties whose proximal map is exact with one step a group: the law of proximal maps with that step."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.laws import laws
from tests.laws.table import PenaltyRow, table_catalogue

every_row = pytest.mark.parametrize(("row", "over"), table_catalogue.ONE_STEP, ids=str)


@pytest.mark.parametrize(("library", "dtype"), [*laws.EXACT, ("jax", "float32")])
@every_row
def test_prox_with_one_step(row: PenaltyRow, over: str, library: str, dtype: str) -> None:
    @settings(max_examples=20 if library == "numpy" else 6, deadline=None)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.prox_is_minimiser(row, library, dtype, w, np.full((), step.flat[0]), rng)
        # With steps that differ: what the smallest of the group gives.
        x, s = laws.to(library, w, dtype), laws.to(library, step, dtype)
        same = laws.to(library, table_catalogue.one_step(step, over), dtype)
        got, want = laws.run(library, "prox", row.term, x, s), laws.run(library, "prox", row.term, x, same)
        np.testing.assert_array_equal(laws.exact(got), laws.exact(want))

    check()


@pytest.mark.parametrize(("library", "dtype"), laws.CASES)
@every_row
def test_value(row: PenaltyRow, over: str, library: str, dtype: str) -> None:
    @settings(max_examples=6, deadline=None)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        laws.value_is_formula(row, library, dtype, drawn[0])

    check()


@every_row
def test_libraries_agree_and_configs_round_trip(row: PenaltyRow, over: str) -> None:
    @settings(max_examples=4, deadline=None)
    @given(laws.draws(row.shapes[:1]))
    def check(drawn: Any) -> None:
        laws.libraries_agree("prox", (row.term,), drawn[0], np.full((), 0.3))

    check()
    laws.round_trips(row.term, "regularizer")
