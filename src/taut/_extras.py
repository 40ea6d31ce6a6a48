"""One clear sentence when an optional dependency is not installed."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["require"]


def require(module: str, purpose: str, extra: str = "shell") -> Any:
    """Import ``module``, or say what it was needed for and how to get it.

    Raises:
        ModuleNotFoundError: ``module`` itself is not installed. A module that is installed and
            fails while importing something else raises its own error, untouched.

    >>> require("json", "writing JSON").dumps([1])
    '[1]'
    """
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        message = f'{purpose} needs {package}, which is not installed. Install it with: pip install "taut[{extra}]"'
        raise ModuleNotFoundError(message, name=package) from None
    return importlib.import_module(module)
