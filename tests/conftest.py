"""What every test shares: one backend, one kind of device, and examples drawn the same way each time."""

import os

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that compile the same programs, or share a fixture, run in one process: all laws of a term; else a file.

    Compiling is what the suite spends its time on, and two processes would each compile everything.
    """
    for item in items:
        row = getattr(item, "callspec", None) and item.callspec.params.get("row")  # type: ignore[attr-defined]
        item.add_marker(pytest.mark.xdist_group(str(item.path) if row is None else f"term {row}"))
