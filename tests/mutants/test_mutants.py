"""The table of bugs cannot rot: each text is there once, and a bug that changes nothing would be told."""

from pathlib import Path

import pytest

import taut
from tests.mutants import __main__ as runner
from tests.mutants.table import MATHEMATICS, MUTANTS, TRAINING, Mutant

SOURCE = Path(taut.__file__).parent
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=runner.title)
def test_a_bug_has_its_place_and_its_tests(mutant: Mutant) -> None:
    assert (SOURCE / mutant.file).read_text().count(mutant.old) == 1, "update tests/mutants/table.py"
    assert mutant.new != mutant.old
    assert (ROOT / mutant.where).exists()


def test_there_are_enough_and_none_twice() -> None:
    assert len(MATHEMATICS) >= 60 and len(TRAINING) >= 7
    assert len({(m.file, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)


def test_the_runner_tells_what_became_of_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "src" / "taut" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n")
    seen: list[str] = []

    def passes_unless_changed(tree: Path, where: str, tests: str) -> int:
        seen.append(file.read_text())
        return int("x = 2" in seen[-1])

    monkeypatch.setattr(runner, "run", passes_unless_changed)
    assert runner.try_out(tmp_path, Mutant("a.py", "x = 1", "x = 2", "", "")) == "caught"
    assert runner.try_out(tmp_path, Mutant("a.py", "x = 1", "x = 1  # the same", "", "")) == "survived"
    assert "0 times" in runner.try_out(tmp_path, Mutant("a.py", "y = 1", "y = 2", "", ""))
    assert seen == ["x = 2\n", "x = 1  # the same\n"] and file.read_text() == "x = 1\n"
    monkeypatch.setattr(runner, "run", lambda *_: 5)
    assert "did not run" in runner.try_out(tmp_path, Mutant("a.py", "x = 1", "x = 2", "", ""))
