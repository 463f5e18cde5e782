"""Video in: sizes, times, colours, rotation, and files that are damaged."""

import logging
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from made_video import made_clip, make_sound

from hvdbench.errors import HvdbenchError, InputError, VideoError
from hvdbench.video.colour.pixels import to_rgb
from hvdbench.video.crop import cut, cut_fault
from hvdbench.video.reader import Video, read_video, stack
from hvdbench.video.upright import Upright, upright_of
from hvdbench.video.writer import write_video


def make_mpeg4(path: Path, sizes: list[tuple[int, int]]) -> None:
    """An MPEG-4 elementary stream whose picture size changes."""
    data = b""
    for width, height in sizes:
        encoder = av.CodecContext.create("mpeg4", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        for index, frame in enumerate(made_clip(3, width, height)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
            picture.pts = index
            data += b"".join(bytes(packet) for packet in encoder.encode(picture))
        data += b"".join(bytes(packet) for packet in encoder.encode(None))
    path.write_bytes(data)


def other_notes(video: Video) -> list[str]:
    """The notes on a film but the one on a matrix that it does not state."""
    notes = (video.warning or "").partition(": ")[2].split("; ")
    return [note for note in notes if note and not note.startswith("it states no colour matrix")]


def test_crop_comes_before_size_and_max_frames_stops(tmp_path):
    frames = made_clip()
    write_video(tmp_path / "a.mkv", frames, fps=25, crf=0)
    video = read_video(tmp_path / "a.mkv", crop=(8, 4, 40, 32), size=(20, 16), max_frames=3)
    expected = np.stack([cv2.resize(frame[4:36, 8:48], (20, 16), interpolation=cv2.INTER_AREA) for frame in frames[:3]])
    assert video.frames.shape == (3, 16, 20, 3)
    assert video.warning is None
    assert np.abs(video.frames.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("crop", [(0, 0, 65, 48), (0, 1, 64, 48), (-1, 0, 4, 4), (0, 0, 0, 4)])
def test_a_crop_outside_the_picture_names_the_picture_size(tmp_path, crop):
    write_video(tmp_path / "a.mp4", made_clip(2), fps=25)
    with pytest.raises(VideoError, match=r"a\.mp4: the crop .* which is 64x48$"):
        read_video(tmp_path / "a.mp4", crop=crop)


def test_cut_gives_a_new_array_and_stack_keeps_the_order():
    frames = made_clip(3)
    assert not np.shares_memory(cut(frames[0], (0, 0, 64, 48), None), frames)
    pictures = [cut(frame, None, (64, 48)) for frame in frames]
    np.testing.assert_array_equal(stack(pictures), frames)
    assert pictures == []
    assert "both must be at least 1" in str(cut_fault(frames[0], None, (0, 10)))
    assert cut_fault(frames[0], (0, 0, 64, 48), (10, 10)) is None


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"),
    [(1, 0.2126, 0.0722), (9, 0.2627, 0.0593), (5, 0.299, 0.114), (6, 0.299, 0.114), (2, 0.299, 0.114)],
)
@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_the_colour_matrix_and_the_range_are_honoured(matrix, kr, kb, color_range):
    # ITU-R BT.601, BT.709 and BT.2020: R = Y + 2 (1 - Kr) Cr, B = Y + 2 (1 - Kb) Cb, Y = Kr R + Kg G + Kb B.
    yuv = np.random.default_rng(1).integers(40, 216, (3, 32, 48)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(yuv, format="yuv444p")
    frame.colorspace, frame.color_range = matrix, color_range
    y, cb, cr = yuv.astype(float)
    luma = y / 255 if color_range == 2 else (y - 16) / 219
    cb, cr = (cb - 128) / (255 if color_range == 2 else 224), (cr - 128) / (255 if color_range == 2 else 224)
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    expected = np.clip(255 * np.stack([red, green, blue], -1), 0, 255)
    assert np.abs(to_rgb(frame, VideoReformatter()) - expected).max() < 1


def test_an_untagged_clip_of_720_lines_is_read_as_bt709():
    yuv = np.stack([np.full((720, 720), value, np.uint8) for value in (120, 90, 180)])
    picture = to_rgb(av.VideoFrame.from_ndarray(yuv, format="yuv444p"), VideoReformatter())
    assert picture[0, 0, 0] == round(255 * ((120 - 16) / 219 + 2 * (1 - 0.2126) * (180 - 128) / 224))


def test_every_right_angle_and_mirror_of_the_display_matrix_is_undone():
    picture = made_clip(1, 4, 3)[0]
    for turns in range(4):
        for mirrored in (False, True):
            upright = np.rot90(picture[:, ::-1] if mirrored else picture, -turns)  # np.rot90 turns anticlockwise
            found = [
                move
                for move in (Upright(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True))
                if np.array_equal(move.apply(picture), upright)
            ]
            assert [move.rotation_deg for move in found] == [90 * turns]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), Upright()),
        ((0, 1, -1, 0), Upright(transpose=True, flip_x=True)),
        ((-1, 0, 0, -1), Upright(flip_x=True, flip_y=True)),
        ((0, -1, 1, 0), Upright(transpose=True, flip_y=True)),
        ((-1, 0, 0, 1), Upright(flip_x=True)),
        ((0, 1, 1, 0), Upright(transpose=True)),
        ((0.8, 0.6, -0.6, 0.8), Upright(askew=True)),
    ],
)
def test_the_display_matrix_is_read_as_the_file_format_says(matrix, expected):
    a, b, c, d = (round(value * 65536) for value in matrix)

    class Frame:
        side_data = {"DISPLAYMATRIX": struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)}

    assert upright_of(Frame()) == expected


