"""What a row of the table contains, where rows are stored, and which row a module has.

The key of a row is the public name of a class ("keras.layers.Conv2D"), or the class itself for a user's own class.
Reading the rows imports no library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

from taut.layouts._axes import read

WAYS = ("mix", "entry", "flatten", "select")
FORWARD = ("call", "forward", "__call__", "before_activation", "convolution_op", "_conv_forward")
"""Methods that compute a layer's output. A class that defines its own may use its arrays in another way."""


@dataclass(frozen=True)
class Array:
    """One array of a layer kind.

    Args:
        role: "kernel", "recurrent_kernel", "bias", "scale", "embedding", ...; "query/kernel" where there are several.
        axes: what its axes count, in order (`taut.layouts`).
        at: where the module stores it, if that is not its name: "cell.kernel".
    """

    role: str
    axes: str
    at: str | None = None

    def __post_init__(self) -> None:
        read(self.axes)


@dataclass(frozen=True)
class Flow:
    """How features pass through a layer.

    Args:
        way: "mix", an output sums over all inputs; "entry", output i depends on input i only; "flatten", a row becomes
            one vector; "select", some entries of a row.
        sizes: constructor arguments that count features: ``{"units": "out"}``.
        shift: the array that can absorb the effect of a constant input, "bias"; None if there is none.
        activation: the attribute with the activation that is applied last; with a softmax, outputs depend on each
            other.
        tied: inputs and outputs are the same features, as in x + f(x).
        computes: what it computes before the activation, if it is one of "same" (its input, in inference mode) and
            "affine" (x · kernel + bias).

    Raises:
        ValueError: another way, or a size that counts neither "in" nor "out".
    """

    way: str
    sizes: Mapping[str, str] = field(default_factory=dict[str, str])
    shift: str | None = None
    activation: str | None = None
    tied: bool = False
    computes: str = ""

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f"Flow(way={self.way!r}): expected one of {', '.join(map(repr, WAYS))}.")
        wrong = [label for label in self.sizes.values() if label not in ("in", "out")]
        if wrong:
            raise ValueError(f"Flow(sizes={dict(self.sizes)}): {wrong[0]!r}, expected 'in' or 'out'.")


Arrays: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Row:
    """One layer kind.

    Args:
        arrays: by name in the library's own spelling; a name that ends in * stands for all names with that beginning. A
            function of the module if they depend on the constructor's arguments.
        flow: how features pass through; None if that is not declared, and then nothing is removed.
        takes: the axes of one row of input, "... in", or a function of the module; "" if it is not declared.
        children: attributes with inner layers, whose arrays count as this layer's under "attribute/name".
        refuse: the reason why the layout is not known, and what to do, for a kind that is in the table only for this
            message.
    """

    arrays: Arrays | Callable[[Any], Arrays] = field(default_factory=dict[str, Array])
    flow: Flow | None = None
    takes: str | Callable[[Any], str] = ""
    children: tuple[str, ...] = ()
    refuse: str = ""


# Where each library's classes are defined, the prefix of their public names, and the file with their rows.
HOMES: tuple[tuple[str, str, str], ...] = (
    ("taut.layers", "taut.layers", "_taut"),
    ("keras.src.layers", "keras.layers", "_keras"),
    ("flax.nnx", "flax.nnx", "_flax_nnx"),
    ("flax.linen", "flax.linen", "_flax_linen"),
    ("equinox.nn", "equinox.nn", "_equinox"),
    ("torch.nn.modules", "torch.nn", "_torch"),
)

# Classes whose public name is different.
RENAMED = {"keras.layers.GroupedQueryAttention": "keras.layers.GroupQueryAttention"}

_declared: dict[type, Row] = {}


def declare(kind: type, row: Row) -> None:
    _declared[kind] = row


@lru_cache(maxsize=1)
def table() -> dict[str, Row]:
    """All rows of the libraries, by qualified class name."""
    rows: dict[str, Row] = {}
    for _, prefix, file in HOMES:
        own: dict[str, Row] = import_module(f"taut.layouts.{file}").ROWS
        rows |= {f"{prefix}.{name}": row for name, row in own.items()}
    return rows


def name_of(kind: type) -> str:
    """The qualified name of a class, as users write it if its library is in the table."""
    for home, prefix, _ in HOMES:
        if kind.__module__ == home or kind.__module__.startswith(f"{home}."):
            name = f"{prefix}.{kind.__name__}"
            return RENAMED.get(name, name)
    return f"{kind.__module__}.{kind.__qualname__}"


def find(module: Any) -> tuple[str, Row | None, str]:
    """(the kind's name, its row or None, why there is none).

    A subclass has the row of its base class unless it, or a class between them, computes its output with its own
    method.
    """
    kind = type(module)
    override = _own_forward(vars(module) if hasattr(module, "__dict__") else {}, "this one object")
    for cls in kind.__mro__:
        row = _declared.get(cls) or table().get(name_of(cls))
        if row is not None and not override:
            return name_of(cls), None if row.refuse else row, row.refuse
        if row is not None:
            return (
                name_of(kind),
                None,
                (
                    f"{override} in place of {name_of(cls)}'s, so it may use its arrays in another way. "
                    f"Declare what their axes count with taut.layouts.layout."
                ),
            )
        override = override or _own_forward(vars(cls), cls.__name__)
    return (
        name_of(kind),
        None,
        (
            f"no layout is declared for {name_of(kind)}. Declare what the axes of its arrays count with "
            "taut.layouts.layout."
        ),
    )


def _own_forward(names: Mapping[str, Any], owner: str) -> str:
    own = next((f for f in FORWARD if f in names), None)
    return f"{owner} has a {own} of its own" if own else ""
