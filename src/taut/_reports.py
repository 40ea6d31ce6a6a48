"""Where the pages are made: the one thing that a model, a path or a comparison knows about its report.

Reports read models and so live above them. A model that is asked for its page finds the writer here by the
kind of thing that it is, when it is asked: nothing below the reports imports them, and nothing that draws is
loaded before a page is wanted.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

__all__ = ["writer"]

_HOME = "taut.report.html"
_WRITERS = {"model": "model_page", "path": "path_page", "comparison": "comparison"}


def writer(kind: str) -> Callable[..., None]:
    """The function ``(thing, path, **options)`` that writes the page of a thing of this kind.

    >>> writer("model").__name__
    'model_page'
    """
    return getattr(importlib.import_module(_HOME), _WRITERS[kind])
