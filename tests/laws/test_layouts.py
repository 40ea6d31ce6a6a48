"""What the table says of each layer's arrays, held against the real layer of each library.

Two laws, for every row. One: changing one unit's incoming weights changes that output and no other. Two: with one input at
zero, changing that input's outgoing weights changes nothing. Both look at the outputs alone, so they count axes without the
table; `_layers` says by hand how many units (gates) reach one output.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter

import numpy as np
import pytest

from taut import layouts
from taut.layouts import Parameter
from taut.layouts._axes import fit, read
from tests.laws._layers import CASES, LIBRARIES, Case, Linen, count, floats, installed, put

WITHOUT_ARRAYS = {"Input", "Flatten", "Select", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "Activation"}


class Probe:
    """A layer with its arrays drawn at random, and what comes out of it with one of them changed."""

    def __init__(self, case: Case) -> None:
        self.case, self.layer = case, case.build()
        self.layout = (
            layouts.of(self.layer.module, self.layer.params)
            if isinstance(self.layer, Linen)
            else layouts.of(self.layer)
        )
        rng = np.random.default_rng(5)
        self.values = {
            name: np.asarray(case.fixed[name] if name in case.fixed else rng.normal(size=p.shape), np.float32)
            for name, p in self.layout.items()
        }
        for name in self.values:
            self.put(name, self.values[name])
        self.before = self.output()

    def put(self, name: str, value: np.ndarray) -> None:
        self.layer = put(self.layer, name, self.layout[name].value, value)

    def output(self, xs: tuple[np.ndarray, ...] | None = None, **changed: np.ndarray) -> np.ndarray:
        """(everything else, features), with these arrays changed for the time being."""
        for name, value in changed.items():
            self.put(name, value)
        out = np.asarray(self.case.run(self.layer, *(self.case.xs if xs is None else xs)))
        for name in changed:
            self.put(name, self.values[name])
        return out.reshape(-1, out.shape[-1]) if self.case.xs[0].dtype.kind == "f" else out.T

    def changed(self, name: str, where: np.ndarray) -> np.ndarray:
        """The array with other weights where the mask says."""
        return self.values[name] + np.where(where, 1 + floats(*where.shape), 0).astype(np.float32)


def moved(before: np.ndarray, after: np.ndarray) -> set[int]:
    """The features that are not what they were."""
    return set(np.flatnonzero((np.abs(after - before) > 1e-6).any(axis=0)).tolist())


def units_of(p: Parameter) -> np.ndarray:
    """The number of each entry's unit; in a bias or scale each entry is one."""
    try:
        p.groups("input")
    except ValueError:
        return np.arange(int(np.prod(p.shape))).reshape(p.shape)
    return p.groups("unit")


def law_of_units(probe: Probe, p: Parameter) -> None:
    case, before, units = probe.case, probe.before, units_of(p)
    times = case.times if isinstance(case.times, int) else case.times.get(p.name, 1)
    reach = case.reach.get(p.name, (1,))
    heard: Counter[int] = Counter()
    reached = {}
    for unit in range(units.max() + 1):
        mask = units == unit
        assert mask.any(), f"unit {unit} has no weights"
        out = moved(before, probe.output(**{p.name: probe.changed(p.name, mask)}))
        assert len(out) in reach, f"the weights of unit {unit} reach the outputs {sorted(out)}"
        heard.update(out)
        reached[unit] = out
    if reach == (0,):
        return  # a softmax does not see what all keys have in common
    features = before.shape[-1]
    assert set(heard.values()) == {times}, f"by output: {dict(heard)} units, expected {times}"
    assert len(heard) * case.half == features, f"{len(heard)} of {features} outputs are reached"
    seen = np.zeros(p.shape, int)
    for block in p.blocks:
        seen[block] += 1
        inside = [reached[u] for u in np.unique(units[block])]
        if reach == (1,):
            assert len(set.union(*inside)) == len(inside), "a block has two units of one output"
    assert (seen == 1).all(), "the blocks do not cover the array once"


def law_of_inputs(probe: Probe, p: Parameter) -> None:
    case, inputs = probe.case, p.groups("input")
    place = case.fed.get(p.name, 0)
    if place < 0:
        return
    if p.name in case.hide:
        hider, unit_of = case.hide[p.name]
        hiding = probe.layout[hider]
        size = inputs.max() + 1
    else:
        size = case.xs[place].shape[-1] if case.xs[place].dtype.kind == "f" else len(case.xs[place])
    assert inputs.max() + 1 == size, f"{inputs.max() + 1} groups for {size} inputs"
    for i in range(size):
        more, xs = {}, list(case.xs)
        changed = probe.changed(p.name, inputs == i)
        assert moved(probe.before, probe.output(**{p.name: changed})), f"no output hears input {i}"
        if p.name in case.hide:
            more = {hider: np.where(hiding.groups("unit") == unit_of(i), 0, probe.values[hider])}
        elif p.role == "embedding":
            xs[0] = np.delete(xs[0], i)
        else:
            xs[place] = np.where(np.arange(size) == i, np.float32(0), xs[place])
        out = moved(probe.output(tuple(xs), **more), probe.output(tuple(xs), **more, **{p.name: changed}))
        assert not out, f"with input {i} at zero its weights still reach the outputs {sorted(out)}"