@pytest.mark.parametrize(
    ("name", "count", "width", "height", "rotation_deg"),
    [
        ("hostile/rot90_568x320_3f.mov", 3, 320, 568, 90),
        ("hostile/rot180_568x320_3f.mov", 3, 568, 320, 180),
        ("hostile/rot270_568x320_3f.mov", 3, 320, 568, 270),
        ("phone/iphone_portrait_rot90_gps.mov", 120, 320, 568, 90),
        ("phone/iphone_ios9_portrait_rot90.mov", 14, 720, 1280, 90),
        ("phone/samsung_sef_slow_motion_240p.mp4", 63, 320, 240, 0),
    ],
)
def test_phone_clips_come_out_upright_and_whole(shared, name, count, width, height, rotation_deg):
    video = read_video(shared / "data" / name)
    assert video.frames.shape == (count, height, width, 3)
    assert video.facts.upright.rotation_deg == rotation_deg
    assert other_notes(video) == []
    assert video.t_s[0] == 0
    assert (np.diff(video.t_s) > 0).all()


@pytest.mark.parametrize(("name", "turns"), [("rot90", 3), ("rot180", 2), ("rot270", 1)])
def test_turned_frames_are_the_stored_ones_turned(shared, name, turns):
    path = shared / f"data/hostile/{name}_568x320_3f.mov"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    upright = read_video(path, max_frames=1).frames[0]
    assert np.abs(upright.astype(int) - np.rot90(stored, turns)).mean() < 3


def test_a_crop_is_counted_in_the_upright_picture(shared):
    path = shared / "data/hostile/rot90_568x320_3f.mov"
    whole, part = read_video(path).frames, read_video(path, crop=(10, 400, 300, 160)).frames
    np.testing.assert_array_equal(part, whole[:, 400:560, 10:310])
    with pytest.raises(VideoError, match="which is 320x568"):
        read_video(path, crop=(0, 0, 568, 320))


@pytest.mark.parametrize(
    ("name", "shape", "pixel_format"),
    [
        ("hostile/odd_size_161x121_vp9.webm", (30, 121, 161, 3), "yuv420p"),
        ("hostile/ten_bit_h264_200x200.mp4", (30, 200, 200, 3), "yuv420p10le"),
        ("hostile/one_pixel_yuv444p.mp4", (5, 1, 1, 3), "yuv444p"),
        ("hostile/rgb_gbrp_2x2.mp4", (3, 2, 2, 3), "gbrp"),
        ("hostile/unordered_pts_50x50.mov", (4, 50, 50, 3), "yuv420p"),
    ],
)
def test_unusual_files_are_read_whole(shared, name, shape, pixel_format):
    video = read_video(shared / "data" / name)
    assert video.frames.shape == shape
    assert video.facts.colour.pixel_format == pixel_format
    assert other_notes(video) == []
    assert (np.diff(video.t_s) > 0).all()


def test_wild_frame_times_are_kept(shared):
    video = read_video(shared / "data/hostile/vfr_3026x1386.mp4", size=(151, 69), max_frames=8)
    np.testing.assert_allclose(video.t_s[:4], np.array([0, 64236, 66637, 68072]) / 57600, atol=1e-9)
    assert video.fps == Fraction(3628800, 502589)


