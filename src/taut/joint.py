"""A regularizer and a constraint on one weight, as one exact step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taut._regularizer import Regularizer
from taut._constraint import Constraint
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number

Step = Callable[[Array, "Number | None", Axes], Array]


def known(regularizer: Regularizer | None, constraint: Constraint | None) -> str | None:
    """None if the pair has an exact joint step; otherwise why it is refused, and the way out."""
    if regularizer is None:
        return None
    if not regularizer.has_prox:
        return regularizer.without_prox()
    if constraint is None or (regularizer.separable and regularizer.convex and constraint.separable):
        return None
    r, c = type(regularizer).__name__, type(constraint).__name__
    return (
        f"No exact joint step is known for {r} with {c} on one weight: one after the other would converge to "
        f'the wrong point. Let the penalty act by gradient, {r}(...).acting("gradient"), or put the two on '
        f"different weights."
    )


def step_for(regularizer: Any, constraint: Constraint | None) -> Step:
    """The function ``(w, step, fan_in) -> w`` that ends an optimizer's step for one weight.

    It is argmin_z R(z) + Σ (z − w)²/(2·step) over the constraint's set. ``step`` None asks for the
    Euclidean projection alone.

    Raises:
        ValueError: no exact joint step is known (see `known`).
    """
    why = known(regularizer, constraint)
    if why is not None:
        raise ValueError(why)

    def act(w: Array, step: Number | None, fan_in: Axes = None) -> Array:
        if step is not None and regularizer is not None:
            w = regularizer.prox(w, step, fan_in=fan_in)
            return w if constraint is None else constraint(w, fan_in=fan_in)
        return w if constraint is None else constraint(w, step=step, fan_in=fan_in)

    return act
