"""Numbers as people write them in tables, and files as spreadsheets write them, through to features and classes."""

import csv as standard
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_wine

from taut.tables import TableError, TableSchema, Target, read_table
from taut.tables.cells import number


@pytest.fixture
def csv(tmp_path: Path):
    def write(text: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def column(values: list[str], separator: str = ",") -> str:
    """A file of one column of numbers beside one of letters."""
    text = io.StringIO()
    writer = standard.writer(text, delimiter=separator)
    writer.writerows([["x", "c"], *([value, "ab"[i % 2]] for i, value in enumerate(values))])
    return text.getvalue()


def numbers(schema: TableSchema, table, name: str = "x") -> np.ndarray:
    """A column's values back from its standardised feature."""
    i = schema.feature_names.index(name)
    one = next(c for c in schema.columns if c.name == name)
    return schema.transform(table)[:, i].astype(float) * one.std + one.mean


# --- one cell -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("12", 12, 12),
        ("-1.5e-3", -0.0015, None),
        ("1,234.50", 1234.5, None),
        ("1.234,50", None, 1234.5),
        ("1,234", 1234, 1.234),
        ("1.234.567", None, 1234567),
        ("12,34,567.5", 1234567.5, None),  # India
        ("0,123", None, 0.123),
        ("1234,567", None, 1234.567),
        ("1 234,5", None, 1234.5),
        ("1\u202f234\u202f567,5", None, 1234567.5),
        ("1'234.5", 1234.5, None),
        ("$1,234.50", 1234.5, None),
        ("-$5", -5, -5),
        ("$-5", -5, -5),
        ("1.234,50 €", None, 1234.5),
        ("EUR 5", 5, 5),
        ("(1,234.50)", -1234.5, None),
        ("10.5%", 0.105, None),
        ("10,5 %", None, 0.105),
        ("\u22125", -5, -5),
        ("inf", np.inf, np.inf),
        *(
            (text, None, None)
            for text in ("1,23.5", "1,2345,678", "--5", "(-5)", "(5", "$5€", "5%5", "1 23", "", "1e", "12a")
        ),
        ("9" * 1000, None, None),
        ("1.2.2024", None, None),
    ],
)
def test_one_cell(text: str, point: float | None, comma: float | None) -> None:
    for decimal, value in ((".", point), (",", comma)):
        assert number(text, decimal) == pytest.approx(np.nan if value is None else value, rel=1e-15, nan_ok=True)


# --- columns ------------------------------------------------------------------------------------------


def test_a_european_export_is_the_same_table(csv) -> None:
    data = load_wine()
    frame = pl.DataFrame(data.data, schema=[str(name) for name in data.feature_names])
    swap = str.maketrans(",.", ".,")
    rows = [[f"{value:,}".translate(swap) for value in row] for row in data.data.tolist()]
    header = ";".join(frame.columns)
    table = read_table(csv("\r\n".join([header, *map(";".join, rows)])))
    assert table.frame["proline"][0] == "1.065,0"
    notes: list[str] = []
    schema = TableSchema.fit(table, notes=notes)
    assert np.allclose(schema.transform(table), TableSchema.fit(frame).transform(frame), atol=1e-6)
    assert "numbers written like '14,23', which was read as 14.23: alcohol, malic_acid" in schema.describe()
    assert notes == []
    # The model says how they were read: the same for other rows, and for a file that computers wrote.
    again = TableSchema.from_dict(json.loads(json.dumps(schema.to_dict())))
    one = read_table(csv(header + "\n" + ";".join(rows[3])))
    x = again.transform(one, notes)
    assert np.allclose(x, schema.transform(table)[3:4]) and notes == []
    plain = csv(frame.write_csv())
    with pytest.raises(TableError, match=r"'alcohol' has '14.23' on line 2.*written like '14,23'.*add --decimal '\.'"):
        again.transform(read_table(plain))
    assert np.allclose(again.transform(read_table(plain, decimal=".")), schema.transform(table), atol=1e-6)
    assert np.allclose(again.transform(frame), schema.transform(table), atol=1e-6)  # numbers are numbers


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (["1,234.50", "12", "7.25"], [1234.5, 12, 7.25], "'1,234.50', which was read as 1234.5: x"),
        (["$1,234.50", "$12", "($3)"], [1234.5, 12, -3], "'$1,234.50', which was read as 1234.5: x"),
        (["10.5%", "7%", "0%"], [0.105, 0.07, 0], "'10.5%', which was read as 0.105: x"),
        (["1.234,50", "12", "7,25"], [1234.5, 12, 7.25], "'1.234,50', which was read as 1234.5: x"),
    ],
    ids=["thousands", "dollars", "percent", "comma"],
)
def test_a_column_as_people_write_it(csv, cells: list[str], values: list[float], said: str) -> None:
    table = read_table(csv(column(cells)))
    schema = TableSchema.fit(table)
    assert np.allclose(numbers(schema, table), values)
    assert said in schema.describe()
    target = Target.infer(table, "x", notes=(notes := []))
    assert target.task == "regression" and np.allclose(target.encode(table), values)
    assert cells[0] in notes[0]


