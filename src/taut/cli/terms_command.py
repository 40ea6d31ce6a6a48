"""`taut terms`: the catalogue in the shell, whole or one term of it. (The language of terms is `taut.cli.terms`.)"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import click

from taut import catalogue, identifiers
from taut.catalogue import Entry
from taut.cli._command import Command, heading
from taut.errors import nearest

__all__ = ["terms"]

EXAMPLES = """
\b
Examples:
  taut terms
  taut terms l1
  taut terms group_lasso max_norm
  taut terms --json
"""
HEADINGS = {
    "regularizer": "Regularizers add a penalty to the loss",
    "constraint": "Constraints keep weights inside a set",
}
_INDENT = 24


@click.command(cls=Command, short_help="Every term, and when to use it.", epilog=EXAMPLES)
@click.argument("names", nargs=-1, metavar="[TERM]...")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, for programs.")
def terms(names: tuple[str, ...], as_json: bool) -> None:
    """List the catalogue of terms by family, or say everything about the terms that are named."""
    entries = list(catalogue.ENTRIES) if not names else [entry for name in names for entry in _find(name)]
    if as_json:
        click.echo(json.dumps([_facts(entry) for entry in entries], indent=1, ensure_ascii=False))
    elif names:
        for number, entry in enumerate(entries):
            if number:
                click.echo()
            _show(entry)
    else:
        _list(entries)


def _find(name: str) -> tuple[Entry, ...]:
    found = catalogue.find(name)
    if found:
        return found
    known = sorted({identifiers.snake_case(entry.name) for entry in catalogue.ENTRIES})
    close = nearest(name, known)
    hint = f" The nearest names are {', '.join(close)}." if close else ""
    raise click.UsageError(f"There is no term {name!r}.{hint} `taut terms` lists all {len(catalogue.ENTRIES)}.")


def _list(entries: list[Entry]) -> None:
    for kind, words in HEADINGS.items():
        heading(words)
        family = ""
        for entry in (entry for entry in entries if entry.kind == kind):
            if entry.family != family:
                family = entry.family
                click.secho(f"  {family}", fg="cyan")
            name = identifiers.snake_case(entry.name)
            click.echo(_wrapped(f"    {name}", entry.use))
    click.echo()
    click.echo("taut terms NAME says more: its formula, how it acts, an example, its names elsewhere.")


def _show(entry: Entry) -> None:
    click.secho(entry.signature, bold=True, nl=False)
    click.echo(f"   {entry.kind}, {entry.family}")
    click.echo(_wrapped("", entry.does.replace("`", ""), indent=2))
    click.echo()
    for label, text in _facts(entry)["about"].items():
        click.echo(_wrapped(f"  {label}", text, indent=14))
    click.echo()
    for line in entry.example:
        click.echo(f"    {line}")


def _facts(entry: Entry) -> dict[str, Any]:
    about = {"use": entry.use, "formula": entry.formula, **dict(_properties(entry))}
    if entry.peers:
        about["elsewhere"] = entry.peers
    return {
        "name": identifiers.snake_case(entry.name),
        "class": f"taut.{entry.kind}s.{entry.name}",
        "kind": entry.kind,
        "family": entry.family,
        "signature": entry.signature,
        "does": entry.does.replace("`", ""),
        "about": about,
        "example": list(entry.example),
    }


def _properties(entry: Entry) -> Iterator[tuple[str, str]]:
    """What the class says of itself, in words."""
    cls = entry.cls
    if entry.kind == "regularizer":
        yield "scale", _scale(entry)
        if isinstance(cls.smooth, bool):
            yield "shape", f"{'smooth' if cls.smooth else 'with a kink'}, {_convex(cls)}"
            yield "acts", _acts(cls)
        else:
            yield (
                "acts",
                "as its parts do: by proximal steps if one of them has a kink and all of them have a step together",
            )
    else:
        yield "acts", _projects(cls)
        if isinstance(cls.convex, bool):
            yield "set", _convex(cls)
    option = "activity_regularizer=" if entry.family == "activities" else f"kernel_{entry.kind}="
    if all(field.default is not dataclasses.MISSING for field in dataclasses.fields(cls)):
        yield "in a layer", f'Dense(64, {option}"{identifiers.snake_case(entry.name)}")'
    reference = re.search(r"^Reference: (.+?)\.?$", inspect.getdoc(cls) or "", re.MULTILINE)
    if reference:
        yield "reference", reference[1]


def _scale(entry: Entry) -> str:
    names = {field.name for field in dataclasses.fields(entry.cls)}
    if entry.family == "activities":
        return "as the formula says, then divided by the batch size, as every activity penalty is in Keras"
    if "scale_by_size" in names:
        return "as the formula says; scale_by_size=True multiplies by the square root of a group's size"
    return "as the formula says: a sum over the weights, not a mean, and no ½ that is not written"


def _acts(cls: Any) -> str:
    if cls.smooth:
        return "by its gradient" + ("; .acting('proximal') on request" if cls.has_prox else "")
    if not cls.has_prox:
        return "by its gradient (no exact proximal map is known), so its zeros are small numbers"
    one_step = getattr(cls, "metric", True) == "group"
    tail = "with one step a group, the smallest" if one_step else "in the optimizer's own metric"
    return f"by exact proximal steps after the optimizer's, {tail}"


def _projects(cls: Any) -> str:
    if not isinstance(cls.convex, bool) or not isinstance(cls.metric, bool):
        return "the nearest point after every optimizer step, as its parts allow"
    if cls.separable is True:
        return "the nearest point after every optimizer step: entry by entry, the same in every metric"
    if not cls.convex or not cls.metric:
        return "the nearest point (Euclidean) after every optimizer step"
    return "the nearest point after every optimizer step, in the optimizer's own metric"


def _convex(cls: Any) -> str:
    return "convex" if cls.convex is True else "not convex"


def _wrapped(label: str, text: str, indent: int = _INDENT) -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    return textwrap.fill(
        text,
        width=max(width, indent + 30),
        initial_indent=label.ljust(indent) if len(label) < indent else f"{label} ",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
