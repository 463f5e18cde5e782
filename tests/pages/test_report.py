"""The pages' parts that need no browser: choice of frames, charts, tables, sizes, wording."""

import base64
import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from made_board import rows

from hvdbench.boards.rows import merge_rows
from hvdbench.errors import InputError
from hvdbench.pages.charts import Series, frame_chart, number, spread, ticks, y_limits
from hvdbench.pages.exposures import exposure_scale
from hvdbench.pages.leaderboard_page import Story, leaderboard_page
from hvdbench.pages.pages import deblur_page
from hvdbench.pages.pictures import make_album, shown_size
from hvdbench.pages.sections import summary, viewer_data
from hvdbench.pages.view import ClipView, detail_centre, telling_frames

T, H, W = 24, 48, 64


def make_clip(**changes: Any) -> ClipView:
    rng = np.random.default_rng(5)
    base = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (W, H), interpolation=cv2.INTER_CUBIC)
    sharp = np.stack([np.roll(base, index, axis=1) for index in range(T)])
    extent = 4 + 4 * np.sin(np.arange(T) / 2.5)
    blurry = np.stack([cv2.blur(frame, (1 + int(e), 1)) for frame, e in zip(sharp, extent, strict=True)])
    path = np.linspace(-1, 1, 33)[None, :, None] * np.stack([extent, 0.3 * extent], axis=1)[:, None, :] / 2
    t_s = np.arange(T) / 30
    path_t_s = np.linspace(0, t_s[-1], 200)
    hand = np.stack([np.sin(9 * path_t_s), np.cos(7 * path_t_s), 0 * path_t_s], axis=1)
    values: dict[str, Any] = {
        "name": "kite",
        "scene_kind": "moving_object",
        "source": "made",
        "t_s": t_s,
        "frames": {"blurry": blurry, "warp_average": sharp, "mine": blurry, "sharp": sharp},
        "truth": "centroid",
        "is_selected": extent < 2,
        "oracle_class": np.digitize(extent, [2.0, 5.0]),
        "sharpness": 100 - 10 * extent,
        "threshold": 80.0,
        "psnr": {"blurry": 40 - extent, "warp_average": 42 - extent, "mine": 41 - 1.5 * extent},
        "displacement_px": extent,
        "exposure_residual_px": path,
        "exposure_hand_px": 3 * path,
        "path_t_s": path_t_s,
        "path_hand_deg": hand,
        "path_lens_deg": 0.9 * hand[:, :2],
        "path_residual_deg": hand * [0.1, 0.1, 1],
        "notes": ("Labels agree with the oracle on 23 of 24 frames.",),
    }
    return ClipView(**(values | changes))


def made_board(*names: str) -> pd.DataFrame:
    board = rows("blurry", origin="demo", clips=(20.0, 21.0))
    for place, name in enumerate(names):
        board = merge_rows(board, rows(name, origin="demo", clips=(31.0 + place, 33.0 + place)))
    return board


def make_page(path: Path, *clips: ClipView, board: pd.DataFrame | None = None, **changes: Any) -> str:
    told: dict[str, Any] = {"title": "Demo board", "intro": ["First.", "Second."], "notes": ["A note."]}
    told |= {"manifest": {"seed": 1, "digest": "ab12"}, "clips": clips} | changes
    board = made_board("warp_average", "mine") if board is None else board
    values: dict[str, Any] = {"papers": board.iloc[:0], "truths": ("centroid", "mid"), "rank": "psnr", "note": "Of it."}
    values |= {"subset": "not_selected", "clips": (), "runs": ()}
    leaderboard_page(path, title="The board's own", board=board, story=Story(**told), **values)
    return path.read_text(encoding="utf-8")


def without_truth(clip: ClipView) -> ClipView:
    frames = {key: clip.frames[key] for key in ("blurry", "mine")}
    unknown = ("truth", "oracle_class", "displacement_px", "exposure_residual_px", "exposure_hand_px", "path_t_s")
    return dataclasses.replace(clip, frames=frames, psnr={}, **dict.fromkeys(unknown))


# Frames


