"""Pages in a real browser: nothing runs but their own script, nothing is asked of a network, all can be used.

One browser and two pages, a path with hostile names and a model, each open in one tab on a desk and one on a phone:
what costs time is plotly's start. A test finds a tab at its first step, in light colours, and may leave it anyhow.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import taut
from tests.workflows._html import HOSTILE, hostile_path, launch, missing

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed")
        raise
    with sync_playwright() as driver:
        browser = launch(driver)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hostile_path().to_html(folder / "path.html", title=HOSTILE[1])
    taut.utils.set_random_seed(0)
    dense = taut.layers.Dense
    model = taut.Sequential(
        [
            taut.layers.Flatten(input_shape=(4, 4)),
            dense(5, kernel_constraint="non_neg", kernel_regularizer="l1"),
            dense(2, kernel_constraint="max_norm", name="<i>last<"),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 4, 4)), np.ones((4, 2)), epochs=2, verbose=0, validation_split=0.5)
    model.report(folder / "model.html")
    return {"path": folder / "path.html", "model": folder / "model.html"}


class Tab:
    """One open page, and what the browser complained about or asked for since the test began."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(color_scheme="light", **options)
        self.page = self.context.new_page()
        self.size = options["viewport"]
        self.first: list[str] = []  # of the time before any test
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-ready]", state="attached")
        self.first, self.said = self.said, []

    def renew(self) -> None:
        """As a test finds it."""
        self.said.clear()
        if self.page.viewport_size != self.size:
            self.page.set_viewport_size(self.size)
        self.page.emulate_media(media="screen", color_scheme="light")
        self.run("() => { document.activeElement.blur(); window.scrollTo(0, 0); getSelection().removeAllRanges(); }")
        self.run("document.querySelectorAll('details').forEach(d => d.open = false)")
        if self.run("document.getElementById('strength') !== null"):
            self.move(0)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)

    def move(self, step: int) -> None:
        """The slider to ``step``, as a hand does it."""
        self.run(
            f"() => {{ const s = document.getElementById('strength'); s.value = {step}; s.dispatchEvent(new Event('input')); }}"
        )
        self.settle(step)

    def settle(self, step: int) -> None:
        """Wait until every chart shows this step, also those that are not on the screen."""
        self.until(f"document.documentElement.getAttribute('data-shown') == '{step}'")

    def until(self, condition: str) -> None:
        """Wait for what ``condition`` says. (Playwright's own way needs `eval`, which the page forbids.)"""
        for _ in range(200):
            if self.run(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {condition}")


@pytest.fixture(scope="module")
def tabs(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    made: dict[str, Tab] = {}

    def of(name: str, place: str) -> Tab:
        if (key := f"{name} on a {place}") not in made:
            made[key] = Tab(browser, pages[name], viewport=PHONE if place == "phone" else DESK)
        return made[key]

    yield of
    for tab in made.values():
        tab.context.close()


@pytest.fixture
def tab(tabs: Any) -> Any:
    def of(name: str = "path", place: str = "desk") -> Tab:
        tab = tabs(name, place)
        tab.renew()
        return tab

    return of


LOOKS = """() => Object.fromEntries([...document.querySelectorAll('main section[id]')].map(section => [section.id, {
    charts: Object.fromEntries([...section.querySelectorAll('.chart')].map(c => [c.id, c.innerHTML
        .replace(/ (id|class|clip-path)="[^"]*"/g, '')])),
    moving: [...section.querySelectorAll('[data-moves]')].map(cell => cell.textContent).join('|'),
}]))"""


@pytest.mark.parametrize("name", ["path", "model"])
def test_a_page_asks_for_nothing_and_complains_of_nothing(tab: Any, pages: dict[str, Path], name: str) -> None:
    one = tab(name)
    assert one.first + one.said == []
    assert {url for url in one.asked if not url.startswith(("data:", "blob:"))} == {pages[name].as_uri()}
    drawn = one.run("[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('svg').length)")
    assert drawn and all(drawn)


def test_the_slider_moves_every_panel(tab: Any) -> None:
    one = tab()
    before = one.run(LOOKS)
    one.move(5)
    after = one.run(LOOKS)
    assert set(before) == {"scores", "inputs", "weights", "images", "curves", "bounds", "terms"}
    for section, look in before.items():
        for chart, drawing in look["charts"].items():
            assert drawing != after[section]["charts"][chart], f"{chart} did not move"
        if section not in ("scores", "images"):
            assert look["moving"] and look["moving"] != after[section]["moving"], f"the texts of {section} did not move"
    assert one.run("document.querySelector('#path-table tr.now').getAttribute('data-row')") == "5"
    one.move(0)
    assert one.run(LOOKS) == before
    assert one.said == []


def test_the_keyboard_reaches_and_moves_the_slider_and_it_is_spoken(tab: Any) -> None:
    one = tab()
    one.run("() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); }")
    reached: list[str] = []
    while "strength" not in reached and len(reached) < 20:
        one.page.keyboard.press("Tab")
        reached.append(one.run("document.activeElement.id || document.activeElement.className"))
    assert reached[0] == "skip" and reached[-1] == "strength"
    assert one.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    first = one.run("document.getElementById('facts').textContent")
    one.page.keyboard.press("ArrowRight")
    one.settle(1)
    assert one.run("document.getElementById('facts').textContent") != first
    spoken = one.run("document.getElementById('strength').getAttribute('aria-valuetext')")
    assert "strength 0.002683" in spoken and "inputs kept" in spoken and "2 of 8" in spoken
    one.until("document.getElementById('said').textContent.endsWith('2 of 8')")
    assert one.run("document.getElementById('said').textContent") == spoken
    for key, step in (("End", 7), ("ArrowLeft", 6), ("Home", 0)):
        one.page.keyboard.press(key)
        one.settle(step)


def test_a_button_and_a_point_of_a_chart_move_the_slider(tab: Any) -> None:
    one = tab()
    one.page.click("button[data-step] >> nth=0")
    one.settle(json.loads(one.run("document.getElementById('taut-data').textContent"))["start"])
    target = one.page.locator("#scores-strength .scatterlayer .points path").nth(7).bounding_box()
    x, y = target["x"] + target["width"] / 2, target["y"] + target["height"] / 2
    one.page.mouse.move(x, y)
    one.page.mouse.click(x, y)
    one.settle(7)


def test_names_are_shown_and_never_run(tab: Any) -> None:
    one = tab()
    assert one.run("window.ran") is None
    assert one.first + one.said == []
    # Its own three scripts; no picture, link or handler that a name brought with it.
    assert one.run("document.scripts.length") == 3
    assert (
        one.run("document.querySelectorAll('img, main a, svg a, [onload], [onerror], main b:not(.scale b)').length")
        == 0
    )
    one.move(3)
    assert "Plain(<lambda>)" in one.run("document.getElementById('terms-table').textContent")
    shown = one.run("[...document.querySelectorAll('#inputs-table tbody th')].map(cell => cell.textContent)")
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3], HOSTILE[6], HOSTILE[8]} <= set(shown)
    assert "two lines of it" in shown and "\ufffd half a pair" in shown and "\ufffdgnorw ti si" in shown
    labels = one.run("[...document.querySelectorAll('#inputs-bars .yaxislayer-above text')].map(t => t.textContent)")
    assert (
        "<b>bold</b><br>" in labels and "@accent" in labels and any(t.startswith("%{x} $\\alpha$ &lt") for t in labels)
    )
    assert all(label.startswith(("<script>wi", "</script>")) for label in labels if "script" in label)
    assert one.run("document.title") == HOSTILE[1]


