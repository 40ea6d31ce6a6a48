"""Twenty inputs of which one matters: how many of the other nineteen weights are exactly 0.0?"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Lasso

from benchmarks import works
from benchmarks.line import Peer
from benchmarks.measure import KERAS_PYTHON, Figure, machine, options, say, side, write

STRENGTH = 0.05
SIDES = {
    "taut": ("taut_fit", None, {}),
    "taut, settle=20": ("taut_fit", None, {"settle": 20}),
    "Keras-JAX": ("keras_fit", KERAS_PYTHON, {}),
}


def optimum(seed: int) -> float:
    """The weight of x₀ at the minimum of mse + 0.05·Σ|w|: scikit-learn's Lasso, whose loss has a factor ½."""
    x, y = works.useless_inputs(seed)
    found = Lasso(alpha=STRENGTH / 2, tol=1e-10, max_iter=100_000).fit(np.float64(x), np.float64(y[:, 0]))
    assert np.count_nonzero(found.coef_) == 1  # the optimum itself keeps one input and no other
    return float(found.coef_[0])


def main() -> None:
    chosen = options(__doc__, rounds=10)
    epochs = 2 if chosen.quick else 50
    before = machine()
    zeros: dict[str, list[float]] = {}
    apart: dict[str, list[float]] = {}
    for name, (module, python, more) in SIDES.items():
        with Peer(name, module, *([python] if python else [])) as peer:
            zeros[name], apart[name] = [], []
            for seed in range(chosen.rounds):
                kernel = peer.call("useless_inputs", seed=seed, epochs=epochs, **more)["kernel"]
                best = optimum(seed)
                zeros[name].append(sum(weight == 0.0 for weight in kernel[1:]))
                apart[name].append(100 * abs(kernel[0] - best) / abs(best))
                say(f"  {name}, seed {seed}: {zeros[name][-1]} of 19 zeros, {apart[name][-1]:.3g} % apart")
    exact = Figure("taut: fewest exact zeros of 19 in any seed", "", "", ">=", 19)
    near = Figure("taut: furthest from the penalised optimum, %", "", "", "<=", 1)
    keras = Figure("Keras-JAX: most exact zeros of 19 in any seed", "", "")
    write(
        "useless_inputs",
        "1,000 rows of 20 inputs, y = 3·x₀ + 0.1·noise, one Dense(1), L1(0.05), mse, 50 epochs",
        chosen.quick,
        before,
        sides={name: side(zeros[name], "zeros of 19", {}) for name in zeros}
        | {f"{name}, from the optimum": side(apart[name], "%", {}) for name in apart},
        figures=[
            # Of ten seeds the worst counts, not the middle.
            exact.alone(min(zeros["taut"]), f"least of {chosen.rounds} seeds"),
            near.alone(max(apart["taut"]), f"largest of {chosen.rounds} seeds"),
            keras.alone(max(zeros["Keras-JAX"]), f"largest of {chosen.rounds} seeds"),
        ],
    )


if __name__ == "__main__":
    main()