def test_where_a_column_does_not_tell_the_file_does_and_it_is_said(csv) -> None:
    ambiguous = [["1,234"], ["5,678"], ["1,111"]]
    for other, value in ((["2.5", "3.5", "1"], 1234), (["2,5", "3,5", "1"], 1.234)):
        text = column([row[0] for row in ambiguous]).splitlines()
        file = io.StringIO()
        standard.writer(file).writerows([["x", "y"], *([a[0], b] for a, b in zip(ambiguous, other, strict=True))])
        table = read_table(csv(file.getvalue()))
        notes: list[str] = []
        schema = TableSchema.fit(table, notes=notes)
        assert numbers(schema, table)[0] == pytest.approx(value), text
        assert len(notes) == 1 and "'x' was read as numbers: '1,234' is" in notes[0] and "add --decimal" in notes[0]
        forced = read_table(csv(file.getvalue(), "forced.csv"), decimal=",")
        assert numbers(TableSchema.fit(forced), forced)[0] == pytest.approx(1.234)
    # Columns that are written plainly count as well.
    table = read_table(csv('x,y,p,q\n"1,234","1,5",2.5,0.5\n"5,678","2,5",3.5,1.5\n'))
    assert numbers(TableSchema.fit(table), table)[0] == pytest.approx(1234)
    # Nothing but the semicolons tells.
    table = read_table(csv("x;c\n1,234;a\n5,678;b\n"))
    assert numbers(TableSchema.fit(table), table).tolist() == pytest.approx([1.234, 5.678])
    assert read_table(csv("x;c\n1.234;a\n5.678;b\n")).notes == (
        "'x': '1.234' was read as 1.234 (if it is 1234, add --decimal ',')",
    )
    assert read_table(csv("x;c\n1.234;a\n5.678;b\n"), decimal=".").notes == ()
    # A plain file stays as it is, thousandths and all.
    table = read_table(csv("x,c\n1.234,a\n5.678,b\n"))
    notes = []
    assert numbers(TableSchema.fit(table, notes=notes), table).tolist() == pytest.approx([1.234, 5.678])
    assert notes == []


@pytest.mark.parametrize(
    ("cells", "decimal", "words"),
    [
        (["1,5", "2.5", "3,5", "1,5", "2.5", "3,5"], None, ["67% of 'x' are numbers", "line 3 has '2.5'"]),
        (["$5", "€5", "$6", "$5", "€5", "$6"], None, ["'€5' on line 3 has another unit"]),
        (["5%", "0.05", "6%", "5%", "0.05", "6%"], None, ["'0.05' on line 3", "lacks their %"]),
        (["1,5", "2,5", "1,5", "2,5"], ".", ["read as text", "With --decimal ',' the column is numbers"]),
    ],
    ids=["both signs", "two currencies", "some percent", "told otherwise"],
)
def test_a_column_that_is_not_written_in_one_way_is_pointed_out(csv, cells, decimal, words) -> None:
    notes: list[str] = []
    schema = TableSchema.fit(read_table(csv(column(cells)), decimal=decimal), notes=notes)
    assert "x=" + cells[0] in schema.feature_names
    for word in words:
        assert word in notes[0]


