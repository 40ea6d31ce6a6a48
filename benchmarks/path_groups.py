"""Group lasso along a path, beside the same nets trained side by side without a term."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace

import numpy as np

from benchmarks import works
from benchmarks.line import Peer
from benchmarks.measure import Figure, check, machine, options, side, take_turns, write

NETS = {"10-64-10": (10, 1.5), "64-64-10": (64, 2.0)}
GROUP, BARE = "group lasso, {}", "no term, {}"


def main() -> None:
    chosen = options(__doc__, rounds=7)
    before = machine()
    count = 4 if chosen.quick else 64
    strengths = np.geomspace(1e-4, 1e-1, count).tolist()
    about, checks, sides = {}, [], {}
    with ExitStack() as stack:
        for name, (inputs, _) in NETS.items():
            work = replace(works.small(rows=650 if chosen.quick else 10_000, strength=None), inputs=inputs, epochs=3)
            for text, term in ((GROUP, "group"), (BARE, "none")):
                key = text.format(name)
                peer = stack.enter_context(Peer(key, "taut_path"))
                about[key] = peer.call("prepare", work=asdict(work), strengths=strengths, term=term)
                first = peer.call("path")
                if term == "group":
                    zeros = first["zeros"]
                    what = f"{key}: {max(zeros):.0%} zeros at the largest strength, {min(zeros):.0%} at the least"
                    checks.append(check(chosen.quick or max(zeros) > min(zeros), what))
                sides[key] = lambda peer=peer: peer.call("path")["seconds"]
        runs = take_turns(sides, chosen.rounds)
    figures = [
        Figure(f"group lasso over no term, {name}", GROUP.format(name), BARE.format(name), "<=", bound)
        for name, (_, bound) in NETS.items()
    ]
    write(
        "path_groups",
        "64 strengths of the group lasso by input, batch 32, 3 epochs, beside the same nets without a term",
        chosen.quick,
        before,
        strengths=strengths,
        checks=checks,
        sides={name: side(runs[name], "s", about[name]) for name in runs},
        figures=[figure.record(runs) for figure in figures],
    )


if __name__ == "__main__":
    main()
