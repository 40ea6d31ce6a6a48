"""The works that are measured: a network, its data, its first weights. Equal in every process.

NumPy only: the processes of the peers import this, and they have little else in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Work:
    """One hidden layer of ``relu``, softmax, crossentropy, Adam; terms on the hidden kernel if any."""

    inputs: int
    hidden: int
    classes: int
    rows: int
    batch: int
    strength: float | None  # of L1, with NonNeg beside it; None: the bare network
    accuracy: float  # at least this after `epochs`, or the work was not done
    rate: float = 1e-3
    epochs: int = 10  # of one `fit`
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps of one ``fit``; the smaller last batch counts."""
        return self.epochs * -(-self.rows // self.batch)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """``x`` (rows, inputs), one-hot ``y`` (rows, classes), float32; two fifths of the inputs useless."""
        rng = np.random.default_rng(self.seed)
        useful = max(1, (3 * self.inputs) // 5)
        if self.inputs < 100:  # columns: the class is the largest of some noisy sums
            x = rng.standard_normal((self.rows, self.inputs))
            score = x[:, :useful] @ rng.standard_normal((useful, self.classes))
            label = np.argmax(score + 0.1 * rng.standard_normal(score.shape), axis=1)
        else:  # pictures: a faint prototype of the class on a noisy ground, most of it black
            label = rng.integers(self.classes, size=self.rows)
            prototype = rng.random((self.classes, self.inputs)) * (rng.random((self.classes, self.inputs)) < 0.2)
            prototype[:, useful:] = 0.0
            x = np.clip(0.4 * prototype[label] + 0.3 * rng.standard_normal((self.rows, self.inputs)), 0.0, 1.0)
        y = np.eye(self.classes, dtype=np.float32)[label]
        return x.astype(np.float32), y

    def weights(self) -> Arrays:
        """Kernel and bias of both layers: Glorot's uniform and zeros, the hidden kernel feasible if bound."""
        rng = np.random.default_rng([self.seed, 1])
        arrays: Arrays = []
        for fan_in, fan_out in ((self.inputs, self.hidden), (self.hidden, self.classes)):
            limit = np.sqrt(6.0 / (fan_in + fan_out))
            arrays.append(rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32))
            arrays.append(np.zeros(fan_out, np.float32))
        if self.strength is not None:
            arrays[0] = np.maximum(arrays[0], 0.0)
        return arrays


def small(rows: int = 10_000, strength: float | None = 1e-3) -> Work:
    return Work(10, 64, 10, rows, 32, strength, accuracy=0.75)


def wide(rows: int = 10_000, strength: float | None = 1e-4) -> Work:
    return Work(784, 512, 10, rows, 128, strength, accuracy=0.90)


def useless_inputs(seed: int, rows: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """Twenty inputs of which one matters: y = 3·x₀ + 0.1·noise; ``y`` is (rows, 1)."""
    rng = np.random.default_rng([2, seed])
    x = rng.standard_normal((rows, 20))
    y = 3.0 * x[:, :1] + 0.1 * rng.standard_normal((rows, 1))
    return x.astype(np.float32), y.astype(np.float32)
