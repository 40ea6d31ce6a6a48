"""Tables from files to features: what people's files are like, and every way in which they are wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from taut.tables import TableError, TableSchema, Target, hold_out, read_table

MIXED = """id,age,city,member,score
a1,31,Paris,true,1.5
a2,,Rome,false,2.5
a3,45,Paris,True,
a4,28,,false,0.5
a5,39,Rome,true,9.0
a6,52,Oslo,FALSE,3.0
"""


@pytest.fixture
def csv(tmp_path: Path):
    def write(text: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def with_labels(data) -> pl.DataFrame:
    frame = pl.DataFrame(data.data, schema=[str(name) for name in data.feature_names])
    if "target_names" in data:
        return frame.with_columns(target=pl.Series([str(data.target_names[i]) for i in data.target]))
    return frame.with_columns(target=pl.Series(data.target))


# --- reading ------------------------------------------------------------------------------------------


def test_csv_and_parquet_of_one_table_give_the_same_features(tmp_path: Path) -> None:
    frame = with_labels(load_wine())
    frame.write_csv(tmp_path / "wine.csv")
    frame.write_parquet(tmp_path / "wine.parquet")
    text, binary = read_table(tmp_path / "wine.csv"), read_table(tmp_path / "wine.parquet")
    target = Target.infer(text, "target")
    assert target == Target.infer(binary, "target")
    assert target.labels == ("class_0", "class_1", "class_2")
    schema = TableSchema.fit(text, target)
    assert schema == TableSchema.fit(binary, target)
    x = schema.transform(binary)
    assert np.array_equal(x, schema.transform(text))
    assert x.dtype == np.float32 and x.shape == (178, 13)
    raw = load_wine().data
    assert np.allclose(x, (raw - raw.mean(0)) / raw.std(0), atol=1e-5)


def test_numbers_text_booleans_and_gaps(csv) -> None:
    table = read_table(csv(MIXED))
    notes: list[str] = []
    schema = TableSchema.fit(table, notes=notes)
    assert schema.feature_names == (
        *("age", "age: missing"),
        *("city=Paris", "city=Rome", "city: other", "city: missing"),
        *("member=false", "member=true"),
        *("score", "score: missing"),
    )
    assert [column.name for column in schema.left_out] == ["id"]
    x = schema.transform(table)
    ages = np.asarray([31, 45, 28, 39, 52])
    assert np.isclose(x[1, 0], (np.median(ages) - ages.mean()) / ages.std())
    assert x[:, 1].tolist() == [0, 1, 0, 0, 0, 0]
    assert x[:, 2:6].tolist() == [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
    ]
    assert x[:, 7].tolist() == [1, 0, 1, 0, 1, 0]  # true, True and TRUE are one level
    assert notes == []
    assert "left out: id (all 6 values are unique" in schema.describe()


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x\n2,y\n",
        "\ufeffa,b\r\n1,x\r\n2,y\r\n",  # Excel's CSV UTF-8
        "a;b\n1;x\n2;y\n",
        "a\tb\n1\tx\n2\ty\n",
        "a, b\n1, x\n2, y\n",
        "\n\na,b\n1,x\n\n2,y\n\n",
        '"a","b"\n"1","x"\n"2","y"',
    ],
    ids=["plain", "excel", "semicolons", "tabs", "spaces", "blank lines", "quotes"],
)
def test_the_dialects_of_csv(csv, text: str) -> None:
    table = read_table(csv(text))
    assert table.frame.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", "y"]}


def test_lines_are_counted_as_an_editor_counts_them(csv) -> None:
    table = read_table(csv('a,b\n1,"two\nlines"\n\n2,x\n'))
    assert table.where(0) == "line 2"
    assert table.where(1) == "line 5"
    assert table.take([1]).where(0) == "line 5"


def test_an_index_without_a_name_is_left_out_and_said_so(csv) -> None:
    table = read_table(csv(",a\n0,5\n1,6\n"))
    assert table.columns == ["a"]
    assert "has no name" in table.notes[0]


def test_an_explicit_separator(csv) -> None:
    assert read_table(csv("a;b,c\n1;2\n"), separator=";").columns == ["a", "b,c"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty", "Expected a header"]),
        (b"\n \n", ["only blank lines"]),
        (b"a,b\n", ["a header (a, b) and no rows"]),
        (
            b"a,b,c\n1,2,3\n4,5\n",
            ["line 3 has 2 fields ('4', '5')", "the header has 3", "c, would be without"],
        ),
        (b"a,b\n1,2\n\n3,4,5\n", ["line 4 has 3 fields", "double quotes"]),
        (b'a,b\n1,"two\n3,4\n', ["line 3", "double quotes closed"]),
        (b"a,b,a\n1,2,3\n", ["more than one column is named 'a'"]),
        (b"1,2,3\n4,5,6\n", ["only numbers", "Put a line of names above"]),
        (b"a,b\n1,caf\xe9\n", ["line 2", "not UTF-8", "iconv"]),
        (b"PK\x03\x04rest", ["a spreadsheet or a zip archive"]),
        (b"\x1f\x8b\x08rest", ["gzip"]),
        (b"PAR1 but no more", ["cannot be read as Parquet"]),
    ],
)
def test_files_that_cannot_be_used(csv, content: bytes, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read_table(csv(content))
    for word in words:
        assert word in str(caught.value)
    assert "data.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path, csv) -> None:
    csv("a,b\n1,2\n", "wine.csv")
    with pytest.raises(TableError, match=r"There is no file '.*wines.csv'.*there are: wine.csv"):
        read_table(tmp_path / "wines.csv")
    with pytest.raises(TableError, match="is not a file"):
        read_table(tmp_path)
    with pytest.raises(TableError, match="named as Parquet but is not"):
        read_table(csv("a,b\n1,2\n", "data.parquet"))


def test_without_polars_the_error_names_the_extra(csv) -> None:
    program = (
        "import sys; sys.modules['polars'] = None\n"
        "from taut.tables import read_table\n"
        f"try: read_table({str(csv(MIXED))!r})\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 'pip install "taut[tables]"' in done.stdout
    assert "polars" in done.stdout


# --- the target ---------------------------------------------------------------------------------------


def test_the_task_is_inferred_by_the_stated_rule(tmp_path: Path) -> None:
    cancer, diabetes = with_labels(load_breast_cancer()), with_labels(load_diabetes())
    assert Target.infer(read(cancer), "target").task == "classification"
    assert Target.infer(read(diabetes), "target").task == "regression"
    whole = pl.DataFrame({"x": range(100), "y": [i % 3 for i in range(100)]})
    assert Target.infer(read(whole), "y") == Target(
        "y", "classification", labels=(0, 1, 2), why="3 different whole numbers"
    )
    assert Target.infer(read(whole), "y", "regression").task == "regression"
    few = pl.DataFrame({"y": [1, 2, 3, 4, 5, 1]})
    assert "fewer than five rows each" in Target.infer(read(few), "y").why
    fractions = pl.DataFrame({"y": [0.5, 1.0] * 20})
    assert Target.infer(read(fractions), "y").task == "regression"
    assert Target.infer(read(fractions), "y", "classification").labels == (0.5, 1.0)


def read(frame: pl.DataFrame):
    from taut.tables import Table

    return Table.of(frame)


def test_labels_stay_as_they_are_written(csv) -> None:
    table = read_table(csv("x,y\n" + "1,01\n2,10\n3,9\n" * 5))
    target = Target.infer(table, "y")
    assert target.labels == ("01", "9", "10")  # in the order of their numbers, in the file's own words
    assert target.encode(table).tolist() == [0, 2, 1] * 5
    truth = Target.infer(read(pl.DataFrame({"y": [True, False, True]})), "y")
    assert truth.labels == (False, True)
    assert TableSchema.from_dict(json.loads(json.dumps(schema_of(truth).to_dict()))).target == truth


def schema_of(target: Target) -> TableSchema:
    return TableSchema(TableSchema.fit(pl.DataFrame({"x": [1.0, 2.0]})).columns, target)


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["7"] * 4, None, ["is '7' on all 4 rows", "at least two different values"]),
        (["1", "", "2", "NA"], None, ["missing on lines 3, 5", "remove the row"]),
        (["", "", "", ""], None, ["no values at all"]),
        (["1", "inf", "2", "3"], "regression", ["infinite on line 3"]),
        (["1", "2", "red", "3"], "regression", ["'red' on line 4", "expects numbers"]),
        (["1.5", "2.5", "3.5", "4.5"], "classification", ["too many to be classes", "Use regression"]),
        (["p", "q", "r", "s"], None, ["too many to be classes", "Choose another column"]),
    ],
)
def test_targets_that_cannot_be_learnt(csv, values: list[str], task, words: list[str]) -> None:
    table = read_table(csv("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values))))
    with pytest.raises(TableError) as caught:
        Target.infer(table, "y", task)
    for word in ["'y'", *words]:
        assert word in str(caught.value)


def test_no_such_target_names_the_nearest(csv) -> None:
    with pytest.raises(TableError, match=r"data.csv has no column 'Scores'. Did you mean 'score'\? It has: id,"):
        Target.infer(read_table(csv(MIXED)), "Scores")


def test_regression_is_scaled_by_the_training_rows_and_back() -> None:
    table = read(with_labels(load_diabetes()))
    target = Target.infer(table, "target")
    rows = range(100)
    fitted = TableSchema.fit(table.take(rows), target).target
    assert fitted is not None
    y = target.encode(table)
    assert np.isclose(fitted.mean, y[:100].mean()) and np.isclose(fitted.std, y[:100].std())
    assert np.allclose(fitted.unscale(fitted.scale(y)), y, rtol=1e-6)


# --- columns ------------------------------------------------------------------------------------------


def test_a_column_of_many_levels_is_capped_with_a_warning() -> None:
    letters = [f"level {i % 60}" for i in range(180)] + ["level 0"] * 20
    notes: list[str] = []
    schema = TableSchema.fit(pl.DataFrame({"c": letters}), max_levels=10, notes=notes)
    assert len(schema.feature_names) == 11
    assert schema.feature_names[0] == "c=level 0" and schema.feature_names[-1] == "c: other"
    assert "'c' has 60 levels: the 10 most frequent (25% of its values)" in notes[0]
    assert "--max-levels" in notes[0]
    assert schema.transform(pl.DataFrame({"c": ["never seen"]}))[0].tolist() == [0] * 10 + [1]


def test_a_level_never_seen_is_said_and_all_zeros() -> None:
    schema = TableSchema.fit(pl.DataFrame({"c": ["a", "b"] * 3}))
    notes: list[str] = []
    assert schema.transform(pl.DataFrame({"c": ["a", "z", None]}), notes).tolist() == [[1, 0], [0, 0], [0, 0]]
    assert notes == [
        "'c' is missing on row 3; no value was missing in training, so its features are all 0",
        "'c' has 'z' on row 2, which did not occur in training, so its features are all 0",
    ]


def test_a_gap_never_seen_is_filled_and_said() -> None:
    schema = TableSchema.fit(pl.DataFrame({"x": [1.0, 2.0, 9.0]}))
    notes: list[str] = []
    filled = schema.transform(pl.DataFrame({"x": [None, float("nan"), 2.0]}), notes)
    assert filled[0] == filled[1] == filled[2]
    assert "missing on rows 1, 2" in notes[0] and "the training median, 2, was used" in notes[0]


def test_a_constant_with_gaps_keeps_only_what_it_says() -> None:
    schema = TableSchema.fit(pl.DataFrame({"x": [3.0, None, 3.0]}))
    assert schema.feature_names == ("x: missing",)
    assert schema.transform(pl.DataFrame({"x": [None, 3.0]})).tolist() == [[1], [0]]


def test_huge_numbers_are_standardised_all_the_same() -> None:
    schema = TableSchema.fit(pl.DataFrame({"x": [1e200, 3e200], "y": [1e9, 1e9 + 1]}))
    assert np.allclose(schema.transform(pl.DataFrame({"x": [1e200, 3e200], "y": [1e9, 1e9 + 1]})), [[-1, -1], [1, 1]])


def test_almost_numbers_are_pointed_out(csv) -> None:
    notes: list[str] = []
    TableSchema.fit(read_table(csv("x,c\n1,a\n1,b\n2,a\n2,b\nthree,a\n")), notes=notes)
    assert notes == [
        "80% of 'x' are numbers, but line 6 has 'three', so it was read as text. "
        "Correct it, or leave it empty to mark it as missing"
    ]


def test_not_one_usable_column(csv) -> None:
    table = read_table(csv("id,same,none,y\na,1,,u\nb,1,,v\nc,1,,u\nd,1,,v\n"))
    with pytest.raises(TableError) as caught:
        TableSchema.fit(table, Target.infer(table, "y"))
    for word in [
        "no usable column",
        "'id' (all 4 values are unique",
        "'same' (every value is 1)",
        "'none' (every",
    ]:
        assert word in str(caught.value)


def test_dates_and_lists_are_left_out_with_a_reason() -> None:
    frame = pl.DataFrame(
        {"x": [1.0, 2.0], "day": pl.Series(["2020-01-01", "2020-01-02"]).str.to_date(), "l": [[1], [2]]}
    )
    schema = TableSchema.fit(frame)
    assert schema.feature_names == ("x",)
    assert {c.name: " ".join(c.why.split()[:4]) for c in schema.left_out} == {
        "day": "it holds dates or",
        "l": "List(Int64) is neither numbers",
    }


def test_infinity_in_training_and_later(csv) -> None:
    with pytest.raises(TableError, match=r"'x' is infinite on line 3 of data.csv.*leave it empty"):
        TableSchema.fit(read_table(csv("x\n1\n-inf\n2\n")))
    schema = TableSchema.fit(pl.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(TableError, match="infinite on row 1"):
        schema.transform(pl.DataFrame({"x": [float("inf")]}))
    with pytest.raises(TableError, match="too large to compute with"):
        schema.transform(pl.DataFrame({"x": [1e60]}))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"ages": [1.0], "city": ["a"]}, ["no column 'age'", "Did you mean 'ages'"]),
        ({"weight": [1.0]}, ["lacks 2 of the 2 columns", "'age', 'city'"]),
        ({"age": ["old"], "city": ["a"]}, ["'age' has 'old' on row 1", "in training it was numbers"]),
        ({"age": [True], "city": ["a"]}, ["'age' is Boolean", "in training it was numbers"]),
        ({"age": [1.0], "city": [3]}, ["'city' is Int64", "in training it was text"]),
        ({"age": [1.0], "city": ["3"]}, ["'city' holds only numbers", "such as 'a', 'b'"]),
        ({"age": pl.Series([], dtype=pl.Float64), "city": pl.Series([], dtype=pl.String)}, ["no rows"]),
    ],
)
def test_other_tables_at_prediction_time(frame, words: list[str]) -> None:
    schema = TableSchema.fit(pl.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "city": ["a", "b", "a", "b"]}))
    with pytest.raises(TableError) as caught:
        schema.transform(pl.DataFrame(frame))
    for word in words:
        assert word in str(caught.value)


def test_order_of_columns_and_strangers_do_not_matter() -> None:
    schema = TableSchema.fit(pl.DataFrame({"x": [1.0, 2.0], "y": [5.0, 7.0]}))
    swapped = pl.DataFrame({"new": ["?"], "y": [7.0], "x": [1.0]})
    assert schema.transform(swapped).tolist() == [[-1, 1]]


# --- the description that travels with a model ----------------------------------------------------------


def test_the_schema_is_plain_json_and_comes_back_equal(csv) -> None:
    table = read_table(csv(MIXED + "a7,33,Oslo,true,1\n"))
    schema = TableSchema.fit(table, Target.infer(table, "member"))
    again = TableSchema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert again == schema
    assert np.array_equal(again.transform(table), schema.transform(table))


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: "text",
        lambda d: {},
        lambda d: {**d, "version": 99},
        lambda d: {**d, "columns": []},
        lambda d: {**d, "columns": [{"kind": "os.system"}]},
        lambda d: {**d, "columns": [{**d["columns"][0], "std": "1"}]},
        lambda d: {**d, "columns": [{**d["columns"][0], "std": float("nan")}]},
        lambda d: {**d, "columns": [{**d["columns"][0], "missing": 1}]},
        lambda d: {**d, "columns": [{**d["columns"][0], "extra": 1}]},
        lambda d: {**d, "columns": None},
        lambda d: {**d, "target": {**d["target"], "labels": [["a"]]}},
        lambda d: {**d, "target": {**d["target"], "task": "mischief"}},
        lambda d: {k: v for k, v in d.items() if k != "left_out"},
    ],
)
def test_a_damaged_description_is_refused(damage) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    plain = TableSchema.fit(frame, Target.infer(read(frame), "y")).to_dict()
    with pytest.raises(TableError, match=r"not the description|has version|is damaged"):
        TableSchema.from_dict(damage(plain))


# --- holding out ----------------------------------------------------------------------------------------


def test_held_out_rows_keep_the_proportions_and_the_seed() -> None:
    target = Target("y", "classification", labels=("a", "b", "c"))
    y = np.asarray([0] * 80 + [1] * 20 + [2])
    train, test = hold_out(target, y, 0.25, seed=1)
    assert sorted([*train, *test]) == list(range(101))
    assert np.bincount(y[test], minlength=3).tolist() == [20, 5, 0]
    assert np.array_equal(test, hold_out(target, y, 0.25, seed=1)[1])
    assert not np.array_equal(test, hold_out(target, y, 0.25, seed=2)[1])
    number = Target("y", "regression")
    assert len(hold_out(number, np.arange(50.0), 0.2, seed=0)[1]) == 10
    assert len(hold_out(number, np.arange(50.0), 0.0, seed=0)[1]) == 0


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 5.0])
def test_an_impossible_fraction(fraction: float) -> None:
    with pytest.raises(TableError, match="expected at least 0 and below 1"):
        hold_out(Target("y", "regression"), np.arange(9.0), fraction, seed=0)


def test_too_few_rows_to_hold_any_out() -> None:
    with pytest.raises(TableError, match="too few to hold out"):
        hold_out(Target("y", "regression"), np.arange(2.0), 0.1, seed=0)
