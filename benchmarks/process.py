"""A whole process: start, import, build, 10 epochs on 1,000 rows; wall seconds and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.line import ROOT
from benchmarks.measure import KERAS_PYTHON, Figure, check, machine, options, side, take_turns, write

# The program of a Keras user, one line of it different; the data is made by the program, as a file would be
# read by it. It prints what it learned, so that a process that did not work cannot count as a fast one.
PROGRAM = """
import json
import numpy as np
{library}

rng = np.random.default_rng(0)
x_train = rng.standard_normal((1000, 10)).astype("float32")
y_train = np.eye(10, dtype="float32")[np.argmax(x_train @ rng.standard_normal((10, 10)), axis=1)]
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.layers.Dense(
        64, activation="relu", input_shape=(10,),
        kernel_regularizer=keras.regularizers.l1(0.001), kernel_constraint=keras.constraints.NonNeg(),
    ),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=10, verbose=0).history
print(json.dumps({{"loss": history["loss"], "minimum": float(np.min(model.get_weights()[0]))}}))
"""

TAUT, KERAS = "taut", "Keras-JAX"
MEMORY = "{}, peak memory"


@dataclass
class Process:
    """One side; ``run`` starts it, waits for its end and keeps its peak memory (MB, resident)."""

    python: str
    library: str
    seconds: float = 0.0
    memory: float = 0.0
    learned: dict[str, Any] | None = None

    def run(self) -> float:
        # Compiled bytecode is kept, as it is on any user's second run: both sides have had a first one.
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        program = PROGRAM.format(library=self.library)
        with tempfile.TemporaryFile("w+") as output:
            begin = time.perf_counter()
            child = subprocess.Popen(
                [self.python, "-W", "ignore", "-c", program],
                stdout=output,
                cwd=ROOT,
                env=environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
            )
            _, status, usage = os.wait4(child.pid, 0)  # the usage of this child alone
            self.seconds = time.perf_counter() - begin
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise SystemExit(f"{self.library}: the process ended with status {child.returncode}")
            # ru_maxrss is in KiB on Linux, in bytes on macOS.
            self.memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
            output.seek(0)
            self.learned = json.loads(output.read().splitlines()[-1])
        return self.seconds


def main() -> None:
    chosen = options(__doc__, rounds=11)
    before = machine()
    sides = {
        TAUT: Process(sys.executable, "import taut as keras"),
        KERAS: Process(str(KERAS_PYTHON), "import keras"),
    }
    checks: list[str] = []
    for name, process in sides.items():
        process.run()  # the first: reads the files from the disk and writes the bytecode
        assert process.learned
        loss, minimum = process.learned["loss"], process.learned["minimum"]
        checks.append(check(loss[-1] < 0.95 * loss[0], f"{name}: loss fell from {loss[0]:.3f} to {loss[-1]:.3f}"))
        checks.append(check(minimum >= 0.0, f"{name}: smallest entry of the bound kernel {minimum} ≥ 0"))

    memory: dict[str, list[float]] = {MEMORY.format(name): [] for name in sides}

    def turn(name: str) -> float:
        seconds = sides[name].run()
        memory[MEMORY.format(name)].append(sides[name].memory)
        return seconds

    runs = take_turns({name: (lambda name=name: turn(name)) for name in sides}, chosen.rounds)
    write(
        "process",
        "A whole process: start, import, build, 10 epochs on 1,000 rows",
        chosen.quick,
        before,
        checks=checks,
        sides={name: side(runs[name], "s", {}) for name in runs}
        | {name: side(memory[name], "MB", {}) for name in memory},
        figures=[
            Figure("taut over Keras-JAX, time", TAUT, KERAS, "<=", 0.7).record(runs),
            Figure("taut over Keras-JAX, peak memory", MEMORY.format(TAUT), MEMORY.format(KERAS), "<=", 0.95).record(
                memory
            ),
        ],
    )


if __name__ == "__main__":
    main()
