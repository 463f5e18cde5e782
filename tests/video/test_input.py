"""Folders and videos as input, and what is said about those that cannot be used."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import write_frame
from hvdbench.video.crop import parse_crop, parse_size
from hvdbench.video.input import read_input
from hvdbench.video.writer import write_video


def noise(count: int, width: int = 40, height: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def write_folder(folder: Path, frames: NDArray[np.uint8], names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in zip(frames, names, strict=True):
        write_frame(folder / name, frame)


def test_a_folder_is_read_in_the_order_a_person_counts(tmp_path):
    frames = noise(3)
    write_folder(tmp_path, frames, ["frame2.png", "frame10.png", "frame1.png"])
    (tmp_path / "notes.txt").write_text("not a frame")
    clip = read_input(tmp_path)
    assert clip.names == ("frame1.png", "frame2.png", "frame10.png")
    np.testing.assert_array_equal(clip.frames, frames[[2, 0, 1]])
    assert (clip.kind, clip.path, clip.t_s, clip.fps, clip.warnings) == ("folder", tmp_path, None, None, ())


def test_a_video_is_read_with_times_and_numbered_names(tmp_path):
    frames = np.repeat(np.arange(60, 180, 40, dtype=np.uint8), 32 * 40 * 3).reshape(3, 32, 40, 3)
    write_video(tmp_path / "a.mp4", frames, fps=25)
    clip = read_input(tmp_path / "a.mp4")
    assert clip.names == ("00000000.png", "00000001.png", "00000002.png")
    assert (clip.kind, clip.fps, clip.warnings) == ("video", 25, ())
    np.testing.assert_allclose(clip.t_s, [0, 0.04, 0.08], atol=1e-9)
    assert np.abs(clip.frames.astype(int) - frames).max() <= 3


def test_crop_and_size_apply_to_folder_and_video_alike(tmp_path):
    frames = np.repeat(np.arange(60, 180, 40, dtype=np.uint8), 48 * 64 * 3).reshape(3, 48, 64, 3)
    write_folder(tmp_path / "frames", frames, ["0.png", "1.png", "2.png"])
    write_video(tmp_path / "a.mp4", frames, fps=25)
    for path in (tmp_path / "frames", tmp_path / "a.mp4"):
        assert read_input(path, crop=(4, 2, 40, 36), size=(20, 18)).frames.shape == (3, 18, 20, 3)
        with pytest.raises(InputError, match=r"the crop 30:0:40:36 .* which is 64x48"):
            read_input(path, crop=(30, 0, 40, 36))


def test_the_first_frame_of_another_size_is_named_with_both_sizes(tmp_path):
    write_folder(tmp_path, noise(2), ["1.png", "2.png"])
    write_folder(tmp_path, noise(2, 48, 36), ["3.png", "4.png"])
    with pytest.raises(InputError, match=r"3\.png is 48x36, and the frames before it are 40x32"):
        read_input(tmp_path)
    with pytest.raises(InputError, match=r"3\.png is 48x36"):
        read_input(tmp_path, crop=(0, 0, 32, 32))


def test_an_unreadable_picture_is_named(tmp_path):
    write_folder(tmp_path, noise(2), ["1.png", "3.png"])
    (tmp_path / "2.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(InputError, match=r"2\.png is not a picture"):
        read_input(tmp_path)


def test_one_frame_is_too_few(tmp_path):
    write_folder(tmp_path / "one", noise(1), ["1.png"])
    write_video(tmp_path / "one.mp4", noise(1), fps=25)
    for path in (tmp_path / "one", tmp_path / "one.mp4"):
        with pytest.raises(InputError) as caught:
            read_input(path)
        assert str(caught.value) == f"{path} has 1 frame: at least 2 are needed"


@pytest.mark.parametrize(
    ("folders", "words"), [(0, "contains no frames"), (1, "a folder: name that folder"), (3, "3 folders: name one")]
)
def test_a_folder_without_frames_says_what_it_holds(tmp_path, folders, words):
    for index in range(folders):
        write_folder(tmp_path / f"clip{index}", noise(2), ["1.png", "2.png"])
    with pytest.raises(InputError, match=words):
        read_input(tmp_path)


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_input(tmp_path / "nowhere")


def test_tiny_frames_are_refused(tmp_path):
    write_folder(tmp_path, noise(2, 40, 15), ["1.png", "2.png"])
    with pytest.raises(InputError, match="frames of 40x15: at least 16 pixels a side"):
        read_input(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "broken_moov.mp4",
        "almost_empty_13_bytes.flv",
        "text_named_mp4.mp4",
        "zero_bytes.mov",
        "jpeg_named_tiff.tiff",
        "invalid_bitstream_vp9.webm",
        "audio_only.mp4",
        "one_pixel_yuv444p.mp4",
        "rgb_gbrp_2x2.mp4",
        "moov_only_1kb.mov",
    ],
)
def test_a_hostile_file_is_answered_with_one_sentence(shared, name, capfd):
    with pytest.raises(HvdbenchError) as caught:
        read_input(shared / "data/hostile" / name)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert ". " not in message
    assert capfd.readouterr() == ("", "")


def test_a_broken_video_goes_on_with_a_warning(shared):
    clip = read_input(shared / "data/hostile/truncated_midstream.mp4", size=(64, 36))
    assert len(clip.frames) == len(clip.names) == 28
    assert clip.warnings == (
        "truncated_midstream.mp4: decoding broke after 28 of 50 frames; those 28 were used; "
        "it states no colour matrix and was read by BT.709's, as players do at 1280x720",
    )


def test_real_frames_are_read_by_their_numbers(shared):
    clip = read_input(shared / "data/handheld/otb_blurcar2_f376-400", size=(64, 48))
    assert clip.frames.shape == (25, 48, 64, 3)
    assert (clip.names[0], clip.names[-1]) == ("0376.jpg", "0400.jpg")


def test_parse_crop_and_size_read_what_they_name():
    assert parse_crop("100:0:640:480") == (100, 0, 640, 480)
    assert parse_size("640x360") == (640, 360)


@pytest.mark.parametrize("text", ["", "1:2:3", "1:2:3:4:5", "-1:0:4:4", "0:0:0:4", "a:b:c:d", "1.5:0:4:4", "٣:0:4:4"])
def test_parse_crop_says_the_form(text):
    with pytest.raises(InputError, match="is not x:y:w:h"):
        parse_crop(text)


@pytest.mark.parametrize("text", ["", "640", "0x360", "640*360", "640x", "-1x5"])
def test_parse_size_says_the_form(text):
    with pytest.raises(InputError, match="is not WxH"):
        parse_size(text)
