"""The labelling page in a real browser, driven by real keys and clicks over DevTools' pipe."""

import csv
import io
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_browser import CHROMIUM, LOW, PHONE, SHIFT, SMALL, WIDE, Browser

from hvdbench.annotate.server import AnnotateServer
from hvdbench.annotate.session import AnnotateRequest, Session, open_session
from hvdbench.frames import read_frame, write_clip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]
T, STEP_PX = 5, 6


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def made_frames() -> np.ndarray:
    """A textured scene that moves by STEP_PX to the left a frame."""
    rng = np.random.default_rng(4)
    wide = cv2.resize(rng.integers(0, 256, (60, 120, 3), dtype=np.uint8), (960, 480), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[60:420, 100 + STEP_PX * index : 740 + STEP_PX * index] for index in range(T)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, turn in (("one", 1), ("two", -1)):
        write_clip(tmp_path / "clips" / name, made_frames()[::turn])
    return tmp_path / "clips"


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[str, Session]]:
    session = open_session(AnnotateRequest(folder, "anna"))
    with AnnotateServer(session) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.url, session
        server.shutdown()
        thread.join()
        server.follower.stop()


@pytest.fixture
def page(browser: Browser, served: tuple[str, Session]) -> Browser:
    browser.log.clear()
    browser.open(served[0])
    browser.shown("0/0")
    return browser


