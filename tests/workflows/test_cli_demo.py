"""taut demo, whole: the table, the sentences with the numbers of this run, and the picture."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from taut.cli import main
from taut.cli._studies import STUDIES, Outcome

COLUMNS = r"([\d.]+)% +([\d.]+)% +(-?[\d.]+) +(\d+) +(\d+)% +(\d+) of 64 +([\d.]+) +(-?[\d.]+) +([\d.]+)%"


@pytest.mark.slow
def test_the_demo_runs_and_its_numbers_hold(tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    result = CliRunner().invoke(main, ["demo", "--epochs", "8", "--out", str(out)])
    assert result.exit_code == 0, result.output
    said = result.output
    rows = {}
    for study in STUDIES:
        match = re.search(rf"^{re.escape(study.name)} +{COLUMNS}$", said, re.MULTILINE)
        assert match, study.name
        names = ("train", "test", "gap", "zeros", "share", "ignored", "norm", "smallest", "noisy")
        rows[study.name] = dict(zip(names, map(float, match.groups()), strict=True))
        assert len(re.findall(rf"^{re.escape(study.name)}  ", said, re.MULTILINE)) == 2  # a row and a sentence
    assert all(row["test"] > 60 for row in rows.values())
    assert rows["bare"]["zeros"] == rows["L2(0.003)"]["zeros"] == 0
    assert rows["L1(0.001)"]["ignored"] > 0 < rows["GroupLasso(0.01) by input"]["ignored"]
    assert rows["MaxNorm(1.5)"]["norm"] <= 1.5
    assert rows["Box(-0.3, 0.3)"]["smallest"] >= -0.3
    assert rows["NonNeg"]["smallest"] == rows["L1(0.001) + NonNeg"]["smallest"] == 0
    picture = out / "demo.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert 50_000 < picture.stat().st_size < 300_000
    assert [path.name for path in out.iterdir()] == ["demo.png"]


def outcome(**changes: float) -> Outcome:
    plain = Outcome(
        train=0.99,
        test=0.95,
        noisy=0.8,
        zeros=0,
        weights=4736,
        dark_zeros=0,
        ignored=0,
        inputs=64,
        largest_norm=2.5,
        smallest=-0.5,
        largest=0.5,
        typical=0.1,
        bias_zeros=0,
        biases=74,
        quiet=0.2,
        activity=0.9,
        kernel=np.full((64, 64), 0.25),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_sentence_has_the_numbers_of_its_run(study) -> None:
    """Better, worse or the same: the words follow the numbers, whatever they are."""
    bare = outcome()
    better = study.says(outcome(test=0.97, noisy=0.85, zeros=1234, ignored=7, typical=0.05, bias_zeros=70), bare)
    worse = study.says(outcome(test=0.93, noisy=0.75, kernel=np.zeros((64, 64))), bare)
    for text in (better, worse):
        assert re.search(r"\d", text)
        assert text.endswith(".") and "  " not in text and "nan" not in text
    assert better != worse
    if "test accuracy" in better and study.name != "bare":
        assert "gains 2.0 points" in better and "loses 2.0 points" in worse
        assert "stays the same" in study.says(bare, bare)
    if "under noise" in better:
        assert "5.0 points higher" in better and "5.0 points lower" in worse


def test_the_demo_without_its_extra_says_which(tmp_path: Path) -> None:
    program = "import sys; sys.modules['sklearn'] = None; from taut.cli import main; main(['demo'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert 'pip install "taut[tables]"' in done.stderr
    assert "Traceback" not in done.stderr
