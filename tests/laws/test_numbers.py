"""Numbers beyond what floats hold: every field of every term, refused when made or when it meets weights of a dtype."""

import dataclasses
import itertools
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from taut import catalogue, plans, regularizers
from taut.constraints import NM, Box, Fixed, LInfBall, MaxNorm, MinMaxNorm, NonNeg, Simplex, TopK
from taut.regularizers import L1, L2, Entropy, GroupLasso, KLSparsity, LogSum, Scaled, SquaredDifferences
from tests.laws.table import GRADIENT_ONLY, PENALTIES, SETS, table_catalogue

ROWS = [*PENALTIES, *GRADIENT_ONLY, *(row for row, _ in table_catalogue.ONE_STEP), *SETS]
ALL = [*(row.term for row in ROWS), KLSparsity(), Entropy()]
TERMS = list({type(term): term for term in ALL if dataclasses.is_dataclass(term)}.values())
HUGE = [1e39, -1e39, 1e308, -1e308, 10**400, -(10**400), Fraction(10**400), [1e39], [10**400]]
NEVER = [np.nan, np.inf, -np.inf, 10**400, 10**5000, [np.inf], [10**400]]
REAL = (float, np.ndarray)
WHOLE = [10**9, 10**19, 10**400, 10**5000, -(10**9), -(10**400)]
W = np.linspace(-1.0, 2.0, 16, dtype=np.float32).reshape(4, 4)


def fields(*of: type) -> list[tuple[Any, str]]:
    """The fields that hold a number: every term's, by what they hold; masks hold none."""
    return [
        (term, f.name)
        for term in TERMS
        for f in dataclasses.fields(term)
        if isinstance(getattr(term, f.name), of) and not isinstance(getattr(term, f.name), bool) and f.name != "mask"
    ]


def act(term: Any, w: Any) -> Any:
    if term.kind == "constraint":
        return term(w)
    return [term(w), *([term.prox(w, 0.5)] if term.has_prox else [])]


def test_every_term_of_the_catalogue_is_here() -> None:
    missing = {entry.cls for entry in catalogue.ENTRIES} - {type(term) for term in TERMS}
    assert {cls.__name__ for cls in missing} <= {"Plain"}  # a function, which has no numbers
    assert len(fields(*REAL)) > 48 and len(fields(int)) > 8


@pytest.mark.filterwarnings("ignore:MinMaxNorm:UserWarning")  # told once that a norm is not below 0
def test_numbers_beyond_the_dtype_are_refused() -> None:
    """At 1e39 a float32 is infinite: whatever is made of it would be inf or NaN."""
    missed = []
    for (term, name), value in itertools.product(fields(*REAL), HUGE):
        try:
            made = dataclasses.replace(term, **{name: value})
        except (ValueError, TypeError) as error:  # TypeError: a list where one number is meant
            assert name in str(error)
            continue
        for w in (W, jnp.asarray(W), torch.from_numpy(W.copy())):
            try:
                act(made, w)
                missed.append(f"{type(term).__name__}({name}={value}) on {type(w).__name__}")
            except ValueError as error:
                assert name in str(error) and "float32" in str(error)
    assert not missed, "\n".join(missed)


def test_numbers_that_no_float_holds_are_refused_when_made() -> None:
    for (term, name), value in itertools.product(fields(*REAL), NEVER):
        if isinstance(term, Box) and value in (np.inf, -np.inf):
            continue  # no bound on that side
        with pytest.raises((ValueError, TypeError), match=name):
            dataclasses.replace(term, **{name: value})
    for make in (lambda: Box(low=np.inf), lambda: Box(high=-np.inf), lambda: Box(low=10**400)):
        with pytest.raises(ValueError, match="Box"):
            make()
    np.testing.assert_array_equal(Box(-np.inf, 0.5)(W), np.minimum(W, 0.5))


def test_whole_numbers_have_a_limit() -> None:
    """A number out of a file must not make a loop of a thousand million rounds."""
    for (term, name), value in itertools.product(fields(int), WHOLE):
        try:
            made = dataclasses.replace(term, **{name: value})
        except ValueError as error:
            assert name in str(error)
            continue
        with pytest.raises(ValueError):  # more than there are weights
            act(made, W)
    for make in (
        lambda: SquaredDifferences(order=10**9),
        lambda: SquaredDifferences(order=51),
        lambda: MaxNorm(axis=(0,) * 100),
        lambda: MaxNorm(axis=10**9),
        lambda: TopK(10**400),
        lambda: NM(2, 10**19),
        lambda: GroupLasso(by=(10**19, 1)),
        lambda: GroupLasso(by="input", groups=((0, 1), (10**18,))),
    ):
        with pytest.raises(ValueError, match=r"at most|axes"):
            make()
    assert float(SquaredDifferences(1.0, order=50)(np.ones(60, np.float32))) == 0.0


def test_overlapping_groups_are_found_without_comparing_all_pairs() -> None:
    with pytest.raises(ValueError, match="overlap"):
        GroupLasso(by="input", groups=(tuple(range(200_000)),) * 2)


def test_numbers_that_would_vanish() -> None:
    """A positive size of 1e-50 is 0 in float32, and what is divided by it no number."""
    for term, field in ((LogSum(delta=1e-50), "delta"), (Simplex(1e-50), "total"), (LogSum(delta=1e-320), "delta")):
        with pytest.raises(ValueError, match=f"{field} would be 0 in float32"):
            act(term, W)
    act(LogSum(delta=1e-50), W.astype(np.float64))
    act(L1(1e-50), W)  # a strength that is next to none is none


def test_float64_weights_take_float64_numbers() -> None:
    w = W.astype(np.float64)
    np.testing.assert_array_equal(Box(1e39, 1e40)(w), np.full_like(w, 1e39))
    assert np.linalg.norm(MinMaxNorm(1e39, 1e40)(w), axis=0) == pytest.approx(1e39)
    assert np.isfinite(float(L2(1e300)(w)))


def test_half_precision_has_a_range_of_its_own() -> None:
    w = W.astype(np.float16)
    for term in (Box(-1e5, 1e5), Fixed(1e5), LInfBall(1e5), MaxNorm(1e5)):
        with pytest.raises(ValueError, match="float16"):
            term(w)
    assert np.isfinite(float(L1(1e5)(w)))  # computed in float32


def test_a_plan_refuses_what_its_float32_cannot_hold() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"constraint": Box(1e39, 1e40)}, "low"),
        ({"constraint": NonNeg() & Simplex(1e39)}, "total"),
        ({"regularizer": L1(0.1) + L1(1e308)}, "l1"),
        ({"regularizer": Scaled(L2(0.1), 1e39)}, "factor"),
    ]
    for terms, name in cases:
        with pytest.raises(ValueError, match=rf"d/kernel.*{name} is beyond float32"):
            plans.bind([plans.Entry("d/kernel", "kernel", (4, 4), (0,), **terms)])
    with pytest.raises(ValueError, match=r"d/activity.*beyond float32"):
        plans.bind([], [("d", regularizers.L1(1e39))])


def test_a_box_side_at_infinity_is_a_side_without_a_bound() -> None:
    """SciPy's way of writing it; a file could not hold it."""
    assert Box(0.0, np.inf).get_config() == {"low": 0.0, "high": None}
    assert Box(-np.inf, 1).get_config() == {"low": None, "high": 1.0}
    with pytest.raises(ValueError, match="bounds nothing"):
        Box(-np.inf, np.inf)
