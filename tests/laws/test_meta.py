"""Each law can fail: deliberately wrong terms, one for each mistake that is easily made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from taut import joint
from taut.constraints import MaxNorm, NonNeg
from taut.regularizers import L1, L2, GroupLasso
from tests.laws import laws
from tests.laws.table import PairRow, PenaltyRow, Place, SetRow, by_unit, l1, l2

BALL = Place(bands=((None, 0.0, 1.1),))
SHAPE = (4, 3)


def broken(law: Callable[[np.ndarray, np.ndarray, np.random.Generator], None]) -> bool:
    """Whether the law refuses the term for some of forty weights."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        w, step = rng.normal(size=SHAPE) * (0.2, 1.0, 3.0)[seed % 3], np.exp(3 * rng.normal(size=SHAPE))
        try:
            law(w, step, rng)
        except AssertionError:
            return True
    return False


@dataclass(frozen=True, eq=False)
class Overshoots(MaxNorm):
    """Lands a thousandth outside."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        z = super().__call__(w, step=step, fan_in=fan_in)
        return z * np.where(z == w, 1.0, 1.001)


@dataclass(frozen=True, eq=False)
class Epsilon(MaxNorm):
    """Keras's: w·clip(n, 0, max)/(ε + n)."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        n = np.linalg.norm(w, axis=0, keepdims=True)
        return w * np.clip(n, 0, self.max_value) / (1e-7 + n)


@dataclass(frozen=True, eq=False)
class TooShort(MaxNorm):
    """Sends a unit that is too long to half the radius."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        z = super().__call__(w, step=step, fan_in=fan_in)
        return np.where(z == w, w, z / 2)


@dataclass(frozen=True, eq=False)
class WrongAxis(MaxNorm):
    """Bounds what leaves an input instead of what enters a unit."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        return MaxNorm(self.max_value, axis=-1)(w, step=step)


@dataclass(frozen=True, eq=False)
class Euclidean(MaxNorm):
    """Forgets the metric."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        return super().__call__(w, fan_in=fan_in)


@dataclass(frozen=True, eq=False)
class Idle(MaxNorm):
    """Does nothing in a metric."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        return super().__call__(w, fan_in=fan_in) if step is None else w


NUMPY = ("numpy", "float64")


def test_the_right_term_passes_every_law_that_the_wrong_ones_break() -> None:
    row = SetRow(MaxNorm(1.1), BALL)
    assert not broken(lambda w, s, r: laws.feasible(row, *NUMPY, w))
    assert not broken(lambda w, s, r: laws.idempotent(row, *NUMPY, w))
    assert not broken(lambda w, s, r: laws.keeps_feasible_bits(row, *NUMPY, w, s, r))
    assert not broken(lambda w, s, r: laws.feasible_in_metric(row, *NUMPY, w, s))
    assert not broken(lambda w, s, r: laws.nothing_closer(row, *NUMPY, w, s, r))


def test_feasible_can_fail() -> None:
    assert broken(lambda w, s, r: laws.feasible(SetRow(Overshoots(1.1), BALL), *NUMPY, w))
    assert broken(lambda w, s, r: laws.feasible(SetRow(WrongAxis(1.1), BALL), *NUMPY, w))


def test_idempotent_can_fail() -> None:
    assert broken(lambda w, s, r: _again(Epsilon(1.1), w))


def _again(term: Any, w: np.ndarray) -> None:
    z = term(w)
    assert laws.bits(term(z)) == laws.bits(z)


def test_keeping_bits_can_fail() -> None:
    assert broken(lambda w, s, r: laws.keeps_feasible_bits(SetRow(Epsilon(1.1), BALL), *NUMPY, w, s, r))


def test_feasible_in_a_metric_can_fail() -> None:
    assert broken(lambda w, s, r: laws.feasible_in_metric(SetRow(Idle(1.1), BALL), *NUMPY, w, s))


