"""The layout of a real layer: the table's row, fitted to its arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from taut.layouts import _derived
from taut.layouts._axes import Axes, fit, likely, read, show
from taut.layouts._derived import Block
from taut.layouts._rows import Array, Arrays, Flow, Row, declare, find

Kind = TypeVar("Kind", bound=type)


@dataclass(frozen=True)
class Parameter:
    """One array of a layer: its role, what its axes count, and what follows from that."""

    name: str
    role: str
    shape: tuple[int, ...]
    axes: Axes
    value: Any = field(default=None, repr=False, compare=False)
    """The library's own variable, parameter or array, if the layer stores it."""

    def __str__(self) -> str:
        return f"{self.name}: {self.role} {self.shape}, axes {show(self.axes)}"

    @cached_property
    def fan_in(self) -> tuple[int, ...]:
        """The axes that run over one unit's weights, which the terms take; all axes of a bias or a scale, as in Keras.

        It also says what one input's weights are, so that ``GroupLasso(by="input")`` is right for PyTorch's layout and
        for grouped and depthwise kernels.

        Raises:
            ValueError: one unit's weights are not whole axes (a grouped transposed convolution in PyTorch); the message
                says what to do.
        """
        try:
            return _derived.fan_in_of_terms(self.axes)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    @property
    def unpacked_shape(self) -> tuple[int, ...]:
        """The shape with one axis for each factor; after this reshape every group is a set of whole axes."""
        return _derived.unpacked_shape(self.axes)

    @property
    def unpacked_fan_in(self) -> tuple[int, ...]:
        """The axes of the unpacked array that run over one unit's weights."""
        return _derived.unpacked_fan_in(self.axes)

    def groups(self, by: str = "unit") -> np.ndarray:
        """The number of each entry's group, in the shape of the array: "unit", "input", or "filter".

        Use it for ``GroupLasso(by="entry", groups=...)``: it is right for grouped, depthwise, transposed and packed
        kernels.
        """
        try:
            return _derived.groups(self.axes, by)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """An index for each matrix in the array (gates, heads, groups); the whole array if there is only one."""
        return _derived.blocks(self.axes)

    @property
    def fans(self) -> tuple[int, int]:
        """(fan in, fan out) of Glorot's and He's initial weights."""
        return _derived.fans(self.axes)

    @property
    def keras_axis(self) -> int | list[int]:
        """The ``axis`` to give Keras, so that its norms are those of one unit."""
        return _derived.keras_axis(self.axes)

    @property
    def keras_default(self) -> tuple[str, ...]:
        """What Keras's default ``axis=0`` sums over."""
        return _derived.keras_default(self.axes)

    @property
    def features(self) -> tuple[str | None, ...]:
        """For each axis the features that can be removed from it: "in", "out", "out*4", or None."""
        return _derived.features(self.axes)

    @property
    def inputs(self) -> int | None:
        """The number of input features, if it follows from the array."""
        return _derived.inputs(self.axes)


