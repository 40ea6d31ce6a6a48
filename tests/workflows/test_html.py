"""Pages without a browser: what is written into them, how large they are, and what is refused."""

import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as plotly
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

import taut
from taut import _reports
from taut.cli import main
from taut.constraints import Box, MaxNorm, MinMaxNorm, Monotone, NonNeg, Simplex, UnitNorm
from taut.paths.varying import resolve, terms_at
from taut.report.bounds import bounds_table, on_bound
from taut.report.html import charts
from taut.report.html.curves import curves_panel
from taut.report.html.escape import clean, escape, label, script_json
from taut.report.html.parts import share
from taut.report.html.scores import strength_axis
from tests.workflows._html import HOSTILE, hostile_path, page_of
from tests.workflows._nets import fit, net

TEXTS = st.text(max_size=40) | st.sampled_from(HOSTILE)


class Words(HTMLParser):
    """The text of a page and the tags that it has, as a browser reads them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json" id="taut-data">(.*?)</script>', page)[1])


# --- what users write ------------------------------------------------------------------------------------------------


@given(TEXTS)
@example("&lt;")
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    inside, quoted = Words(f"<p>{escape(text)}</p>"), Words(f'<p title="{escape(text)}"></p>')
    assert ("".join(inside.words), [tag for tag, _ in inside.tags]) == (clean(text), ["p"])
    assert quoted.tags == [("p", {"title": clean(text)})]
    escape(text).encode("utf-8")  # which half a surrogate would not


@given(TEXTS, st.integers(2, 30))
def test_a_label_has_no_tag_no_formula_and_no_more_than_its_width(text: str, width: int) -> None:
    found = label(text, width)
    assert not set("<>$") & set(found)
    plain = "".join(Words(found).words)  # what plotly shows
    assert len(plain) <= width and plain.rstrip("…") == clean(text)[: len(plain.rstrip("…"))]


@given(st.recursive(TEXTS | st.floats(allow_nan=False, allow_infinity=False), st.lists, max_leaves=5))
def test_json_in_a_script_comes_back_and_cannot_end_it(value: Any) -> None:
    found = script_json(value)
    assert not set("<>&\u2028\u2029") & set(found) and found.isascii()
    assert json.loads(found) == value


def test_json_has_no_word_for_nan() -> None:
    with pytest.raises(ValueError):
        script_json(float("nan"))


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_the_grey_of_zeros_never_lies() -> None:
    w = np.asarray([[0.0, -0.0, 1e-30, -1e-30], [0.2, -0.2, 5.0, -5.0]])
    found = charts.levels(w, 1.0)
    assert found.tolist() == [[0, 0, 1, -1], [25, -25, 127, -127]]
    draw = np.random.default_rng(0)
    big = draw.normal(size=(23, 57)) * (draw.random((23, 57)) < 0.1)
    small = charts.pooled(big, 5, 8)
    assert small.shape == (5, 8)
    for i in range(5):  # blocks of 5 × 8
        for j in range(8):
            block = big[5 * i : 5 * i + 5, 8 * j : 8 * j + 8].ravel()
            assert small[i, j] == (block[np.argmax(np.abs(block))] if block.size else 0.0)


def test_a_sheet_of_images_keeps_each_in_its_place() -> None:
    kernels = np.arange(1, 13, dtype=np.int8).reshape(3, 2, 2)
    gap = charts.GAP
    assert charts.tiled(kernels, 2).tolist() == [
        [1, 2, gap, 5, 6],
        [3, 4, gap, 7, 8],
        [gap] * 5,
        [9, 10, gap, gap, gap],
        [11, 12, gap, gap, gap],
    ]


def test_a_histogram_counts_every_weight_once() -> None:
    w = np.asarray([0.0, 0.0, 0.5, -0.5, 9.0, -9.0, 1e-9])
    bars, zeros = charts.counts(w, 1.0, 4)
    assert (bars, zeros) == ([1, 1, 1, 2], 2)


@pytest.mark.parametrize(
    ("constraint", "w", "held"),
    [
        (MaxNorm(5.0), [[3.0, 3.0, 0.0], [4.0, 3.9, 0.0]], [True, False, False]),
        (MinMaxNorm(1.0, 5.0), [[3.0, 0.6, 1.0], [4.0, 0.8, 1.0]], [True, True, False]),
        (UnitNorm(), [[0.6, 1.0], [0.8, 0.0]], [True, True]),
        (Simplex(), [[0.25, 0.5], [0.75, 0.5]], [True, True]),
        (NonNeg(), [[0.0, 1e-3]], [[True, False]]),
        (Box(-1.0, 1.0), [[-1.0, 0.5, 1.0]], [[True, False, True]]),
        (Monotone(), [[0.0, 0.0], [1.0, 0.0]], [False, True]),
        (MaxNorm(5.0), [[0.0], [0.0]], [False]),
    ],
    ids=str,
)
def test_what_is_on_the_bound_is_found_by_a_push(constraint: Any, w: Any, held: Any) -> None:
    assert on_bound(constraint, constraint(np.asarray(w))).tolist() == held


def test_members_of_an_intersection_are_counted_apart() -> None:
    model = net(kernel_constraint=NonNeg() & MaxNorm(0.5))
    kernel = np.asarray([[0.5, 0.1, 0.0, 0.2], [0.0, 0.1, 0.0, 0.2], [0.0, 0.1, 0.0, 0.2]], np.float32)
    model.set_weights([kernel, *model.get_weights()[1:]])
    rows = {type(row.constraint).__name__: row for row in bounds_table(model.plan, model.params)}
    assert (rows["NonNeg"].held, rows["NonNeg"].of, rows["NonNeg"].entries) == (5, 12, True)
    assert (rows["MaxNorm"].held, rows["MaxNorm"].of, rows["MaxNorm"].entries) == (1, 4, False)


def test_a_share_is_all_only_if_it_is() -> None:
    found = [share(n, 100_000) for n in (0, 1, 10, 999, 50_000, 99_500, 99_999, 100_000)]
    assert found == ["0 %", "< 0.01 %", "0.01 %", "1 %", "50 %", "99.5 %", "99.99 %", "100 %"]


def test_axes_of_strengths() -> None:
    x, ticks = strength_axis(np.geomspace(1e-4, 1, 5)[:, None])
    assert x == pytest.approx([-4, -3, -2, -1, 0]) and ticks["ticktext"] == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert strength_axis(np.asarray([[0.0], [0.1], [1.0]]))[0] == [0, 1, 2]  # there is no logarithm of 0
    x, ticks = strength_axis(np.asarray([[0.1, 1.0], [0.1, 2.0], [0.2, 1.0]]))
    assert x == [0, 1, 2] and ticks["ticktext"] == ["0.1 · 1", "0.1 · 2", "0.2 · 1"]


def test_curves_of_runs_that_stopped_early() -> None:
    runs = np.full((1, 2, 1, 4), np.nan)
    runs[0, 0, 0] = [4.0, 3.0, 2.0, 1.0]
    runs[0, 1, 0, :2] = [8.0, 5.0]
    panel = curves_panel({"loss": runs})
    assert panel is not None
    low, high, mean = (trace["y"] for trace in panel.charts["curve-0"].data)
    assert (mean, low, high) == ([6.0, 4.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0], [8.0, 5.0, 2.0, 1.0])
    assert '<td class="number"><span data-moves>1 – 5</span>' in panel.html  # where each of them ended
    assert curves_panel({}) is None


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(hostile_path(), tmp_path_factory.mktemp("page"))


COLOUR = re.compile("color", re.IGNORECASE)


def painted(node: Any, colour: bool = False) -> Any:
    """The page's words for colours replaced, as its script does, by one that plotly knows."""
    if isinstance(node, dict):
        return {k: painted(v, bool(COLOUR.search(k))) for k, v in node.items()}
    if isinstance(node, list):
        return [painted(v, colour) for v in node]
    return "#123456" if colour and isinstance(node, str) and node.startswith("@") else node


