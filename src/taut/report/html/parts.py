"""What a page is made of: panels, charts, tables, and the texts that change with the slider.

A step is one position of the slider. A chart holds plotly's traces and layout once, and of each step only
what differs from them; colours are words such as ``@accent``, which the page's style turns into light or dark.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taut.report.html.escape import escape, name

__all__ = ["Chart", "Panel", "figure", "key", "moving", "number", "numbers", "packed", "share", "table"]

Json = dict[str, Any]
WORD = 24  # characters of a word that a column can be as wide as; longer ones break


@dataclass(frozen=True)
class Chart:
    """One plotly chart.

    Attributes:
        data: plotly's traces.
        layout: plotly's layout.
        label: what it shows, for those who do not see it.
        steps: for each step ``{"data": {trace: {attribute: value}}, "layout": {...}}``; empty if nothing moves.
        height: pixels; used if there is no ``aspect``.
        aspect: height over width, for images.
        jump: a click on a point moves the slider to it.
    """

    data: list[Json]
    layout: Json
    label: str
    steps: list[Json] = field(default_factory=list[Json])
    height: int = 260
    aspect: float | None = None
    jump: bool = False

    def to_dict(self) -> Json:
        return {
            "data": self.data,
            "layout": self.layout,
            "steps": self.steps,
            "height": self.height,
            "aspect": self.aspect,
            "jump": self.jump,
        }


@dataclass(frozen=True)
class Panel:
    """One section of a page: safe HTML, the charts that it has places for, and the texts that move.

    ``texts`` maps the id of an element to one list of texts a step, for its parts marked as `moving`, in order.
    ``notes`` say what was left out or summarised.
    """

    key: str
    title: str
    html: str
    charts: Mapping[str, Chart] = field(default_factory=dict[str, Chart])
    texts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict[str, Sequence[Sequence[str]]])
    notes: Sequence[str] = ()


def figure(place: str, chart: Chart, caption: str) -> str:
    """The place of a chart, with a caption (safe HTML) and, for those who do not see it, its label."""
    return (
        f'<figure><figcaption>{caption}</figcaption><div role="img" aria-label="{escape(chart.label)}">'
        f'<div class="chart" id="{escape(place)}" aria-hidden="true"></div></div></figure>'
    )


def key(*items: tuple[str, str]) -> str:
    """A legend in words: (kind of mark, what it means) pairs; the kinds are classes in page.css.

    >>> key(("accent", "validation"))
    '<ul class="key"><li><i class="accent"></i>validation</li></ul>'
    """
    rows = "".join(f'<li><i class="{escape(kind)}"></i>{escape(text)}</li>' for kind, text in items)
    return f'<ul class="key">{rows}</ul>'


def moving(text: str) -> str:
    """A text that changes with the slider, as it is at the first step shown."""
    return f"<span data-moves>{escape(text)}</span>"


def table(
    place: str,
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    *,
    left: int = 1,
    steps: Sequence[Sequence[str]] = (),
    start: int = 0,
    marks: Sequence[str] = (),
) -> str:
    """A table that scrolls sideways by itself where the page is narrow.

    Args:
        place: its id.
        caption: what it holds.
        head: names of the columns.
        rows: texts; None is a cell that moves, the texts of which are in ``steps``, row by row.
        left: how many columns are words, to the left; the others are numbers, to the right.
        steps: for each step the texts of the moving cells.
        start: the step shown first.
        marks: for a table with a row a step, the class of each row, or "": the row of the present step is lit.
    """
    cells = iter(steps[start] if steps else ())
    kinds = ["" if i < left else "number" for i in range(len(head))]

    def cell(i: int, text: str | None) -> str:
        body = moving(next(cells)) if text is None else name(text) if i < left else escape(text)
        kind = kinds[i] if text is None or max(map(len, text.split()), default=0) <= WORD else "long"
        return f'<th scope="row"{_class(kind)}>{body}</th>' if i == 0 else f"<td{_class(kind)}>{body}</td>"

    heads = "".join(
        f'<th scope="col"{_class(kind)}>{escape(text)}</th>' for kind, text in zip(kinds, head, strict=True)
    )
    body = "".join(
        f"<tr{_class(marks[r]) if marks else ''}{f' data-row={chr(34)}{r}{chr(34)}' if marks else ''}>"
        + "".join(cell(i, text) for i, text in enumerate(row))
        + "</tr>"
        for r, row in enumerate(rows)
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table id="{escape(place)}">'
        f'<caption class="unseen">{escape(caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""


def number(value: Any, digits: int = 4) -> str:
    """A number in a few digits, or a dash for none.

    >>> number(0.123456), number(1200000.0), number(float("nan")), number(None)
    ('0.1235', '1.2e+06', '–', '–')
    """
    if value is None or not np.isfinite(value):
        return "–"
    return f"{float(value) + 0.0:.{digits}g}"


def share(part: int, whole: int) -> str:
    """A part of a whole; 100 % is all of it, and nothing less.

    >>> share(1, 8), share(999, 1000), share(0, 0)
    ('12 %', '99.9 %', '–')
    """
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    if part in (0, whole) or 1 <= percent < 99:
        return f"{percent:.0f} %"
    return "< 0.01 %" if percent < 0.01 else f"{min(percent, 99.99):.4g} %" if percent > 1 else f"{percent:.2g} %"


def numbers(values: Any) -> list[float | None]:
    """Numbers for JSON in six digits; what is not finite becomes null, a gap."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in np.asarray(values, np.float64).ravel().tolist()]


def packed(array: np.ndarray) -> Json:
    """An array as its bytes, the shortest form that JSON has; rows where it has two axes.

    >>> packed(np.asarray([[1, 2]], np.int8))
    {'dtype': 'i1', 'bdata': 'AQI=', 'shape': '1, 2'}
    """
    array = np.ascontiguousarray(array)
    spec: Json = {"dtype": array.dtype.str[1:], "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    if array.ndim == 2:
        spec["shape"] = f"{array.shape[0]}, {array.shape[1]}"
    return spec
