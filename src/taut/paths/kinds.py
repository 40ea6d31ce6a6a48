"""The kinds of terms that a comparison tries, each with what it varies and what to say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taut import constraints, errors, layers, regularizers
from taut.model import Sequential

__all__ = ["KINDS", "Kind", "chosen", "with_dropout"]

NAMES = ("none", "l1", "l2", "l1l2", "groups", "bias", "activity", "max_norm", "box", "non_neg", "dropout")


@dataclass(frozen=True)
class Kind:
    """One kind of term.

    Attributes:
        name: what the table calls it.
        vary: from the paths of (kernels, biases, hidden activities) to the ``vary`` of `taut.path`; None if the network has
            no such parameters.
        says: what the term does; the beginning of the sentence.
        fits: when to use it; the end of the sentence.
        shown: how a strength is printed in the table: "L1(0.01)".
        numbers: fixed strengths; None if they are computed from the data.
    """

    name: str
    vary: Callable[[Sequence[str], Sequence[str], Sequence[str]], Mapping[str, Any] | None]
    says: str
    fits: str
    shown: Callable[[float], str]
    numbers: tuple[float, ...] | None = None


def _kernels(term: Any) -> Callable[..., Mapping[str, Any] | None]:
    return lambda kernels, biases, hidden: dict.fromkeys(["kernel"], term) if kernels else None


def _inputs(strength: float) -> Any:
    return regularizers.GroupLasso(strength, by="input")


def _box(reach: float) -> Any:
    return constraints.Box(-reach, reach)


def _elastic(strength: float) -> Any:
    return regularizers.L1L2(strength, strength)


KINDS: tuple[Kind, ...] = (
    Kind(
        "none",
        _kernels(lambda number: regularizers.L2(0.0)),
        "No term acts on the weights",
        "this is the baseline for the others",
        lambda number: "–",
        (0.0,),
    ),
    Kind(
        "l1",
        _kernels(regularizers.L1),
        "L1 on the kernels shrinks all weights by the same amount, so that useless ones become exactly 0",
        "use it to remove many weights or inputs",
        lambda number: f"L1({number:.3g})",
    ),
    Kind(
        "l2",
        _kernels(regularizers.L2),
        "L2 on the kernels shrinks weights in proportion to their size, so that none becomes exactly 0",
        "use it against noise, if every input carries a little information",
        lambda number: f"L2({number:.3g})",
    ),
    Kind(
        "l1l2",
        _kernels(_elastic),
        "L1L2 on the kernels makes weights exactly 0 as L1 does, and spreads weight over correlated inputs",
        "use it if many inputs are correlated",
        lambda number: f"L1L2({number:.3g}, {number:.3g})",
    ),
    Kind(
        "groups",
        lambda kernels, biases, hidden: {kernels[0]: _inputs} if kernels else None,
        "GroupLasso on the first kernel keeps or drops an input as a whole",
        "use it to find out which inputs matter",
        lambda number: f"GroupLasso({number:.3g}, by='input')",
    ),
    Kind(
        "bias",
        lambda kernels, biases, hidden: {"bias": regularizers.L2} if biases else None,
        "L2 on the biases shrinks them towards 0",
        "use it if an input of zeros should give an output of zeros",
        lambda number: f"L2({number:.3g})",
    ),
    Kind(
        "activity",
        lambda kernels, biases, hidden: dict.fromkeys(hidden, regularizers.L1) if hidden else None,
        "L1 on the activity makes the hidden outputs small and often 0",
        "use it if only a few units should be active for each row",
        lambda number: f"L1({number:.3g})",
    ),
    Kind(
        "max_norm",
        _kernels(constraints.MaxNorm),
        "MaxNorm bounds the norm of each unit's weights",
        "use it if training must stay stable at high learning rates or under noise",
        lambda number: f"MaxNorm({number:.3g})",
    ),
    Kind(
        "box",
        _kernels(_box),
        "Box keeps every weight between two values",
        "use it if the weights themselves are bounded, by hardware or by what they mean",
        lambda number: f"Box({-number:.3g}, {number:.3g})",
    ),
    Kind(
        "non_neg",
        _kernels(lambda number: constraints.NonNeg()),
        "NonNeg keeps every weight ≥ 0, so that no input can lower a unit's sum",
        "use it if parts add up, or the sign of an effect is known",
        lambda number: "NonNeg()",
        (0.0,),
    ),
    Kind(
        "dropout",
        lambda kernels, biases, hidden: {"kernel": lambda number: regularizers.L2(0.0)} if hidden else None,
        "Dropout leaves out a random share of the hidden units in each training step and acts on no weight",
        "use it in wide networks, with a term or instead of one",
        lambda number: f"Dropout({number:.3g})",
        (0.1, 0.25, 0.5),
    ),
)


def chosen(names: Any) -> tuple[Kind, ...]:
    """The kinds with these names, "none" always first; None for all.

    Raises:
        ValueError: an unknown name.
    """
    if names is None:
        return KINDS
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"kinds={errors.shown(names)}, expected a list of names, any of {', '.join(NAMES)}.")
    for name in names:
        if name not in NAMES:
            raise ValueError(errors.unknown("kind of term", name, NAMES))
    return tuple(kind for kind in KINDS if kind.name == "none" or kind.name in names)


def with_dropout(bare: Sequential, rate: float) -> Sequential:
    """``bare`` with dropout after each hidden layer that has weights."""
    hidden = [layer for layer in bare.layers if getattr(layer, "PARAMETERS", ())][:-1]
    stack: list[Any] = []
    for layer in bare.layers:
        stack.append(layer)
        if any(layer is one for one in hidden):
            stack.append(layers.Dropout(rate))
    model = Sequential(
        [layers.Input(bare.input_shape), *(layer for layer in stack if not isinstance(layer, layers.Input))]
    )
    assert bare.optimizer is not None and bare.loss is not None
    model.compile(bare.optimizer, bare.loss, list(bare.metrics), bare.terms)
    return model
