"""Both ends of the line between a measurement and its peers: one JSON object a line, each way.

    {"call": "fit"}                        ->  {"value": {"seconds": 0.06, "loss": 0.41}}
    {"call": "prepare", "work": {...}}     ->  {"error": "Traceback ..."}

Standard library only: it also runs in the environment of the peer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent


def serve(peer: object) -> None:
    """Answer calls of ``peer``'s methods until the line is closed. Other prints go to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not break the line
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"value": getattr(peer, request.pop("call"))(**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


class Peer:
    """A long-lived process that serves ``benchmarks.peers.<module>``."""

    def __init__(self, name: str, module: str, python: Path | str = sys.executable, **environ: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [str(python), "-m", f"benchmarks.peers.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu"} | environ,
        )

    def call(self, method: str, **arguments: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        print(json.dumps({"call": method} | arguments), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait()} during {method!r}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name} failed in {method!r}:\n{answer['error']}")
        return answer["value"]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
