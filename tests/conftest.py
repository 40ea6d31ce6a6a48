"""What every test shares: one backend, one kind of device, and examples drawn the same way each time."""

import os
import re
from typing import Any

# Before anything imports them: the oracle's backend, and devices that every machine has.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # a path is shared out over both, whichever test starts JAX

import pytest
from hypothesis import HealthCheck, settings

# `derandomize`: the same examples in every run, so that a failure is the change's and not the day's.
# No deadline: the first example of a shape pays for JAX's compilation.
settings.register_profile(
    "taut",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("taut")

# A file that takes long and begins last would keep one process waiting for it.
FIRST = ("test_docs", "test_sklearn", "test_compare", "test_path", "workflows", "src/taut", "oracles")
CASE = re.compile(r"(numpy|jax|torch)-b?float\d\d-|-(numpy|jax|torch)-b?float\d\d")


def scope(nodeid: str) -> str:
    """Tests that compile the same programs, or share a fixture, run in one process: all laws of a term; else a file.

    Compiling is what the suite spends its time on, and two processes would each compile everything.
    """
    path, _, test = nodeid.partition("::")
    _, _, case = test.partition("[")
    return CASE.sub("", case) if case and path.startswith("tests/laws/") else path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take long, then the others, then the many small groups of the terms, which fill all processes."""

    def place(item: pytest.Item) -> int:
        if "tests/laws/" in item.nodeid:
            return len(FIRST) + 1
        return next((k for k, part in enumerate(FIRST) if part in item.nodeid), len(FIRST))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadgroup` would do it, but pytest-xdist 3.8 loses its groups under pytest 9.2, without a word."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPrograms(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return ByPrograms(config, log)
