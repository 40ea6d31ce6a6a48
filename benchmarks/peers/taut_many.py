"""taut, one network at many strengths: side by side in one program, or one ``fit`` after another."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

import taut
from benchmarks.line import serve
from benchmarks.works import Work
from taut.paths import train_many


class TautMany:
    def prepare(self, work: dict[str, Any], strengths: list[float]) -> dict[str, Any]:
        self.work = Work(**work)
        self.x, self.y = self.work.data()
        self.strengths = strengths
        self.models = [self._model(strength) for strength in strengths]
        return {"version": taut.__version__, "jax": jax.__version__, "devices": len(jax.devices())}

    def many(self) -> dict[str, Any]:
        """All strengths side by side; from the same first weights each time."""
        begin = time.perf_counter()
        trained = self._many(self.models, self.x, self.y, self.work.epochs, seed=0)
        return {"seconds": time.perf_counter() - begin, "accuracy": trained.history["accuracy"][:, -1].tolist()}

    def one_by_one(self) -> dict[str, Any]:
        """One ``fit`` for each strength, of a model that is already built; the call alone is timed."""
        accuracy = []
        begin = time.perf_counter()
        for model in self.models:
            accuracy.append(self._fit(model, self.x, self.y, self.work.epochs).history["accuracy"][-1])
        return {"seconds": time.perf_counter() - begin, "accuracy": [float(value) for value in accuracy]}

    def equality(self, epochs: int) -> dict[str, Any]:
        """How far each net is from its own ``fit`` of the same order: after one step, and after ``epochs``."""
        batch = self.work.batch
        one, ten = [self._model(s) for s in self.strengths], [self._model(s) for s in self.strengths]
        spare = self._model(self.strengths[0])  # before the seed is set: a model draws one too
        taut.utils.set_random_seed(0)
        seed = self._fit(spare, self.x[:batch], self.y[:batch], 1).seed

        step = self._many(one, self.x[:batch], self.y[:batch], 1, seed)
        whole = self._many(ten, self.x, self.y, epochs, seed)
        weights, scores, kept = [], [], []
        for index, (first, model) in enumerate(zip(one, ten, strict=True)):
            taut.utils.set_random_seed(0)
            self._fit(first, self.x[:batch], self.y[:batch], 1)
            alone = first.params
            # All weights together, in the relative L2 norm: Adam's first step divides a gradient by its own size, so one
            # near its ε turns the last bit of a sum into up to 4e-6 of a single weight.
            net = step.net(index)
            apart = np.sqrt(sum(float(np.sum((w - alone[path]) ** 2)) for path, w in net.items()))
            weights.append(apart / np.sqrt(sum(float(np.sum(np.square(w))) for w in alone.values())))
            taut.utils.set_random_seed(0)
            history = self._fit(model, self.x, self.y, epochs)
            assert history.seed == seed
            scores.append(abs(history.history["accuracy"][-1] - float(whole.history["accuracy"][index, -1])))
            kernels = np.asarray(model.get_weights()[0]), whole.net(index)[model.plan.entries[0].path]
            kept.append(abs(np.count_nonzero(kernels[0]) - np.count_nonzero(kernels[1])) / kernels[0].size)
        return {"weights": max(weights), "score": float(max(scores)), "kept": float(max(kept))}

    def _fit(self, model: Any, x: np.ndarray, y: np.ndarray, epochs: int) -> Any:
        history = model.fit(x, y, batch_size=self.work.batch, epochs=epochs, verbose=0)
        jax.block_until_ready(model.params)
        return history

    def _many(self, models: list[Any], x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> Any:
        plans = [model.plan for model in models]
        return train_many(self._model(0.0), x, y, plans, batch_size=self.work.batch, epochs=epochs, seed=seed)

    def _model(self, strength: float) -> Any:
        model = taut.Sequential(
            [
                taut.layers.Input((self.work.inputs,)),
                taut.layers.Dense(
                    self.work.hidden,
                    activation="relu",
                    kernel_regularizer=taut.regularizers.L1(strength),
                    kernel_constraint=taut.constraints.NonNeg(),
                    name="hidden",
                ),
                taut.layers.Dense(self.work.classes, activation="softmax", name="classes"),
            ]
        )
        model.compile(taut.optimizers.Adam(self.work.rate), "categorical_crossentropy", metrics=["accuracy"])
        model.set_weights(self.work.weights())
        return model


if __name__ == "__main__":
    serve(TautMany())
