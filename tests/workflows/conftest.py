"""Workflows look at what programs do, not at how fast: XLA compiles them without its dear optimisations, a third sooner.

Laws and oracles, which hold numbers to their last bits, run what a user runs.
"""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def compiled_soon() -> Iterator[None]:
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
