"""Every example in the documents runs, every link leads somewhere, every decision says what it cost.

A ```` ```python ```` block is run as it stands, the blocks of one document one after the other in one
namespace and an empty folder; a ```` ```console ```` block has its ``$`` lines run there too, and the lines
that follow, if any, are compared with what was printed (``...`` stands for anything). The only ways out are
said in the line before the block: ``<!-- not run: the reason -->``, or, for one that shows the real source
of an object, ``<!-- source: taut.regularizers.L1 -->``. That one is held to it; ``make format`` renews it.
"""

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LANGUAGES = {"python", "console", "text", "toml", "json", "make"}
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
SOURCE = re.compile(r"<!-- source: (taut[\w.]*)\.(\w+) -->")


@dataclass(frozen=True)
class Block:
    document: Path
    line: int  # of its first line of code, from 1
    language: str
    source: str
    mark: str  # the line of text before it

    @property
    def runs(self) -> bool:
        return not (NOT_RUN.fullmatch(self.mark) or SOURCE.fullmatch(self.mark))

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks_of(document: Path) -> list[Block]:
    """The fenced blocks of ``document``, in order."""
    lines = document.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        before = next((text for text in reversed(lines[:start]) if text.strip()), "")
        body = "".join(f"{text}\n" for text in lines[start + 1 : number])
        found.append(Block(document, start + 2, lines[start][3:], body, before.strip()))
        start = None
    assert start is None, f"{document.name}:{start}: this block has no end"
    return found


def shown_source(block: Block) -> str:
    mark = SOURCE.fullmatch(block.mark)
    assert mark
    return inspect.getsource(getattr(importlib.import_module(mark[1]), mark[2]))


def refresh(document: Path) -> None:
    """Write every block that shows a source as that source is now."""
    lines = document.read_text(encoding="utf-8").splitlines()
    for block in reversed(blocks_of(document)):
        if SOURCE.fullmatch(block.mark):
            first = block.line - 1
            lines[first : first + block.source.count("\n")] = shown_source(block).splitlines()
    document.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_python(block: Block, names: dict[str, object]) -> None:
    if block.source.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(block.source, names, block.place, block.place, block.line)
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        names.update(test.globs)
        assert runner.failures == 0, "".join(report)
        return
    # Empty lines before it, so that a traceback names the line of the document.
    code = compile("\n" * (block.line - 1) + block.source, str(block.document), "exec")
    exec(code, names)


def run_console(block: Block, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    expected: str | None = None
    for part in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command}\n{more}"
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.place}: {command}\n{done.stdout}{done.stderr}"
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if expected.strip():
            same = doctest.OutputChecker().check_output(expected, done.stdout, flags)
            assert same, f"{block.place}: {command}\nprinted\n{done.stdout}\nand not\n{expected}"
    assert expected is not None, f"{block.place}: a console block has lines that begin with '$ '"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(document):
        assert block.language in LANGUAGES, f"{block.place}: say which language this is: {sorted(LANGUAGES)}"
        if block.runs and block.language == "python":
            run_python(block, names)
        elif block.runs and block.language == "console":
            run_console(block, tmp_path)
        elif SOURCE.fullmatch(block.mark):
            assert block.source == shown_source(block), f"{block.place}: the source has changed; `make format`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    inside = [target for target in targets if not target.startswith(("http:", "https:", "mailto:", "#"))]
    missing = [target for target in inside if not (document.parent / target.partition("#")[0]).exists()]
    assert not missing


def test_the_figures_are_those_that_were_measured() -> None:
    measured = tables.records()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == tables.filled(readme, measured), "python -m benchmarks.tables"
    if measured:
        assert (tables.RESULTS / "README.md").read_text(encoding="utf-8") == tables.details(measured)


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_four_parts(decision: Path) -> None:
    assert re.fullmatch(r"\d{3}-[a-z0-9-]+", decision.stem)
    text = decision.read_text(encoding="utf-8")
    assert text.startswith("# ")
    parts = re.findall(r"^\**(Context|Choice|Cost|Evidence)\b", text, flags=re.MULTILINE)
    assert parts == ["Context", "Choice", "Cost", "Evidence"]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = " ".join(path.read_text(encoding="utf-8").lower() for path in DECISIONS)
    optional = project["optional-dependencies"]
    extras = [requirement for name in ("jax", "keras", "torch", "tables", "export") for requirement in optional[name]]
    names = [re.split(r"[<>=~ \[]", requirement)[0] for requirement in [*project["dependencies"], *extras]]
    assert [name for name in names if name not in reasons] == []


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:3] for path in DECISIONS]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\n1 / 0\n```\n", "division by zero"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```console\n$ exit 3\n```\n", "exit 3"),
        ("```console\n$ echo one\ntwo\n```\n", "printed"),
        ("```console\nno command\n```\n", "begin with"),
        ("```\nno language\n```\n", "which language"),
        ("<!-- source: taut.models.nothing -->\n\n```python\n```\n", "no attribute 'nothing'"),
        ("<!-- source: taut.regularizers.get -->\n\n```python\nold\n```\n", "source has changed"),
        ("<!-- not run: -->\n\n```python\n1 / 0\n```\n", "division by zero"),
    ],
)
def test_a_broken_example_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, fault: str) -> None:
    document = tmp_path / "broken.md"
    document.write_text(text)
    with pytest.raises((AssertionError, AttributeError, ZeroDivisionError), match=fault):
        test_examples_run(document, tmp_path, monkeypatch)


def test_examples_share_names_and_a_marked_one_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "fine.md"
    document.write_text(
        "```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n```\n\n"
        "<!-- not run: it fails on purpose -->\n\n```python\n1 / 0\n```\n\n"
        "```console\n$ echo a \\\n  b\na ...\n```\n"
    )
    test_examples_run(document, tmp_path, monkeypatch)


if __name__ == "__main__":
    for name in DOCUMENTS:
        refresh(name)
