"""What importing taut does to the program that imports it: nothing. And what making a model does: it offers JAX the cores.

Each test is one fresh interpreter.
"""

import os
import subprocess
import sys

# Every module of taut, and around their imports whatever a program shares with them. JAX, Flax and the rest come first: what
# they do when they are imported themselves is not taut's.
EVERY_IMPORT = """
import importlib, os, pkgutil, random, warnings
import click, flax.nnx, jax, numpy as np, optax, polars, sklearn.model_selection, tqdm
from jax._src import xla_bridge

def shared():
    return {
        **{f"variable {name}": value for name, value in os.environ.items()},
        "warning filters": list(warnings.filters),
        "random state": random.getstate(),
        "numpy's random state": [str(part) for part in np.random.get_state()],
        "numpy's error state": np.geterr(),
        "numpy's print options": np.get_printoptions(),
        **{f"JAX's {name}": value for name, value in jax.config.values.items()},
        "JAX has started": xla_bridge.backends_are_initialized(),
    }

before = shared()
import taut
names = [found.name for found in pkgutil.walk_packages(taut.__path__, "taut.") if found.name != "taut.__main__"]
for name in names:
    importlib.import_module(name)
assert {"taut.regularizers", "taut.plans", "taut.layers", "taut.model", "taut.paths.run", "taut.cli.fit"} <= set(names)
after = shared()
changed = [name for name in before | after if before.get(name) != after.get(name)]
print({name: (before.get(name), after.get(name)) for name in changed})
print(len(jax.devices()))
"""

# The machine is said to have three cores, so that the answer is the same on each.
A_MODEL = """
import os
os.sched_getaffinity = lambda process: {0, 1, 2}
import taut
taut.Sequential([taut.layers.Dense(1, input_shape=(2,))])
import jax
print(len(jax.devices()))
"""


def run(program: str) -> str:
    chosen = ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")  # what the tests themselves were given
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_import_changes_anything_that_others_see() -> None:
    assert run(EVERY_IMPORT) == "{}\n1\n"


def test_the_first_model_offers_the_cores() -> None:
    assert run(A_MODEL).splitlines()[-1] == "3"
