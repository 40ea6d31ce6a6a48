"""Proximal maps and projections beside a plain copy of the same array, and beside the libraries that have them."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.line import Peer
from benchmarks.measure import Figure, check, machine, options, say, side, write
from benchmarks.peers import terms_works as works

LIBRARIES = {"jitted JAX": "terms_jax", "numpy": "terms_numpy", "PyTorch": "terms_torch"}
JAX = "jitted JAX"
SLOW = 0.5  # seconds: a side that takes longer gets three turns

Runs = dict[tuple[str, int, str], dict[str, list[float]]]  # (library, size, map) → side → seconds of each round


def turns(peer: Peer, name: str, sides: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of every side of a map, in turns, each round beginning with the next one."""
    runs: dict[str, list[float]] = {s: [] for s in sides}
    for turn in range(rounds):
        first = turn % len(sides)
        for s in sides[first:] + sides[:first]:
            if len(runs[s]) < 3 or runs[s][0] < SLOW:
                runs[s].append(peer.call("seconds", name=name, side=s))
    return runs


def ratios(over: list[float], under: list[float]) -> list[float]:
    return [a / b for a, b in zip(over, under, strict=False)]  # a slow side has fewer rounds


def worst(found: dict[str, list[float]]) -> tuple[str, list[float]]:
    """Of named ratios, those with the highest median."""
    name = max(found, key=lambda key: statistics.median(found[key]))
    return name, found[name]


def figures(runs: Runs, sizes: list[int]) -> list[dict[str, Any]]:
    """The promises, each held to its worst map and size."""

    def to_copy(names: tuple[str, ...], size: int) -> dict[str, list[float]]:
        return {n: ratios(runs[JAX, size, n][works.TAUT], runs[JAX, size, n][works.COPY]) for n in names}

    def judged(text: str, found: dict[str, list[float]], bound: float) -> dict[str, Any]:
        name, values = worst(found)
        figure = Figure(f"{text} ({name})", "", "", "<=", bound)
        return figure.median(values)

    made = [
        judged(f"slowest map of single entries over a copy, {s:,} entries", to_copy(works.ENTRYWISE, s), 1.5)
        for s in sizes
    ]
    made += [
        judged(f"slowest map of row norms over a copy, {s:,} entries", to_copy(works.NORMS, s), 3.0) for s in sizes
    ]
    peers = {
        f"{n}, {s:,} entries, {peer}": ratios(runs[JAX, s, n][works.TAUT], runs[JAX, s, n][peer])
        for n in works.SEARCHES
        for s in sizes
        for peer in runs[JAX, s, n]
        if peer not in (works.TAUT, works.COPY)
    }
    made.append(judged("simplex, L1 ball, top-k: taut over a peer, the closest", peers, 1.0))
    for text, with_metric, without in (
        ("group lasso in a metric over without", "GroupLasso in a metric", "GroupLasso"),
        ("the same, 64 at once", "GroupLasso in a metric, 64 at once", "GroupLasso, 64 at once"),
    ):
        found = {
            f"{s:,} entries": ratios(runs[JAX, s, with_metric][works.TAUT], runs[JAX, s, without][works.TAUT])
            for s in sizes
        }
        made.append(judged(text, found, 2.0))
    return made


def grid(runs: Runs, sizes: list[int]) -> dict[str, Any]:
    """Every map on every library: microseconds of a copy and of taut, and each side as a ratio to the copy."""
    head = ["map", "on", *(f"{s:,} entries: over a copy" for s in sizes), "peers, over a copy"]
    rows = []
    for library in LIBRARIES:
        for name in works.MAPS:
            if (library, sizes[0], name) not in runs:
                continue
            cells, peers = [], []
            for s in sizes:
                if (library, s, name) not in runs:
                    cells.append("–")
                    continue
                found = runs[library, s, name]
                over = {k: statistics.median(ratios(v, found[works.COPY])) for k, v in found.items()}
                cells.append(f"{over[works.TAUT]:.2f} ({1e6 * statistics.median(found[works.TAUT]):,.0f} µs)")
                peers += [f"{k} at {s:,}: {v:,.2f}" for k, v in over.items() if k not in (works.TAUT, works.COPY)]
            rows.append([name, library, *cells, ", ".join(peers)])
    return {"head": head, "rows": rows}


def main() -> None:
    chosen = options(__doc__, rounds=9)
    sizes = sorted(works.SHAPES)[:1] if chosen.quick else sorted(works.SHAPES)
    before = machine()
    runs: Runs = {}
    checks: list[str] = []
    about: dict[str, Any] = {}
    for library, module in LIBRARIES.items():
        with Peer(library, module) as peer:
            # Nothing is held to a bound outside JAX, and there a peer's bisection of 1e7 entries takes half a minute.
            for size in sizes if library == JAX else sizes[:2]:
                say(f"  {library}, {size:,} entries")
                ready = peer.call("prepare", size=size)
                about[library] = ready["versions"]
                for name, peers in ready["apart"].items():
                    for other, apart in peers.items():
                        if size == sizes[0]:
                            said = check(apart <= 1e-3, f"{library}: {name} of {other} within {apart:.1e} of taut's")
                            checks.append(said)
                    sides = [works.COPY, works.TAUT, *peers]
                    runs[library, size, name] = turns(peer, name, sides, chosen.rounds)
    copies = {
        f"a copy of {size:,} entries, {library}": side(
            [1e6 * s for s in runs[library, size, "L1"][works.COPY]], "µs", about[library]
        )
        for library in LIBRARIES
        for size in sizes
        if (library, size, "L1") in runs
    }
    write(
        "terms",
        "Proximal maps and projections of float32 weights, jitted JAX",
        chosen.quick,
        before,
        checks=checks,
        sides=copies,
        figures=figures(runs, sizes),
        grid=grid(runs, sizes),
        seconds=[
            {"library": library, "entries": size, "map": name, "sides": found}
            for (library, size, name), found in runs.items()
        ],
    )


if __name__ == "__main__":
    main()
