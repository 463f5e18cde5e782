"""Long clips, parts of clips and several clips: what windows, margins, previews and 16 bits do to what comes out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_clip import CONTROL, FIT, shaken
from made_shake import make_shake
from made_video import make_sound

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import list_frames, read_clip, read_frame16, write_clip
from hvdbench.labels.clues import label_clues
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.scheme import FitCost
from hvdbench.video.input import Part, open_input, parse_time
from hvdbench.video.reader import VideoReader, read_video
from hvdbench.video.writer import write_video
from hvdbench.workflows.deblur import deblur_clip, timing, window_size
from hvdbench.workflows.deblur.cost import ClipCost, steps_for_minutes
from hvdbench.workflows.deblur.reach import reach_of
from hvdbench.workflows.deblur.request import DeblurRequest
from hvdbench.workflows.deblur.several import deblur_clips, preview_part, requests_for


@pytest.fixture
def control(tmp_path) -> str:
    (tmp_path / "control.toml").write_text(CONTROL)
    return str(tmp_path / "control.toml")


@pytest.fixture
def fit(tmp_path) -> str:
    (tmp_path / "fit.toml").write_text(FIT)
    return str(tmp_path / "fit.toml")


def manifest(output: Path) -> dict:
    return json.loads(output.with_suffix(".json").read_text())


def windows_of(monkeypatch, frames: int, look_ahead: int) -> None:
    monkeypatch.setattr(window_size, "MOST_FRAMES", frames)
    monkeypatch.setattr(window_size, "FEWEST_FRAMES", 1)
    monkeypatch.setattr(window_size, "LOOK_AHEAD", look_ahead)


def test_a_clip_that_fits_into_one_window_is_restored_as_by_the_method_itself(tmp_path, fit):
    write_clip(tmp_path / "clip", shaken())
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=fit))
    expected = load_method(fit).restore(shaken(), label_paper(shaken()), Budget()).frames
    np.testing.assert_array_equal(read_clip(tmp_path / "out"), expected)


def test_windows_with_enough_look_ahead_give_the_frames_of_the_whole_clip(tmp_path, control, monkeypatch):
    frames = shaken(30)  # every fourth frame is sharp, so that four frames to each side hold both neighbours
    write_clip(tmp_path / "clip", frames)
    windows_of(monkeypatch, 16, 4)
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=control))
    expected = load_method(control).restore(frames, label_paper(frames), Budget()).frames
    np.testing.assert_array_equal(read_clip(tmp_path / "out"), expected)
    told = manifest(tmp_path / "out")
    assert [window["kept"] for window in told["facts"]["windows"]] == [[0, 12], [12, 20], [20, 30]]
    assert told["selected"] == label_paper(frames).selected.tolist()
    assert len(told["frames"]) == 30


def test_a_window_without_a_selected_frame_takes_its_sharpest(tmp_path, fit, monkeypatch):
    frames = np.concatenate([shaken(4), np.repeat(shaken(2)[1:], 12, axis=0)])
    write_clip(tmp_path / "clip", frames)
    windows_of(monkeypatch, 6, 1)
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=fit))
    assert len(read_clip(tmp_path / "out")) == 16


def test_steps_are_those_of_each_window_and_minutes_of_the_whole_clip(tmp_path, fit, monkeypatch):
    write_clip(tmp_path / "clip", shaken(30))
    windows_of(monkeypatch, 16, 2)
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=fit), budget=Budget(steps=6))
    assert [window["steps"] for window in manifest(tmp_path / "out")["facts"]["windows"]] == [6, 6, 6]
    cost = ClipCost(0.0, 0.01, 0.0, 0.0, FitCost(0.0, 0.05), 2)
    monkeypatch.setattr(timing, "measure_cost", lambda *_, **__: cost)
    monkeypatch.setattr(timing, "steps_for_minutes", noted := Noted(steps_for_minutes))
    asked = DeblurRequest(tmp_path / "clip", tmp_path / "timed", method=fit)
    deblur_clip(asked, budget=Budget(minutes=0.1))
    (steps,) = {window["steps"] for window in manifest(tmp_path / "timed")["facts"]["windows"]}
    assert steps == noted.found[0] > 0
    assert cost.seconds([(0, 16, 0, 14), (12, 28, 14, 26), (14, 30, 26, 30)], steps) <= 6
    assert manifest(tmp_path / "timed")["time"]["steps"] == steps


class Noted:
    """A function that keeps what it returned."""

    def __init__(self, function):
        self.function, self.found = function, None

    def __call__(self, *arguments):
        self.found = self.function(*arguments)
        return self.found


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_clip(tmp_path, control):
    """Restore clips of 120 and 300 frames in processes of their own, and compare their peaks."""
    peaks = []
    for count in (120, 300):
        source, out = tmp_path / f"{count}.mp4", tmp_path / f"{count}.mkv"
        write_video(source, shaken(count, 320, 180), fps=25)
        code = (
            "import sys; from hvdbench.cli.main import main; sys.argv[0] = 'hvdbench'\n"
            "try: main()\n"
            "except SystemExit as stopped: assert not stopped.code, stopped.code\n"
            "from hvdbench.workspace.memory import peak_memory; print('peak', peak_memory())"
        )
        arguments = ["deblur", str(source), "-o", str(out), "--method", control]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ, check=True
        )
        peaks.append(int(done.stdout.split("peak ")[1]))
        assert len(read_video(out).t_s) == count
    assert peaks[1] < 1.1 * peaks[0]


def test_frames_that_need_more_memory_than_is_free_are_refused_with_a_size_that_fits(monkeypatch):
    monkeypatch.setattr(window_size, "free_memory", lambda: 2 << 30)
    with pytest.raises(
        InputError, match=r"frames of 3840x2160 need about .* GiB of memory, and 2\.0 GiB are free"
    ) as told:
        window_size.window_size((3840, 2160), Path("clip.mp4"))
    width, height = map(int, str(told.value).split("--size ")[1].split(",")[0].split("x"))
    assert window_size.window_size((width, height), Path("clip.mp4")).peak_bytes <= 2 << 30


@pytest.mark.parametrize(
    ("part", "kept"),
    [(Part(0.08), range(2, 8)), (Part(0.0, 0.12), range(3)), (Part(0.08, 0.2), range(2, 5))],
)
def test_a_part_of_a_video_is_restored_with_its_frame_numbers(tmp_path, control, part, kept):
    write_video(tmp_path / "clip.mp4", shaken(), fps=25)
    whole = read_video(tmp_path / "clip.mp4").frames
    out = tmp_path / "out"
    deblur_clip(DeblurRequest(tmp_path / "clip.mp4", out, method="blurry", part=part))
    assert [path.name for path in list_frames(out)] == [f"{index:08d}.png" for index in kept]
    np.testing.assert_array_equal(read_clip(out), whole[kept.start : kept.stop])
    (line,) = deblur_clip(DeblurRequest(tmp_path / "clip.mp4", out, method="blurry", part=part)).lines
    assert "already restored" in line


def test_a_part_of_a_folder_goes_by_frame_numbers(tmp_path):
    write_clip(tmp_path / "clip", shaken())
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method="blurry", part=Part(2, 5)))
    assert [path.name for path in list_frames(tmp_path / "out")] == [f"{index:08d}.png" for index in (2, 3, 4)]


@pytest.mark.parametrize("part", [Part(9.0), Part(0.301, 0.302)])
def test_a_part_in_which_no_frame_lies_is_refused(tmp_path, part):
    write_video(tmp_path / "clip.mp4", shaken(), fps=25)
    with pytest.raises(InputError, match=r"has no frame from .* name another part"):
        deblur_clip(DeblurRequest(tmp_path / "clip.mp4", tmp_path / "out", method="blurry", part=part))
    assert not (tmp_path / "out").exists()


def test_a_part_must_not_end_before_it_begins():
    with pytest.raises(InputError, match="its end must lie after its start"):
        Part(2.0, 1.0)


def test_sound_stays_with_the_picture_where_a_part_begins_later(tmp_path):
    make_sound(tmp_path / "sound.m4a", "aac")
    write_video(tmp_path / "clip.mp4", shaken(25), fps=25, audio_from=tmp_path / "sound.m4a")
    out = tmp_path / "out.mp4"
    deblur_clip(DeblurRequest(tmp_path / "clip.mp4", out, method="blurry", part=Part(0.48)))
    assert first_sound_s(out) == pytest.approx(first_sound_s(tmp_path / "clip.mp4", after_s=0.48) - 0.48, abs=2e-3)


def first_sound_s(path: Path, after_s: float = -1.0) -> float:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = (packet for packet in container.demux(stream) if packet.pts is not None)
        return min(t for t in (float(packet.pts * packet.time_base) for packet in packets) if t >= after_s)


@pytest.mark.parametrize(("text", "seconds"), [("12.5", 12.5), ("1:05", 65), ("1:02:03.5", 3723.5), ("0", 0)])
def test_times_are_read_as_people_write_them(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "abc", "1e9", "nan", "٣"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match=r"is neither seconds nor m:ss"):
        parse_time(text)


def test_a_preview_is_the_second_in_the_middle(tmp_path):
    write_video(tmp_path / "clip.mp4", shaken(60), fps=20)
    write_clip(tmp_path / "clip", shaken(30))
    assert preview_part(tmp_path / "clip.mp4", None) == Part(1.0, 2.0)
    assert preview_part(tmp_path / "clip.mp4", 0.2) == Part(0.2, 1.2)
    assert preview_part(tmp_path / "clip", None) == Part(2.5, 27.5)


def test_several_inputs_go_into_one_folder_and_a_bad_one_stops_no_other(tmp_path, control):
    write_clip(tmp_path / "a", shaken())
    write_video(tmp_path / "b.mov", shaken(), fps=25)
    (tmp_path / "c.mp4").write_bytes(b"no video")
    request = DeblurRequest(tmp_path, tmp_path / "out", method=control)
    requests = requests_for(request, [tmp_path / "c.mp4", tmp_path / "a", tmp_path / "b.mov"])
    done = []
    with pytest.raises(InputError, match=r"1 of 3 inputs were not restored: .*c\.mp4"):
        done.extend(result.output.name for result in deblur_clips(requests))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a", "a.html", "a.json", "b.html", "b.json", "b.mov"
    ]  # fmt: skip


def test_several_inputs_of_one_name_or_into_one_video_are_refused(tmp_path):
    for folder in ("x", "y"):
        write_clip(tmp_path / folder / "clip", shaken(2))
    both = [tmp_path / "x/clip", tmp_path / "y/clip"]
    with pytest.raises(InputError, match="would both be written to"):
        requests_for(DeblurRequest(tmp_path, tmp_path / "out"), both)
    with pytest.raises(InputError, match="is one video, and there are 2 inputs"):
        requests_for(DeblurRequest(tmp_path, tmp_path / "out.mp4"), both)


def test_what_lies_round_a_crop_is_borrowed_from(tmp_path, control):
    """The texture moves into the crop from outside, so that a margin restores the edge that the crop alone cannot."""
    frames = shaken(9, 160, 120)
    clean = shaken_without_blur(9, 160, 120)
    write_clip(tmp_path / "clip", frames)
    crop = (60, 30, 48, 48)
    x, y, width, height = crop
    inside = (slice(None), slice(y, y + height), slice(x, x + width))
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=control, crop=crop))
    alone = load_method(control).restore(frames[inside].copy(), label_paper(frames[inside].copy()), Budget()).frames
    rest = [1, 2, 3, 5, 6, 7]
    error = np.abs(read_clip(tmp_path / "out").astype(int) - clean[inside])[rest, :, -6:].mean()
    assert error < 0.85 * np.abs(alone.astype(int) - clean[inside])[rest, :, -6:].mean()


def shaken_without_blur(count: int, width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (height // 4, width, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (4 * width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([texture[:, 3 * index : 3 * index + width] for index in range(count)])


@pytest.mark.parametrize(
    ("crop", "size", "picture", "read", "to", "inner"),
    [
        (None, (20, 10), (100, 100), None, (20, 10), None),
        ((100, 50, 400, 300), None, (1280, 720), (50, 0, 500, 400), None, (50, 50, 400, 300)),
        ((0, 0, 64, 64), None, (1280, 720), (0, 0, 96, 96), None, (0, 0, 64, 64)),
        ((100, 100, 400, 300), (200, 150), (1280, 720), (50, 50, 500, 400), (250, 200), (25, 25, 200, 150)),
        ((10, 10, 101, 103), (50, 50), (1280, 720), (10, 10, 202, 206), (100, 100), (0, 0, 50, 50)),
    ],
)
def test_margins_of_a_crop_worked_out_by_hand(crop, size, picture, read, to, inner):
    reach = reach_of(crop, size, picture)
    assert (reach.crop, reach.size, reach.inner) == (read, to, inner)


def test_sixteen_bits_go_through_the_methods_that_are_fitted_to_the_clip(tmp_path, fit):
    """Frames with a ramp finer than 8 bits keep it: what is blended is not rounded to 8 bits on the way."""
    fine = (shaken().astype(np.uint16) * 257 // 2) + np.arange(64, dtype=np.uint16)[:, None] * 3
    folder = tmp_path / "clip"
    folder.mkdir()
    for index, frame in enumerate(fine):
        cv2.imwrite(str(folder / f"{index:03d}.png"), frame[..., ::-1])
    for method in (fit, "warp_average", "reblur_blend"):
        out = tmp_path / Path(method).stem
        deblur_clip(DeblurRequest(folder, out, method=method, bit_depth=10))
        deep = np.stack([read_frame16(path) for path in list_frames(out)])
        assert len(np.unique(deep % 257)) > 200  # of 8 bits scaled to 16 there would be one
        deblur_clip(DeblurRequest(folder, tmp_path / f"{out.name}-8", method=method))
        assert np.abs(deep / 257 - read_clip(tmp_path / f"{out.name}-8")).max() < 6


def test_the_page_of_a_folder_invents_no_seconds(tmp_path, control):
    write_clip(tmp_path / "clip", shaken())
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=control))
    page = (tmp_path / "out.html").read_text()
    assert '"t_s": null' in page.replace('"t_s":null', '"t_s": null')


def test_steadiness_is_measured_before_and_after(tmp_path, control):
    frames = shaken(8, 96, 64)
    frames[::2] = np.clip(frames[::2].astype(int) + 12, 0, 255).astype(np.uint8)  # a clip that flickers by itself
    write_clip(tmp_path / "clip", frames)
    deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method="blurry"))
    measured = manifest(tmp_path / "out")["measured"]
    assert 6 < measured["flicker_before"] == measured["flicker_after"] < 14
    assert measured["warping_error_before"] == measured["warping_error_after"] > 0


def test_frames_before_a_part_are_not_converted(tmp_path):
    write_video(tmp_path / "clip.mp4", shaken(), fps=25)
    with VideoReader(tmp_path / "clip.mp4", start_s=0.12, end_s=0.2) as reader:
        assert len(list(reader)) == 2
        assert reader.passed == 3
    with open_input(tmp_path / "clip.mp4", part=Part(0.12, 0.2)) as opened:
        assert opened.frame_count == 2
        assert [frame.time_s for frame in opened.frames] == pytest.approx([0.12, 0.16])


def test_a_clip_is_labelled_by_the_labeller_of_the_method_as_it_is_read(tmp_path):
    frames = make_shake(frames=24, swing_px=40.0).blurry
    write_clip(tmp_path / "clip", frames)
    (tmp_path / "by_clues.toml").write_text(CONTROL + '[settings]\nlabeller = "clues"\n')
    method = str(tmp_path / "by_clues.toml")
    result = deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=method))
    labels, told = label_clues(frames), manifest(tmp_path / "out")
    assert told["labeller"] == "clues"
    assert told["selected"] == labels.selected.tolist()
    assert told["selected_and_sharp"] == np.flatnonzero(labels.is_passed).tolist()
    assert len(told["selected"]) > len(told["selected_and_sharp"])
    chosen, sharp = len(told["selected"]), len(told["selected_and_sharp"])
    assert f"{chosen} of 24 frames are borrowed from, {sharp} of them sharp" in result.lines
    expected = load_method(method).restore(frames, labels, Budget()).frames
    np.testing.assert_array_equal(read_clip(tmp_path / "out"), expected)


def test_a_labeller_that_does_not_exist_is_one_sentence_and_nothing_is_written(tmp_path):
    write_clip(tmp_path / "clip", shaken())
    (tmp_path / "mine.toml").write_text(CONTROL + '[settings]\nlabeller = "clue"\n')
    with pytest.raises(UnknownNameError, match="no labeller named 'clue'; did you mean 'clues'"):
        deblur_clip(DeblurRequest(tmp_path / "clip", tmp_path / "out", method=str(tmp_path / "mine.toml")))
    assert not list(tmp_path.glob("out*"))
