"""Where the nets of a path begin: at weights drawn from a seed, or where a few epochs without the varied terms lead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from taut.model import Sequential
from taut.model.engine import Data
from taut.model.training import Job
from taut.paths._blocks import Cell, Start
from taut.paths._fresh import fresh
from taut.paths._nets import Nets
from taut.plans import Plan

__all__ = ["Begin", "Chosen"]


class Chosen(NamedTuple):
    """A cell to be: a seed, the rows that train, and those that are held out or None."""

    seed: int
    rows: np.ndarray
    held: np.ndarray | None


@dataclass(eq=False)
class Begin:
    """Makes nets.

    Args:
        model, job, batch, memory, measured: as in `Nets`.
        bare: the plan without the varied terms.
        warm_up: epochs of it before a path begins; one net a cell, whose weights all strengths of the cell start from.
    """

    model: Sequential
    job: Job
    batch: int | None
    memory: int
    measured: Data
    bare: Plan
    warm_up: int
    _drawn: dict[int, tuple[dict[str, np.ndarray], Any, int]] = field(default_factory=dict[int, Any])
    _warm: dict[tuple[int, int], tuple[Start, np.ndarray]] = field(default_factory=dict[tuple[int, int], Any])

    def nets(self, plans: Sequence[Plan], chosen: Sequence[Chosen]) -> Nets:
        """Nets that have not been trained yet (but for the warm-up)."""
        if self.warm_up:
            self._warm_up([one for one in chosen if (one.seed, id(one.rows)) not in self._warm])
        cells = [Cell(_starts(plans, self._first(one)), self._draw(one.seed)[2], one.rows, one.held) for one in chosen]
        return self._nets(plans, cells, self.warm_up)

    def _nets(self, plans: Sequence[Plan], cells: Sequence[Cell], offset: int) -> Nets:
        return Nets(
            self.model, self.job, plans, cells, self.batch, self.memory, self.measured, self.job.validation, offset
        )

    def _draw(self, seed: int) -> tuple[dict[str, np.ndarray], Any, int]:
        if seed not in self._drawn:
            new, order = fresh(self.model, seed, project=False)
            _, params, rest = new._split()
            self._drawn[seed] = {path: np.asarray(w) for path, w in params.items()}, rest, order
        return self._drawn[seed]

    def _first(self, one: Chosen) -> Start:
        if self.warm_up:
            return self._warm[one.seed, id(one.rows)][0]
        params, rest, _ = self._draw(one.seed)
        return Start(params, rest)

    def _warm_up(self, chosen: Sequence[Chosen]) -> None:
        if not chosen:
            return
        cells = [
            Cell(_starts([self.bare], Start(*self._draw(one.seed)[:2])), self._draw(one.seed)[2], one.rows, None)
            for one in chosen
        ]
        nets = self._nets([self.bare], cells, 0)
        for epoch in range(self.warm_up):
            nets.epoch(epoch, lambda steps: None)
        for one, start in zip(chosen, nets.starts(), strict=True):
            self._warm[one.seed, id(one.rows)] = start, one.rows  # kept with its rows, so that their id stays theirs


def _starts(plans: Sequence[Plan], first: Start) -> Callable[[int], Start]:
    """Where the net of each strength begins: inside its constraints."""
    own: dict[int, Start] = {}

    def start(strength: int) -> Start:
        plan = plans[strength]
        if not plan.constrained:
            return first
        if strength not in own:
            own[strength] = Start({p: np.asarray(w) for p, w in plan.project(first.params).items()}, first.rest)
        return own[strength]

    return start
