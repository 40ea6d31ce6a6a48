"""One array and the terms that act on it.

An :class:`Entry` stores its terms, its axes and how the terms act. The function for its step is chosen when it is first
needed, and then kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from taut import joint
from taut.constraints import Constraint
from taut.functional import units
from taut.functional._control import constant
from taut.functional._dtype import Array, Number, namespace, shape_of
from taut.regularizers import Regularizer

__all__ = ["Activity", "Entry"]


@dataclass(frozen=True)
class Entry:
    """One parameter and the terms that act on it.

    ``mode`` is "gradient", "proximal" or "decoupled", and None without a regularizer. ``fan_in`` is None if no layout
    is declared; binding the plan raises an error for terms that need it. ``scaled`` says that the step is taken
    in the optimizer's own scaling, so that its step size is needed and not only the new weights.

    An entry with ``parts`` stands for the units of a layer, kernel and bias as one array (``units.join``); its path
    ends in "/unit".
    """

    path: str
    role: str
    shape: tuple[int, ...]
    fan_in: tuple[int, ...] | None
    trainable: bool = True
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    mode: str | None = None
    scaled: bool = False
    parts: tuple[units.Part, ...] = ()

    # --- its array ------------------------------------------------------------------------------------------------

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the parameters that the terms act on."""
        return tuple(p.path for p in self.parts) or (self.path,)

    def weight(self, values: Mapping[str, Any]) -> Any:
        """This entry's array from a dict by path: of weights, or of anything with the same shapes."""
        return units.join(self.parts, values) if self.parts else values[self.path]

    def put(self, values: dict[str, Any], w: Any) -> None:
        """The inverse of :meth:`weight`."""
        values.update(units.part(self.parts, w) if self.parts else {self.path: w})

    def step_size(self, sizes: Mapping[str, Any]) -> Any:
        """The optimizer's step size for this entry: a number, or shaped like its array; None if it is not scaled."""
        if not self.scaled:
            return None
        found = {p: sizes[p] for p in self.paths}
        if all(len(shape_of(s)) == 0 for s in found.values()):  # one step for all parameters
            return found[self.paths[0]]
        shapes = {p.path: p.shape for p in self.parts}
        xp = namespace(*found.values())
        return self.weight({p: xp.broadcast_to(xp.asarray(s), shapes.get(p, self.shape)) for p, s in found.items()})

    # --- what acts on it ------------------------------------------------------------------------------------------

    @property
    def prox(self) -> Regularizer | None:
        """The regularizer, if it acts by a proximal step."""
        return self.regularizer if self.mode == "proximal" else None

    @property
    def steps(self) -> bool:
        """Whether a proximal step, a projection, or both follow the optimizer's step."""
        return self.mode == "proximal" or self.constraint is not None

    @property
    def one_step_size(self) -> bool:
        """Whether a term has no exact method with a step size for each weight (a spectral ball, SLOPE). Then the whole
        parameter uses one step size, the smallest of its weights.
        """
        by_entry = self.mode != "proximal" or getattr(self.regularizer, "metric", "entry") == "entry"
        return self.scaled and not (by_entry and (self.constraint is None or self.constraint.metric))

    def penalty(self, w: Array) -> Array:
        """R(w), a scalar."""
        assert self.regularizer is not None
        return self.regularizer(w, fan_in=self.fan_in)

    def slope(self, w: Array) -> Array:
        """∇R(w), for penalties that act as weight decay."""
        term: Any = self.regularizer
        return term.slope(w)

    def step(self, w: Array, step_size: Number | None) -> Array:
        """The proximal step and the projection of one parameter, solved jointly.

        Args:
            w: its weights after the optimizer's step; they are not checked for NaN here.
            step_size: the optimizer's, a number or shaped like ``w``; not used if the entry is not ``scaled``.
        """
        return self._step(w, step_size if self.scaled else None) if self.steps else w

    def project(self, w: Array) -> Array:
        """The nearest feasible weights (Euclidean)."""
        return w if self.constraint is None else self._project(w, None)

    @cached_property
    def _step(self) -> Callable[[Array, Number | None], Array]:
        return joint.bound(self.prox, self.constraint, self.shape, self.fan_in)

    @cached_property
    def _project(self) -> Callable[[Array, Number | None], Array]:
        return joint.bound(None, self.constraint, self.shape, self.fan_in)

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # without the functions that were found

    def violation(self, w: Array) -> float:
        """How far ``w`` is outside the constraint; 0.0 if it is feasible or has no constraint."""
        return 0.0 if self.constraint is None else float(constant(self.constraint.violation(w, fan_in=self.fan_in)))


@dataclass(frozen=True)
class Activity:
    """A regularizer on the output of one layer; its penalty is divided by the batch size, as in Keras."""

    layer: str
    regularizer: Regularizer
