"""Video out: sizes, times, colours, sound, and what is refused."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from made_video import made_clip, make_sound

from hvdbench.errors import VideoError
from hvdbench.video.colour.pixels import for_scaler, to_rgb16
from hvdbench.video.colour.stated import Colour
from hvdbench.video.reader import VideoReader, read_video
from hvdbench.video.writer import Encoding, VideoWriter, ten_bit_encoding, write_video

PQ = Colour("yuv420p10le", 10, "pq", "bt2020", "bt2020", full_range=False)
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
    assert (
        video.facts.upright.rotation_deg,
        video.facts.colour.pixel_format,
        video.facts.has_audio,
        video.warning,
    ) == (0, "yuv420p", False, None)


def test_the_colour_tags_of_a_written_clip_say_bt709_limited(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(2), fps=25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)


@pytest.mark.parametrize("depth", [8, 10])
def test_colours_stay_where_they_are(tmp_path, depth):
    x = np.linspace(20, 220, 64) if depth == 8 else np.linspace(5000, 60000, 64)
    frame = np.stack(np.broadcast_arrays(x, x[::-1], np.full((48, 1), x.mean())), -1)
    frame = frame.astype(np.uint8 if depth == 8 else np.uint16)
    encoding = Encoding(crf=4) if depth == 8 else ten_bit_encoding(None)
    with VideoWriter(tmp_path / "a.mp4", fps=25, encoding=encoding) as writer:
        writer.add(frame)
    with VideoReader(tmp_path / "a.mp4") as reader:
        found = next(iter(reader)).picture if depth == 8 else next(iter(reader.signals()))[1]
    slope = float(x[1] - x[0])
    moved_px = (found.astype(float) - frame)[8:-8, 8:-8].mean((0, 1)) / (slope, -slope, slope)
    assert np.abs(moved_px[:2]).max() < 0.2  # half a pixel where the place of chroma is not said


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
    assert video.facts.colour.pixel_format == "yuv444p"
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
    assert read_video(tmp_path / f"a{suffix}").facts.has_audio
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
    assert not video.facts.has_audio


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
    assert not read_video(tmp_path / "b.mp4").facts.has_audio


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.gif", {"fps": 25}, "'.gif' is not a video format"),
        ("a.mp4", {"fps": 0}, "the rate must be positive"),
        ("a.mp4", {"fps": float("nan")}, "the rate must be positive"),
        ("a.mp4", {"fps": 25, "t_s": np.array([0.0, 1.0])}, "2 times for 3 frames"),
        ("a.mp4", {"fps": 25, "t_s": np.array([0.0, 2.0, 1.0])}, "times must rise"),
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


def smooth16(count: int = 4, width: int = 96, height: int = 64) -> np.ndarray:
    """Ramps of more than 256 levels."""
    x = np.linspace(8000, 52000, width)
    frame = np.stack(np.broadcast_arrays(x, x[::-1], np.full((height, 1), 30000.0)), -1)
    return np.stack([frame + 1000 * index for index in range(count)]).astype(np.uint16)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("colour", [None, PQ, Colour("yuv444p10le", 10, "bt709", "bt709", "bt709", full_range=True)])
def test_ten_bits_read_back_within_a_few_levels_and_with_their_colours(tmp_path, suffix, colour):
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, fps=FPS, encoding=ten_bit_encoding(colour)) as writer:
        for frame in smooth16():
            writer.add(frame)
    with VideoReader(path) as reader:
        found = np.stack([picture for _, picture in reader.signals()])
        facts = reader.facts
    difference = (found.astype(int) - smooth16()) / 64
    assert np.abs(difference).max() <= 24
    assert np.abs(difference).mean() <= 3
    assert abs(difference.mean()) <= 1.5
    expected = colour or Colour("", 10, "bt709", "bt709", "bt709", full_range=False)
    assert (facts.colour.transfer, facts.colour.primaries, facts.colour.matrix, facts.colour.full_range) == (
        expected.transfer,
        expected.primaries,
        expected.matrix,
        expected.full_range,
    )
    assert (facts.colour.pixel_format, facts.colour.bit_depth) == ("yuv420p10le", 10)


def test_h264_holds_ten_bits_where_there_is_no_encoder_of_hevc(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"libx264"})
    with VideoWriter(tmp_path / "a.mp4", fps=25, encoding=ten_bit_encoding(None)) as writer:
        writer.add(smooth16(1)[0])
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert (reader.facts.codec, reader.facts.colour.pixel_format) == ("h264", "yuv420p10le")


def test_films_of_a_frame_or_two_are_written_in_ten_bits_each_time(tmp_path):
    for number in range(24):  # one in ten used to be refused
        count = 1 + number % 2
        with VideoWriter(tmp_path / "a.mp4", fps=25, encoding=ten_bit_encoding(PQ)) as writer:
            for frame in smooth16(count, 96, 64):
                writer.add(frame)
        with VideoReader(tmp_path / "a.mp4") as reader:
            assert (reader.facts.codec, len(list(reader))) == ("hevc", count)


@pytest.mark.parametrize(("width", "height", "codec"), [(48, 34, "h264"), (47, 65, "h264"), (65, 67, "hevc")])
def test_ten_bits_below_64_px_are_h264_since_x265_writes_past_its_memory_there(tmp_path, width, height, codec):
    with VideoWriter(tmp_path / "a.mp4", fps=25, encoding=ten_bit_encoding(PQ)) as writer:
        writer.add(smooth16(1, width, height)[0])
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert (reader.facts.codec, reader.facts.colour.bit_depth) == (codec, 10)


def test_ten_bits_of_odd_size_keep_it_and_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, fps=25, encoding=ten_bit_encoding(PQ)) as writer:
            for frame in smooth16(6, 93, 67):
                writer.add(frame)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert read_video(tmp_path / "a.mp4").frames.shape == (6, 67, 93, 3)


@pytest.mark.parametrize(("full_range", "black", "white"), [(False, 64, 940), (True, 0, 1023)])
def test_every_ten_bit_level_comes_back_exactly_and_what_lies_beyond_white_is_clipped(
    tmp_path, full_range, black, white
):
    levels = np.arange(1024).reshape(32, 32).repeat(2, 0).repeat(2, 1)  # blocks of 2x2: 4:2:0 keeps them
    frame = VideoFrame(64, 64, "yuv420p10le")
    for plane, values in zip(frame.planes, (levels, 512, 512), strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = 9, 2 if full_range else 1
    signal = to_rgb16(frame, VideoReformatter())
    expected = np.clip((levels - black) / (white - black), 0, 1) * 65535
    assert np.abs(signal - expected[..., None]).max() <= 4  # a level is 64 of them or more
    assert (signal[levels <= black] == 0).all()
    assert (signal[levels >= white] == 65535).all()

    colour = dataclasses.replace(PQ, full_range=full_range)
    encoding = ten_bit_encoding(colour)
    lossless = dataclasses.replace(encoding, codec="libx264", options=(("x264-params", "qp=0"),))
    with VideoWriter(tmp_path / "a.mkv", fps=25, encoding=lossless) as writer:
        writer.add(signal)
    with av.open(str(tmp_path / "a.mkv")) as container:
        luma = next(container.decode(video=0)).planes[0]
    found = np.frombuffer(luma, np.uint16).reshape(64, -1)[:, :64]
    np.testing.assert_array_equal(found, np.clip(levels, black, white))


def test_every_code_of_the_scaler_comes_back():
    codes = np.arange(65281, dtype=np.int64)  # to libswscale's white
    stretched = (codes * 65535 + 65280 // 2) // 65280
    np.testing.assert_array_equal(for_scaler(stretched.astype(np.uint16)), codes)


def test_a_stream_without_frames_or_of_the_wrong_depth_leaves_nothing(tmp_path):
    with pytest.raises(VideoError, match="no frames to write"), VideoWriter(tmp_path / "a.mp4", fps=25):
        pass
    with (
        pytest.raises(VideoError, match="uint16 do not fit into 8 bits"),
        VideoWriter(tmp_path / "a.mp4", fps=25) as writer,
    ):
        writer.add(smooth16(1)[0])
    path = tmp_path / "a.mp4"
    with pytest.raises(AttributeError), VideoWriter(path, fps=25, encoding=Encoding()) as writer:
        [writer.add(frame) for frame in (made_clip(1)[0], None)]
    assert list(tmp_path.iterdir()) == []
