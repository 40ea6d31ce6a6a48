"""model.to_sparse(): the same outputs without the zeros, and which kernels are kept how."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import taut
from taut.layers import Activation, Dense, Dropout, Flatten, Input, Select
from taut.model.sparse import NUMPY, SparseModel


@pytest.mark.parametrize("name", sorted(set(taut.activations.ACTIVATIONS) - {"halved"}))
def test_an_activation_in_numpy_is_that_in_jax(name: str) -> None:
    z = np.concatenate([np.linspace(-20, 20, 41), [0, 1e-3, -1e-3]]).astype(np.float32).reshape(4, 11)
    out = NUMPY[name](z)
    assert out.dtype == np.float32
    expected = np.asarray(taut.activations.get(name)(jnp.asarray(z)))
    np.testing.assert_allclose(out, expected, rtol=2e-6, atol=1e-6)


def thinned(model: Any, density: float) -> Any:
    rng = np.random.default_rng(0)
    model.set_weights([w * (rng.random(w.shape) < density) if w.ndim == 2 else w + 0.1 for w in model.get_weights()])
    return model


MODELS: dict[str, list[Any]] = {
    "plain": [Dense(16, "relu", input_shape=(20,)), Dropout(0.5), Dense(8, "gelu"), Dense(3, "softmax")],
    "several axes": [Input((4, 5)), Dense(6, "tanh"), Activation("elu"), Flatten(), Dense(3, use_bias=False)],
    "selections": [Select([1, 3, 4], input_shape=(4, 5)), Select(range(2, 12), axis=None), Dense(4)],
    "own activation": [Dense(16, lambda z: jnp.sin(z), input_shape=(20,)), Dense(2)],
}


@pytest.mark.parametrize("layers", MODELS.values(), ids=MODELS)
def test_the_outputs_are_the_models(layers: list[Any]) -> None:
    taut.utils.set_random_seed(0)
    model = thinned(taut.Sequential(layers), 0.4)
    x = np.random.default_rng(1).normal(size=(9, *model.input_shape)).astype(np.float32)
    expected = model.predict(x)
    for density in (0.0, 0.5, 1.0):  # none, some, all kernels sparse
        sparse = SparseModel(model, density=density, fewest=0)
        for batch in (4, 256):
            found = sparse.predict(x, batch)
            assert found.dtype == np.float32 and found.flags.c_contiguous
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_it_is_decided_layer_by_layer_and_said() -> None:
    taut.utils.set_random_seed(0)
    model = taut.Sequential([Dense(300, "relu", input_shape=(200,)), Dense(150, "relu"), Dense(20)])
    w = model.get_weights()
    w[0] *= np.random.default_rng(0).random(w[0].shape) < 0.02
    w[4] *= np.eye(150, 20)
    model.set_weights(w)
    kept = [line.split()[-1] for line in str(model.to_sparse()).splitlines()]
    assert kept == ["sparse", "dense", "dense"]  # few zeros; too small
    dense = SparseModel(model, density=0.0)
    assert [line.split()[-1] for line in str(dense).splitlines()] == ["dense"] * 3


def test_it_checks_what_it_is_given() -> None:
    model = thinned(taut.Sequential([Dense(16, input_shape=(20,)), Dense(2)]), 0.2)
    sparse = SparseModel(model, density=1.0, fewest=0)
    with pytest.raises(ValueError, match="takes rows of shape"):
        sparse.predict(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="no weights yet"):
        taut.Sequential([Dense(2)]).to_sparse()

    class Odd(nnx.Module):
        def __call__(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"to_sparse does not support layer 'odd' \(Odd\)"):
        taut.Sequential([Input((3,)), Odd()]).to_sparse()


def test_a_linear_layer_of_flax_is_kept_sparse_too() -> None:
    x = np.ones((5, 6), np.float32)
    model = taut.Sequential(
        [Input((6,)), nnx.Linear(6, 4, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(0)), Dense(2)]
    )
    np.testing.assert_allclose(model.to_sparse().predict(x), model.predict(x), atol=1e-6)


def test_a_subclass_with_an_output_of_its_own_is_not_taken_for_its_base() -> None:
    class Twice(Dense):
        def before_activation(self, x: Any) -> Any:
            return 2 * super().before_activation(x)

    model = taut.Sequential([Input((6,)), Twice(2)])
    with pytest.raises(ValueError, match=r"layer 'twice' \(Twice\)"):
        model.to_sparse()