def test_an_hdr_clip_says_that_it_was_tone_mapped(shared):
    video = read_video(shared / "data/phone/phone_hlg10_colorchart_9f.mp4", size=(96, 54), max_frames=2)
    assert (
        video.warning == "phone_hlg10_colorchart_9f.mp4: the clip is HDR (HLG) and was tone-mapped to SDR (bt2390-203)"
    )


@pytest.mark.parametrize(
    ("name", "count", "stated"), [("truncated_midstream", 28, 50), ("invalid_nalu_30pkts", 26, 30)]
)
def test_a_file_that_breaks_part_way_gives_what_came_before(shared, name, count, stated):
    video = read_video(shared / f"data/hostile/{name}.mp4", size=(64, 36))
    assert len(video.frames) == len(video.t_s) == count
    assert other_notes(video) == [f"decoding broke after {count} of {stated} frames", f"those {count} were used"]


def test_a_file_that_was_cut_off_says_so(tmp_path):
    write_video(tmp_path / "a.mp4", made_clip(40), fps=25)  # its index comes first, so the rest may be missing
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) * 9 // 10])
    video = read_video(tmp_path / "a.mp4")
    count = len(video.frames)
    assert 2 <= count < 40
    assert video.warning is not None
    assert video.warning.endswith(f"after {count} of 40 frames; those {count} were used")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken_moov.mp4", "cannot be opened"),
        ("almost_empty_13_bytes.flv", "cannot be opened"),
        ("text_named_mp4.mp4", "cannot be opened"),
        ("moov_only_1kb.mov", "cannot be opened"),
        ("zero_bytes.mov", "is empty"),
        ("jpeg_named_tiff.tiff", "is a picture"),
        ("invalid_bitstream_vp9.webm", "no frame can be decoded"),
        ("audio_only.mp4", "no video stream"),
    ],
)
def test_a_file_that_is_no_video_is_answered_with_one_sentence(shared, name, words, capfd, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(VideoError, match=words) as caught:
        read_video(shared / "data/hostile" / name)
    assert isinstance(caught.value, HvdbenchError)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert ". " not in message
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_missing_file_a_folder_and_a_gif_are_refused(tmp_path):
    with pytest.raises(VideoError, match="does not exist"):
        read_video(tmp_path / "no.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        read_video(tmp_path)
    with av.open(str(tmp_path / "a.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
        for frame in made_clip(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="rgb8")))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="is a picture, not a video"):
        read_video(tmp_path / "a.gif")


def test_a_song_with_a_cover_picture_is_no_video(tmp_path):
    make_sound(tmp_path / "plain.m4a", "aac")
    source = av.open(str(tmp_path / "plain.m4a"))
    with source, av.open(str(tmp_path / "song.mp4"), "w") as container:
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 20, 20, "rgb24"
        cover.disposition = Disposition.attached_pic
        sound = container.add_stream_from_template(source.streams.audio[0])
        container.mux(cover.encode(av.VideoFrame.from_ndarray(made_clip(1, 20, 20)[0], format="rgb24")))
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                container.mux(packet)
    with av.open(str(tmp_path / "song.mp4")) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(VideoError, match="has no video stream"):
        read_video(tmp_path / "song.mp4")


def test_a_picture_size_that_changes_part_way_is_refused(tmp_path):
    make_mpeg4(tmp_path / "a.m4v", [(64, 48), (96, 64)])
    with pytest.raises(VideoError, match=r"changes from 64x48 to 96x64 at frame \d"):
        read_video(tmp_path / "a.m4v")


def test_a_stream_without_times_is_spaced_by_its_rate(tmp_path):
    make_mpeg4(tmp_path / "a.m4v", [(64, 48)])
    video = read_video(tmp_path / "a.m4v")
    np.testing.assert_allclose(video.t_s, np.arange(3) / 25, atol=1e-6)


def test_reading_and_writing_leave_the_terminal_quiet(tmp_path, shared, capfd):
    level = av.logging.get_level()
    read_video(shared / "data/hostile/truncated_midstream.mp4", size=(64, 36), max_frames=40)
    for suffix in (".mp4", ".mov", ".mkv"):
        write_video(tmp_path / f"a{suffix}", made_clip(2), fps=25)
    assert capfd.readouterr() == ("", "")
    assert av.logging.get_level() == level
