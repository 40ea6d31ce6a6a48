"""The catalogue has every public term and nothing else, its examples run, and `taut terms` prints it."""

import doctest
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from taut import catalogue, constraints, identifiers, regularizers
from taut._term import Term
from taut.catalogue import ENTRIES, Entry
from taut.cli import main
from tests.laws import table, table_catalogue

# What terms are made from, and the wrapper that says how one acts: nothing that a user chooses among.
NOT_TERMS = {"Regularizer", "Constraint", "Acting"}

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}-{entry.name}")


def public() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for kind, module in (("regularizer", regularizers), ("constraint", constraints)):
        classes = {value for name in module.__all__ if isinstance(value := getattr(module, name), type)}
        found |= {(kind, cls.__name__) for cls in classes if issubclass(cls, Term)}
    return {(kind, name) for kind, name in found if name not in NOT_TERMS}


def test_every_public_term_is_there_once_and_nothing_else() -> None:
    listed = [(entry.kind, entry.name) for entry in ENTRIES]
    assert len(listed) == len(set(listed))
    assert set(listed) == public()


def test_every_term_of_the_laws_is_there() -> None:
    rows = [*table.PENALTIES, *table.GRADIENT_ONLY, *table.SETS, *(row for row, _ in table_catalogue.ONE_STEP)]
    known = {entry.cls for entry in ENTRIES}
    assert {type(row.term) for row in rows} <= known


@every_entry
def test_an_entry_says_when_in_one_sentence(entry: Entry) -> None:
    assert entry.use.startswith("Use it") and entry.use.endswith(".")
    assert ". " not in entry.use and "  " not in entry.use
    assert entry.formula and entry.use != entry.does  # the docstring says what, the catalogue when
    assert entry.use not in (entry.cls.__doc__ or "")
    # Families are not interrupted: each is one block of the list.
    families = [e.family for e in ENTRIES if e.kind == entry.kind]
    first, count = families.index(entry.family), families.count(entry.family)
    assert set(families[first : first + count]) == {entry.family}


@every_entry
def test_an_example_runs(entry: Entry) -> None:
    assert len(entry.example) == 4 and not any("\n" in line for line in entry.example)
    test = doctest.DocTestParser().get_doctest("\n".join(entry.example) + "\n", {}, entry.name, None, 0)
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed == 0, "".join(said)


def test_a_wrong_example_would_fail() -> None:
    lines = [*catalogue.find("l1")[0].example[:3], "[2.5, 0.1, 0.1]", ""]
    test = doctest.DocTestParser().get_doctest("\n".join(lines), {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None).failed == 1


@pytest.mark.parametrize("kind", ["regularizer", "constraint"])
def test_every_registered_name_is_found(kind: str) -> None:
    for name in identifiers.names(kind):
        cls = identifiers._find(kind, name)
        if not cls.__module__.startswith("taut."):
            continue  # registered by another test
        assert cls in [entry.cls for entry in catalogue.find(name)], name


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["terms", *words], terminal_width=90)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_list_has_every_sentence() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    said = flat(result.output)
    for entry in ENTRIES:
        assert flat(f"{identifiers.snake_case(entry.name)} {entry.use}") in said
        assert entry.family in said
    assert max(map(len, result.output.splitlines())) <= 100


@every_entry
def test_one_term_is_told_whole(entry: Entry) -> None:
    result = run(identifiers.snake_case(entry.name))
    assert result.exit_code == 0, result.output
    said = flat(result.output)
    for part in (entry.signature, entry.does.replace("`", ""), entry.use, entry.formula, *entry.example, entry.peers):
        assert flat(part) in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("L1", ["L1(l1=0.01)", "not smooth, convex", "exact proximal steps", "keras.regularizers.L1"]),
        ("l2", ["smooth, convex", "by its gradient"]),
        ("orthogonal", ["OrthogonalRegularizer(", "Orthogonal(axis=None"]),  # one name, two terms
        ("nuclear_norm", ["with one step size per group"]),
        ("hoyer_square", ["no exact proximal map is known"]),
        ("spectral-norm", ["nearest point (Euclidean distance)"]),
        ("maxnorm", ["MaxNorm(max_value=2.0", "with the optimizer's scaling of each weight"]),
        ("kl_sparsity", ["activity_regularizer=", "divided by the batch size"]),
    ],
)
def test_what_is_said_of_a_term(name: str, words: list[str]) -> None:
    said = flat(run(name).output)
    for word in words:
        assert word in said


def test_an_unknown_name_gives_the_nearest_ones() -> None:
    result = run("max_nrom")
    assert result.exit_code == 2
    assert "There is no term 'max_nrom'. The nearest names are max_norm" in flat(result.output)
    assert "Traceback" not in result.output


def test_as_json() -> None:
    whole = json.loads(run("--json").output)
    assert [fact["name"] for fact in whole] == [identifiers.snake_case(entry.name) for entry in ENTRIES]
    (one,) = json.loads(run("l1", "--json").output)
    assert one in whole
    assert one["class"] == "taut.regularizers.L1" and one["about"]["formula"] == "l1·Σ|w|"


def test_no_extra_is_needed() -> None:
    program = (
        "import sys\n"
        "for name in ('polars', 'sklearn', 'matplotlib', 'plotly', 'onnx', 'torch'): sys.modules[name] = None\n"
        "from taut.cli import main; main(['terms', 'l1'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("L1(l1=0.01)")