@dataclass(frozen=True, eq=False)
class BothAxes(MaxNorm):
    """Bounds what leaves an input as well as what enters a unit: inside, and farther than need be."""

    def __call__(self, w: Any, *, step: Any = None, fan_in: Any = None) -> Any:
        z = super().__call__(w, step=step, fan_in=fan_in)
        return MaxNorm(self.max_value, axis=-1)(z, step=step)


@pytest.mark.parametrize("wrong", [TooShort, BothAxes])
def test_nearest_can_fail(wrong: Any) -> None:
    row = SetRow(wrong(1.1), BALL)
    assert not broken(lambda w, s, r: laws.feasible(row, *NUMPY, w)) or wrong is BothAxes
    assert broken(lambda w, s, r: laws.nothing_closer(row, *NUMPY, w, None, r))


def test_nearest_in_a_metric_can_fail() -> None:
    row = SetRow(Euclidean(1.1), BALL)
    assert not broken(lambda w, s, r: laws.nothing_closer(row, *NUMPY, w, None, r))
    assert broken(lambda w, s, r: laws.nothing_closer(row, *NUMPY, w, s, r))


@dataclass(frozen=True, eq=False)
class Halved(L2):
    """½ where Keras has none."""

    def __call__(self, w: Any, *, fan_in: Any = None) -> Any:
        return super().__call__(w, fan_in=fan_in) / 2


@dataclass(frozen=True, eq=False)
class DropsTwo(L2):
    """w/(1 + step·λ): the factor 2 of the gradient is gone."""

    def prox(self, w: Any, step: Any, *, fan_in: Any = None) -> Any:
        return w / (1 + step * self.l2)


@dataclass(frozen=True, eq=False)
class ForgetsStep(L1):
    """Thresholds by λ, not by step·λ."""

    def prox(self, w: Any, step: Any, *, fan_in: Any = None) -> Any:
        return super().prox(w, 1.0)


def test_the_value_can_fail() -> None:
    assert broken(lambda w, s, r: laws.value_is_formula(PenaltyRow(Halved(0.3), lambda w: 0.3 * l2(w)), *NUMPY, w))


@pytest.mark.parametrize(
    "row",
    [PenaltyRow(DropsTwo(0.3), lambda w: 0.3 * l2(w)), PenaltyRow(ForgetsStep(0.3), lambda w: 0.3 * l1(w))],
    ids=["a dropped factor 2", "a forgotten step"],
)
def test_the_prox_can_fail(row: PenaltyRow) -> None:
    assert broken(lambda w, s, r: laws.prox_is_minimiser(row, *NUMPY, w, s, r))


def test_the_joint_step_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups shrink last; shrinking them first is the mistake."""
    pair = PairRow(PenaltyRow(GroupLasso(0.7), lambda w: 0.7 * by_unit(w)), SetRow(NonNeg(), Place(low=0.0)), [SHAPE])
    assert not broken(lambda w, s, r: laws.joint_is_minimiser(pair, *NUMPY, w, s, r))
    monkeypatch.setattr(joint, "step_for", lambda r, c: lambda w, s, f: c(r.prox(w, s)))
    assert broken(lambda w, s, r: laws.joint_is_minimiser(pair, *NUMPY, w, s, r))


@dataclass(frozen=True, eq=False)
class Forgets(L1):
    """A config without its number."""

    def get_config(self) -> dict[str, Any]:
        return {}


def test_the_round_trip_can_fail() -> None:
    with pytest.raises((AssertionError, TypeError)):
        laws.round_trips(Forgets(0.3), "regularizer")


def test_agreement_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    right = laws.run
    off = {"torch": 1.001, "jax": 1.0, "numpy": 1.0}
    monkeypatch.setattr(laws, "run", lambda library, *given: right(library, *given) * off[library])
    assert broken(lambda w, s, r: laws.libraries_agree("prox", (L1(0.1),), w, s))
