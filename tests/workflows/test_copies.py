"""Models that are pickled and deep-copied: the copy is whole, goes on training to the same bits, and shares nothing."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import taut
from tests.workflows._nets import X, assert_differ, assert_same, fit, net, weights

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_goes_on_to_the_same_bits_and_leaves_the_model_alone(way: str) -> None:
    model = net(optimizer="adam", between=(taut.layers.Dropout(0.5),), kernel_regularizer=taut.regularizers.L1(1e-3))
    model.metadata["columns"] = ["a", "b", "c"]
    fit(model)
    twin = COPIES[way](model)
    assert str(twin.plan) == str(model.plan)
    assert (twin.name, twin.seed, twin.metadata) == (model.name, model.seed, model.metadata)
    assert twin.history.history == model.history.history
    before = weights(model)
    assert_same(weights(twin), before)
    taut.utils.set_random_seed(1)
    fit(twin)
    assert_same(weights(model), before)
    assert_differ(weights(twin), before)
    taut.utils.set_random_seed(1)
    fit(model)  # random streams and optimizer state came along
    assert_same(weights(twin), weights(model))
    twin.layers[0].kernel_regularizer = None
    twin.metadata["columns"].append("d")
    assert model.layers[0].kernel_regularizer == taut.regularizers.L1(1e-3)
    assert model.metadata == {"columns": ["a", "b", "c"]}


@pytest.mark.parametrize("way", COPIES)
def test_a_model_without_weights_is_copied_before_they_are_drawn(way: str) -> None:
    taut.utils.set_random_seed(3)
    model = taut.Sequential([taut.layers.Dense(2, "tanh")])
    model.compile("adam", "mse")
    twin = COPIES[way](model)
    assert not twin.built and twin.loss == model.loss
    for one in (model, twin):
        one.build((3,))
    assert_same(weights(twin), weights(model))


@pytest.mark.parametrize("way", COPIES)
def test_a_shared_layer_stays_shared(way: str) -> None:
    shared = taut.layers.Dense(3)
    model = taut.Sequential([taut.Input((3,)), shared, shared])
    twin = COPIES[way](model)
    assert twin.layers[1] is twin.layers[2]
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_functions_without_a_name_are_copied_but_not_pickled() -> None:
    model = taut.Sequential([taut.layers.Dense(2, lambda z: jnp.sin(z), input_shape=(3,))])
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))
    with pytest.raises(TypeError, match=r"cannot be saved.*taut\.activations\.register"):
        pickle.dumps(model)


def test_a_deep_copy_draws_no_seed() -> None:
    model = net()
    taut.utils.set_random_seed(5)
    copy.deepcopy(model)
    drawn = taut.utils.draw_seed()
    taut.utils.set_random_seed(5)
    assert drawn == taut.utils.draw_seed()