def law_of_axes(p: Parameter) -> None:
    """The fan-in as axes says the same as the groups, where whole axes can say it; so do the unpacked axes."""
    units = p.groups("unit")
    unpacked = units.reshape(p.unpacked_shape)
    where = tuple(slice(0, 1) if a in p.unpacked_fan_in else slice(None) for a in range(unpacked.ndim))
    assert (unpacked == unpacked[where]).all() and len(np.unique(unpacked)) == unpacked[where].size
    try:
        fan_in = p.fan_in
    except ValueError as error:
        assert "groups('unit')" in str(error) and str(p.unpacked_fan_in) in str(error)
        return
    where = tuple(slice(0, 1) if a in fan_in else slice(None) for a in range(units.ndim))
    assert (units == units[where]).all() and len(np.unique(units)) == units[where].size


def has_inputs(p: Parameter) -> bool:
    return any(factor.side == "summed" or factor.name == "token" for axis in p.axes for factor in axis)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_laws(case: Case) -> None:
    probe = Probe(case)
    assert probe.layout.known and probe.layout.kind == case.row
    assert len(probe.layout) == count(probe.layer), "an array of the layer is not in its row"
    for p in probe.layout.values():
        law_of_axes(p)
        law_of_units(probe, p)
        if has_inputs(p):
            law_of_inputs(probe, p)


def test_every_row_is_under_the_laws() -> None:
    """A row whose library is absent is skipped and counted; where all are asked for (TAUT_ALL) that is an error."""
    absent = [library for library in LIBRARIES if not installed(library)]
    if os.environ.get("TAUT_ALL"):
        assert not absent, f"{absent} are not installed: rows are not under the laws"
    rows = {
        name
        for name, row in layouts.table().items()
        if not row.refuse and name.rpartition(".")[2] not in WITHOUT_ARRAYS
    }
    skipped = {name for name in rows if name.partition(".")[0] in absent}
    missing = rows - skipped - {case.row for case in CASES}
    assert not missing, f"add a layer of each to tests/laws/_layers.py: {sorted(missing)}"
    if skipped:
        pytest.skip(f"{len(skipped)} of {len(rows)} rows: {', '.join(absent)} not installed")


# --- wrong rows -------------------------------------------------------------------------------------------------------

WRONG = [
    ("taut.layers.Dense", "kernel", "out in"),
    ("taut.layers.Dense", "kernel", "window out"),
    ("torch.nn.Linear", "weight", "in out"),
    ("torch.nn.Conv2d", "weight", "in out window window"),
    ("torch.nn.Conv2d", "weight", "out in window out"),
    ("torch.nn.Conv1d, in groups", "weight", "out in window"),
    ("torch.nn.ConvTranspose1d, in groups", "weight", "in out window"),
    ("torch.nn.LSTM", "weight_ih_l0", "(out gate:4) in"),
    ("torch.nn.MultiheadAttention", "in_proj_weight", "out (part:2 in)"),
    ("keras.layers.DepthwiseConv1D", "kernel", "window in out"),
    ("keras.layers.Conv2DTranspose", "kernel", "window window in out"),
    ("keras.layers.GRU", "kernel", "in (out gate:3)"),
    ("keras.layers.Embedding", "embeddings", "in out"),
    ("keras.layers.MultiHeadAttention", "query/kernel", "in.head:4 in out"),
    ("flax.nnx.Conv, in groups", "kernel", "window in out"),
    ("equinox.nn.ConvTranspose2d", "weight", "in out window window"),
]


@pytest.mark.parametrize(("row", "name", "axes"), WRONG, ids=lambda value: str(value))
def test_a_wrong_row_breaks_a_law(row: str, name: str, axes: str) -> None:
    case = next((case for case in CASES if case.id == row), None)
    if case is None:
        pytest.skip(f"{row.partition('.')[0]} is not installed")
    probe = Probe(case)
    right = probe.layout[name]
    wrong = dataclasses.replace(right, axes=fit(read(axes), right.shape))
    with pytest.raises(AssertionError):
        law_of_units(probe, wrong)
        law_of_inputs(probe, wrong)


def test_an_array_that_the_row_forgets_is_noticed() -> None:
    layer = CASES[0].build()
    assert count(layer) == 2 == len(layouts.of(layer))
