"""``taut.compare`` and the two commands: every kind of term at its own best strength, measured on rows left alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

import taut
from taut.cli import main
from taut.paths import comparing
from taut.paths.kinds import KINDS, NAMES

RNG = np.random.default_rng(5)
X = RNG.standard_normal((240, 6)).astype("float32")
Y = (X[:, 0] - X[:, 1] > 0).astype("int32")  # four inputs say nothing
OPTIONS = {"strengths": 3, "folds": 2, "epochs": 12, "seed": 1, "verbose": 0}


def net(hidden: bool = False) -> taut.Sequential:
    layers = [taut.layers.Dense(4, activation="relu", input_shape=(6,))] if hidden else []
    last = taut.layers.Dense(1, activation="sigmoid", **({} if hidden else {"input_shape": (6,)}))
    model = taut.Sequential([*layers, last])
    model.compile(taut.optimizers.Adam(0.02), "binary_crossentropy", ["accuracy"])
    return model


@pytest.fixture(scope="module")
def found() -> comparing.Comparison:
    return taut.compare(net(), pl.DataFrame(X, schema=list("abcdef")), Y, kinds=["l1", "groups", "max_norm"], **OPTIONS)


def test_each_row_is_what_its_net_scores(found: comparing.Comparison) -> None:
    assert [row.kind for row in found.rows] == ["none", "l1", "groups", "max_norm"]
    assert found.test_rows == 60
    for row in found.rows:
        model, path = found.models[row.kind], found.paths[row.kind]
        kernel = np.asarray(model.params["dense/kernel"])
        assert row.zeros == np.mean(kernel == 0)
        assert row.inputs == int((kernel != 0).any(axis=1).sum())
        assert row.gap == pytest.approx(row.test - row.train)
        point = path.best()
        assert row.score == point.score
        if row.kind == "l1":  # the net is the one that a fit gives
            np.testing.assert_allclose(path.refit(point).get_weights()[0], kernel, atol=1e-5)
    assert found["l1"].term == f"L1({found['l1'].strength:.3g})"
    assert found.models["max_norm"].plan["dense/kernel"].constraint == taut.constraints.MaxNorm(
        found["max_norm"].strength
    )
    assert found["none"].zeros == 0
    assert found.models["none"].plan["dense/kernel"].regularizer == taut.regularizers.L2(0.0)


def test_test_scores_are_of_the_rows_left_alone(found: comparing.Comparison) -> None:
    held = {"a": X[180:], "y": Y[180:]}
    given = taut.compare(net(), X[:180], Y[:180], test_data=(held["a"], held["y"]), kinds=["l1"], noise=0.0, **OPTIONS)
    for row in given.rows:
        chance = given.models[row.kind].predict(held["a"])[:, 0]
        assert row.others["accuracy"] == pytest.approx(np.mean((chance > 0.5) == held["y"]))
        assert row.test == pytest.approx(-np.log(np.where(held["y"] == 1, chance, 1 - chance)).mean(), rel=1e-4)
        assert row.noisy == pytest.approx(row.test), "no noise changes nothing"
    shuffled = taut.compare(
        net(), X[:180], Y[:180], test_data=(held["a"], 1 - held["y"]), kinds=["l1"], noise=0.0, **OPTIONS
    )
    for row, other in zip(given.rows, shuffled.rows, strict=True):
        assert (row.score, row.strength, row.train) == (other.score, other.strength, other.train) or row.kind == "none"
        assert row.others["accuracy"] == pytest.approx(1 - other.others["accuracy"])


def test_it_reads_as_a_table_and_as_sentences(found: comparing.Comparison) -> None:
    text = str(found)
    assert re.search(
        r"kind +term +val_log_loss +val_log_loss_se +train_log_loss +test_log_loss +test_accuracy +gap", text
    )
    assert found.table().to_polars().shape == (4, 11)
    groups = found["groups"]
    assert "an input as a whole" in groups.sentence
    assert (f"{groups.inputs} of 6 inputs are used" in groups.sentence) == (groups.inputs < 6)
    assert found.best().score == min(row.score for row in found.rows)
    assert not found.note or found.note in text
    flat = replace(found, rows=[replace(row, score=0.4, error=0.1) for row in found.rows])
    assert flat.note == "all 4 kinds have this log_loss; the first was taken"
    close = replace(flat, rows=[replace(row, score=0.4 + 0.01 * i) for i, row in enumerate(flat.rows)])
    assert close.note == "all 4 kinds are within one standard error: log_loss does not tell them apart"
    assert close.note in str(close)
    with pytest.raises(KeyError, match="max_norm"):
        found["maxnorm"]


def test_every_kind_has_a_place_in_a_network_with_a_hidden_layer() -> None:
    places = comparing._places(net(hidden=True))
    assert places == (["dense/kernel", "dense_1/kernel"], ["dense/bias", "dense_1/bias"], ["dense/activity"])
    assert all(kind.vary(*places) is not None for kind in KINDS)
    assert tuple(kind.name for kind in KINDS) == NAMES
    none = comparing._places(net())
    assert [kind.name for kind in KINDS if kind.vary(*none) is None] == ["activity", "dropout"]


def test_dropout_is_a_kind_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one_rate = tuple(replace(kind, numbers=(0.25,)) for kind in KINDS if kind.name == "dropout")
    monkeypatch.setattr(comparing, "chosen", lambda kinds: one_rate)
    out = taut.compare(net(hidden=True), X, Y, **{**OPTIONS, "epochs": 2})
    assert [(row.kind, row.strength, row.term) for row in out.rows] == [("dropout", 0.25, "Dropout(0.25)")]
    names = [type(layer).__name__ for layer in out.models["dropout"].layers]
    assert names == ["Input", "Dense", "Dropout", "Dense"]


def test_a_models_own_terms_are_left_out_and_it_is_not_changed() -> None:
    model = net()
    model.attach({"dense/kernel": taut.constraints.NonNeg(), "dense/unit": None})
    before = model.get_weights()[0].copy()
    bare = comparing._bare(model, 0)
    assert bare.plan.constrained == () and model.plan.constrained != ()
    assert (model.get_weights()[0] == before).all()


def test_ctrl_c_keeps_the_kinds_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    real = comparing._paths

    def stopping(kind: object, *rest: object) -> object:
        if getattr(kind, "name", "") == "l2":
            raise KeyboardInterrupt
        return real(kind, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "_paths", stopping)
    out = taut.compare(net(), X, Y, kinds=["l1", "l2"], **OPTIONS)
    assert out.interrupted and [row.kind for row in out.rows] == ["none", "l1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kinds": ["l3"]}, ValueError, "l3.*l1"),
        ({"kinds": "l1"}, TypeError, "a list of names"),
        ({"noise": -1}, ValueError, "noise=-1"),
        ({"test_fraction": 1.5}, ValueError, "test_fraction=1.5"),
        ({"test_fraction": 0.001}, ValueError, "cannot split a test part off"),
        ({"strengths": 0}, ValueError, "strengths"),
        ({"test_data": X}, TypeError, "test_data"),
        ({"groups": [1, 2]}, ValueError, "groups"),
    ],
    ids=str,
)
def test_bad_input(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        taut.compare(net(), X, Y, **{**OPTIONS, **options})


# --- from a shell -----------------------------------------------------------------------------------------------------


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("table") / "data.csv"
    frame = pl.DataFrame(X, schema=list("abcdef")).with_columns(y=pl.Series(np.where(Y == 1, "yes", "no")))
    frame.write_csv(out)
    return out


def test_taut_path_finds_a_strength_and_saves_the_network_at_it(file: Path, tmp_path: Path) -> None:
    out, html, csv, plot = (tmp_path / name for name in ("m.taut", "p.html", "p.csv", "p.png"))
    told = run(
        *("path", file, "-t", "y", "--hidden", "none", "--strengths", 4, "--folds", 2, "--epochs", 15, "--seed", 3),
        *("--learning-rate", 0.02, "-o", out, "--html", html, "--csv", csv, "--plot", plot),
    ).output
    assert "best mean" in told and "one_se" in told and "used neither for training nor for the choice" in told
    rows = pl.read_csv(csv)
    assert rows.height == 4 and rows["kernel"][0] > rows["kernel"][-1]
    assert html.stat().st_size > 1000 and plot.stat().st_size > 1000
    model = taut.load_model(out)
    chosen = float(re.search(r"one_se +point \d+: kernel: ([\d.e-]+)", told)[1])  # type: ignore[index]
    assert model.plan["dense/kernel"].regularizer.l1 == pytest.approx(chosen, rel=1e-3)
    run("predict", out, file, "--out", tmp_path / "answers.csv")
    assert set(pl.read_csv(tmp_path / "answers.csv").to_series(0)) <= {"yes", "no"}
    run("report", out)


def test_taut_path_varies_what_it_is_told() -> None:
    from taut.cli.path import VaryOption

    where, make = VaryOption().convert("dense/kernel: group_lasso(*, by=input)", None, None)
    assert where == "dense/kernel"
    assert make(0.25) == taut.regularizers.GroupLasso(0.25, by="input")
    _, make = VaryOption().convert("kernel:box(low=-*, high=*)", None, None)
    assert make(2) == taut.constraints.Box(-2.0, 2.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--vary", "kernel:l1=0.1"), "expected WHERE:TERM with * for the number"),
        (("--vary", "kernel:l11=*"), "l11"),
        (("--vary", "kernal:l1=*"), "kernal"),
        (("--vary", "kernel:l1=*", "--vary", "kernel:l2=*"), "given twice"),
        (("--folds", 1), "folds"),
        (("-o", "/nowhere/m.taut"), "there is no directory"),
    ],
    ids=str,
)
def test_taut_path_on_bad_input(file: Path, words: tuple[object, ...], message: str) -> None:
    result = CliRunner().invoke(main, [str(w) for w in ("path", file, "-t", "y", "--hidden", "none", *words)])
    assert result.exit_code != 0
    assert message in result.output and "Traceback" not in result.output


def test_taut_compare_says_which_kind_and_why(file: Path, tmp_path: Path) -> None:
    html, csv = tmp_path / "c.html", tmp_path / "c.csv"
    told = run(
        *("compare", file, "-t", "y", "--hidden", "none", "--kind", "l1", "--strengths", 2, "--folds", 2),
        *("--epochs", 5, "--seed", 3, "--html", html, "--csv", csv),
    ).output
    assert "Best in cross-validation:" in told and "l1: L1 on the kernels" in " ".join(told.split())
    assert pl.read_csv(csv)["kind"].to_list() == ["none", "l1"]
    assert html.stat().st_size > 1000
    assert "l3" in run("compare", file, "-t", "y", "--kind", "l3", code=1).output


def test_seeds_may_be_listed_as_in_a_path() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3)).astype(np.float32)
    model = taut.Sequential([taut.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    options = {"kinds": ["none"], "folds": 2, "epochs": 1, "batch_size": "full", "verbose": 0}
    found = taut.compare(model, x, x[:, 0], seeds=[3, 5], **options)
    assert tuple(found.paths["none"].seeds) == (3, 5)
    with pytest.raises(ValueError, match="both given"):
        taut.compare(model, x, x[:, 0], seeds=[3, 5], seed=1, **options)
