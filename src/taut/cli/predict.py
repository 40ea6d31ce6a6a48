"""`taut predict`: the predictions of a saved model for the rows of a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from taut._extras import require
from taut.cli._command import Command, check_out, note, replace_file
from taut.cli._options import decimal_option, separator_option
from taut.cli._scores import guess, score, show
from taut.tables import Table, TableError, TableSchema, Target, read_table

__all__ = ["load", "predict"]

EXAMPLES = """
\b
Examples:
  taut predict model.taut new.csv                        prints to the screen or a pipe
  taut predict model.taut new.csv --out predictions.csv
  taut predict model.taut new.parquet --proba --out predictions.parquet

The table must have the columns that the model was trained on, in any order. If it also has the
target column, the predictions are scored against it. Columns are read as in training; --decimal
is for a file that was written with another decimal sign.
"""


@click.command(cls=Command, short_help="Predict the target for the rows of a table.", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File to write, .csv or .parquet (default: print as CSV).",
)
@click.option("--proba", is_flag=True, help="Add the probability of each class.")
@separator_option
@decimal_option("as in training")
def predict(model: Path, data: Path, out: Path | None, proba: bool, separator: str | None, decimal: str | None) -> None:
    """Predict the target for each row of a table (CSV or Parquet).

    The output has one row for each row of the table, in the same order.
    """
    if out is not None:
        check_out(out, model, data)
        if out.suffix.lower() not in {".csv", ".parquet", ".pq"}:
            raise click.BadParameter(f"{out.name}: expected a name that ends in .csv or .parquet", param_hint="'--out'")
    network, schema, aim = load(model)
    if proba and aim.task == "regression":
        raise click.UsageError(f"--proba is for classification; {model.name} predicts a number, {aim.name!r}.")
    table = read_table(data, separator, decimal)
    notes: list[str] = []
    x = schema.transform(table, notes)
    outputs = np.asarray(network.predict(x, verbose=0))
    for text in (*table.notes, *notes):
        note(text)
    _score_if_known(network, aim, table, outputs)

    frame = _frame(aim, outputs, proba)
    if out is None:
        sys.stdout.write(frame.write_csv())
        return
    as_parquet = out.suffix.lower() != ".csv"
    replace_file(out, frame.write_parquet if as_parquet else frame.write_csv)
    click.echo(f"{frame.height} predictions of {aim.name!r} in {out}", err=True)


def load(path: Path) -> tuple[Any, TableSchema, Target]:
    """A model that `taut fit` saved, with the description of its table.

    Raises:
        TableError: the model knows no columns.
    """
    import taut

    network = taut.load_model(path)
    if "table" not in network.metadata:
        raise TableError(
            f"{path.name} was saved from Python, without a description of the columns of a table. Train it with "
            f"taut fit, or predict in Python: taut.load_model({path.name!r}).predict(x)."
        )
    schema = TableSchema.from_dict(network.metadata["table"])
    if schema.target is None:
        raise TableError(f"{path.name} does not say what it predicts. Train it again with taut fit.")
    return network, schema, schema.target


def _frame(aim: Target, outputs: np.ndarray, proba: bool) -> Any:
    pl = require("polars", "Writing tables")
    if aim.task == "regression":
        return pl.DataFrame({f"predicted {aim.name}": aim.unscale(outputs[:, 0])})
    best = [aim.labels[i] for i in np.argmax(outputs, axis=1)]
    columns: dict[str, Any] = {f"predicted {aim.name}": best}
    if proba:
        for i, label in enumerate(aim.labels):
            columns[f"probability {label}"] = outputs[:, i].astype(np.float64)
    return pl.DataFrame(columns)


def _score_if_known(network: Any, aim: Target, table: Table, outputs: np.ndarray) -> None:
    if aim.name not in table.columns:
        return
    try:
        y = aim.encode(table)
    except TableError as error:
        note(f"not scored: {error}")
        return
    click.echo(f"scored against the {len(y)} values of {aim.name!r} in {table.source}:", err=True)
    click.echo(show(aim, score(aim, outputs, y, _baseline(network, aim, y))), err=True)


def _baseline(network: Any, aim: Target, y: np.ndarray) -> dict[str, Any]:
    """What `guess` said in training; for older files as far as it is known, and else of these rows."""
    training = network.metadata.get("training")
    training = training if isinstance(training, dict) else {}
    for known in (training.get("baseline"), training.get("score")):
        if isinstance(known, dict) and isinstance(known.get("constant"), float):
            return known
    return {"constant": aim.mean} if aim.task == "regression" else guess(aim, y)
