"""The page of a study in a real browser, driven by real keys, clicks and drags over DevTools' pipe."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_browser import CHROMIUM, LOW, PHONE, SHIFT, SMALL, WIDE, Browser
from made_study import CLIPS, METHODS, made_study, serving, vote_all

from hvdbench.annotate.study.ballot import Ballot
from hvdbench.annotate.study.design import StudyFolder
from hvdbench.annotate.study.results import count_votes
from hvdbench.annotate.study.votes import Vote, VoteFile
from hvdbench.frames import Frame
from hvdbench.pages.study_page import study_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]
WORK = "document.getElementById('work').dataset"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, StudyFolder]]:
    stored = made_study(tmp_path / "study", crops=2, checks=2)
    with serving(stored) as server:
        yield server.url, stored


@pytest.fixture
def page(browser: Browser, served: tuple[str, StudyFolder]) -> Browser:
    browser.log.clear()
    browser.open(served[0])
    begin(browser, "anna")
    return browser


def begin(browser: Browser, name: str) -> None:
    browser.wait("!document.getElementById('start').hidden")
    browser.click_on("#name")
    browser.type(name)
    browser.press("Enter")
    browser.shown("0")


def votes(stored: StudyFolder) -> list[Vote]:
    return VoteFile(stored).read()


def sides(stored: StudyFolder, voter: str = "anna") -> list[str]:
    """Return the side that each vote was given to, in order."""
    other = {"left": "right", "right": "left"}
    return [
        "tie" if vote.choice == "tie" else vote.first_side if vote.choice == "first" else other[vote.first_side]
        for vote in votes(stored)
        if vote.voter == voter
    ]


def test_all_pairs_are_judged_by_keys_alone_and_taken_up_again(page: Browser, served: tuple[str, StudyFolder]) -> None:
    url, stored = served
    for position, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowDown")):
        page.shown(str(position))
        page.press(key)
        page.asked(str(position + 1))
    page.press("z")
    page.asked("2")
    page.open(url)  # the tab knows its voter
    page.shown("2")
    assert page.value("document.getElementById('bar').getAttribute('aria-valuetext')") == "2 of 8"
    for position in range(2, 8):
        page.shown(str(position))
        page.press("ArrowLeft")
    page.wait("!document.getElementById('finished').hidden")
    assert "all 8 pairs" in page.value("document.getElementById('total').textContent")
    assert sides(stored) == ["left", "right", *["left"] * 6]
    assert all(0 <= vote.seconds < 60 for vote in votes(stored))
    assert page.log == []


def test_buttons_vote_too_and_space_after_a_click_does_not_vote_again(
    page: Browser, served: tuple[str, StudyFolder]
) -> None:
    for position, answer in enumerate(("right", "tie", "left")):
        page.shown(str(position))
        page.click_on(f"#answers [data-answer={answer}]")
        page.shown(str(position + 1))
    page.press(" ")
    assert sides(served[1]) == ["right", "tie", "left"]
    page.click_on("#undo")
    page.shown("2")
    assert len(votes(served[1])) == 2


def test_a_key_held_down_is_one_vote(page: Browser, served: tuple[str, StudyFolder]) -> None:
    page.down("ArrowLeft")
    page.shown("1")
    for _ in range(5):
        page.down("ArrowLeft", repeat=True)
    page.up("ArrowLeft")
    page.press("z")
    page.asked("0")
    assert votes(served[1]) == []


def seen(page: Browser, number: int) -> Frame:
    """Return what is on the screen in one of the two stages."""
    box = page.box(f".stage:nth-of-type({number}) canvas")
    left, top = round(box["x"]), round(box["y"])
    screen: Frame = page.screenshot()
    return screen[top : top + int(box["height"]), left : left + int(box["width"])]


def test_both_pictures_show_their_own_pixels_at_the_same_place(page: Browser, served: tuple[str, StudyFolder]) -> None:
    stored = served[1]
    pair = Ballot(stored, VoteFile(stored), "anna").pair(0)
    page.press("x")  # 100 %
    page.wait(f"{WORK}.zoom === '1'")
    for number, crop in enumerate((pair[:, :64], pair[:, 64:]), start=1):
        shown = seen(page, number)
        top, left = (shown.shape[0] - 64 + 1) // 2, (shown.shape[1] - 64 + 1) // 2
        offsets = [shown[top + y : top + y + 64, left + x : left + x + 64] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        assert any(np.array_equal(one, crop) for one in offsets)  # where the middle of an odd stage lies may round


def test_a_click_looks_closely_a_drag_moves_and_space_changes_places(page: Browser) -> None:
    before = [seen(page, 1), seen(page, 2)]
    page.down(" ")
    page.wait(f"{WORK}.holding === 'true'")
    held = [seen(page, 1), seen(page, 2)]
    np.testing.assert_array_equal(held[0][60:], before[1][60 : len(held[0])])  # below the letters
    np.testing.assert_array_equal(held[1][60:], before[0][60 : len(held[1])])
    assert page.value("[...document.querySelectorAll('.stage figcaption')].map((one) => one.textContent)") == ["B", "A"]
    page.press("ArrowLeft")  # no vote while they have changed places
    page.up(" ")
    page.wait(f"{WORK}.holding === 'false'")
    assert page.value(f"{WORK}.asked") == "0"
    for _ in range(3):
        page.press("x")
    page.wait(f"{WORK}.zoom === '4'")
    page.size(390, 400)  # small enough that 400 % of a crop does not fit
    page.wait("innerWidth === 390")
    assert page.value(f"{WORK}.centre").split(",")[1] == "32"
    box = page.box(".stage")
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.drag_between(at, (at[0], at[1] + 40))
    assert page.value(f"{WORK}.centre").split(",")[1] == "22"  # 40 px of the screen are 10 of the picture
    page.press("ArrowDown", SHIFT)
    assert int(page.value(f"{WORK}.centre").split(",")[1]) > 32
    page.click(*at)
    page.wait(f"{WORK}.zoom === '0'")
    page.click(at[0], at[1] + 10)
    page.wait(f"{WORK}.zoom === '2'")
    assert page.value(f"{WORK}.asked") == "0"
    page.size(*WIDE)


def test_two_voters_in_two_visits_have_votes_of_their_own(page: Browser, served: tuple[str, StudyFolder]) -> None:
    page.press("ArrowLeft")
    page.shown("1")
    page.click_on("#voter")
    begin(page, "berta")
    assert page.value("document.getElementById('voter').textContent") == "berta"
    page.press("ArrowRight")
    page.shown("1")
    assert (sides(served[1]), sides(served[1], "berta")) == (["left"], ["right"])


def test_a_vote_given_in_another_tab_moves_this_one_on(page: Browser, served: tuple[str, StudyFolder]) -> None:
    Ballot(served[1], VoteFile(served[1]), "anna").vote(0, "right", seconds=1)
    page.press("ArrowLeft")
    page.shown("1")
    page.wait("!document.getElementById('trouble').hidden")
    assert "judged before, perhaps in another tab" in page.value("document.getElementById('trouble').textContent")
    assert sides(served[1]) == ["right"]


def test_a_fault_is_told_without_naming_a_method_or_a_file(page: Browser, served: tuple[str, StudyFolder]) -> None:
    served[1].votes.write_text("damaged\n")
    page.press("ArrowLeft")
    page.wait("!document.getElementById('trouble').hidden")
    text = page.value("document.getElementById('trouble').textContent")
    assert text == "the study cannot go on here; the terminal in which it was started says why"


def test_nothing_on_the_page_names_a_method_or_comes_from_elsewhere(
    page: Browser, served: tuple[str, StudyFolder]
) -> None:
    page.press("ArrowLeft")
    page.shown("1")
    page.press("?")
    page.wait("document.getElementById('keys').open")
    page.press("ArrowLeft")  # no vote while the help is open
    page.press("Escape")
    text = page.value("document.documentElement.outerHTML + JSON.stringify({...localStorage, ...sessionStorage})")
    names = page.value("performance.getEntriesByType('resource').map((entry) => entry.name)")
    for word in (*METHODS, *CLIPS, str(served[1].folder), served[1].digest):
        assert word not in text
        assert word not in "".join(names)
    assert [name for name in names if not name.startswith(served[0])] == []
    assert len([name for name in names if "/pair/" in name]) <= 3  # one picture a pair, and the next one
    assert len(votes(served[1])) == 1


def test_a_name_that_cannot_be_one_is_not_taken(browser: Browser, served: tuple[str, StudyFolder]) -> None:
    browser.value("sessionStorage.clear()")
    browser.open(served[0])
    browser.wait("!document.getElementById('start').hidden")
    browser.click_on("#name")
    browser.type("a b")
    browser.press("Enter")
    assert browser.value("document.getElementById('name').validity.patternMismatch")
    assert browser.value("document.getElementById('work').hidden")


def test_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(page: Browser) -> None:
    found = []
    for _ in range(12):
        page.press("Tab")
        found.append(
            page.value(
                "(() => { const at = document.activeElement; return [at.textContent.trim() || at.ariaLabel, "
                "getComputedStyle(at).outlineStyle]; })()"
            )
        )
    names = [name for name, _ in found]
    wanted = ("anna", "?", "Fit", "400 %", "← A is better", "↓ No difference", "B is better →")
    assert set(wanted) <= set(names)
    assert {style for name, style in found if name in wanted} == {"solid"}


@pytest.mark.parametrize("size", [WIDE, LOW, SMALL, PHONE])
def test_all_of_the_page_is_in_view(page: Browser, size: tuple[int, int]) -> None:
    page.size(*size)
    page.wait(f"innerWidth === {size[0]}")
    page.wait(
        "[...document.querySelectorAll('canvas')].every((one) => one.clientWidth <= one.parentElement.clientWidth)"
    )
    over = page.value(
        "[...document.querySelectorAll('header *, main *, footer *')].filter((item) => { const box = "
        "item.getBoundingClientRect(); return box.width && (box.right > innerWidth + 1 || box.bottom > innerHeight + 1 "
        "|| box.left < -1); }).map((item) => item.outerHTML.slice(0, 80))"
    )
    assert over == []
    assert page.box(".stage")["height"] > 140
    first, second = page.box(".stage:nth-of-type(1)"), page.box(".stage:nth-of-type(2)")
    assert (first["x"] == second["x"]) == (size == PHONE)  # one below the other where it is narrow
    page.size(*WIDE)


def test_light_and_dark_follow_the_system_and_the_button(browser: Browser, served: tuple[str, StudyFolder]) -> None:
    def ground() -> str:
        return str(browser.value("getComputedStyle(document.documentElement).backgroundColor"))

    browser.open(served[0], dark=True)
    dark = ground()
    browser.open(served[0])
    light = ground()
    assert light != dark
    browser.click_on("#theme")
    assert ground() == light
    browser.click_on("#theme")
    assert ground() == dark
    browser.click_on("#theme")
    assert ground() == light


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (PHONE, True)])
def test_the_page_of_results_fits_and_sorts(
    browser: Browser, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    stored = made_study(tmp_path / "study", crops=2, checks=2)
    vote_all(stored, "anna")
    vote_all(stored, "lefty", always="left")
    study_page(tmp_path / "page.html", count_votes(stored), title="What people preferred")
    browser.log.clear()
    browser.size(*size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.send("Emulation.setEmulatedMedia", features=scheme)
    browser.send("Page.navigate", url=(tmp_path / "page.html").as_uri())
    browser.wait("document.readyState === 'complete' && document.querySelector('.example img')?.naturalWidth > 0")
    assert browser.value("document.documentElement.scrollWidth") <= size[0]
    rows = "[...document.querySelectorAll('#scores tbody tr')].map((row) => row.cells[1].textContent.trim())"
    assert browser.value(rows) == list(METHODS)
    browser.value("document.querySelector('#scores thead th:nth-child(3) button').scrollIntoView({block: 'center'})")
    browser.click_on("#scores thead th:nth-child(3) button")
    browser.click_on("#scores thead th:nth-child(3) button")
    assert browser.value(rows) in (list(METHODS), list(METHODS)[::-1])
    assert "1 voter counted, 1 left out." in browser.value("document.querySelector('.stamp').textContent")
    assert browser.log == []
    browser.size(*WIDE)
