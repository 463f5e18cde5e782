"""The pages in a real browser: what a pointer and a keyboard do, colours, and the width of a phone.

A page that holds the report in frames drives it by events and writes what it finds into its own text, which chromium
prints; the report itself carries nothing for tests.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made_board import rows

from hvdbench.boards.rows import merge_rows
from hvdbench.pages.leaderboard_page import Story, leaderboard_page
from hvdbench.pages.pages import deblur_page
from hvdbench.pages.view import ClipView

LONG = "a_method_with_a_long_name"
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no 'chromium' on PATH (Debian: apt-get install chromium)"),
]

HARNESS = """<!doctype html><meta charset="utf-8"><title>harness</title>
<iframe id="wide" src="board.html" style="width:1100px;height:900px"></iframe>
<iframe id="phone" src="board.html" style="width:390px;height:800px"></iframe>
<iframe id="deblur" src="deblur.html" style="width:390px;height:800px"></iframe>
<pre id="found"></pre>
<script>
const found = {};
const page = (id) => document.getElementById(id).contentDocument;
const key = (target, name) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const change = (target, name, value) => { target.value = value; target.dispatchEvent(new Event(name, { bubbles: true })); };
const pointer = (target, name, x, y) => {
  const box = target.getBoundingClientRect();
  const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height, button: 0, pointerId: 1, bubbles: true };
  target.dispatchEvent(new target.ownerDocument.defaultView.PointerEvent(name, at));
};
const sources = (clip) => ["left", "right"].map((side) => clip.querySelector(`.picture.${side}`).src.slice(-60));
const methods = (doc) => [...doc.querySelectorAll(".ranked tbody tr")].map((row) => row.dataset.method);

function board(doc) {
  const clip = doc.querySelector("section.clip");
  const stage = clip.querySelector(".stage"), divide = clip.querySelector(".divide"), range = clip.querySelector(".frame-range");
  const frames = JSON.parse(clip.querySelector(".clip-data").textContent).frames;
  found.decoded = [...clip.querySelectorAll(".picture")].map((image) => image.naturalWidth);

  found.split = [getComputedStyle(clip.querySelector(".picture.left")).clipPath];
  divide.focus();
  key(divide, "ArrowRight");
  found.split.push(getComputedStyle(clip.querySelector(".picture.left")).clipPath, divide.getAttribute("aria-valuenow"));
  key(divide, "Home");
  found.split.push(divide.getAttribute("aria-valuenow"));
  pointer(stage, "pointerdown", 0.2, 0.5);
  pointer(stage, "pointermove", 0.8, 0.5);
  pointer(stage, "pointerup", 0.8, 0.5);
  found.split.push(divide.getAttribute("aria-valuenow"));

  const spot = () => clip.querySelector(".crop").style.backgroundPosition;
  found.spot = [spot()];
  pointer(stage, "pointerdown", 0.5, 0.5);
  pointer(stage, "pointerup", 0.5, 0.5);
  found.spot.push(spot());
  key(clip.querySelector(".magnifier"), "ArrowRight");
  found.spot.push(spot());

  change(range, "input", "0");
  found.frame = [clip.querySelector(".frame-name").textContent, sources(clip)[0] === frames[0].pictures.blurry.slice(-60)];
  found.inset = clip.querySelector(".inset .residual").getAttribute("d") === frames[0].residual;
  clip.querySelectorAll(".film button")[1].click();
  found.film = [range.value, clip.querySelectorAll(".film button")[1].getAttribute("aria-pressed")];
  found.expected = frames.map((frame) => `Frame ${frame.index}`);

  change(clip.querySelector(".pick[data-side=right]"), "change", "sharp");
  found.picked = sources(clip)[1] === frames[1].pictures.sharp.slice(-60);
  found.tag = clip.querySelector(".tag.right").textContent;
  clip.querySelector(".swap").click();
  found.swapped = sources(clip)[0] === frames[1].pictures.sharp.slice(-60);
  found.chosen = [...clip.querySelectorAll(".scores .chosen th")].map((cell) => cell.textContent);

  const plot = clip.querySelector(".plot");
  pointer(plot.querySelector("svg"), "pointermove", 0.3, 0.5);
  found.tip = [plot.querySelector(".tip").hidden, plot.querySelectorAll(".tip > span").length];
  key(plot, "Home");
  found.tip.push(plot.querySelector(".tip b").textContent);
  key(plot, "ArrowRight");
  found.tip.push(plot.querySelector(".tip b").textContent);
  key(plot, "Escape");
  found.tip.push(plot.querySelector(".tip").hidden);
  key(plot, "End");
  key(plot, "Enter");
  found.jumped = clip.querySelector(".frame-name").textContent;

  const button = doc.querySelector(".ranked [data-key='centroid:psnr'] button"), head = button.parentElement;
  button.click();
  found.descending = [methods(doc), head.getAttribute("aria-sort")];
  button.click();
  found.ascending = [methods(doc), head.getAttribute("aria-sort")];
  doc.querySelector(".ranked [data-key='method'] button").click();
  found.byName = [methods(doc), doc.querySelectorAll("[aria-sort]").length];

  const theme = doc.querySelector(".theme");
  found.colours = [];
  for (let n = 0; n < 3; n++) {
    theme.click();
    found.colours.push([doc.documentElement.dataset.theme || "auto", getComputedStyle(doc.documentElement).backgroundColor]);
  }
  found.unnamed = [...doc.querySelectorAll("button, select, input, [tabindex], [role=img]")].filter((item) =>
    !(item.getAttribute("aria-label") || item.getAttribute("aria-labelledby") || item.textContent.trim() || item.closest("label")?.textContent.trim())
  ).map((item) => item.outerHTML.slice(0, 80));
  found.requests = doc.defaultView.performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 60)).filter((name) => !name.startsWith("data:"));
}

