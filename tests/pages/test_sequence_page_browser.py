"""The page that plays the frames of blurry pictures, driven in a real browser."""

import time

import numpy as np
import pytest
from made_browser import CHROMIUM, PHONE, WIDE, Browser

from hvdbench.pages.sequence_page import Exposure, sequence_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two exposures; frame k of the first one is gray of level 30 k, of the second 10 more."""
    folder = tmp_path_factory.mktemp("page")
    exposures = []
    for number in range(2):
        levels = 10 * number + 30 * np.arange(7)
        frames = np.broadcast_to(levels[:, None, None, None], (7, 40, 60, 3)).astype(np.uint8)
        exposures.append(Exposure(f"{number:08d}.png", np.full((40, 60, 3), 250, np.uint8), frames))
    sequence_page(
        folder / "page.html", title="A clip", exposures=exposures, fps=50, facts={"Input": "2"}, notes=["A note."]
    )
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory, page):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


LEVEL = """(() => {
  const image = document.getElementById('frame'), canvas = document.createElement('canvas');
  if (!image.complete || !image.naturalWidth) return -1;
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data[0];
})()"""


def opened(browser, page, size=WIDE, *, calm=True):
    browser.size(*size)
    value = "reduce" if calm else "no-preference"
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": value}])
    browser.send("Page.navigate", url=page.as_uri())
    browser.wait("document.readyState === 'complete' && document.getElementById('number').textContent !== ''")


def test_frames_are_looked_at_one_by_one(browser, page):
    opened(browser, page)
    assert browser.value("document.getElementById('play').textContent") == "Play"
    browser.wait(f"Math.abs({LEVEL} - 0) < 3")
    browser.value("document.querySelectorAll('.all button')[4].click()")
    browser.wait(f"Math.abs({LEVEL} - 120) < 3")
    assert browser.value("document.getElementById('number').textContent") == "5"
    assert browser.value("document.querySelectorAll('.all [aria-pressed=true]').length") == 1
    browser.value("document.getElementById('place').focus()")
    browser.press("ArrowRight")
    browser.wait(f"Math.abs({LEVEL} - 150) < 3")
    browser.value(
        "(() => { const one = document.getElementById('exposure'); one.value = '1'; "
        "one.dispatchEvent(new Event('change')); })()"
    )
    browser.wait(f"Math.abs({LEVEL} - 10) < 3")
    assert browser.log == []


def test_frames_are_played_there_and_back_or_around(browser, page):
    opened(browser, page)
    seen = "document.getElementById('number').textContent"
    watch = (
        "window.seen = []; window.looker && window.looker.disconnect(); "
        f"window.looker = new MutationObserver(() => window.seen.push(Number({seen}))); "
        "window.looker.observe(document.getElementById('number'), {childList: true}); true"
    )
    browser.value(watch)
    browser.value("document.getElementById('play').scrollIntoView({block: 'center'})")
    browser.click_on("#play")
    browser.wait("window.seen.length > 13")
    browser.click_on("#play")
    assert browser.value("window.seen.slice(0, 13)") == [2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 2]
    count = browser.value("window.seen.length")
    time.sleep(0.2)
    assert browser.value("window.seen.length") == count
    browser.value("document.querySelectorAll('.all button')[5].click(); document.getElementById('back').click()")
    browser.value(watch)
    browser.click_on("#play")
    browser.wait("window.seen.length > 4")
    browser.click_on("#play")
    assert browser.value("window.seen.slice(0, 4)") == [7, 1, 2, 3]


def test_it_plays_by_itself_unless_motion_is_unwanted(browser, page):
    opened(browser, page, calm=False)
    assert browser.value("document.getElementById('play').textContent") == "Pause"
    browser.wait("document.getElementById('number').textContent === '4'")


def test_the_page_fits_a_phone_and_loads_nothing(browser, page):
    opened(browser, page, PHONE)
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth")
    loaded = "performance.getEntriesByType('resource').map((one) => one.name).filter((one) => !one.startsWith('data:'))"
    assert browser.value(loaded) == []
    unnamed = (
        "[...document.querySelectorAll('main button, main select, main input')].filter((one) => !("
        "one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label')?.textContent.trim())).length"
    )
    assert browser.value(unnamed) == 0