def test_a_layers_name_is_text_too(tab: Any) -> None:
    one = tab("model")
    assert one.run("document.querySelectorAll('main i:not(.key i, .scale i)').length") == 0
    assert "<i>last</kernel" in one.run("document.getElementById('weights-table').textContent")


def test_a_script_that_slipped_in_would_be_refused(tab: Any) -> None:
    one = tab()
    one.run(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 9'; document.body.append(s); }"
    )
    one.run("() => { document.getElementById('said').innerHTML = '<img src=x onerror=window.ran=9>'; }")
    one.run("() => fetch('https://example.org/').catch(() => 0)")
    one.page.wait_for_timeout(100)
    assert one.run("window.ran") is None
    assert any("Content Security Policy" in text for text in one.said)
    assert not [url for url in one.asked if "example.org" in url]


@pytest.mark.parametrize("name", ["path", "model"])
def test_a_phone_scrolls_down_and_not_sideways(tab: Any, name: str) -> None:
    one = tab(name, "phone")
    assert one.run("document.documentElement.scrollWidth") == PHONE["width"]
    one.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert one.run("document.documentElement.scrollWidth") == PHONE["width"]
    widest = one.run(
        "Math.max(...[...document.querySelectorAll('.chart svg')].map(s => s.getBoundingClientRect().right))"
    )
    assert widest <= PHONE["width"]
    small = one.run(
        "[...document.querySelectorAll('button, input, summary, nav a')].filter(e => e.getBoundingClientRect().height < 24).length"
    )
    assert small == 0  # large enough for a finger: WCAG 2.2, 2.5.8
    # A finger on a chart scrolls the page.
    assert one.run(
        "[...document.querySelectorAll('.chart .nsewdrag')].every(d => getComputedStyle(d).cursor !== 'move')"
    )


def test_a_turned_phone_draws_again(tab: Any) -> None:
    one = tab("path", "phone")
    one.page.set_viewport_size({"width": 844, "height": 390})
    one.until(
        "[...document.querySelectorAll('.chart')].every(c => "
        "Math.abs(c.querySelector('svg').getBoundingClientRect().width - c.clientWidth) <= 1)"
    )
    assert one.run("document.documentElement.scrollWidth") == 844