def test_plotly_knows_all_that_the_charts_say(path_page: str) -> None:
    found = data_of(path_page)["charts"]
    assert len(found) == 10
    for chart in found.values():
        for step in [{}, *chart["steps"][:2]]:
            moved = step.get("data", {})
            data = [{**painted(trace), **painted(moved.get(str(i), {}))} for i, trace in enumerate(chart["data"])]
            plotly.Figure(data, {**painted(chart["layout"]), **painted(step.get("layout", {}))})
            assert set(moved) <= {str(i) for i in range(len(data))}


def test_a_page_names_no_place_outside_itself(path_page: str) -> None:
    head = path_page[: path_page.index('<script type="application/json"')]
    for tag, attributes in Words(head).tags:
        for key in ("src", "href", "action", "data", "poster", "srcset"):
            assert (attributes.get(key) or "#").startswith(("#", "data:,")), (tag, attributes)
        assert not [key for key in attributes if key.startswith("on")]
    assert "url(" not in head and "@import" not in head
    assert {tag for tag, _ in Words(head).tags} & {"img", "iframe", "object", "embed", "svg", "a"} == {"a"}


def test_every_step_of_a_page_has_every_text(path_page: str) -> None:
    found = data_of(path_page)
    moving = {
        place: len(re.findall("data-moves", path_page[path_page.index(f'id="{place}"') :].split("</table>")[0]))
        for place in found["texts"]
        if place.endswith("-table")
    }
    assert set(moving) == {"weights-table", "inputs-table", "curves-table", "bounds-table", "terms-table"}
    for place, steps in found["texts"].items():
        assert len(steps) == found["steps"] == 8
        assert {len(texts) for texts in steps} == {moving.get(place, len(steps[0]))}
    assert f'aria-valuetext="{escape(found["spoken"][found["start"]])}"' in path_page
    terms = [row[0] for row in found["texts"]["terms-table"]]
    assert terms[0] == "L1(l1=0.001)" and terms[-1] == "L1(l1=1.0)"  # each step has its own strength


