"""Every frame once, in the order of showing and at its time, from many containers and codecs: frames carry numbers."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_numbers import number_of, write_numbers

from hvdbench.errors import VideoError
from hvdbench.ingest.capture import Capture, ReadOptions
from hvdbench.sources.movie import open_movie
from hvdbench.video.input import InputClip, read_input
from hvdbench.video.reader import VideoReader

COUNT = 24
B_FRAMES = {"bf": "3", "b-adapt": "0", "g": "12"}
PYRAMID = {"bf": "3", "b-pyramid": "normal", "refs": "4", "g": "12"}
B_MPEG = {"bf": "2", "g": "12"}
X265 = {"x265-params": "log-level=error:bframes=4:keyint=12:pools=1"}
FORMS = {".mpg": "vob", ".vob": "vob", ".m2ts": "mpegts", ".mpeg": "mpeg"}
MANY = (
    [(suffix, "libx264", B_FRAMES) for suffix in (".avi", ".mp4", ".mov", ".mkv", ".ts", ".m2ts", ".mpg", ".flv")]
    + [(suffix, "libx264", PYRAMID) for suffix in (".avi", ".mp4", ".mkv", ".nut", ".3gp", ".mxf", ".h264", ".vob")]
    + [(suffix, "libx265", X265) for suffix in (".mp4", ".mov", ".mkv", ".ts", ".mpg", ".hevc")]
    + [(suffix, "mpeg4", B_MPEG) for suffix in (".avi", ".mp4", ".mov", ".mkv", ".ts", ".mpg", ".vob", ".m4v", ".3gp")]
    + [(suffix, "mpeg2video", B_MPEG) for suffix in (".avi", ".mkv", ".ts", ".m2ts", ".mpg", ".vob", ".mxf", ".mp4")]
    + [(suffix, "mpeg1video", B_MPEG) for suffix in (".avi", ".mpg", ".mpeg", ".mkv", ".wmv", ".ts")]
    + [(suffix, "libvpx", {}) for suffix in (".webm", ".mkv", ".ivf", ".avi")]
    + [(suffix, "libvpx-vp9", {"lag-in-frames": "10"}) for suffix in (".webm", ".mkv", ".mp4", ".ivf")]
    + [(".wmv", "wmv2", {}), (".asf", "wmv1", {}), (".avi", "msmpeg4", {})]
    + [(".flv", "flv", {}), (".3gp", "h263", {}), (".mov", "svq1", {}), (".rm", "rv20", {})]
    + [(suffix, "mjpeg", {}) for suffix in (".avi", ".mov", ".mkv", ".mp4")]
    + [(suffix, "ffv1", {}) for suffix in (".avi", ".mkv", ".nut")]
    + [(".avi", "huffyuv", {}), (".avi", "utvideo", {}), (".mov", "prores_ks", {}), (".mkv", "prores_ks", {})]
    + [(".mov", "qtrle", {}), (".mov", "png", {}), (".avi", "cinepak", {}), (".avi", "rawvideo", {})]
    + [(".mov", "jpeg2000", {}), (".nut", "snow", {}), (".avi", "asv1", {}), (".y4m", "rawvideo", {})]
)
FEW = [
    (".avi", "libx264", PYRAMID),
    (".avi", "mpeg1video", B_MPEG),
    (".vob", "mpeg4", B_MPEG),
    (".mpg", "libx264", B_FRAMES),
    (".ts", "mpeg2video", B_MPEG),
    (".wmv", "mpeg1video", B_MPEG),
    (".webm", "libvpx", {}),
    (".h264", "libx264", B_FRAMES),
]


def _films(cases):
    return pytest.mark.parametrize(("suffix", "codec", "options"), cases, ids=lambda value: str(value).replace("'", ""))


def _numbers(frames) -> list[int]:
    return [number_of(frame) for frame in frames]


def _clip(path: Path) -> InputClip:
    """Read as deblur does, and check that ingest and synth read the same."""
    clip = read_input(path)
    with Capture(path).open(ReadOptions()) as reader:
        shots = list(reader.shots())
    movie, _ = open_movie(path)
    assert _numbers(shot.picture for shot in shots) == _numbers(clip.frames)
    assert _numbers(movie.read(index) for index in range(len(movie))) == _numbers(clip.frames)
    times_s = np.array([shot.time_s for shot in shots])
    np.testing.assert_array_equal(times_s - times_s[0], clip.t_s)
    return clip


def _check(path: Path, codec: str, options: dict[str, str]) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV's libraries have no encoder {codec}")
    write_numbers(path, codec, range(COUNT), options=options, form=FORMS.get(path.suffix))
    clip = _clip(path)
    assert _numbers(clip.frames) == list(range(COUNT))
    np.testing.assert_allclose(clip.t_s, np.arange(COUNT) / 25, atol=2e-3)
    assert not any("ends" in warning or "broke" in warning for warning in clip.warnings)


@_films(FEW)
def test_frames_come_once_in_order_and_on_time(tmp_path, suffix, codec, options):
    _check(tmp_path / f"a{suffix}", codec, options)


@pytest.mark.slow
@_films(MANY)
def test_frames_come_once_in_order_and_on_time_from_any_container_and_codec(tmp_path, suffix, codec, options):
    _check(tmp_path / f"a{suffix}", codec, options)


@pytest.mark.parametrize("count", [3, 6, 20])
@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".ts", "libx264", B_FRAMES),
        (".m2ts", "mpeg2video", B_MPEG),
        (".mpg", "mpeg2video", B_MPEG),
        # in test_colour_chart: why HEVC is tried among the slow tests alone
        pytest.param(".ts", "libx265", X265, marks=pytest.mark.slow),
    ],
)
def test_recordings_joined_end_to_end_come_one_after_the_other_however_short(tmp_path, suffix, codec, options, count):
    numbers = [range(100 * part, 100 * part + count) for part in range(3)]
    parts = [
        write_numbers(tmp_path / f"{part}{suffix}", codec, each, options=options, form=FORMS.get(suffix))
        for part, each in enumerate(numbers)
    ]
    (tmp_path / f"a{suffix}").write_bytes(b"".join(part.read_bytes() for part in parts))
    clip = _clip(tmp_path / f"a{suffix}")
    assert _numbers(clip.frames) == [number % 256 for each in numbers for number in each]
    np.testing.assert_allclose(np.diff(clip.t_s), 1 / 25, atol=2e-3)
    assert "its clock starts again 2 times" in clip.warnings[0]
    with VideoReader(tmp_path / f"a{suffix}") as reader:
        assert [index for index, shot in enumerate(reader) if shot.starts_anew] == [count, 2 * count]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".nut", ".flv", ".webm"])
def test_times_of_a_variable_rate_are_kept_in_any_container(tmp_path, suffix):
    steps_s = [0.033, 0.067, 0.01, 0.39, 0.1, 0.02, 0.5, 0.04, 0.033, 0.033, 0.2, 0.05, 0.3, 0.1, 0.02]
    times_s = [0.0, *np.cumsum(steps_s)]
    codec, options = ("libvpx", {}) if suffix == ".webm" else ("libx264", B_FRAMES)
    clip = _clip(write_numbers(tmp_path / f"a{suffix}", codec, range(16), options=options, times_s=times_s))
    assert _numbers(clip.frames) == list(range(16))
    np.testing.assert_allclose(clip.t_s, times_s, atol=2e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_what_an_edit_list_leaves_out_is_left_out_and_the_rest_keeps_its_order(tmp_path, suffix):
    times_s = [(index - 5) / 25 for index in range(20)]  # MP4 can only state times before 0 by an edit list
    path = write_numbers(tmp_path / f"a{suffix}", "libx264", range(20), options=B_FRAMES, times_s=times_s)
    clip = _clip(path)
    assert _numbers(clip.frames) == list(range(5, 20))
    np.testing.assert_allclose(clip.t_s, np.arange(15) / 25, atol=2e-3)
    with VideoReader(path) as reader:
        reader.skip()
        assert reader.outside_edit_list == 5


@pytest.mark.parametrize("before_s", [0.3, 30.0])
def test_a_transport_streams_clock_of_33_bits_may_run_over(tmp_path, before_s):
    start_s = 2**33 / 90_000 - before_s
    times_s = [start_s + index / 25 for index in range(COUNT)]
    if before_s > COUNT / 25:
        times_s = [start_s + 2.0 * index for index in range(COUNT)]
    path = write_numbers(tmp_path / "a.ts", "libx264", range(COUNT), options=B_FRAMES, times_s=times_s)
    with av.open(str(path)) as container:
        stated = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stated[0] % 2**33 > stated[-1] % 2**33  # it does run over
    clip = _clip(path)
    assert _numbers(clip.frames) == list(range(COUNT))
    np.testing.assert_allclose(clip.t_s, np.array(times_s) - times_s[0], atol=2e-3)
    assert not any("starts again" in warning for warning in clip.warnings)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".ts"])
@pytest.mark.parametrize("default", [0, 1])
def test_of_two_tracks_the_default_one_is_read_whole(tmp_path, suffix, default):
    if suffix == ".ts" and default == 1:
        pytest.skip("MPEG-TS marks no track as the default one")
    path = write_numbers(
        tmp_path / f"a{suffix}", "libx264", range(20), range(100, 120), options=B_FRAMES, default=default
    )
    clip = _clip(path)
    assert _numbers(clip.frames) == list(range(100 * default, 100 * default + 20))
    assert "has 2 video tracks" in clip.warnings[0]


def test_a_film_in_fragments_is_read_whole(tmp_path):
    muxer = {"movflags": "frag_keyframe+empty_moov"}
    path = write_numbers(tmp_path / "a.mp4", "libx264", range(COUNT), options=B_FRAMES, muxer=muxer)
    assert _numbers(_clip(path).frames) == list(range(COUNT))


def test_pictures_of_a_codec_without_a_decoder_are_refused_in_one_sentence(tmp_path):
    path = write_numbers(tmp_path / "a.mpg", "wmv2", range(4), form="vob")
    with pytest.raises(VideoError, match=r"a\.mpg contains pictures of a codec that PyAV cannot decode"):
        read_input(path)


def test_a_rate_that_is_a_containers_clock_is_not_believed(tmp_path):
    path = write_numbers(tmp_path / "a.dv", "dvvideo", range(4), size=(720, 576))
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 60000
    clip = read_input(path)
    assert clip.fps == Fraction(25)
    assert _numbers(clip.frames) == list(range(4))
