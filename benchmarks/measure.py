"""Taking turns, checking before timing, and writing down what was measured on which machine."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.line import ROOT

RESULTS = ROOT / "benchmarks" / "results"
KERAS_PYTHON = ROOT / ".venv-keras" / "bin" / "python"


@dataclass(frozen=True)
class Figure:
    """A promise: ``over`` divided by ``under``, held to ``bound``; ``None`` for one that is only reported.

    A record says what its value is of the numbers it was made from (``of``: "median of 9 rounds"), and has the spread of
    that same value, made from the same numbers, or none.
    """

    text: str
    over: str
    under: str
    sign: Literal[">=", "<="] | None = None
    bound: float | None = None

    def record(self, runs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
        """The median of the ratios within each round, and the quartiles between which half of them lie."""
        return self.median([over / under for over, under in zip(runs[self.over], runs[self.under], strict=True)])

    def median(self, values: Sequence[float]) -> dict[str, Any]:
        """Of one value a round; half of them lie between the quartiles."""
        spread = middle_half(values)
        return self.alone(statistics.median(values), f"median of {len(values)} rounds") | {"spread": spread}

    def mean(self, values: Sequence[float], what: str) -> dict[str, Any]:
        """Of one value a seed or table (``what``). A mean may lie outside the quartiles; its spread is its standard error."""
        mean, error = statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5
        return self.alone(mean, f"mean of {len(values)} {what}") | {"spread": [mean - error, mean + error]}

    def alone(self, value: float, of: str) -> dict[str, Any]:
        """A value that has no spread, such as the largest of several."""
        reached = None
        if self.sign is not None and self.bound is not None:
            reached = value >= self.bound if self.sign == ">=" else value <= self.bound
        return asdict(self) | {"value": value, "of": of, "spread": None, "reached": reached}


def middle_half(values: Sequence[float]) -> list[float] | None:
    """The first and the third quartile; none of a single value."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


def side(runs: Sequence[float], unit: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "median": statistics.median(runs),
        "spread": middle_half(runs),
        "unit": unit,
        "runs": list(runs),
        "about": dict(about),
    }


def between(spread: Sequence[float] | None) -> str:
    return f"({spread[0]:.3g} to {spread[1]:.3g})" if spread else ""


def take_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every side once a round, each round beginning with the next side."""
    runs: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            runs[name].append(sides[name]())
            say(f"  round {turn + 1}/{rounds}  {name}")
    return runs


def check(holds: bool, what: str) -> str:
    """A fact that must be true before anything is timed; kept in the record."""
    if not holds:
        raise SystemExit(f"Not timed, because its result is wrong: {what}")
    say(f"  checked: {what}")
    return what


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"The machine is busy (load {load:.1f}): ratios may stand, times will not.")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": round(load, 2),
    }


def options(description: str | None, rounds: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of every side (default {rounds})")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes and two rounds, written nowhere: proves the script only",
    )
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds = 2
    return chosen


def write(name: str, title: str, quick: bool, before: Mapping[str, Any], **measured: Any) -> None:
    """Print the figures, and keep the record as ``benchmarks/results/<name>.json`` unless ``quick``."""
    record = {
        "title": title,
        "command": f"python -m benchmarks.{name}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": dict(before),
    } | measured
    for about, numbers in record["sides"].items():
        print(f"{about:36} {numbers['median']:10.4g} {numbers['unit']}  {between(numbers['spread'])}")
    for figure in record["figures"]:
        aim = f"{figure['sign']} {figure['bound']:g}" if figure["sign"] else "reported"
        word = {True: "reached", False: "MISSED", None: ""}[figure["reached"]]
        print(f"{figure['text']:44} {figure['value']:8.3g}  {figure['of']} {between(figure['spread'])}  {aim:9} {word}")
    if quick:
        say("--quick: nothing is written")
        return
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False, default=float)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
