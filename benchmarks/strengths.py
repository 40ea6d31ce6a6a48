"""One network at 64 strengths, side by side in one program over both cores, and one ``fit`` after another."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace

import numpy as np

from benchmarks import works
from benchmarks.line import Peer
from benchmarks.measure import Figure, check, machine, options, say, side, take_turns, write

ALONE, ONE, TWO = "64 fits in a row", "64 side by side, one device", "64 side by side, two virtual devices"

FIGURES = (
    Figure("fits in a row over side by side, two devices", ALONE, TWO, ">=", 2.5),
    Figure("fits in a row over side by side, one device", ALONE, ONE),
)


def main() -> None:
    chosen = options(__doc__, rounds=5)
    work = works.small(rows=650 if chosen.quick else 10_000)
    strengths = np.geomspace(1e-5, 1e-1, 4 if chosen.quick else 64).tolist()
    before = machine()
    with ExitStack() as stack:
        one = stack.enter_context(Peer(ONE, "taut_many", JAX_NUM_CPU_DEVICES="1"))
        # A virtual device a core: each runs its half of the networks on a thread of its own.
        two = stack.enter_context(Peer(TWO, "taut_many", JAX_NUM_CPU_DEVICES="2"))
        about, checks = {}, []
        for peer, devices in ((one, 1), (two, 2)):
            say(f"  preparing {peer.name}")
            about[peer.name] = peer.call("prepare", work=asdict(work), strengths=strengths)
            if about[peer.name]["devices"] != devices:
                raise SystemExit(f"{peer.name} runs on {about[peer.name]['devices']} devices")
            apart = peer.call("equality", epochs=work.epochs)
            checks += [
                check(
                    apart["weights"] <= 1e-6,
                    f"{peer.name}: weights within {apart['weights']:.1e} of its own fit, one step",
                ),
                check(
                    apart["score"] <= 0.002,
                    f"{peer.name}: accuracy within {apart['score']:.4f} after {work.epochs} epochs",
                ),
                check(apart["kept"] <= 0.01, f"{peer.name}: kept entries within {apart['kept']:.2%} of the kernel"),
            ]
        sides = {
            ALONE: lambda: one.call("one_by_one")["seconds"],
            ONE: lambda: one.call("many")["seconds"],
            TWO: lambda: two.call("many")["seconds"],
        }
        for run in sides.values():
            run()  # whatever is still to be compiled
        runs = take_turns(sides, chosen.rounds)
    steps = len(strengths) * work.steps
    write(
        "strengths",
        "64 copies of Dense 10-64-10, 64 strengths of L1 + NonNeg, 10,000 rows, batch 32, 10 epochs",
        chosen.quick,
        before,
        work=asdict(replace(work, strength=None)),
        strengths=strengths,
        checks=checks,
        sides={name: side(runs[name], "s", about.get(name, about[ONE])) for name in runs}
        | {f"{name}, a model-step": side([1e6 * s / steps for s in runs[name]], "µs", {}) for name in runs},
        figures=[figure.record(runs) for figure in FIGURES],
    )


if __name__ == "__main__":
    main()
