"""Optional libraries: which extra brings each, the lowest version that works, and the one line to type without it.

pyproject.toml says the same to pip, and a test holds the two equal.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import sys
from importlib import metadata
from typing import Any, NamedTuple

__all__ = ["ENGINE", "LIBRARIES", "check", "require"]


class Library(NamedTuple):
    """What pip calls a library, the extra of taut that brings it, and the lowest version that the tests pass with."""

    distribution: str
    extra: str
    lowest: str


LIBRARIES = {
    "jax": Library("jax", "jax", "0.6.2"),
    "flax": Library("flax", "jax", "0.10.7"),
    "optax": Library("optax", "jax", "0.2.4"),
    "tqdm": Library("tqdm", "jax", "4.66"),
    "keras": Library("keras", "keras", "3.5"),
    "torch": Library("torch", "torch", "2.6"),
    "sklearn": Library("scikit-learn", "tables", "1.6"),
    "polars": Library("polars", "tables", "1.9"),
    "click": Library("click", "tables", "8.2"),
    "matplotlib": Library("matplotlib", "tables", "3.9"),
    "plotly": Library("plotly", "tables", "6.0"),
    "onnx": Library("onnx", "export", "1.17"),
}
"""By the name that a program imports."""

# Libraries that come with one of those above.
_WITH = {"scipy": "sklearn"}

ENGINE = ("jax", "flax", "optax", "tqdm")
"""What `_engine` checks before any room of the engine imports them."""


def check(module: str, purpose: str, extra: str | None = None) -> None:
    """Say how to get the library of ``module`` if it is missing or too old; imports nothing.

    Args:
        module: as a program imports it; a dotted name stands for its first part.
        purpose: what it is needed for, the beginning of the sentence.
        extra: the extra to name where another one than the library's own brings all that is needed.

    Raises:
        ModuleNotFoundError: the library is not installed, or in a version that is too old.

    >>> check("json", "Writing JSON")
    """
    package = module.partition(".")[0]
    name, own, lowest = LIBRARIES.get(_WITH.get(package, package), Library(package, "", ""))
    if package in _WITH:  # the bound belongs to the library that brings it
        name, lowest = package, ""
    extra = extra or own
    line = f'pip install "taut[{extra}]"' if extra else f"pip install {package}"
    if sys.modules.get(package) is None and importlib.util.find_spec(package) is None:
        why = f"{purpose} needs {name}, which is not installed. Install it with: {line}"
        raise ModuleNotFoundError(why, name=package)
    if lowest and (version := _older(name, lowest)):
        why = f"{purpose} needs {name} {lowest} or newer, and {version} is installed. Install it with: {line}"
        raise ModuleNotFoundError(why, name=package)


def require(module: str, purpose: str) -> Any:
    """Import ``module``, or say what it was needed for and how to get it.

    Raises:
        ModuleNotFoundError: the library is not installed or too old. One that is there and fails while importing
            something else raises its own error, untouched.

    >>> require("json", "Writing JSON").dumps([1])
    '[1]'
    """
    check(module, purpose)
    return importlib.import_module(module)


@functools.cache  # reading what is installed takes a third of a millisecond
def _older(distribution: str, lowest: str) -> str | None:
    """The installed version where it is older than ``lowest``; None also where none is known."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:  # a build without the usual records: nothing to hold against it
        return None
    return version if _numbers(version) < _numbers(lowest) else None


def _numbers(version: str) -> tuple[int, ...]:
    """
    >>> _numbers("2.13.0+cpu"), _numbers("0.10.0rc1")
    ((2, 13, 0), (0, 10, 0))
    """
    return tuple(int(part) for part in re.match(r"[\d.]*\d|", version)[0].split(".") if part)  # type: ignore[index]
