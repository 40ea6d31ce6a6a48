"""Options that several commands share, and values that are more than a word or a number: widths and terms."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from taut._language import TermError, build

__all__ = [
    "TermOption",
    "Widths",
    "choosing_options",
    "held_out_option",
    "network_options",
    "table_argument",
    "table_options",
    "term_options",
    "terms_of",
    "training_options",
]

Command = Callable[..., Any]

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


# --- options that commands share --------------------------------------------------------------------------------------


def _all_of(*options: Command) -> Command:
    """One decorator for several options, in the order in which ``--help`` shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _term_option(role: str, kind: str, where: str) -> Command:
    return click.option(
        f"--{role}-{kind}",
        type=TermOption(kind),
        multiple=True,
        metavar="TERM",
        help=f"{kind.capitalize()} on {where}.",
    )


table_argument = click.argument("data", type=click.Path(path_type=Path))

table_options = _all_of(
    click.option("--target", "-t", required=True, metavar="COLUMN", help="The column to predict."),
    click.option(
        "--task",
        type=click.Choice(["classification", "regression"]),
        metavar="TASK",
        help="classification or regression. By default, read off the target.",
    ),
    click.option(
        "--drop",
        multiple=True,
        metavar="COLUMN",
        help="A column to leave out, such as an identifier. May be repeated.",
    ),
    click.option(
        "--max-levels",
        type=click.IntRange(1),
        metavar="N",
        default=50,
        show_default=True,
        help="The most levels of a text column with a feature each.",
    ),
    click.option("--separator", metavar="CHAR", help="Between the fields of a CSV. By default, read off its header."),
    click.option(
        "--seed",
        type=click.IntRange(0),
        metavar="N",
        help="Of the split, the weights and the order. By default drawn, and printed.",
    ),
)

network_options = _all_of(
    click.option(
        "--hidden",
        type=Widths(),
        default="64",
        show_default=True,
        metavar="WIDTHS",
        help="Units of the hidden layers: 64,32; none for a linear model.",
    ),
    click.option("--activation", metavar="NAME", default="relu", show_default=True, help="Of the hidden layers."),
)

term_options = _all_of(
    _term_option("kernel", "regularizer", "the kernel of every layer"),
    _term_option("bias", "regularizer", "the bias of every layer"),
    _term_option("activity", "regularizer", "the outputs of the hidden layers"),
    _term_option("kernel", "constraint", "the kernel of every layer"),
    _term_option("bias", "constraint", "the bias of every layer"),
)

training_options = _all_of(
    click.option(
        "--optimizer",
        metavar="NAME",
        default="adam",
        show_default=True,
        help="sgd, adam, adamw, rmsprop or adagrad.",
    ),
    click.option("--learning-rate", type=float, metavar="RATE", help="By default, the optimizer's own."),
    click.option("--batch-size", type=click.IntRange(1), metavar="N", default=32, show_default=True),
)


def held_out_option(share: float, text: str, *, low_open: bool) -> Command:
    """``--test-fraction``; ``low_open`` refuses 0."""
    return click.option(
        "--test-fraction",
        type=click.FloatRange(0, 1, min_open=low_open, max_open=True),
        metavar="SHARE",
        default=share,
        show_default=True,
        help=text,
    )


def choosing_options(*, strengths: int, folds: int, rule: str) -> Command:
    """How a strength is chosen, with these defaults."""

    def count(name: str, least: int, default: int) -> Command:
        return click.option(name, type=click.IntRange(least), metavar="N", default=default, show_default=True)

    return _all_of(
        count("--strengths", 1, strengths),
        count("--folds", 2, folds),
        count("--seeds", 1, 1),
        click.option(
            "--rule",
            type=click.Choice(["max", "one_se"]),
            metavar="RULE",
            default=rule,
            show_default=True,
            help="max: the best mean score. one_se: the simplest within one standard error of it.",
        ),
    )
