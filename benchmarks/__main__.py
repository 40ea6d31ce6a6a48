"""Every benchmark in turn, each a process of its own, then the tables: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import tables
from benchmarks.line import ROOT


def main() -> None:
    words = sys.argv[1:]  # --quick, --rounds N: handed on
    failed: list[str] = []
    for name in tables.ORDER:
        print(f"\n# python -m benchmarks.{name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *words], cwd=ROOT, check=False)
        if done.returncode:
            failed.append(name)
    if "--quick" not in words:
        tables.main()
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
