"""Tables from files, as the numbers that a network is trained on.

    table = read_table("wine.csv")
    target = Target.infer(table, "quality")
    train, test = hold_out(target, target.encode(table), fraction=0.2, seed=0)
    schema = TableSchema.fit(table.take(train), target)
    x = schema.transform(table)

A fitted `TableSchema` is plain JSON and travels with the model, so that a prediction treats its
columns exactly as training did.
"""

from taut.tables._errors import TableError, listed
from taut.tables.columns import Choice, LeftOut, Number
from taut.tables.reading import MISSING, Table, read_table
from taut.tables.schema import TableSchema
from taut.tables.splitting import hold_out
from taut.tables.target import Target

__all__ = [
    "MISSING",
    "Choice",
    "LeftOut",
    "Number",
    "Table",
    "TableError",
    "TableSchema",
    "Target",
    "hold_out",
    "listed",
    "read_table",
]