class Layout(Mapping[str, Parameter]):
    """The layout of one layer: its arrays by name, and how features flow through it.

    If no layout is declared for the kind of layer, ``known`` is False, ``reason`` says why, and there are no arrays.
    """

    def __init__(
        self,
        kind: str,
        parameters: Mapping[str, Parameter],
        row: Row | None = None,
        reason: str = "",
        takes: str = "",
    ) -> None:
        self.kind = kind
        self.reason = reason
        self.known = row is not None
        self.flow: Flow | None = row.flow if row else None
        self.takes = takes
        self._parameters = dict(parameters)

    def __getitem__(self, name: str) -> Parameter:
        if name not in self._parameters:
            has = f"It has {', '.join(self)}." if self._parameters else self.reason or "It has no arrays (yet)."
            raise KeyError(f"{self.kind} has no array {name!r}. {has}")
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __repr__(self) -> str:
        lines = "".join(f"\n  {parameter}" for parameter in self.values())
        return f"{self.kind}{'' if self.known else f': unknown, {self.reason}'}{lines}"

    @property
    def inputs(self) -> int | None:
        """The number of features of an input row, if it follows from an array."""
        return next((p.inputs for p in self.values() if p.inputs is not None), None)

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Why the layer cannot take rows of ``shape`` (without the batch axis), or None."""
        if not self.takes:
            return None
        words = self.takes.split()
        window = sum(f.name == "window" for f in _derived.factors(next(iter(self.values())).axes)) if self else None
        if "window*" in words and window is not None:
            at = words.index("window*")
            words[at : at + 1] = ["window"] * window
        free = "..." in words or "window*" in words
        expected = " ".join(words) + (f", in = {self.inputs}" if self.inputs is not None else "")
        at = words.index("in") if "in" in words else None
        fits = len(shape) >= len(words) - 1 if free else len(shape) == len(words)
        if fits and at is not None and self.inputs is not None:
            fits = (
                shape[at if "..." not in words[:at] and "window*" not in words[:at] else at - len(words)] == self.inputs
            )
        return None if fits else f"it takes rows of shape ({expected}), and these have shape {shape}"


def of(module: Any, arrays: Mapping[str, Any] | None = None) -> Layout:
    """The arrays of one layer: for each name the role, the axes, the fan-in, and what follows from them.

    Args:
        module: a layer of Keras, PyTorch, Flax or Equinox, one of taut's, or of a class declared with
            `layout`. An array alone does not tell its layout: a kernel is (out, in) in PyTorch and (in, out) in Keras.
        arrays: arrays, or shapes, by name, if the module does not store them: Flax Linen's ``variables["params"]``.

    Returns:
        the arrays under their names in the library's own spelling ("weight_ih_l0", "recurrent_kernel", "gamma"), those
        of inner layers as "query/kernel" or "out_proj.weight". There are none for an unknown kind of layer, and for a
        subclass that computes its output with its own method; ``reason`` says why.

    Raises:
        TypeError: an array instead of a layer.
        ValueError: an array whose shape does not have the declared axes.
    """
    if isinstance(module, np.ndarray) or (hasattr(module, "shape") and hasattr(module, "ndim")):
        raise TypeError(
            f"taut.layouts.of takes a layer, not an array of shape {tuple(module.shape)}: an array alone does not "
            "tell its layout. Give the layer that it belongs to, or give the term an axis."
        )
    kind, row, reason = find(module)
    if row is None:
        return Layout(kind, {}, None, reason)
    given = None if arrays is None else dict(_flat(arrays))
    declared = row.arrays(module) if callable(row.arrays) else row.arrays
    found: dict[str, Parameter] = {}
    for name, array in _named(declared, module, given):
        value = given.get(name) if given is not None else _get(module, array.at or name)
        if value is None:
            continue
        shape = tuple(int(n) for n in getattr(value, "shape", value))
        try:
            axes = fit(read(array.axes), shape, module)
        except ValueError as error:
            raise ValueError(f"{kind}, array {name!r}: {error}") from None
        found[name] = Parameter(name, array.role, shape, axes, value)
    for child in row.children:
        inner = getattr(module, child, None)
        if inner is not None:
            found |= {name: replace(p, name=name) for n, p in of(inner).items() for name in [f"{child}/{n}"]}
    takes = row.takes(module) if callable(row.takes) else row.takes
    return Layout(kind, found, row, takes=takes)


def _flat(arrays: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _named(declared: Arrays, module: Any, given: Mapping[str, Any] | None) -> Iterator[tuple[str, Array]]:
    """The declared arrays; a name with a * is repeated for each matching name of the module."""
    for name, array in declared.items():
        if not name.endswith("*"):
            yield name, array
            continue
        names = given if given is not None else getattr(module, "_parameters", None) or vars(module)
        yield from ((n, array) for n in names if n.startswith(name[:-1]))


def _get(module: Any, where: str) -> Any:
    """The object at "query.kernel" or "query/kernel"; None if it does not exist, or not yet."""
    for attribute in where.replace("/", ".").split("."):
        module = getattr(module, attribute, None)
    return module if hasattr(module, "shape") else None


def fans(axes: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan in, fan out) of an array of ``shape`` with these axes.

    >>> fans("window* in out", (3, 3, 8, 16))
    (72, 144)
    """
    return _derived.fans(fit(read(axes), shape))


def main_fan_in(layer: Any) -> tuple[int, ...] | None:
    """The fan-in of a layer's first array (kernel or table), also before it is built; None if it is not known."""
    layout = of(layer)
    if layout:
        return next(iter(layout.values())).fan_in
    _, row, _ = find(layer)
    arrays = (row.arrays(layer) if callable(row.arrays) else row.arrays) if row else {}
    if not arrays:
        return None
    return _derived.fan_in_of_terms(likely(read(next(iter(arrays.values())).axes), getattr(layer, "rank", 0), layer))


def layout(
    arrays: Mapping[str, tuple[str, str]],
    *,
    way: str | None = None,
    sizes: Mapping[str, str] | None = None,
    shift: str | None = None,
    activation: str | None = None,
    tied: bool = False,
    takes: str = "",
) -> Callable[[Kind], Kind]:
    """Declare the layout of a layer class of your own.

    Args:
        arrays: by the attribute's name, (role, axes): ``{"w": ("kernel", "in out"), "b": ("bias", "out")}``.
        way, sizes, shift, activation, tied: how features pass through it, for ``taut.compact``; see `Flow`.
        takes: the axes of one row of input: "... in".

    A subclass inherits the layout, unless it computes its output with its own method.

    Raises:
        TypeError: an array that is not described by two strings.
        ValueError: axes that cannot be parsed.

    >>> @layout({"w": ("kernel", "out in"), "b": ("bias", "out")})
    ... class Mine:
    ...     w, b = np.zeros((3, 4)), np.zeros(3)
    >>> of(Mine())["w"].fan_in
    (1,)
    """
    row_arrays: dict[str, Array] = {}
    for name, described in arrays.items():
        pair = tuple(described) if isinstance(described, tuple | list) else ()
        if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise TypeError(f'layout: {name!r} is {described!r}, expected (role, axes), such as ("kernel", "in out").')
        row_arrays[name] = Array(*pair)
    flow = None if way is None else Flow(way, dict(sizes or {}), shift, activation, tied)

    def declared(kind: Kind) -> Kind:
        if not isinstance(kind, type):
            raise TypeError(f"layout declares a class, not {kind!r}.")
        declare(kind, Row(row_arrays, flow, takes))
        return kind

    return declared
