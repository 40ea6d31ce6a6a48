"""What is installed with taut and with each extra, and what is said where a library is missing or too old."""

import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import taut
from taut import _extras
from taut._extras import ENGINE, LIBRARIES, check

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# An interpreter that finds what `pip install taut` brings and nothing else.
BARE = """
import json, sys
from importlib.machinery import PathFinder

class Installed:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        ours = top in ("taut", "numpy", "array_api_compat", "safetensors")
        return PathFinder.find_spec(name, path, target) if known or ours else None

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed()
"""

TERMS = """
import numpy as np
import taut
from taut import layouts
from taut.plans import Entry, bind
w = np.asarray([[3.0, -4.0], [0.0, 0.1]])
assert taut.regularizers.L1(0.5)(w) == 3.55
assert taut.functional.soft_threshold(w, 1.0).tolist() == [[2.0, -3.0], [0.0, 0.0]]
assert taut.constraints.get("non_neg")(w).min() == 0.0
assert taut.utils.to_categorical([0, 1]).shape == taut.initializers.Zeros()((2, 2), None).shape
assert 'keras.layers.Dense' in layouts.table()
plan = bind([Entry("kernel", "kernel", (2, 2), (0,), regularizer=taut.regularizers.L1(0.5), mode="proximal")])
assert float(plan.penalty({"kernel": w})) == 3.55
assert plan["kernel"].step(w, 2.0).tolist() == [[2.0, -3.0], [0.0, 0.0]]
"""

# What somebody types → what is missed first, and the extra that brings all of it.
ENGINE_MISSED = ("needs jax, which", "jax")
REACHED = {
    **dict.fromkeys(
        (
            "import taut; taut.Sequential",
            "from taut import Sequential",
            "import taut; taut.layers",
            "from taut.layers import Dense",
            "import taut; taut.optimizers",
            "import taut.optimizers",
            "import taut.activations",
            "import taut.losses",
            "import taut.metrics",
            "import taut.transforms",
            "import taut.models",
            "import taut.model.sequential",
            "import taut.paths.run",
            "import taut; taut.path",
            "import taut; taut.compare",
            "import taut; taut.load_model",
            "import taut; taut.compact",
            "from taut import identifiers; identifiers.get('optimizer', 'adam')",
        ),
        ENGINE_MISSED,
    ),
    "import taut; taut.sklearn": ("taut.sklearn needs scikit-learn, which", "tables"),
    "from taut.sklearn import TautClassifier": ("taut.sklearn needs scikit-learn, which", "tables"),
    "import taut.cli": ("The command taut needs click, which", "tables"),
    "import runpy; runpy.run_module('taut', run_name='__main__')": (
        "Error: The command taut needs click, which",
        "tables",
    ),
    "from {} import {}; {}()": ("Error: The command taut needs click, which", "tables"),  # the console script
    "from taut.tables import read_table; read_table('pyproject.toml')": (
        "Reading tables needs polars, which",
        "tables",
    ),
}

TRY_EACH = """
for statement in json.loads(sys.argv[1]):
    try:
        exec(statement, {})
    except (ModuleNotFoundError, SystemExit) as error:
        print(json.dumps(str(error)))
    else:
        print(json.dumps("nothing was missed"))
"""


def run(program: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", BARE + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_terms_and_plans_need_no_extra() -> None:
    assert run(TERMS) == []


def test_whatever_is_missed_one_line_says_how_to_get_it() -> None:
    module, _, function = PROJECT["scripts"]["taut"].partition(":")
    others = [f"import taut.{room.name}" for room in pkgutil.iter_modules(taut.__path__) if room.name[0] != "_"]
    typed = [*(statement.format(module, function, function) for statement in REACHED), *others]
    said = run(TRY_EACH, json.dumps(typed))
    for (statement, (words, extra)), answer in zip(REACHED.items(), said, strict=False):
        assert words in answer, statement
        assert answer.endswith(f'is not installed. Install it with: pip install "taut[{extra}]"'), statement
    for statement, answer in zip(others, said[len(REACHED) :], strict=True):  # a new room is one of these
        assert answer == "nothing was missed" or "Install it with: pip install" in answer, (statement, answer)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_is_missing_or_too_old_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution, extra, lowest = LIBRARIES[name]
    line = re.escape(f'pip install "taut[{extra}]"')
    monkeypatch.setitem(sys.modules, name, None)  # type: ignore[arg-type]
    with pytest.raises(ModuleNotFoundError, match=f"^A thing needs {distribution}, which is not installed.*: {line}$"):
        check(f"{name}.part", "A thing")

    monkeypatch.setitem(sys.modules, name, sys)  # there
    monkeypatch.setattr(_extras, "_older", _extras._older.__wrapped__)
    for version, fine in ((lowest, True), ("0.0.9", False), (f"{lowest}.1+cpu", True), ("999.0rc1", True)):
        monkeypatch.setattr(metadata, "version", {distribution: version}.__getitem__)
        if fine:
            check(name, "A thing")
        else:
            words = f"^A thing needs {distribution} {re.escape(lowest)} or newer, and {version} is installed.*: {line}$"
            with pytest.raises(ModuleNotFoundError, match=words):
                check(name, "A thing")


def test_libraries_that_come_with_another_or_with_none() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"needs nowhere, which is not installed.*: pip install nowhere$"):
        check("nowhere.inside", "A thing")
    check("scipy.sparse", "A thing")


def bounds(requirements: list[str]) -> dict[str, str]:
    """{name: lowest version}; what an extra takes from another extra is left out."""
    named = [re.fullmatch(r"([\w-]+)>=([\d.]+)", text) for text in requirements if not text.startswith("taut[")]
    assert all(named), f"expected name>=version alone: {requirements}"
    return {match[1]: match[2] for match in named if match}


def test_the_bounds_are_written_once_for_pip_once_for_the_errors_and_tried() -> None:
    assert set(bounds(PROJECT["dependencies"])) == {"numpy", "array-api-compat", "safetensors"}
    for extra in ("jax", "keras", "torch", "tables", "export"):
        ours = {library.distribution: library.lowest for library in LIBRARIES.values() if library.extra == extra}
        assert bounds(EXTRAS[extra]) == ours
    assert {library.extra for library in LIBRARIES.values()} == {"jax", "keras", "torch", "tables", "export"}
    assert set(ENGINE) == {name for name, library in LIBRARIES.items() if library.extra == "jax"}
    assert EXTRAS["shell"] == ["taut[tables]"]
    assert EXTRAS["all"] == ["taut[jax,keras,torch,tables,export]"]

    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    wanted = {
        **bounds(PROJECT["dependencies"]),
        **{library.distribution: library.lowest for library in LIBRARIES.values()},
    }
    del wanted["torch"]  # its old builds bring gigabytes: tried by hand (docs/decisions/116)
    assert {name: tried.get(name) for name in wanted} == wanted
