"""PyTorch, eager, written by hand as its users write it, at its best number of threads and best Adam.

The penalty is part of the loss and the kernel is clamped after the step: no proximal step, so less work
than taut does, and no exact zero from the L1 term.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.line import serve
from benchmarks.works import Work


class TorchEager:
    def prepare(self, work: dict[str, Any]) -> dict[str, Any]:
        self.work = Work(**work)
        x, y = self.work.data()
        self.x = torch.from_numpy(x)
        self.label = torch.from_numpy(y.argmax(1))
        best: dict[tuple[int, bool], float] = {}
        for threads, fused in product((1, 2), (False, True)):
            torch.set_num_threads(threads)
            self._build(fused)
            self._epoch()
            best[threads, fused] = min(self._timed(self._epoch) for _ in range(3))
        threads, fused = min(best, key=lambda choice: best[choice])
        torch.set_num_threads(threads)
        self._build(fused)
        return {"version": torch.__version__, "threads": threads, "fused Adam": fused}

    def fit(self) -> dict[str, Any]:
        begin = time.perf_counter()
        for _ in range(self.work.epochs):
            loss, accuracy = self._epoch()
        seconds = time.perf_counter() - begin
        kernel = self.parameters[0].detach()
        return {
            "seconds": seconds,
            "loss": loss,
            "accuracy": accuracy,
            "zeros": int((kernel == 0).sum()),
            "minimum": float(kernel.min()),
        }

    def _build(self, fused: bool) -> None:
        torch.manual_seed(self.work.seed)
        self.parameters = [torch.from_numpy(w).clone().requires_grad_() for w in self.work.weights()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.work.rate, eps=1e-7, fused=fused)

    def _epoch(self) -> tuple[float, float]:
        w1, b1, w2, b2 = self.parameters
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        order = torch.randperm(len(self.x))
        # The whole epoch is gathered once and split into views: faster than an index for each batch.
        batches = zip(self.x[order].split(self.work.batch), self.label[order].split(self.work.batch), strict=True)
        for x, label in batches:
            logits = torch.addmm(b2, torch.relu(torch.addmm(b1, x, w1)), w2)
            loss = F.cross_entropy(logits, label)
            if self.work.strength is not None:
                loss = loss + self.work.strength * w1.abs().sum()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            with torch.no_grad():
                if self.work.strength is not None:
                    w1.clamp_(min=0.0)
                total += loss.detach() * len(x)
                right += (logits.argmax(1) == label).sum()
        return total.item() / len(self.x), right.item() / len(self.x)

    @staticmethod
    def _timed(run: Callable[[], object]) -> float:
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin


if __name__ == "__main__":
    serve(TorchEager())
