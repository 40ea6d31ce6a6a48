"""One cell as a number, as people write them: 1,234.50 and 1.234,50, $5, 10.5 %, (3.00) for -3, 1 234.5."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DECIMALS", "PLAIN", "Cell", "Notation", "is_plain", "number", "parse"]

DECIMALS = (".", ",")

_CURRENCIES = "$¢£¤¥฿" + "".join(map(chr, range(0x20A0, 0x20C1)))
_UNIT = f"[{re.escape(_CURRENCIES)}]|USD|EUR|GBP|CHF|JPY|CNY|INR"
_SIGN = "[+\\-\u2212]"  # the last one is the minus sign of typesetters
_GAPS = "'\u2019 \u00a0\u202f"  # apostrophes and spaces between thousands
_LONGEST = 400  # characters; float64 has 309 digits before the point
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


def _pattern(decimal: str) -> re.Pattern[str]:
    group = "," if decimal == "." else r"\."
    point = re.escape(decimal)
    thousands = rf"[1-9]\d{{0,2}}(?P<gap>[{group}{_GAPS}])\d{{3}}(?:(?P=gap)\d{{3}})*"
    lakhs = r"|[1-9]\d?(?:,\d{2})+,\d{3}" if decimal == "." else ""  # India: 12,34,567
    digits = rf"(?:(?:{thousands}{lakhs}|\d+)(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
    return re.compile(
        rf"(?P<open>\()?\s*(?P<sign>{_SIGN})?\s*(?P<before>{_UNIT})?\s*(?P<inner>{_SIGN})?\s*(?P<digits>{digits})"
        rf"\s*(?P<after>{_UNIT}|%)?\s*(?P<close>\))?"
    )


_PATTERNS = {decimal: _pattern(decimal) for decimal in DECIMALS}


@dataclass(frozen=True)
class Notation:
    """How a column writes its numbers: the decimal sign, whether every cell has a %, and the currency if it has one."""

    decimal: str = "."
    percent: bool = False
    unit: str = ""


PLAIN = Notation()


class Cell(NamedTuple):
    value: float
    unit: str
    percent: bool


def number(text: str, decimal: str) -> float:
    """One cell as a number; NaN if it is none.

    >>> number("1.234,50 €", ","), number("(1,234.50)", "."), number("10.5%", "."), number("1,5", ".")
    (1234.5, -1234.5, 0.105, nan)
    """
    found = parse(text, decimal)
    return float("nan") if found is None else found.value


def parse(text: str, decimal: str) -> Cell | None:
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    match = _PATTERNS[decimal].fullmatch(text)
    if match is None:
        return Cell(float(text), "", False) if _INFINITE.fullmatch(text) else None
    signs = [sign for sign in (match["sign"], match["inner"]) if sign]
    both_ends = bool(match["before"]) and match["after"] not in (None, "%")
    if bool(match["open"]) != bool(match["close"]) or both_ends or len(signs) + bool(match["open"]) > 1:
        return None
    digits = match["digits"]
    for gap in ("," if decimal == "." else ".", *_GAPS):
        digits = digits.replace(gap, "")
    value = float(digits.replace(decimal, "."))
    percent = match["after"] == "%"
    unit = match["before"] or ("" if percent else match["after"]) or ""
    minus = bool(match["open"]) or (bool(signs) and signs[0] != "+")
    return Cell((-value if minus else value) / (100 if percent else 1), unit, percent)


def is_plain(text: str, value: float) -> bool:
    return _INFINITE.fullmatch(text) is not None or (_PLAIN.fullmatch(text) is not None and float(text) == value)
