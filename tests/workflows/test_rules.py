"""Rules on a model, by name, role, type and predicate; and a plan that is looked up, not made, when nothing changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flax import nnx

import taut
from taut.constraints import MaxNorm, NonNeg
from taut.model import sequential
from taut.regularizers import L1, L2, GroupLasso

X = np.random.default_rng(0).standard_normal((24, 4)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


class Block(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.mix = nnx.Linear(3, 3, rngs=rngs)
        self.norm = nnx.LayerNorm(3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.norm(self.mix(x))


def net() -> taut.Sequential:
    return taut.Sequential(
        [taut.layers.Dense(3, input_shape=(4,)), Block(nnx.Rngs(0)), taut.layers.Dense(1, name="a[0]*")]
    )


def terms(model: taut.Sequential) -> dict[str, Any]:
    return {e.path: e.regularizer or e.constraint for e in model.plan.acting if e.regularizer or e.constraint}


@pytest.mark.parametrize(
    ("where", "reached"),
    [
        ("*/kernel", ["dense/kernel", "a[0]*/kernel"]),  # one level
        ("**/kernel", ["dense/kernel", "block/mix/kernel", "a[0]*/kernel"]),
        ("**", ["dense/kernel", "block/mix/kernel", "a[0]*/kernel"]),  # not the biases, not the norm
        ("a[0]*/kernel", ["a[0]*/kernel"]),
        ("**/bias", ["dense/bias", "block/mix/bias", "block/norm/bias", "a[0]*/bias"]),
        ("**/norm/scale", ["block/norm/scale"]),
        (taut.role("scale"), ["block/norm/scale"]),
        ((nnx.Linear, "kernel"), ["block/mix/kernel"]),
        ((taut.layers.Dense, "bias"), ["dense/bias", "a[0]*/bias"]),
        (lambda target: target.shape == (3, 3), ["block/mix/kernel"]),
        ("dense/unit", ["dense/unit"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_attach_and_vary_mean_the_same(where: Any, reached: list[str]) -> None:
    model = net()
    model.attach({where: L2(0.1)})
    assert sorted(terms(model)) == sorted(reached)
    from taut.paths import varying

    (varied,) = varying.resolve(net(), {where: L2})
    assert sorted(varied.paths) == sorted(reached)


def test_rules_refine_one_another_and_what_was_attached_before() -> None:
    model = net()
    model.attach({"**": [L1(0.1), NonNeg()], (nnx.Linear, "kernel"): MaxNorm(1.0), "dense/kernel": L2(0.5)})
    plan = model.plan
    assert (plan["dense/kernel"].regularizer, plan["dense/kernel"].constraint) == (L2(0.5), NonNeg())
    assert (plan["block/mix/kernel"].regularizer, plan["block/mix/kernel"].constraint) == (L1(0.1), MaxNorm(1.0))
    assert plan["dense/bias"].regularizer is None
    model.attach({taut.role("kernel"): None})
    assert terms(model) == {}


def test_a_rule_that_reaches_nothing_leaves_the_model_as_it_was() -> None:
    model = net()
    model.attach({"dense/kernel": L1(0.1)})
    for rule, said in (
        ({"*/kernal": L1(0.2)}, "Did you mean .*'dense/kernel'"),
        ({"block/norm/*": L1(0.2)}, r"reaches only block/norm/scale, block/norm/bias.*Name them"),
        ({taut.role("kernel"): L1(0.2), "mix/kernel": L2(0.1)}, "Did you mean .*'block/mix/kernel'"),
        ({taut.role("unit"): GroupLasso(0.1)}, r"dense/unit and dense/kernel: .*same weights"),  # two rules that clash
    ):
        with pytest.raises(ValueError, match=said):
            model.attach(rule)
        assert terms(model) == {"dense/kernel": L1(0.1)}


def test_a_path_takes_every_way_to_say_where() -> None:
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(4,)), taut.layers.Dense(1)])
    model.compile("adam", "mse")
    path = taut.path(
        model,
        X,
        Y,
        vary={taut.role("kernel"): L1, (taut.layers.Dense, "bias"): L2},
        strengths=[0.01, 0.1],
        folds=None,
        epochs=1,
        verbose=0,
    )
    assert path.varied == ("kernel", "Dense/bias")
    with pytest.raises(ValueError, match="two entries are called 'kernel'"):
        taut.path(model, X, Y, vary={taut.role("kernel"): L1, "kernel": NonNeg}, strengths=[0.1], verbose=0)
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match="frozen"):
        taut.path(model, X, Y, vary={"dense/kernel": L1}, strengths=[0.1], verbose=0)


def test_a_plan_is_made_again_when_something_changed_and_not_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(4,)), taut.layers.Dense(1)])
    made: list[Any] = []
    entries = sequential.entries.entries
    monkeypatch.setattr(sequential.entries, "entries", lambda *given: made.append(given) or entries(*given))
    assert model.plan is model.plan
    assert len(made) == 1

    def changed(change: Any) -> None:
        before, count = model.plan, len(made)
        change()
        after = model.plan
        assert after is not before
        assert len(made) > count
        assert model.plan is after

    first = model.layers[0]
    changed(lambda: setattr(first, "kernel_regularizer", L1(0.1)))
    changed(lambda: setattr(first, "kernel_regularizer", L1(0.2)))
    assert model.plan["dense/kernel"].regularizer == L1(0.2)
    changed(lambda: setattr(first, "trainable", False))
    changed(lambda: setattr(first, "trainable", True))
    changed(lambda: setattr(first, "name", "first"))
    changed(lambda: model.attach({"first/bias": L2(0.1)}))
    changed(lambda: model.compile("sgd", "mse", terms="keras"))
    assert model.plan["first/kernel"].mode == "gradient"
    changed(lambda: model.add(taut.layers.Dense(2)))
    twin = __import__("copy").deepcopy(model)
    assert str(twin.plan) == str(model.plan)
    twin.layers[0].kernel_regularizer = None
    assert model.plan["first/kernel"].regularizer == L1(0.2)
