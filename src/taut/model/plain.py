"""What JSON gives back as it was put in, and the bounds on what a description may ask for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from taut import errors

__all__ = ["DEPTH", "LAYERS", "check", "check_size", "parse"]

LAYERS = 4096
"""Layers of one model. Building, naming and binding take about 5 ms a layer, so a file can ask for half a minute."""
DEPTH = 100
"""Lists and dicts inside one another in the description of layers and terms: a term within a term is three of them."""


def check(value: Any, place: str) -> Any:
    """``value``, if JSON gives it back equal.

    Raises:
        TypeError, ValueError: something that would come back as another thing, or not at all, with its place in it.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(
                    f"{place} has the key {errors.shown(key)}, and a file holds text as keys alone (it would come back "
                    f"as {str(key)!r}). Write str(key), or a list of pairs."
                )
            check(inner, f"{place}[{key!r}]")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            check(inner, f"{place}[{i}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is {value}, and a file holds finite numbers. Use None for a value that is missing.")
    elif value is not None and not isinstance(value, bool | int | float | str):
        hint = {"tuple": "list(value)", "set": "sorted(value)", "ndarray": "value.tolist()"}.get(
            type(value).__name__, "value.item()" if hasattr(value, "item") else ""
        )
        raise TypeError(
            f"{place} is {errors.shown(value)} ({type(value).__name__}), expected strings, finite numbers, True, False, "
            f"None, lists, and dicts with text as keys." + (f" Write {hint}." if hint else "")
        )
    return value


def parse(body: str) -> Any:
    """The JSON text ``body``; NaN and infinity, which Python would take, are no JSON."""

    def refuse(name: str) -> Any:
        raise ValueError(f"it holds {name}")

    return json.loads(body, parse_constant=refuse)


def check_size(description: Mapping[str, Any]) -> None:
    """Refuse what no model needs before any time is spent on it.

    Raises:
        ValueError: more than `LAYERS` layers, or more than `DEPTH` levels.
    """
    count = len(description["layers"])
    if count > LAYERS:
        raise ValueError(f"it has {count:,} layers, and a file may hold at most {LAYERS:,}.")
    level: list[Any] = [description["layers"], description["attached"], description["compile"]]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError(f"its terms are nested in more than {DEPTH} levels.")
