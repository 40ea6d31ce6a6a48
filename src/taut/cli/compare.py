"""`taut compare`: a table and a target in; which kind of term suits them, and how strong, out."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import click

from taut.cli._command import Command, check_out, heading, note, replace_file
from taut.cli._network import network, rows_of
from taut.cli._options import (
    choosing_options,
    held_out_option,
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
Kinds: l1, l2, l1l2, groups (inputs as a whole), bias, activity, max_norm, box, non_neg, dropout; by
default all of them, and in any case the network without a term.
"""

SECTIONS = {
    "What is compared": ("kinds", "strengths", "folds", "seeds", "rule", "noise"),
    "The table": ("target", "task", "drop", "max_levels", "separator"),
    "The network": ("hidden", "activation"),
    "Training": ("optimizer", "learning_rate", "epochs", "batch_size", "test_fraction", "seed"),
    "The result": ("html", "csv"),
}


@click.command(
    cls=Command,
    short_help="Every kind of term at its own best strength, on a table, side by side.",
    epilog=EXAMPLES,
    sections=SECTIONS,
)
@table_argument
@click.option("--kind", "-k", "kinds", multiple=True, metavar="KIND", help="A kind to try. May be repeated.")
@choosing_options(strengths=8, folds=3, rule="max")
@click.option(
    "--noise",
    type=click.FloatRange(0),
    metavar="SHARE",
    default=0.5,
    show_default=True,
    help="Of each input's standard deviation, in the column noisy.",
)
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="A page of the comparison.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="The table, as CSV.")
@table_options
@network_options
@training_options
@click.option("--epochs", type=click.IntRange(1), metavar="N", default=40, show_default=True)
@held_out_option(0.25, "Rows that are measured on and used for nothing else.", low_open=True)
def compare(
    data: Path,
    target: str,
    kinds: tuple[str, ...],
    html: Path | None,
    csv: Path | None,
    task: Any,
    drop: tuple[str, ...],
    seed: int | None,
    test_fraction: float,
    max_levels: int,
    separator: str | None,
    **options: Any,
) -> None:
    """Which kind of term suits a table, and how strong: each at its own best strength, side by side.

    Strengths are chosen on folds of the training rows; train and test scores, the score under noise
    and the zeros are those of the network at that strength.
    """
    for file, flag in ((html, "--html"), (csv, "--csv")):
        if file is not None:
            check_out(file, data, hint=f"'{flag}'")
    rows = rows_of(data, target, task, drop, seed, test_fraction, max_levels, separator)
    rows.introduce()
    model = network(rows.x.shape[1], rows.target, rows.seed, **options)

    import taut

    found = taut.compare(
        model,
        rows.x[rows.train],
        rows.labels(rows.train),
        kinds=list(kinds) or None,
        test_data=(rows.x[rows.test], rows.labels(rows.test)),
        seed=rows.seed,
        verbose=1 if sys.stderr.isatty() else 0,
        **{name: options[name] for name in ("strengths", "folds", "seeds", "epochs", "batch_size", "rule", "noise")},
    )
    heading(f"Each kind at its best strength   {found.seconds:.1f} s, seed {rows.seed}")
    click.echo(str(found.table()))
    if found.interrupted:
        note("interrupted: the kinds that are missing were not tried")
    heading("In words")
    width = min(100, shutil.get_terminal_size().columns)
    for row in found.rows:
        click.echo(textwrap.fill(f"{row.kind}: {row.sentence}", width, subsequent_indent="    "))
    best = found.best()
    click.echo()
    click.secho(f"Best on the folds: {best.kind}", bold=True, nl=False)
    click.echo(f", {best.term}")
    if html is not None:
        found.to_html(html)
        click.echo(f"  {html}: the same as a page")
    if csv is not None:
        replace_file(csv, lambda file: found.table().to_polars().write_csv(file))
        click.echo(f"  {csv}: the table")
