"""What every test shares: one backend, one kind of device, and examples drawn the same way each time."""

import os

# Before anything imports them: the oracle's backend, and devices that every machine has.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

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
