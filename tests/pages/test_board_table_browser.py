"""A board's table and charts in a real browser: many methods and clips, shipped boards, words, colours, paper."""

import csv
import io
import json
import os
import time
from base64 import b64decode
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from made_browser import CHROMIUM, PHONE, WIDE, Browser
from made_wide_board import wide_board, wide_names

from hvdbench.boards.files import read_beside
from hvdbench.boards.ranking.gains import gains
from hvdbench.pages.board.page import write_page
from hvdbench.pages.palette import MOST, slots

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("real-paired", "rivals", "unseen-plain", "labels", "validity")
METHODS, CLIPS = 30, 50
SHOWN = "[...document.querySelectorAll('.pinned .methods tr')].filter((row) => !row.hidden)"
# Boxes of the words on the page: those of two text nodes must not lie on each other.
OVERLAPS = """(() => {
  const clips = '.table-wrap:not(.fits), .many, .heat-names li, nav';
  const away = '.visually-hidden, script, style, template, .skip, option, select, noscript, pre';
  const boxes = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, parent = node.parentElement;
    if (!node.data.trim() || parent.closest(away)) continue;
    if (!parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const range = document.createRange(), edge = { top: -1e9, bottom: 1e9, left: -1e9, right: 1e9 };
    for (let one = parent.closest(clips); one; one = one.parentElement.closest(clips)) {
      const own = one.getBoundingClientRect();
      for (const side of ['top', 'left']) edge[side] = Math.max(edge[side], own[side]);
      for (const side of ['bottom', 'right']) edge[side] = Math.min(edge[side], own[side]);
    }
    range.selectNodeContents(node);
    for (const one of range.getClientRects()) {
      const box = { top: Math.max(one.top, edge.top), bottom: Math.min(one.bottom, edge.bottom) };
      Object.assign(box, { left: Math.max(one.left, edge.left), right: Math.min(one.right, edge.right) });
      if (box.right - box.left > 1 && box.bottom - box.top > 1) boxes.push({ box, node });
    }
  }
  const found = [];
  boxes.sort((a, b) => a.box.top - b.box.top);
  for (let n = 0; n < boxes.length; n++) {
    for (let m = n + 1; m < boxes.length && boxes[m].box.top < boxes[n].box.bottom; m++) {
      const [a, b] = [boxes[n].box, boxes[m].box];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - b.top;
      // a line's box is higher than its letters, so that lines which follow each other closely share some of it
      const share = down / Math.min(a.bottom - a.top, b.bottom - b.top);
      if (boxes[n].node === boxes[m].node || across <= 1.5 || share <= 0.3) continue;
      found.push([boxes[n], boxes[m]].map((x) => x.node.data.trim()));
    }
  }
  return found.slice(0, 10);
})()"""
SIDEWAYS = """[...document.querySelectorAll('main *')].filter((one) =>
  one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest('svg, .table-wrap, .visually-hidden, pre, .divide, .marks, .pane, [hidden]'))
  .map((one) => one.className || one.tagName)"""
LEGENDS = """[...document.querySelectorAll('.painted')].flatMap((figure) => {
  const svg = [...figure.querySelectorAll('svg[data-plot]')].find((one) => one.getBoundingClientRect().width > 0);
  return [...figure.querySelectorAll('.legend li')].map((item) => {
    const of = item.dataset.key ? `.series[data-key="${CSS.escape(item.dataset.key)}"]` : '.series.ink-other';
    const drawn = svg.querySelector(`${of} .dots`) ?? svg.querySelector(`${of} path`);
    return [item.textContent, getComputedStyle(item.querySelector('path')).stroke, getComputedStyle(drawn).stroke];
  });
})"""


class TableBrowser(Browser):
    def show(self, path: Path, size: tuple[int, int] = WIDE, *, dark: bool = False) -> None:
        self.log.clear()
        self.size(*size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media="", features=scheme)
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && document.querySelector('.pinned, #papers') !== null")

    def choose(self, selector: str, value: str) -> None:
        self.value(
            f"(() => {{ const one = document.querySelector({selector!r}); one.value = {value!r}; "
            "one.dispatchEvent(new Event('change', { bubbles: true })); })()"
        )

    def press_on(self, selector: str) -> None:
        self.value(f"document.querySelector({selector!r}).scrollIntoView({{ block: 'center' }})")
        self.click_on(selector)

    def names(self) -> list[str]:
        return self.value(f"{SHOWN}.map((row) => row.dataset.method)")

    def said(self) -> str:
        return self.value("document.querySelector('.found').textContent")


