"""Kernel and bias of a unit as one vector: bounded together, switched off together."""

from __future__ import annotations

import numpy as np
import pytest
from flax import nnx
from scipy.optimize import minimize

import taut
from taut.constraints import MaxNorm, NonNeg, UnitNorm
from taut.functional import units
from taut.regularizers import L1, L2, GroupLasso

RNG = np.random.default_rng(3)
X = RNG.standard_normal((200, 5)).astype("float32")
TRUTH = np.concatenate([RNG.standard_normal((5, 3)) * [1.0, 1.0, 0.02], [[0.5, -0.3, 0.01]]])
Y = (np.c_[X, np.ones(200)] @ TRUTH + 0.01 * RNG.standard_normal((200, 3))).astype("float32")


def columns(model: taut.Sequential) -> np.ndarray:
    kernel, bias = model.get_weights()[:2]
    return np.concatenate([kernel, bias[None]]).astype(np.float64)


def fitted(optimizer: object = "adam", epochs: int = 400, **terms: object) -> taut.Sequential:
    taut.utils.set_random_seed(0)
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(5,), **terms)])
    model.compile(optimizer=optimizer, loss="mse")
    model.fit(X, Y, batch_size=200, epochs=epochs, verbose=0)
    return model


def objective(z: np.ndarray, strength: float) -> float:
    residual = np.c_[X, np.ones(200)].astype(np.float64) @ z - Y
    return float(np.mean(residual**2) + strength * np.linalg.norm(z, axis=0).sum())


@pytest.mark.parametrize(
    "optimizer", [taut.optimizers.Adam(0.02), taut.optimizers.SGD(0.2, momentum=0.5)], ids=["adam", "sgd"]
)
def test_a_group_lasso_switches_off_whole_units_at_the_optimum(optimizer: object) -> None:
    model = fitted(optimizer, epochs=1500, unit_regularizer=GroupLasso(0.1))
    z = columns(model)
    assert (z[:, 2] == 0.0).all(), "the third unit is hardly pulled by the data: kernel and bias are 0.0"
    assert (z[:, :2] != 0.0).all()
    # SciPy, on the two units that are left, where the objective is smooth.
    best = minimize(
        lambda v: objective(np.c_[v.reshape(6, 2), np.zeros(6)], 0.1), z[:, :2].ravel(), method="BFGS", tol=1e-10
    )
    assert objective(z, 0.1) == pytest.approx(best.fun, rel=1e-6)


def test_a_max_norm_bounds_kernel_and_bias_together() -> None:
    model = fitted(unit_constraint=MaxNorm(0.5))
    norms = np.linalg.norm(columns(model), axis=0)
    assert norms.max() <= 0.5 * (1 + 2**-21)
    assert norms[0] == pytest.approx(0.5, rel=1e-5)
    assert model.plan.violations(model.params) == {"dense/unit": 0.0}
    apart = fitted(kernel_constraint=MaxNorm(0.5), bias_constraint=MaxNorm(0.5))
    assert np.linalg.norm(columns(apart), axis=0).max() > 0.55, "each within its own bound is not the same"


def test_bounds_hold_from_the_build_on_and_in_averages() -> None:
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(5,), unit_constraint=UnitNorm())])
    np.testing.assert_allclose(np.linalg.norm(columns(model), axis=0), 1.0, atol=1e-6)
    model.compile(optimizer=taut.optimizers.SGD(0.1, use_ema=True), loss="mse")
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_allclose(np.linalg.norm(columns(model), axis=0), 1.0, atol=1e-6)


def test_the_penalty_is_of_the_whole_unit_in_each_mode() -> None:
    for term in (GroupLasso(0.2), GroupLasso(0.2).acting("gradient"), L2(0.2).acting("decoupled")):
        model = taut.Sequential([taut.layers.Dense(3, input_shape=(5,), unit_regularizer=term)])
        model.compile(optimizer="sgd", loss="mse")
        model.set_weights([np.full((5, 3), 0.5), np.full(3, 2.0)])
        expected = 0.2 * 3 * (5 * 0.25 + 4.0) if isinstance(getattr(term, "term", None), L2) else 0.6 * np.sqrt(5.25)
        whole = model.evaluate(X, Y, verbose=0, return_dict=True)
        assert whole["penalty"] == pytest.approx(expected, rel=1e-6)
        before = np.abs(columns(model)).sum()
        model.fit(X, model.predict(X), epochs=1, verbose=0)  # nothing but the penalty pulls
        assert np.abs(columns(model)).sum() < before


