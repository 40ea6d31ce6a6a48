"""Terms of a parameter that becomes smaller: arrays of the term are sliced too, or an error names the term.

The term must mean the same for the weights that stay: the penalty of the smaller array must equal that of the larger
one with zeros at the removed entries. `same_penalty` checks this.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from taut import _regularizer, _term, constraints, errors, regularizers
from taut.functional._axes import filter_groups, input_groups, resolve

__all__ = ["TermRefused", "same_penalty", "slice_activity", "slice_term"]

Kept = tuple[np.ndarray, ...]  # by axis, the indices that stay
FanIn = tuple[int, ...] | None

# Their meaning depends on the position of an entry among its neighbours, or on the number of entries.
_BY_PLACE = {
    "TotalVariation": "the differences of neighbouring weights",
    "SquaredDifferences": "the differences of neighbouring weights",
    "NM": "blocks of neighbouring weights",
    "Triangular": "the diagonal",
    "Diagonal": "the diagonal",
    "Symmetric": "the diagonal",
    "Skew": "the diagonal",
    "PSD": "the diagonal",
    "DoublyStochastic": "as many rows as columns",
}


class TermRefused(ValueError):
    """A term that cannot be applied when its parameter becomes smaller."""


def _refuse(where: str, term: Any, why: str) -> TermRefused:
    return TermRefused(
        f"compact: {where}: {errors.shown(term)} cannot be applied to fewer weights: it is about {why}. Remove it "
        "first, "
        f"model.attach({{{where!r}: None}}), or leave out all terms with compact(model, training=False)."
    )


def slice_term(term: Any, where: str, shape: tuple[int, ...], kept: Kept, fan_in: FanIn) -> Any:
    """``term``, as it acts on the entries ``kept`` of a parameter of ``shape``.

    Raises:
        TermRefused: a term whose meaning depends on the number or the neighbours of entries.
    """
    new = tuple(len(k) for k in kept)
    if term is None or new == shape:
        return term
    name = type(term).__name__
    if name in _BY_PLACE:
        raise _refuse(where, term, _BY_PLACE[name])
    fields: list[Any] = list(getattr(term, "__dataclass_fields__", {}).values())
    if getattr(term, "blocks", 1) != 1:
        raise _refuse(where, term, "several matrices in one array")
    changes: dict[str, Any] = {}
    for field in fields:
        value = getattr(term, field.name)
        if isinstance(value, _term.Term):
            changes[field.name] = slice_term(value, where, shape, kept, fan_in)
        elif isinstance(value, tuple) and value and all(isinstance(v, _term.Term) for v in value):
            changes[field.name] = tuple(slice_term(v, where, shape, kept, fan_in) for v in value)
        elif getattr(value, "ndim", 0) and name != "OrderedL1":
            changes[field.name] = _slice_array(term, field.name, np.asarray(value), where, shape, kept, fan_in)
    changes |= _grouped(term, where, shape, kept, fan_in)
    if name == "TopK":
        axes = range(len(shape)) if term.per == "tensor" else resolve(term.axis, fan_in, shape)
        changes["k"] = min(term.k, math.prod(new[a] for a in axes))  # no more than there are: all may stay
    if name == "LowRank":
        changes["k"] = min(term.k, *new)
    return dataclasses.replace(term, **changes) if changes else term


def _slice_array(
    term: Any, field: str, value: np.ndarray, where: str, shape: tuple[int, ...], kept: Kept, fan_in: FanIn
) -> np.ndarray:
    """An array that broadcasts to a parameter, sliced along the axes in which it has one value per entry."""
    if type(term).__name__ == "HalfSpace" and field == "a" and value.ndim != len(shape):
        axes = resolve(term.axis, fan_in, shape)  # the shape of one unit's incoming weights
        return value[np.ix_(*(kept[a] for a in axes))]
    padded = value.reshape((1,) * (len(shape) - value.ndim) + value.shape)
    if padded.ndim != len(shape) or any(n not in (1, m) for n, m in zip(padded.shape, shape, strict=True)):
        raise _refuse(where, term, f"an array of shape {value.shape} as {field}, which does not go by entries")
    for axis, (size, indices) in enumerate(zip(shape, kept, strict=True)):
        if padded.shape[axis] == size and len(indices) != size:
            padded = np.take(padded, indices, axis=axis) if size > 1 else padded
    return padded.reshape(padded.shape[len(shape) - value.ndim :])


def _grouped(term: Any, where: str, shape: tuple[int, ...], kept: Kept, fan_in: FanIn) -> dict[str, Any]:
    """The fields of a term on groups that depend on the number of entries in a group."""
    if not hasattr(term, "by"):
        return {}
    new = tuple(len(k) for k in kept)
    groups = getattr(term, "groups", None)
    if isinstance(term.by, tuple):
        raise _refuse(where, term, "blocks of neighbouring weights")
    by_rank = type(term).__name__ == "OrderedL1"
    scaled = getattr(term, "scale_by_size", False)
    if groups is not None:
        if by_rank or scaled:
            raise _refuse(where, term, "the sizes of groups that are listed")
        return {"groups": _renumbered(term.by, groups, shape, kept, fan_in)}
    if term.by == "input":
        axes = input_groups(fan_in, shape)
    elif term.by == "filter":
        axes = filter_groups(fan_in, shape)
    elif term.by == "all":
        axes = tuple(range(len(shape)))
    else:
        axes = resolve(None, fan_in, shape)
    if axes is None:
        raise _refuse(where, term, "groups of several on one axis")
    old_size, new_size = (math.prod(s[a] for a in axes) for s in (shape, new))
    if scaled and old_size != new_size:
        return {"strength": term.strength * math.sqrt(old_size / new_size)}
    if by_rank and old_size != new_size:  # the zeros that went had the last ranks
        if getattr(term.strength, "ndim", 0):
            return {"strength": term.strength[:new_size]}
        return {"ratio": 1 - (1 - term.ratio) * (new_size - 1) / (old_size - 1)}
    return {}


def _renumbered(by: str, groups: Any, shape: tuple[int, ...], kept: Kept, fan_in: FanIn) -> list[list[int]]:
    unit = resolve(None, fan_in, shape)
    along = {
        "entry": tuple(range(len(shape))),
        "unit": tuple(a for a in range(len(shape)) if a not in unit),
        "input": unit[-1:],
    }[by]
    numbers = np.full([shape[a] for a in along], -1)
    inside = np.ix_(*(kept[a] for a in along))
    numbers[inside] = np.arange(math.prod(len(kept[a]) for a in along)).reshape([len(kept[a]) for a in along])
    flat = numbers.reshape(-1)
    new = [[int(flat[i]) for i in group if flat[i] >= 0] for group in groups]
    return [group for group in new if group]


def slice_activity(term: Any, where: str, units: int, kept: np.ndarray) -> Any:
    """The activity regularizer of a layer that keeps the units ``kept``."""
    if term is None or len(kept) == units:
        return term
    plain = term.term if isinstance(term, regularizers.Acting) else term
    if getattr(plain, "groups", None) is not None:
        raise _refuse(where, term, "listed groups of units")
    rows = (1,)  # a batch: whatever is said by row broadcasts
    return slice_term(term, where, (*rows, units), (np.arange(1), kept), None)


def same_penalty(term: Any, sliced: Any, where: str, w: np.ndarray, kept: Kept, fan_in: FanIn) -> None:
    """Check that a sliced regularizer gives the same penalty as before on ``w`` with zeros at the removed entries.

    Raises:
        TermRefused: it is another penalty.
    """
    if isinstance(term, regularizers.Acting):
        term, sliced = term.term, sliced.term
    if not isinstance(term, regularizers.Regularizer) or isinstance(term, constraints.Constraint):
        return
    if term.separable:  # entry by entry: it does not depend on the others
        return
    if isinstance(term, _regularizer.Plain):
        w = w.astype(np.float32)
    inside = np.ix_(*kept)
    zeroed = np.zeros_like(w)
    zeroed[inside] = w[inside]
    old, new = float(term(zeroed, fan_in=fan_in)), float(sliced(w[inside], fan_in=fan_in))
    if not math.isclose(old, new, rel_tol=1e-5, abs_tol=1e-9):
        raise _refuse(
            where, term, f"all weights together: for the weights that stay the penalty would be {new:.6g} of {old:.6g}"
        )
