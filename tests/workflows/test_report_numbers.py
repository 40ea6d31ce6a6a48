"""The numbers of a report, on arrays small enough to count by hand, and on a trained model."""

import subprocess
import sys

import numpy as np
import pytest

import taut
from taut.report import (
    accuracy_under_noise,
    ignored_inputs,
    inputs_ignored,
    sparkline,
    text_table,
    weight_row,
    weights_table,
)
from taut.report.text import wrapped


def test_a_kernel_counted_by_hand() -> None:
    kernel = np.asarray([[3.0, 0.0, 0.0], [-4.0, 0.0, 1e-30]], dtype=np.float32)
    row = weight_row("dense/kernel", kernel, (0,), violation=0.5)
    assert (row.size, row.zeros, row.zero_share) == (6, 3, 0.5)
    assert (row.smallest, row.largest) == (-4.0, 3.0)
    assert (row.smallest_norm, row.largest_norm) == (0.0, 5.0)
    assert (row.idle_units, row.units) == (1, 3)  # 1e-30 is small, not zero
    assert row.violation == 0.5


def test_the_axes_of_a_unit_are_the_layouts() -> None:
    embedding = np.asarray([[3.0, 4.0], [0.0, 0.0]])
    assert weight_row("e", embedding, (1,)).idle_units == 1
    assert weight_row("e", embedding, (0,)).idle_units == 0
    filters = np.ones((3, 3, 2, 5))
    assert weight_row("conv", filters).largest_norm == pytest.approx(np.sqrt(18))
    bias = weight_row("bias", np.asarray([3.0, 4.0]))
    assert (bias.units, bias.largest_norm) == (1, 5.0)


def test_minus_zero_is_zero_and_nothing_is_nothing() -> None:
    assert weight_row("w", np.asarray([-0.0, 1.0])).zeros == 1
    empty = weight_row("w", np.zeros((0, 3)))
    assert (empty.size, empty.zero_share, empty.largest_norm) == (0, 0.0, 0.0)


def test_ignored_inputs_need_every_weight_to_be_zero() -> None:
    kernel = np.ones((4, 3))
    kernel[1] = 0
    kernel[3, :2] = 0
    assert ignored_inputs(kernel).tolist() == [1]
    filters = np.ones((3, 3, 4, 8))
    filters[:, :, 2] = 0
    assert ignored_inputs(filters, (0, 1, 2)).tolist() == [2]


def test_noise_of_nothing_changes_nothing_and_the_seed_holds() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 2)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(int)

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.stack([-rows[:, 0], rows[:, 0]], axis=1)

    assert accuracy_under_noise(predict, x, labels, 0.0) == 1.0
    noisy = accuracy_under_noise(predict, x, labels, 1.0, seed=3)
    assert 0.5 < noisy < 0.9
    assert noisy == accuracy_under_noise(predict, x, labels, 1.0, seed=3)
    with pytest.raises(ValueError, match="expected noise >= 0"):
        accuracy_under_noise(predict, x, labels, -1.0)


def test_a_table_lines_up_whatever_the_script() -> None:
    table = text_table(["name", "two\nlines"], [["日本", "1"], ["é", "22"], ["plain", "333"]])
    assert table == "\n".join(
        [
            "         two",
            "name   lines",
            "────────────",
            "日本       1",
            "é         22",
            "plain    333",
        ]
    )


def test_a_curve_in_a_line() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0, float("nan")]) == "▁"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert len(sparkline(list(range(1000)))) == 32
    assert sparkline([0, 1]) == "▁█"


def test_names_are_broken_between_and_never_within() -> None:
    lines = wrapped([f"a name {i}" for i in range(30)], width=40).split("\n")
    assert all(len(line) <= 40 for line in lines)
    assert ", ".join(line.strip().rstrip(",") for line in lines) == ", ".join(f"a name {i}" for i in range(30))


def test_a_model_is_read_and_not_changed() -> None:
    taut.utils.set_random_seed(0)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 5)).astype(np.float32)
    y = (3 * x[:, :1]).astype(np.float32)
    model = taut.Sequential(
        [
            taut.layers.Dense(
                1, kernel_regularizer=taut.regularizers.L1(0.5), bias_constraint="non_neg", input_shape=(5,)
            )
        ]
    )
    model.compile(taut.optimizers.Adam(0.03), "mse")
    model.fit(x, y, epochs=30, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    kernel, bias = weights_table(model)
    assert (kernel.path, kernel.shape, kernel.violation) == ("dense/kernel", (5, 1), None)
    assert kernel.zeros == len(inputs_ignored(model)) > 0
    assert (bias.path, bias.violation) == ("dense/bias", 0.0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_numbers_need_no_matplotlib() -> None:
    program = "import sys, taut.report, taut.cli; print('matplotlib' in sys.modules, 'polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
