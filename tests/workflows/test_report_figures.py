"""The picture of the demo: written, of a sane size, and saying what it should."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.image import imread

from taut.report.figures import ZERO, Panel, draw_kernels, save_figure


def panels() -> list[Panel]:
    draw = np.random.default_rng(0)
    dense = draw.normal(size=(16, 12))
    sparse = np.where(np.abs(dense) > 1, dense, 0.0)
    sparse[5] = 0
    return [
        Panel("bare", "all in use", dense),
        Panel("L1", "15 of 16 in use", sparse),
        Panel("nothing left", "0 of 16", np.zeros_like(dense)),
    ]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text")))


def test_a_picture_says_what_it_shows(tmp_path: Path) -> None:
    figure = draw_kernels(panels(), (4, 4), title="A title", subtitle="A line", units=6)
    save_figure(figure, tmp_path / "a.png")
    pixels = imread(tmp_path / "a.png")
    assert pixels.shape[1] > 1000
    written = texts(figure)
    share = np.mean(panels()[1].kernel == 0)
    for words in [
        "A title",
        "A line",
        "bare",
        "nothing left",
        "no exact 0",
        f"{share:.0%} exactly 0",
        "100% exactly 0",
    ]:
        assert words in written
    grey = np.asarray([int(ZERO[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert np.mean(np.all(np.abs(pixels[..., :3] - grey) < 1e-3, axis=-1)) > 0.01  # zeros are marked


def test_rows_share_their_scales() -> None:
    figure = draw_kernels(panels(), (4, 4), title="A title")
    histograms = [axis for axis in figure.axes if axis.get_yscale() == "log"]
    assert len(histograms) == 3
    assert len({axis.get_xlim() for axis in histograms}) == len({axis.get_ylim() for axis in histograms}) == 1


def test_drawing_touches_no_global_state() -> None:
    import matplotlib.pyplot as plt

    open_before = plt.get_fignums()
    draw_kernels(panels(), (4, 4), title="A title")
    assert plt.get_fignums() == open_before
