"""One point of a path as a model: trained by ``fit`` on all rows, and debiased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taut import constraints, utils
from taut.model import Sequential, network
from taut.paths._fresh import fresh
from taut.paths._given import Given
from taut.paths._optimum import finish, solvable
from taut.paths.varying import Varied

__all__ = ["Recipe", "refit"]


@dataclass(frozen=True, eq=False)
class Recipe:
    """What ``fit`` is given besides epochs."""

    given: Given
    batch_size: int | None  # None: all rows
    warm_up: int = 0


def refit(
    model: Sequential,
    varied: Sequence[Varied],
    numbers: Sequence[float],
    terms: Sequence[Mapping[str, Any]],
    recipe: Recipe,
    epochs: int,
    seed: int,
    debias: bool,
    x: Any = None,
    y: Any = None,
) -> Sequential:
    """See `Path.refit`; ``terms`` are those of ``numbers``, as they were made for the path."""
    if (x is None) != (y is None):
        raise ValueError("refit: give both x and y, or neither.")
    own, given = x is None, recipe.given
    x, y = (given.x, given.y) if own else (x, y)
    rows = len(x) if hasattr(x, "__len__") else x.shape[0]
    options: dict[str, Any] = {
        "batch_size": rows if recipe.batch_size is None else min(recipe.batch_size, rows),
        "verbose": 0,
        "sample_weight": given.weight if own else None,
        "class_weight": given.class_weight,
    }
    first = recipe.warm_up

    def train(start: int, stop: int) -> None:
        with utils.drawn_from(seed):
            utils.draw_seed()  # the model's; the order's is next, as in `fresh`
            new.fit(x, y, initial_epoch=start, epochs=stop, **options)
        if recipe.batch_size is None and start == first and solvable(new, new.plan):
            finish(new, new.prepare(x, y, None, options["sample_weight"], given.class_weight))

    if first:
        new, _ = fresh(model, seed, project=False)
        for v, number in zip(varied, numbers, strict=True):
            for path in v.paths:
                new._attached.setdefault(path, {}).update(dict.fromkeys(v.kinds(number)))
        structure, params, _ = new._split()
        network.write(new.layers, structure, new._feasible(structure, params))
        train(0, first)
        for more in terms:
            new.attach(more)
        new._state = None  # the path's optimizer begins anew
    else:
        new, _ = fresh(model, seed, terms)
    train(first, first + epochs)
    if debias:
        _free(new, varied)
        train(first, first + epochs)
    return new


def _free(new: Sequential, varied: Sequence[Varied]) -> None:
    """Take the varied penalties off, and hold what is zero at zero. Constraints stay."""
    entries = {e.path: e for e in new.plan.acting}
    for v in varied:
        for path in v.paths:
            entry = entries.get(path)
            if entry is None or entry.parts:  # of an activity, or of units as a whole, which keep no term
                new.attach({path: None})
            if entry is None:  # an activity has no zeros to hold
                continue
            for part in entry.paths:
                zero = np.asarray(new.params[part]) == 0
                own = entries[part].constraint
                new.attach({part: None})
                terms = [own, constraints.Zeros(zero) if zero.any() else None]
                new.attach({part: [term for term in terms if term is not None] or None})
