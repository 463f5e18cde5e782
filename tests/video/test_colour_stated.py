"""What is read where a film leaves its colours open, says odd things, or changes its mind; and that it is told."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from made_chart import (
    FULL,
    LIMITED,
    LINEAR,
    PQ,
    Chart,
    codes_of,
    colours,
    frame_of,
    patches,
    shown,
    signal_of,
    tag,
    write_chart,
)

from hvdbench.errors import VideoError
from hvdbench.video.colour.pixels import to_rgb
from hvdbench.video.colour.stated import colour_of
from hvdbench.video.input import open_input, read_input
from hvdbench.video.reader import VideoReader
from hvdbench.video.writer import VideoWriter, ten_bit_encoding


def stated(pixel_format: str = "yuv420p", size: tuple[int, int] = (64, 48), **codes: int) -> VideoFrame:
    frame = VideoFrame(*size, pixel_format)
    for name, code in codes.items():
        setattr(frame, name, code)
    return frame


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ((640, 480), "BT.601"),
        ((720, 576), "BT.601"),
        ((568, 320), "BT.601"),
        ((608, 1080), "BT.709"),
        ((1024, 578), "BT.709"),
        ((1280, 544), "BT.709"),
        ((1280, 720), "BT.709"),
    ],
)
def test_an_unstated_matrix_follows_from_the_size_as_in_players_and_is_told(size, matrix):
    colour = colour_of(stated(size=size))
    assert colour.matrix == "unstated"
    assert colour.matrix_read == matrix.lower().replace(".", "")
    assert colour.guesses == (
        f"it states no colour matrix and was read by {matrix}'s, as players do at {size[0]}x{size[1]}",
    )


@pytest.mark.parametrize(
    "codec", ["theora", "wmv1", "wmv2", "msmpeg4", "svq1", "svq3", "flv", "h263", "vp8", "mpeg1video"]
)
def test_codecs_that_define_their_matrix_are_read_by_it_at_any_size(codec):
    colour = colour_of(stated(size=(1280, 720)), codec)
    assert colour.matrix_read == "bt601"
    assert colour.guesses == (
        f"it states no colour matrix and was read by BT.601's, which its codec ({codec}) is defined by",
    )
    assert colour_of(stated(size=(1280, 720), colorspace=1), codec).matrix_read == "bt709"  # what is stated goes first


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ({"colorspace": 40}, "it states the colour matrix 40, which nobody has defined, and was read by BT.601's"),
        ({"colorspace": 0}, "it is stated to be RGB, which its pixel format cannot hold, and was read by BT.601's"),
        ({"colorspace": 12}, "its matrix follows from primaries that it does not state, and BT.709's were taken"),
        ({"colorspace": 9, "color_trc": 16}, "it is HDR and states no primaries, and BT.2020's were taken"),
        (
            {"colorspace": 9, "color_trc": 18, "color_primaries": 11},
            "it is HDR of p3-dci primaries, and BT.2020's were",
        ),
        ({"colorspace": 1, "color_trc": 9}, "its transfer is log100, which was not undone"),
    ],
)
def test_every_other_guess_is_told(codes, words):
    (note,) = colour_of(stated(**codes)).guesses
    assert note.startswith(words)


@pytest.mark.parametrize(
    "codes", [{"colorspace": 1}, {"colorspace": 9, "color_trc": 16, "color_primaries": 9}, {"colorspace": 6}]
)
def test_what_is_stated_needs_no_note(codes):
    assert colour_of(stated(**codes)).guesses == ()


@pytest.mark.parametrize(("codec", "black"), [("hevc", 16), ("h264", 16), ("ffv1", 0), ("png", 0)])
def test_grays_without_a_range_are_read_as_their_codec_has_it_and_that_is_told(codec, black):
    colour = colour_of(stated("gray"), codec)
    assert colour.full_range == (black == 0)
    assert colour.guesses == (f"it states no range of its grays, and black was taken as {black} of 255",)


@pytest.mark.parametrize("codec", ["wmv2", "flv", "mpeg1video"])
def test_an_untagged_film_of_a_codec_with_its_own_matrix_has_its_colours(tmp_path, codec):
    suffix = {"wmv2": ".wmv", "flv": ".flv", "mpeg1video": ".mpg"}[codec]
    green = np.full((720, 1280, 3), (0, 190, 0), np.uint8)
    kr, kb = 0.299, 0.114
    luma, scale = (1 - kr - kb) * 190, 224 / 255
    codes = 16 + 219 / 255 * luma, 128 - scale * luma / (2 * (1 - kb)), 128 - scale * luma / (2 * (1 - kr))
    with av.open(str(tmp_path / f"a{suffix}"), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for index in range(2):
            frame = VideoFrame(1280, 720, "yuv420p")
            for plane, code in zip(frame.planes, codes, strict=True):
                plane.update(np.full(plane.buffer_size, round(code), np.uint8).tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = read_input(tmp_path / f"a{suffix}")
    assert np.abs(clip.frames[1].astype(int) - green).max() <= 2
    assert "BT.601's, which its codec" in clip.warnings[0]


def two_charts(path: Path, *charts: Chart) -> Path:
    """A film of two frames a chart, whose stated colours change in mid-stream."""
    with av.open(str(path), "w") as container:
        options = {"x265-params": "lossless=1:log-level=error:pools=1:repeat-headers=1:keyint=1", "preset": "ultrafast"}
        for number, chart in enumerate(charts):
            encoder = av.CodecContext.create("libx265", "w")
            picture = frame_of(codes_of(colours(), chart), chart)
            encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, chart.pixel_format
            encoder.time_base, encoder.framerate, encoder.options = Fraction(1, 25), Fraction(25), options
            tag(encoder, chart)
            if number == 0:
                stream = container.add_stream("libx265", rate=25, options=options)
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, chart.pixel_format
                tag(stream.codec_context, chart)
                container.start_encoding()
            packets = []
            for index in range(2):
                frame = frame_of(codes_of(colours(), chart), chart)
                frame.pts, frame.time_base = 2 * number + index, Fraction(1, 25)
                packets += encoder.encode(frame)
            for packet in [*packets, *encoder.encode(None)]:
                packet.stream, packet.dts = stream, packet.pts
                container.mux(packet)
    return path


@pytest.mark.slow  # in test_colour_chart: why HEVC is tried among the slow tests alone
def test_colours_that_change_in_mid_stream_are_read_frame_by_frame_and_told(tmp_path):
    charts = Chart(9, LIMITED, 10, PQ, 9), Chart(1, LIMITED, 10)
    path = two_charts(tmp_path / "a.ts", *charts)
    clip = read_input(path)
    for index, chart in enumerate((charts[0], charts[0], charts[1], charts[1])):
        expected = shown(signal_of(codes_of(colours(), chart), chart), chart)
        assert np.abs(patches(clip.frames[index]) - expected).max() < 1
    assert "it states other colours from frame 2 on, and each frame was read by its own" in clip.warnings[0]
    with VideoReader(path) as reader, pytest.raises(VideoError, match="its transfer or primaries change at frame 2"):
        list(reader.signals())


@pytest.mark.slow  # in test_colour_chart: why HEVC is tried among the slow tests alone
def test_colours_that_become_unreadable_end_the_film_there_with_one_sentence(tmp_path):
    path = two_charts(tmp_path / "a.ts", Chart(1, LIMITED, 8), Chart(11, LIMITED, 8))
    with VideoReader(path) as reader:
        shots = iter(reader)
        assert patches(next(shots).picture).shape == (30, 3)
        next(shots)
        with pytest.raises(VideoError, match=r"a\.ts: from frame 2 on its colours are Y'D'zD'x \(SMPTE ST 2085\)"):
            next(shots)


@pytest.mark.slow  # as above
@pytest.mark.parametrize(
    ("chart", "matrix"),
    [
        (Chart(8, FULL, 10), "bt709"),
        (Chart(14, LIMITED, 10, PQ, 9), "bt2020"),
        (Chart(2, LIMITED, 10, codec="libx264", suffix=".mp4"), "bt601"),
        (Chart(2, LIMITED, 10, layout="gray"), "bt709"),
    ],
)
def test_a_film_of_ten_bits_is_written_by_a_matrix_that_it_states(tmp_path, chart, matrix):
    source = write_chart(tmp_path / f"a{chart.suffix}", chart)
    with open_input(source, bit_depth=10) as opened:
        before = [frame.picture for frame in opened.frames]
    with VideoWriter(tmp_path / "b.mkv", fps=25, encoding=ten_bit_encoding(opened.colour)) as writer:
        for picture in before:
            writer.add(picture)
    with open_input(tmp_path / "b.mkv", bit_depth=10) as opened:
        after = [frame.picture for frame in opened.frames]
    assert opened.colour.matrix == matrix
    middle = np.s_[8::16, 8::16]
    assert np.abs(after[1][middle].astype(int) - before[1][middle]).mean() < 600  # lossy; another matrix is 2000 off


def test_linear_light_is_given_a_curve_and_said_so(tmp_path):
    chart = Chart(1, LIMITED, 10, LINEAR)
    clip = read_input(write_chart(tmp_path / "a.mkv", chart))
    assert clip.warnings == ("a.mkv: the clip is linear light and was given the curve of sRGB (srgb-curve)",)
    with open_input(tmp_path / "a.mkv", bit_depth=10) as opened:
        first = next(opened.frames).picture
        list(opened.frames)
    assert (
        np.abs(first[8::16, 8::16].reshape(-1, 3) / 65535 - signal_of(codes_of(colours(), chart), chart)).max() < 1e-3
    )
    assert opened.notes == ["a.mkv: the clip is linear light and stays so, which is not what networks were trained on"]
    with VideoReader(tmp_path / "a.mkv", linear=True) as reader:
        linear = next(iter(reader)).linear
    np.testing.assert_array_equal(linear, first)


@pytest.mark.parametrize("pixel_format", ["pal8", "monow", "xyz12le"])
def test_formats_without_a_matrix_need_no_guess(pixel_format):
    assert colour_of(stated(pixel_format)).guesses == ()
    assert to_rgb(stated(pixel_format), VideoReformatter()).shape == (48, 64, 3)
