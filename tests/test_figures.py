"""Every printed figure says what it is, with the spread of that same figure or none; each is made again from its runs."""

import re
import statistics
from typing import Any

import pytest

from benchmarks import tables
from benchmarks.measure import Figure, side

RECORDS = tables.records()


def test_a_spread_is_that_of_its_figure() -> None:
    """Quartiles of a skewed sample do not hold its mean, and no quartile holds its largest."""
    skewed = [1.0, 1.0, 1.0, 1.0, 100.0]
    figure = Figure("a over b", "a", "b", "<=", 2.0)
    assert figure.median(skewed)["spread"] == [1.0, 1.0] and figure.median(skewed)["reached"]
    mean = figure.mean(skewed, "seeds")
    error = statistics.stdev(skewed) / 5**0.5
    assert (mean["value"], mean["of"], mean["reached"]) == (20.8, "mean of 5 seeds", False)
    assert mean["spread"] == pytest.approx([20.8 - error, 20.8 + error])
    assert figure.alone(max(skewed), "largest of 5 seeds")["spread"] is None
    assert side([2.0], "s", {})["spread"] is None  # of one run


def test_a_figure_is_printed_with_its_own_words() -> None:
    figure = Figure("a over b", "a", "b")
    words = [
        tables.origin(f) for f in (figure.median([1, 2, 3]), figure.mean([1, 3], "seeds"), figure.alone(3, "one run"))
    ]
    assert words == ["median of 3 rounds, middle half 1.5 – 2.5", "mean of 2 seeds, standard error 1", "one run"]


@pytest.mark.parametrize("name", RECORDS)
def test_figures_are_made_of_the_runs(name: str) -> None:
    record = RECORDS[name]
    for found in record["sides"].values():
        assert side(found["runs"], found["unit"], found["about"]) == found
    for figure in record["figures"]:
        what, _, _ = figure["of"].partition(" of ")
        assert figure["spread"] is None or what in ("median", "mean")
        if what in ("median", "mean") and figure["over"]:
            assert figure["value"] == pytest.approx(remade(figure, record["sides"])["value"], rel=1e-12)
            assert figure["spread"] == pytest.approx(remade(figure, record["sides"])["spread"], rel=1e-9)
        if figure["spread"] is not None:
            low, high = figure["spread"]
            assert low <= figure["value"] <= high, figure["text"]


def remade(figure: dict[str, Any], sides: dict[str, Any]) -> dict[str, Any]:
    over, under = (sides[figure[key]]["runs"] for key in ("over", "under"))
    make = Figure(figure["text"], figure["over"], figure["under"])
    if "less" in figure["text"]:
        _, count, what = re.fullmatch(r"(mean) of (\d+) (\w+)", figure["of"]).groups()  # type: ignore[union-attr]
        assert int(count) == len(over)
        return make.mean([a - b for a, b in zip(over, under, strict=True)], what)
    assert figure["of"] == f"median of {len(over)} rounds"
    return make.record({figure["over"]: over, figure["under"]: under})
