"""What the catalogue's constraints add to the laws of every set: their surface, their gradient, their refusals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import quick
from tests.laws import laws
from tests.laws.table_sets import SETS, SetRow

SLACK = {"float64": 1e-14, "float32": 2e-6, "float16": 4 * 2.0**-10, "bfloat16": 4 * 2.0**-7}


def awkward(shape: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(1)
    w = rng.normal(size=shape)
    return [w, 1e3 * w, 1e-3 * w, 0 * w, np.ones(shape), np.round(w)]


@pytest.mark.parametrize(("library", "dtype"), laws.CASES)
@pytest.mark.parametrize("row", SETS, ids=str)
def test_the_nearest_point_is_in_the_set_by_its_definition(row: SetRow, library: str, dtype: str) -> None:
    """And stays there, to the bit; that the other libraries leave it there, too, is in test_sets.py."""
    for w in awkward(row.shapes[0]):
        z = laws.run(library, "project", row.term, laws.to(library, w, dtype))
        assert row.place.excess(laws.exact(z)) <= SLACK[dtype] * 2
        assert np.isfinite(laws.exact(z)).all()
        assert laws.bits(laws.run(library, "project", row.term, z)) == laws.bits(z)


@pytest.mark.parametrize("row", SETS, ids=str)
def test_gradients_are_finite_under_jit_and_vmap(row: SetRow) -> None:
    weigh = jnp.asarray(np.random.default_rng(2).normal(size=row.shapes[0]), jnp.float32)
    x = jnp.asarray(np.stack(awkward(row.shapes[0])), jnp.float32)
    slope = jax.vmap(jax.grad(lambda v: jnp.sum(row.term(v) * weigh)))
    # One program of both, compiled quickly: neither is held to its last bits.
    slopes, together = jax.jit(lambda v: (slope(v), jax.vmap(row.term)(v)), compiler_options=quick.OPTIONS)(x)
    assert bool(jnp.all(jnp.isfinite(slopes)))
    if not getattr(row, "unique", True):
        return
    for w, z in zip(x, together, strict=True):
        alone = laws.run("jax", "project", row.term, w)
        np.testing.assert_allclose(z, alone, rtol=1e-5, atol=1e-5 * (np.abs(w).max() + 1e-6))


@pytest.mark.parametrize("row", SETS, ids=str)
def test_what_no_weight_can_be_is_refused(row: SetRow) -> None:
    for wrong in (np.ones(row.shapes[0], int), np.ones(row.shapes[0], complex)):
        with pytest.raises(TypeError, match="real floating-point"):
            row.term(wrong)
        with pytest.raises(TypeError, match="real floating-point"):
            row.term.violation(wrong)
