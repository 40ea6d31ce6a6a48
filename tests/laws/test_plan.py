"""A plan over a whole parameter tree: penalty, step, projection, violations; a pytree whose numbers retrace nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.optimize import minimize

import taut
from taut.constraints import Box, MaxNorm, NonNeg, Plain, UnitNorm
from taut.model import engine
from taut.optimizers import SGD, Adam
from taut.plans import Entry, Plan, bind
from taut.regularizers import L1, L1L2, L2, GroupLasso, OrthogonalRegularizer


def entry(path: str, shape: tuple[int, ...], **terms: Any) -> Entry:
    return Entry(path, path.split("/")[-1], shape, (0,), **terms)


def small_plan(rule: str = "exact") -> Plan:
    return bind(
        [
            entry("a/kernel", (3, 2), regularizer=L1(0.5), constraint=NonNeg()),
            entry("a/bias", (2,), regularizer=L2(0.25)),
            entry("b/kernel", (2, 2), regularizer=L2(1.0).acting("decoupled"), constraint=MaxNorm(1.0)),
            entry("b/bias", (2,)),
            entry("c/kernel", (2, 1), regularizer=L1(100.0), constraint=NonNeg(), trainable=False),
        ],
        [("a", L2(2.0))],
        rule=rule,
    )


# In numpy, which the terms take as well and for which nothing is compiled.
PARAMS: dict[str, Any] = {
    "a/kernel": np.asarray([[1.0, -2.0], [0.3, 0.0], [4.0, 0.7]], np.float32),
    "a/bias": np.asarray([1.0, -3.0], np.float32),
    "b/kernel": np.asarray([[3.0, 0.1], [4.0, 0.2]], np.float32),
    "b/bias": np.asarray([-1.0, 5.0], np.float32),
    "c/kernel": np.asarray([[-1.0], [2.0]], np.float32),
}


# --- values and maps -----------------------------------------------------------------------------------------------------


def test_the_penalty_is_the_sum_over_trainable_parameters() -> None:
    plan = small_plan()
    l1, l2, decoupled = 0.5 * 8.0, 0.25 * 10.0, 25.05
    assert float(plan.penalty(PARAMS)) == pytest.approx(l1 + l2 + decoupled)
    assert float(plan.penalty(PARAMS, modes=("proximal",))) == pytest.approx(l1)
    assert float(plan.penalty(PARAMS, modes=("gradient",))) == pytest.approx(l2)
    assert float(plan.penalty(PARAMS, modes=("decoupled",))) == pytest.approx(decoupled)


def test_an_activity_penalty_is_divided_by_the_rows_alone() -> None:
    outputs = {"a": jnp.ones((4, 3, 2))}
    assert float(small_plan().activity_penalty(outputs)) == pytest.approx(2.0 * 24 / 4)


def test_the_step_acts_where_terms_are_and_nowhere_else() -> None:
    new = small_plan().step(PARAMS, {"a/kernel": 1.0, "b/kernel": 1.0})
    np.testing.assert_array_equal(new["a/kernel"], [[0.5, 0.0], [0.0, 0.0], [3.5, np.float32(0.7) - np.float32(0.5)]])
    np.testing.assert_allclose(new["b/kernel"], [[0.6, 0.1], [0.8, 0.2]], rtol=2e-6)
    for path in ("a/bias", "b/bias", "c/kernel"):  # by gradient; without terms; frozen
        np.testing.assert_array_equal(new[path], PARAMS[path])


def test_projection_and_violations_agree() -> None:
    plan = small_plan()
    assert plan.violations(PARAMS) == {"a/kernel": 2.0, "b/kernel": 4.0}
    projected = plan.project(PARAMS)
    assert plan.violations(projected) == {"a/kernel": 0.0, "b/kernel": 0.0}
    assert all((projected[p] == PARAMS[p]).all() for p in ("a/bias", "b/bias", "c/kernel"))
    assert float(projected["a/kernel"][2, 0]) == 4.0  # no shrinking: the penalty is not part of it


def test_decoupled_decay_is_twice_the_strength() -> None:
    decayed = small_plan().decay(PARAMS, 0.1)
    np.testing.assert_allclose(decayed["b/kernel"], 0.8 * np.asarray(PARAMS["b/kernel"]), rtol=1e-6)
    np.testing.assert_array_equal(decayed["a/bias"], PARAMS["a/bias"])


def test_only_proximal_terms_and_coupled_convex_sets_need_the_metric() -> None:
    assert small_plan().scaled_paths == ("a/kernel", "b/kernel")
    assert small_plan("keras").scaled_paths == ()
    for constraint, needed in ((NonNeg(), False), (Box(-1, 1), False), (UnitNorm(), False), (MaxNorm(1.0), True)):
        plan = bind([entry("k", (3, 2), constraint=constraint)])
        assert bool(plan.scaled_paths) is needed, constraint


# --- modes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "exact"),
    [
        (L1(0.1), "proximal"),
        (L1L2(0.1, 0.1), "proximal"),
        (L1L2(0.0, 0.1), "proximal"),  # the type decides, never the value
        (L2(0.1), "gradient"),
        (L1(0.1) + L2(0.1), "proximal"),
        (L2(0.1) + L2(0.2), "gradient"),
        (GroupLasso(0.1), "proximal"),
        (OrthogonalRegularizer(0.1), "gradient"),
        (L1(0.1).acting("gradient"), "gradient"),
        (L2(0.1).acting("proximal"), "proximal"),
        (L2(0.1).acting("decoupled"), "decoupled"),
        (taut.regularizers.as_regularizer(lambda w: (w**4).sum()), "gradient"),
    ],
    ids=str,
)
def test_modes(term: Any, exact: str) -> None:
    kernel = entry("k", (3, 2), regularizer=term)
    assert bind([kernel])["k"].mode == exact
    keras = bind([kernel], rule="keras")["k"]
    assert (keras.mode, keras.scaled) == ("gradient", False)


def test_modes_that_a_term_has_not_are_refused() -> None:
    for term, mode in ((OrthogonalRegularizer(), "proximal"), (L1(), "decoupled"), (L1() + L2(), "decoupled")):
        with pytest.raises(ValueError, match=mode):
            bind([entry("k", (3, 2), regularizer=term.acting(mode))])
    with pytest.raises(ValueError, match=r"decoupled, gradient, proximal"):
        L1().acting("magic")
    with pytest.raises(ValueError, match=r"dense/activity: L1.*proximal"):
        bind([], [("dense", L1().acting("proximal"))])
    assert bind([], [("dense", L1().acting("gradient"))]).activities[0].regularizer == L1()


# --- refusals, each with the parameter's path ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"regularizer": L1(), "constraint": Plain(abs)}, r"L1\(0.01\) with abs.*Differentiate the penalty"),
        ({"regularizer": GroupLasso(), "constraint": UnitNorm()}, r"GroupLasso\(0.01\) with UnitNorm"),
        ({"constraint": Box(np.zeros(5), 1)}, r"Box.*shape \(3, 2\)"),
        ({"constraint": MaxNorm(1.0, axis=4)}, r"axis"),
        ({"regularizer": L1(np.ones(7))}, r"L1.*shape \(3, 2\)"),
    ],
    ids=str,
)
def test_what_cannot_act_is_refused_by_name_with_its_path(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"block/dense/kernel: (?s:.*){said}"):
        bind([Entry("block/dense/kernel", "kernel", (3, 2), (0,), **terms)])


def test_pairs_that_only_a_gradient_makes_possible_are_let_through() -> None:
    plan = bind([entry("k", (3, 2), regularizer=GroupLasso().acting("gradient"), constraint=UnitNorm())])
    assert plan["k"].mode == "gradient"
    bind([entry("k", (3, 2), regularizer=GroupLasso(), constraint=UnitNorm())], rule="keras")


def test_a_term_of_units_needs_a_layout() -> None:
    for terms in (
        {"constraint": MaxNorm(1.0)},
        {"regularizer": GroupLasso()},
        {"regularizer": GroupLasso().acting("gradient")},
        {"regularizer": L1() + GroupLasso()},
        {"constraint": NonNeg() & MaxNorm(1.0)},
    ):
        with pytest.raises(ValueError, match=r"mystery/w.*no declared layout.*layouts\.layout"):
            bind([Entry("mystery/w", "w", (3, 2), None, **terms)])
    # Entry by entry, or over axes that the user names, none is needed.
    bind([Entry("mystery/w", "w", (3, 2), None, regularizer=L1(), constraint=NonNeg())])
    bind([Entry("mystery/w", "w", (3, 2), None, constraint=MaxNorm(1.0, axis=1))])


def test_a_layer_without_a_layout_is_refused_in_a_model() -> None:
    class Gain(nnx.Module):
        def __init__(self) -> None:
            self.gain = nnx.Param(jnp.ones(3))

        def __call__(self, x: jax.Array) -> jax.Array:
            return x * self.gain[...]

    model = taut.Sequential([taut.layers.Input((3,)), Gain()])
    with pytest.raises(ValueError, match=r"gain/gain.*no declared layout"):
        model.attach({"gain/gain": MaxNorm(1.0)})
    model.attach({"gain/gain": [L1(), NonNeg()]})
    assert "no layout" in str(model.plan)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r'"exact" or "keras"'):
        bind([], rule="loose")


# --- the audit -----------------------------------------------------------------------------------------------------------


def test_the_audit_names_everything_that_acts() -> None:
    lines = str(small_plan()).splitlines()
    row = {line.split()[0]: line for line in lines}
    assert all(word in row["a/kernel"] for word in ("3×2", "axis 0", "L1(l1=0.5)", "proximal", "NonNeg()"))
    assert "decoupled" in row["b/kernel"]
    assert "gradient" in row["a/activity"]
    assert "frozen" in row["c/kernel"]
    assert "exactly" in lines[-1]
    assert "as in Keras" in str(small_plan("keras")).splitlines()[-1]


# --- a pytree whose numbers are leaves -----------------------------------------------------------------------------------


def test_leaves_are_the_terms_numbers_and_nothing_else() -> None:
    plan = small_plan()
    leaves, structure = jax.tree.flatten(plan)
    assert sorted(leaves) == [0.25, 0.5, 1.0, 1.0, 2.0, 100.0]
    again = jax.tree.unflatten(structure, leaves)
    assert again == plan
    assert jax.tree.structure(again) == structure
    doubled = jax.tree.map(lambda n: 2 * n, plan)
    assert doubled["a/kernel"].regularizer == L1(1.0)
    assert doubled["b/kernel"].constraint == MaxNorm(2.0)
    assert doubled["a/kernel"].mode == plan["a/kernel"].mode
    # What JAX itself puts in a leaf's place is not validated.
    jax.tree.map(lambda n: None, plan)
    jax.tree.map(lambda n: object(), plan)


def test_a_new_number_costs_no_compilation_and_a_new_structure_does() -> None:
    step = jax.jit(lambda plan, params: plan.step(params, {"a/kernel": 1.0, "b/kernel": 1.0}))
    for factor in (1.0, 0.5, 3.0):
        plan = jax.tree.map(lambda n, factor=factor: n * factor, small_plan())
        new = step(plan, PARAMS)
        assert float(new["a/kernel"][2, 0]) == 4.0 - 0.5 * factor
        assert float(jnp.linalg.norm(new["b/kernel"][:, 0])) == pytest.approx(factor, rel=1e-5)
    assert step._cache_size() == 1
    step(bind([*small_plan().entries[:4]]), PARAMS)
    assert step._cache_size() == 2


def test_fits_with_new_strengths_bounds_and_rates_share_one_program() -> None:
    x, y = np.ones((8, 3), np.float32), np.ones((8, 2), np.float32)

    def fit(strength: float, bound: float, optimizer: Any) -> None:
        terms = {
            "kernel_regularizer": L1(strength),
            "bias_regularizer": L2(strength),
            "kernel_constraint": MaxNorm(bound),
        }
        model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,), activity_regularizer=L2(strength), **terms)])
        model.compile(optimizer, "mse")
        model.fit(x, y, batch_size=4, verbose=0)
        model.evaluate(x, y, verbose=0)

    fit(0.1, 1.0, Adam(0.1))
    programs = engine.run._cache_size(), engine.measure._cache_size()
    fit(0.2, 0.5, Adam(0.01, beta_1=0.8))
    fit(0.0, 7.0, Adam(0.3, epsilon=1e-3))
    assert (engine.run._cache_size(), engine.measure._cache_size()) == programs
    fit(0.1, 1.0, SGD(0.1))
    assert engine.run._cache_size() > programs[0]


# --- one full-batch step is the minimiser of its own problem --------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
Y = (X @ np.array([[1.0, -1.0], [0.5, 0.2], [0.0, 2.0]])).astype(np.float32)
RATE = 0.3


def by_sgd(gradient: np.ndarray) -> np.ndarray:
    return np.full_like(gradient, RATE)


def by_adam(gradient: np.ndarray) -> np.ndarray:
    """After one step m = 0.1·g and v = 0.001·g², so the step is lr·√0.001/(√v + ε) = lr/|g|."""
    return RATE * np.sqrt(0.001) / (np.sqrt(0.001) * np.abs(gradient) + 1e-7)


JOINT: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], float], list[Any], tuple[float | None, float | None]]] = {
    "L1 and NonNeg": (
        {"kernel_regularizer": L1(0.4), "kernel_constraint": NonNeg()},
        lambda w: 0.4 * np.abs(w).sum(),
        [],
        (0, None),
    ),
    "L1L2 and Box": (
        {"kernel_regularizer": L1L2(0.2, 0.3), "kernel_constraint": Box(-0.2, 0.5)},
        lambda w: 0.2 * np.abs(w).sum() + 0.3 * (w * w).sum(),
        [],
        (-0.2, 0.5),
    ),
    "L1 and MaxNorm": (
        {"kernel_regularizer": L1(0.1), "kernel_constraint": MaxNorm(0.4)},
        lambda w: 0.1 * np.abs(w).sum(),
        [lambda w: 0.16 - (w * w).sum(axis=0)],
        (None, None),
    ),
    "GroupLasso and NonNeg": (
        {"kernel_regularizer": GroupLasso(0.3), "kernel_constraint": NonNeg()},
        lambda w: 0.3 * np.sqrt((w * w).sum(axis=0) + 1e-18).sum(),
        [],
        (0, None),
    ),
    "MaxNorm": (
        {"kernel_constraint": MaxNorm(0.4)},
        lambda w: 0.0,
        [lambda w: 0.16 - (w * w).sum(axis=0)],
        (None, None),
    ),
}


METRICS: dict[str, tuple[Any, Callable[[np.ndarray], np.ndarray]]] = {
    "sgd": (SGD(RATE), by_sgd),
    "adam": (Adam(RATE), by_adam),
}


@pytest.mark.parametrize(
    ("name", "optimizer"), [*((name, "adam") for name in JOINT), ("L1 and MaxNorm", "sgd"), ("L1L2 and Box", "sgd")]
)
def test_a_full_batch_step_is_the_argmin(name: str, optimizer: str) -> None:
    """argmin_z R(z) + Σ (z − u)²/(2·step) over the set, with u the optimizer's own point, as SciPy finds it."""
    terms, penalty, inequalities, bounds = JOINT[name]
    taut.utils.set_random_seed(1)
    layer = taut.layers.Dense(2, use_bias=False, input_shape=(3,), **terms)
    model = taut.Sequential([layer])
    compiled, metric = METRICS[optimizer]
    model.compile(compiled, "mse")
    w = model.get_weights()[0].astype(np.float64)
    gradient = 2 * X.T @ (X @ w - Y) / Y.size
    model.fit(X, Y, batch_size=20, verbose=0)
    found = model.get_weights()[0].astype(np.float64)

    size = metric(gradient)
    u = w - size * gradient

    def objective(z: np.ndarray) -> float:
        z = z.reshape(3, 2)
        return penalty(z) + float(((z - u) ** 2 / (2 * size)).sum())

    best = min(
        (
            minimize(
                objective,
                start.ravel(),
                method="SLSQP",
                bounds=[bounds] * 6,
                constraints=[{"type": "ineq", "fun": lambda z, c=c: c(z.reshape(3, 2))} for c in inequalities],
                options={"ftol": 1e-14, "maxiter": 1000},
            )
            for start in (found, np.full((3, 2), 0.1))
        ),
        key=lambda result: result.fun,
    )
    assert model.plan.violations(model.params)[model.plan.entries[0].path] == 0.0
    assert objective(found) <= best.fun + 2e-6 * max(1.0, abs(best.fun))
    np.testing.assert_allclose(found, best.x.reshape(3, 2), atol=2e-3)


