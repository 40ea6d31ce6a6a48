"""A loss that is not finite: which weights stay, and that the error names what made it so."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import taut
from taut.model import NonFiniteError
from tests.workflows._nets import X, assert_same, weights

Y = X[:, 0] - 2 * X[:, 1]


def line(optimizer: Any = "sgd", loss: Any = "mse", **layer: Any) -> Any:
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(3,), **{"kernel_initializer": "ones", **layer})])
    model.compile(optimizer, loss)
    return model


def failed(model: Any, x: Any = X, y: Any = Y, **fit: Any) -> NonFiniteError:
    with pytest.raises(NonFiniteError) as caught:
        model.fit(x, y, **{"batch_size": len(x), "verbose": 0, **fit})
    return caught.value


def squares(model: Any, x: np.ndarray = X, y: np.ndarray = Y) -> float:
    """The loss in float32, by numpy."""
    kernel, bias = model.get_weights()
    with np.errstate(over="ignore"):
        return float(np.mean(np.square(x @ kernel[:, 0] + bias - y)))


def never(y: Any, out: Any) -> Any:
    return jnp.log(out * 0 - 1)


AT_ONCE: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "strength": (
        {"kernel_regularizer": taut.regularizers.L2(3e38)},
        {},
        ["penalty of dense/kernel by L2(3e+38)", "inf", "smaller strength"],
    ),
    "weight": (
        {"kernel_initializer": taut.initializers.Constant(1e30)},
        {},
        ["weight of dense/kernel was 1e+30", "smaller ones"],
    ),
    "label": ({}, {"y": 1e30 * Y}, ["the largest label of this batch is", "scale the labels"]),
    "input": ({}, {"x": 1e30 * X}, ["the largest input of this batch is", "scale the inputs"]),
    "loss": ({"loss": never}, {}, ["the loss was nan", "the loss 'never' gives no finite number"]),
}


@pytest.mark.parametrize("cause", AT_ONCE)
def test_what_is_not_finite_before_any_step_is_not_the_learning_rate_s_fault(cause: str) -> None:
    made, given, words = AT_ONCE[cause]
    model = line(**made)
    before = weights(model)
    error = failed(model, **given, epochs=3)
    assert (error.epoch, error.step) == (1, 1)
    for word in ["No step had been taken, so the learning rate is not the cause", *words]:
        assert word in str(error)
    assert_same(weights(model), before)


def test_a_strength_too_large_for_gradient_steps_is_named() -> None:
    error = failed(line(kernel_regularizer=taut.regularizers.L2(1e5)), epochs=50)
    assert error.epoch > 1
    assert "The likely cause: the penalty of dense/kernel by L2(100000.0) was 3e+05" in str(error)


@pytest.mark.parametrize("batch", [24, 8])
def test_the_weights_that_stay_have_a_finite_loss(batch: int) -> None:
    """Weights of 1e25 are finite; their loss is not."""
    model = line(taut.optimizers.SGD(20.0))
    error = failed(model, epochs=100, batch_size=batch, shuffle=False)
    assert "smaller learning rate" in str(error)
    assert f"epoch {error.epoch}, step {error.step}: the loss was inf" in str(error)
    steps = len(X) // batch
    kept = (error.epoch - 1) * steps + error.step - 1  # the failing step counted from 0; the one before it is undone
    assert f"from before epoch {(kept - 1) // steps + 1}, step {(kept - 1) % steps + 1}, the last whose" in str(error)
    rows = slice((kept - 1) % steps * batch, ((kept - 1) % steps + 1) * batch)
    assert 1e25 < squares(model, X[rows], Y[rows]) < np.inf


def test_the_last_step_of_all_is_looked_at_too() -> None:
    model = line(taut.optimizers.SGD(1e25))
    before = weights(model)
    error = failed(model)
    assert "epoch 1, step 1: after this step, the last one, the loss was not finite" in str(error)
    assert "learning rate" in str(error)
    assert_same(weights(model), before)
    assert model.history.epoch == [0]


def test_an_activity_penalty_that_overflows_is_named() -> None:
    model = taut.Sequential(
        [taut.layers.Dense(2, input_shape=(3,), name="a", activity_regularizer=taut.regularizers.L2(1e38))]
    )
    model.compile("sgd", "mse")
    with pytest.raises(NonFiniteError, match=r"L2\(1e\+38\) on the outputs of a: .*smaller strength"):
        model.fit(np.full((4, 3), 50.0), np.zeros((4, 2)), verbose=0)
