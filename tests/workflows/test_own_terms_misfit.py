"""Terms of users that give back the wrong thing are refused by name when they are bound, before anything is trained."""

import jax.numpy as jnp
import numpy as np
import pytest

import taut
from taut import constraints, layers, regularizers


class Gives(constraints.Constraint):
    def __init__(self, f):
        self.f = f

    def __call__(self, w):
        return self.f(w)


class Costs(regularizers.Regularizer):
    def __init__(self, f):
        self.f = f

    def __call__(self, w):
        return self.f(w)


def built(**terms) -> taut.Sequential:
    model = taut.Sequential([layers.Dense(4, input_shape=(3,), name="a", **terms), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda w: w[:, :1], r"an array of shape \(3, 1\)"),  # would train a network of other weights
        (lambda w: w.T, r"an array of shape \(4, 3\)"),
        (lambda w: w >= 0, "bool"),
        (lambda w: w.astype(jnp.float16), "float16"),
        (lambda w: None, "None"),
    ],
)
def test_a_constraint_gives_weights_like_those_it_was_given(gives, said) -> None:
    for term in (Gives(gives), gives):
        with pytest.raises(ValueError, match=rf"(?s)^a/kernel: .*{said}.*expected .*\(3, 4\)"):
            built(kernel_constraint=term)
    with pytest.raises(ValueError, match=r"^a/unit: "):
        built(unit_constraint=Gives(lambda w: w[:, :1]))
    model = built()
    with pytest.raises(ValueError, match=said):
        model.layers[0].kernel_constraint = Gives(gives)
    assert model.layers[0].kernel_constraint is None and model.get_weights()[0].shape == (3, 4)


def test_a_penalty_is_a_number() -> None:
    for term in (
        Costs(lambda w: None),
        lambda w: None,
        lambda w: (1.0, 2.0),
        Costs(lambda w: None) + regularizers.L1(0.1),
    ):
        with pytest.raises(ValueError, match=r"^a/kernel: .*expected one real number"):
            built(kernel_regularizer=term)
    with pytest.raises(ValueError, match=r"^a/kernel: .*complex64.*expected one real number"):
        built(kernel_regularizer=lambda w: 1j * w.sum())
    for whole in (lambda w: 3, lambda w: jnp.int32(3)):  # no gradient, but a number
        assert built(kernel_regularizer=whole).evaluate(np.zeros((2, 3)), np.zeros((2, 1)), verbose=0) == pytest.approx(
            3
        )
