"""Tables of what was measured, into benchmarks/results/README.md and between the marks of README.md.

Both are written from the JSON records alone, so no number in them was typed by a person; a test holds the
README to what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.line import ROOT
from benchmarks.measure import RESULTS

ORDER = (
    "small_net",
    "wide_net",
    "process",
    "useless_inputs",
    "strengths",
    "path_speed",
    "path_groups",
    "path_selection",
    "path_optimum",
    "path_recovery",
    "path_growth",
    "compact",
    "sparse",
    "terms",
    "plans",
)
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"


def records(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    found = {name: record for name, record in found.items() if "figures" in record}  # the others measured no time
    return {name: found[name] for name in (*ORDER, *sorted(found.keys() - set(ORDER))) if name in found}


def number(value: float) -> str:
    """Three figures, as a person writes them: 0.0123, 1.05, 18.9, 1,480."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def between(low_high: list[float] | None) -> str:
    return " – ".join(map(number, low_high)) if low_high else ""


def origin(figure: dict[str, Any]) -> str:
    """What a figure is of the numbers it was made from, and the spread of that same figure if it has one."""
    if figure["spread"] is None:
        return figure["of"]
    low, high = figure["spread"]
    if figure["of"].startswith("mean"):
        return f"{figure['of']}, standard error {number((high - low) / 2)}"
    return f"{figure['of']}, middle half {between([low, high])}"


def summary(measured: dict[str, dict[str, Any]]) -> str:
    """The table of the README: each promise, what it was held to, what came out."""
    lines = ["| work | figure | aim | measured | what it is, and its spread |", "|---|---|---|---|---|"]
    for record in measured.values():
        for index, figure in enumerate(record["figures"]):
            work = record["title"] if index == 0 else ""
            sign = {">=": "≥", "<=": "≤", None: ""}[figure["sign"]]
            aim = f"{sign} {figure['bound']:g}" if sign else "–"
            value = number(figure["value"]) + (" (missed)" if figure["reached"] is False else "")
            lines.append(f"| {work} | {figure['text']} | {aim} | **{value}** | {origin(figure)} |")
    return "\n".join(lines)


def place(measured: dict[str, dict[str, Any]]) -> str:
    """One sentence: the machine and the day."""
    record = next(iter(measured.values()))
    machine = record["machine"]
    return (
        f"Measured on {record['date']}: {machine['processor']}, {machine['cores']} cores, {machine['memory']}, "
        f"{machine['system']}, Python {machine['python']}."
    )


def details(measured: dict[str, dict[str, Any]]) -> str:
    """Everything: each work with its command, its machine, what was checked, and every side."""
    parts = [
        "# What was measured",
        "Written by `make bench` from the JSON files beside it. The sides take turns in one run. A median over the rounds "
        "is that of the ratios within a round, with the middle half of them; a mean has its standard error; the largest or "
        "the least of several, a share and a single measurement have no spread.",
        summary(measured),
    ]
    for record in measured.values():
        machine = ", ".join(f"{key}: {value}" for key, value in record["machine"].items())
        parts += [f"## {record['title']}", f"`{record['command']}`, {record['date']}. {machine}."]
        rows = ["| side | median | middle half | least | most | runs | about |", "|---|---|---|---|---|---|---|"]
        for name, side in record["sides"].items():
            about = ", ".join(f"{key} {value}" for key, value in side["about"].items() if key != "learned")
            runs = side["runs"]
            ends = f"{number(min(runs))} | {number(max(runs))} | {len(runs)}"
            median = f"{number(side['median'])} {side['unit']}"
            rows.append(f"| {name} | {median} | {between(side['spread'])} | {ends} | {about} |")
        parts.append("\n".join(rows))
        if "grid" in record:
            lines = [record["grid"]["head"], ["---"] * len(record["grid"]["head"]), *record["grid"]["rows"]]
            parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
        if record.get("checks"):
            parts.append("Checked before timing:\n\n" + "\n".join(f"- {fact}" for fact in record["checks"]))
    return "\n\n".join(parts) + "\n"


def filled(document: str, measured: dict[str, dict[str, Any]]) -> str:
    """``document`` with the summary between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    figures = f"{summary(measured)}\n\n{place(measured)}\n\n" if measured else ""
    return f"{before}{BEGIN}\n\n{figures}{END}{after}"


def main() -> None:
    measured = records()
    if not measured:
        raise SystemExit(f"No records in {RESULTS}; run a benchmark first.")
    (RESULTS / "README.md").write_text(details(measured), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf-8"), measured), encoding="utf-8")


if __name__ == "__main__":
    main()
