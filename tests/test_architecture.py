"""The shape of the code: imports point only downwards, terms load no engine, long files say why.

Every import is read from the source, also those inside functions and under ``TYPE_CHECKING``: an import
that is late is still one that points somewhere.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import taut

ROOT = Path(taut.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# From the ground up. A room may import the rows before its own, and itself; rooms of one row are
# neighbours that do not know each other.
ROWS: tuple[tuple[str, ...], ...] = (
    ("errors", "_extras", "_files", "_reports", "_text"),
    ("_keras_words", "layouts"),
    ("functional",),
    ("identifiers", "_own_terms"),
    ("_meeting",),
    ("_term", "_language"),
    ("_regularizer", "_constraint"),
    ("_sets", "_regularizers"),
    ("regularizers", "constraints"),
    ("joint", "catalogue"),
    ("plans",),
    ("_engine",),
    ("_cores", "_versions"),
    ("optimizers", "losses", "initializers", "activations", "utils"),
    ("metrics",),
    ("transforms",),
    ("layers",),
    ("model",),
    ("models", "paths"),
    ("report", "tables"),
    ("sklearn",),
    ("__init__",),  # the public names, for the front doors
    ("cli",),
    ("__main__",),
)
HEIGHT = {room: height for height, row in enumerate(ROWS) for room in row}

# Engines may be used from here up; below it the mathematics runs on whatever arrays it is handed.
FIRST_ROOM_WITH_JAX = "_engine"
WHY_LONG = re.compile(r"\b(one file|long\w*)\b[^.]*\bbecause\b", re.IGNORECASE)
ENGINES = {"jax", "jaxlib", "flax", "optax", "torch", "keras", "tensorflow"}

# Rooms that import by a computed name, and why that is no way round the order.
NAMES_ARE_DATA = {
    "layouts": "its own files, one a library",
    "__init__": "the lazy public names; every room that they name is below it",
    "_extras": "optional libraries of other people",
    "_reports": "the pages, which read what is below them; loaded when a model is asked for its own",
    "identifiers": "the module where a kind of thing is registered, loaded when one is asked for by name",
}


def room_of(file: Path, root: Path = ROOT) -> str:
    return file.relative_to(root).parts[0].removesuffix(".py")


def imports_in(file: Path, root: Path = ROOT) -> Iterator[tuple[int, str, bool]]:
    """(line, dotted name, whether it happens when the file is imported) of every import in ``file``."""
    package = ("taut", *file.relative_to(root).parts[:-1])
    tree = ast.parse(file.read_text(encoding="utf-8"))
    late = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        now = node not in late
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, now) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *([node.module] if node.module else [])))
            yield from ((node.lineno, f"{stem}.{alias.name}", now) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            name = node.args[0]
            yield node.lineno, str(name.value) if isinstance(name, ast.Constant) else "?", now


def faults(file: Path, root: Path = ROOT) -> list[str]:
    """One line for each import in ``file`` that points upwards or sideways, or to an engine too low down."""
    here = room_of(file, root)
    found: list[str] = []
    for line, name, now in imports_in(file, root):
        where = f"{file.relative_to(root)}:{line}"
        top, _, rest = name.partition(".")
        if name == "?":
            if here not in NAMES_ARE_DATA:
                found.append(f"{where}: an import by a computed name hides where it points")
        elif name == "taut.__version__":
            continue  # a string in the file that every import of taut has run
        elif top == "taut":
            there = taut._HOMES.get(rest, f"taut.{rest}").split(".")[1] or "__init__"
            if there not in HEIGHT:
                found.append(f"{where}: imports {name}, which is not a room of taut")
            elif there != here and HEIGHT[there] >= HEIGHT[here]:
                found.append(f"{where}: {here} may not import {there}, which is not below it ({name})")
        elif top in ENGINES and now and HEIGHT[here] < HEIGHT[FIRST_ROOM_WITH_JAX]:
            found.append(f"{where}: {here} imports {top} when it is itself imported")
    return found


def test_every_file_is_in_a_room() -> None:
    strangers = {room_of(file) for file in FILES} - set(HEIGHT)
    assert not strangers, f"give {sorted(strangers)} a row in ROWS, as low as its imports allow"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_downwards(file: Path) -> None:
    # `__init__` names every room on purpose; what it loads and when is tested in a fresh interpreter below.
    assert not faults(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_says_what_it_is_and_a_long_one_says_why(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source))
    assert docstring, "begin the file with the one idea that it holds"
    lines = source.count("\n")
    assert lines <= 300 or WHY_LONG.search(docstring), (
        f"{lines} lines: split it, or say in its docstring 'One file because ...'"
    )


@pytest.mark.parametrize(
    ("place", "source", "fault"),
    [
        (
            "functional/penalties.py",
            "from taut.regularizers import L1",
            "functional may not import regularizers",
        ),
        ("functional/penalties.py", "def f():\n    from taut import plans", "functional may not import plans"),
        ("functional/penalties.py", "from ..model import Sequential", "functional may not import model"),
        ("layouts/_rows.py", "from taut import Sequential", "layouts may not import model"),
        ("losses.py", "import taut.metrics", "losses may not import metrics"),
        ("constraints.py", "import_module('taut.joint')", "constraints may not import joint"),
        ("plans.py", "import_module(f'taut.{name}')", "hides where it points"),
        ("_term.py", "import jax.numpy as jnp", "_term imports jax when it is itself imported"),
        ("plans.py", "import taut", "plans may not import __init__"),
        ("plans.py", "from taut import nowhere", "not a room of taut"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, place: str, source: str, fault: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    assert fault in "\n".join(faults(file, tmp_path))


def test_a_late_engine_and_a_room_below_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "constraints.py"
    file.write_text("from taut import functional\ndef f():\n    import jax\n")
    assert faults(file, tmp_path) == []


TERMS_IN_USE = """
import sys
import numpy as np
import taut

w = np.asarray([[3.0, -4.0], [0.0, 0.1]])
penalty = taut.regularizers.get("l1")
taut.regularizers.deserialize(taut.regularizers.serialize(penalty))
penalty(w), penalty.prox(w, 0.5), taut.constraints.MaxNorm(1.0)(w)
taut.constraints.get("non_neg")(w), taut.functional.proximal
loaded = sorted(sys.modules.keys() & {"jax", "jaxlib", "flax", "optax", "torch", "keras", "tensorflow"})
print(loaded)
"""


def test_terms_load_no_engine() -> None:
    # `-P` and an empty site make no difference here: what counts is an interpreter that has run nothing else.
    done = subprocess.run([sys.executable, "-c", TERMS_IN_USE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_importing_taut_loads_next_to_nothing() -> None:
    program = "import sys; before = set(sys.modules); import taut; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours = [name for name in done.stdout.split() if name.startswith("taut")]
    assert ours == ["taut"]
    assert "numpy" not in done.stdout.split()
