"""`taut path`: a table, a target and a term without its number in; the number, and the network at it, out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from taut._language import TermError, build
from taut.cli._command import Command, check_out, heading, note, replace_file
from taut.cli._network import network, rows_of
from taut.cli._options import (
    choosing_options,
    held_out_option,
    network_options,
    table_argument,
    table_options,
    term_options,
    training_options,
)
from taut.cli._scores import guess, score, show
from taut.cli._training import record

__all__ = ["VaryOption", "path"]

EXAMPLES = """
\b
Examples:
  taut path wine.csv --target quality
  taut path wine.csv --target quality --vary "dense/kernel:group_lasso(*, by=input)" --html path.html
  taut path sales.csv --target amount --hidden none --vary "kernel:l1l2(l1=*, l2=0.01)" --folds 10
  taut path wine.csv --target quality --vary "kernel:max_norm=*" --kernel-regularizer l2=0.001

\b
--vary WHERE:TERM: where is a parameter (dense/kernel), a pattern (*/kernel), a role (kernel, bias) or a
layer's output (dense/activity); in the term * stands for the number that is looked for. Terms are
written as in `taut fit --help`. The rows that are held out touch neither training nor the choice.
"""

SECTIONS = {
    "What is looked for": ("vary", "strengths", "folds", "seeds", "rule", "by", "debias"),
    "The table": ("target", "task", "drop", "max_levels", "separator"),
    "The network": ("hidden", "activation"),
    "Terms beside it": (
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ),
    "Training": ("optimizer", "learning_rate", "epochs", "batch_size", "test_fraction", "seed"),
    "The result": ("out", "html", "plot", "csv"),
}


class VaryOption(click.ParamType[Any]):
    """``kernel:l1=*``: where, and a term in which ``*`` stands for a number."""

    name = "vary"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Callable[[float], Any]]:
        if isinstance(value, tuple):
            return value
        where, colon, text = value.partition(":")
        if not colon or "*" not in text:
            self.fail(f'{value!r}: expected WHERE:TERM with * for the number, such as "kernel:l1=*"', param, ctx)
        kind = self._kind(text, param, ctx)
        return where.strip(), lambda number: build(kind, text.replace("*", repr(float(number))))

    def _kind(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found: list[str] = []
        for kind in ("regularizer", "constraint"):
            try:
                build(kind, text.replace("*", "1.0"))
                return kind
            except TermError as error:
                found.append(str(error))
        self.fail(f"as a regularizer: {found[0]}\nas a constraint: {found[1]}", param, ctx)


def _file(name: str, text: str) -> Any:
    return click.option(name, type=click.Path(path_type=Path), metavar="FILE", help=text)


@click.command(
    cls=Command,
    short_help="Find a term's strength on a table, by folds, and save the network at it.",
    epilog=EXAMPLES,
    sections=SECTIONS,
)
@table_argument
@click.option(
    "--vary",
    "-v",
    type=VaryOption(),
    multiple=True,
    metavar="WHERE:TERM",
    help='What is varied; repeated, a grid. By default "kernel:l1=*".',
)
@choosing_options(strengths=32, folds=5, rule="one_se")
@click.option(
    "--by",
    type=click.Choice(["inputs", "zeros", "strength"]),
    metavar="WHAT",
    help="What simpler means: inputs, zeros or strength.",
)
@click.option("--debias", is_flag=True, help="Train once more on the kept weights without the term.")
@click.option(
    "--out",
    "-o",
    default="model.taut",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The model file; replaced whole, or not at all.",
)
@_file("--html", "A page with a slider over the strength.")
@_file("--plot", "A picture of the path, PNG, SVG or PDF.")
@_file("--csv", "The table, as CSV.")
@table_options
@network_options
@term_options
@training_options
@click.option("--epochs", type=click.IntRange(1), metavar="N", default=60, show_default=True)
@held_out_option(0.2, "Rows held out for the score at the end; 0 holds out none.", low_open=False)
def path(
    data: Path,
    target: str,
    vary: tuple[Any, ...],
    out: Path,
    html: Path | None,
    plot: Path | None,
    csv: Path | None,
    task: Any,
    drop: tuple[str, ...],
    seed: int | None,
    test_fraction: float,
    max_levels: int,
    separator: str | None,
    **options: Any,
) -> None:
    """Find how strong a term should be, on a table, and save the network at that strength.

    Every strength is trained on every fold, side by side in one program. Rows that are held out for
    the final score touch neither the training nor the choice.
    """
    for file, flag in ((out, "--out"), (html, "--html"), (plot, "--plot"), (csv, "--csv")):
        if file is not None:
            check_out(file, data, hint=f"'{flag}'")
    rows = rows_of(data, target, task, drop, seed, test_fraction, max_levels, separator)
    rows.introduce()
    model = network(rows.x.shape[1], rows.target, rows.seed, **options)

    import taut

    varied = dict(vary) or dict([VaryOption().convert("kernel:l1=*", None, None)])
    if len(varied) < len(vary):
        raise click.BadParameter("one place is given twice; join the terms with '+' or '&'", param_hint="'--vary'")
    heading("Path")
    found = taut.path(
        model,
        _named(rows, rows.train),
        rows.labels(rows.train),
        varied,
        options["strengths"],
        options["folds"],
        options["seeds"],
        options["epochs"],
        options["batch_size"],
        seed=rows.seed,
        verbose=1 if sys.stderr.isatty() else 0,
    )
    click.echo(str(found.table()))
    if found.interrupted:
        note(f"interrupted after {found.epochs} epochs; what follows is of those")

    best, point = found.best(), found.best(options["rule"], options["by"])
    heading("Choice")
    click.echo(f"best mean   {best}")
    click.echo(f"{options['rule']:<11} {point}")
    net = found.refit(point, debias=options["debias"])
    result = None
    if len(rows.test):
        heading("Held out")
        aim, y = rows.target, rows.y
        result = score(aim, net.predict(rows.x[rows.test]), y[rows.test], guess(aim, y[rows.train]))
        click.echo(f"{len(rows.test)} rows that neither training nor choice saw")
        click.echo(show(aim, result))
    else:
        note("no rows were held out, so there is no honest score; --test-fraction 0.2 holds out a fifth")

    history = net.history
    training = record(history, rows.target, rows.seed, len(rows.train), {**options, "settle": 0})
    net.metadata["table"] = rows.schema.to_dict()
    net.metadata["columns"] = list(rows.schema.feature_names)  # by which taut.compact names the inputs it keeps
    net.metadata["training"] = {**training, "score": result}
    net.save(out)
    click.echo()
    click.secho(f"Saved {out}", bold=True)
    if html is not None:
        found.to_html(html)
        click.echo(f"  {html}: a page with a slider over the strength")
    if plot is not None:
        found.plot(plot)
        click.echo(f"  {plot}: the picture")
    if csv is not None:
        replace_file(csv, lambda file: found.table().to_polars().write_csv(file))
        click.echo(f"  {csv}: the table")


def _named(rows: Any, which: Any) -> Any:
    """Some rows as a data frame, so that features keep their names."""
    import polars as pl

    return pl.DataFrame(rows.x[which], schema=list(rows.schema.feature_names))
