"""The audit of terms as a table, and which constraints are active."""

from __future__ import annotations

from collections.abc import Sequence

from taut.plans import Plan
from taut.report.bounds import bounds_table
from taut.report.html.escape import escape
from taut.report.html.parts import Panel, number, share, table
from taut.report.html.snapshots import Snapshots

__all__ = ["bounds_panel", "terms_panel"]


def terms_panel(plans: Sequence[Plan], start: int = 0) -> Panel:
    """Which term acts on which parameter, over which axes, in which mode: what ``print(model.plan)`` shows.

    Args:
        plans: one a step; they differ in the terms and their numbers alone.
        start: the step shown first.
    """
    found = [plan.rows() for plan in plans]
    head, *rows = found[start]
    how = plans[start].how
    fixed = len(head) if len(plans) == 1 else head.index("regularizer")
    cells = [[cell for row in printed[1:] for cell in row[fixed:]] for printed in found]
    shown = [[*row[:fixed], *[None] * (len(head) - fixed)] for row in rows]
    body = table("terms-table", "Audit of terms", head, shown, left=len(head), steps=cells, start=start)
    texts = {"terms-table": cells} if len(plans) > 1 else {}
    return Panel("terms", "Terms", f"{body}<p>{escape(how[:1].upper() + how[1:])}.</p>", {}, texts)


def bounds_panel(snap: Snapshots, plans: Sequence[Plan]) -> Panel | None:
    """For how many units or entries each constraint is active; None without constraints.

    Args:
        snap: the weights.
        plans: one a step.
    """
    steps = [bounds_table(plan, {path: w[step] for path, w in snap.weights.items()}) for step, plan in enumerate(plans)]
    if not steps[0]:
        return None
    rows: list[list[str | None]] = [[row.path, None, None, None, None] for row in steps[0]]
    cells = [
        [
            cell
            for row in step
            for cell in (
                str(row.constraint),
                f"{row.held:,} of {row.of:,} {'entries' if row.entries else 'units'}",
                share(row.held, row.of),
                "0" if row.violation == 0 else number(row.violation, 2),
            )
        ]
        for step in steps
    ]
    head = ["parameter", "constraint", "active for", "", "violated by"]
    body = table("bounds-table", "Active constraints", head, rows, left=2, steps=cells, start=snap.start)
    words = (
        "<p>A constraint is active for a unit (or an entry) if changing its weights by 0.01 % would violate it. If it is "
        "active for many, it shapes the model; if for none, it could be left out.</p>"
    )
    return Panel("bounds", "Active constraints", body + words, {}, {"bounds-table": cells})