@pytest.fixture(scope="module")
def board():
    return wide_board(METHODS, CLIPS)


@pytest.fixture(scope="module")
def pages(board, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    write_page(folder / "made.html", board, board.iloc[:0], runs=folder / "none")
    for name in SHIPPED:
        rows, papers = read_beside(str(ROOT / "leaderboards" / f"{name}.csv"), ROOT / "leaderboards")
        write_page(folder / f"{name}.html", rows, papers, runs=folder / "none")
    return {path.stem: path for path in folder.glob("*.html")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[TableBrowser]:
    found = TableBrowser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def page(browser, pages) -> Iterator[TableBrowser]:
    browser.show(pages["made"])
    yield browser
    assert browser.log == []


# Words


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", ["made", *SHIPPED])
def test_no_words_lie_on_others_and_nothing_leads_sideways(browser, pages, name, size):
    browser.show(pages[name], size)
    assert browser.value(OVERLAPS) == []
    assert browser.value(SIDEWAYS) == []
    assert browser.value("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.log == []


def test_the_first_sentence_says_the_numbers_of_the_table(page, board):
    first = page.value("document.querySelector('.verdict .lead').textContent")
    best = gains(board, truth="centroid").iloc[0]
    ends = f"{best['ci_low']:+.2f} to {best['ci_high']:+.2f}"
    assert first == (
        f"Best: {best['method']}, {best['gain']:+.2f} dB PSNR over the blurry input on made "
        f"(95 % interval {ends}, paired over {CLIPS} clips)."
    )
    assert page.names()[0] == best["method"]
    tied = page.value("[...document.querySelectorAll('.tied')].map((row) => row.dataset.method)")
    found = gains(board, truth="centroid")
    assert set(tied) == set(found.loc[found["tied"], "method"])


def test_references_stay_on_top_of_every_order_and_are_not_marked_best(page):
    for key in ("rank", "method", "gain", "centroid:ssim"):
        for _ in range(2):
            page.press_on(f".pinned thead [data-key='{key}'] button")
            top = page.value(
                "[...document.querySelectorAll('.pinned tbody tr')].slice(0, 2).map((r) => r.dataset.method)"
            )
            assert set(top) == {"blurry", "warp_average"}
    assert page.value("document.querySelectorAll('.references .best, .references .second').length") == 0


def test_the_head_stays_in_sight_while_the_page_scrolls(page):
    page.value(f"{SHOWN}[20].scrollIntoView({{ block: 'center' }})")
    head = page.box(".pinned thead")
    assert -1 <= head["top"] <= 1
    references = page.box(".pinned .references")
    assert abs(references["top"] - head["bottom"]) <= 2


def test_a_head_is_explained_on_hover_on_focus_and_in_place(page):
    button = ".pinned thead [data-key='gain'] button"
    page.value(f"document.querySelector(\"{button}\").scrollIntoView({{ block: 'center' }})")
    # the page says that it was scrolled in the next frame, and scrolling hides the words
    page.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    box = page.box(button)
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + 5, y=box["y"] + 5)
    words = page.wait("!document.querySelector('.head-tip').hidden && document.querySelector('.head-tip').textContent")
    assert "paired" in words
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    page.wait("document.querySelector('.head-tip').hidden")
    page.value("document.querySelector(\".pinned thead [data-key='method'] button\").focus()")
    page.press("Tab")
    page.press("Tab")
    assert page.value("document.activeElement.closest('th').dataset.key") == "gain"
    assert page.value("document.querySelector('.head-tip').textContent") == words
    page.press("Escape")
    assert page.value("document.querySelector('.head-tip').hidden")
    described = "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    assert page.value(described) == words


# What is shown


def test_rows_of_many_datasets_name_theirs_on_a_phone_too_and_of_one_above_the_table(browser, pages):
    head = "document.querySelector(\".pinned [data-key='dataset']\").offsetWidth"
    browser.show(pages["labels"], PHONE)
    assert browser.value("document.querySelector('[data-filter=block]').value") == ""
    assert browser.value(head) > 0
    browser.choose("[data-filter=block]", "3")
    assert browser.value(head) == 0
    about = "[...document.querySelectorAll('.about')].filter((one) => one.offsetHeight).map((one) => one.textContent)"
    (said,) = browser.value(about)
    assert "2 clips of demo-ev_" in said
    assert browser.value("document.querySelector('.verdict .of-block:not([hidden]) .lead').textContent").startswith(
        "Best: "
    )


@pytest.mark.parametrize("name", ["made", *SHIPPED])
def test_no_filter_ends_in_nothing(browser, pages, name):
    browser.show(pages[name])
    for key in browser.value("[...document.querySelectorAll('.filter')].map((one) => one.dataset.filter)"):
        select = f"[data-filter={key}]"
        for value in browser.value(f"[...document.querySelector('{select}').options].map((one) => one.value)")[:8]:
            browser.choose(select, value)
            rows = browser.value(
                "[...document.querySelectorAll('.pinned tbody tr')].filter((r) => r.offsetHeight > 0).length"
            )
            assert rows > 0, (key, value)
            if key != "family":  # a family that the dataset lacks gives way, and that is said
                assert browser.value(f"document.querySelector('{select}').value") == value
    assert browser.log == []


def test_a_search_leaves_what_it_names_and_never_nothing(page):
    page.press_on(".search")
    page.type("segments")
    expected = {name for name in wide_names(METHODS) if "segments" in name}
    assert set(page.names()) == expected
    assert len(expected) > 2
    assert page.said().startswith(f"{len(expected)} of {METHODS} rows.")
    page.type("xyz")
    assert len(page.names()) == METHODS
    assert "No method is called “segmentsxyz”, so all are shown." in page.said()


def test_columns_can_be_chosen_by_keyboard_and_stay_chosen(page):
    shown = "[...document.querySelectorAll('.pinned thead th:not([hidden])')].map((one) => one.dataset.key)"
    assert "ties" not in page.value(shown)
    assert page.value("document.querySelector('.chooser').open") is False
    page.value("document.querySelector('.chooser summary').focus()")
    page.press("Enter")
    page.value("document.querySelector(\".chooser input[value='ties']\").focus()")
    page.press(" ")
    assert "ties" in page.value(shown)
    cell = "getComputedStyle(document.querySelector('.methods tr').cells[{}]).display".format(
        "[...document.querySelectorAll('.pinned thead th')].findIndex((one) => one.dataset.key === 'ties')"
    )
    assert page.value(cell) == "table-cell"
    page.choose("[data-filter=truth]", "mid")
    assert "ties" in page.value(shown)
    page.press_on(".chooser input[value='gain']")
    assert "gain" not in page.value(shown)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_table_can_be_downloaded_with_every_digit(page, board, tmp_path, kind):
    page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.press_on(f"[data-download={kind}]")
    path = tmp_path / f"made-not_selected-centroid.{kind}"
    end = time.monotonic() + 15
    while not path.is_file() and time.monotonic() < end:
        time.sleep(0.05)
    text = path.read_text()
    rows = list(csv.DictReader(io.StringIO(text))) if kind == "csv" else json.loads(text)
    assert len(rows) == METHODS + 2
    found = gains(board, truth="centroid").set_index("method")
    for row in rows[:5]:
        told = found.loc[row["method"]]
        for title, value in (("PSNR centroid (dB)", told["value"]), ("over the input (dB)", told["gain"])):
            if np.isfinite(value):
                assert float(row[title]) == pytest.approx(value, abs=1e-9)
        if np.isfinite(told["ci_low"]):
            assert float(row["over the input (dB) low"]) == pytest.approx(told["ci_low"], abs=1e-9)


# Colours


@pytest.mark.parametrize("name", ["rivals", "unseen-plain"])
@pytest.mark.parametrize("dark", [False, True])
def test_each_name_in_a_legend_has_the_colour_of_its_line(browser, pages, name, dark):
    browser.show(pages[name], dark=dark)
    for _ in range(2):
        told = browser.value(LEGENDS)
        assert len(told) > 2
        assert [one for one in told if one[1] != one[2]] == []
        coloured = [one[1] for one in told if "other method" not in one[0]]
        assert len(set(coloured)) == len({one[0] for one in told if "other method" not in one[0]})
        browser.press_on(".methods tr:last-child .paint")


def test_charts_colour_six_methods_at_most_and_say_whose_colour_a_seventh_took(browser, pages):
    browser.show(pages["rivals"])
    pressed = "[...document.querySelectorAll('[aria-pressed=true]')].map((one) => one.closest('tr').dataset.method)"
    before = browser.value(pressed)
    assert len(before) == MOST
    assert "warp_average" in before
    browser.press_on("tr[data-method=blur2blur] .paint")
    after = browser.value(pressed)
    assert len(after) == MOST
    (gone,) = set(before) - set(after)
    assert browser.said() == f"blur2blur has the colour of {gone}: charts colour {MOST} methods at most."
    inks = browser.value(
        "Object.fromEntries([...document.querySelectorAll('.painted .series')]"
        ".map((one) => [one.dataset.key, one.className.baseVal.split('ink-')[1]]))"
    )
    assert {name: int(inks[name]) - 1 for name in after} == slots(after)


def test_many_methods_and_clips_are_a_heat_map_that_is_read_by_pointer_and_keys(page, board):
    assert page.value("document.querySelector('.views .painted')") is None
    tip = "document.querySelector('.heat .tip').innerText"
    names = page.value("[...document.querySelectorAll('.heat-names li')].map((one) => one.textContent)")
    clips = json.loads(page.value("document.querySelector('.heat').dataset.values"))["names"]
    assert len(clips) == CLIPS
    page.value("document.querySelector('.heat-box').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.press(key)
    wide = board[(board["subset"] == "not_selected") & (board["truth"] == "centroid") & (board["metric"] == "psnr")]
    wide = wide.pivot_table(index="clip", columns="method", values="value")
    gap = wide.loc[clips[1], names[2]] - wide.loc[clips[1], "blurry"]
    assert page.value(tip).split() == [clips[1], names[2], f"{gap:+.2f}".replace("-", "−"), "dB"]
    box = page.box(".heat-map")
    page.value("document.querySelector('.heat').scrollIntoView({ block: 'center' })")
    box = page.box(".heat-map")
    at = (box["x"] + 0.5 * box["width"] / CLIPS, box["y"] + 0.5 * box["height"] / len(names))
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    assert page.value(tip).split()[:2] == [clips[0], names[0]]


# Everyone, and paper


def axe_script() -> Path | None:
    """Find axe-core: a file of one's own, or that of the package axe-core-python."""
    if "HVDBENCH_AXE" in os.environ:
        return Path(os.environ["HVDBENCH_AXE"])
    package = find_spec("axe_core_python")
    return None if package is None or package.origin is None else Path(package.origin).with_name("axe.min.js")


@pytest.mark.skipif(axe_script() is None, reason="needs axe-core (pip install axe-core-python, in the extra [dev])")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["made", "rivals", "real-paired"])
def test_axe_finds_nothing_to_object_to(browser, pages, name, dark):
    browser.show(pages[name], dark=dark)
    browser.value("document.querySelectorAll('details').forEach((one) => { one.open = !one.matches('.chooser'); })")
    browser.value(axe_script().read_text(encoding="utf-8") + "; undefined")
    found = browser.value(
        "axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map((one) => "
        "[one.id, one.nodes.length, one.nodes[0].html.slice(0, 160)]))"
    )
    assert found == []


def test_every_control_of_the_table_is_reached_by_tab(page):
    reached = []
    for _ in range(60):
        page.press("Tab")
        reached.append(page.value("document.activeElement.className || document.activeElement.tagName"))
    assert {"filter", "search", "plain", "table-wrap fits", "paint"} <= set(reached)


@pytest.mark.parametrize("name", ["made", "rivals"])
def test_paper_has_the_table_and_no_controls(browser, pages, name):
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf (in the extra [dev])")
    browser.show(pages[name], dark=True)
    data = b64decode(browser.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    words = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split())
    for wanted in ("Best: ", "over the input", "warp_average", "control, no learning"):
        assert wanted in words
    assert [word for word in ("Download", "Columns", "part of a name", "Auto") if word in words] == []
