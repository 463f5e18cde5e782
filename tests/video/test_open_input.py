"""Folders and videos frame by frame: the same frames as in one go, in 8 bits and in more."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_video import made_clip

from hvdbench.errors import InputError
from hvdbench.frames import read_frame16, write_clip
from hvdbench.video.input import digest_input, open_input, read_input
from hvdbench.video.writer import write_video


def pictures(path: Path, **options) -> list[np.ndarray]:
    with open_input(path, **options) as stream:
        return [frame.picture for frame in stream.frames]


@pytest.mark.parametrize("kind", ["folder", "video"])
@pytest.mark.parametrize("cut", [{}, {"crop": (4, 2, 40, 36), "size": (20, 18)}])
def test_a_stream_gives_the_frames_of_the_whole_clip(tmp_path, kind, cut):
    write_clip(tmp_path / "clip", made_clip())
    write_video(tmp_path / "clip.mp4", made_clip(), fps=25)
    path = tmp_path / ("clip" if kind == "folder" else "clip.mp4")
    whole = read_input(path, **cut)
    with open_input(path, **cut) as stream:
        frames = list(stream.frames)
    np.testing.assert_array_equal(np.stack([frame.picture for frame in frames]), whole.frames)
    assert tuple(frame.name for frame in frames) == whole.names
    assert (stream.kind, stream.fps, stream.frame_count) == (whole.kind, whole.fps, 8)
    assert stream.size == whole.frames.shape[2:0:-1]
    if whole.t_s is not None:
        np.testing.assert_allclose([frame.time_s for frame in frames], whole.t_s, atol=1e-9)


def test_a_film_beside_the_frames_that_were_read_is_mentioned(tmp_path):
    write_clip(tmp_path / "clip", made_clip(2))
    assert read_input(tmp_path / "clip").warnings == ()
    (tmp_path / "clip/VID_1.mp4").touch()
    (warning,) = read_input(tmp_path / "clip").warnings
    assert warning == "clip contains VID_1.mp4 beside its pictures, which alone were read: name a video to have it read"


def test_ten_bits_hold_what_eight_bits_round(shared):
    source = shared / "data/hostile/ten_bit_h264_200x200.mp4"
    deep, shallow = pictures(source, bit_depth=10)[0], pictures(source)[0]
    assert (deep.dtype, shallow.dtype) == (np.uint16, np.uint8)
    assert np.abs(deep / 257 - shallow).max() <= 1.5
    assert len(np.unique(deep)) > 256


def test_eight_bit_pictures_fill_sixteen_bits(tmp_path):
    write_clip(tmp_path, made_clip(2))
    np.testing.assert_array_equal(read_frame16(tmp_path / "00000001.png"), made_clip(2)[1].astype(np.uint16) * 257)
    with open_input(tmp_path, bit_depth=10, size=(32, 24)) as stream:
        assert [frame.picture.dtype for frame in stream.frames] == [np.uint16, np.uint16]


def test_pictures_of_floats_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((20, 20, 3), np.float32))
    with pytest.raises(InputError, match=r"a\.tiff is a picture of float32: pictures of 8 or 16 bits"):
        read_frame16(tmp_path / "a.tiff")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "contains no frames"),
        (lambda folder: write_clip(folder, made_clip(2, 12, 40)), "at least 16 pixels a side"),
        (
            lambda folder: write_clip(folder, made_clip(1), ["a.png"]) or write_clip(folder, made_clip(1, 32, 32)),
            "32x32",
        ),
    ],
)
def test_what_is_no_clip_gets_one_sentence(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        pictures(tmp_path)


def test_what_a_file_that_breaks_off_holds_is_told_at_its_end(shared):
    with open_input(shared / "data/hostile/truncated_midstream.mp4", size=(64, 36)) as stream:
        assert sum(1 for _ in stream.frames) == 28
    assert stream.notes == [
        "truncated_midstream.mp4: decoding broke after 28 of 50 frames; those 28 were used; "
        "it states no colour matrix and was read by BT.709's, as players do at 1280x720"
    ]
    with pytest.raises(InputError, match="does not exist"), open_input(Path("nowhere")):
        pass


def test_the_digest_follows_names_and_bytes(tmp_path):
    write_clip(tmp_path, made_clip(2))
    before = digest_input(tmp_path)
    assert digest_input(tmp_path) == before
    (tmp_path / "00000001.png").rename(tmp_path / "00000002.png")
    assert digest_input(tmp_path) != before
