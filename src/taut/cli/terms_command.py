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


@click.command(cls=Command, short_help="List all regularizers and constraints, and when to use them.", epilog=EXAMPLES)
@click.argument("names", nargs=-1, metavar="[TERM]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def terms(names: tuple[str, ...], as_json: bool) -> None:
    """List all terms (regularizers and constraints), or show all details of the terms that are named."""
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
    click.echo("taut terms NAME shows the formula, how the term acts, an example, and its names in other libraries.")


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
    """The properties of the class, in words."""
    cls = entry.cls
    if entry.kind == "regularizer":
        yield "scale", _scale(entry)
        if isinstance(cls.smooth, bool):
            yield "shape", f"{'smooth' if cls.smooth else 'not smooth'}, {_convex(cls)}"
            yield "acts", _acts(cls)
        else:
            yield (
                "acts",
                "like its parts: by proximal steps if one of them is not smooth and their joint step is known",
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
        return "as in the formula, divided by the batch size, like every activity penalty in Keras"
    if "scale_by_size" in names:
        return "as in the formula; scale_by_size=True multiplies by the square root of the size of a group"
    return "as in the formula: a sum over the weights, not a mean, without a factor ½ unless it is written"


def _acts(cls: Any) -> str:
    if cls.smooth:
        return "by its gradient" + ("; .acting('proximal') on request" if cls.has_prox else "")
    if not cls.has_prox:
        return "by its gradient (no exact proximal map is known), so weights become small, not exactly zero"
    one_step = getattr(cls, "metric", True) == "group"
    tail = "with one step size per group, the smallest" if one_step else "with the optimizer's scaling of each weight"
    return f"by exact proximal steps after each step of the optimizer, {tail}"


def _projects(cls: Any) -> str:
    if not isinstance(cls.convex, bool) or not isinstance(cls.metric, bool):
        return "projects to the nearest point after every optimizer step, if its parts allow it"
    if cls.separable is True:
        return "projects to the nearest point after every optimizer step, each weight on its own"
    if not cls.convex or not cls.metric:
        return "projects to the nearest point (Euclidean distance) after every optimizer step"
    return "projects to the nearest point after every optimizer step, with the optimizer's scaling of each weight"


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
