"""Values of options that are more than a word or a number: widths of layers, and terms."""

from __future__ import annotations

import re
from typing import Any

import click

from taut._language import TermError, build

__all__ = ["TermOption", "Widths", "terms_of"]

_LAYER = re.compile(r"\s*(\d+)\s*:")


class Widths(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]  # generic only in late versions of click
    """``64,32``: the hidden layers; ``none`` for a linear model."""

    name = "widths"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if value.strip().lower() in ("", "0", "none"):
            return ()
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() and int(part) > 0 for part in parts):
            self.fail(
                f"{value!r}: expected whole numbers above 0 with commas between them, such as 64,32",
                param,
                ctx,
            )
        return tuple(int(part) for part in parts)


class TermOption(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]  # generic only in late versions of click
    """A term in the little language of `taut._language`, for every layer or, as ``2:l1=0.1``, for one."""

    name = "term"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int | None, Any]:
        if isinstance(value, tuple):
            return value
        match = _LAYER.match(value)
        try:
            return (int(match[1]) if match else None), build(self.kind, value[match.end() :] if match else value)
        except TermError as error:
            self.fail(str(error), param, ctx)


_ROLES = (
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


def terms_of(layer: int, layers: int, options: dict[str, Any]) -> dict[str, Any]:
    """The term arguments of one layer, counted from 1: its own where given, else those for every layer."""
    chosen: dict[str, Any] = {}
    for role in _ROLES:
        flag = "'--" + role.replace("_", "-") + "'"
        places = [place for place, _ in options.get(role, ())]
        for place in places:
            if place is not None and not 1 <= place <= layers:
                message = f"there is no layer {place}: the network has {layers}, counted from 1"
                raise click.BadParameter(message, param_hint=flag)
            if places.count(place) > 1:
                which = "every layer" if place is None else f"layer {place}"
                sign = "+" if role.endswith("regularizer") else "&"
                raise click.BadParameter(f"given twice for {which}; join terms with {sign!r}", param_hint=flag)
        terms = dict(options.get(role, ()))
        everywhere = None if role.startswith("activity") and layer == layers > 1 else terms.get(None)
        chosen[role] = terms.get(layer, everywhere)
    return chosen
