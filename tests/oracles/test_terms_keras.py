"""The terms beside Keras 3.15.1's own: every formula, default and config, in both directions.

Oracle: keras.regularizers and keras.constraints on the JAX backend.
"""

from typing import Any

import keras
import numpy as np
import pytest

from taut import constraints, identifiers, regularizers

WEIGHTS = [np.random.default_rng(5).normal(size=(4, 4)).astype("float32") * scale for scale in (0.1, 1.0, 10.0)]

PENALTIES = [
    (regularizers.L1(0.03), keras.regularizers.L1(0.03)),
    (regularizers.L1(), keras.regularizers.L1()),
    (regularizers.L2(0.03), keras.regularizers.L2(0.03)),
    (regularizers.L2(), keras.regularizers.L2()),
    (regularizers.L1L2(0.03, 0.2), keras.regularizers.L1L2(0.03, 0.2)),
    (regularizers.L1L2(), keras.regularizers.L1L2()),
    (regularizers.OrthogonalRegularizer(0.3), keras.regularizers.OrthogonalRegularizer(0.3)),
]

SETS = [
    (constraints.NonNeg(), keras.constraints.NonNeg()),
    (constraints.UnitNorm(axis=0), keras.constraints.UnitNorm(axis=0)),
    (constraints.UnitNorm(axis=1), keras.constraints.UnitNorm(axis=1)),
    (constraints.MaxNorm(0.7, axis=0), keras.constraints.MaxNorm(0.7, axis=0)),
    (constraints.MaxNorm(axis=1), keras.constraints.MaxNorm(axis=1)),
    (constraints.MaxNorm(0.7, axis=(0, 1)), keras.constraints.MaxNorm(0.7, axis=[0, 1])),
    (constraints.MinMaxNorm(0.5, 0.9, axis=0), keras.constraints.MinMaxNorm(0.5, 0.9, axis=0)),
    (constraints.MinMaxNorm(0.5, 0.9, rate=0.3, axis=1), keras.constraints.MinMaxNorm(0.5, 0.9, rate=0.3, axis=1)),
    (constraints.MinMaxNorm(axis=0), keras.constraints.MinMaxNorm(axis=0)),
]


@pytest.mark.parametrize(("ours", "theirs"), PENALTIES, ids=lambda t: type(t).__module__.split(".")[0] + repr(t)[:40])
@pytest.mark.parametrize("w", WEIGHTS, ids=["small", "plain", "large"])
def test_a_penalty_is_keras_s(ours: Any, theirs: Any, w: np.ndarray) -> None:
    np.testing.assert_allclose(float(ours(w)), float(theirs(w)), rtol=2e-6, atol=1e-9)


def test_orthogonal_columns_are_the_rows_of_the_transpose() -> None:
    """Keras's own mode="columns" divides by norms of the wrong shape and fails, or is off, so rows are the oracle."""
    w = WEIGHTS[1]
    theirs = keras.regularizers.OrthogonalRegularizer(0.3)(w.T)
    np.testing.assert_allclose(
        float(regularizers.OrthogonalRegularizer(0.3, mode="columns")(w)), float(theirs), rtol=2e-6
    )


@pytest.mark.parametrize(("ours", "theirs"), SETS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("w", WEIGHTS, ids=["small", "plain", "large"])
def test_a_constraint_is_keras_s_but_for_its_epsilon(ours: Any, theirs: Any, w: np.ndarray) -> None:
    """Keras divides by 1e-7 + n, taut by n, and lands inside by 2⁻²⁰: 1e-5 apart at the smallest norms here."""
    np.testing.assert_allclose(ours(w), np.asarray(theirs(w)), rtol=5e-6, atol=1e-7)


@pytest.mark.parametrize(("ours", "theirs"), [*PENALTIES, *SETS], ids=lambda t: type(t).__name__)
def test_configs_go_both_ways(ours: Any, theirs: Any) -> None:
    """What Keras writes makes our term, and what we write makes Keras's: the same config again each time."""
    kind = "regularizer" if isinstance(ours, regularizers.Regularizer) else "constraint"
    library: Any = keras.regularizers if kind == "regularizer" else keras.constraints

    def plain(config: dict[str, Any]) -> dict[str, Any]:
        # Keras holds strengths as float32 (0.1 is saved as 0.10000000149) and axes as it was given them.
        return {
            k: round(v, 6) if isinstance(v, float) else list(v) if isinstance(v, list | tuple) else v
            for k, v in config.items()
        }

    from_keras = identifiers.deserialize(kind, library.serialize(theirs))
    assert type(from_keras) is type(ours) and plain(from_keras.get_config()) == plain(ours.get_config())
    described = identifiers.serialize(ours, for_keras=(0,))
    to_keras = library.deserialize(described)
    assert type(to_keras) is type(theirs) and plain(to_keras.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize("name", ["L1", "l1", "L2", "l2", "orthogonal_regularizer", "OrthogonalRegularizer"])
def test_names_of_penalties_mean_what_they_mean_in_keras(name: str) -> None:
    ours, theirs = regularizers.get(name), keras.regularizers.get(name)
    for key, value in theirs.get_config().items():
        got = ours.get_config()[key]
        assert got == value or np.isclose(float(got), float(value)), key


@pytest.mark.parametrize("name", ["MaxNorm", "max_norm", "NonNeg", "non_neg", "UnitNorm", "unit_norm", "min_max_norm"])
def test_names_of_constraints_mean_what_they_mean_in_keras(name: str) -> None:
    ours, theirs = constraints.get(name).get_config(), keras.constraints.get(name).get_config()
    assert set(ours) == set(theirs)
    # The one default that differs: axis None is a unit's own fan-in here, and axis 0 in Keras.
    assert {k: v for k, v in ours.items() if k != "axis"} == {k: v for k, v in theirs.items() if k != "axis"}


def test_an_axis_left_open_is_resolved_for_keras() -> None:
    """Keras would read None as the whole tensor."""
    for fan_in, w in (((0,), WEIGHTS[1]), ((0, 1, 2), np.ones((3, 3, 2, 4), "float32"))):
        described = identifiers.serialize(constraints.MaxNorm(0.7), for_keras=fan_in)
        theirs = keras.constraints.deserialize(described)
        np.testing.assert_allclose(
            np.asarray(theirs(w)), constraints.MaxNorm(0.7)(w, fan_in=fan_in), rtol=5e-6, atol=1e-7
        )


def test_one_row_has_no_correlations_where_keras_gives_nan() -> None:
    w = np.ones((1, 4), "float32")
    assert np.isnan(float(keras.regularizers.OrthogonalRegularizer()(w)))
    assert float(regularizers.OrthogonalRegularizer()(w)) == 0.0
