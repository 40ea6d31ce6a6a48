"""A process that is forked after JAX has started says so at once, where it would wait for ever."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
import numpy as np
import taut
from taut.sklearn import TautRegressor

X, Y = np.ones((8, 3), np.float32), np.ones(8, np.float32)

def made():
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model

def forked(**calls):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # ends a child that waits
        for name, call in calls.items():
            try:
                call()
                print(name, "went well")
            except Exception as error:
                print(name, type(error).__name__, error)
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

forked(before=lambda: made().fit(X, Y, verbose=0))
model = made()
model.fit(X, Y, verbose=0)
forked(
    fit=lambda: model.fit(X, Y, verbose=0),
    predict=lambda: model.predict(X),
    call=lambda: model(X),
    evaluate=lambda: model.evaluate(X, Y, verbose=0),
    path=lambda: taut.path(model, X, Y, {"dense/kernel": taut.regularizers.L1}, strengths=[0.1], verbose=0),
    estimator=lambda: TautRegressor(hidden=()).fit(X, Y),
    weights=lambda: model.get_weights(),
)
model.fit(X, Y, verbose=0)
print("parent went well")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_does_not_hang() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said.keys() == {"before", "fit", "predict", "call", "evaluate", "path", "estimator", "weights", "parent"}
    for name in ("before", "weights", "parent"):
        assert said[name] == "went well"
    for name in said.keys() - {"before", "weights", "parent"}:
        assert said[name].startswith("RuntimeError This process was forked"), (name, said[name])
        assert 'get_context("spawn")' in said[name]
