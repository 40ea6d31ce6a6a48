"""The little language of terms: what it says, and an error under the character that is wrong."""

from dataclasses import dataclass

import pytest

from taut import constraints, regularizers
from taut._language import TermError, build, parse


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("l1", regularizers.L1(0.01)),
        ("l1=0.001", regularizers.L1(0.001)),
        ("L1 = 1e-3", regularizers.L1(0.001)),
        ("l1(.5)", regularizers.L1(0.5)),
        ("l1l2(l1=0.01, l2=0.1)", regularizers.L1L2(0.01, 0.1)),
        ("l1l2(0.01, 0.1)", regularizers.L1L2(0.01, 0.1)),
        ("l1_l2(l2=2)", regularizers.L1L2(0.0, 2.0)),
        ("l1=0.001+l2=0.01", regularizers.L1(0.001) + regularizers.L2(0.01)),
        ("  l1=0.001  +  l2 ( l2 = 0.01 ) ", regularizers.L1(0.001) + regularizers.L2(0.01)),
        ("l2=0.1@decoupled", regularizers.L2(0.1).acting("decoupled")),
        ("l1=1+l2=1 @ gradient", (regularizers.L1(1.0) + regularizers.L2(1.0)).acting("gradient")),
        ("orthogonal_regularizer(0.1, mode=columns)", regularizers.OrthogonalRegularizer(0.1, "columns")),
        ("group_lasso(0.01, by=input)", regularizers.GroupLasso(0.01, by="input")),
    ],
)
def test_regularizers(text: str, term) -> None:
    assert build("regularizer", text) == term


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("non_neg", constraints.NonNeg()),
        ("NonNeg()", constraints.NonNeg()),
        ("max_norm=2", constraints.MaxNorm(2)),
        ("max_norm(2, axis=none)", constraints.MaxNorm(2)),
        ("max_norm(3, axis=1)", constraints.MaxNorm(3, axis=1)),
        ("unit_norm(axis=(0, 1))", constraints.UnitNorm(axis=(0, 1))),
        ("min_max_norm(min_value=0.5, max_value=2, rate=0.9)", constraints.MinMaxNorm(0.5, 2, 0.9)),
        ("box(low=-1, high=+1)", constraints.Box(-1, 1)),
        ("box(-1e-1,1)", constraints.Box(-0.1, 1)),
        ("non_neg&max_norm=2", constraints.NonNeg() & constraints.MaxNorm(2)),
    ],
)
def test_constraints(text: str, term) -> None:
    assert build("constraint", text) == term


@pytest.mark.parametrize(
    ("kind", "text", "at", "words"),
    [
        ("regularizer", "", 0, "expected the name of a term"),
        ("regularizer", "0.1", 0, "found '0.1'"),
        ("regularizer", "l1=", 3, "expected a value after '=', found the end"),
        ("regularizer", "l1=+", 3, "found '+'"),
        ("regularizer", "l1=0,001", 4, "a number is written with a point"),
        ("regularizer", "l1=0,l2=1", 4, "expected '+', '&', '@' or the end, found ','"),
        ("regularizer", "l1=0.0.1", 3, "found '0.0.1'"),
        ("regularizer", "l1=0.1 l2=0.1", 7, "expected '+', '&', '@' or the end, found 'l2'"),
        ("regularizer", "l1=0.1++l2", 7, "found '+'"),
        ("regularizer", "l1(0.1", 2, "this '(' is never closed"),
        ("regularizer", "l1(0.1 0.2)", 7, "expected ',' or ')'"),
        ("regularizer", "l1l2(l1=)", 8, "expected a value after '=', found ')'"),
        ("constraint", "unit_norm(axis=(0,1", 15, "this '(' is never closed"),
        ("regularizer", "l1=0.1&l2=0.1", 6, "regularizers are joined by '+'"),
        ("constraint", "non_neg+max_norm=1", 7, "constraints are joined by '&'"),
        ("constraint", "non_neg&box(0,1)+max_norm", 16, "cannot be mixed"),
        ("regularizer", "l1=0.1@slowly", 7, "there is no mode 'slowly'"),
        ("regularizer", "l1=0.1@gradient+l2", 15, "expected the end"),
        ("constraint", "non_neg@proximal", 7, "a constraint has no mode"),
        ("regularizer", "l1=0.1+elastic=1", 7, "Unknown regularizer 'elastic'"),
        ("constraint", "maxnrom=1", 0, "Did you mean 'MaxNorm'"),
        ("regularizer", "max_norm=1", 0, "'max_norm' is a constraint; expected a regularizer"),
        ("constraint", "l1=1", 0, "'l1' is a regularizer; expected a constraint"),
        ("regularizer", "l1(strength=1)", 3, "L1 has no 'strength'; it takes l1"),
        ("constraint", "max_norm(max_vlaue=1)", 9, "did you mean 'max_value'"),
        ("regularizer", "l1(0.1, 0.2)", 8, "L1 takes l1"),
        ("regularizer", "l1l2(0.1, l1=0.2)", 10, "'l1' is given twice"),
        ("regularizer", "l1=-0.1", 3, "at least 0"),
        ("regularizer", "l1=nan", 3, "must be finite"),
        ("regularizer", "l1=much", 3, "must be a number"),
        ("regularizer", "group_lasso(by=colour)", 15, "colour"),
        ("constraint", "box(low=2, high=1)", 0, "2"),
    ],
)
def test_errors_point_at_the_place(kind: str, text: str, at: int, words: str) -> None:
    with pytest.raises(TermError) as caught:
        build(kind, text)
    message, shown, caret = str(caught.value).rsplit("\n", 2)
    assert words in message
    assert shown == f"    {text}"
    assert caret == " " * (4 + at) + "^"


def test_an_argument_without_a_default_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class TopK:
        k: int

    monkeypatch.setattr("taut.identifiers._find", lambda kind, name: TopK)
    with pytest.raises(TermError, match=r"TopK needs k: top_k\(k=\.\.\.\)"):
        build("constraint", "top_k")
    assert build("constraint", "top_k=3") == TopK(3)


def test_parsing_looks_nothing_up() -> None:
    parsed = parse("whatever(1, low=-2, by=word, axis=(0, 1)) + more")
    assert [term.name for term in parsed.terms] == ["whatever", "more"]
    assert [argument.value for argument in parsed.terms[0].arguments] == [1, -2, "word", (0, 1)]
    assert [argument.name for argument in parsed.terms[0].arguments] == [None, "low", "by", "axis"]
