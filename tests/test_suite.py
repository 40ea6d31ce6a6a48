"""How the suite runs itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import scope

SHARED = """
import os, pathlib, pytest
@pytest.mark.parametrize("n", range(20))
def test_one(n): pathlib.Path(f"{n}-{os.getpid()}").touch()
"""


def test_what_shares_programs_has_one_scope() -> None:
    laws = "tests/laws/test_sets.py::test_nothing_feasible_is_closer"
    term = "Box(low=-0.5, high=0.7)"
    assert scope(f"{laws}[{term}-numpy-float64]") == scope(f"tests/laws/test_edges.py::test_ends[jax-bfloat16-{term}]")
    assert scope(f"{laws}[{term}-numpy-float64]") == scope(f"tests/laws/test_edges.py::test_in_jax[{term}]")
    assert scope(f"{laws}[NonNeg()-numpy-float64]") != scope(f"{laws}[{term}-numpy-float64]")
    assert scope("tests/workflows/test_fit.py::test_a[0]") == scope("tests/workflows/test_fit.py::test_b")


@pytest.mark.slow
def test_a_scope_runs_in_one_process(tmp_path: Path) -> None:
    """pytest-xdist must ask us: a scheduler that it chose itself would compile in both processes."""
    folder = tmp_path / "tests" / "laws"
    folder.mkdir(parents=True)
    for name in "abc":
        (folder / f"test_{name}.py").write_text(SHARED)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_xdist_make_scheduler")
    (tmp_path / "pytest.ini").write_text("[pytest]")
    root = Path(__file__).parents[1]
    options = ["-n", "2", "--dist", "loadscope", "--import-mode=importlib", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    ran = sorted(path.name.split("-") for path in tmp_path.iterdir() if "-" in path.name)
    assert len(ran) == 20 and len({process for _, process in ran}) == 2  # each case of three files, once