def test_telling_frames_hold_the_blurriest_a_mild_and_a_selected_one():
    clip = make_clip()
    picks = telling_frames(clip, 8)
    indices = [pick.index for pick in picks]
    assert clip.displacement_px is not None
    assert clip.oracle_class is not None
    assert indices == sorted(set(indices))
    assert len(indices) == 8
    assert int(np.argmax(clip.displacement_px)) in indices
    whys = " / ".join(pick.why for pick in picks)
    assert all(why in whys for why in ("the blurriest", "the sharpest selected", "mild blur"))
    assert any(clip.is_selected[index] for index in indices)


def test_telling_frames_show_the_frame_that_a_method_harmed_most():
    psnr = {"blurry": np.full(T, 30.0), "mine": np.full(T, 31.0)}
    psnr["mine"][2] = 27.5
    picks = {pick.index: pick.why for pick in telling_frames(make_clip(psnr=psnr))}
    assert picks[2].endswith("most harmed: mine −2.5 dB")


def test_telling_frames_show_a_selected_frame_that_the_oracle_calls_blurry():
    selected = np.zeros(T, bool)
    selected[4] = True
    clip = make_clip(is_selected=selected)
    assert any("selected, though the oracle calls it blurry" in pick.why for pick in telling_frames(clip))


def test_telling_frames_need_neither_truth_nor_many_frames():
    clip = without_truth(make_clip())
    short = dataclasses.replace(
        clip,
        frames={key: frames[:3] for key, frames in clip.frames.items()},
        **{name: getattr(clip, name)[:3] for name in ("t_s", "is_selected", "sharpness")},
    )
    assert len(telling_frames(clip)) == 8
    assert [pick.index for pick in telling_frames(short)] == [0, 1, 2]


def test_detail_centre_finds_the_changed_patch():
    blurry = np.zeros((1, 40, 60, 3), np.uint8)
    truth = blurry.copy()
    truth[0, 20:28, 40:48] = 255
    frame = {"t_s": np.zeros(1), "is_selected": np.zeros(1, bool), "sharpness": np.ones(1), "threshold": 2.0}
    clip = ClipView(name="a", scene_kind="", source="", frames={"blurry": blurry, "sharp": truth}, **frame)
    assert detail_centre(clip, 0, 8) == (44, 24)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": {"sharp": np.zeros((T, H, W, 3), np.uint8)}}, "needs its blurry frames"),
        ({"sharpness": np.ones(T - 1)}, f"sharpness has {T - 1} entries for {T} frames"),
        ({"psnr": {"mine": np.ones(3)}}, f"psnr of mine has 3 entries for {T} frames"),
    ],
)
def test_a_view_refuses_what_does_not_fit_its_frames(changes, message):
    with pytest.raises(InputError, match=message):
        make_clip(**changes)


def test_a_view_refuses_a_method_of_another_size():
    clip = make_clip()
    with pytest.raises(InputError, match="frames of 'mine'"):
        make_clip(frames={"blurry": clip.frames["blurry"], "mine": clip.frames["blurry"][:, ::2]})


# Numbers


def test_summary_averages_the_frames_that_were_not_selected():
    selected = np.arange(T) >= 4
    psnr = {"blurry": np.full(T, 20.0), "mine": np.full(T, 25.0)}
    psnr["mine"][:4] = [19.0, 22.0, 23.0, 24.0]
    frames = {key: make_clip().frames["blurry"] for key in ("blurry", "mine", "sharp")}
    before, mine = summary(make_clip(is_selected=selected, psnr=psnr, frames=frames))
    assert (before.psnr, before.gain, before.harmed) == ("20.00", "", "")
    assert (mine.psnr, mine.gain, mine.harmed, mine.psnr_all) == ("22.00", "+2.00", "25%", "24.50")


def test_viewer_data_says_null_for_a_psnr_that_is_not_finite():
    clip = make_clip(psnr={"blurry": np.full(T, np.inf)})
    picks = telling_frames(clip)
    uris = {f"0/{pick.index}/{key}": "data:," for pick in picks for key in clip.keys}
    data = viewer_data(clip, 0, picks, uris)
    assert all(frame["psnr"] == {"blurry": None} for frame in data["frames"])


# Charts


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-0.5, 0.5, [-0.4, -0.2, 0, 0.2, 0.4]), (3, 3, [3]), (21, 46, [25, 30, 35, 40, 45])],
)
def test_ticks_are_round_values_inside_the_range(low, high, expected):
    np.testing.assert_allclose(ticks(low, high, 5), expected, atol=1e-12)


