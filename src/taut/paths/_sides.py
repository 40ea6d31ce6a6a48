"""The two sides of a comparison: rows that strengths are chosen on, and rows that are only measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taut import errors
from taut._extras import require
from taut.model import Sequential
from taut.paths import folds as folding
from taut.paths._given import kept

__all__ = ["Sides", "even_folds"]


@dataclass(frozen=True)
class Sides:
    """What is chosen by, and what is only measured on."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    groups: np.ndarray | None

    @classmethod
    def split(cls, model: Sequential, x: Any, y: Any, fraction: float, given: Any, groups: Any, seed: int) -> Sides:
        if given is not None and (not isinstance(given, tuple | list) or len(given) != 2):
            raise TypeError(f"test_data={errors.shown(given)}, expected a pair (x, y).")
        rows = model._data(x, y)
        x, y = rows.x, rows.y
        groups = None if groups is None else np.asarray(groups)
        if given is not None:
            test = model._data(*given, prefix="test_data ", row_shape=x.shape[1:])
            return cls(kept(x), kept(y), kept(test.x), kept(test.y), groups)
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
            raise ValueError(f"test_fraction={fraction!r}, expected a number between 0 and 1; or give test_data.")
        classes = folding.classes_of(model._need_compiled(), y)
        if groups is not None and groups.shape != (len(x),):
            raise ValueError(f"groups: has shape {groups.shape}, expected {(len(x),)}: one label per row.")
        sk = require("sklearn.model_selection", "Splitting rows into a test part and the rest")
        if groups is not None:
            splitter = sk.GroupShuffleSplit(1, test_size=fraction, random_state=seed)
            train, test = next(splitter.split(x, classes, groups))
        else:
            try:
                train, test = sk.train_test_split(
                    np.arange(len(x)), test_size=fraction, random_state=seed, stratify=classes
                )
            except ValueError as error:
                raise ValueError(
                    f"test_fraction={fraction}: cannot split a test part off {len(x)} rows. {error} Change test_fraction, "
                    f"give test_data=(x, y), or merge the smallest classes."
                ) from error
        return cls(x[train], y[train], x[test], y[test], None if groups is None else groups[train])


def even_folds(folds: Any, bare: Sequential, rows: Sides, seed: int) -> Any:
    """Folds of equal size: one or two rows of the larger ones are left out, so that all nets share one compiled program
    (most of the time here is compiling). Folds that were given as pairs or as a splitter are not changed."""
    if not isinstance(folds, int) or isinstance(folds, bool):
        return folds
    assert bare.loss is not None
    pairs = folding.split(folds, len(rows.x), folding.classes_of(bare.loss, rows.y), rows.groups, seed)
    if rows.groups is not None:  # sizes may be far apart
        return pairs
    train, held = (min(len(pair[side]) for pair in pairs) for side in (0, 1))
    return [(one[:train], other[:held]) for one, other in pairs]
