"""One program serves every strength and bound: numbers are leaves, and another number traces nothing again."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taut.constraints import MaxNorm, TopK, UnitNorm
from taut.regularizers import L1, GroupLasso
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


# --- what the compiled program does before it knows what is needed ---------------------------------------------------------

NETS, SHAPE = 3, (24, 40)


def arrays_written(function: Any, *given: Any) -> int:
    """Arrays as large as the weights that the compiled program writes, come what may: not those within a loop."""
    text = jax.jit(jax.vmap(function)).lower(*given).compile().as_text()
    entry = text[text.index("ENTRY") :].splitlines()
    whole = f"f32[{','.join(map(str, (NETS, *SHAPE)))}]"
    return sum(whole in line.partition("=")[2][:40] and "fusion(" in line for line in entry)


@pytest.mark.parametrize(
    ("name", "function", "in_metric", "count"),
    [
        ("GroupLasso", GroupLasso(0.1).prox, False, 1),
        ("GroupLasso", GroupLasso(0.1).prox, True, 1),
        ("UnitNorm", lambda w, step: UnitNorm(axis=0)(w), False, 1),
        ("MaxNorm", lambda w, step: MaxNorm(1.0, axis=0)(w, step=step), False, 1),
        ("MaxNorm", lambda w, step: MaxNorm(1.0, axis=0)(w, step=step), True, 2),  # in the metric, then to the bit
    ],
)
def test_only_results_are_written_unless_more_is_needed(name: str, function: Any, in_metric: bool, count: int) -> None:
    """XLA moves what does not depend on a loop's state out of the loop, and a loop of no rounds costs as much as one."""
    w = jnp.ones((NETS, *SHAPE), jnp.float32)
    assert arrays_written(function, w, w if in_metric else jnp.ones(NETS, jnp.float32)) == count
