"""`taut compare`: which kind of term is best for a table, each with its own best strength."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import click

from taut.cli._command import Command, check_out, heading, note, replace_file, write_files
from taut.cli._network import network, rows_of
from taut.cli._options import (
    choosing_options,
    epochs_option,
    file_option,
    held_out_option,
    metric_of,
    network_options,
    table_argument,
    table_options,
    training_options,
)

__all__ = ["compare"]

EXAMPLES = """
\b
Examples:
  taut compare wine.csv --target quality
  taut compare wine.csv --target quality --kind l1 --kind l2 --html compare.html

\b
Kinds: l1, l2, l1l2, groups (inputs as a whole), bias, activity, max_norm, box, non_neg, dropout. All
of them are tried if none is named. The network without a term (none) is always included.

\b
Ctrl-C ends the comparison early: the table has the kinds that were complete by then.
"""

SECTIONS = {
    "The comparison": ("kinds", "strengths", "folds", "seeds", "metric", "rule", "noise"),
    "The table": ("target", "task", "drop", "max_levels", "separator", "decimal"),
    "The network": ("hidden", "activation"),
    "Training": (
        *("optimizer", "learning_rate", "epochs", "batch_size", "class_weight"),
        *("test_fraction", "seed"),
    ),
    "The result": ("html", "csv"),
}


@click.command(
    cls=Command,
    short_help="Compare all kinds of terms on a table, each with its best strength.",
    epilog=EXAMPLES,
    sections=SECTIONS,
)
@table_argument
@click.option(
    "--kind", "-k", "kinds", multiple=True, metavar="KIND", help="Kind of term to try. Can be repeated (default: all)."
)
@choosing_options(strengths=8, folds=3, rule="max")
@click.option(
    "--noise",
    type=click.FloatRange(0),
    metavar="SHARE",
    default=0.5,
    show_default=True,
    help="Standard deviation of the noise behind the column noisy, as a multiple of each input's own standard deviation.",
)
@file_option("--html", "Write the comparison as an HTML page.")
@file_option("--csv", "Write the table as CSV.")
@table_options
@network_options
@training_options
@epochs_option(40)
@held_out_option(0.25, "Share of the rows that is used only to test the chosen networks.", low_open=True)
def compare(
    data: Path,
    target: str,
    kinds: tuple[str, ...],
    html: Path | None,
    csv: Path | None,
    **options: Any,
) -> None:
    """Compare the kinds of terms on a table (CSV or Parquet), each with its best strength.

    Strengths are chosen by cross-validation on the training rows. The train and test scores, the score
    under noise and the zeros are those of the network with the chosen strength, trained on all training rows.
    """
    for file, flag in ((html, "--html"), (csv, "--csv")):
        if file is not None:
            check_out(file, data, hint=f"'{flag}'")
    rows = rows_of(data, target, **options)
    metric, folds = metric_of(rows.target.task, options["metric"]), rows.folds(options["folds"])
    weights = rows.class_weight(options["class_weight"])
    rows.introduce()
    model = network(rows, **options)

    import taut

    found = taut.compare(
        model,
        rows.x[rows.train],
        rows.labels(rows.train),
        kinds=list(kinds) or None,
        folds=folds,
        metric=metric,
        class_weight=weights,
        test_data=(rows.x[rows.test], rows.labels(rows.test)),
        seed=rows.seed,
        verbose=1 if sys.stderr.isatty() else 0,
        **{name: options[name] for name in ("strengths", "seeds", "epochs", "batch_size", "rule", "noise")},
    )
    heading(f"Each kind with its best strength   {found.seconds:.1f} s, seed {rows.seed}")
    click.echo(str(found.table()))
    if found.note:
        note(found.note)
    if found.interrupted:
        note("interrupted; kinds that are not in the table were not tried")
    heading("In words")
    width = min(100, shutil.get_terminal_size().columns)
    for row in found.rows:
        click.echo(textwrap.fill(f"{row.kind}: {row.sentence}", width, subsequent_indent="    "))
    best = found.best()
    click.echo()
    click.secho(f"Best in cross-validation: {best.kind}", bold=True, nl=False)
    click.echo(f", {best.term}")
    complete = write_files(
        (html, found.to_html, "the comparison as a page"),
        (csv, lambda file: replace_file(file, found.table().to_polars().write_csv), "the table"),
    )
    if not complete:
        raise click.exceptions.Exit(1)
