"""Interlaced films: told, and made whole on request."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from click.testing import CliRunner
from made_numbers import number_of, write_numbers
from numpy.typing import NDArray

from hvdbench.cli.main import cli
from hvdbench.errors import VideoError
from hvdbench.frames import read_frame
from hvdbench.store import Dataset
from hvdbench.video.input import read_input
from hvdbench.video.reader import VideoReader

WIDTH, HEIGHT, SPEED_PX = 160, 96, 8


def moment(field: int) -> NDArray[np.uint8]:
    """A bar that moves by 8 px from field to field."""
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    picture[:, 10 + SPEED_PX * field : 40 + SPEED_PX * field] = 210
    return picture


def comb(frame: NDArray[np.uint8]) -> float:
    """The mean step from each row to the mean of its neighbours, in levels."""
    rows = frame[..., 1].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def interlaced_film(path: Path, codec: str = "mpeg2video", pixel_format: str = "yuv420p", count: int = 5) -> Path:
    """Frames whose even rows are of one moment and whose odd rows are of the next."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"flags": "+ildct+ilme", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for index in range(count):
            woven = moment(2 * index)
            woven[1::2] = moment(2 * index + 1)[1::2]
            picture = VideoFrame.from_ndarray(woven, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_interlaced_frames_are_told_with_what_can_be_done(tmp_path):
    clip = read_input(interlaced_film(tmp_path / "a.mpg"))
    assert min(comb(frame) for frame in clip.frames) > 5
    assert "5 of 5 frames are interlaced, whose two half pictures of different times make a comb" in clip.warnings[0]
    assert "--deinterlace of 'hvdbench deblur' and 'hvdbench ingest' makes whole pictures of them" in clip.warnings[0]


def test_interlaced_frames_are_made_whole_one_for_each(tmp_path):
    path = interlaced_film(tmp_path / "a.mpg")
    combed, whole = read_input(path), read_input(path, deinterlace=True)
    assert whole.frames.shape == combed.frames.shape
    np.testing.assert_array_equal(whole.t_s, combed.t_s)
    assert max(comb(frame) for frame in whole.frames) < min(comb(frame) for frame in combed.frames) / 5
    for index, frame in enumerate(whole.frames):
        bar = np.flatnonzero(frame[HEIGHT // 2, :, 1] > 125)
        assert min(abs(bar[0] - 10 - SPEED_PX * field) for field in (2 * index, 2 * index + 1)) <= 1
    assert "5 of 5 frames are interlaced, and were made whole" in whole.warnings[0]


def test_a_progressive_film_stays_as_it_is(tmp_path):
    path = write_numbers(tmp_path / "a.mp4", "libx264", range(12), options={"bf": "3"})
    plain, asked = read_input(path), read_input(path, deinterlace=True)
    np.testing.assert_array_equal(asked.frames, plain.frames)
    np.testing.assert_array_equal(asked.t_s, plain.t_s)
    assert asked.warnings == plain.warnings
    assert [number_of(frame) for frame in asked.frames] == list(range(12))


def test_whole_frames_of_a_pixel_format_that_the_filter_does_not_take_pass(tmp_path):
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgb24"
        for index in range(3):
            picture = VideoFrame.from_ndarray(moment(index), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    plain, asked = read_input(tmp_path / "a.mov"), read_input(tmp_path / "a.mov", deinterlace=True)
    np.testing.assert_array_equal(asked.frames, plain.frames)


def test_a_filter_that_would_change_the_pixel_format_is_refused(tmp_path, monkeypatch):
    class Graph:
        def vpush(self, frame):
            self.frame = frame

        def vpull(self):
            return self.frame.reformat(format="rgb24")

    monkeypatch.setattr("hvdbench.video.deinterlace._graph", lambda frame: Graph())
    with pytest.raises(VideoError, match=r"a\.mpg: its pixel format yuv420p cannot be deinterlaced"):
        read_input(interlaced_film(tmp_path / "a.mpg"), deinterlace=True)


def test_both_commands_take_the_option(tmp_path):
    path = interlaced_film(tmp_path / "a.mpg")
    expected = read_input(path, deinterlace=True).frames
    run = CliRunner()
    made = run.invoke(cli, ["deblur", str(path), "-o", str(tmp_path / "out"), "--method", "blurry", "--deinterlace"])
    assert made.exit_code == 0, made.output
    assert "5 of 5 frames are interlaced, and were made whole" in made.output
    np.testing.assert_array_equal(read_frame(tmp_path / "out" / "00000003.png"), expected[3])
    taken = run.invoke(cli, ["ingest", str(path), "-o", str(tmp_path / "set"), "--no-cuts", "--deinterlace"])
    assert taken.exit_code == 0, taken.output
    (clip,) = Dataset.open(tmp_path / "set").clips()
    np.testing.assert_array_equal(read_frame(sorted((clip.folder / "blur").iterdir())[3]), expected[3])


def test_films_in_a_reader_can_be_passed_over_while_they_are_made_whole(tmp_path):
    path = interlaced_film(tmp_path / "a.mpg")
    whole = read_input(path, deinterlace=True).frames
    with VideoReader(path, deinterlace=True) as reader:
        assert reader.skip(2) == 2
        np.testing.assert_array_equal(next(iter(reader)).picture, whole[2])
