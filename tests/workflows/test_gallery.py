"""The gallery shows every term, is what `make gallery` writes, and says nothing that is not computed.

Its examples are run, like those of every document, by test_docs.
"""

import io
import re
from pathlib import Path

import numpy as np
import pytest

from docs.gallery import cards, page, style, textbook
from taut.catalogue import ENTRIES
from taut.regularizers import L1
from tests.laws import table, table_catalogue

TEXT = (page.FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = [*table.PENALTIES, *table.GRADIENT_ONLY, *table.SETS, *(row for row, _ in table_catalogue.ONE_STEP)]


def test_the_page_is_what_would_be_written() -> None:
    assert page.text() == TEXT, "make gallery"


def test_every_term_of_the_table_has_a_card() -> None:
    headings = set(re.findall(r"^#### (\w+)$", TEXT, re.MULTILINE))
    assert {type(row.term).__name__ for row in ROWS} <= headings
    assert {entry.name for entry in ENTRIES} == headings


def test_cards_show_rows_of_the_table() -> None:
    shown = [cards.term_of(entry) for entry in ENTRIES]
    tested = [row.term for row in ROWS]
    others = [term for term in shown if not any(term is row for row in tested)]
    assert sorted(type(term).__name__ for term in others) == ["Entropy", "KLSparsity", "Plain"]


def test_every_image_exists_and_none_is_left_over() -> None:
    named = set(re.findall(r"\]\(([\w-]+\.png)\)", TEXT))
    there = {path.name: path for path in page.FOLDER.glob("*.png")}
    assert named == set(there) == {page.TEXTBOOK, *(page.file_of(entry) for entry in ENTRIES)}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in there.values())
    assert all(path.stat().st_size > 5_000 for path in there.values())
    assert sum(path.stat().st_size for path in there.values()) < 4_000_000


@pytest.mark.parametrize("name", ["L1", "MaxNorm", "Triangular"])  # a curve, a set, a pattern
def test_a_card_is_drawn_the_same_each_time(name: str, tmp_path: Path) -> None:
    (entry,) = [entry for entry in ENTRIES if entry.name == name]
    for file in ("one.png", "two.png"):
        style.save(cards.draw(entry), tmp_path / file)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    # As large as the one that is kept: the size comes first in a PNG.
    kept = io.BytesIO((page.FOLDER / page.file_of(entry)).read_bytes()).read(24)
    assert (tmp_path / "one.png").read_bytes()[:24] == kept


def test_the_contours_touch_where_the_optimum_is() -> None:
    sparse, small = textbook.both()
    assert sparse.w[1] == 0.0 and small.w[1] > 0.1
    assert small.loss == pytest.approx(sparse.loss, rel=1e-6)
    # No point of either ball has a lower loss: the contour through the optimum touches it and no more.
    angle = np.linspace(0, 2 * np.pi, 20_001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    diamond = circle / np.sum(np.abs(circle), axis=-1, keepdims=True)
    assert textbook.loss(sparse.radius * diamond).min() >= sparse.loss - 1e-9
    assert textbook.loss(small.radius * circle).min() >= small.loss - 1e-7


def test_the_paths_are_the_steps_that_the_page_writes() -> None:
    l2, plain, l1 = (textbook.path(kind) for kind in ("L2", "L1 by gradient", "L1"))
    rate, strength = textbook.RATE, textbook.STRENGTH
    np.testing.assert_allclose(l2, textbook.FIRST * (1 - 2 * rate * strength) ** np.arange(61), rtol=1e-12)
    assert (l2 > 0).all()
    reached = int(np.argmax(l1 == 0))
    assert reached == int(np.ceil(textbook.FIRST / (rate * strength)))
    assert (l1[reached:] == 0.0).all() and (l1[:reached] > 0).all()
    np.testing.assert_array_equal(plain[:reached], l1[:reached])  # the same until it would pass zero
    assert (plain[reached:] != 0).all() and (np.diff(np.sign(plain[reached:])) != 0).all()


def test_a_weight_survives_where_data_pull_harder_than_the_strength() -> None:
    pull = np.linspace(-2, 2, 401)
    sparse, small = textbook.survivors(pull)
    np.testing.assert_array_equal(sparse != 0, np.abs(pull) > textbook.STRENGTH)
    assert (small[pull != 0] != 0).all()
    assert L1(textbook.STRENGTH).prox(np.asarray([0.5]), 1.0)[0] == 0.0  # at the threshold itself: gone
