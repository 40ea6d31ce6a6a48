"""`taut fit`: a table, a target and some terms in; a model file and an honest score out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from taut.cli._command import Command, check_out, heading, note
from taut.cli._network import network, rows_of
from taut.cli._options import (
    held_out_option,
    network_options,
    table_argument,
    table_options,
    term_options,
    training_options,
)
from taut.cli._scores import guess, score, show
from taut.cli._training import record, training_line

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
@table_argument
@click.option(
    "--out",
    "-o",
    default="model.taut",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The model file; replaced whole, or not at all.",
)
@table_options
@network_options
@term_options
@training_options
@click.option("--epochs", type=click.IntRange(1), metavar="N", default=100, show_default=True)
@click.option(
    "--settle",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    help="Full-batch proximal steps at the end, to settle which weights are zero.",
)
@held_out_option(0.2, "Rows held out for the score; 0 trains on all.", low_open=False)
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
    rows = rows_of(data, target, task, drop, seed, test_fraction, max_levels, separator)
    aim, x, y, train, test, seed = rows.target, rows.x, rows.y, rows.train, rows.test, rows.seed
    rows.introduce()

    model = network(x.shape[1], aim, seed, **options)
    heading("Terms")
    click.echo(str(model.plan))

    heading("Training")
    started = time.perf_counter()
    fitted = model.fit(
        x[train],
        rows.labels(train),
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
    model.metadata["table"] = rows.schema.to_dict()
    model.metadata["columns"] = list(rows.schema.feature_names)  # by which taut.compact names the inputs it keeps
    model.metadata["training"] = {**training, "score": result}
    model.save(out)
    click.echo()
    click.secho(f"Saved {out}", bold=True, nl=False)
    click.echo(f" ({out.stat().st_size / 1000:.0f} kB{', in place of the one that was there' if existed else ''})")
    click.echo(f"  taut predict {out} NEW.csv     its predictions for other rows")
    click.echo(f"  taut report {out}              what the terms did to its weights")