function widths(doc) {
  const over = [...doc.querySelectorAll("main *")].filter((item) => !item.closest("svg, .table-wrap, .visually-hidden, pre, .divide")
    && item.getBoundingClientRect().right > doc.defaultView.innerWidth + 1);
  return [doc.scrollingElement.scrollWidth, doc.defaultView.innerWidth, over.map((item) => item.className || item.tagName)];
}

window.addEventListener("load", () => setTimeout(() => {
  try {
    board(page("wide"));
    page("phone").querySelectorAll(".plot").forEach((plot) => ["Home", ...Array(8).fill("ArrowRight")].forEach((name) => key(plot, name)));
    for (const id of ["wide", "phone", "deblur"]) found[`width_${id}`] = widths(page(id));
    found.narrow = [...page("phone").querySelector(".plot").querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect().width > 0);
    const right = page("deblur").querySelector(".pick[data-side=right]"), shown = page("deblur").querySelector(".picture.right");
    const before = shown.src;
    found.map = [[...right.options].map((option) => option.value)];
    change(right, "change", "temporal_sharpness");
    found.map.push(page("deblur").querySelector(".tag.right").textContent, shown.src.slice(0, 11), shown.src !== before);
    found.deblur = [page("deblur").querySelectorAll(".scores").length, page("deblur").querySelector(".frame-name").textContent];
  } catch (error) { found.error = String(error.stack || error); }
  document.getElementById("found").textContent = JSON.stringify(found);
}, 400));
</script>
"""  # noqa: E501


def made_clip() -> ClipView:
    T, H, W = 20, 96, 160
    rng = np.random.default_rng(2)
    base = cv2.resize(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), (W, H), interpolation=cv2.INTER_CUBIC)
    sharp = np.stack([np.roll(base, 2 * index, axis=1) for index in range(T)])
    extent = 4 + 4 * np.sin(np.arange(T) / 2.5)
    blurry = np.stack([cv2.blur(frame, (1 + int(e), 3)) for frame, e in zip(sharp, extent, strict=True)])
    path = np.linspace(-1, 1, 33)[None, :, None] * np.stack([extent, 0.3 * extent], axis=1)[:, None, :] / 2
    path_t_s = np.linspace(0, 0.7, 100)
    hand = np.stack([np.sin(9 * path_t_s)] * 3, axis=1)
    return ClipView(
        name="a_clip_with_quite_a_long_name",
        scene_kind="planar",
        source="made",
        t_s=np.arange(T) / 30,
        frames={
            "blurry": blurry,
            "warp_average": blurry[:, :, ::-1],
            "a_method_with_a_long_name": blurry,
            "sharp": sharp,
        },
        truth="mid",
        is_selected=extent < 2,
        oracle_class=np.digitize(extent, [2.0, 5.0]),
        sharpness=100 - 10 * extent,
        threshold=80.0,
        psnr={"blurry": 40 - extent, "warp_average": 42 - extent, "a_method_with_a_long_name": 41 - 1.5 * extent},
        displacement_px=extent,
        exposure_residual_px=path,
        exposure_hand_px=3 * path,
        path_t_s=path_t_s,
        path_hand_deg=hand,
        path_lens_deg=0.9 * hand[:, :2],
        path_residual_deg=0.1 * hand,
        notes=("A note about this clip, long enough to be broken into several lines on a phone.",),
    )


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What the harness found on the pages, and what chromium logged."""
    folder: Path = tmp_path_factory.mktemp("pages")
    clip = made_clip()
    board = rows("blurry", clips=(9.0, 10.0), origin="demo")
    for method, clips in {"warp_average": (33.0, 34.0), LONG: (31.0, 32.0), "untested": (40.0,)}.items():
        board = merge_rows(board, rows(method, clips=clips, origin="demo"))
    leaderboard_page(
        folder / "board.html",
        title="",
        note="",
        board=board,
        papers=board.iloc[:0],
        truths=("centroid", "mid"),
        rank="psnr",
        subset="not_selected",
        clips=(),
        runs=(),
        story=Story(
            title="Handheld video deblurring, demo board",
            intro=["Words."],
            notes=["A note."],
            clips=[clip, clip],
            manifest={"digest": "0123456789abcdef" * 8},
        ),
    )
    plain = ClipView(
        name="IMG_20260101_120000_a_long_file_name.mp4",
        scene_kind="video",
        source="",
        t_s=clip.t_s,
        frames={
            "blurry": clip.frames["blurry"],
            "temporal_sharpness": clip.frames["blurry"].max(axis=-1, keepdims=True).repeat(3, axis=-1),
            "warp_average": clip.frames["warp_average"],
        },
        is_selected=clip.is_selected,
        sharpness=clip.sharpness,
        threshold=clip.threshold,
    )
    deblur_page(folder / "deblur.html", title=plain.name, clip=plain, facts={"Time": "9 s"}, notes=["A note."])
    (folder / "harness.html").write_text(HARNESS, encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--window-size=1300,900",
    ]
    options += [
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    command = [str(CHROMIUM), *options, (folder / "harness.html").as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    dumped = re.search(r'<pre id="found">(.+?)</pre>', run.stdout, re.DOTALL)
    assert dumped, run.stderr[-2000:]
    return json.loads(html.unescape(dumped[1])), run.stderr


@pytest.fixture
def found(browsed: tuple[dict[str, Any], str]) -> dict[str, Any]:
    return browsed[0]


def test_nothing_fails_and_the_console_stays_empty(browsed):
    found, log = browsed
    assert "error" not in found
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []


def test_pages_load_nothing_but_themselves(found):
    assert found["requests"] == []
    assert found["decoded"] == [160, 160]


def test_the_divide_follows_arrow_keys_and_the_pointer(found):
    before, after, value, at_home, dragged = found["split"]
    assert before == "inset(0px 50% 0px 0px)"
    assert after == "inset(0px 48% 0px 0px)"
    assert (value, at_home, dragged) == ("52", "0", "80")


def test_a_press_and_arrow_keys_move_the_magnifier(found):
    start, pressed, moved = found["spot"]
    assert pressed == "50% 50%"
    assert start != pressed != moved


def test_the_frame_range_and_the_film_change_the_frame(found):
    assert found["frame"] == [found["expected"][0], True]
    assert found["inset"]
    assert found["film"] == ["1", "true"]


def test_choosing_a_method_swaps_the_picture(found):
    assert found["picked"]
    assert found["tag"] == "truth (mid-exposure)"
    assert found["swapped"]
    assert found["chosen"] == ["blurry input"]


def test_charts_read_out_values_by_pointer_and_keys(found):
    assert found["tip"] == [False, 3, "Frame 0", "Frame 1", True]
    assert found["jumped"] == found["expected"][-1]


def test_column_titles_sort_references_and_then_methods_with_gaps_last(found):
    down = ["warp_average", "blurry", "a_method_with_a_long_name", "untested"]
    up = ["blurry", "warp_average", "a_method_with_a_long_name", "untested"]
    assert found["descending"] == [down, "descending"]
    assert found["ascending"] == [up, "ascending"]
    assert found["byName"] == [["blurry", "warp_average", "a_method_with_a_long_name", "untested"], 1]


def test_the_toggle_turns_light_dark_and_back(found):
    names = [name for name, _ in found["colours"]]
    colours = dict(found["colours"])
    assert names == ["light", "dark", "auto"]
    assert colours["light"] != colours["dark"]


def test_all_controls_have_names(found):
    assert found["unnamed"] == []


@pytest.mark.parametrize("page", ["wide", "phone", "deblur"])
def test_nothing_overflows_the_page(found, page):
    scrolled, inner, over = found[f"width_{page}"]
    assert over == []
    assert scrolled <= inner


def test_a_phone_gets_the_narrow_drawing(found):
    assert found["narrow"] == [False, True]


def test_a_page_without_truth_shows_frames_and_no_scores(found):
    scores, frame = found["deblur"]
    assert scores == 0
    assert re.fullmatch(r"Frame \d+", frame)


def test_the_map_of_temporal_sharpness_is_a_layer_behind_the_methods(found):
    keys, tag, address, is_another = found["map"]
    assert keys == ["blurry", "warp_average", "temporal_sharpness"]
    assert tag == "temporal sharpness of the input"
    assert address == "data:image/"
    assert is_another