def test_what_is_best_and_what_was_interrupted(path_page: str) -> None:
    path = hostile_path()
    best = len(path) - 1 - path.best().index  # its strengths descend
    assert data_of(path_page)["start"] == best
    assert f'<tr class="best" data-row="{best}">' in path_page
    assert "The training was interrupted" in path_page
    steps = dict(re.findall(r'data-step="(\d+)">(.*?)<', path_page))
    assert steps[str(len(path) - 1 - path.best(rule="one_se").index)] == "Within one standard error" or len(steps) == 1


def test_strengths_whose_weights_did_not_stay_finite_are_left_out_and_said(tmp_path: Path) -> None:
    path = hostile_path(None)
    path.weights["dense/bias"][2, 0] = np.nan
    page = page_of(path, tmp_path)
    assert data_of(page)["steps"] == 7
    assert "At 1 of 8 strengths the weights became infinite or NaN" in page
    path.weights["dense/bias"][:] = np.inf
    with pytest.raises(ValueError, match="not finite at any strength"):
        page_of(path, tmp_path)


def test_a_wide_path_stays_small_and_says_what_it_left_out(tmp_path: Path) -> None:
    page = page_of(
        hostile_path(None, inputs=784, units=512, outputs=10, steps=64, constrained=False), tmp_path, image=(28, 28)
    )
    assert len(page.encode()) < 15e6
    assert "images of 24 of 512 units" in page and "the first 200 of 784" in page
    assert "512×10 weights are drawn as" in page and "The lines show 60 of 784 inputs" in page


