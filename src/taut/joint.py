"""A regularizer and a constraint on the same weights, as one exact step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taut import errors, identifiers
from taut._constraint import Constraint, Intersection
from taut._meeting import refuse_nan
from taut._regularizer import Acting, Regularizer
from taut._term import unchecked
from taut.functional import together
from taut.functional._axes import Axes
from taut.functional._dtype import Array, Number, shape_of

Step = Callable[[Array, "Number | None", Axes], Array]


def known(
    regularizer: Regularizer | None,
    constraint: Constraint | None,
    shape: tuple[int, ...] | None = None,
    fan_in: Axes = None,
) -> str | None:
    """None if the pair has an exact joint step; otherwise a message that says why not, and what to do.

    Args:
        regularizer: in proximal mode, or None.
        constraint: or None.
        shape: of the weights. Without it, None means that there are shapes for which the step is known.
        fan_in: the axes of one unit; only used with ``shape``.
    """
    if regularizer is None:
        return None
    if not regularizer.has_prox:
        return regularizer.without_prox()
    if constraint is None:
        return None

    def parts(shape: tuple[int, ...], fan_in: Axes = None) -> tuple[together.Part, ...]:
        return (*regularizer.parts(shape, fan_in), *constraint.parts(shape, fan_in))

    reason = together.why_never(parts) if shape is None else together.why_not(parts(shape, fan_in))
    if reason is None:
        return None
    r, c = errors.words(regularizer), errors.words(constraint)
    return (
        f"No exact joint step is known for {r} with {c} on the same weights: {reason}. Applying one after "
        f"the other would converge to the wrong point. Differentiate the penalty with the loss, "
        f'({r}).acting("gradient"), or put the two on different weights.'
    )


def step_for(regularizer: Regularizer | Acting | None, constraint: Constraint | None) -> Step:
    """The function ``(w, step, fan_in) -> w`` that is applied to the weights after each optimizer step.

    It is argmin_z R(z) + Σ (z − w)²/(2·step) over the constraint's set. ``step`` None asks for the Euclidean
    projection alone. For sets that are not convex the Euclidean distance is used.

    Raises:
        ValueError: no exact joint step is known (see `known`), now or later for a certain shape; or the constraints
            cannot all hold (checked for weights whose values can be read).

    >>> import numpy as np
    >>> from taut.constraints import NonNeg
    >>> from taut.regularizers import L1
    >>> step_for(L1(0.5), NonNeg())(np.asarray([-3.0, 0.2, 2.0]), 1.0, None)
    array([0. , 0. , 1.5])
    """
    regularizer = identifiers.from_keras(regularizer) or regularizer
    constraint = identifiers.from_keras(constraint) or constraint
    term: Any = regularizer.term if isinstance(regularizer, Acting) else regularizer
    why = known(term, constraint)
    if why is not None:
        raise ValueError(why)

    def act(w: Array, step: Number | None, fan_in: Axes = None) -> Array:
        if term is None or step is None:
            return w if constraint is None else constraint(w, step=step, fan_in=fan_in)
        if constraint is None:
            return term.prox(w, step, fan_in=fan_in)
        shape = shape_of(w)
        refuse_nan(term, w)
        try:
            z = together.solve(w, step, (*term.parts(shape, fan_in), *constraint.parts(shape, fan_in)))
        except together.Unknown:
            raise ValueError(known(term, constraint, shape, fan_in)) from None
        if isinstance(constraint, Intersection):
            constraint.refuse_outside(z, fan_in)
        return z

    return act


def bound(
    regularizer: Regularizer | None, constraint: Constraint | None, shape: tuple[int, ...], fan_in: Axes = None
) -> Callable[[Array, Number | None], Array]:
    """`step_for` for weights of one shape: ``(w, step) -> w``. The method is chosen once, here.

    For a training loop, which calls it after every step. It does not check for NaN, since that takes as long as the map
    itself. ``step`` None gives the projection only.

    Raises:
        ValueError: no exact joint step is known.

    >>> import numpy as np
    >>> from taut.constraints import NonNeg
    >>> from taut.regularizers import L1
    >>> bound(L1(0.5), NonNeg(), (3,))(np.asarray([-3.0, 0.2, 2.0]), 1.0)
    array([0. , 0. , 1.5])
    """
    why = known(regularizer, constraint, shape, fan_in)
    if why is not None:
        raise ValueError(why)
    terms = [term for term in (regularizer, constraint) if term is not None]
    if not terms:
        return lambda w, step: w
    if len(terms) == 1 and not _ours(terms[0]):  # what a user's own class computes is what it is, whatever it inherits
        return _alone(terms[0], fan_in)
    if regularizer is None and constraint is not None and constraint.region(shape, fan_in) is None:
        return _alone(constraint, fan_in)
    return together.bound([part for term in terms for part in term.parts(shape, fan_in)])


def _alone(term: Any, fan_in: Axes) -> Callable[[Array, Number | None], Array]:
    if isinstance(term, Constraint):
        project = unchecked(term.__call__)
        return lambda w, step: project(w, step=step, fan_in=fan_in)
    prox = unchecked(term.prox)
    return lambda w, step: w if step is None else prox(w, step, fan_in=fan_in)


def _ours(term: Any) -> bool:
    return type(term).__module__.startswith("taut.")
