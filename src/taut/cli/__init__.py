"""taut from a shell: `taut demo`, `taut fit`, `taut predict`, `taut report`."""

from __future__ import annotations

import os
import sys

import click

from taut import __version__
from taut.cli.demo import demo
from taut.cli.fit import fit
from taut.cli.predict import predict
from taut.cli.report import report

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
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal without Unicode shows "?" rather than a traceback
            reconfigure(errors="replace")


for _command in (demo, fit, predict, report):
    main.add_command(_command)
