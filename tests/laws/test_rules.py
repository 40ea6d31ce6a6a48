"""Where terms go: names, patterns, roles, types and predicates, the same for every library's spelling."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taut.constraints import Box, MaxNorm, NonNeg
from taut.plans.rules import Target, label, reached, resolve, role
from taut.regularizers import L1, L2


class Linear: ...


class Norm: ...


LINEAR, NORM = Linear(), Norm()
TORCH = [
    Target("stem.weight", "kernel", (4, 3), LINEAR),
    Target("stem.bias", "bias", (4,), LINEAR),
    Target("blocks.0.fc.weight", "kernel", (4, 4), LINEAR),
    Target("blocks.0.fc.bias", "bias", (4,), LINEAR),
    Target("blocks.0.norm.weight", "scale", (4,), NORM),
    Target("blocks.0.norm.bias", "bias", (4,), NORM),
    Target("tokens.weight", "embedding", (9, 4), None, aliases=("head.weight",)),
]
KERAS = [
    Target("dense/kernel", "kernel", (3, 2), LINEAR),
    Target("dense/bias", "bias", (2,), LINEAR),
    Target("dense/unit", "unit", (), LINEAR, kind="unit"),
    Target("dense/activity", "activity", (), LINEAR, kind="activity"),
    Target("a[0]*b/kernel", "kernel", (2, 2), LINEAR),
]


def names(where: Any, targets: list[Target] = TORCH, separator: str = ".") -> list[str]:
    return [t.name for t in reached(where, targets, separator=separator)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("stem.weight", ["stem.weight"]),
        ("*.weight", ["stem.weight"]),  # one level
        ("**.weight", ["stem.weight", "blocks.0.fc.weight"]),  # any; norms and embeddings are left alone
        ("**", ["stem.weight", "blocks.0.fc.weight"]),
        ("blocks.**", ["blocks.0.fc.weight"]),
        ("blocks.*.fc.*", ["blocks.0.fc.weight"]),
        ("**.bias", ["stem.bias", "blocks.0.fc.bias", "blocks.0.norm.bias"]),  # named: no kernel is called so
        ("**.norm.weight", ["blocks.0.norm.weight"]),  # named by its layer
        ("**.norm*.*", None),  # the layer alone names no array
        ("tokens.weight", ["tokens.weight"]),
        ("head.weight", ["tokens.weight"]),  # a tied name
        ("tok*.weight", ["tokens.weight"]),
        ("bias", ["stem.bias", "blocks.0.fc.bias", "blocks.0.norm.bias"]),  # a role, where no array is called so
        (role("scale"), ["blocks.0.norm.weight"]),
        ((Linear, "bias"), ["stem.bias", "blocks.0.fc.bias"]),
        ((Norm, "weight"), ["blocks.0.norm.weight"]),
        (lambda t: t.shape == (4,) and t.role == "bias", ["stem.bias", "blocks.0.fc.bias", "blocks.0.norm.bias"]),
    ],
    ids=lambda value: label(value) if not isinstance(value, list) else "",
)
def test_where(where: Any, found: list[str] | None) -> None:
    if found is None:
        with pytest.raises(ValueError, match=r"reaches only blocks\.0\.norm\.weight.*Name them"):
            names(where)
    else:
        assert names(where) == found


def test_a_pattern_means_parameters_and_what_is_made_of_them_has_to_be_named() -> None:
    assert names("dense/*", KERAS, "/") == ["dense/kernel"]
    assert names("dense/unit", KERAS, "/") == ["dense/unit"]
    assert names("*/activity", KERAS, "/") == ["dense/activity"]
    assert names(role("unit"), KERAS, "/") == ["dense/unit"]


def test_a_name_with_brackets_and_stars_means_itself() -> None:
    assert names("a[0]*b/kernel", KERAS, "/") == ["a[0]*b/kernel"]
    assert names("a[0]*/kernel", KERAS, "/") == ["a[0]*b/kernel"]
    assert names("a?0]*/kernel", [*KERAS, Target("a?0]c/kernel", "kernel")], "/") == ["a?0]c/kernel"]


LEVEL = st.text("ab*", min_size=1, max_size=3).filter(lambda part: "**" not in part)


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4), st.lists(LEVEL, min_size=1, max_size=4))
def test_stars_within_levels_are_those_of_fnmatch(name: list[str], pattern: list[str]) -> None:
    target = Target("/".join(name), "kernel")
    wanted = len(name) == len(pattern) and all(map(fnmatchcase, name, pattern))
    try:
        found = bool(reached("/".join(pattern), [target]))
    except ValueError:
        found = False
    assert found == wanted


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=5), st.data())
def test_two_stars_stand_for_any_levels(name: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name) - 1))
    stop = data.draw(st.integers(start, len(name) - 1))
    pattern = "/".join([*name[:start], "**", *name[stop:]])
    assert reached(pattern, [Target("/".join(name), "kernel")])


# --- later rules refine earlier ones --------------------------------------------------------------------------------------


def test_later_rules_refine_earlier_ones() -> None:
    found = resolve(
        {
            "**.weight": [L1(0.1), NonNeg()],
            "stem.weight": L2(0.2),
            role("bias"): Box(-1, 1),
            (Linear, "bias"): None,
            "blocks.0.fc.weight": MaxNorm(2.0),
        },
        TORCH,
        separator=".",
    )
    assert found == {
        "stem.weight": {"regularizer": L2(0.2), "constraint": NonNeg()},
        "blocks.0.fc.weight": {"regularizer": L1(0.1), "constraint": MaxNorm(2.0)},
        "stem.bias": {"regularizer": None, "constraint": None},
        "blocks.0.fc.bias": {"regularizer": None, "constraint": None},
        "blocks.0.norm.bias": {"constraint": Box(-1, 1)},
    }


def test_lists_are_sums_and_intersections() -> None:
    found = resolve({"dense/kernel": [L1(0.1), NonNeg(), L2(0.2), MaxNorm(1.0)]}, KERAS)["dense/kernel"]
    assert found == {"regularizer": L1(0.1) + L2(0.2), "constraint": NonNeg() & MaxNorm(1.0)}


# --- refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "error", "said"),
    [
        ({"stem.wieght": L1()}, ValueError, "Did you mean 'stem.weight'"),
        ({"*.fc.weight": L1()}, ValueError, "`**` for any number"),
        ({"**.norm.*": L1()}, ValueError, "reaches only blocks.0.norm.weight, blocks.0.norm.bias"),
        ({role("kernal"): L1()}, ValueError, "Did you mean 'kernel'"),
        ({(Linear, "gain"): L1()}, ValueError, "No layer of class Linear has an array 'gain'"),
        ({(dict, "weight"): L1()}, ValueError, "Layers here: Linear, Norm"),
        ({lambda t: False: L1()}, ValueError, "says True for none"),
        ({lambda t: 1: L1()}, TypeError, "expected True or False"),
        ({Linear: L1()}, TypeError, "expected a name or a pattern"),
        ({("stem", "weight"): L1()}, TypeError, "a pair of a layer's class and an array's name"),
        ({"stem.weight": "l1"}, TypeError, "stem.weight: 'l1' is not a term"),
        ({"stem.weight": []}, TypeError, "is not a term"),
        ({"stem.weight": [L1().acting("gradient"), L2()]}, TypeError, "(a + b).acting(mode)"),
        ([("stem.weight", L1())], TypeError, "expected a dict"),
    ],
    ids=lambda value: None,
)
def test_a_rule_that_cannot_be_followed_is_refused(rules: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        resolve(rules, TORCH, separator=".")


def test_an_activity_takes_no_constraint() -> None:
    with pytest.raises(ValueError, match=r"dense/activity: NonNeg.*only be regularized"):
        resolve({"dense/activity": NonNeg()}, KERAS)
    with pytest.raises(TypeError, match="name of a role"):
        role("")
