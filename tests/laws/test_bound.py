"""A bound entry's step: the same as the joint step of its terms, whatever way it takes there."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taut import joint
from taut.constraints import Box, L1Ball, MaxNorm, NonNeg, Simplex, UnitNorm
from taut.functional import combined
from taut.plans import Entry, bind, binding
from taut.regularizers import L1, L1L2, L2, GroupLasso, OrderedL1

ENTRYWISE = np.linspace(0.0, 0.4, 15).reshape(5, 3)
TERMS: list[tuple[Any, Any]] = [
    (L1(0.3), None),
    (L1(0.3), NonNeg()),
    (L1(0.0), NonNeg()),
    (L1(ENTRYWISE), Box(-0.5, 0.25)),
    (L1(0.2), Box(-ENTRYWISE - 0.1, 0.25)),
    (L1L2(0.2, 0.3), None),
    (L2(0.4), NonNeg()),
    (GroupLasso(0.4), None),
    (GroupLasso(0.4, by="input"), None),
    (GroupLasso(0.3) + L1(0.1) + L2(0.1), NonNeg()),
    (L1(0.1), MaxNorm(1.0)),
    (None, MaxNorm(1.0)),
    (None, MaxNorm(1.0, axis=())),
    (None, NonNeg() & MaxNorm(1.0)),
    (None, Box(-0.5, None)),
    # and those that have no short way
    (L2(ENTRYWISE), MaxNorm(1.0)),
    (L1(0.1), UnitNorm()),
    (L1(0.1), Simplex()),
    (OrderedL1(0.1), NonNeg()),
    (None, L1Ball(1.0)),
    (GroupLasso(0.1), MaxNorm(1.0)),
]
SHAPE = (5, 3)


def as_array(library: str, w: np.ndarray) -> Any:
    return torch.from_numpy(w.copy()) if library == "torch" else w.copy()


def weights(seed: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    w = rng.choice([0.0, -0.0, 1e-30, 0.05, -0.4, 3.0, -1e4], SHAPE) * rng.standard_normal(SHAPE)
    return w.astype(dtype)


@pytest.mark.parametrize(("regularizer", "constraint"), TERMS, ids=str)
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["float32", "float64"]), st.sampled_from(["number", "array", "0-d"]))
def test_it_is_the_joint_step(regularizer: Any, constraint: Any, seed: int, dtype: str, kind: str) -> None:
    w = weights(seed, dtype)
    steps = {"number": 0.5, "array": np.linspace(0.1, 2.0, 15).reshape(SHAPE).astype(dtype), "0-d": np.float32(0.5)}
    act = joint.bound(regularizer, constraint, SHAPE, (0,))
    for library in ("numpy", "torch"):
        step = as_array("torch", np.asarray(steps[kind])) if library == "torch" and kind != "number" else steps[kind]
        given = as_array(library, w)
        wanted = np.asarray(joint.step_for(regularizer, constraint)(given, step, (0,)))
        found = act(given, step)
        assert found is not given
        assert type(found) is type(given)
        assert str(found.dtype).removeprefix("torch.") == dtype
        np.testing.assert_array_equal(np.asarray(given), w)  # the caller's array is not written to
        out = np.asarray(found)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(out, wanted, rtol=8 * eps, atol=8 * eps * float(np.abs(w).max() + 1))
        if regularizer is not None:
            clear = np.abs(wanted) > 1e-6
            assert not (clear & (out == 0)).any()
            assert not np.signbit(out[(out == 0) & (w != 0)]).any()  # a zero that was made is +0.0
        if constraint is not None:
            allowed = 0.0 if constraint.separable else 4e-6
            assert float(constraint.violation(out, fan_in=(0,))) <= allowed


@pytest.mark.parametrize(("regularizer", "constraint"), [t for t in TERMS if t[0] is None], ids=str)
def test_feasible_weights_keep_their_bits(regularizer: Any, constraint: Any) -> None:
    w = np.asarray([[0.1, 0.0, -0.2], [0.0, 0.3, 0.1], [0.2, -0.1, 0.0], [0.0, 0.0, 0.1], [0.1, 0.1, 0.1]], np.float32)
    w = np.abs(w) if "NonNeg" in str(constraint) else w
    for library in ("numpy", "torch"):
        out = joint.bound(regularizer, constraint, SHAPE, (0,))(as_array(library, w), None)
        np.testing.assert_array_equal(np.asarray(out).view(np.int32), w.view(np.int32))


def test_the_short_way_is_taken_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise the law above would compare `combined.solve` with itself.
    asked: list[Any] = []
    solve = combined.solve
    monkeypatch.setattr(combined, "solve", lambda *given: asked.append(given) or solve(*given))
    short = [joint.bound(r, c, SHAPE, (0,)) for r, c in TERMS[:15]]
    for act in short:
        for library in ("numpy", "torch"):
            act(as_array(library, weights(1, "float32")), 0.5)
    assert not asked
    for odd in (np.ones(SHAPE, np.float16), np.ones(SHAPE, np.float64), torch.ones(SHAPE, requires_grad=True)):
        short[7](odd, 0.5)
    assert len(asked) == 3  # half precision, norms that need no wider float, and a gradient that is wanted


def test_strengths_that_are_tensors_are_read_at_each_step() -> None:
    strength = torch.tensor(0.1)
    act = joint.bound(L1(strength), None, (2,), (0,))
    w = torch.tensor([1.0, -2.0])
    np.testing.assert_allclose(act(w, 1.0), [0.9, -1.9], rtol=1e-6)
    strength.fill_(1.5)
    np.testing.assert_allclose(act(w, 1.0), [0.0, -0.5], rtol=1e-6)


def test_strengths_of_another_library_meet_numpy_weights() -> None:
    w = np.asarray([1.0, -2.0], np.float32)
    for strength in (jnp.asarray([0.1, 3.0]), torch.tensor([0.1, 3.0]), jnp.asarray(0.5), torch.tensor(0.5)):
        wanted = joint.step_for(L1(strength), None)(w, 1.0, (0,))
        np.testing.assert_allclose(joint.bound(L1(strength), None, (2,), (0,))(w, 1.0), wanted, rtol=1e-6)
    traced = jax.jit(lambda term: joint.bound(term, None, (2,), (0,))(w, 1.0))(L1(0.5))
    np.testing.assert_allclose(traced, [0.5, -1.5], rtol=1e-6)


@dataclass(frozen=True, eq=False)
class Halving(L1):
    """A user's class that inherits L1's normal form and computes something else."""

    def prox(self, w: Any, step: Any, *, fan_in: Any = None) -> Any:
        return w / 2


def test_what_a_users_subclass_computes_is_not_taken_for_its_base() -> None:
    np.testing.assert_array_equal(joint.bound(Halving(0.1), None, (2,))(np.asarray([2.0, 4.0]), 1.0), [1.0, 2.0])


def test_what_has_no_joint_step_is_refused_when_it_is_bound() -> None:
    with pytest.raises(ValueError, match="No exact joint step"):
        joint.bound(GroupLasso(0.1), UnitNorm(), SHAPE, (0,))


# --- entries --------------------------------------------------------------------------------------------------------------


def test_an_entry_that_has_acted_can_be_copied_and_pickled() -> None:
    entry = bind([Entry("k", "kernel", SHAPE, (0,), regularizer=L1(0.3), constraint=NonNeg())])["k"]
    w = weights(0, "float32")
    out = entry.step(w, 0.5)
    for twin in (copy.deepcopy(entry), pickle.loads(pickle.dumps(entry))):
        assert twin == entry
        np.testing.assert_array_equal(twin.step(w, 0.5), out)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    seen: list[Entry] = []
    found: Callable[..., Any] = binding._found
    monkeypatch.setattr(
        binding, "_found", lambda entry, rule, **named: seen.append(entry) or found(entry, rule, **named)
    )
    monkeypatch.setattr(binding, "_known", {})
    return seen


def test_a_model_of_a_thousand_parameters_is_looked_at_once_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counted(monkeypatch)
    bind([Entry(f"{i}/kernel", "kernel", SHAPE, (0,), regularizer=L1(0.3)) for i in range(1000)])
    assert len(seen) == 1
    bind([Entry("k", "kernel", SHAPE, (1,), regularizer=L1(0.3))])  # other axes
    bind([Entry("k", "kernel", (3, 5), (0,), regularizer=L1(0.3))])  # another shape
    bind([Entry("k", "kernel", SHAPE, (0,), regularizer=L1(0.4))])  # another strength
    bind([Entry("k", "kernel", SHAPE, (0,), regularizer=L1(ENTRYWISE))])
    bind([Entry("k", "kernel", SHAPE, (0,), regularizer=L1(ENTRYWISE + 1))])
    bind([Entry("k", "kernel", SHAPE, (0,), regularizer=L1(0.3))], rule="keras")
    assert len(seen) == 7


def test_the_code_of_a_user_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counted(monkeypatch)
    for _ in range(3):
        bind([Entry("k", "kernel", (2,), (0,), regularizer=Halving(0.1))])
    assert len(seen) == 3


IN_A_FRESH_INTERPRETER = """
import sys
import numpy as np
from taut.constraints import MaxNorm, NonNeg
from taut.plans import Entry, bind
from taut.plans.rules import Target, resolve, role
from taut.regularizers import L1, L2, GroupLasso

