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
    epilog="To start, run: taut demo. Every command has its own --help with examples.",
)
@click.version_option(__version__, prog_name="taut")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Train neural networks with exact regularization and constraints.

    Regularizers (l1, l2, group_lasso and others) make weights small or exactly zero. Constraints (non_neg,
    max_norm, box and others) keep weights within bounds that hold exactly after every training step.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    _show_warnings_as_notes(ctx)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal without Unicode shows "?" rather than a traceback
            reconfigure(errors="replace")


def _show_warnings_as_notes(ctx: click.Context) -> None:
    """Print the warnings that taut gives in Python as one line each."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, UserWarning):
            note(str(message))
        else:
            before(message, category, *rest)

    warnings.showwarning = show
    ctx.call_on_close(lambda: setattr(warnings, "showwarning", before))


for _one in (
    demo.demo,
    terms_command.terms,
    fit.fit,
    path.path,
    compare.compare,
    predict.predict,
    report.report,
):
    main.add_command(_one)
