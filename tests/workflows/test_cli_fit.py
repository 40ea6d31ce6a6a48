"""What a user types: taut fit, predict and report on real tables, through to the files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import taut
import taut.cli._network
from taut.cli import main
from taut.tables import TableSchema, read_table


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def table(data, path: Path, **columns: pl.Series) -> Path:
    frame = pl.DataFrame(data.data, schema=[str(name).replace("/", " per ") for name in data.feature_names])
    if "target_names" in data:
        frame = frame.with_columns(target=pl.Series([str(data.target_names[i]) for i in data.target]))
    else:
        frame = frame.with_columns(target=pl.Series(data.target))
    frame = frame.with_columns(**columns)
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wine, with what real tables have: an identifier, text, booleans and missing values."""
    draw = np.random.default_rng(0)
    n = 178
    path = table(
        load_wine(),
        tmp_path_factory.mktemp("wine") / "wine.csv",
        id=pl.Series([f"w{i}" for i in range(n)]),
        cellar=pl.Series(draw.choice(["north", "south", "west"], n)),
        organic=pl.Series(draw.choice([True, False], n)),
    )
    frame = pl.read_csv(path)
    gaps = pl.Series(draw.random(n) < 0.1)
    frame.with_columns(alcohol=pl.when(~gaps).then(pl.col("alcohol"))).write_csv(path)
    return path


@pytest.fixture(scope="module")
def fitted(wine: Path) -> tuple[Path, str]:
    """A model of the wines, and what was printed."""
    out = wine.parent / "wine.taut"
    result = run(
        *("fit", wine, "--target", "target", "--hidden", "16", "--epochs", 60, "--seed", 1, "--out", out),
        *("--kernel-regularizer", "1:l1=0.01", "--kernel-constraint", "non_neg", "--bias-regularizer", "l2=0.001"),
    )
    return out, result.output


# --- the way it should go ---------------------------------------------------------------------------------


def test_fit_says_what_it_did(fitted: tuple[Path, str]) -> None:
    out, said = fitted
    assert "178 rows, 17 columns" in said
    assert "classification of 'target' (its values are not numbers): 3 classes, class_0, class_1, class_2" in said
    assert "13 columns of numbers, standardized: alcohol," in said
    assert "missing values are replaced by the median, and an extra feature marks them: alcohol" in said
    assert "cellar: north, south, west" in said
    assert "left out: id (all 142 values are unique" in said
    assert "dense/kernel" in said and "L1(l1=0.01)" in said and "NonNeg()" in said and "proximal" in said
    assert "36 rows that were not used for training" in said
    accuracy = float(re.search(r"accuracy +([\d.]+)%", said)[1])  # type: ignore[index]
    baseline = float(re.search(r"baseline +([\d.]+)%", said)[1])  # type: ignore[index]
    assert accuracy > 80 > 50 > baseline
    assert f"Saved {out}" in said


def test_the_model_file_holds_the_bounds_and_the_table(fitted: tuple[Path, str], wine: Path) -> None:
    model = taut.load_model(fitted[0])
    kernels = [np.asarray(model.params[e.path]) for e in model.plan.entries if e.role == "kernel"]
    assert all((w >= 0).all() for w in kernels)
    assert (kernels[0] == 0).any()
    schema = TableSchema.from_dict(json.loads(json.dumps(model.metadata["table"])))
    assert len(schema.feature_names) == kernels[0].shape[0] == 13 + 1 + 3 + 2
    assert schema.transform(read_table(wine)).shape == (178, 19)
    assert model.metadata["columns"] == list(schema.feature_names)
    assert set(taut.compact(model).compaction.columns) <= set(schema.feature_names)


