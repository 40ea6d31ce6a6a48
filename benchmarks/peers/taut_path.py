"""taut, one network at many strengths: ``taut.path``, or one ``fit`` after another, each from its seed."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

import taut
from benchmarks.line import serve
from benchmarks.works import Work

KERNEL = "hidden/kernel"
TERMS = {
    "l1": taut.regularizers.L1,
    "group": lambda s: taut.regularizers.GroupLasso(s, by="input"),
    "none": lambda s: taut.regularizers.L2(0 * s),
}


class TautPath:
    def prepare(self, work: dict[str, Any], strengths: list[float], term: str = "l1") -> dict[str, Any]:
        self.work = Work(**work)
        self.x, y = self.work.data()
        self.y = y.argmax(axis=1).astype(np.int32)
        self.strengths, self.term = sorted(strengths), term
        self.models = [self._model(strength) for strength in self.strengths]
        return {"version": taut.__version__, "jax": jax.__version__, "devices": len(jax.devices())}

    def path(self, rows: int | None = None, epochs: int | None = None) -> dict[str, Any]:
        """All strengths side by side."""
        begin = time.perf_counter()
        self.found = taut.path(
            self._model(None),
            self.x[:rows],
            self.y[:rows],
            {KERNEL: TERMS[self.term]},
            self.strengths,
            folds=None,
            seeds=1,
            epochs=epochs or self.work.epochs,
            batch_size=self.work.batch,
            seed=0,
            verbose=0,
        )
        seconds = time.perf_counter() - begin
        return {
            "seconds": seconds,
            "accuracy": self.found.scores["accuracy"][:, 0, 0].tolist(),
            "zeros": self.found.zero_share().tolist(),
        }

    def fits(self) -> dict[str, Any]:
        """One ``fit`` for each strength, of a model that is already built; the call alone is timed."""
        begin = time.perf_counter()
        for model in self.models:
            self._fit(model, None, self.work.epochs)
        return {"seconds": time.perf_counter() - begin}

    def apart(self) -> dict[str, Any]:
        """How far each net is from its own ``fit``: after one step, and after all epochs."""
        weights, scores, kept = [], [], []
        for rows, epochs in ((self.work.batch, 1), (None, self.work.epochs)):
            self.path(rows, epochs)
            for i, strength in enumerate(self.strengths):
                taut.utils.set_random_seed(0)
                model = self._model(strength)
                self._fit(model, rows, epochs)
                if rows is not None:
                    distance = sum(float(np.sum((w[i] - model.params[p]) ** 2)) for p, w in self.found.weights.items())
                    size = sum(float(np.sum(np.square(w))) for w in model.params.values())
                    weights.append(np.sqrt(distance / size))
                    continue
                accuracy = model.evaluate(self.x, self.y, verbose=0)[1]
                scores.append(abs(accuracy - float(self.found.scores["accuracy"][i, 0, 0])))
                alone, ours = np.asarray(model.params[KERNEL]), self.found.weights[KERNEL][i]
                kept.append(abs(np.count_nonzero(alone) - np.count_nonzero(ours)) / alone.size)
        return {
            "weights": float(max(weights)),
            "typical": float(np.median(weights)),
            "score": float(max(scores)),
            "kept": float(max(kept)),
        }

    def _fit(self, model: Any, rows: int | None, epochs: int) -> None:
        model.fit(self.x[:rows], self.y[:rows], batch_size=self.work.batch, epochs=epochs, verbose=0)
        jax.block_until_ready(model.params)

    def _model(self, strength: float | None) -> Any:
        term = None if strength is None else TERMS[self.term](strength)
        layers = taut.layers
        model = taut.Sequential(
            [
                layers.Dense(
                    self.work.hidden,
                    activation="relu",
                    kernel_regularizer=term,
                    name="hidden",
                    input_shape=(self.work.inputs,),
                ),
                layers.Dense(self.work.classes, activation="softmax", name="classes"),
            ]
        )
        model.compile(taut.optimizers.Adam(self.work.rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


if __name__ == "__main__":
    serve(TautPath())