def test_one_after_the_other_is_not_the_argmin() -> None:
    """Why joint steps exist: shrinking and then projecting is measurably above the minimum."""
    u, size = np.asarray([[2.0], [1.5]]), np.asarray([[1.0], [4.0]])
    plan = bind([entry("k", (2, 1), regularizer=L1(0.3), constraint=MaxNorm(1.0))])

    def objective(z: np.ndarray) -> float:
        return 0.3 * float(np.abs(z).sum()) + float(((z - u) ** 2 / (2 * size)).sum())

    joint = plan.step({"k": u}, {"k": size})["k"]  # pyright: ignore
    naive = MaxNorm(1.0)(L1(0.3).prox(u, size), fan_in=(0,))
    assert objective(joint) < objective(naive) - 1e-3


# --- whole models --------------------------------------------------------------------------------------------------------


def test_frozen_parameters_are_untouched_and_not_counted() -> None:
    frozen = taut.layers.Dense(
        3, input_shape=(3,), trainable=False, kernel_regularizer=L1(1.0), kernel_constraint=NonNeg()
    )
    model = taut.Sequential([frozen, taut.layers.Dense(2)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    history = model.fit(X, Y, epochs=2, verbose=0).history
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()
    assert history["penalty"] == [0.0, 0.0]


def test_a_shared_layer_is_counted_and_projected_once() -> None:
    shared = taut.layers.Dense(3, kernel_regularizer=L1(0.5), input_shape=(3,))
    model = taut.Sequential([shared, shared])
    assert [e.path for e in model.plan.entries] == ["dense/kernel", "dense/bias"]
    once = 0.5 * float(jnp.abs(model.params["dense/kernel"]).sum())
    assert float(model.plan.penalty(model.params)) == pytest.approx(once)
    model.compile(SGD(0.01), "mse")
    assert model.fit(X, X, batch_size=20, verbose=0).history["penalty"][0] == pytest.approx(once, rel=1e-5)


def test_an_optimizer_without_a_known_step_is_refused_by_name() -> None:
    import optax

    model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,), kernel_regularizer=L1())])
    with pytest.raises(ValueError, match=r"dense/kernel.*L1.*step_size"):
        model.compile(optax.lion(1e-3), "mse")
    model.compile(optax.lion(1e-3), "mse", terms="keras")  # by gradient it needs none
    model.compile(taut.optimizers.Optax(optax.sgd(0.1), lambda state, path: 0.1), "mse")
    assert model.plan["dense/kernel"].mode == "proximal"
