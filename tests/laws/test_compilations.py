"""One program serves every strength and bound: numbers are leaves, and another number traces nothing again."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taut.constraints import TopK
from taut.regularizers import L1
from tests.laws.table import GRADIENT_ONLY, PENALTIES, SETS, table_catalogue


def one_of_each() -> list[Any]:
    """The first row of each class (and of each combination of classes) whose numbers are leaves."""
    found: dict[Any, Any] = {}
    for row in [*SETS, *PENALTIES, *GRADIENT_ONLY, *(row for row, _ in table_catalogue.ONE_STEP)]:
        if jax.tree.leaves(row.term) and "Plain" not in str(row):
            found.setdefault(jax.tree.structure(row.term), row)
    by_class = {tuple(type(t).__name__ for t in getattr(r.term, "terms", (r.term,))): r for r in found.values()}
    return list(by_class.values())


def tracings(terms: list[Any], w: Any) -> int:
    """How often the same function is traced for these terms; nothing is compiled."""
    seen: list[Any] = []

    def act(term: Any, w: Any, step: Any) -> Any:
        seen.append(term)
        if term.kind == "constraint":
            return term(w, step=step), term.violation(w)
        return term(w), term.prox(w, step) if term.has_prox else w

    program = jax.jit(act)
    for term in terms:
        program.trace(term, w, jnp.ones_like(w))
    return len(seen)


@pytest.mark.parametrize("row", one_of_each(), ids=lambda row: type(row.term).__name__)
def test_another_number_is_the_same_program(row: Any) -> None:
    w = jnp.ones(row.shapes[0], jnp.float32)
    others = [jax.tree.map(lambda v, k=k: v * k, row.term) for k in (1.0, 1.25, 0.5)]
    # As the engine hands them over: strengths and bounds as float32 arrays.
    assert tracings([jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), t) for t in others], w) == 1


def test_the_table_is_covered() -> None:
    assert len(one_of_each()) >= 40


def test_the_count_can_fail() -> None:
    """What shapes the program is no leaf; and a number that is one is seen by value all the same."""
    w = jnp.ones(6)
    assert tracings([TopK(2), TopK(3)], w) == 2
    assert tracings([L1(0.5), L1(2.0)], w) == 1 and tracings([L1(0.5), L1(np.ones(6))], w) == 2
    values = jax.jit(lambda term, v: term(v))
    assert [float(values(L1(k), w)) for k in (0.5, 2.0)] == [3.0, 12.0]
