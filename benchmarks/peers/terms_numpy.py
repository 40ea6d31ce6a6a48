"""Maps on numpy: taut, PyProximal, and a copy of the same array."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pyproximal

import taut
from benchmarks.line import serve
from benchmarks.peers import terms_works as works
from taut import constraints as c
from taut import regularizers as r


class NumpyMaps(works.Maps):
    def versions(self) -> dict[str, str]:
        return {"taut": taut.__version__, "numpy": np.__version__, "pyproximal": version("pyproximal")}

    def build(self, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
        w = works.weights(size)
        flat, metric = w.ravel(), works.steps(w.shape)
        step, lam, k = works.STEP, works.STRENGTH, size // 10
        found: dict[str, dict[str, Callable[[], Any]]] = {}

        def add(name: str, x: Any, own: Callable[[Any], Any], peer: Callable[[Any], Any] | None = None) -> None:
            found[name] = {works.COPY: x.copy, works.TAUT: lambda: own(x)}
            if peer is not None:
                found[name]["PyProximal"] = lambda: peer(x)

        def prox(term: Any, at: Any = step) -> Callable[[Any], Any]:
            return lambda x: term.prox(x, at)

        def theirs(operator: Any) -> Callable[[Any], Any]:
            return lambda x: operator.prox(x.ravel(), step).reshape(x.shape)

        log = pyproximal.Log(lam * np.log(2.0), 1.0)
        add("L1", w, prox(r.L1(lam)), theirs(pyproximal.L1(lam)))
        add("L2", w, prox(r.L2(lam)), theirs(pyproximal.L2(sigma=2 * lam)))
        add("LogSum", w, prox(r.LogSum(lam)), theirs(log))
        for term in (r.L1L2(lam, lam), r.Huber(lam), r.MCP(lam), r.SCAD(lam), r.LHalf(lam), r.L0(lam), r.CappedL1(lam)):
            add(type(term).__name__, w, prox(term))
        add("NonNeg", w, c.NonNeg(), theirs(pyproximal.Box(lower=0.0)))
        add("Box", w, c.Box(-0.5, 0.5), theirs(pyproximal.Box(-0.5, 0.5)))
        add("MaxNorm", w, c.MaxNorm(2.0))
        add("UnitNorm", w, c.UnitNorm())
        add("MinMaxNorm", w, c.MinMaxNorm(0.5, 2.0))
        add("GroupLasso", w, prox(r.GroupLasso(lam)))
        add("GroupLasso by input", w, prox(r.GroupLasso(lam, by="input")))
        add("Simplex", flat, c.Simplex(), theirs(pyproximal.Simplex(size, 1.0)))
        add("L1Ball", flat, c.L1Ball(10.0), theirs(pyproximal.L1Ball(size, 10.0)))
        add("TopK", flat, c.TopK(k), theirs(pyproximal.L0Ball(k)))
        add("GroupLasso in a metric", w, prox(r.GroupLasso(lam), metric))
        return found


if __name__ == "__main__":
    serve(NumpyMaps())
