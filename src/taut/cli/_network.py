"""The network and the rows that `taut fit`, `taut path` and `taut compare` make of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from taut.cli._command import note
from taut.cli._options import terms_of
from taut.tables import TableSchema, Target, hold_out, read_table

__all__ = ["Rows", "network", "rows_of"]


@dataclass(frozen=True)
class Rows:
    """A table as numbers.

    Attributes:
        x: features, float32, (rows, features); made by ``schema``, which has seen the training rows alone.
        y: classes as indices, or numbers in their own units, (rows,).
        train, test: which rows are trained on, and which are held out.
        seed: of the split, and of what follows.
    """

    table: Any
    schema: TableSchema
    target: Target
    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    test: np.ndarray
    seed: int
    notes: tuple[str, ...]

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """What a network is given as ``y`` for these rows."""
        return self.y[rows] if self.target.task == "classification" else self.target.scale(self.y[rows])[:, None]

    def introduce(self) -> None:
        """Say what was read."""
        click.secho(f"{self.table.source}", bold=True, nl=False)
        click.echo(f": {self.table.height} rows, {len(self.table.columns)} columns")
        click.echo(_about(self.target))
        click.echo(self.schema.describe())
        for text in self.notes:
            note(text)


def rows_of(
    data: Path,
    target: str,
    task: Any,
    drop: tuple[str, ...],
    seed: int | None,
    test_fraction: float,
    max_levels: int,
    separator: str | None,
) -> Rows:
    """Read a table and split it; a seed is drawn where it is None."""
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
    x = schema.transform(table, notes)
    return Rows(table, schema, schema.target or aim, x, y, train, test, seed, (*table.notes, *notes))


def _about(aim: Target) -> str:
    if aim.task == "classification":
        labels = ", ".join(str(label) for label in aim.labels[:8])
        more = f" and {len(aim.labels) - 8} more" if len(aim.labels) > 8 else ""
        return f"classification of {aim.name!r} ({aim.why}): {len(aim.labels)} classes, {labels}{more}"
    return f"regression of {aim.name!r} ({aim.why}): mean {aim.mean:.4g}, standard deviation {aim.std:.4g}"


def network(inputs: int, aim: Target, seed: int, *, hidden: tuple[int, ...], activation: str, **options: Any) -> Any:
    """A compiled `taut.Sequential` with the terms of the options."""
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
