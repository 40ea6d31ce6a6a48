"""The shell keeps what was trained, trains on small tables, weights classes, and reads the tables that people have."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight

import taut
import taut._files
import taut.cli._command
from taut.cli import main
from taut.cli._scores import guess, score, show
from taut.model.progress import Progress
from taut.tables import TableSchema, Target, read_table

QUICK = ("--hidden", "none", "--epochs", 3, "--seed", 0)
SGD = ("--optimizer", "sgd", "--learning-rate", 0.1, "--epochs", 20, "--seed", 0)


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 rows and 3 columns of breast_cancer; malignant is one in five."""
    data = load_breast_cancer()
    rows = np.r_[np.flatnonzero(data.target == 1)[:48], np.flatnonzero(data.target == 0)[:12]]
    frame = pl.DataFrame(data.data[rows][:, :3], schema=["radius", "texture", "perimeter"])
    path = tmp_path_factory.mktemp("cancer") / "cancer.csv"
    frame.with_columns(kind=pl.Series([str(data.target_names[i]) for i in data.target[rows]])).write_csv(path)
    return path


# --- small tables ---------------------------------------------------------------------------------------


def small(path: Path, labels: str) -> Path:
    path.write_text("x,z,y\n" + "".join(f"{i % 7}.5,{i * i % 5},{label}\n" for i, label in enumerate(labels)))
    return path


def test_a_table_of_eight_rows_trains(tmp_path: Path) -> None:
    data, out = small(tmp_path / "d.csv", "abababab"), tmp_path / "m.taut"
    said = run("fit", data, "-t", "y", "--epochs", 2, "--seed", 0, "--out", out).output
    assert "2 rows that were not used for training" in said
    assert taut.load_model(out).metadata["training"]["batch_size"] == 6
    assert len(run("predict", out, data).stdout.splitlines()) == 9
    # A name that there is not, so that nothing is trained.
    for words, count, rows in (
        (("path", data, "--vary", "kernal:l1=*"), 5, 3),
        (("compare", data, "--kind", "l3", "--test-fraction", 0.5), 3, 2),
    ):
        said = run(*words, "-t", "y", *QUICK, code=1).stderr
        assert f"{rows} folds instead of {count}: the class 'a' has {rows} training rows (of {2 * rows} in all)" in said


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        ("ababaaaa", ["--folds", 3], "3 folds are too many: the class 'b' has 2 training rows (of 8 in all)"),
        ("abaaaaaa", [], "Cross-validation is not possible: the class 'b' has 1 training row (of 8 in all)"),
        ("13572468", ["--folds", 9], "9 folds are too many: the table has 8 training rows"),
    ],
)
def test_too_few_rows_of_a_class_are_said_in_the_words_of_the_shell(
    tmp_path: Path, labels: str, options: list[object], words: str
) -> None:
    data = small(tmp_path / "d.csv", labels)
    said = run("path", data, "-t", "y", "--test-fraction", 0, *options, *QUICK, code=2 if options else 1).output
    assert words in said and "sklearn" not in said


# --- scores and class weights -----------------------------------------------------------------------------


def test_a_second_score_and_its_baseline() -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(0, 3, 50)
    outputs = draw.dirichlet(np.ones(3), 50)
    aim = Target("y", "classification", labels=("a", "b", "c"))
    found = score(aim, outputs, y, guess(aim, y))
    assert found["log_loss"] == pytest.approx(log_loss(y, outputs))
    assert found["baseline_log_loss"] == pytest.approx(log_loss(y, np.tile(np.bincount(y) / 50, (50, 1))))
    sure = np.eye(3)[[0, 1]]
    assert np.isfinite(score(aim, sure, np.asarray([1, 1]), guess(aim, y))["log_loss"])
    first, second = show(aim, found).splitlines()
    assert f"log loss {found['log_loss']:.4g}" in first and f"log loss {found['baseline_log_loss']:.4g}" in second
    number = Target("y", "regression", mean=1.0, std=2.0)
    values = draw.standard_normal(50)
    found = score(number, np.zeros((50, 1)), values, guess(number, values))
    assert found["mae"] == pytest.approx(np.abs(values - 1).mean())
    assert found["baseline_mae"] == pytest.approx(np.abs(values - values.mean()).mean())
    assert "mean absolute error" in show(number, found).splitlines()[1]