def test_other_notations_at_prediction_time(csv) -> None:
    plain = TableSchema.fit(pl.DataFrame({"x": [1.0, 2.0, 3.0]}))
    notes: list[str] = []
    table = read_table(csv('x\n"1,234.5"\n2\n'))
    assert plain.transform(table, notes)[0, 0] == pytest.approx((1234.5 - 2) / np.std([1, 2, 3]))
    assert notes == ["'x' was read as numbers: '1,234.5' is 1234.5"]
    with pytest.raises(TableError, match=r"'x' has '1,5' on line 2 of data.csv.*If it is 1.5, add --decimal ','"):
        plain.transform(read_table(csv('x\n"1,5"\n')))
    assert plain.transform(read_table(csv('x\n"1,5"\n'), decimal=","))[0, 0] == pytest.approx(-0.5 / np.std([1, 2, 3]))
    shares = TableSchema.fit(read_table(csv("x\n5%\n10%\n")))
    with pytest.raises(
        TableError, match=r"'x' has '0.05' on line 2 of data.csv; in training it was numbers, written like '5%'"
    ):
        shares.transform(read_table(csv("x\n0.05\n")))
    assert shares.transform(pl.DataFrame({"x": [0.05]}), notes)[0, 0] == pytest.approx(-1)
    assert "0.1 is read as 10 %" in notes[-1]
    assert shares.transform(read_table(csv("x,c\n,a\n,b\n")), notes).tolist() == [[0], [0]]  # all are missing
    with pytest.raises(TableError, match="has '€5'"):
        TableSchema.fit(read_table(csv("x\n$5\n$6\n"))).transform(read_table(csv("x\n€5\n")))


def test_an_older_description_is_one_of_plain_numbers() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]})
    schema = TableSchema.fit(frame, Target.infer(read_table_of(frame), "y"))
    older = schema.to_dict()
    older["version"] = 1
    for part in (*older["columns"], older["target"]):
        for field in ("decimal", "percent", "unit", "written"):
            del part[field]
    assert TableSchema.from_dict(json.loads(json.dumps(older))) == schema


def read_table_of(frame: pl.DataFrame):
    from taut.tables import Table

    return Table.of(frame)


# --- identifiers, dates, labels -----------------------------------------------------------------------


def test_identifiers_and_row_numbers_get_a_note() -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "customer_id": draw.permutation(1000)[:30],
            "row": range(30),
            "n": range(100, 130),
            "paid": draw.random(30).round(6),
            "rooms": draw.integers(1, 5, 30),
            "years": draw.permutation(1000)[:30],
            "total": np.arange(30) * 7,
        }
    )
    notes: list[str] = []
    schema = TableSchema.fit(frame, notes=notes)
    assert [note.split("'")[1] for note in notes] == ["customer_id", "row", "n"]
    assert all("--drop" in note for note in notes)
    assert len(schema.feature_names) == 7  # told, not left out: the user decides


def test_dates_in_text_are_left_out_as_dates_are(csv) -> None:
    days = ["2024-01-31", "2024-02-01", "2024-01-31", "2024-02-01"]
    rows = "".join(f"{day},{day[8:]}.{day[5:7]}.{day[:4]} 12:30,1{i}:15,{i % 2}.5,3-4\n" for i, day in enumerate(days))
    schema = TableSchema.fit(read_table(csv("iso,german,time,x,span\n" + rows + "2024-01-31,01.01.2024,12:15,2,1-2\n")))
    assert [column.name for column in schema.left_out] == ["iso", "german", "time"]
    assert "dates or times, such as '2024-01-31'" in schema.left_out[0].why
    with pytest.raises(TableError, match=r"target 'iso' holds dates or times, such as '2024-01-31'.*days since"):
        Target.infer(read_table(csv("iso,x\n" + "".join(f"{day},1\n" for day in days))), "iso")


