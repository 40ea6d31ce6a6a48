"""One entry of the catalogue: what a term is for, and when to choose it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from taut import constraints, regularizers

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A term, when to use it, and an example.

    Attributes:
        kind: "regularizer" or "constraint".
        name: of the class, in `taut.regularizers` or `taut.constraints`.
        family: a heading of the catalogue.
        formula: the penalty or the set, in one line.
        use: one sentence: when to use it.
        code: an expression; numpy is ``np``, and the term is imported.
        gives: what it evaluates to, as Python shows it.
        peers: what other libraries call the same, exactly, or up to a factor that is stated.
        needs: other names that ``code`` needs from the same module.
    """

    kind: str
    name: str
    family: str
    formula: str
    use: str
    code: str
    gives: str
    peers: str = ""
    needs: tuple[str, ...] = ()

    @property
    def cls(self) -> Any:
        """The class."""
        return getattr(regularizers if self.kind == "regularizer" else constraints, self.name)

    @property
    def example(self) -> tuple[str, str, str, str]:
        """Four lines of a session: two imports, an expression, and what it gives."""
        names = ", ".join(sorted((self.name, *self.needs), key=str.casefold))
        return (
            ">>> import numpy as np",
            f">>> from taut.{self.kind}s import {names}",
            f">>> {self.code}",
            self.gives,
        )

    @property
    def signature(self) -> str:
        """How the term is made, with its defaults."""
        arguments = [
            p.name if p.default is p.empty else f"{p.name}={p.default!r}"
            for p in inspect.signature(self.cls).parameters.values()
        ]
        return f"{self.name}({', '.join(arguments)})"

    @property
    def does(self) -> str:
        """The first line of the class's docstring: what it does."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]