def test_class_weights_are_those_of_the_library(cancer: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.taut"
    schema = TableSchema.fit(table := read_table(cancer), aim := Target.infer(table, "kind"))
    x, y = schema.transform(table), aim.encode(table)
    for given, weights in (
        (["balanced"], dict(enumerate(compute_class_weight("balanced", classes=np.arange(2), y=y)))),
        (["malignant=7"], {0: 1.0, 1: 7.0}),
    ):
        words = [word for one in given for word in ("--class-weight", one)]
        run("fit", cancer, "-t", "kind", "--test-fraction", 0, *QUICK, *words, "--out", out)
        taut.utils.set_random_seed(0)
        model = taut.Sequential([taut.Input((3,)), taut.layers.Dense(2, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=3, class_weight={int(i): float(w) for i, w in weights.items()}, verbose=0)
        found = taut.load_model(out)
        assert np.allclose(found.predict(x), model.predict(x), atol=1e-6)
        told = found.metadata["training"]["class_weight"]
        assert told == pytest.approx({label: weights[i] for i, label in enumerate(aim.labels)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--class-weight", "benin=2"], "has no class 'benin'; its classes are 'benign', 'malignant'"),
        (["--class-weight", "benign"], "expected LABEL=WEIGHT, such as benign=2, or balanced"),
        (["--class-weight", "benign=-1"], "the weight is '-1'; expected a number of at least 0"),
        (["--class-weight", "benign=1", "--class-weight", "balanced"], "give it alone"),
        (["--metric", "mse"], "mse is not a score of classification; expected accuracy or log_loss"),
        (["--metric", "auc"], "accuracy"),
    ],
)
@pytest.mark.parametrize("command", ["path", "compare"])
def test_a_bad_weight_or_metric(cancer: Path, command: str, options: list[str], words: str) -> None:
    assert words in " ".join(run(command, cancer, "-t", "kind", *options, code=2).output.split())


def test_weights_are_for_classes(cancer: Path) -> None:
    said = run("fit", cancer, "-t", "radius", "--drop", "kind", "--class-weight", "balanced", code=2).output
    assert "'radius' is a number" in said
    assert "expected mse or mae" in run("path", cancer, "-t", "radius", "--metric", "accuracy", code=2).output


# --- Ctrl-C, and files that cannot be written ---------------------------------------------------------------


@pytest.fixture(autouse=True)
def sigint() -> Iterator[None]:
    """Ctrl-C as in a terminal, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, report: int) -> None:
    """Ctrl-C, as the system sends it, at a report of progress."""
    advance, calls = Progress.advance, iter(range(10**9))

    def interrupted(self: Progress, *words: object) -> None:
        advance(self, *words)
        if next(calls) == report:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "advance", interrupted)


def test_ctrl_c_keeps_what_was_trained(cancer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "m.taut"
    words = ("fit", cancer, "-t", "kind", "--hidden", "none", "--epochs", 50, "--seed", 0, "--out", out)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5)
        said = run(*words)
    done = taut.load_model(out).metadata["training"]["epochs"]
    assert 1 <= done < 50 and f"interrupted after {done} of 50 epochs" in said.stderr
    assert "accuracy" in said.stdout and f"Saved {out}" in said.stdout
    assert len(run("predict", out, cancer).stdout.splitlines()) == 61
    run("report", out)
    out.unlink()
    with monkeypatch.context() as patch:
        interrupt_at(patch, 0)  # in the first epoch: nothing to keep
        assert "Aborted" in run(*words, code=1).output
    assert not out.exists()
    with monkeypatch.context() as patch:  # while it is tested: saved without a score
        patch.setattr(taut.Sequential, "predict", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        assert "saved without a score" in run(*words).stderr
    assert taut.load_model(out).metadata["training"]["score"] is None


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the system itself refuses every byte, as on a full disk."""
    resource = pytest.importorskip("resource")
    folder, put, kind = tmp_path / "full", taut._files._put, resource.RLIMIT_FSIZE
    folder.mkdir()

    def limited(path: str, *rest: object) -> None:
        before = resource.getrlimit(kind)
        if Path(path).parent == folder:
            resource.setrlimit(kind, (0, before[1]))
        try:
            put(path, *rest)
        finally:
            resource.setrlimit(kind, before)

    monkeypatch.setattr(taut._files, "_put", limited)
    return folder


def test_a_full_disk_does_not_lose_the_training(
    cancer: Path, tmp_path: Path, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, aside = full / "m.taut", tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(aside))
    words = ("fit", cancer, "-t", "kind", *QUICK, "--out", full)
    said = run(*words, code=1)
    assert f"{full}: File too large" in said.stderr
    (kept,) = aside.iterdir()
    assert f"Saved {kept}" in said.stdout and kept.suffix == ".taut"
    assert taut.load_model(kept).metadata["training"]["epochs"] == 3
    # At a terminal the user is asked.
    rows, answers = cancer.read_bytes(), iter([str(full), str(cancer), str(tmp_path / "other.taut")])
    monkeypatch.setattr(taut.cli._command, "_another_file", lambda: next(answers))
    assert f"Saved {tmp_path / 'other.taut'}" in run(*words).output
    assert cancer.read_bytes() == rows  # a mistyped answer does not cost the data
    # Nowhere at all.
    monkeypatch.setattr(taut.cli._command, "_another_file", lambda: "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    said = run(*words, code=1).output
    assert f"could not be saved to {full}, nor to a temporary file" in said and "gone" in said


def test_one_file_that_fails_does_not_cost_the_others_and_the_metric_chooses(
    cancer: Path, tmp_path: Path, full: Path
) -> None:
    full, csv, out = full / "page.html", tmp_path / "t.csv", tmp_path / "m.taut"
    options = ("-t", "kind", "--strengths", 2, "--folds", 2, *QUICK, "--class-weight", "balanced", "--html", full)
    words = ("--rule", "max", "--metric", "accuracy", "--csv", csv, "--out", out)
    said = run("path", cancer, *options, *words, code=1)
    assert f"{full}: File too large" in said.stderr
    assert f"accuracy {pl.read_csv(csv)['val_accuracy'].max():.4g}" in said.stdout.split("Choice")[1].splitlines()[1]
    assert f"Saved {out}" in said.stdout
    assert taut.load_model(out).metadata["training"]["class_weight"].keys() == {"benign", "malignant"}
    csv.unlink()
    said = run("compare", cancer, *options, "--kind", "l1", "--metric", "log_loss", "--csv", csv, code=1)
    assert f"{full}: File too large" in said.stderr
    table = pl.read_csv(csv)
    assert table.height == 2 and {"val_log_loss", "test_log_loss"} <= set(table.columns)


def test_ctrl_c_in_the_last_training_of_a_path(cancer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from taut.paths.result import Path as Found

    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Found, "refit", interrupted)
    csv, out = tmp_path / "t.csv", tmp_path / "m.taut"
    said = run("path", cancer, "-t", "kind", "--strengths", 2, "--folds", 2, *QUICK, "--csv", csv, "-o", out, code=1)
    assert "no model was saved" in said.output and "one_se" in said.output
    assert csv.exists() and not out.exists()


# --- tables, from a European file to predictions -------------------------------------------------------------


def test_a_european_file_from_fit_to_predict(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.uniform(0, 3000, 60).round(2)
    swap = str.maketrans(",.", ".,")
    rows = [f"{f'{v:,}'.translate(swap)} €;{f'{2 * v + 1:,.2f}'.translate(swap)}" for v in x.tolist()]
    data = tmp_path / "verkauf.csv"
    data.write_bytes("\r\n".join(["sep=;", "Preis;Umsatz", *rows]).encode("utf-16"))
    out, predicted = tmp_path / "m.taut", tmp_path / "p.parquet"
    said = run("fit", data, "-t", "Umsatz", "--hidden", "none", *SGD, "--out", out)
    assert "regression of 'Umsatz'" in said.stdout and "was read as" in said.stdout
    assert "names the separator" in said.stderr and "the target 'Umsatz' was read as numbers" in said.stderr
    run("predict", out, data, "--out", predicted)
    assert np.corrcoef(pl.read_parquet(predicted).to_series(), 2 * x + 1)[0, 1] > 0.99
    plain = tmp_path / "plain.csv"
    pl.DataFrame({"Preis": x[:3]}).write_csv(plain)
    assert "add --decimal '.'" in run("predict", out, plain, code=1).output
    assert len(run("predict", out, plain, "--decimal", ".").stdout.splitlines()) == 4


# --- report -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        {"training": {}},
        {"training": {"note": "mine"}},
        {"training": "by hand"},
        {"training": {"rows": 10, "history": {}, "score": {"accuracy": 1.0}}},
        {"training": {"rows": None, "history": {"loss": []}, "score": "good", "seed": [1]}},
        {"training": {"history": {"loss": [2.0, 1.0]}}, "table": {"version": 99}},
        {"table": "mine", "columns": 3},
    ],
    ids=json.dumps,
)
def test_a_report_takes_any_metadata(tmp_path: Path, metadata: dict[str, object]) -> None:
    model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    model.metadata.update(metadata)
    model.save(tmp_path / "m.taut")
    said = run("report", tmp_path / "m.taut")
    assert "all 3 inputs are used" in said.output
    assert ("columns of the table are not shown" in said.stderr) == ("table" in metadata)
    run("report", tmp_path / "m.taut", "--html", tmp_path / "r.html")


def test_an_older_model_file_is_scored_as_far_as_it_goes(cancer: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.taut"
    run("fit", cancer, "-t", "kind", *QUICK, "--out", out)
    model = taut.load_model(out)
    scores = model.metadata["training"]["score"]
    for key in ("log_loss", "baseline_log_loss"):
        del scores[key]
    del model.metadata["training"]["baseline"], model.metadata["training"]["class_weight"]
    model.save(out)
    assert "log loss" not in run("report", out).output
    assert "always 'benign'" in run("predict", out, cancer).stderr


# --- help ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["demo", "terms", "fit", "path", "compare", "predict", "report"])
def test_every_option_has_a_help_text(name: str) -> None:
    command = main.commands[name]
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert options
    for option in options:
        assert option.help and option.help.endswith((".", ")")), option.name
        assert option.help[0].isupper() or option.help.split()[0].strip(":,") in ("sgd", "max", "classification")
