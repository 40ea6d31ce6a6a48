"""What a plan costs outside a compiled program: an eager step beside the same map by hand, binding, `model.plan`.

The maps by hand are what a user would write in the library's own words; their results are compared first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

import taut
from benchmarks.measure import Figure, check, machine, options, side, take_turns, write
from taut.constraints import Box, MaxNorm, NonNeg
from taut.plans import Entry, bind, binding
from taut.regularizers import L1, GroupLasso

STEP = 1e-3
TERMS: dict[str, dict[str, Any]] = {
    "L1": {"regularizer": L1(1.0)},
    "L1 + NonNeg": {"regularizer": L1(1.0), "constraint": NonNeg()},
    "Box": {"constraint": Box(-0.5, 0.5)},
    "MaxNorm": {"constraint": MaxNorm(1.0)},
    "GroupLasso": {"regularizer": GroupLasso(STEP, scale_by_size=False)},
}
SHAPES = ((32, 32), (512, 784))


def by_hand_numpy(name: str) -> Callable[[np.ndarray], np.ndarray]:
    def group(w: np.ndarray) -> np.ndarray:
        norm = np.sqrt((w * w).sum(0))
        return w * np.maximum(1 - STEP * STEP / norm, 0)

    def ball(w: np.ndarray) -> np.ndarray:
        norm = np.sqrt((w * w).sum(0))
        return w * np.minimum(1 / norm, 1)

    return {
        "L1": lambda w: w - np.clip(w, -STEP, STEP),
        "L1 + NonNeg": lambda w: np.maximum(w - STEP, 0),
        "Box": lambda w: np.clip(w, -0.5, 0.5),
        "MaxNorm": ball,
        "GroupLasso": group,
    }[name]


def by_hand_torch(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    def group(w: torch.Tensor) -> torch.Tensor:
        norm = (w * w).sum(0).sqrt()
        return w * torch.clamp(1 - STEP * STEP / norm, min=0)

    def ball(w: torch.Tensor) -> torch.Tensor:
        norm = (w * w).sum(0).sqrt()
        return w * torch.clamp(1 / norm, max=1)

    return {
        "L1": lambda w: w - torch.clamp(w, -STEP, STEP),
        "L1 + NonNeg": lambda w: torch.clamp(w - STEP, min=0),
        "Box": lambda w: torch.clamp(w, -0.5, 0.5),
        "MaxNorm": ball,
        "GroupLasso": group,
    }[name]


def repeated(call: Callable[[], Any], times: int) -> Callable[[], float]:
    """Seconds of one call, the mean of ``times``."""

    def run() -> float:
        began = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - began) / times

    return run


def eager(facts: list[str]) -> Iterator[tuple[str, Callable[[], float], Callable[[], float]]]:
    """(what, our step, the map by hand) for each library, shape and term."""
    for shape in SHAPES:
        w = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        times = 300 if shape == SHAPES[0] else 30
        for library, array, by_hand in (
            ("numpy", w, by_hand_numpy),
            ("PyTorch", torch.from_numpy(w), by_hand_torch),
        ):
            for name, terms in TERMS.items():
                entry = bind([Entry("w", "kernel", shape, (0,), **terms)])["w"]
                plain: Any = by_hand(name)
                off = float(abs(np.asarray(entry.step(array, STEP)) - np.asarray(plain(array))).max())
                what = f"{name}, {shape[0]}×{shape[1]}, {library}"
                facts.append(check(off <= 4e-6, f"{what}: both maps within {off:.1e}"))
                yield (
                    what,
                    repeated(lambda e=entry, a=array: e.step(a, STEP), times),
                    repeated(lambda f=plain, a=array: f(a), times),
                )


def bind_a_thousand() -> float:
    """Seconds to bind 1,000 parameters of 20 shapes, nothing remembered."""
    entries = [
        Entry(f"{i}/kernel", "kernel", (8 + i % 20, 16), (0,), regularizer=L1(1e-3), constraint=NonNeg())
        for i in range(1000)
    ]
    binding._known.clear()
    began = time.perf_counter()
    bind(entries)
    return time.perf_counter() - began


def slowest(library: str, pairs: list[str], runs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The step that takes longest beside its map by hand; the sides of the record hold all of them."""
    found = [
        Figure(
            f"slowest bound step over the map by hand ({what})", f"taut: {what}", f"by hand: {what}", "<=", 3
        ).record(runs)
        for what in pairs
        if what.endswith(library)
    ]
    return max(found, key=lambda figure: figure["value"])


def main() -> None:
    chosen = options(__doc__, rounds=15)
    before = machine()
    torch.set_num_threads(1)  # 400,000 entries do not pay for a second thread, on either side
    facts: list[str] = []
    sides: dict[str, Callable[[], float]] = {}
    pairs: list[str] = []
    for what, ours, plain in eager(facts):
        pairs.append(what)
        sides |= {f"taut: {what}": ours, f"by hand: {what}": plain}
    layers = [taut.layers.Dense(64, "relu", kernel_regularizer=L1(1e-3), input_shape=(64,)) for _ in range(4)]
    model = taut.Sequential([*layers, taut.layers.Dense(10)])
    sides |= {"bind 1,000 parameters": bind_a_thousand, "model.plan": repeated(lambda: model.plan, 100)}
    runs = take_turns(sides, chosen.rounds)
    figures = [slowest(library, pairs, runs) for library in ("numpy", "PyTorch")]
    for name, text, bound in (
        ("bind 1,000 parameters", "bind 1,000 parameters, ms", 50),
        ("model.plan", "`model.plan` when nothing changed, ms", 0.2),
    ):
        figures.append(Figure(text, "", "", "<=", bound).median([1e3 * seconds for seconds in runs[name]]))
    write(
        "plans",
        "A plan outside compiled programs: eager steps beside the same maps by hand, binding, `model.plan`",
        chosen.quick,
        before,
        checks=facts,
        sides={name: side(runs[name], "s", {}) for name in sides},
        figures=figures,
    )


if __name__ == "__main__":
    main()
