"""Video out: sizes, times, colours, sound, and what is refused."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_video import made_clip, make_sound

from hvdbench.errors import VideoError
from hvdbench.video import read_video
from hvdbench.video_writer import write_video

FPS = Fraction(30000, 1001)
UNEVEN_S = np.cumsum([0, 0.033, 0.04, 0.1, 0.033, 0.5, 0.02, 0.033])


def sound_packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets if packet.size]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_written_clip_reads_back_with_its_size_times_and_colours(tmp_path, suffix):
    frames = made_clip()
    assert write_video(tmp_path / f"a{suffix}", frames, fps=FPS) is None
    video = read_video(tmp_path / f"a{suffix}")
    assert video.frames.dtype == np.uint8
    assert video.frames.shape == frames.shape
    difference = np.abs(video.frames.astype(int) - frames)
    assert difference.max() <= 8
    assert difference.mean() < 1.5
    np.testing.assert_allclose(video.t_s, np.arange(8) * 1001 / 30000, atol=6e-4 if suffix == ".mkv" else 1e-9)
    assert video.fps == FPS
    assert (video.rotation_deg, video.pixel_format, video.has_audio, video.warning) == (0, "yuv420p", False, None)


def test_the_colour_tags_of_a_written_clip_say_bt709_limited(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(2), fps=25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)


def test_uneven_times_are_kept(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(), fps=FPS, t_s=UNEVEN_S + 5.0)
    video = read_video(tmp_path / "a.mp4")
    np.testing.assert_allclose(video.t_s, UNEVEN_S, atol=1 / 90000)


def test_repeated_times_stay_apart_by_one_tick(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(4), fps=25, t_s=np.array([0.0, 0.04, 0.04, 0.08]))
    np.testing.assert_allclose(
        np.diff(read_video(tmp_path / "a.mp4").t_s), [0.04, 1 / 90000, 0.04 - 1 / 90000], atol=1e-9
    )


def test_odd_sizes_are_not_padded(tmp_path):
    frames = made_clip(3, 63, 47)
    write_video(tmp_path / "a.mp4", frames, fps=25)
    video = read_video(tmp_path / "a.mp4")
    assert video.frames.shape == frames.shape
    assert video.pixel_format == "yuv444p"
    assert np.abs(video.frames.astype(int) - frames).max() <= 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_same_input_gives_the_same_bytes(tmp_path, suffix):
    make_sound(tmp_path / "sound.m4a", "aac")
    clutter = np.random.default_rng(0)  # what freed memory holds must not matter
    y, x = np.mgrid[:48, :64]
    fading = np.stack([np.stack([x * 3, y * 4, x + y], -1) + 3 * index for index in range(12)]).clip(0, 255)
    written = []
    for _ in range(12):
        path = tmp_path / f"a{suffix}"
        write_video(path, fading.astype(np.uint8), fps=FPS, t_s=np.arange(12) / 30, audio_from=tmp_path / "sound.m4a")
        written.append(path.read_bytes())
        blocks = [clutter.integers(0, 256, size, np.uint8) for size in clutter.integers(1, 20_000, 200)]
        del blocks
    assert len(set(written)) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_packet_by_packet_up_to_the_last_frame(tmp_path, suffix):
    make_sound(tmp_path / "sound.m4a", "aac", seconds=2)
    assert write_video(tmp_path / f"a{suffix}", made_clip(), fps=8, audio_from=tmp_path / "sound.m4a") is None
    assert read_video(tmp_path / f"a{suffix}").has_audio
    source = [packet for packet in sound_packets(tmp_path / "sound.m4a") if packet[0] < 1.0]
    copied = sound_packets(tmp_path / f"a{suffix}")
    assert [data for _, data in copied] == [data for _, data in source]
    spacing = np.diff([time_s for time_s, _ in copied])
    np.testing.assert_allclose(spacing, np.diff([time_s for time_s, _ in source]), atol=2e-3)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "adpcm_ima_wav"])
def test_sound_that_the_container_refuses_is_left_out_with_a_sentence(tmp_path, codec):
    make_sound(tmp_path / "sound.wav", codec)
    warning = write_video(tmp_path / "a.mp4", made_clip(), fps=8, audio_from=tmp_path / "sound.wav")
    assert warning == f"a.mp4: the sound of sound.wav ({codec}) does not fit .mp4 and was left out"
    video = read_video(tmp_path / "a.mp4")
    assert len(video.frames) == 8
    assert not video.has_audio


def test_a_phone_clip_keeps_its_sound_and_times(tmp_path, shared):
    source = shared / "data/phone/ipad_hevc_portrait_rot90.mov"
    video = read_video(source, size=(36, 64))
    write_video(tmp_path / "a.mp4", video.frames, fps=video.fps, t_s=video.t_s, audio_from=source)
    np.testing.assert_allclose(read_video(tmp_path / "a.mp4").t_s, video.t_s, atol=1 / 90000)
    copied, original = sound_packets(tmp_path / "a.mp4"), sound_packets(source)
    assert [data for _, data in copied] == [data for _, data in original]
    np.testing.assert_allclose([t for t, _ in copied], [t for t, _ in original], atol=1e-4)


def test_a_silent_source_gives_a_silent_clip(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(2), fps=25)
    assert write_video(tmp_path / "b.mp4", made_clip(2), fps=25, audio_from=tmp_path / "a.mp4") is None
    assert not read_video(tmp_path / "b.mp4").has_audio


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.gif", {"fps": 25}, "no video format '.gif'"),
        ("a.mp4", {"fps": 0}, "both must be positive"),
        ("a.mp4", {"fps": float("nan")}, "both must be positive"),
        ("a.mp4", {"fps": 25, "t_s": np.array([0.0, 1.0])}, "2 times for 3 frames"),
        ("a.mp4", {"fps": 25, "t_s": np.array([0.0, 2.0, 1.0])}, "rising"),
        ("a.mp4", {"fps": 25, "audio_from": Path("nowhere.mov")}, "nowhere.mov does not exist"),
    ],
)
def test_write_video_refuses_what_it_cannot_write_and_leaves_nothing(tmp_path, name, options, words):
    with pytest.raises(VideoError, match=words):
        write_video(tmp_path / name, made_clip(3), **options)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(VideoError, match="cannot be written"):
        write_video(tmp_path / "a.mp4", np.zeros((3, 48, 64), np.uint8), fps=25)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
