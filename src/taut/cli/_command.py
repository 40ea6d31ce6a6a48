"""What every command shares: one message instead of a traceback, and files that are whole or not there."""

from __future__ import annotations

import io
import os
import secrets
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from taut import _files

__all__ = ["Command", "check_out", "heading", "keep", "note", "replace_file", "write_files"]

# What taut and the libraries under it raise about what they were given. Anything else is a fault of ours.
_EXPECTED = (ValueError, TypeError, OSError, ModuleNotFoundError, ArithmeticError)


class Command(click.Command):
    """A command whose errors are one message and exit code 1, unless ``--debug`` asks for the traceback.

    Args:
        sections: headings for ``--help``, each with the names of its options; what is left comes last.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections or {}
        self.params.append(
            click.Option(["--debug"], is_flag=True, help="Show the Python traceback if an error occurs.")
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {option.name: record for option in options if (record := option.get_help_record(ctx))}
        for title, names in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Other options" if self.sections else "Options"):
            formatter.write_dl(list(records.values()))

    def invoke(self, ctx: click.Context) -> Any:
        debug = ctx.params.pop("debug", False)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if debug:
                raise
            raise click.ClickException(_message(error)) from None


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, _EXPECTED) and str(error):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}\nThis is a bug in taut. Please run the command again with --debug and report the output."


def heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def note(text: str) -> None:
    """Something the user should know; goes to standard error, so that a pipe gets the output alone."""
    click.echo(click.style("note: ", fg="yellow") + text, err=True)


def check_out(out: Path, *inputs: Path, hint: str = "'--out'") -> None:
    """Refuse, before any work is done, a place that cannot be written or that is one of the inputs.

    Raises:
        click.BadParameter: with the reason.
    """
    if out.is_dir():
        raise click.BadParameter(f"{out} is a directory; expected the name of a file.", param_hint=hint)
    if not out.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {out.parent}; create it first.", param_hint=hint)
    if not os.access(out.absolute().parent, os.W_OK):
        raise click.BadParameter(f"the directory {out.parent} cannot be written to.", param_hint=hint)
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise click.BadParameter(f"{out} is an input file; it would be overwritten.", param_hint=hint)


def check_model_out(out: Path, *inputs: Path) -> None:
    """`check_out` for a model file: the name of another program's format is refused too, before any training.

    Raises:
        click.BadParameter: with the reason.
    """
    check_out(out, *inputs)
    from taut.model.files import check_name

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name that saving warns of is no reason not to train
            check_name(out)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--out'") from None


def replace_file(out: Path, write: Callable[[io.BytesIO], Any]) -> None:
    """Write ``out`` whole or not at all: an error leaves what was there untouched."""
    buffer = io.BytesIO()
    write(buffer)
    _files.put(out, buffer.getvalue())


def write_files(*files: tuple[Path | None, Callable[[Path], Any], str]) -> bool:
    """Write files, each of ``(path or None, writer, what it is)``, and say so; one that fails does not stop the others.

    Returns:
        Whether all were written.
    """
    complete = True
    for out, write, what in files:
        if out is None:
            continue
        if _written(out, write):
            click.echo(f"  {out}: {what}")
        else:
            complete = False
    return complete


def _written(out: Path, write: Callable[[Path], Any]) -> bool:
    try:
        write(out)
    except OSError as error:
        click.secho("Error: ", fg="red", nl=False, err=True)
        known = error.filename or not error.strerror  # then the message has the name
        click.echo(_message(error) if known else f"{out}: {error.strerror}.", err=True)
        return False
    return True


def keep(out: Path, save: Callable[[Path], None], *inputs: Path) -> tuple[Path, bool]:
    """Save the result of a training; never lose it because ``out`` cannot be written.

    On a terminal the user is asked for another file (but none of the ``inputs``). Elsewhere, or if none is given, the
    result goes to the folder of temporary files.

    Returns:
        Where it was saved, and whether that is where the user wanted it.

    Raises:
        click.ClickException: no file could be written.
    """
    if _written(out, save):
        return out, True
    while answer := _another_file():
        other = Path(answer).expanduser()
        try:
            check_out(other, *inputs)
        except click.BadParameter as error:
            click.echo(error.message, err=True)
            continue
        if _written(other, save):
            return other, True
    return _aside(out, save), False


def _another_file() -> str:
    """What the user answers; nothing where nobody is there to be asked."""
    if not sys.stdin.isatty():
        return ""
    return click.prompt("Save to another file (empty: a temporary one)", default="", show_default=False, err=True)


def _aside(out: Path, save: Callable[[Path], None]) -> Path:
    path = Path(tempfile.gettempdir()) / f"{out.stem}-{secrets.token_hex(6)}{out.suffix or '.taut'}"
    try:
        save(path)
    except OSError as error:
        raise click.ClickException(
            f"the model could not be saved to {out}, nor to a temporary file: {_message(error)}"
        ) from None
    return path