def test_number_writes_the_digits_that_the_step_needs():
    assert [number(-0.5, 0.25), number(1200.0, 100.0), number(3.0, 0.5)] == ["−0.5", "1\u202f200", "3.0"]


def test_spread_keeps_order_and_gap_within_bounds():
    assert spread([10, 11, 12], 5, 0, 30) == [10, 15, 20]
    assert spread([28, 29, 30], 5, 0, 30) == [20, 25, 30]
    assert spread([], 5, 0, 30) == []


def test_limits_ignore_values_that_are_not_finite():
    low, high = y_limits([np.array([20.0, np.inf, np.nan, 30.0])])
    assert low == pytest.approx(19.4)
    assert high == pytest.approx(30.6)
    assert y_limits([np.array([np.nan])]) == (0.0, 1.0)


def test_a_line_breaks_where_a_value_is_missing():
    series = [Series("a", "a", np.array([1.0, np.nan, 2.0, 3.0]), "1")]
    options: dict[str, Any] = {"title": "t", "unit": "dB", "width": 300, "height": 200, "oracle_class": None}
    drawing = str(frame_chart(series, is_selected=np.zeros(4, bool), **options))
    path = re.search(r'class="line" d="([^"]*)"', drawing)
    assert path is not None
    assert path[1].count("M") == 2
    assert path[1].count("L") == 1


def test_chart_marks_every_selected_frame_and_every_class():
    clip = make_clip()
    series = [Series("blurry", "blurry", clip.psnr["blurry"], "blurry")]
    options: dict[str, Any] = {"title": "t", "unit": "dB", "width": 600, "height": 200}
    drawing = str(frame_chart(series, is_selected=clip.is_selected, oracle_class=clip.oracle_class, **options))
    assert drawing.count('class="selected"') == clip.is_selected.sum()
    assert drawing.count("<rect") == T


def test_exposure_paths_are_centred_and_to_scale():
    residual = np.zeros((2, 3, 2))
    residual[0, 2] = [4.0, -2.0]
    scale = exposure_scale(residual, None)
    assert scale.half_range_px == pytest.approx(1.12 * 4)
    assert scale.path(residual[0]) == "M50.0 50.0L50.0 50.0L94.6 27.7"
    assert scale.bar_units == pytest.approx(50 * scale.bar_px / scale.half_range_px)


def test_exposure_scale_shows_the_hand_up_to_twice_the_residual():
    residual, hand = np.full((1, 2, 2), 2.0), np.full((1, 2, 2), 40.0)
    assert exposure_scale(residual, hand).half_range_px == pytest.approx(1.12 * 4)


# Pictures


def test_an_album_stays_within_its_budget_by_one_quality_for_all():
    rng = np.random.default_rng(0)
    pictures = {str(n): rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for n in range(30)}
    free, bound = make_album(pictures), make_album(pictures, budget_bytes=120_000)
    assert free.quality == 92
    assert bound.quality < 92
    assert sum(map(len, bound.uris.values())) < 125_000