def answers(url: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{url}labels.csv", timeout=10) as reply:
        return list(csv.DictReader(io.StringIO(reply.read().decode())))


def test_a_clip_is_labelled_resumed_and_exported_by_keys_alone(page, served):
    url, session = served
    for frame, key in enumerate("1b3s"):
        page.shown(f"0/{frame}")
        if frame == 1:
            page.press("+")
        if frame == 2:
            page.press("-")
        page.press(key)
        page.asked(f"0/{frame + 1}")
    page.press("z")
    page.asked("0/3")
    page.open(url)
    page.shown("0/3")
    assert page.value("document.getElementById('bar').getAttribute('aria-valuetext')") == "3 of 10"
    assert "1 sharp · 1 blurry · 1 unsure" in page.value("document.getElementById('counts').textContent")
    for frame in (3, 4):
        page.shown(f"0/{frame}")
        page.press("u")
    for frame in range(T):
        page.shown(f"1/{frame}")
        page.press("2")
    page.wait("!document.getElementById('finished').hidden")
    exported = page.value("fetch(document.getElementById('export').href).then((reply) => reply.text())")
    rows = list(csv.DictReader(io.StringIO(exported)))
    first, second = (clip.name for clip in session.clips)
    assert [(row["clip"], row["frame"], row["label"], row["confidence"]) for row in rows] == [
        (first, "0", "sharp", "2"),
        (first, "1", "blurry", "3"),
        (first, "2", "unsure", "1"),
        (first, "3", "unsure", "2"),
        (first, "4", "unsure", "2"),
        *((second, str(frame), "blurry", "2") for frame in range(T)),
    ]
    assert all(0 <= float(row["seconds"]) < 60 for row in rows)
    assert exported == session.file.path.read_text(encoding="utf-8")
    assert page.log == []


def test_arrows_and_space_only_look_and_the_answer_stays_with_the_asked_frame(page, served):
    for frame in range(2):
        page.shown(f"0/{frame}")
        page.press("1")
    page.shown("0/2")
    page.down(" ")
    page.down(" ", repeat=True)
    page.shown("0/1")
    assert page.value("document.getElementById('away').textContent") == "looking at frame 2 (−1)"
    page.up(" ")
    page.shown("0/2")
    page.press("ArrowRight")
    page.press("ArrowRight")
    page.press("ArrowRight")  # there is none further
    page.shown("0/4")
    page.press("Escape")
    page.shown("0/2")
    page.press("ArrowLeft")
    page.shown("0/1")
    page.press("2")
    page.shown("0/3")
    assert [(row["frame"], row["label"]) for row in answers(served[0])] == [
        ("0", "sharp"),
        ("1", "sharp"),
        ("2", "blurry"),
    ]


def test_a_key_held_down_is_one_answer(page, served):
    page.down("1")
    page.asked("0/1")
    page.shown("0/1")
    for _ in range(5):
        page.down("1", repeat=True)
    page.up("1")
    page.press("z")
    page.asked("0/0")
    assert answers(served[0]) == []


def test_the_loupes_show_the_frames_own_pixels_at_places_that_move_with_the_scene(page, served):
    page.followed()
    before = spots(page)
    loupes_equal_the_frame(page, served[1].clips[0].files[0], zoom=1)
    page.press("x")
    loupes_equal_the_frame(page, served[1].clips[0].files[0], zoom=2)
    page.press("x")
    page.press("1")
    page.shown("0/1")
    loupes_equal_the_frame(page, served[1].clips[0].files[1], zoom=1)
    moved = np.array(spots(page)) - before
    way = -STEP_PX if served[1].clips[0].name == "one" else STEP_PX
    assert np.abs(moved - [way, 0]).max() <= 1


def spots(page: Browser) -> list[list[int]]:
    text = page.value("[...document.querySelectorAll('#crops figure')].map((figure) => figure.dataset.spot)")
    return [[int(value) for value in one.split(",")] for one in text]


def loupes_equal_the_frame(page: Browser, file: Path, zoom: int) -> None:
    """Compare 41x41 px of the frame around each place with what stands on the screen."""
    frame, screen = read_frame(file), page.screenshot()
    half = 20
    for slot, (x, y) in enumerate(spots(page), start=1):
        box = page.box(f"#crops figure:nth-child({slot}) canvas")
        left, top = round(box["x"]) + int(box["width"]) // 2, round(box["y"]) + int(box["height"]) // 2
        seen = screen[
            top - half * zoom : top + (half + 1) * zoom : zoom, left - half * zoom : left + (half + 1) * zoom : zoom
        ]
        padded = np.pad(frame, ((half, half), (half, half), (0, 0)))
        inside = np.pad(np.ones(frame.shape[:2], bool), half)[y : y + 2 * half + 1, x : x + 2 * half + 1]
        np.testing.assert_array_equal(seen[inside], padded[y : y + 2 * half + 1, x : x + 2 * half + 1][inside])


def test_a_click_and_shifted_arrows_move_the_fourth_loupe(page):
    page.followed()
    stage = page.box("#stage")
    scale = min(stage["width"] / 640, stage["height"] / 360)
    page.click(stage["x"] + stage["width"] / 2 + 100 * scale, stage["y"] + stage["height"] / 2 - 50 * scale)
    page.wait("document.querySelector('#crops figure:last-child').dataset.spot !== '320,180'")
    x, y = spots(page)[-1]
    assert abs(x - 419.5) <= 2
    assert abs(y - 129.5) <= 2
    page.press("ArrowRight", SHIFT)
    page.press("ArrowUp", SHIFT)
    page.wait(f"document.querySelector('#crops figure:last-child').dataset.spot === '{x + 24},{y - 24}'")


def test_space_after_a_click_on_an_answer_flips_and_does_not_answer_again(page, served):
    page.click_on("#answers .sharp")
    page.shown("0/1")
    page.down(" ")
    page.shown("0/0")
    page.up(" ")
    page.shown("0/1")
    assert len(answers(served[0])) == 1


def test_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(page):
    seen = []
    for _ in range(16):
        page.press("Tab")
        seen.append(
            page.value(
                "(() => { const at = document.activeElement; return [at.textContent.trim() || at.ariaLabel, "
                "getComputedStyle(at).outlineStyle]; })()"
            )
        )
    names = [name for name, _ in seen]
    for name in ("Export CSV", "?", "next →", "200 %", "1 Sharp", "2 Blurry", "3 Unsure", "certain"):
        assert name in names
    assert {style for name, style in seen if name in names[:12]} == {"solid"}


def test_enter_on_a_focused_button_answers(page, served):
    page.value("document.querySelector('#answers .unsure').focus()")
    page.press("Enter")
    page.shown("0/1")
    assert [row["label"] for row in answers(served[0])] == ["unsure"]


def test_the_help_opens_and_closes_and_takes_no_answers(page, served):
    page.press("?")
    page.wait("document.getElementById('keys').open")
    page.press("1")
    page.press("Escape")
    page.wait("!document.getElementById('keys').open")
    assert answers(served[0]) == []


def test_the_page_says_when_an_answer_cannot_be_kept(page, served):
    path = served[1].file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("clip,frame,label,annotator,confidence,seconds\none,0,crisp,anna,2,1\n", encoding="utf-8")
    page.press("1")
    page.wait("!document.getElementById('trouble').hidden")
    assert "line 2: label 'crisp' is not one of" in page.value("document.getElementById('trouble').textContent")
    assert page.value("document.getElementById('work').dataset.asked") == "0/0"


def test_a_frame_that_cannot_be_shown_may_be_answered_unsure(browser, served):
    served[1].clips[0].files[0].write_bytes(b"no picture")
    browser.open(served[0])
    browser.wait("!document.getElementById('trouble').hidden")
    browser.press("1")
    browser.press("3")
    browser.shown("0/1")
    assert [row["label"] for row in answers(served[0])] == ["unsure"]


def test_names_and_labels_of_others_are_not_on_the_page(browser, folder, served):
    url, session = served
    session.file.path.parent.mkdir(parents=True, exist_ok=True)
    session.file.path.write_text("clip,frame,label,annotator\none,0,blurry,berta\n", encoding="utf-8")
    browser.open(url)
    browser.shown("0/0")
    browser.followed()
    text = browser.value("document.documentElement.outerHTML")
    assert "berta" not in text
    assert str(folder) not in text
    assert "0 blurry" in text


def test_nothing_comes_from_elsewhere(page, served):
    names = page.value("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert names
    assert [name for name in names if not name.startswith(served[0])] == []


@pytest.mark.parametrize("size", [WIDE, LOW, SMALL, PHONE])
def test_all_of_the_page_is_in_view(page, size):
    page.size(*size)
    page.wait(f"innerWidth === {size[0]}")
    page.wait(
        "[...document.querySelectorAll('canvas')].every((one) => one.clientWidth <= one.parentElement.clientWidth)"
    )
    over = page.value(
        "[...document.querySelectorAll('header *, main *, footer *')].filter((item) => { const box = "
        "item.getBoundingClientRect(); return box.width && !item.closest('.marks') && (box.right > innerWidth + 1 || "
        "box.bottom > innerHeight + 1 || box.left < -1); }).map((item) => item.outerHTML.slice(0, 80))"
    )
    assert over == []
    assert page.box("#stage")["height"] > 140
    assert page.box("#crops figure")["height"] > 90


def test_light_and_dark_follow_the_system_and_the_button(browser, served):
    def ground() -> str:
        return browser.value("getComputedStyle(document.documentElement).backgroundColor")

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
