"""A whole table as a network sees it: fitted on training rows, kept as JSON beside the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from taut.tables._errors import TableError, cell, listed, no_such_column
from taut.tables.cells import Notation, number
from taut.tables.columns import Choice, Column, LeftOut, Number
from taut.tables.fitting import fit_column
from taut.tables.reading import Table
from taut.tables.target import Target

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TableSchema"]

_VERSION = 2
# What a description of version 1 does not say: all its numbers are written plainly.
_PLAIN = {"decimal": ".", "percent": False, "unit": "", "written": ""}


@dataclass(frozen=True)
class TableSchema:
    """How each column becomes features, and what is predicted from them.

    Args:
        columns: the columns in use, in the order of their features.
        target: what is predicted, or None.
        left_out: the columns that training could not use, and why.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"size": [1.0, 2.0, None], "colour": ["red", "blue", "red"]})
    >>> schema = TableSchema.fit(frame)
    >>> schema.feature_names
    ('size', 'size: missing', 'colour=red', 'colour: other')
    >>> schema.transform(frame)
    array([[-1.,  0.,  1.,  0.],
           [ 1.,  0.,  0.,  1.],
           [ 0.,  1.,  1.,  0.]], dtype=float32)
    >>> TableSchema.from_dict(schema.to_dict()) == schema
    True
    """

    columns: tuple[Column, ...]
    target: Target | None = None
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def fit(
        cls,
        data: Table | pl.DataFrame,
        target: Target | None = None,
        *,
        max_levels: int = 50,
        notes: list[str] | None = None,
    ) -> TableSchema:
        """Learn the treatment of every column but the target's from training rows.

        Args:
            data: the training rows.
            target: what is predicted; the mean and spread of a number are taken from these rows.
            max_levels: the most levels of one column with a feature each.
            notes: a list to which what deserves a look is appended.

        Raises:
            TableError: an infinity, or not one usable column.
        """
        table = Table.of(data)
        notes = [] if notes is None else notes
        if table.height == 0:
            raise TableError(f"{table.source} has no rows to learn from.")
        fitted = [
            fit_column(table, name, max_levels, notes)
            for name in table.columns
            if target is None or name != target.name
        ]
        used = tuple(column for column in fitted if not isinstance(column, LeftOut))
        left_out = tuple(column for column in fitted if isinstance(column, LeftOut))
        if not used:
            reasons = listed([f"{column.name!r} ({column.why})" for column in left_out], 8)
            raise TableError(
                f"{table.source} has no usable column{' beside the target' if target else ''}"
                f"{': ' + reasons if reasons else ''}. Expected numbers, or text whose values occur in "
                f"several rows."
            )
        if target is not None:
            target = target.fitted(target.encode(table))
        return cls(used, target, left_out)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature for column in self.columns for feature in column.features)

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The column behind each feature."""
        return tuple(column.name for column in self.columns for _ in column.features)

    def transform(self, data: Table | pl.DataFrame, notes: list[str] | None = None) -> np.ndarray:
        """The features of a table, float32, shape (rows, features). Columns not in use may be absent.

        Args:
            data: rows to encode; their columns in any order.
            notes: a list to which what training had not seen is appended.

        Raises:
            TableError: a column missing, of another type, infinite, or a table without rows.
        """
        table = Table.of(data)
        notes = [] if notes is None else notes
        if table.height == 0:
            raise TableError(f"{table.source} has no rows.")
        absent = [column.name for column in self.columns if column.name not in table.columns]
        if len(absent) == 1:
            raise no_such_column(absent[0], table.columns, table.source)
        if absent:
            raise TableError(
                f"{table.source} lacks {len(absent)} of the {len(self.columns)} columns that the model was "
                f"trained on: {listed(map(repr, absent), 8)}. It has: {listed(table.columns, 12)}."
            )
        return np.ascontiguousarray(np.concatenate([c.encode(table, notes) for c in self.columns], axis=1))

    def describe(self) -> str:
        """What is done to the columns, in a few lines."""
        numbers = [column for column in self.columns if isinstance(column, Number)]
        choices = [column for column in self.columns if isinstance(column, Choice)]
        lines: list[str] = []
        if numbers:
            lines.append(f"{_count(numbers)} of numbers, standardized: {listed(c.name for c in numbers)}")
            gaps = [column.name for column in numbers if column.missing]
            if gaps:
                lines.append(
                    f"  missing values are replaced by the median, and an extra feature marks them: {listed(gaps)}"
                )
            lines += _written(numbers)
        if choices:
            lines.append(f"{_count(choices)} of text or true/false, one feature per value:")
            lines += [f"  {_levels(column)}" for column in choices[:12]]
            if len(choices) > 12:
                lines.append(f"  and {len(choices) - 12} more")
        lines += [f"left out: {column.name} ({column.why})" for column in self.left_out[:12]]
        if len(self.left_out) > 12:
            lines.append(f"left out: {len(self.left_out) - 12} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: numbers, strings, lists, dictionaries."""
        return {
            "version": _VERSION,
            "columns": [{"kind": type(column).__name__, **_plain(column)} for column in self.columns],
            "target": None if self.target is None else _plain(self.target),
            "left_out": [_plain(column) for column in self.left_out],
        }

    @classmethod
    def from_dict(cls, data: object) -> TableSchema:
        """The inverse of `to_dict`; trusts nothing that it is given.

        Raises:
            TableError: the data is not a schema, or comes from a newer version.
        """
        if not isinstance(data, dict) or "version" not in data:
            raise TableError("This is not the description of a table.")
        found = cast("dict[str, Any]", data)
        version = found["version"]
        if not isinstance(version, int) or version > _VERSION:
            raise TableError(
                f"The description of the table has version {version!r}; this version of taut reads up to {_VERSION}. "
                "Update taut."
            )
        try:
            older: dict[str, Any] = _PLAIN if version == 1 else {}
            columns = tuple(
                _build(
                    _KINDS[item["kind"]],
                    {**(older if item["kind"] == "Number" else {}), **{k: v for k, v in item.items() if k != "kind"}},
                )
                for item in found["columns"]
            )
            target = None if found["target"] is None else _build(Target, {**older, **found["target"]})
            left_out = tuple(_build(LeftOut, item) for item in found["left_out"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise TableError(f"The description of the table is damaged ({type(error).__name__}: {error}).") from None
        if not columns:
            raise TableError("The description of the table is damaged (no columns).")
        return cls(columns, target, left_out)


_KINDS: dict[str, type] = {"Number": Number, "Choice": Choice}


def _plain(item: Any) -> dict[str, Any]:
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


# The types that a field's annotation allows. bool is an int to Python, so it is asked for by name.
_ALLOWED: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "float": (float, int),
    "bool": (bool,),
    "Task": (str,),
    "tuple[str, ...]": (list,),
    "tuple[Label, ...]": (list,),
}


def _build(kind: type, values: dict[str, Any]) -> Any:
    fields = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    if set(values) != set(fields):
        raise ValueError(f"{kind.__name__} has the fields {listed(sorted(values), 9)}; expected {listed(fields, 9)}")
    built: dict[str, Any] = {}
    for name, annotation in fields.items():
        value = values[name]
        if not isinstance(value, _ALLOWED[annotation]) or (isinstance(value, bool) != (annotation == "bool")):
            raise ValueError(f"{kind.__name__}.{name} is {value!r}; expected {annotation}")
        if annotation == "float" and not np.isfinite(value):
            raise ValueError(f"{kind.__name__}.{name} is {value!r}; expected a finite number")
        if isinstance(value, list):
            items = cast("Sequence[Any]", value)
            allowed = (str,) if annotation == "tuple[str, ...]" else (str, int, float, bool)
            if not all(isinstance(item, allowed) for item in items):
                raise ValueError(f"{kind.__name__}.{name} is {items!r}; expected {annotation}")
            value = tuple(items)
        if annotation == "Task" and value not in ("classification", "regression"):
            raise ValueError(f"{kind.__name__}.{name} is {value!r}")
        built[name] = value
    return kind(**built)


def _count(columns: Sequence[object]) -> str:
    return f"{len(columns)} column{'s' if len(columns) != 1 else ''}"


def _written(numbers: Sequence[Number]) -> list[str]:
    """How numbers are written that are not written plainly, one line a notation."""
    groups: dict[Notation, list[Number]] = {}
    for column in numbers:
        if column.written:
            groups.setdefault(column.notation, []).append(column)
    return [
        f"  numbers written like {cell(group[0].written)}, which was read as "
        f"{number(group[0].written, notation.decimal):.12g}: {listed(column.name for column in group)}"
        for notation, group in groups.items()
    ]


def _levels(column: Choice) -> str:
    shown = [level if level else "''" for level in column.levels]
    shown += ["(other)"] * column.other + ["(missing)"] * column.missing
    return f"{column.name}: {listed(shown, 8)}"