def test_terms_come_by_argument_or_by_path_and_are_saved(tmp_path: object) -> None:
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(5,), unit_regularizer="l1"), taut.layers.Dense(2)])
    model.attach({"dense_1/unit": [GroupLasso(0.1), MaxNorm(1.0)], "**": L2(0.01).acting("gradient")})
    assert model.plan["dense_1/unit"].shape == (4, 2)
    assert model.plan["dense_1/kernel"].regularizer == L2(0.01)
    assert "dense/unit" in str(model.plan)
    file = f"{tmp_path}/m.taut"
    model.save(file)
    again = taut.load_model(file)
    assert str(again.plan) == str(model.plan)
    model.attach({"dense_1/unit": None})
    assert "dense_1/unit" not in str(model.plan)


def test_two_steps_on_the_same_weights_are_refused_by_name() -> None:
    layer = taut.layers.Dense(3, input_shape=(5,), kernel_regularizer=L1(0.1), unit_regularizer=GroupLasso(0.1))
    with pytest.raises(ValueError, match=r"(?s)dense/unit and dense/kernel.*gradient"):
        _ = taut.Sequential([layer]).plan
    layer = taut.layers.Dense(3, input_shape=(5,), bias_constraint=NonNeg(), unit_constraint=MaxNorm(1.0))
    with pytest.raises(ValueError, match="dense/unit and dense/bias"):
        _ = taut.Sequential([layer]).plan
    fine = taut.layers.Dense(3, input_shape=(5,), kernel_regularizer=L2(0.1), unit_regularizer=GroupLasso(0.1))
    assert taut.Sequential([fine]).plan["dense/unit"].mode == "proximal"
    model = taut.Sequential([taut.layers.Flatten(input_shape=(5,))])
    with pytest.raises(ValueError, match="flatten/unit"):
        model.attach({"flatten/unit": L1(0.1)})


def test_without_a_bias_the_unit_is_its_kernel() -> None:
    model = taut.Sequential([taut.layers.Dense(3, use_bias=False, input_shape=(5,), unit_constraint=MaxNorm(0.1))])
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.1 * (1 + 2**-21)


@pytest.mark.parametrize(
    "module",
    [
        nnx.Conv(2, 4, (3,), rngs=nnx.Rngs(0)),
        nnx.ConvTranspose(2, 4, (3,), transpose_kernel=True, rngs=nnx.Rngs(0)),
        nnx.LinearGeneral(2, (2, 2), rngs=nnx.Rngs(0)),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_unit_of_any_layer_is_what_feeds_one_output(module: nnx.Module) -> None:
    """Another column of the joined array changes one output of the layer and no other."""
    model = taut.Sequential([taut.Input((7, 2)), module])
    name = next(e.path for e in model.plan.entries).rpartition("/")[0]
    model.attach({f"{name}/unit": MaxNorm(1e3)})
    entry, params = model.plan[f"{name}/unit"], {k: np.asarray(v) for k, v in model.params.items()}
    whole = entry.weight(params)
    assert whole.shape == entry.shape == (sum(p.rows for p in entry.parts), 4)
    back = units.part(entry.parts, whole)
    assert all((back[p] == params[p]).all() and back[p].shape == params[p].shape for p in entry.paths)
    x = np.random.default_rng(0).standard_normal((2, 7, 2)).astype("float32")
    before = model.predict(x).reshape(14, 4)
    moved = whole.copy()
    moved[:, 1] += 1.0
    entry.put(params, moved)
    model.set_weights([params[e.path] for e in model.plan.entries])
    after = model.predict(x).reshape(14, 4)
    assert (np.abs(after - before) > 1e-3).any(axis=0).tolist() == [False, True, False, False]


def test_a_path_varies_units_and_a_debiased_refit_holds_their_zeros() -> None:
    model = taut.Sequential([taut.layers.Dense(3, input_shape=(5,))])
    model.compile(optimizer=taut.optimizers.SGD(0.2), loss="mse")
    path = taut.path(
        model, X, Y, {"dense/unit": GroupLasso}, [0.3, 0.1], folds=2, seeds=1, epochs=60, batch_size="full", verbose=0
    )
    counted = taut.path(
        model, X, Y, {"dense/unit": GroupLasso}, 2, folds=None, seeds=1, epochs=1, batch_size="full", verbose=0
    )
    # Just above the largest gradient of a whole unit at zero nothing is kept.
    gradient = 2 * np.c_[X, np.ones(200)].T.astype(np.float64) @ Y / Y.size
    assert counted.strengths[0, 0] == pytest.approx(np.linalg.norm(gradient, axis=0).max(), rel=1e-4)
    free = path.refit(1, debias=True)
    assert (columns(free)[:, 2] == 0.0).all()
    assert free.plan.units == ()
    shrunk = path.refit(1)
    assert np.linalg.norm(columns(free)[:, 0]) > 1.02 * np.linalg.norm(columns(shrunk)[:, 0])
