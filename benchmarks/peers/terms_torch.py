"""Maps on eager PyTorch: taut, ProxTorch, and a copy of the same tensor."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import proxtorch.operators as po
import torch

import taut
from benchmarks.line import serve
from benchmarks.peers import terms_works as works
from taut import constraints as c
from taut import regularizers as r


class TorchMaps(works.Maps):
    def versions(self) -> dict[str, str]:
        return {"taut": taut.__version__, "torch": torch.__version__, "proxtorch": version("proxtorch")}

    def build(self, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
        w = torch.from_numpy(works.weights(size))
        flat, metric = w.ravel(), torch.from_numpy(works.steps(tuple(w.shape)))
        step, lam, k = works.STEP, works.STRENGTH, size // 10
        found: dict[str, dict[str, Callable[[], Any]]] = {}

        def add(name: str, x: Any, own: Callable[[Any], Any], peer: Callable[[Any], Any] | None = None) -> None:
            found[name] = {works.COPY: x.clone, works.TAUT: lambda: own(x)}
            if peer is not None:
                found[name]["ProxTorch"] = lambda: peer(x)

        def prox(term: Any, at: Any = step) -> Callable[[Any], Any]:
            return lambda x: term.prox(x, at)

        # Its Huber map works in place, and its group lasso wants groups in a row: the transpose, as one vector.
        lasso = po.GroupLasso(lam, [w.shape[0]] * w.shape[1])
        columns = w.T.contiguous().ravel()
        add("L1", w, prox(r.L1(lam)), lambda x: po.L1(lam).prox(x, step))
        add("L2", w, prox(r.L2(lam)), lambda x: po.L2(2 * lam).prox(x, step))
        add("L1L2", w, prox(r.L1L2(lam, lam)), lambda x: po.ElasticNet(3 * lam, 1 / 3).prox(x, step))
        for term in (r.Huber(lam), r.MCP(lam), r.SCAD(lam), r.LogSum(lam), r.LHalf(lam), r.L0(lam), r.CappedL1(lam)):
            add(type(term).__name__, w, prox(term))
        add("NonNeg", w, c.NonNeg())
        add("Box", w, c.Box(-0.5, 0.5))
        add("MaxNorm", w, c.MaxNorm(2.0))
        add("UnitNorm", w, c.UnitNorm())
        add("MinMaxNorm", w, c.MinMaxNorm(0.5, 2.0))
        add("GroupLasso", w, prox(r.GroupLasso(lam)), lambda x: lasso.prox(columns, step).reshape(x.T.shape).T)
        add("GroupLasso by input", w, prox(r.GroupLasso(lam, by="input")))
        add("Simplex", flat, c.Simplex())
        add("L1Ball", flat, c.L1Ball(10.0))
        add("TopK", flat, c.TopK(k))
        add("GroupLasso in a metric", w, prox(r.GroupLasso(lam), metric))
        return found


if __name__ == "__main__":
    serve(TorchMaps())
