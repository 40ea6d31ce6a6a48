"""Every constraint of the table obeys the laws of projections."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.laws import laws
from tests.laws.table import SETS, SetRow

every_set = pytest.mark.parametrize("row", [r for r in SETS if r.projects], ids=str)
every_case = pytest.mark.parametrize(("library", "dtype"), laws.CASES)


def examples(library: str, row: SetRow) -> settings:
    if row.tolerance > 1e-12:  # several balls take turns, slowly outside a compiler
        return settings(max_examples=2)
    return settings(max_examples=8 if library == "numpy" else 4)


@every_case
@every_set
def test_feasible_idempotent_and_bit_for_bit(row: SetRow, library: str, dtype: str) -> None:
    @examples(library, row)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.feasible(row, library, dtype, w)
        laws.idempotent(row, library, dtype, w)
        laws.feasible_in_metric(row, library, dtype, w, step)
        laws.keeps_feasible_bits(row, library, dtype, w, step, rng)

    check()


@pytest.mark.parametrize(("library", "dtype"), [*laws.EXACT, ("jax", "float32")])
@every_set
def test_nothing_feasible_is_closer(row: SetRow, library: str, dtype: str) -> None:
    @examples(library, row)
    @given(laws.draws(laws.shapes_for(library, row.shapes)))
    def check(drawn: Any) -> None:
        w, step, rng = drawn
        laws.nothing_closer(row, library, dtype, w, None, rng)
        if row.term.convex and row.term.metric:
            laws.nothing_closer(row, library, dtype, w, step, rng)

    check()


@pytest.mark.parametrize("row", [r for r in SETS if getattr(r, "unique", True)], ids=str)
def test_libraries_agree(row: SetRow) -> None:
    @settings(max_examples=6)
    @given(laws.draws(row.shapes[:1]))
    def check(drawn: Any) -> None:
        w, step, _ = drawn
        laws.libraries_agree("project", (row.term,), w)
        laws.libraries_agree("project in metric", (row.term,), w, step)

    check()


@pytest.mark.parametrize("row", SETS, ids=str)
def test_configs_round_trip(row: SetRow) -> None:
    laws.round_trips(row.term, "constraint")


@pytest.mark.parametrize("row", [r for r in SETS if not r.projects], ids=str)
def test_part_of_the_way(row: SetRow) -> None:
    # MinMaxNorm(rate): each application takes the share `rate` of the distance to the bound.
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.4, 10.0):
        w = rng.normal(size=(4, 3)) * scale
        z = row.term(w)
        n, m = np.linalg.norm(w, axis=0), np.linalg.norm(z, axis=0)
        ((_, low, high),) = row.place.bands
        np.testing.assert_allclose(
            m, np.where((n >= low) & (n <= high), n, (np.clip(n, low, high) + n) / 2), rtol=1e-12
        )