def test_an_album_keeps_colours_and_order():
    picture = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    (uri,) = make_album({"a": picture}).uris.values()
    data = np.frombuffer(base64.b64decode(uri.removeprefix("data:image/webp;base64,")), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    np.testing.assert_allclose(decoded[..., ::-1].astype(int), picture.astype(int), atol=4)


def test_wide_frames_are_reduced_in_proportion():
    assert shown_size(1920, 1080) == (960, 540)
    assert shown_size(320, 192) == (320, 192)


# Tables


def cells_of(page: str, method: str) -> list[str]:
    """Return the cells of a method's first row in a page, with their attributes."""
    row = next(one for one in re.findall(r"<tr class=.*?</tr>", page, re.DOTALL) if f'data-method="{method}"' in one)
    return re.findall(r"<t[hd] ?(.*?)</t[hd]>", row, re.DOTALL)


def test_a_cell_carries_the_number_that_it_is_sorted_by_and_the_best_is_marked(tmp_path):
    page = make_page(tmp_path / "a.html", make_clip())
    rank, method, psnr, gain, *_ = cells_of(page, "mine")
    assert 'data-number="1"' in rank
    assert "data-number" not in method
    assert 'class="always number" data-number="33.0"' in psnr  # the one method among references is not called the best
    assert "(best)" not in psnr
    assert "<small>20.29 to 45.71</small>" in psnr  # 33 ± t(0.975, 1) x 1
    assert "+12.50</span>" in gain  # 32 less 20 and 34 less 21: 12 and 13
    assert "<small>+6.15 to +18.85</small>" in gain  # 12.5 ± t(0.975, 1) x 0.5
    assert "best" not in cells_of(page, "blurry")[2]


def test_numbers_below_zero_have_a_true_minus_and_none_is_minus_zero(tmp_path):
    board = made_board("mine")
    at = (board["method"] == "mine") & (board["metric"] == "shift_px")
    board.loc[at, ["value", "ci_low", "ci_high"]] = [-0.0001, -0.5, 0.5]
    page = make_page(tmp_path / "a.html", make_clip(), board=board)
    assert "<small>−0.500 to 0.500</small>" in page
    assert not re.search(r"[-−]0\.0*[<\s]", page)


# Pages


def test_a_page_with_clips_is_one_file_that_names_its_stamp_truth_and_control(tmp_path):
    page = make_page(tmp_path / "board.html", make_clip())
    assert "Demo rows: simulated trajectories, embedded demo scenes" in page
    assert "<p>First.</p><p>Second.</p>" in page
    assert "truth (exposure centroid)" in page
    assert "warp_average (control, no learning)" in page
    assert "Labels agree with the oracle on 23 of 24 frames." in page
    assert "&#34;digest&#34;: &#34;ab12&#34;" in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    assert "https:" not in page
    assert "default-src 'none'; img-src data:; style-src" in page
    assert [path.name for path in tmp_path.iterdir()] == ["board.html"]


def test_a_page_repeats_byte_for_byte(tmp_path):
    assert make_page(tmp_path / "a.html", make_clip()) == make_page(tmp_path / "b.html", make_clip())


def test_a_method_has_one_colour_in_tables_charts_and_clips(tmp_path):
    page = make_page(tmp_path / "a.html", make_clip()).replace("<wbr>", "")
    for name in ("warp_average", "mine"):
        in_rows = re.findall(rf'<tr class="ink-(\d+)" data-method="{name}"', page)
        in_clips = re.findall(rf'"ink": "(\d+)", "key": "{name}"', page)
        in_charts = re.findall(rf'class="series ink-(\d+)" data-key="{name}"', page)
        assert min(map(len, (in_rows, in_clips, in_charts))) > 0
        assert len({*in_rows, *in_clips, *in_charts}) == 1


def test_names_cannot_inject_markup(tmp_path):
    bad = "</script><script>alert(1)</script>\"'><b>"
    clip = make_clip(name=bad, notes=(bad,))
    clip = dataclasses.replace(
        clip, frames={**clip.frames, bad: clip.frames["blurry"]}, psnr={**clip.psnr, bad: clip.psnr["mine"]}
    )
    board = made_board(bad).assign(dataset=bad, subset=bad, protocol=bad)
    page = make_page(tmp_path / "a.html", clip, board=board, title=bad, intro=[bad], notes=[bad], manifest={bad: bad})
    assert "<script>alert" not in page
    assert page.count("<script>") == 1


def test_a_page_without_truth_says_that_it_is_no_score(tmp_path):
    deblur_page(tmp_path / "d.html", title="IMG.mp4", clip=without_truth(make_clip()), facts={"Time": "9 s"}, notes=[])
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "nothing on this page is a score" in page
    assert "PSNR per frame" not in page
    assert "9 s" in page


def test_a_big_board_stays_below_six_megabytes(tmp_path):
    rng = np.random.default_rng(1)
    noise = np.broadcast_to(rng.integers(0, 256, (1, 144, 256, 3), dtype=np.uint8), (T, 144, 256, 3))
    frames = dict.fromkeys(("blurry", "a", "b", "c", "d", "sharp"), noise)
    clip = make_clip(frames=frames, psnr={})
    make_page(tmp_path / "a.html", clip, clip)
    assert (tmp_path / "a.html").stat().st_size < 6_000_000


def test_reporting_never_imports_torch():
    code = "import sys, hvdbench.pages; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
