"""What the three processes of `benchmarks.terms` share: the weights, and how sides are checked and timed.

NumPy only, like every work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

SHAPES = {10_000: (100, 100), 1_000_000: (1000, 1000), 10_000_000: (2500, 4000)}
COPIES = 64  # networks side by side
COPY = "copy"
TAUT = "taut"

ENTRYWISE = ("L1", "L2", "L1L2", "Huber", "MCP", "SCAD", "LogSum", "LHalf", "L0", "CappedL1", "NonNeg", "Box")
NORMS = ("MaxNorm", "UnitNorm", "MinMaxNorm", "GroupLasso", "GroupLasso by input")
SEARCHES = ("Simplex", "L1Ball", "TopK")
METRIC = ("GroupLasso in a metric", "GroupLasso, 64 at once", "GroupLasso in a metric, 64 at once")
MAPS = (*ENTRYWISE, *NORMS, *SEARCHES, *METRIC)

STEP, STRENGTH = 0.5, 0.3
SHORTEST = 0.02  # seconds that one timing takes at least


def weights(size: int) -> np.ndarray:
    """A kernel of ``size`` entries, float32; a tenth of its units are 0.0, as under a group penalty."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(SHAPES[size]).astype(np.float32)
    w[:, rng.permutation(w.shape[1])[: w.shape[1] // 10]] = 0.0
    return w


def steps(shape: tuple[int, ...]) -> np.ndarray:
    """A step an entry: an optimizer's metric, whose entries differ by a factor of some ten."""
    return np.exp(np.random.default_rng(1).standard_normal(shape)).astype(np.float32) * np.float32(1e-2)


def side_by_side(size: int) -> np.ndarray:
    """``size`` entries as the kernels of 64 networks."""
    edge = round((size / COPIES) ** 0.5)
    return np.random.default_rng(2).standard_normal((COPIES, edge, edge)).astype(np.float32)


class Maps:
    """Serves calls for one array library; a subclass says what its sides are."""

    sides: dict[str, dict[str, Callable[[], Any]]]
    repeats: dict[tuple[str, str], int]

    def versions(self) -> dict[str, str]:
        raise NotImplementedError

    def build(self, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
        """For each map its sides, each a call without arguments; `COPY` is one of every map's."""
        raise NotImplementedError

    def finish(self, out: Any) -> np.ndarray:
        """Wait for a result, and see it as numpy."""
        return np.asarray(out)

    def wait(self, out: Any) -> None:
        """Wait for a result."""

    def prepare(self, size: int) -> dict[str, Any]:
        """Run every side once; how far each peer's result is from taut's, relative to the largest entry."""
        self.sides, self.repeats = self.build(size), {}
        apart: dict[str, dict[str, float]] = {}
        for name, sides in self.sides.items():
            own = self.finish(sides[TAUT]())
            apart[name] = {}
            for side, call in sides.items():
                out = self.finish(call())
                if side not in (COPY, TAUT):
                    apart[name][side] = float(np.max(np.abs(out - own)) / np.max(np.abs(own)))
                begin = time.perf_counter()
                self.wait(call())
                self.repeats[name, side] = max(1, int(SHORTEST / max(time.perf_counter() - begin, 1e-6)))
        return {"apart": apart, "versions": self.versions()}

    def seconds(self, name: str, side: str) -> float:
        """The mean time of one call, over enough calls to be measured."""
        call, count = self.sides[name][side], self.repeats[name, side]
        begin = time.perf_counter()
        for _ in range(count):
            self.wait(call())
        return (time.perf_counter() - begin) / count
