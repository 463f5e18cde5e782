"""The order and times of frames, in containers whose clock counts packets, starts again, or is cut short."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

import hvdbench
from hvdbench.ingest.scenes import Seen, with_cuts
from hvdbench.video.input import read_input
from hvdbench.video.reader import VideoReader, read_video
from hvdbench.video.writer import write_video

LEVELS = range(20, 230, 7)  # 30 frames, each a gray of its own


def plain(levels, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    return np.stack([np.full((height, width, 3), level, np.uint8) for level in levels])


def write(path: Path, *tracks: NDArray[np.uint8], default: int = 0, **options: str) -> Path:
    """Write H.264 with B-frames, 30 frames a second."""
    with av.open(str(path), "w") as container:
        streams = []
        for index, frames in enumerate(tracks):
            made = {"bf": "2", "b-adapt": "0", "threads": "1", "crf": "5", **options}
            stream = container.add_stream("libx264", rate=30, options=made)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
            if len(tracks) > 1:
                stream.disposition = Disposition.default if index == default else Disposition(0)
            streams.append(stream)
        for stream, frames in zip(streams, tracks, strict=True):
            for index, frame in enumerate(frames):
                picture = VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, 30)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return path


def _seen(path: Path) -> list[Seen]:
    """Read a film as ingest does, without looking for cuts."""
    with VideoReader(path) as reader:
        return list(with_cuts(reader, detect=False))


def levels(path: Path) -> list[int]:
    """Read the levels back, to the nearest that was written."""
    found = read_video(path).frames[:, 24, 32, 0].astype(int)
    return [min(LEVELS, key=lambda level: abs(level - value)) for value in found]


def has_reordered_packets(path: Path) -> bool:
    with av.open(str(path)) as container:
        return any(frame.pict_type == PictureType.B for frame in container.decode(video=0))


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".ts"])
def test_b_frames_come_in_the_order_of_showing_in_any_container(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", plain(LEVELS))
    assert has_reordered_packets(path)
    assert levels(path) == list(LEVELS)
    np.testing.assert_allclose(read_video(path).t_s, np.arange(30) / 30, atol=1e-3)


def test_recordings_joined_end_to_end_come_one_after_the_other(tmp_path):
    one, two = list(LEVELS)[:12], list(LEVELS)[12:]
    parts = [write(tmp_path / "1.ts", plain(one)), write(tmp_path / "2.ts", plain(two))]
    (tmp_path / "a.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    assert levels(tmp_path / "a.ts") == one + two
    clip = read_input(tmp_path / "a.ts")
    np.testing.assert_allclose(clip.t_s, np.arange(30) / 30, atol=1e-3)
    with VideoReader(tmp_path / "a.ts") as reader:
        assert [index for index, shot in enumerate(reader) if shot.starts_anew] == [12]
    assert [index for index, seen in enumerate(_seen(tmp_path / "a.ts")) if seen.begins] == [0, 12]
    assert len(clip.warnings) == 1
    assert "its clock starts again 1 times, as in recordings joined end to end" in clip.warnings[0]


def test_the_track_that_the_file_marks_as_its_default_is_read_and_said(tmp_path):
    path = write(tmp_path / "a.mkv", plain(LEVELS), plain(LEVELS[::-1], 96, 64), default=1)
    video = read_video(path)
    assert video.frames.shape == (30, 64, 96, 3)
    assert (
        video.warning == "a.mkv: has 2 video tracks, of which number 2, which the file marks as its default, was read"
    )
    assert read_video(write(tmp_path / "b.mkv", plain(LEVELS), plain(LEVELS, 96, 64))).frames.shape[2] == 64


def test_a_matroska_file_that_was_cut_short_is_said_with_what_its_header_states(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
    data = write(tmp_path / "a.mkv", noise, g="1").read_bytes()
    assert read_video(tmp_path / "a.mkv").warning is None
    (tmp_path / "a.mkv").write_bytes(data[: len(data) * 6 // 10])
    video = read_video(tmp_path / "a.mkv")
    assert 10 < len(video.frames) < 25
    assert video.warning is not None
    assert "the file states 1 s and ends after 0." in video.warning


def test_frames_that_an_avi_camera_dropped_leave_a_gap_and_no_talk_of_a_broken_file(shared):
    video = read_video(shared / "cases/inputs/avi_dropped_frames/zero.avi")
    assert video.warning == "zero.avi: 4 of 12 frames were dropped when it was recorded"
    np.testing.assert_allclose(video.t_s * 30, [0, 1, 2, 3, 8, 9, 10, 11], atol=1e-6)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("interlaced_no_word/interlaced.mpg", "30 of 30 frames are interlaced"),
        ("sar_changes/sarchange.ts", "its pixels change their shape part-way (1:1, then 4:3)"),
        ("truncated_mkv/trunc.mkv", "the file states 1 s and ends after 0.5 s, with 15 frames"),
    ],
)
def test_what_a_user_must_know_of_a_film_is_said(shared, case, words):
    assert words in (read_video(shared / "cases/inputs" / case).warning or "")


def test_a_colon_in_a_relative_name_is_part_of_the_name(tmp_path, monkeypatch):
    write(tmp_path / "2022-01-26T20:57:04Z.mp4", plain(LEVELS))
    monkeypatch.chdir(tmp_path)
    video = read_video(Path("2022-01-26T20:57:04Z.mp4"))
    assert len(video.frames) == 30
    write_video(Path("20:57.mp4"), video.frames, fps=30)
    assert len(read_video(Path("20:57.mp4")).frames) == 30


def test_frames_that_are_passed_over_are_counted_and_the_next_one_is_the_right_one(tmp_path):
    path = write(tmp_path / "a.mp4", plain(LEVELS))
    with VideoReader(path) as reader:
        assert reader.skip(7) == 7
        np.testing.assert_array_equal(next(iter(reader)).picture, read_video(path).frames[7])
        assert reader.skip() == 22
        assert reader.skip() == 0


def test_no_module_but_the_video_package_opens_films():
    package = Path(hvdbench.__file__).parent
    opens = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\bav\.open\(|\bopen_video\(", path.read_text(encoding="utf-8"))
    ]
    assert sorted(opens) == ["video/container.py", "video/reader.py", "video/sound.py", "video/writer.py"]
