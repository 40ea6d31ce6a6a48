"""`taut fit`: a table, a target and some terms in; a model file and an honest score out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from taut.cli._command import Command, check_model_out, heading, keep, note
from taut.cli._network import network, rows_of
from taut.cli._options import (
    epochs_option,
    held_out_option,
    network_options,
    table_argument,
    table_options,
    term_options,
    training_options,
)
from taut.cli._scores import guess, held_out
from taut.cli._training import record, train, training_line

__all__ = ["fit"]

EXAMPLES = """
\b
Examples:
  taut fit wine.csv --target quality
  taut fit wine.csv --target quality --hidden 64,32 --kernel-regularizer l1=0.001
  taut fit sales.parquet --target amount --task regression --kernel-constraint non_neg
  taut fit genes.csv --target cell --kernel-regularizer "1:group_lasso(0.01, by=input)"

\b
Terms (put quotes around them, because ( and & are special characters of the shell):
  l1=0.001                        a regularizer and its strength
  l1l2(l1=0.01, l2=0.1)           its arguments by name
  l1=0.001+l2=0.01                a sum of regularizers
  l2=0.01@decoupled               with a mode: gradient, proximal or decoupled
  max_norm=2                      a constraint: the norm of each unit's weights is at most 2
  box(low=-1, high=1)             every weight between -1 and 1
  "non_neg&max_norm=2"            an intersection of constraints
  1:l1=0.001                      only for the first layer; repeat the option for other layers

\b
Columns: in columns of numbers, missing values are replaced by the median, and the numbers are
standardized. Text and true/false values become one feature per value. Empty cells, NA, NaN, null,
None and ? are missing values. Numbers may be written like 1,234.50 or 1.234,50, $5 or 10.5%.
The task is classification if the target is text, 0 and 1, or whole numbers with at most 20 different
values and at least five rows per value on average; otherwise it is regression.

\b
Ctrl-C ends the training early: the model is measured and saved as it is after the last full epoch.
"""


SECTIONS = {
    "The table": ("target", "task", "drop", "max_levels", "separator", "decimal"),
    "The network": ("hidden", "activation"),
    "Terms": (
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ),
    "Training": (
        *("optimizer", "learning_rate", "epochs", "batch_size", "class_weight", "settle"),
        *("test_fraction", "seed"),
    ),
    "The result": ("out",),
}


@click.command(
    cls=Command,
    short_help="Train a network on a table, test it on held-out rows, and save it.",
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
    help="File to save the model to. An existing file is replaced only when the new one is complete.",
)
@table_options
@network_options
@term_options
@training_options
@epochs_option(100)
@click.option(
    "--settle",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    show_default=True,
    help="Number of full-batch proximal steps after the last epoch. They find which weights are exactly zero.",
)
@held_out_option(0.2, "Share of the rows that is held out to test the model; 0 trains on all rows.", low_open=False)
def fit(data: Path, target: str, out: Path, **options: Any) -> None:
    """Train a network on a table (CSV or Parquet) and save it.

    Part of the rows is held out: it is not used for training, and the model is tested on it. The score
    is shown beside that of the best constant prediction. The file holds all that taut predict needs.
    """
    check_model_out(out, data)
    rows = rows_of(data, target, **options)
    aim, x, y, seed = rows.target, rows.x, rows.y, rows.seed
    weights = rows.class_weight(options["class_weight"])
    rows.introduce()

    model = network(rows, **options)
    heading("Terms")
    click.echo(str(model.plan))

    heading("Training")
    started = time.perf_counter()
    fitted, interrupted = train(
        model,
        x[rows.train],
        rows.labels(rows.train),
        options["epochs"],
        batch_size=min(options["batch_size"], len(rows.train)),
        class_weight=weights,
        settle=options["settle"],
        verbose=1 if sys.stderr.isatty() else 0,
    )
    seconds = time.perf_counter() - started
    training = record(fitted, aim, seed, len(rows.train), options)
    click.echo(training_line(training) + f"   {seconds:.1f} s, seed {seed}")
    if interrupted:
        note(f"interrupted after {len(fitted.epoch)} of {options['epochs']} epochs; the model is saved as it is now")

    baseline = guess(aim, y[rows.train])
    result = held_out(model, rows, baseline, "not used for training")
    existed = out.exists()
    model.metadata["table"] = rows.schema.to_dict()
    model.metadata["columns"] = list(rows.schema.feature_names)  # by which taut.compact names the inputs it keeps
    named = None if weights is None else {str(aim.labels[i]): weight for i, weight in weights.items()}
    model.metadata["training"] = {**training, "class_weight": named, "baseline": baseline, "score": result}
    saved, wanted = keep(out, model.save, data)
    click.echo()
    click.secho(f"Saved {saved}", bold=True, nl=False)
    click.echo(
        f" ({saved.stat().st_size / 1000:.0f} kB{', replacing an older file' if existed and saved == out else ''})"
    )
    click.echo(f"  taut predict {saved} NEW.csv     predict for other rows")
    click.echo(f"  taut report {saved}              show what the terms did to the weights")
    if not wanted:
        raise click.exceptions.Exit(1)
