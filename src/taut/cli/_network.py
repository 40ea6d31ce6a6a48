"""The network and the rows that `taut fit`, `taut path` and `taut compare` make of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from taut.cli._command import note
from taut.cli._values import terms_of
from taut.tables import TableError, TableSchema, Target, hold_out, listed, read_table

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

    def class_weight(self, given: tuple[str, ...]) -> dict[int, float] | None:
        """``--class-weight`` as a weight for the number of every class; None if it was not given.

        Raises:
            click.BadParameter: a number is predicted, no such class, or a weight that is no number ≥ 0.
        """
        if not given:
            return None
        labels = [str(label) for label in self.target.labels]
        if not labels:
            raise _bad_weight(f"{self.target.name!r} is a number; weights are for the classes of a classification.")
        if "balanced" in given and "balanced" not in labels:
            if len(given) > 1:
                raise _bad_weight("balanced gives every class its weight; give it alone.")
            counts = np.bincount(self.y[self.train], minlength=len(labels))
            return {i: len(self.train) / (len(labels) * int(count)) for i, count in enumerate(counts)}
        weights = dict.fromkeys(range(len(labels)), 1.0)
        for text in given:
            label, sign, number = text.rpartition("=")
            if not sign:
                raise _bad_weight(f"{text!r}: expected LABEL=WEIGHT, such as {labels[0]}=2, or balanced.")
            if label not in labels:
                known = listed(map(repr, labels), 8)
                raise _bad_weight(f"{self.target.name!r} has no class {label!r}; its classes are {known}.")
            try:
                weight = float(number)
            except ValueError:
                weight = -1.0
            if not 0 <= weight < np.inf:
                raise _bad_weight(f"{text!r}: the weight is {number!r}; expected a number of at least 0.")
            weights[labels.index(label)] = weight
        return weights

    def folds(self, count: int) -> int:
        """``--folds``, or fewer if the user named no number and the smallest class has not enough training rows.

        Raises:
            click.BadParameter: more folds than the smallest class, or the table, has training rows.
            TableError: a class with a single training row.
        """
        rows, whose = len(self.train), "the table"
        if self.target.task == "classification":
            counts = np.bincount(self.y[self.train], minlength=len(self.target.labels))
            rows, whose = int(counts.min()), f"the class {str(self.target.labels[int(counts.argmin())])!r}"
        if count <= rows:
            return count
        found = f"{whose} has {rows} training row{'s' if rows != 1 else ''} (of {len(self.train)} in all)"
        if rows < 2:
            raise TableError(
                f"Cross-validation is not possible: {found}, and each of two folds or more needs one. Add rows, remove "
                f"the rows of rare classes, or use taut fit, which needs no folds."
            )
        source = click.get_current_context().get_parameter_source("folds")
        if source is not click.core.ParameterSource.DEFAULT:
            raise click.BadParameter(
                f"{count} folds are too many: {found}, and every fold needs one. Use --folds {rows} or fewer, add "
                f"rows, or remove the rows of rare classes.",
                param_hint="'--folds'",
            )
        note(f"{rows} folds instead of {count}: {found}, and every fold needs one")
        return rows

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
    *,
    task: Any,
    drop: tuple[str, ...],
    seed: int | None,
    test_fraction: float,
    max_levels: int,
    separator: str | None,
    decimal: str | None,
    **_: Any,
) -> Rows:
    """Read a table and split it, by the options of a command; a seed is drawn where it is None."""
    notes: list[str] = []
    table = read_table(data, separator, decimal)
    for name in drop:
        table = table.dropping(name)
    aim = Target.infer(table, target, task, notes)
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    y = aim.encode(table)
    train, test = hold_out(aim, y, test_fraction, seed)
    schema = TableSchema.fit(table.take(train), aim, max_levels=max_levels, notes=notes)
    x = schema.transform(table, notes)
    return Rows(table, schema, schema.target or aim, x, y, train, test, seed, (*table.notes, *notes))


def _bad_weight(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="'--class-weight'")


def _about(aim: Target) -> str:
    if aim.task == "classification":
        labels = ", ".join(str(label) for label in aim.labels[:8])
        more = f" and {len(aim.labels) - 8} more" if len(aim.labels) > 8 else ""
        return f"classification of {aim.name!r} ({aim.why}): {len(aim.labels)} classes, {labels}{more}"
    return f"regression of {aim.name!r} ({aim.why}): mean {aim.mean:.4g}, standard deviation {aim.std:.4g}"


def network(rows: Rows, *, hidden: tuple[int, ...], activation: str, **options: Any) -> Any:
    """A compiled `taut.Sequential` for these rows, with the terms of the options."""
    import taut

    aim = rows.target
    taut.utils.set_random_seed(rows.seed)
    last = "softmax" if aim.task == "classification" else None
    widths = (*hidden, aim.outputs)
    terms = [terms_of(i, len(widths), options) for i in range(1, len(widths) + 1)]
    layers: list[Any] = [taut.Input((rows.x.shape[1],))]
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
        if '.acting("gradient")' in str(error):  # the same advice, as it is written in a shell
            raise ValueError(f'{error} In the shell: --kernel-regularizer "l1=0.01@gradient".') from None
        raise
    return model


def _optimizer(name: str, learning_rate: float | None) -> Any:
    from taut import optimizers

    config = {} if learning_rate is None else {"learning_rate": learning_rate}
    try:
        return optimizers.get({"class_name": name, "config": config})
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="'--optimizer'") from None
