"""How much memory nets that train together take, and how many of them that allows."""

from __future__ import annotations

import os
import re
from typing import Any

import jax

__all__ = ["available", "human", "parsed"]

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SHARE = 0.5  # of what is free: the other half is the user's


def human(count: float) -> str:
    """``1536`` → ``1.5 KiB``.

    >>> human(3 * 2**20)
    '3 MiB'
    """
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.3g} {unit}"
        count /= 1024
    raise AssertionError


def parsed(memory: Any) -> int:
    """A limit in bytes from a number of bytes, a text such as "4 GiB", or None for half of what is free.

    Raises:
        ValueError: not an amount of memory.

    >>> parsed("1.5 MiB")
    1572864
    """
    if memory is None:
        return int(available() * SHARE)
    if isinstance(memory, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?(?:ytes)?\s*", memory.lower())
        if found is None:
            raise ValueError(f'memory={memory!r}, expected bytes or a text such as "4 GiB".')
        return int(float(found[1]) * UNITS[found[2]])
    if isinstance(memory, bool) or not isinstance(memory, int | float) or not memory > 0:
        raise ValueError(f'memory={memory!r}, expected bytes > 0, or a text such as "4 GiB".')
    return int(memory)


def available() -> int:
    """Bytes that are free: of the accelerator if there is one, else of the machine."""
    stats: dict[str, int] = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return (stats["bytes_limit"] - stats.get("bytes_in_use", 0)) * len(jax.devices())
    try:
        with open("/proc/meminfo", encoding="ascii") as info:
            for line in info:
                if line.startswith("MemAvailable"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30