def test_predictions_are_those_of_the_model(fitted: tuple[Path, str], wine: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    said = run("predict", fitted[0], wine, "--proba", "--out", out)
    frame = pl.read_csv(out)
    assert frame.columns == [
        "predicted target",
        *(f"probability class_{i}" for i in range(3)),
    ]
    model = taut.load_model(fitted[0])
    x = TableSchema.from_dict(model.metadata["table"]).transform(read_table(wine))
    outputs = np.asarray(model.predict(x, verbose=0))
    assert np.allclose(frame[:, 1:].to_numpy(), outputs, atol=1e-6)
    assert frame["predicted target"].to_list() == [f"class_{i}" for i in outputs.argmax(1)]
    assert "scored against the 178 values" in said.stderr
    assert said.stdout == ""


def test_predictions_to_the_screen_are_clean_csv(fitted: tuple[Path, str], wine: Path, tmp_path: Path) -> None:
    rows = pl.read_csv(wine).drop("target", "id").head(3)
    rows.select(reversed(rows.columns)).write_csv(tmp_path / "new.csv")
    said = run("predict", fitted[0], tmp_path / "new.csv")
    lines = said.stdout.splitlines()
    assert lines[0] == "predicted target" and len(lines) == 4
    assert set(lines[1:]) <= {"class_0", "class_1", "class_2"}


def test_what_training_never_saw_is_said(fitted: tuple[Path, str], wine: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(wine).with_columns(cellar=pl.lit("east"), ash=pl.lit(None))
    frame.write_csv(tmp_path / "new.csv")
    said = run("predict", fitted[0], tmp_path / "new.csv")
    assert "'ash' is missing on lines 2, 3, 4 and 175 more; no value was missing in training" in said.stderr
    assert "'cellar' has 'east' on lines 2, 3, 4 and 175 more, which did not occur in training" in said.stderr


def test_report_is_the_audit_of_a_saved_model(fitted: tuple[Path, str]) -> None:
    said = run("report", fitted[0]).output
    model = taut.load_model(fitted[0])
    assert str(model.plan) in said
    assert "predicts 'target' (3 classes) from 15 columns" in said
    assert "60 epochs" in said and "seed 1" in said
    assert "scored on 36 rows that were not used for training" in said
    kernel = np.asarray(model.params["dense/kernel"])
    assert f"{np.sum(kernel == 0)}" in said


def test_report_names_the_inputs_that_are_ignored(wine: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.taut"
    run(
        *("fit", wine, "-t", "target", "--hidden", "none", "--epochs", 20, "--seed", 0, "--out", out),
        *("--kernel-regularizer", "group_lasso(0.1, by=input)", "--drop", "id", "--learning-rate", 0.03),
    )
    said = run("report", out).output
    model = taut.load_model(out)
    schema = TableSchema.from_dict(model.metadata["table"])
    kernel = np.asarray(model.params["dense/kernel"])
    dead = [name for name, w in zip(schema.feature_names, kernel, strict=True) if not w.any()]
    assert dead
    assert f"{len(dead)} of 19 inputs are not used (all their weights are exactly 0):" in said
    assert ", ".join(dead) in " ".join(said.split())


def test_regression_is_inferred_and_in_the_units_of_its_column(tmp_path: Path) -> None:
    data = table(load_diabetes(), tmp_path / "diabetes.parquet")
    out = tmp_path / "d.taut"
    said = run(
        *("fit", data, "-t", "target", "--hidden", "none", "--epochs", 60, "--seed", 0, "--out", out),
        *("--kernel-regularizer", "l1=0.02", "--settle", 20, "--optimizer", "sgd", "--learning-rate", 0.02),
    ).output
    assert "regression of 'target' (not all" in said or "regression of 'target' (214 different" in said
    assert float(re.search(r"R² ([\d.]+)", said)[1]) > 0.35  # type: ignore[index]
    run("predict", out, data, "--out", tmp_path / "p.parquet")
    predicted = pl.read_parquet(tmp_path / "p.parquet")["predicted target"].to_numpy()
    actual = load_diabetes().target
    assert np.corrcoef(predicted, actual)[0, 1] > 0.6
    assert abs(predicted.mean() - actual.mean()) < 15
    assert "--proba is for classification" in run("predict", out, data, "--proba", code=2).output


def test_labels_keep_their_spelling_from_csv_to_predictions(tmp_path: Path) -> None:
    rows = ["size,grade"] + [f"{i % 2 + (i % 7) / 20},{('007', '8.0')[i % 2]}" for i in range(60)]
    (tmp_path / "d.csv").write_text("\n".join(rows))
    run("fit", tmp_path / "d.csv", "-t", "grade", "--hidden", "none", "--seed", 0, "--out", tmp_path / "m.taut")
    said = run("predict", tmp_path / "m.taut", tmp_path / "d.csv")
    assert said.stdout.splitlines()[1:3] == ["007", "8.0"]


def test_the_same_seed_gives_the_same_predictions(wine: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        out = tmp_path / f"{name}.taut"
        run("fit", wine, "-t", "target", "--hidden", "none", "--epochs", 3, "--seed", 5, "--out", out)
    first, second = (run("predict", tmp_path / f"{n}.taut", wine, "--proba").stdout for n in "ab")
    assert first == second


def test_terms_for_one_layer_and_for_all(wine: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.taut"
    run(
        *("fit", wine, "-t", "target", "--hidden", "6", "--epochs", 2, "--seed", 0, "--out", out),
        *("--kernel-regularizer", "l2=0.01", "--kernel-regularizer", "2:l1=0.1", "--activity-regularizer", "l1=0.001"),
        *("--kernel-constraint", "2:non_neg", "--bias-constraint", "1:box(-1, 1)"),
    )
    model = taut.load_model(out)
    terms = {e.path: (str(e.regularizer), str(e.constraint)) for e in model.plan.entries}
    assert terms == {
        "dense/kernel": ("L2(l2=0.01)", "None"),
        "dense/bias": ("None", "Box(low=-1.0, high=1.0)"),
        "dense_1/kernel": ("L1(l1=0.1)", "NonNeg()"),
        "dense_1/bias": ("None", "None"),
    }
    assert [activity.layer for activity in model.plan.activities] == ["dense"]  # hidden layers, not the output


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "extra", "words"),
    [
        (None, [], "There is no file"),
        ("", [], "is empty"),
        ("x,y\n", [], "no rows below it"),
        ("x,y\n1,a\n2\n", [], "line 3 has 1 field"),
        ("x,z\n1,a\n2,b\n", [], "has no column 'y'"),
        ("x,y\n1,a\n2,a\n3,a\n", [], "is 'a' on all 3 rows"),
        ("x,y\n1,a\n2,\n3,b\n", [], "missing on line 3"),
        ("x,y\n1,a\ninf,b\n3,a\n4,b\n5,a\n6,b\n", ["--test-fraction", 0], "'x' is infinite on line 3"),
        ("x,y\n1,a\n1,b\n1,a\n1,b\n", ["--test-fraction", 0], "no usable column"),
        ("x,y\n1,a\n2,b\n3,a\n4,b\n", ["--drop", "w"], "has no column 'w'"),
        ("x,y\n1,a\n2,b\n3,a\n4,b\n", ["--drop", "x", "--test-fraction", 0], "no usable column beside the target"),
        ("x,y\n1,a\n2,b\n3,a\n4,b\n", ["--task", "regression"], "regression expects numbers"),
    ],
)
def test_a_bad_table_leaves_the_model_file_alone(tmp_path: Path, text, extra, words: str) -> None:
    out = tmp_path / "model.taut"
    out.write_bytes(b"an older model")
    data = tmp_path / "data.csv"
    if text is not None:
        data.write_text(text)
    said = run("fit", data, "--target", "y", "--out", out, *extra, code=1)
    assert said.output.splitlines()[-1].startswith("Error: ") or "Error: " in said.output
    assert words in said.output
    assert out.read_bytes() == b"an older model"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {"model.taut", *(["data.csv"] if text is not None else [])}
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--kernel-regularizer", "l1=0,1"], "a number is written with a point"),
        (["--kernel-regularizer", "lasso=1"], "Unknown regularizer 'lasso'"),
        (["--kernel-constraint", "l1=1"], "'l1' is a regularizer"),
        (["--kernel-regularizer", "l1=-1"], "at least 0"),
        (["--kernel-regularizer", "4:l1=1"], "there is no layer 4: the network has 2"),
        (["--kernel-regularizer", "l1=1", "--kernel-regularizer", "l2=1"], "given twice for every layer"),
        (["--hidden", "64,-1"], "expected whole numbers above 0"),
        (["--optimizer", "adm"], "'Adam'"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--activation", "rellu"], "relu"),
        (["--epochs", "0"], "x>=1"),
        (["--test-fraction", "1"], "0<=x<1"),
        (["--out", "nowhere/model.taut"], "there is no directory nowhere"),
        (["--out", "."], "is a directory"),
        (["--out", "model.onnx"], "export"),
        (["--seed", "-1"], "x>=0"),
        (["--separator", ";;"], "expected one character"),
        (["--batch-sise", "3"], "--batch-size"),
    ],
)
def test_a_bad_option_is_one_clear_message(wine: Path, options: list[str], words: str) -> None:
    result = CliRunner().invoke(main, ["fit", str(wine), "-t", "target", *options])
    assert result.exit_code in (1, 2)
    assert words in result.output
    assert "fault in taut" not in result.output


def test_the_data_are_never_overwritten(wine: Path) -> None:
    before = wine.read_bytes()
    assert "would be overwritten" in run("fit", wine, "-t", "target", "--out", wine, code=2).output
    assert wine.read_bytes() == before


def test_what_is_no_model_is_said_to_be_none(wine: Path, tmp_path: Path) -> None:
    assert "none.taut" in run("report", tmp_path / "none.taut", code=1).output
    run("report", wine, code=1)
    run("predict", wine, wine, code=1)
    torn = tmp_path / "torn.taut"
    torn.write_bytes(b"\x00" * 20)
    run("report", torn, code=1)


def test_a_model_from_python_can_be_reported_and_not_predicted_with(wine: Path, tmp_path: Path) -> None:
    model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.taut")
    assert "all 3 inputs are used" in run("report", tmp_path / "m.taut").output
    said = run("predict", tmp_path / "m.taut", wine, code=1).output
    assert "was saved from Python" in said


def test_predicting_another_table_is_refused(fitted: tuple[Path, str], tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    out.write_text("kept")
    data = table(load_breast_cancer(), tmp_path / "cancer.csv")
    said = run("predict", fitted[0], data, "--out", out, code=1).output
    assert "lacks 15 of the 15 columns" in said
    assert out.read_text() == "kept"
    assert (
        "expected a name that ends in .csv or .parquet"
        in run("predict", fitted[0], data, "--out", tmp_path / "p.xlsx", code=2).output
    )


def test_an_unknown_fault_is_one_line_unless_debug(wine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inner")

    monkeypatch.setattr(taut.cli._network, "read_table", broken)
    said = run("fit", wine, "-t", "target", code=1).output
    assert "KeyError: 'inner'" in said and "with --debug" in said
    result = CliRunner().invoke(main, ["fit", str(wine), "-t", "target", "--debug"])
    assert isinstance(result.exception, KeyError)


def test_a_warning_of_the_library_is_a_note(wine: Path, tmp_path: Path) -> None:
    # In a process of its own: the warning is given once, and pytest keeps warnings to itself.
    program = (
        "import sys; from taut.cli import main; main(['fit', *sys.argv[1:], '-t', 'target', '--epochs', '1', "
        "'--kernel-constraint', 'min_max_norm(-1, 1)', '--task', 'regression'])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(wine)], capture_output=True, text=True, cwd=tmp_path)
    assert "note: MinMaxNorm" in done.stderr and "Box" in done.stderr
    assert "UserWarning" not in done.stderr


# --- help ------------------------------------------------------------------------------------------------


def test_help_teaches() -> None:
    said = run("--help").output
    for command in ("demo", "fit", "predict", "report"):
        assert command in said
        assert "Example" in run(command, "--help").output
    terms = run("fit", "--help").output
    for example in ("l1=0.001", "l1l2(l1=0.01, l2=0.1)", "box(low=-1, high=1)", "non_neg&max_norm=2"):
        assert example in terms
    assert taut.__version__ in run("--version").output


def test_every_term_in_the_help_can_be_typed() -> None:
    from taut._language import build

    said = run("fit", "--help").output
    block = said[said.index("  Terms (put quotes") : said.index("  Columns:")].splitlines()[1:]
    texts = [re.split(r" {2,}", line.strip())[0].strip('"') for line in block if line.strip()]
    assert len(texts) == 8
    for text in texts:
        text = re.sub(r"^\d:", "", text)
        kind = "regularizer" if re.match(r"l[12]", text) else "constraint"
        assert build(kind, text) is not None


@pytest.mark.skipif(os.name == "nt", reason="permissions differ")
def test_files_get_the_usual_permissions(fitted: tuple[Path, str], wine: Path, tmp_path: Path) -> None:
    run("predict", fitted[0], wine, "--out", tmp_path / "p.csv")
    (tmp_path / "plain").touch()
    assert (tmp_path / "p.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode
