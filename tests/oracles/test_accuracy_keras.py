"""``metrics=["accuracy"]`` beside Keras's own, for every shape of labels and outputs that the name resolves."""

from typing import Any

import keras
import numpy as np
import pytest

import taut

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::SyntaxWarning:keras", "ignore::UserWarning:keras"
)

RNG = np.random.default_rng(3)
ROWS = 41
ONE, THREE = RNG.uniform(0, 1, (ROWS, 1)), RNG.dirichlet(np.ones(3), ROWS)
CLASS = RNG.integers(0, 3, ROWS)
BITS = RNG.integers(0, 2, (ROWS, 3))
HALF = np.clip(ONE, 0.5, None)  # outputs at the threshold

# Outputs, labels, loss.
CASES: dict[str, tuple[np.ndarray, np.ndarray, str]] = {
    "0 and 1": (ONE, CLASS > 0, "binary_crossentropy"),
    "a column of them": (ONE, (CLASS > 0)[:, None], "binary_crossentropy"),
    "at the threshold": (HALF, CLASS > 0, "binary_crossentropy"),
    "0, 1 and 2": (ONE, CLASS, "mse"),
    "-1 and 1": (ONE, np.where(CLASS > 0, 1, -1), "mse"),
    "1 and 2": (2 * ONE, 1 + (CLASS > 0), "mse"),
    "numbers": (ONE, ONE[:, 0].round(1), "mse"),
    "probabilities": (ONE, ONE[:, 0].round(1), "binary_crossentropy"),
    "class numbers": (THREE, CLASS, "sparse_categorical_crossentropy"),
    "a column of class numbers": (THREE, CLASS[:, None], "sparse_categorical_crossentropy"),
    "one-hot": (THREE, np.eye(3)[CLASS], "categorical_crossentropy"),
    "shares": (THREE, THREE[::-1], "categorical_crossentropy"),
    "several yes/no": (THREE, BITS, "binary_crossentropy"),
    "one-hot, binary": (THREE, np.eye(3)[CLASS], "binary_crossentropy"),
    "several numbers": (THREE, THREE[::-1] - 0.3, "mae"),
    "by time": (np.stack([THREE, THREE[::-1]], 1), np.stack([CLASS, CLASS], 1), "sparse_categorical_crossentropy"),
    "0 to 2 by time": (np.stack([ONE, ONE[::-1]], 1), np.stack([CLASS, CLASS], 1)[..., None], "mse"),
    "one class": (np.ones((ROWS, 1)), np.ones((ROWS, 1)), "categorical_crossentropy"),
}
NAMES = ["accuracy", "acc", "Accuracy"]


def measured(k: Any, out: np.ndarray, y: np.ndarray, loss: str, activation: str | None, **compile: Any) -> list[float]:
    """By a model whose last activation is given ``out``."""
    model = k.Sequential([k.layers.Input(out.shape[1:]), k.layers.Dense(out.shape[-1], activation, use_bias=False)])
    model.set_weights([np.eye(out.shape[-1], dtype=np.float32)])
    model.compile("sgd", loss, metrics=NAMES, **compile)
    got = model.evaluate(out.astype(np.float32), y, verbose=0, batch_size=ROWS, return_dict=True)
    return [got[name] for name in NAMES]


@pytest.mark.parametrize("case", CASES)
def test_accuracy_is_keras_s(case: str) -> None:
    out, y, loss = CASES[case]
    theirs = measured(keras, out, y, loss, None, run_eagerly=True)
    np.testing.assert_allclose(measured(taut, out, y, loss, None), theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "activation"),
    [("0 and 1", "sigmoid"), ("one-hot", "softmax"), ("class numbers", "softmax"), ("one class", "softmax")],
)
def test_so_it_is_where_the_loss_takes_logits(case: str, activation: str) -> None:
    out, y, loss = CASES[case]
    logits = 4 * out - 2 if activation == "sigmoid" else -out
    theirs = measured(keras, logits, y, loss, activation, run_eagerly=True)
    np.testing.assert_allclose(measured(taut, logits, y, loss, activation), theirs, atol=1e-6)