def test_the_page_of_a_model_is_its_audit(tmp_path: Path) -> None:
    model = net(kernel_regularizer="l1", bias_constraint="non_neg")
    fit(model, epochs=3, validation_split=0.25)
    model.attach({"dense_1/activity": taut.regularizers.L2(0.5)})
    model.report(tmp_path / "report.html", feature_names=["<b>a</b>", "b & c", "d"], title="<i>mine</i>")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    body = page[: page.index('<script type="application/json"')]
    words = "".join(Words(body).words)
    for row in model.plan.rows():
        assert all(cell in words for cell in row)
    assert model.plan.how[1:] in words
    assert "<b>a</b>" in words and "b & c" in words and "<i>mine</i>" in words
    assert 'id="strength"' not in page  # one model has nothing to slide over
    found = data_of(page)
    drawn = found["charts"]["curve-0"]["data"]
    assert drawn[0]["y"] == pytest.approx(model.history.history["loss"], rel=1e-5)
    assert drawn[1]["y"] == pytest.approx(model.history.history["val_loss"], rel=1e-5)
    norms = np.sqrt(np.square(np.asarray(model.params["dense/kernel"], np.float64)).sum(axis=1))
    bars = found["charts"]["inputs-bars"]["data"][0]
    assert bars["x"] == pytest.approx(np.sort(norms)[::-1], rel=1e-5)
    assert bars["customdata"] == [label(["<b>a</b>", "b & c", "d"][i], 60) for i in np.argsort(-norms)]
    counted = found["charts"]["histogram-0"]["data"]
    zeros = int((np.asarray(model.params["dense/kernel"]) == 0).sum())
    assert sum(counted[0]["y"]) == 12 - zeros and counted[1]["y"] == [zeros]


def test_contributions_are_in_units_of_the_data_where_it_is_given(tmp_path: Path) -> None:
    model = net()
    x = np.asarray([[0.0, 0.0, 5.0], [2.0, 0.0, 5.0]])
    model.report(tmp_path / "report.html", x=x)
    found = data_of((tmp_path / "report.html").read_text())["charts"]["inputs-bars"]["data"][0]
    first = math.sqrt(float(np.square(np.asarray(model.params["dense/kernel"], np.float64)[0]).sum()))
    assert dict(zip(found["customdata"], found["x"], strict=True)) == {
        "input 0": pytest.approx(first, rel=1e-5),  # whose standard deviation is 1
        "input 1": 0.0,
        "input 2": 0.0,
    }


def test_a_model_without_a_kernel_or_a_history_has_a_page(tmp_path: Path) -> None:
    model = taut.Sequential([taut.layers.Flatten(input_shape=(2, 2)), taut.layers.Dense(1, use_bias=False)])
    model.report(tmp_path / "new.html")
    page = (tmp_path / "new.html").read_text()
    assert "Training curves" not in page and "Active constraints" not in page
    assert "inputs-map" in page  # rows of 2 × 2 are images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_names": ["a", "b"]}, "got 2, expected 3"),
        ({"feature_names": "abc"}, "got 1, expected 3"),
        ({"image": (2, 2)}, "2 × 2 pixels, expected 3"),
        ({"x": np.ones((5, 4))}, "rows of 4 values, expected 3"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_file_stays(tmp_path: Path, options: Any, message: str) -> None:
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(ValueError, match=message):
        net().report(tmp_path / "report.html", **options)
    assert (tmp_path / "report.html").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Make it first"):
        net().report(tmp_path / "none" / "report.html")
    with pytest.raises(IsADirectoryError, match=r"such as .*report\.html"):
        net().report(tmp_path)
    with pytest.raises(ValueError, match="no weights yet"):
        taut.Sequential([taut.layers.Dense(1)]).report(tmp_path / "report.html")


def test_without_plotly_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError, match=r'pip install "taut\[tables\]"'):
        net().report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_shell_writes_the_page(tmp_path: Path) -> None:
    net().save(tmp_path / "m.taut")
    done = CliRunner().invoke(main, ["report", str(tmp_path / "m.taut"), "--html", str(tmp_path / "m.html")])
    assert (done.exit_code, done.output) == (0, f"wrote {tmp_path / 'm.html'}\n")
    assert "Report of m.taut" in (tmp_path / "m.html").read_text(encoding="utf-8")
    done = CliRunner().invoke(main, ["report", str(tmp_path / "m.taut"), "--html", str(tmp_path / "m.taut")])
    assert done.exit_code == 2 and "would be overwritten" in done.output


