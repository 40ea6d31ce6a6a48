"""The same seed gives the same bits: in one process, in fresh ones, and whatever was done before."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import taut
from taut import constraints, layers, regularizers
from taut.model import training
from tests.workflows._nets import X, Y, assert_differ, assert_same, fit, net, weights

PROGRAM = """
import hashlib, json, sys
import numpy as np
import taut

generator = np.random.default_rng(0)
x = generator.normal(size=(21, 3)).astype(np.float32)
y = taut.utils.to_categorical(generator.integers(0, 2, 21))
taut.utils.set_random_seed(int(sys.argv[1]))
model = taut.Sequential([
    taut.layers.Dense(4, "relu", kernel_regularizer="l1", kernel_constraint="non_neg", input_shape=(3,)),
    taut.layers.Dropout(0.25),
    taut.layers.Dense(2, "softmax", activity_regularizer="l2"),
])
model.compile("adam", "categorical_crossentropy", ["accuracy"])
first = [w.tobytes() for w in model.get_weights()]
history = model.fit(x, y, batch_size=8, epochs=3, verbose=0, validation_split=0.2)
digest = hashlib.sha256(b"".join([*first, *(w.tobytes() for w in model.get_weights()), model.predict(x).tobytes()]))
print(json.dumps([digest.hexdigest(), model.seed, history.seed]))
"""


def in_a_fresh_process(seed, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_fresh_processes() -> None:
    first = in_a_fresh_process(7, hash_seed=1)
    assert in_a_fresh_process(7, hash_seed=2) == first


def stochastic():
    model = taut.Sequential(
        [
            layers.Dense(4, "relu", kernel_regularizer="l1", kernel_constraint="non_neg", input_shape=(3,)),
            layers.Dropout(0.25),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


def trained(seed):
    taut.utils.set_random_seed(seed)
    model = stochastic()
    history = fit(model, epochs=2)
    return model, history


def test_in_one_process_whatever_came_before() -> None:
    (first, history), (other, _) = trained(3), trained(4)
    np.random.default_rng().normal()
    np.random.seed(1)  # noqa: NPY002 (numpy's own global stream is not ours)
    again, same = trained(3)
    assert_same(weights(again), weights(first))
    assert (again.seed, same.seed) == (first.seed, history.seed)
    assert_differ(weights(other), weights(first))
    np.testing.assert_array_equal(again.predict(X), first.predict(X))


def test_two_models_of_one_seed_differ() -> None:
    taut.utils.set_random_seed(3)
    assert_differ(weights(stochastic()), weights(stochastic()))


def test_seeds_that_were_drawn_are_recorded_and_can_be_used_again(monkeypatch) -> None:
    monkeypatch.setattr(taut.utils, "_stream", None)  # as in a process that never set a seed
    model = stochastic()
    before = weights(model)
    history = fit(model, epochs=2)
    assert model.seed != stochastic().seed
    drawn = iter([model.seed, history.seed])
    monkeypatch.setattr(taut.utils, "draw_seed", lambda: next(drawn))
    again = stochastic()
    assert_same(weights(again), before)
    assert fit(again, epochs=2).seed == history.seed
    assert_same(weights(again), weights(model))


def test_terms_do_not_move_the_first_weights() -> None:
    def first(**terms):
        taut.utils.set_random_seed(0)
        return weights(taut.Sequential([layers.Dense(4, input_shape=(3,), **terms), layers.Dense(2)]))

    bare = first()
    assert_same(first(kernel_regularizer="l1", activity_regularizer="l2"), bare)
    boxed = first(kernel_constraint=constraints.Box(-0.2, 0.2))
    np.testing.assert_array_equal(boxed["dense/kernel"], np.clip(bare["dense/kernel"], *np.float32([-0.2, 0.2])))
    assert_same(
        {k: w for k, w in boxed.items() if k != "dense/kernel"}, {k: w for k, w in bare.items() if k != "dense/kernel"}
    )


def test_a_strength_of_zero_is_no_strength() -> None:
    bare, zero = net(), net(kernel_regularizer=regularizers.L1(0.0))
    for model in (bare, zero):
        fit(model, shuffle=False)
    for path, w in weights(zero).items():
        np.testing.assert_allclose(w, bare.params[path], rtol=1e-6, atol=1e-8)


def test_the_history_does_not_depend_on_the_machine_s_pace(monkeypatch) -> None:
    histories = []
    for steps in (1, 2, 3):
        monkeypatch.setattr(training, "_chunk", lambda job, steps=steps: steps)
        taut.utils.set_random_seed(0)
        model = taut.Sequential([layers.Dense(2, "softmax", input_shape=(3,))])
        model.compile("sgd", "categorical_crossentropy")
        histories.append(fit(model, X / 3, Y, epochs=5).history)
    assert histories[0] == histories[1] == histories[2]
