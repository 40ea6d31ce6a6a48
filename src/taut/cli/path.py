"""`taut path`: finds the strength of a term by cross-validation on a table, and trains the network with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from taut._language import TermError, build
from taut.cli._command import Command, check_model_out, check_out, heading, keep, note, replace_file, write_files
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
    term_options,
    training_options,
)
from taut.cli._scores import guess, held_out
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
--vary WHERE:TERM: WHERE is a parameter (dense/kernel), a pattern (*/kernel), a role (kernel, bias) or the
output of a layer (dense/activity). In TERM, * stands for the number to find. Terms are written as in
`taut fit --help`. Held-out rows are used neither for training nor for the choice.

\b
Ctrl-C ends the training early: the choice is made from the results up to the last full epoch.
"""

SECTIONS = {
    "The search": ("vary", "strengths", "folds", "seeds", "metric", "rule", "by", "debias"),
    "The table": ("target", "task", "drop", "max_levels", "separator", "decimal"),
    "The network": ("hidden", "activation"),
    "Other terms": (
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ),
    "Training": (
        *("optimizer", "learning_rate", "epochs", "batch_size", "class_weight"),
        *("test_fraction", "seed"),
    ),
    "The result": ("out", "html", "plot", "csv"),
}


class VaryOption(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]  # generic only in late versions of click
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


@click.command(
    cls=Command,
    short_help="Find the best strength of a term by cross-validation, and save the network.",
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
    help='Term whose number is varied, and where it acts; repeat the option for a grid. Default: "kernel:l1=*".',
)
@choosing_options(strengths=32, folds=5, rule="one_se")
@click.option(
    "--by",
    type=click.Choice(["inputs", "zeros", "strength"]),
    metavar="WHAT",
    help="What simplest means in the rule one_se: the fewest inputs, the most zeros, or the largest strength (default: "
    "the first of inputs, zeros and strength that differs between strengths).",
)
@click.option("--debias", is_flag=True, help="After the choice, train the nonzero weights once more without the term.")
@click.option(
    "--out",
    "-o",
    default="model.taut",
    show_default=True,
    type=click.Path(path_type=Path),
    help="File to save the model to. An existing file is replaced only when the new one is complete.",
)
@file_option("--html", "Write an HTML page with a slider for the strength.")
@file_option("--plot", "Write a picture of the path: PNG, SVG or PDF.")
@file_option("--csv", "Write the table of strengths and scores as CSV.")
@table_options
@network_options
@term_options
@training_options
@epochs_option(60)
@held_out_option(0.2, "Share of the rows that is held out to test the chosen model; 0 holds out none.", low_open=False)
def path(
    data: Path,
    target: str,
    vary: tuple[Any, ...],
    out: Path,
    html: Path | None,
    plot: Path | None,
    csv: Path | None,
    **options: Any,
) -> None:
    """Find the best strength of a term by cross-validation on a table (CSV or Parquet).

    All strengths are trained on all folds at once. Then the network is trained with the chosen strength
    and saved. The held-out rows are used neither for training nor for the choice, only for the final test.
    """
    check_model_out(out, data)
    for file, flag in ((html, "--html"), (plot, "--plot"), (csv, "--csv")):
        if file is not None:
            check_out(file, data, hint=f"'{flag}'")
    rows = rows_of(data, target, **options)
    metric, folds = metric_of(rows.target.task, options["metric"]), rows.folds(options["folds"])
    weights = rows.class_weight(options["class_weight"])
    rows.introduce()
    model = network(rows, **options)

    import taut

    varied = dict(vary) or dict([VaryOption().convert("kernel:l1=*", None, None)])
    if len(varied) < len(vary):
        message = "the same place is given twice; join the terms with '+' or '&'"
        raise click.BadParameter(message, param_hint="'--vary'")
    heading("Path")
    found = taut.path(
        model,
        _named(rows, rows.train),
        rows.labels(rows.train),
        varied,
        options["strengths"],
        folds,
        options["seeds"],
        options["epochs"],
        options["batch_size"],
        metric=metric,
        class_weight=weights,
        seed=rows.seed,
        verbose=1 if sys.stderr.isatty() else 0,
    )
    click.echo(str(found.table()))
    if found.interrupted:
        note(f"interrupted after {found.epochs} of {options['epochs']} epochs; the results are those up to then")

    best, point = found.best(), found.best(options["rule"], options["by"])
    heading("Choice")
    click.echo(f"best mean   {best}")
    click.echo(f"{options['rule']:<11} {point}")
    # Before the last training: if that is interrupted, these are there.
    complete = write_files(
        (html, found.to_html, "page with a slider for the strength"),
        (plot, found.plot, "picture of the path"),
        (csv, lambda file: replace_file(file, found.table().to_polars().write_csv), "table of strengths and scores"),
    )
    try:
        net = found.refit(point, debias=options["debias"])
    except KeyboardInterrupt:
        raise click.ClickException(
            "interrupted while the network was trained with the chosen strength, so no model was saved. The choice "
            "above is complete: taut fit trains the network with that strength."
        ) from None
    baseline = guess(rows.target, rows.y[rows.train])
    result = held_out(net, rows, baseline, "used neither for training nor for the choice")
    history = net.history
    training = record(history, rows.target, rows.seed, len(rows.train), {**options, "settle": 0})
    net.metadata["table"] = rows.schema.to_dict()
    net.metadata["columns"] = list(rows.schema.feature_names)  # by which taut.compact names the inputs it keeps
    named = None if weights is None else {str(rows.target.labels[i]): weight for i, weight in weights.items()}
    net.metadata["training"] = {**training, "class_weight": named, "baseline": baseline, "score": result}
    saved, wanted = keep(out, net.save, data)
    click.echo()
    click.secho(f"Saved {saved}", bold=True)
    if not (wanted and complete):
        raise click.exceptions.Exit(1)


def _named(rows: Any, which: Any) -> Any:
    """Some rows as a data frame, so that features keep their names."""
    import polars as pl

    return pl.DataFrame(rows.x[which], schema=list(rows.schema.feature_names))
