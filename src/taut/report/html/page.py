"""One file that needs nothing else: the style, the numbers, plotly and a few lines of script, in one page.

The page's own policy forbids every request and every script but those two, by their digests: should a name
ever slip through its escaping, it still would not run.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from taut import _files
from taut._extras import require
from taut.report.html.escape import escape, script_json
from taut.report.html.parts import Panel, moving

__all__ = ["Slider", "page", "write"]


@dataclass(frozen=True)
class Slider:
    """The strength, moved by hand.

    Attributes:
        spoken: for each step what a screen reader says of it.
        facts: for each step the texts of the figures beside the slider, one each of ``heads``.
        heads: their names.
        start: the step shown first.
        marks: (words, step) of the buttons that jump.
    """

    spoken: Sequence[str]
    facts: Sequence[Sequence[str]]
    heads: Sequence[str]
    start: int = 0
    marks: Sequence[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


def page(title: str, lead: str, panels: Sequence[Panel], slider: Slider | None = None, *, warning: str = "") -> str:
    """The whole page.

    Args:
        title: its heading, as text.
        lead: what is under it: safe HTML.
        panels: its sections, in order.
        slider: what moves them; None for a page of one step.
        warning: text that the reader must see first.
    """
    texts = {place: found for panel in panels for place, found in panel.texts.items()}
    data: dict[str, Any] = {
        "charts": {place: chart.to_dict() for panel in panels for place, chart in panel.charts.items()},
        "texts": {},
        "steps": 1,
        "start": 0,
        "spoken": [],
    }
    if slider is not None:
        texts["facts"] = slider.facts
        data |= {"texts": texts, "steps": len(slider.spoken), "start": slider.start, "spoken": list(slider.spoken)}
    plotly = require("plotly.offline", "A report in HTML").get_plotlyjs()
    script = _resource("page.js")
    digests = " ".join(f"'sha256-{_digest(source)}'" for source in (plotly, script))
    policy = (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    notes = [note for panel in panels for note in panel.notes]
    sections = "\n".join(_section(panel) for panel in panels)
    links = "".join(f'<li><a href="#{escape(p.key)}">{escape(p.title)}</a></li>' for p in panels)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{_resource("page.css")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header class="top"><h1>{escape(title)}</h1>
{lead}
{f'<p class="warning">{escape(warning)}</p>' if warning else ""}
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
{_slider(slider) if slider is not None else ""}
<main id="main" tabindex="-1">
<noscript><p class="warning">This page draws with its own script, which is switched off here. The tables are
complete; the charts and the slider are not shown.</p></noscript>
{sections}
{_notes(notes)}
</main>
<script type="application/json" id="taut-data">{script_json(data)}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def _section(panel: Panel) -> str:
    key = escape(panel.key)
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(panel.title)}</h2>'
        f"{panel.html}</section>"
    )


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    rows = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        '<section id="summarised" aria-labelledby="summarised-title"><h2 id="summarised-title">What was summarised</h2>'
        f"<ul>{rows}</ul></section>"
    )


def _slider(slider: Slider) -> str:
    facts = "".join(
        f"<div><dt>{escape(head)}</dt><dd>{moving(fact)}</dd></div>"
        for head, fact in zip(slider.heads, slider.facts[slider.start], strict=True)
    )
    marks = "".join(f'<button type="button" data-step="{i}">{escape(words)}</button>' for words, i in slider.marks)
    return (
        '<div class="bar" role="group" aria-label="Strength"><div class="inner">'
        '<div class="row"><label for="strength">Strength</label>'
        f'<input type="range" id="strength" min="0" max="{len(slider.spoken) - 1}" step="1" value="{slider.start}" '
        f'aria-valuetext="{escape(slider.spoken[slider.start])}" autocomplete="off">{marks}</div>'
        f'<dl id="facts">{facts}</dl></div></div>'
        '<p id="said" class="unseen" role="status" aria-live="polite"></p>'
    )


def write(path: str | os.PathLike[str], html: str) -> None:
    """Write the page whole or not at all; see `taut._files.put`."""
    _files.put(path, html.encode())


def _resource(name: str) -> str:
    return files("taut.report.html").joinpath(name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
