"""`taut fit`: a table, a target and some terms in; a model file and an honest score out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from taut.cli._command import Command, check_out, heading, note
from taut.cli._options import TermOption, Widths, terms_of
from taut.cli._scores import guess, score, show
from taut.cli._training import record, training_line
from taut.tables import TableSchema, Target, hold_out, read_table

__all__ = ["fit"]

EXAMPLES = """
\b
Examples:
  taut fit wine.csv --target quality
  taut fit wine.csv --target quality --hidden 64,32 --kernel-regularizer l1=0.001
  taut fit sales.parquet --target amount --task regression --kernel-constraint non_neg
  taut fit genes.csv --target cell --kernel-regularizer "1:group_lasso(0.01, by=input)"

\b
Terms (put quotes around them: ( and & mean something to the shell):
  l1=0.001                        a regularizer and its strength
  l1l2(l1=0.01, l2=0.1)           its arguments by name
  l1=0.001+l2=0.01                a sum of regularizers
  l2=0.01@decoupled               in a mode: gradient, proximal or decoupled
  max_norm=2                      a constraint: the norm of each unit's weights is at most 2
  box(low=-1, high=1)             every weight between -1 and 1
  "non_neg&max_norm=2"            an intersection of constraints
  1:l1=0.001                      on the first layer alone; repeat the option for others

\b
Columns: numbers have missing values filled with the median and are standardised; text, and true
and false, become one feature a level. Empty cells, NA, NaN, null, None and ? are missing values.
The task is classification if the target is text, or whole numbers of at most 20 values with five
rows or more each; otherwise regression.
"""


def _term_option(role: str, kind: str, where: str) -> Any:
    return click.option(
        f"--{role}-{kind}",
        type=TermOption(kind),
        multiple=True,
        metavar="TERM",
        help=f"{kind.capitalize()} on {where}.",
    )


SECTIONS = {
    "The table": ("target", "task", "drop", "max_levels", "separator"),
    "The network": ("hidden", "activation"),
    "Terms": (
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ),
    "Training": ("optimizer", "learning_rate", "epochs", "batch_size", "settle", "test_fraction", "seed"),
    "The result": ("out",),
}


@click.command(
    cls=Command,
    short_help="Train a network on a table, save it, and score it on held-out rows.",
    epilog=EXAMPLES,
    sections=SECTIONS,
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", "-t", required=True, metavar="COLUMN", help="The column to predict.")
@click.option(
    "--out",
    "-o",
    default="model.taut",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The model file; replaced whole, or not at all.",
)
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    metavar="TASK",
    help="classification or regression. By default, read off the target.",
)
@click.option(
    "--drop",
    multiple=True,
    metavar="COLUMN",
    help="A column to leave out, such as an identifier. May be repeated.",
)
@click.option(
    "--hidden",
    type=Widths(),
    default="64",
    show_default=True,
    metavar="WIDTHS",
    help="Units of the hidden layers: 64,32; none for a linear model.",
)
@click.option("--activation", metavar="NAME", default="relu", show_default=True, help="Of the hidden layers.")
@_term_option("kernel", "regularizer", "the kernel of every layer")
@_term_option("bias", "regularizer", "the bias of every layer")
@_term_option("activity", "regularizer", "the outputs of the hidden layers")
@_term_option("kernel", "constraint", "the kernel of every layer")
@_term_option("bias", "constraint", "the bias of every layer")
@click.option(
    "--optimizer",
    metavar="NAME",
    default="adam",
    show_default=True,
    help="sgd, adam, adamw, rmsprop or adagrad.",
)
@click.option("--learning-rate", type=float, metavar="RATE", help="By default, the optimizer's own.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", default=100, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), metavar="N", default=32, show_default=True)
@click.option(
    "--settle",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    help="Full-batch proximal steps at the end, to settle which weights are zero.",
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    default=0.2,
    show_default=True,
    help="Rows held out for the score; 0 trains on all.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Of the split, the weights and the order. By default drawn, and printed.",
)
@click.option(
    "--max-levels",
    type=click.IntRange(1),
    metavar="N",
    default=50,
    show_default=True,
    help="The most levels of a text column with a feature each.",
)
@click.option("--separator", metavar="CHAR", help="Between the fields of a CSV. By default, read off its header.")
def fit(
    data: Path,
    target: str,
    out: Path,
    task: Any,
    drop: tuple[str, ...],
    seed: int | None,
    test_fraction: float,
    max_levels: int,
    separator: str | None,
    **options: Any,
) -> None:
    """Train a network on a table, CSV or Parquet, and save it with all it needs to predict.

    A part of the rows is held out, never trained on, and scored beside the best constant guess.
    """
    check_out(out, data)
    notes: list[str] = []
    table = read_table(data, separator)
    for name in drop:
        table = table.dropping(name)
    aim = Target.infer(table, target, task)
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    y = aim.encode(table)
    train, test = hold_out(aim, y, test_fraction, seed)
    schema = TableSchema.fit(table.take(train), aim, max_levels=max_levels, notes=notes)
    aim = schema.target or aim
    x = schema.transform(table, notes)

    click.secho(f"{table.source}", bold=True, nl=False)
    click.echo(f": {table.height} rows, {len(table.columns)} columns")
    click.echo(_about(aim))
    click.echo(schema.describe())
    for text in (*table.notes, *notes):
        note(text)

    model = _model(x.shape[1], aim, seed, **options)
    heading("Terms")
    click.echo(str(model.plan))

    heading("Training")
    started = time.perf_counter()
    fitted = model.fit(
        x[train],
        y[train] if aim.task == "classification" else aim.scale(y[train])[:, None],
        batch_size=options["batch_size"],
        epochs=options["epochs"],
        settle=options["settle"],
        verbose=1 if sys.stderr.isatty() else 0,
    )
    seconds = time.perf_counter() - started
    training = record(fitted, aim, seed, len(train), options)
    click.echo(training_line(training) + f"   {seconds:.1f} s, seed {seed}")

    result = None
    if len(test):
        heading("Held out")
        result = score(aim, model.predict(x[test]), y[test], guess(aim, y[train]))
        click.echo(f"{len(test)} rows that training never saw")
        click.echo(show(aim, result))
    else:
        note("no rows were held out, so there is no honest score; --test-fraction 0.2 holds out a fifth")

    existed = out.exists()
    model.metadata["table"] = schema.to_dict()
    model.metadata["training"] = {**training, "score": result}
    model.save(out)
    click.echo()
    click.secho(f"Saved {out}", bold=True, nl=False)
    click.echo(f" ({out.stat().st_size / 1000:.0f} kB{', in place of the one that was there' if existed else ''})")
    click.echo(f"  taut predict {out} NEW.csv     its predictions for other rows")
    click.echo(f"  taut report {out}              what the terms did to its weights")


def _about(aim: Target) -> str:
    if aim.task == "classification":
        labels = ", ".join(str(label) for label in aim.labels[:8])
        more = f" and {len(aim.labels) - 8} more" if len(aim.labels) > 8 else ""
        return f"classification of {aim.name!r} ({aim.why}): {len(aim.labels)} classes, {labels}{more}"
    return f"regression of {aim.name!r} ({aim.why}): mean {aim.mean:.4g}, standard deviation {aim.std:.4g}"


def _model(inputs: int, aim: Target, seed: int, *, hidden: tuple[int, ...], activation: str, **options: Any) -> Any:
    import taut

    taut.utils.set_random_seed(seed)
    last = "softmax" if aim.task == "classification" else None
    widths = (*hidden, aim.outputs)
    terms = [terms_of(i, len(widths), options) for i in range(1, len(widths) + 1)]
    layers: list[Any] = [taut.Input((inputs,))]
    for width, own in zip(widths[:-1], terms, strict=False):
        layers.append(taut.layers.Dense(width, activation=activation, **own))
    layers.append(taut.layers.Dense(widths[-1], activation=last, **terms[-1]))
    model = taut.Sequential(layers)
    try:
        model.compile(
            optimizer=_optimizer(options["optimizer"], options["learning_rate"]),
            loss="sparse_categorical_crossentropy" if aim.task == "classification" else "mse",
            metrics=["accuracy"] if aim.task == "classification" else [],
        )
    except ValueError as error:
        if '.acting("gradient")' in str(error):  # the same way out, in the words of a shell
            raise ValueError(f'{error} Here: --kernel-regularizer "...@gradient".') from None
        raise
    return model


def _optimizer(name: str, learning_rate: float | None) -> Any:
    from taut import optimizers

    config = {} if learning_rate is None else {"learning_rate": learning_rate}
    try:
        return optimizers.get({"class_name": name, "config": config})
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="'--optimizer'") from None