def test_spellings_of_one_number_are_one_class(csv) -> None:
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(["1", "1.0", "01", "2", "2", "1"] * 3))
    table = read_table(csv("x,y\n" + rows))
    notes: list[str] = []
    target = Target.infer(table, "y", notes=notes)
    assert target.labels == ("1", "2")
    assert target.encode(table).tolist() == [0, 0, 0, 1, 1, 0] * 3
    assert "writes one number in several ways (1, 1.0, 01)" in notes[0]
    # And later: what was 1 in training is 1.0 after a round trip through a data frame with gaps.
    assert target.encode(read_table_of(pl.DataFrame({"y": [1.0, 2.0]}))).tolist() == [0, 1]
    with pytest.raises(TableError, match="has '3' on line 2"):
        target.encode(read_table(csv("y\n3\n")))
    codes = Target.infer(read_table(csv("x,y\n" + "1,007\n2,008\n" * 5)), "y")
    assert codes.labels == ("007", "008")  # as they are written
    few = Target.infer(read_table(csv("x,y\n1,0\n2,1\n3,0\n4,1\n")), "y")
    assert (few.task, few.why) == ("classification", "its values are 0 and 1")


# --- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_excels_unicode_text(csv, encoding: str) -> None:
    table = read_table(csv("städte\tx\r\nKöln\t1\r\n北京\t2\r\n".encode(encoding)))
    assert table.frame.to_dict(as_series=False) == {"städte": ["Köln", "北京"], "x": ["1", "2"]}
    assert table.where(1) == "line 3"
    cut = csv("a\tb\r\n1\t2\r\n".encode("utf-16")[:-1])
    with pytest.raises(TableError, match="begins like UTF-16 text, but is damaged"):
        read_table(cut)


@pytest.mark.parametrize(
    ("text", "columns", "line", "note"),
    [
        ("sep=;\na;b,c\n1;2\n", ["a", "b,c"], 3, "names the separator"),
        ('"sep=|"\r\na|b,c,d\r\n1|2\r\n', ["a", "b,c,d"], 3, "names the separator"),
        ("sep=\t\na\tb,c,d\n1\t2\n", ["a", "b,c,d"], 3, "names the separator"),
        ("# made on 1 May, by me\n# twice\n\na,b\n1,2\n", ["a", "b"], 5, "2 lines of comments above the header"),
        ("#id,age\nx,2\n", ["id", "age"], 2, None),
        ("# by numpy\n# a,b\n1.0,2.0\n", ["a", "b"], 3, "1 line of comments above"),
        ("##meta\n#CHROM\tPOS\nx\t2\n", ["CHROM", "POS"], 3, "1 line of comments above"),
        ("a,b\n1,2\n# the end\n", ["a", "b"], 2, "comments in data.csv were left out: line 3"),
        ("a,b\n#1,2\n", ["a", "b"], 2, None),  # as wide as the header: a row
    ],
)
def test_what_stands_around_the_rows(csv, text: str, columns: list[str], line: int, note: str | None) -> None:
    table = read_table(csv(text))
    assert table.columns == columns and table.height == 1
    assert table.where(0) == f"line {line}"
    assert (note is None and not table.notes) or (note is not None and note in " ".join(table.notes))


def test_very_long_cells(csv) -> None:
    before = 131_072
    standard.field_size_limit(before)
    text = "word " * 60_000
    table = read_table(csv("note,x,y\n" + "".join(f'"{text}{i % 2}",{i},{"ab"[i % 2]}\n' for i in range(4))))
    assert len(table.frame["note"][0]) == len(text) + 1
    schema = TableSchema.fit(table)
    assert len(schema.describe()) < 500
    with pytest.raises(TableError) as caught:
        schema.transform(read_table(csv(f"note,x\na,{text}\n")))
    assert len(str(caught.value)) < 300
    with pytest.raises(TableError) as caught:
        read_table(csv(f"a,b\n1,{text},3\n"))
    assert len(str(caught.value)) < 300
    assert standard.field_size_limit() == before  # which belongs to the whole process