CONTRAST = """() => {
    const light = text => { const c = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
    const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$/.test(c) && !/rgba/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
    return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
        [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && !/SCRIPT|STYLE/.test(e.tagName))
        .map(e => { const s = getComputedStyle(e), c = e instanceof SVGElement ? s.fill : s.color;
            const [a, b] = [light(c), light(behind(e))].sort((x, y) => y - x);
            return [(a + 0.05) / (b + 0.05), e.tagName + ' ' + e.textContent.slice(0, 30)]; })
        .filter(found => found[0] < 4.5);
}"""


def test_text_stands_out_in_light_and_in_dark_and_on_paper(tab: Any) -> None:
    one = tab()
    papers: list[str] = []
    for media, scheme in (("screen", "dark"), ("print", "dark"), ("screen", "light")):
        one.page.emulate_media(media=media, color_scheme=scheme)
        one.page.wait_for_timeout(100)  # the charts are drawn again
        papers.append(one.run("getComputedStyle(document.body).backgroundColor"))
        assert one.run(CONTRAST) == [], (media, scheme)  # WCAG 2.2, 1.4.3; the words in the charts as well
    assert papers == ["rgb(20, 25, 30)", "rgb(255, 255, 255)", "rgb(255, 255, 255)"]


def test_on_paper(tab: Any) -> None:
    one = tab()
    sheets = one.page.pdf(format="A4", print_background=True)
    assert sheets.startswith(b"%PDF") and 2 <= sheets.count(b"/Type /Page\n") <= 12
    one.page.emulate_media(media="print")
    one.page.wait_for_timeout(100)
    assert one.run("document.getElementById('strength').checkVisibility()") is False
    assert one.run("document.getElementById('facts').checkVisibility()") is True
    assert one.run("Math.max(...[...document.querySelectorAll('.chart')].map(c => c.clientWidth))") <= 688


@pytest.mark.parametrize("name", ["path", "model"])
def test_everything_has_a_name_and_a_place(tab: Any, name: str) -> None:
    one = tab(name)
    tree = one.context.new_cdp_session(one.page).send("Accessibility.getFullAXTree")["nodes"]
    found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]]
    roles = {"slider", "button", "link", "image", "img", "table", "region", "group", "navigation", "RootWebArea"}
    assert [role for role, words in found if role in roles - {"group"} and not words.strip()] == []
    ids = one.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    charts = one.run(
        "[...document.querySelectorAll('.chart')].map(c => c.parentElement).map(c => [c.getAttribute('role'), c.getAttribute('aria-label')])"
    )
    assert charts and all(role == "img" and len(words) > 20 for role, words in charts)
    # Every section with charts has its numbers as a table, or says why not.
    bare = one.run(
        "[...document.querySelectorAll('main section[id]')].filter(s => s.querySelector('.chart') && !s.querySelector('table')).map(s => s.id)"
    )
    assert bare == ["images"]  # whose numbers are the weights' own: thousands
    levels = one.run("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert one.run(
        "[...document.querySelectorAll('table')].every(t => t.caption && t.querySelector('thead th[scope=col]'))"
    )
    assert one.run("[...document.querySelectorAll('tbody tr')].every(r => r.querySelector('th[scope=row]'))")
    assert one.run("document.documentElement.lang") == "en"
    scrolled = one.run(
        "[...document.querySelectorAll('.wide')].every(w => w.tabIndex === 0 && w.getAttribute('aria-label'))"
    )
    assert scrolled  # what scrolls sideways can be reached by keyboard
    if name == "path":
        slider = next(n for n in tree if n.get("role", {}).get("value") == "slider")
        told = {p["name"]: p["value"].get("value") for p in slider["properties"]}
        assert (slider["name"]["value"], told["valuemin"], told["valuemax"]) == ("Strength", 0, 7)
    # Nothing inside a chart can be reached by keyboard, since it could not be used from there.
    assert one.run("document.querySelectorAll('.chart [tabindex], .chart a, .chart button').length") == 0


def test_without_scripts_the_tables_are_there(browser: Any, pages: dict[str, Path]) -> None:
    one = Tab(browser, pages["path"], viewport=DESK, java_script_enabled=False)
    text = one.page.inner_text("main")
    one.context.close()
    assert "switched off here" in text and "dense/kernel" in text and "MaxNorm(max_value=1.0" in text


def test_the_numbers_on_the_page_are_the_paths(tab: Any) -> None:
    one, path = tab(), hostile_path()
    data = json.loads(one.run("document.getElementById('taut-data').textContent"))
    order = np.argsort(path.strengths[:, 0])
    assert data["start"] == list(order).index(path.best().index)
    for step, point in enumerate(order):
        assert f"{int(path.kept_inputs[point].sum())} of {len(HOSTILE)}" in data["texts"]["facts"][step]
        assert data["texts"]["facts"][step][0] == f"{path.strengths[point, 0]:.4g}"
    # The last traces are the two marks.
    drawn = one.run("[...document.getElementById('scores-strength').data.filter(t => t.mode == 'lines+markers')[1].y]")
    held = path.scores["val_accuracy"].mean(axis=(1, 2))[order]
    np.testing.assert_allclose(drawn, held, rtol=1e-5)