terms = resolve({role("kernel"): [GroupLasso(0.1), NonNeg()]}, [Target("a.weight", "kernel")], separator=".")
plan = bind([Entry("a.weight", "kernel", (3, 2), (1,), **terms["a.weight"])], [("a", L2(0.1))])
w = {"a.weight": np.ones((3, 2), np.float32)}
plan.step(w, {"a.weight": 0.1}), plan.penalty(w), plan.project(w), plan.violations(w), str(plan)
try:
    bind([Entry("b", "kernel", (3, 2), (0,), regularizer=L1(np.ones(7)))])
except ValueError as error:
    assert "b: L1" in str(error) and "(3, 2)" in str(error), error
print(sorted(sys.modules.keys() & {"jax", "jaxlib", "flax", "optax", "torch", "keras", "tensorflow"}))
import torch
entry = plan["a.weight"]
assert float(entry.step(torch.ones(3, 2), 0.1)[0, 0]) < 1
print(sorted(sys.modules.keys() & {"jax", "jaxlib", "flax", "optax", "keras", "tensorflow"}))
"""


def test_a_plan_loads_no_engine() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_FRESH_INTERPRETER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n[]\n", "")


def test_only_terms_that_act_by_gradient_have_a_gradient() -> None:
    plan = bind(
        [
            Entry("l1", "kernel", (2,), (0,), regularizer=L1(0.5)),
            Entry("l2", "kernel", (2,), (0,), regularizer=L2(0.5)),
            Entry("decay", "kernel", (2,), (0,), regularizer=L2(0.5).acting("decoupled")),
        ]
    )
    params = {p: torch.tensor([1.0, -2.0], requires_grad=True) for p in ("l1", "l2", "decay")}
    total = plan.penalty(params)
    assert float(total.detach()) == pytest.approx(1.5 + 2.5 + 2.5)
    total.backward()
    assert params["l1"].grad is None
    assert params["decay"].grad is None
    np.testing.assert_allclose(params["l2"].grad, [1.0, -2.0])
