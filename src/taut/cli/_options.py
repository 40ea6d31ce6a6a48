"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from taut.cli._values import TermOption, Widths

__all__ = [
    "choosing_options",
    "decimal_option",
    "epochs_option",
    "file_option",
    "held_out_option",
    "metric_of",
    "network_options",
    "separator_option",
    "table_argument",
    "table_options",
    "term_options",
    "training_options",
]

Command = Callable[..., Any]

METRICS = {"classification": ("accuracy", "log_loss"), "regression": ("mse", "mae")}
DEFAULT_METRIC = {"classification": "log_loss", "regression": "mse"}


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
        help=f"{kind.capitalize()} for {where}.",
    )


table_argument = click.argument("data", type=click.Path(path_type=Path))

separator_option = click.option(
    "--separator",
    metavar="CHAR",
    help="Character between the fields of a CSV file (default: found from the header line).",
)


def decimal_option(default: str) -> Command:
    return click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        metavar="SIGN",
        help=f"Decimal sign of a CSV file, '.' or ',' (default: {default}).",
    )


table_options = _all_of(
    click.option("--target", "-t", required=True, metavar="COLUMN", help="Column to predict."),
    click.option(
        "--task",
        type=click.Choice(["classification", "regression"]),
        metavar="TASK",
        help="classification or regression (default: found from the values of the target).",
    ),
    click.option(
        "--drop",
        multiple=True,
        metavar="COLUMN",
        help="Column to leave out, for example an identifier. Can be repeated.",
    ),
    click.option(
        "--max-levels",
        type=click.IntRange(1),
        metavar="N",
        default=50,
        show_default=True,
        help="Largest number of features made of one text column. The most frequent values get one feature each, the "
        "others share one.",
    ),
    separator_option,
    decimal_option("found for each column"),
    click.option(
        "--seed",
        type=click.IntRange(0),
        metavar="N",
        help="Random seed for the split, initial weights and shuffling (random, and printed, if not given).",
    ),
)

network_options = _all_of(
    click.option(
        "--hidden",
        type=Widths(),
        default="64",
        show_default=True,
        metavar="WIDTHS",
        help="Number of units of each hidden layer, for example 64,32; none for a linear model.",
    ),
    click.option(
        "--activation",
        metavar="NAME",
        default="relu",
        show_default=True,
        help="Activation function of the hidden layers.",
    ),
)

term_options = _all_of(
    _term_option("kernel", "regularizer", "the kernel (weight matrix) of every layer"),
    _term_option("bias", "regularizer", "the bias of every layer"),
    _term_option("activity", "regularizer", "the outputs of the hidden layers"),
    _term_option("kernel", "constraint", "the kernel (weight matrix) of every layer"),
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
    click.option("--learning-rate", type=float, metavar="RATE", help="Learning rate (default: the optimizer's own)."),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        metavar="N",
        default=32,
        show_default=True,
        help="Number of rows in one training step. A table with fewer rows is one batch.",
    ),
    click.option(
        "--class-weight",
        "class_weight",
        multiple=True,
        metavar="LABEL=W",
        help="Weight of the rows of one class in training, for example rare=10; other classes have weight 1. Can be "
        "repeated. balanced gives each class the same total weight.",
    ),
)


def epochs_option(default: int) -> Command:
    return click.option(
        "--epochs",
        type=click.IntRange(1),
        metavar="N",
        default=default,
        show_default=True,
        help="Number of passes over the training rows.",
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


def file_option(name: str, text: str) -> Command:
    return click.option(name, type=click.Path(path_type=Path), metavar="FILE", help=text)


def choosing_options(*, strengths: int, folds: int, rule: str) -> Command:
    """How a strength is chosen, with these defaults."""

    def count(name: str, least: int, default: int, text: str) -> Command:
        kind = click.IntRange(least)
        return click.option(name, type=kind, metavar="N", default=default, show_default=True, help=text)

    return _all_of(
        count("--strengths", 1, strengths, "Number of strengths to try, from the largest useful one downwards."),
        count("--folds", 2, folds, "Number of folds of the training rows for cross-validation."),
        count("--seeds", 1, 1, "Number of random seeds to train every network with; their scores are averaged."),
        click.option(
            "--metric",
            type=click.Choice([*METRICS["classification"], *METRICS["regression"]]),
            metavar="METRIC",
            help="Score by which strengths are chosen: accuracy or log_loss for classification, mse or mae for "
            "regression (default: log_loss or mse).",
        ),
        click.option(
            "--rule",
            type=click.Choice(["max", "one_se"]),
            metavar="RULE",
            default=rule,
            show_default=True,
            help="max: the strength with the best mean score. one_se: the simplest model whose mean score is within one "
            "standard error of the best.",
        ),
    )


def metric_of(task: str, metric: str | None) -> str:
    """The score to choose by.

    Raises:
        click.BadParameter: it is one of the other task.
    """
    if metric is None:
        return DEFAULT_METRIC[task]
    if metric not in METRICS[task]:
        message = f"{metric} is not a score of {task}; expected {' or '.join(METRICS[task])}."
        raise click.BadParameter(message, param_hint="'--metric'")
    return metric
