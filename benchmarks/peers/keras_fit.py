"""Keras on its JAX backend: the program of its users, through ``fit``. Runs in ``.venv-keras``."""

from __future__ import annotations

import os
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from benchmarks.line import serve
from benchmarks.works import Work, useless_inputs


class KerasFit:
    def prepare(self, work: dict[str, Any], steps_per_execution: int = 1) -> dict[str, Any]:
        self.work = Work(**work)
        self.x, self.y = self.work.data()
        keras.utils.set_random_seed(self.work.seed)
        bound = self.work.strength is not None
        self.model = keras.Sequential(
            [
                keras.layers.Input((self.work.inputs,)),
                keras.layers.Dense(
                    self.work.hidden,
                    activation="relu",
                    kernel_regularizer=keras.regularizers.L1(self.work.strength) if bound else None,
                    kernel_constraint=keras.constraints.NonNeg() if bound else None,
                ),
                keras.layers.Dense(self.work.classes, activation="softmax"),
            ]
        )
        self.model.compile(
            keras.optimizers.Adam(self.work.rate),
            "categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=steps_per_execution,
        )
        self.model.set_weights(self.work.weights())
        return {"version": keras.__version__, "backend": f"jax {jax.__version__}"}

    def fit(self) -> dict[str, Any]:
        begin = time.perf_counter()
        history = self.model.fit(self.x, self.y, batch_size=self.work.batch, epochs=self.work.epochs, verbose=0).history
        # `fit` leaves the variables as JAX arrays that may still be on their way.
        jax.block_until_ready([variable.value for variable in self.model.variables])
        seconds = time.perf_counter() - begin
        kernel = self.model.get_weights()[0]
        return {
            "seconds": seconds,
            "loss": float(history["loss"][-1]),
            "accuracy": float(history["accuracy"][-1]),
            "zeros": int((kernel == 0).sum()),
            "minimum": float(kernel.min()),
        }

    def useless_inputs(self, seed: int, epochs: int) -> dict[str, Any]:
        x, y = useless_inputs(seed)
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [keras.layers.Input((20,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.05))]
        )
        model.compile(keras.optimizers.Adam(0.01), "mse")
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
        return {"kernel": np.asarray(model.get_weights()[0], float).ravel().tolist()}


if __name__ == "__main__":
    serve(KerasFit())