def test_two_terms_at_once_are_a_map(tmp_path: Path) -> None:
    path = hostile_path(None)
    weak, strong = np.meshgrid([0.1, 0.2, 0.4, 0.8], [3.0, 1.0])
    path.strengths = np.stack([weak.ravel(), strong.ravel()], axis=1)
    path.varied = ("dense/kernel", "dense_1/kernel")
    path._entries = resolve(path.model, dict.fromkeys(path.varied, taut.regularizers.L1))
    path._terms = [terms_at(path._entries, row) for row in path.strengths.tolist()]
    path.converged = path.finite
    page = page_of(path, tmp_path)
    assert "100 % of the networks reached the optimum" in page
    found = data_of(page)
    chart = found["charts"]["scores-grid"]
    plotly.Figure(painted(chart["data"]), painted(chart["layout"]))
    held = path.scores["val_accuracy"].mean(axis=(1, 2))
    assert chart["data"][0]["z"] == [pytest.approx(held[4:], rel=1e-5), pytest.approx(held[:4], rel=1e-5)]
    assert chart["data"][0]["customdata"] == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert [chart["steps"][6]["data"]["1"][k] for k in "xy"] == [[2], [0]]
    assert found["texts"]["facts"][6][0] == "0.4 · 1"
    assert found["texts"]["terms-table"][6][0] == "L1(l1=0.4)"
    path.strengths[0, 0] = 0.3  # no longer every pair: no map
    assert "scores-grid" not in data_of(page_of(path, tmp_path))["charts"]


# --- comparisons -----------------------------------------------------------------------------------------------------

ROWS = [
    {"kind": "none", "strength": None, "score": 0.9, "error": 0.01, "gap": 0.08, "noise": 0.7, "sparsity": 0.0},
    {"kind": "L1", "strength": 0.01, "score": 0.93, "error": 0.01, "gap": 0.02, "noise": 0.8, "sparsity": 0.6},
    {"kind": HOSTILE[1], "strength": "1 · 2", "score": float("nan"), "sentence": "Did <b>not</b> train."},
]


def test_a_comparison_is_in_order_with_all_its_numbers(tmp_path: Path) -> None:
    ROWS[1]["sentence"] = "Best here."
    _reports.writer("comparison")(ROWS, tmp_path / "c.html", metric="accuracy", lead="<i>mine</i>")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    body = Words(page[: page.index('<script type="application/json"')])
    words = "".join(body.words)
    rows = words[words.rindex("exact zeros") :]
    assert rows.index("L1") < rows.index("none") < rows.index(HOSTILE[1])
    for text in ("0.93", "0.01", "60.0%", "1 · 2", "Best here.", "Did <b>not</b> train.", "<i>mine</i>"):
        assert text in words
    assert not {"b", "i"} & {tag for tag, _ in body.tags}
    found = data_of(page)["charts"]
    assert found["comparison-scores"]["data"][0]["x"] == [0.93, 0.9, None]
    assert set(found) == {"comparison-scores", "comparison-gap", "comparison-noise", "comparison-sparsity"}
    for chart in found.values():
        plotly.Figure(painted(chart["data"]), painted(chart["layout"]))
    _reports.writer("comparison")(ROWS, tmp_path / "c.html", metric="loss", higher_is_better=False)
    again = data_of((tmp_path / "c.html").read_text(encoding="utf-8"))["charts"]
    assert again["comparison-scores"]["data"][0]["x"] == [0.9, 0.93, None]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row"),
        ([{"kind": "L1"}], "row 0: 'score' is missing"),
        ([{"kind": "L1", "score": 1.0, "sparsty": 0.5}], "Did you mean 'sparsity'"),
    ],
)
def test_a_comparison_that_lacks_something(tmp_path: Path, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _reports.writer("comparison")(rows, tmp_path / "c.html")
    assert not list(tmp_path.iterdir())
