"""A progress bar on a terminal, otherwise one line per epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Progress", "show"]


def show(values: Mapping[str, float]) -> str:
    """``loss 0.4312, accuracy 0.9123``."""
    return ", ".join(
        f"{key} {value:.4g}" if abs(value) < 1e4 else f"{key} {value:.3e}" for key, value in values.items()
    )


class Progress:
    """Reports a training run.

    Args:
        verbose: 0 silent, 1 a bar, 2 one line per epoch; "auto" is a bar on a terminal (or notebook) and lines
            otherwise.
    """

    def __init__(self, verbose: Any, epochs: int) -> None:
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f'verbose={verbose!r}, expected 0 (silent), 1 (bar), 2 (a line per epoch) or "auto".')
        if verbose == "auto":
            verbose = 1 if sys.stderr.isatty() or "ipykernel" in sys.modules else 2
        self.lines = verbose == 2
        self.epochs = epochs
        self.wants_bar = verbose == 1
        self.bar: Any = None

    def start(self, steps: int) -> None:
        """``steps`` in all."""
        if self.wants_bar:
            from tqdm.auto import tqdm  # type: ignore[import-untyped]  # slow to import; only a bar needs it

            self.bar = tqdm(total=steps, unit="step", dynamic_ncols=True, smoothing=0.1)

    def advance(self, steps: int, epoch: int, values: Mapping[str, float]) -> None:
        """``steps`` more are done of ``epoch`` (counted from 0)."""
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}", refresh=False)
            self.bar.set_postfix_str(show(values), refresh=False)
            self.bar.update(steps)

    def end_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        if self.lines:
            print(f"epoch {epoch + 1}/{self.epochs}: {show(values)}")
        elif self.bar is not None:
            self.bar.set_postfix_str(show(values))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
