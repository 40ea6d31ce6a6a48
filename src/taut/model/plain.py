"""Checks of a description: JSON must give every value back unchanged, and a file may ask for a limited amount only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from taut import errors

__all__ = ["DEPTH", "LAYERS", "check", "check_size", "parse"]

LAYERS = 4096
"""Layers of one model. Building, naming and binding take about 5 ms a layer, so a file can ask for half a minute."""
LONGEST = 4096
"""Bits of an integer. Python reads no more than 4,300 digits, about 14,000 bits, unless it is told to."""
MEMBERS = 64
"""Terms in one sum or intersection, and metrics of one model."""
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
    elif isinstance(value, int) and value.bit_length() > LONGEST:
        raise ValueError(f"{place} is an integer of {value.bit_length():,} bits, and a file holds at most {LONGEST:,}.")
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
        ValueError: more than `LAYERS` layers, `MEMBERS` terms or metrics in one list, or `DEPTH` levels.
    """
    count = len(description["layers"])
    if count > LAYERS:
        raise ValueError(f"it has {count:,} layers, and a file may hold at most {LAYERS:,}.")
    measured = (description["compile"] or {}).get("metrics", ())
    if len(measured) > MEMBERS:
        raise ValueError(_too_many(len(measured), "metrics"))
    level: list[Any] = [description["layers"], description["attached"], description["compile"]]
    for depth in range(DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, list):
                members = sum(isinstance(inner, Mapping) and "class_name" in inner for inner in value)
                if depth and members > MEMBERS:
                    raise ValueError(_too_many(members, "terms"))
                below += value
            elif isinstance(value, dict):
                below += value.values()
        if not below:
            return
        level = below
    raise ValueError(f"its terms are nested in more than {DEPTH} levels.")


def _too_many(count: int, what: str) -> str:
    return f"it has a list of {count:,} {what}, and a file may hold at most {MEMBERS:,} in one list."
