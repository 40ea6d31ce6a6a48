"""`taut report`: the audit of a saved model. What acts where, and what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from taut.cli._command import Command, check_out, heading, note
from taut.cli._scores import show
from taut.cli._training import training_line
from taut.report import input_norms, inputs_ignored, text_table, weights_table
from taut.report.text import wrapped
from taut.tables import TableError, TableSchema

__all__ = ["report"]

EXAMPLES = """
\b
Example:
  taut report model.taut
  taut report model.taut --html report.html
"""
_BAR = 24  # characters of the longest bar


@click.command(cls=Command, short_help="Show what the terms did to a saved model.", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as an HTML page with pictures, instead of printing it.",
)
def report(model: Path, page: Path | None) -> None:
    """Show the regularizers and constraints of a saved model, and what they did to its weights."""
    import taut

    if page is not None:
        check_out(page, model, hint="'--html'")
    network = taut.load_model(model)
    schema, training = _schema(network), network.metadata.get("training")
    if page is not None:
        network.report(page, feature_names=_names(network, schema), title=f"Report of {model.name}")
        click.echo(f"wrote {page}")
        return

    click.secho(model.name, bold=True, nl=False)
    click.echo(f": {_what(network, schema)}")
    heading("Terms")
    click.echo(str(network.plan))
    heading("Weights")
    click.echo(_weights(network))
    heading("Inputs")
    click.echo(_inputs(network, schema))
    if isinstance(training, dict):
        _show_training(training, schema)  # pyright: ignore[reportUnknownArgumentType]


def _schema(network: Any) -> TableSchema | None:
    """The description of the table, if there is one. Metadata is the user's, and may hold anything."""
    if "table" not in network.metadata:
        return None
    try:
        return TableSchema.from_dict(network.metadata["table"])
    except TableError as error:
        note(f"the columns of the table are not shown. {error}")
        return None


def _show_training(training: dict[str, Any], schema: TableSchema | None) -> None:
    """What is known of the training; any part may be absent."""
    line = training_line(training)
    if "seed" in training:
        line += f"{'   ' if line else ''}seed {training['seed']}"
    scored = training.get("score")
    scores = ""
    if isinstance(scored, dict) and schema is not None and schema.target is not None:
        scores = show(schema.target, scored)  # pyright: ignore[reportUnknownArgumentType]
    if not line and not scores:
        return
    heading("Training")
    if line:
        click.echo(line)
    if scores:
        rows = scored.get("rows") if isinstance(scored, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        click.echo(f"scored on {f'{rows} ' if rows is not None else ''}rows that were not used for training:")
        click.echo(scores)


def _what(network: Any, schema: TableSchema | None) -> str:
    count = sum(int(np.prod(entry.shape)) for entry in network.plan.entries)
    text = f"{count} weights in {len(network.plan.entries)} parameters"
    if schema is None or schema.target is None:
        return text
    aim = schema.target
    kind = f"{len(aim.labels)} classes" if aim.task == "classification" else "a number"
    return f"predicts {aim.name!r} ({kind}) from {len(schema.columns)} columns; {text}"


def _weights(network: Any) -> str:
    rows: list[list[str]] = []
    for row in weights_table(network):
        outside = "–" if row.violation is None else "0" if row.violation == 0 else f"{row.violation:.1e}"
        rows.append(
            [
                row.path,
                f"{row.size}",
                f"{row.zeros}",
                f"{row.zero_share:.0%}",
                f"{row.smallest:.4f}",
                f"{row.largest:.4f}",
                f"{row.largest_norm:.4f}",
                f"{row.idle_units} of {row.units}",
                outside,
            ]
        )
    head = [
        "parameter",
        "weights",
        "exact\nzeros",
        "",
        "\nsmallest",
        "\nlargest",
        "largest\nunit norm",
        "units with\nall zeros",
        "constraint\nviolation",
    ]
    return text_table(head, rows)


def _names(network: Any, schema: TableSchema | None) -> list[str] | None:
    """What the columns of its table are called, if the model takes them as they are."""
    if schema is None or network.input_shape != (len(schema.feature_names),):
        return None
    return list(schema.feature_names)


def _inputs(network: Any, schema: TableSchema | None) -> str:
    """Which inputs are not used, and how large the weights of the others are."""
    first = next((entry for entry in network.plan.entries if entry.role == "kernel"), None)
    if first is None:
        return "the model has no kernel, so nothing can be said about its inputs"
    norms = input_norms(network.params[first.path], first.fan_in)
    names = _names(network, schema) or [f"input {i}" for i in range(norms.size)]
    ignored = inputs_ignored(network)
    lines: list[str] = []
    if ignored.size:
        lines.append(f"{ignored.size} of {norms.size} inputs are not used (all their weights are exactly 0):")
        lines.append(wrapped([names[i] for i in ignored]))
        if schema is not None and len(schema.feature_columns) == norms.size:
            lines += _whole_columns(schema, set(ignored.tolist()))
    else:
        lines.append(f"all {norms.size} inputs are used")
    order = [i for i in np.argsort(-norms, kind="stable") if norms[i] > 0][:15]
    if order:
        longest = norms[order[0]]
        rows = [[names[i], f"{norms[i]:.3f}", "█" * max(1, round(_BAR * float(norms[i] / longest)))] for i in order]
        width = max(len(row[0]) for row in rows)
        lines.append(f"inputs with the largest weights (norm over the units of {first.path}):")
        lines += [f"  {name:<{width}}  {norm}  {bar}" for name, norm, bar in rows]
    return "\n".join(lines)


def _whole_columns(schema: TableSchema, ignored: set[int]) -> list[str]:
    """Columns of which not one feature is in use, where they differ from the features themselves."""
    owners = schema.feature_columns
    unused = [c.name for c in schema.columns if all(i in ignored for i, owner in enumerate(owners) if owner == c.name)]
    if not unused or len(owners) == len(schema.columns):
        return []
    return [f"none of the features of these {len(unused)} of {len(schema.columns)} columns is used:", wrapped(unused)]
