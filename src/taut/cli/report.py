"""`taut report`: the audit of a saved model. What acts where, and what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from taut.cli._command import Command, check_out, heading
from taut.cli._scores import show
from taut.cli._training import training_line
from taut.report import input_norms, inputs_ignored, text_table, weights_table
from taut.report.text import wrapped
from taut.tables import TableSchema

__all__ = ["report"]

EXAMPLES = """
\b
Example:
  taut report model.taut
  taut report model.taut --html report.html
"""
_BAR = 24  # characters of the longest bar


@click.command(cls=Command, short_help="What the terms did to a saved model.", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as one HTML page, with pictures, instead of printing it.",
)
def report(model: Path, page: Path | None) -> None:
    """Say which terms act on a saved model, and what they did to its weights."""
    import taut

    if page is not None:
        check_out(page, model, hint="'--html'")
    network = taut.load_model(model)
    schema = TableSchema.from_dict(network.metadata["table"]) if "table" in network.metadata else None
    training: dict[str, Any] | None = network.metadata.get("training")
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
    if training is not None:
        heading("Training")
        click.echo(training_line(training) + f"   seed {training['seed']}")
        if training.get("score") and schema is not None and schema.target is not None:
            click.echo(f"scored on {training['score']['rows']} rows that training never saw:")
            click.echo(show(schema.target, training["score"]))


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
        "units without\nany weight",
        "outside\nits bound",
    ]
    return text_table(head, rows)


def _names(network: Any, schema: TableSchema | None) -> list[str] | None:
    """What the columns of its table are called, if the model takes them as they are."""
    if schema is None or network.input_shape != (len(schema.feature_names),):
        return None
    return list(schema.feature_names)


def _inputs(network: Any, schema: TableSchema | None) -> str:
    """Which inputs are ignored, and how much of each other one gets in."""
    first = next((entry for entry in network.plan.entries if entry.role == "kernel"), None)
    if first is None:
        return "no kernel, so no inputs to weigh"
    norms = input_norms(network.params[first.path], first.fan_in)
    names = _names(network, schema) or [f"input {i}" for i in range(norms.size)]
    ignored = inputs_ignored(network)
    lines: list[str] = []
    if ignored.size:
        lines.append(f"{ignored.size} of {norms.size} ignored, every weight from them exactly 0:")
        lines.append(wrapped([names[i] for i in ignored]))
        if schema is not None and len(schema.feature_columns) == norms.size:
            lines += _whole_columns(schema, set(ignored.tolist()))
    else:
        lines.append(f"all {norms.size} in use: none has only zero weights")
    order = [i for i in np.argsort(-norms, kind="stable") if norms[i] > 0][:15]
    if order:
        longest = norms[order[0]]
        rows = [[names[i], f"{norms[i]:.3f}", "█" * max(1, round(_BAR * float(norms[i] / longest)))] for i in order]
        width = max(len(row[0]) for row in rows)
        lines.append(f"strongest, by the norm of their weights in {first.path}:")
        lines += [f"  {name:<{width}}  {norm}  {bar}" for name, norm, bar in rows]
    return "\n".join(lines)


def _whole_columns(schema: TableSchema, ignored: set[int]) -> list[str]:
    """Columns of which not one feature is in use, where they differ from the features themselves."""
    owners = schema.feature_columns
    unused = [c.name for c in schema.columns if all(i in ignored for i, owner in enumerate(owners) if owner == c.name)]
    if not unused or len(owners) == len(schema.columns):
        return []
    return [f"so {len(unused)} of {len(schema.columns)} columns are not used at all:", wrapped(unused)]
