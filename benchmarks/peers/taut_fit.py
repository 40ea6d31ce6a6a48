"""taut, through ``fit``, as its users write it."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

import taut
from benchmarks.line import serve
from benchmarks.works import Work, useless_inputs


class TautFit:
    def prepare(self, work: dict[str, Any]) -> dict[str, Any]:
        self.work = Work(**work)
        self.x, self.y = self.work.data()
        taut.utils.set_random_seed(self.work.seed)
        bound = self.work.strength is not None
        self.model = taut.Sequential(
            [
                taut.layers.Input((self.work.inputs,)),
                taut.layers.Dense(
                    self.work.hidden,
                    activation="relu",
                    kernel_regularizer=taut.regularizers.L1(self.work.strength) if bound else None,
                    kernel_constraint=taut.constraints.NonNeg() if bound else None,
                ),
                taut.layers.Dense(self.work.classes, activation="softmax"),
            ]
        )
        self.model.compile(taut.optimizers.Adam(self.work.rate), "categorical_crossentropy", metrics=["accuracy"])
        self.model.set_weights(self.work.weights())
        return {"version": taut.__version__, "jax": jax.__version__}

    def fit(self) -> dict[str, Any]:
        begin = time.perf_counter()
        history = self.model.fit(self.x, self.y, batch_size=self.work.batch, epochs=self.work.epochs, verbose=0).history
        jax.block_until_ready(self.model.params)
        seconds = time.perf_counter() - begin
        kernel = np.asarray(self.model.get_weights()[0])
        return {
            "seconds": seconds,
            "loss": float(history["loss"][-1]),
            "accuracy": float(history["accuracy"][-1]),
            "zeros": int((kernel == 0).sum()),
            "minimum": float(kernel.min()),
        }

    def useless_inputs(self, seed: int, epochs: int, settle: int = 0) -> dict[str, Any]:
        x, y = useless_inputs(seed)
        taut.utils.set_random_seed(seed)
        model = taut.Sequential(
            [taut.layers.Input((20,)), taut.layers.Dense(1, kernel_regularizer=taut.regularizers.L1(0.05))]
        )
        model.compile(taut.optimizers.Adam(0.01), "mse")
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0, settle=settle)
        return {"kernel": np.asarray(model.get_weights()[0], float).ravel().tolist()}


if __name__ == "__main__":
    serve(TautFit())
