"""taut from a shell: `taut demo`, `terms`, `fit`, `path`, `compare`, `predict` and `report`."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import taut.cli._needs  # noqa: F401 (before click: it says how to install what is missing)

import click

from taut import __version__
from taut.cli import compare, demo, fit, path, predict, report, terms_command
from taut.cli._command import note

__all__ = ["main"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with:  taut demo.  Each command has its own --help, with examples.",
)
@click.version_option(__version__, prog_name="taut")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Train neural networks whose weights are kept in hand.

    A regularizer (l1, l2, group_lasso, ...) makes weights small or exactly zero; a constraint
    (non_neg, max_norm, box, ...) keeps them inside a bound, exactly, after every step.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    _show_warnings_as_notes(ctx)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal without Unicode shows "?" rather than a traceback
            reconfigure(errors="replace")


def _show_warnings_as_notes(ctx: click.Context) -> None:
    """What taut warns a Python user of, such as bounds on norms taken for bounds on values, in one line."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, UserWarning):
            note(str(message))
        else:
            before(message, category, *rest)

    warnings.showwarning = show
    ctx.call_on_close(lambda: setattr(warnings, "showwarning", before))


for _command in (
    demo.demo,
    terms_command.terms,
    fit.fit,
    path.path,
    compare.compare,
    predict.predict,
    report.report,
):
    main.add_command(_command)
