"""A leaderboard's page in a real browser: what pointer and keyboard do, what is loaded, colours, a phone's width."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_board_page import BOARD, EXTENT_PX, METHODS, SELECTED, H, MadeBoard, T, W, make_board
from made_browser import CHROMIUM, PHONE, WIDE, Browser

from hvdbench.boards.published import published
from hvdbench.frames import read_frame
from hvdbench.pages.board.page import write_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]
BLURRIEST = int(np.argmax(np.where(SELECTED, -1, EXTENT_PX)))
ROWS = "[...document.querySelectorAll('.pinned .{} tr')].filter((row) => !row.hidden).map((row) => {})"


class PageBrowser(Browser):
    """Chromium on a leaderboard's page."""

    def open(self, url: str, size: tuple[int, int] = WIDE, *, dark: bool = False) -> None:
        self.size(*size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && document.querySelector('.panes img')?.naturalWidth > 0")

    def names(self) -> list[str]:
        """Read the methods of the table that is shown, in order."""
        return self.value(ROWS.format("methods", "row.dataset.method"))

    def references(self) -> list[str]:
        """Read the rows that methods are compared with."""
        return self.value(ROWS.format("references", "row.dataset.method"))

    def cells(self, key: str) -> list[str]:
        """Read a column of the methods that are shown."""
        head = f"[...document.querySelectorAll('.pinned thead th')].findIndex((one) => one.dataset.key === '{key}')"
        return self.value(ROWS.format("methods", f"row.cells[{head}].innerText.trim()"))

    def choose(self, selector: str, value: str) -> None:
        self.value(
            f"(() => {{ const one = document.querySelector({selector!r}); one.value = {value!r}; "
            "one.dispatchEvent(new Event('change', { bubbles: true })); "
            "one.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    def focus(self, selector: str) -> None:
        self.value(f"document.querySelector({selector!r}).focus()")

    def show(self, selector: str) -> None:
        self.value(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")

    def drag(self, selector: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag between two spots of an element, as shares of its sides."""
        self.show(selector)
        box = self.box(selector)
        spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (begin, end)]
        for kind, (x, y) in zip(
            ("mousePressed", "mouseMoved", "mouseReleased"), (spots[0], *[spots[1]] * 2), strict=True
        ):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def loaded(self) -> None:
        self.wait("[...document.querySelectorAll('.panes img')].every((one) => one.complete && one.naturalWidth > 0)")

    def transforms(self) -> list[str]:
        return self.value("[...document.querySelectorAll('.sheet')].map((one) => getComputedStyle(one).transform)")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBoard:
    return make_board(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def url(made: MadeBoard) -> str:
    page = made.runs.parent / "page" / "board.html"
    write_page(page, made.board, published(BOARD), runs=made.runs, data=[made.data])
    return page.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageBrowser]:
    found = PageBrowser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def page(browser: PageBrowser, url: str) -> Iterator[PageBrowser]:
    browser.log.clear()
    browser.open(url)
    yield browser
    assert browser.log == []


# Table


def test_the_best_method_stands_first_below_its_references_and_an_incomplete_one_has_no_rank(page):
    assert page.names() == ["a_method_with_a_long_name", "worse", "gone 100%_<b>"]
    assert page.references() == ["warp_average", "blurry"]
    page.choose("[data-filter=block]", "1")
    assert page.names() == ["elsewhere", "part"]
    ranks = dict(zip(page.names(), page.cells("rank"), strict=True))
    assert ranks == {"elsewhere": "1", "part": "–"}
    assert "incomplete: 1 of 2 clips" in page.cells("method")[1]


def test_column_titles_sort_by_number_with_gaps_last_by_click_and_by_key(page):
    page.choose("[data-filter=block]", "")
    button = ".pinned thead [data-key='mid:psnr'] button"
    page.show(button)
    page.click_on(button)
    values = [float(text.split("\n")[0]) for text in page.cells("mid:psnr")[:-1]]
    assert values == sorted(values, reverse=True)
    page.focus(button)
    page.press("Enter")
    values = [float(text.split("\n")[0]) for text in page.cells("mid:psnr")[:-1]]
    assert values == sorted(values)
    assert page.value("document.querySelectorAll('.pinned [aria-sort]').length") == 1
    assert page.names()[-1] == "part"
    assert set(page.references()) == {"warp_average", "blurry"}


def test_a_filter_leaves_the_rows_and_clips_of_its_dataset_and_papers_stay(page):
    shown = "[...document.querySelectorAll('.published tbody tr')].filter((row) => row.offsetHeight > 0).length"
    assert page.value(shown) == 10
    page.choose("[data-filter=block]", "1")
    assert set(page.names()) == {"elsewhere", "part"}
    assert page.value("document.querySelector('#frames').offsetHeight") == 0
    assert page.value(shown) == 10
    page.choose("[data-filter=block]", "0")
    assert page.value("document.querySelector('#frames').offsetHeight") > 0


def test_truth_and_frames_choose_another_table(page):
    heads = "[...document.querySelectorAll('.pinned thead th:not([hidden])')].map((one) => one.textContent)"
    assert "PSNR mid (dB)\u00a0↑" in page.value(heads)
    page.choose("[data-filter=truth]", "centroid")
    assert "PSNR centroid (dB)\u00a0↑" in page.value(heads)
    assert "PSNR mid (dB)\u00a0↑" not in page.value(heads)
    page.choose("[data-filter=subset]", "distance 1")
    assert {*page.names(), *page.references()} == set(METHODS)
    assert "distance 1" in page.value("document.querySelector('.about').textContent")
    page.choose("[data-filter=subset]", "all")
    musiq = "[...document.querySelectorAll('.pinned thead th')].some((one) => one.textContent === 'MUSIQ\u00a0↑')"
    assert page.value(musiq)


# Frames


def test_the_divide_follows_arrow_keys_and_the_pointer(page):
    clip = "getComputedStyle(document.querySelector('.layer.left')).clipPath"
    assert page.value(clip) == "inset(0px 50% 0px 0px)"
    page.focus(".divide")
    page.press("ArrowRight")
    assert page.value(clip) == "inset(0px 48% 0px 0px)"
    page.drag(".pane", (0.3, 0.5), (0.8, 0.5))
    assert page.value("document.querySelector('.divide').getAttribute('aria-valuenow')") == "80"


def test_all_panes_show_the_same_part_when_one_is_zoomed_and_moved(page):
    page.value("document.querySelector('input[value=side]').click()")
    page.focus(".panes")
    page.press("+")
    first = page.transforms()
    assert len(first) == 2
    assert first[0] == first[1] != "matrix(1, 0, 0, 1, 0, 0)"
    page.press("ArrowRight")
    moved = page.transforms()
    assert moved[0] == moved[1] != first[0]
    page.drag(".pane:nth-child(2)", (0.5, 0.5), (0.7, 0.6))
    dragged = page.transforms()
    assert dragged[0] == dragged[1] != moved[0]
    page.press("0")
    assert set(page.transforms()) == {"matrix(1, 0, 0, 1, 0, 0)"}
    page.value("document.querySelector('input[value=all]').click()")
    page.value("document.querySelector('[data-zoom=in]').click()")
    assert len(page.transforms()) == len(METHODS) + 2
    assert len(set(page.transforms())) == 1


def test_the_embedded_frame_is_the_blurriest_and_others_come_from_the_files_beside(page):
    sources = "[...document.querySelectorAll('.panes img')].map((one) => one.src.slice(0, 5))"
    assert page.value("document.querySelector('.frame-name').textContent") == f"Frame {BLURRIEST}"
    assert page.value(sources) == ["data:", "data:"]
    page.choose(".frame-range", "9")
    page.loaded()
    assert page.value(sources) == ["file:", "file:"]
    assert page.value("document.querySelector('.panes img').naturalWidth") == W
    page.focus(".frame-range")
    page.press("ArrowRight")
    assert page.value("document.querySelector('.frame-name').textContent") == "Frame 10"
    page.choose(".clip-pick", "1")  # its name has a space
    page.choose(".frame-range", "2")
    page.loaded()


def test_frames_labelled_sharp_are_marked_and_can_be_stepped_through(page):
    sharp = np.flatnonzero(SELECTED)
    marks = page.value("[...document.querySelectorAll('.marks i')].map((one) => parseFloat(one.style.left))")
    assert marks == pytest.approx(100 * (sharp + 0.5) / T)
    page.value("document.querySelector('[data-sharp=\"1\"]').click()")
    assert page.value("document.querySelector('.frame-name').textContent") == f"Frame {sharp[sharp > BLURRIEST][0]}"
    assert "labelled sharp" in page.value("document.querySelector('.frame-range').getAttribute('aria-valuetext')")


def test_an_error_map_is_the_difference_to_the_truth_times_the_gain(page, made):
    page.value("document.querySelector('input[value=error]').click()")
    page.choose(".frame-range", "6")
    page.choose(".pick[data-side=right]", "worse")
    page.choose(".gain-pick", "2")
    page.loaded()
    time.sleep(0.3)
    for pane, method in enumerate(("blurry", "worse")):
        page.show(f".pane:nth-child({pane + 1})")
        box = page.box(f".pane:nth-child({pane + 1})")
        shown = page.screenshot()[
            round(box["y"] + 40) : round(box["bottom"] - 4), round(box["x"] + 4) : round(box["right"] - 4)
        ]
        folder = made.runs / method / "made/test/alpha"
        restored, truth = read_frame(folder / "00000006.png"), read_frame(made.data / "test/alpha/sharp/00000006.png")
        whole = np.clip(2.0 * np.abs(restored.astype(float) - truth), 0, 255)
        top = round(40 * H / box["height"])
        assert shown.mean(axis=(0, 1)) == pytest.approx(whole[top:].mean(axis=(0, 1)), abs=4)
    assert "times 2: full brightness is a difference of 128 levels" in page.value(
        "document.querySelector('.said').textContent"
    )


def test_frames_that_are_not_beside_the_page_are_named(page, made):
    away = made.runs / "worse" / "made/test/delta"
    hidden = away.with_name("hidden")
    away.rename(hidden)
    try:
        page.choose(".clip-pick", "2")
        page.choose(".pick[data-side=right]", "worse")
        page.choose(".frame-range", "3")
        said = page.wait("document.querySelector('.said').textContent")
        assert "Not beside this page" in said
        assert "worse/made/test/delta/00000003.png" in said
        assert f"only frame {BLURRIEST} is embedded" in said
    finally:
        hidden.rename(away)
        page.log.clear()  # the browser says that a file is missing


def test_a_press_in_a_chart_opens_the_clip_or_the_frame(page):
    page.focus(".of-block .plot")
    page.press("Escape")
    for key in ("Home", "ArrowRight", "Enter"):
        page.value(
            "document.querySelector('.of-block .plot')"
            f".dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )
    named = page.value("document.querySelector('.of-block .tip b').textContent")
    assert page.value("document.querySelector('.clip-pick').selectedOptions[0].textContent").endswith(named)
    page.focus(".curves .of-truth:not([hidden]) .plot")
    for key in ("Home", "ArrowRight", "Enter"):
        page.value(
            "document.querySelector('.curves .of-truth:not([hidden]) .plot')"
            f".dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )
    assert page.value("document.querySelector('.frame-name').textContent") == "Frame 1"


# The whole page


def test_every_control_is_reached_by_tab_and_has_a_name(page):
    reached: list[dict[str, Any]] = []
    for _ in range(160):
        page.press("Tab")
        one = page.value(
            "(() => { const e = document.activeElement; return { what: e.className || e.name || e.tagName, "
            "name: e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') "
            "|| e.closest('label')?.textContent || e.textContent, first: e === document.querySelector('.skip') }; })()"
        )
        if one["first"] and reached:
            break
        reached.append(one)
    assert [one for one in reached if not (one["name"] or "").strip()] == []
    what = {one["what"].split(" ")[0] for one in reached}
    wanted = {
        "theme",
        "filter",
        "search",
        "plain",
        "paint",
        "table-wrap",
        "plot",
        "clip-pick",
        "mode",
        "pick",
        "swap",
        "panes",
        "divide",
        "frame-range",
    }
    assert wanted - what == set()


def test_links_to_manifests_lead_to_files(page, made):
    page.value("document.querySelector('.pinned td a').click()")
    assert page.wait("document.querySelector('details.run[open]') !== null")
    links = page.value(
        "[...document.querySelectorAll('#runs .run a, .manifests a')].map((one) => decodeURIComponent(one.href))"
    )
    assert len(links) == len(METHODS) * 4
    for link in links:
        assert "run_digest" in json.loads(Path(link.removeprefix("file://")).read_text())


def test_nothing_is_asked_of_the_network_and_nothing_could_be(page, url):
    page.choose(".frame-range", "3")
    page.loaded()
    asked = page.value("performance.getEntriesByType('resource').map((one) => one.name)")
    assert {one.split(":")[0] for one in asked} <= {"file", "data"}
    refused = page.value(
        "new Promise((done) => { "
        "document.addEventListener('securitypolicyviolation', (event) => done(event.blockedURI)); "
        "const image = new Image(); image.src = 'http://127.0.0.1:9/a.png'; setTimeout(() => done('no'), 2000); })"
    )
    assert refused.startswith("http://127.0.0.1:9")
    page.log.clear()


@pytest.mark.parametrize("mode", ["slider", "side", "all", "error"])
def test_nothing_overflows_a_phone(page, url, mode):
    page.open(url, PHONE)
    page.value(f"document.querySelector('input[value={mode}]').click()")
    page.loaded()
    over = page.value(
        "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 "
        "&& !one.closest('svg, .table-wrap, .visually-hidden, pre, .divide, .marks, .pane'))"
        ".map((one) => one.className || one.tagName)"
    )
    assert over == []
    assert page.value("document.scrollingElement.scrollWidth <= innerWidth")


def test_a_phone_sees_method_score_and_gain_at_once(page, url):
    page.open(url, PHONE)
    for key in ("method", "mid:psnr", "gain"):
        box = page.box(f".pinned thead [data-key='{key}']")
        assert box["width"] > 0
        assert 0 <= box["left"] < box["right"] <= PHONE[0]


def test_light_and_dark_differ_and_the_toggle_goes_round(page, url):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.value(ground)
    page.open(url, dark=True)
    assert page.value(ground) != light
    page.value("document.querySelector('.theme').click()")
    assert page.value(ground) == light
    page.value("localStorage.clear()")


def test_a_page_without_runs_or_dataset_says_so_and_has_its_table(browser, made, tmp_path):
    said = write_page(tmp_path / "bare.html", made.board, published(BOARD), runs=tmp_path / "none")
    assert len(said) == 2
    browser.log.clear()
    browser.size(*WIDE)
    browser.send("Page.navigate", url=(tmp_path / "bare.html").as_uri())
    browser.wait("document.readyState === 'complete' && document.querySelector('.missing') !== null")
    assert browser.names()[0] == "a_method_with_a_long_name"
    text = (tmp_path / "bare.html").read_text()
    assert "Frames are not part of this page." in text
    assert not [word for word in (str(tmp_path), str(made.runs), "--data") if word in text]
    assert browser.value("document.querySelector('#frames')") is None
    assert browser.log == []


def test_the_frames_open_on_the_input_beside_the_best_method(page):
    picks = "[...document.querySelectorAll('.pick')].map((one) => one.value)"
    assert page.value(picks) == ["blurry", "a_method_with_a_long_name"]


def test_a_methods_name_leads_to_its_recipe_and_runs(page):
    page.value("document.querySelector('tr[data-method=warp_average] th a').click()")
    told = page.wait("document.querySelector('#methods details[open]')?.innerText")
    assert "Warped average of the two neighbouring sharp frames" in told
    assert 'scheme = "warp_average"' in told
    run = page.value("document.querySelector('#methods details[open] a').getAttribute('href')")
    assert page.value(f"document.querySelector('{run} summary').textContent").startswith("warp_average")
