"""What users write, made harmless: in HTML, in plotly's labels, and in JSON inside a script element.

Column names and labels come from other people's files. Every one of them passes through here.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

__all__ = ["clean", "escape", "label", "name", "script_json"]

# Control characters, line separators, half surrogates (which UTF-8 cannot hold), and the marks that
# turn the direction of what follows, with which a name could rearrange the words around it.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]+")


def clean(value: Any) -> str:
    """The text of ``value`` in one line, what cannot be seen replaced by a sign that can.

    >>> clean("two\\nlines"), clean("a\\u202eb")
    ('two lines', 'a�b')
    """
    return _UNSEEN.sub(lambda found: " " if found.group().isspace() else "\ufffd", str(value)).strip()


def escape(value: Any) -> str:
    """Text for HTML, between tags and inside a quoted attribute alike.

    >>> escape('<b class="x">')
    '&lt;b class=&quot;x&quot;&gt;'
    """
    return html.escape(clean(value), quote=True)


def name(value: Any) -> str:
    """A user's word among ours: escaped, and of a direction of its own.

    >>> name("age")
    '<bdi>age</bdi>'
    """
    return f"<bdi>{escape(value)}</bdi>"


def label(value: Any, width: int = 24) -> str:
    """Text for plotly, shortened to ``width`` characters; plotly draws a few HTML tags, and formulas between dollars.

    >>> label("<b>bold</b>"), label("abcdefgh", 5), label("$x$")
    ('&lt;b&gt;bold&lt;/b&gt;', 'abcd…', '&#36;x&#36;')
    """
    text = clean(value)
    text = html.escape(text if len(text) <= width else text[: width - 1] + "…", quote=False)
    return text.replace("$", "&#36;")


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or a line.

    Raises:
        ValueError: a NaN or an infinity, for which JSON has no word.

    >>> script_json({"a": "</script>\\u2028"})
    '{"a":"\\\\u003c/script\\\\u003e\\\\u2028"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
