"""``python -m tests.mutants``: every bug of the table, one at a time, in a copy of the source tree.

    python -m tests.mutants                  all of them, two at a time
    python -m tests.mutants --jobs 1 doubly  those whose file or text has the word

A bug is caught when pytest reports a failed test. One that survives, one whose text is gone and one whose tests do
not run make the exit code 1. The working tree is not touched.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants import child
from tests.mutants.table import MATHEMATICS, MUTANTS, TRAINING, Mutant

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "mutants.json"
FRESH = multiprocessing.get_context("forkserver")
LONGEST = 900  # seconds; a bug may make a loop endless, and that is noticed too


def copy(into: Path) -> None:
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, into)


def run(tree: Path, where: str, tests: str) -> int:
    """pytest's exit code: 0 if all passed, 1 if some failed, others if they did not run."""
    process = FRESH.Process(target=child.test, args=(str(tree), where, tests))
    process.start()
    process.join(LONGEST)
    if process.is_alive():
        process.kill()
        process.join()
        return 1
    return process.exitcode if process.exitcode is not None else 99


def try_out(tree: Path, mutant: Mutant) -> str:
    """What became of it: "caught", "survived", or why that is not known."""
    file = tree / "src" / "taut" / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        return f"its text is there {text.count(mutant.old)} times, not once"
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        code = run(tree, mutant.where, mutant.tests)
    finally:
        file.write_text(text)
    return {0: "survived", 1: "caught"}.get(code, f"its tests did not run (pytest's code {code})")


def title(mutant: Mutant) -> str:
    old, new = (" ".join(t.split()) for t in (mutant.old, mutant.new))
    return f"{mutant.file}: {old[:60]} → {new[:60]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Deliberate bugs, each of which named tests must notice.")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("words", nargs="*", help="only bugs whose file, text or tests have one of these words")
    given = parser.parse_args()
    chosen = [m for m in MUTANTS if not given.words or any(w in " ".join(m) for w in given.words)]
    os.environ |= {"JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    FRESH.set_forkserver_preload(child.PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for k in range(given.jobs):
            copy(Path(folder, str(k)))
            free.put(Path(folder, str(k)))

        def one(mutant: Mutant) -> str:
            tree = free.get()
            try:
                found = try_out(tree, mutant)
            finally:
                free.put(tree)
            print(f"{found:9} {title(mutant)}", flush=True)
            return found

        with ThreadPoolExecutor(given.jobs) as pool:
            fates = list(pool.map(one, chosen))
    count = Counter(f if f in ("caught", "survived") else "error" for f in fates)
    print(f"{count['caught']} caught, {count['survived']} survived, {count['error']} not tried, of {len(chosen)}")
    if not given.words:
        fate = dict(zip(chosen, fates, strict=True))
        summary = {
            name: {"bugs": len(rows), "caught": sum(fate[m] == "caught" for m in rows)}
            for name, rows in (("mathematics", MATHEMATICS), ("training", TRAINING))
        }
        left = [f"{f}: {title(m)}" for m, f in fate.items() if f != "caught"]
        RESULTS.write_text(json.dumps({**summary, "not caught": left}, indent=2) + "\n")
    return int(count["caught"] < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
