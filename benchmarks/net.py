"""``fit`` of one network by every side: what ``small_net`` and ``wide_net`` share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from benchmarks.line import Peer
from benchmarks.measure import KERAS_PYTHON, Figure, check, machine, say, side, take_turns, write
from benchmarks.works import Work

TAUT, BARE, KERAS, KERAS_32 = "taut", "taut, no terms", "Keras-JAX", "Keras-JAX, 32 steps per call"
TORCH, SCAN = "PyTorch eager by hand", "JAX scan by hand"


def measure(name: str, title: str, work: Work, figures: Sequence[Figure], rounds: int, quick: bool) -> None:
    """Prepare every side on ``work``, check what each has learned, then time ``fit`` in turns."""
    bare = replace(work, strength=None)
    if quick:
        work, bare = replace(work, rows=10 * work.batch + 5), replace(bare, rows=10 * work.batch + 5)
    before = machine()
    with ExitStack() as stack:
        peers = {
            TAUT: (Peer(TAUT, "taut_fit"), work, {}),
            BARE: (Peer(BARE, "taut_fit"), bare, {}),
            SCAN: (Peer(SCAN, "jax_scan"), work, {}),
            KERAS: (Peer(KERAS, "keras_fit", KERAS_PYTHON), work, {}),
            KERAS_32: (Peer(KERAS_32, "keras_fit", KERAS_PYTHON), work, {"steps_per_execution": 32}),
            TORCH: (Peer(TORCH, "torch_eager"), work, {}),
        }
        about: dict[str, Any] = {}
        learned: dict[str, Any] = {}
        for key, (peer, its_work, more) in peers.items():
            stack.enter_context(peer)
            say(f"  preparing {key}")
            about[key] = peer.call("prepare", work=asdict(its_work), **more)
            learned[key] = peer.call("fit")  # the first: it compiles, and its result is checked
        checks = facts(learned, work, quick)
        runs = take_turns(
            {
                # µs a step
                key: (lambda peer=peer, steps=its_work.steps: 1e6 * peer.call("fit")["seconds"] / steps)
                for key, (peer, its_work, _) in peers.items()
            },
            rounds,
        )
    write(
        name,
        title,
        quick,
        before,
        work=asdict(work),
        checks=checks,
        sides={key: side(runs[key], "µs a step", about[key] | {"learned": learned[key]}) for key in runs},
        figures=[figure.record(runs) for figure in figures],
    )


def facts(learned: dict[str, Any], work: Work, quick: bool) -> list[str]:
    """What the first ``fit`` of each side must have done: learned, and kept its terms."""
    # Ten batches teach nobody anything; a quick run only asks that the numbers are there.
    needed = 0.0 if quick else work.accuracy
    found = [
        check(result["accuracy"] >= needed, f"{key}: accuracy {result['accuracy']:.3f} ≥ {needed}")
        for key, result in learned.items()
    ]
    found += [
        check(result["minimum"] >= 0.0, f"{key}: smallest entry of the bound kernel {result['minimum']} ≥ 0")
        for key, result in learned.items()
        if key != BARE
    ]
    ours, scan = learned[TAUT], learned[SCAN]
    apart = abs(ours["loss"] - scan["loss"]) / scan["loss"]
    found.append(check(apart <= 0.02, f"loss of {TAUT} and of the {SCAN} within 2 % ({apart:.2%} apart)"))
    if not quick:
        found.append(check(ours["zeros"] > 0, f"{TAUT}: {ours['zeros']} entries of the kernel are exactly 0.0"))
    return found
