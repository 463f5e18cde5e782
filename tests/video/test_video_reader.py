"""Films read one frame at a time, and what is known of them."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from made_film import HLG, Film, grey10, make_film, pattern
from test_video import make_mpeg4

from hvdbench.errors import VideoError
from hvdbench.video.colour.pixels import WHITE16, to_rgb16
from hvdbench.video.metadata import DolbyVision, camera_facts, dolby_vision
from hvdbench.video.reader import VideoReader, read_video

PHONES = [
    # name, frames that decode, width, height upright, turn, bits, packets outside the edit list
    ("iphone_portrait_rot90_gps.mov", 120, 320, 568, 90, 8, 0),
    ("ipad_hevc_portrait_rot90.mov", 35, 720, 1280, 90, 8, 0),
    ("iphone_ios9_portrait_rot90.mov", 14, 720, 1280, 90, 8, 0),
    ("phone_rot180_vfr_blurry.mp4", 25, 1280, 720, 180, 8, 0),
    ("iphone_dolbyvision_hlg10_rot90_4f.mov", 4, 720, 1280, 90, 10, 1),
    ("phone_hlg10_colorchart_9f.mp4", 9, 1920, 1080, 0, 10, 0),
    ("samsung_sef_slow_motion_240p.mp4", 63, 320, 240, 0, 8, 1),
    ("shaky_path_360p.mp4", 245, 480, 360, 0, 8, 0),
    pytest.param("apple_hlg10_hevc_portrait_vfr.mp4", 77, 1080, 1920, 90, 10, 9, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "count", "width", "height", "turn", "bits", "outside"), PHONES)
def test_a_phone_clip_gives_every_frame_upright_with_its_own_time(
    shared, name, count, width, height, turn, bits, outside
):
    path = shared / "data/phone" / name
    with av.open(str(path)) as container:
        expected = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    with VideoReader(path, crop=(width - 32, height - 32, 32, 32)) as reader:
        times_s = [shot.time_s for shot in reader]
    assert times_s == sorted(expected)
    assert len(times_s) == count
    assert reader.facts.upright.rotation_deg == turn
    assert reader.facts.colour.bit_depth == bits
    assert reader.outside_edit_list == outside
    assert [note for note in reader.notes if not note.startswith("it states no colour matrix")] == []
    with pytest.raises(VideoError, match=f"which is {width}x{height}"), VideoReader(path, crop=(1, 0, width, height)):
        pass


def test_a_reader_and_a_whole_clip_give_the_same_frames(tmp_path):
    path = make_film(tmp_path / "a.mp4", pattern(1, 12))
    with VideoReader(path, crop=(8, 8, 64, 32), size=(32, 16)) as reader:
        pictures = [shot.picture for shot in reader]
    np.testing.assert_array_equal(np.stack(pictures), read_video(path, crop=(8, 8, 64, 32), size=(32, 16)).frames)


def test_frames_can_be_passed_over(tmp_path):
    path = make_film(tmp_path / "a.mp4", pattern(1, 9))
    whole = read_video(path).frames
    with VideoReader(path) as reader:
        assert reader.skip(3) == 3
        shots = iter(reader)
        np.testing.assert_array_equal(next(shots).picture, whole[3])
        assert reader.skip(4) == 4
        np.testing.assert_array_equal(next(shots).picture, whole[8])
        assert reader.skip(2) == 0


def test_times_of_a_variable_rate_are_kept(tmp_path):
    times_s = [0.0, 0.033, 0.1, 0.11, 0.5, 0.6]
    path = make_film(tmp_path / "a.mp4", pattern(1), Film(times_s=times_s))
    with VideoReader(path) as reader:
        np.testing.assert_allclose([shot.time_s for shot in reader], times_s, atol=1e-5)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_turned_and_mirrored_film_comes_upright(tmp_path, rotation_deg, mirror):
    frames = pattern(1, 2)
    film = Film(rotation_deg=rotation_deg, mirror=mirror)
    path = make_film(tmp_path / "a.mov", frames, film)
    expected = np.rot90(frames[0], rotation_deg // 90)  # both count counter-clockwise, then mirror
    expected = expected[:, ::-1] if mirror else expected
    with VideoReader(path) as reader:
        picture = next(iter(reader)).picture
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 3
    assert reader.facts.upright.mirrored == mirror


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(4, 3), (128, 64)), (Fraction(3, 4), (96, 85))])
def test_oblong_pixels_are_made_square(tmp_path, aspect, size):
    path = make_film(tmp_path / "a.mp4", pattern(1, 2), Film(aspect=aspect))
    with VideoReader(path) as reader:
        picture = next(iter(reader)).picture
    assert (picture.shape[1], picture.shape[0]) == size
    found = f"{aspect.numerator}:{aspect.denominator}"
    assert reader.notes == [f"pixels of {found} were made square: 96x64 became {size[0]}x{size[1]}"]


def test_a_pixel_shape_that_cannot_be_is_not_believed(tmp_path):
    path = make_film(tmp_path / "a.mp4", pattern(1, 2), Film(aspect=Fraction(50, 1)))
    with VideoReader(path) as reader:
        assert next(iter(reader)).picture.shape == (64, 96, 3)
    assert "read as square" in reader.notes[0]


def test_the_first_of_two_tracks_is_read_and_a_cover_is_not_one(tmp_path):
    path = make_film(tmp_path / "a.mp4", pattern(1), Film(second=pattern(2), cover=True))
    with VideoReader(path) as reader:
        pictures = [shot.picture for shot in reader]
    assert reader.facts.video_tracks == 2
    assert np.abs(np.stack(pictures).astype(int) - pattern(1)).mean() < 3


def test_ten_bits_are_read_as_ten(tmp_path):
    path = make_film(tmp_path / "a.mp4", grey10([500, 501, 502, 503], 64, 48), Film(crf=0))
    with VideoReader(path, linear=True) as reader:
        shots = list(reader)
    assert reader.facts.colour.bit_depth == 10
    levels = [int(shot.linear[24, 32, 1]) for shot in shots if shot.linear is not None]
    assert len(set(levels)) == 4  # as 8 bit they would be one or two


def test_the_matrix_and_range_of_ten_bits_are_honoured():
    # ITU-R BT.2020: R = Y + 2 (1 - Kr) Cr, B = Y + 2 (1 - Kb) Cb, Y = Kr R + Kg G + Kb B; limited range of 10 bit.
    kr, kb = 0.2627, 0.0593
    yuv = np.random.default_rng(0).integers(440, 580, (3, 48, 64))
    frame = VideoFrame(64, 48, "yuv444p10le")
    for plane, values in zip(frame.planes, yuv, strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        rows[:, :64] = values
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = 9, 1
    luma, cb, cr = (yuv[0] - 64) / 876, (yuv[1] - 512) / 896, (yuv[2] - 512) / 896
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    expected = np.stack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue], -1)
    assert np.abs(to_rgb16(frame, VideoReformatter()) / WHITE16 - expected).max() < 2 / 1023


@pytest.mark.parametrize(
    ("pixel_format", "white"), [("rgb24", 255), ("gbrp", 255), ("gray", 255), ("gbrp10le", 1023), ("gray10le", 1023)]
)
def test_white_is_65535_in_formats_without_a_matrix_too(pixel_format, white):
    frame = VideoFrame(32, 16, pixel_format)
    kind = np.uint8 if white == 255 else np.uint16
    for plane in frame.planes:
        plane.update(np.full(plane.buffer_size // kind().nbytes, white, kind).tobytes())
    assert (to_rgb16(frame, VideoReformatter()) == WHITE16).all()


def test_an_hdr_film_is_tone_mapped_and_says_so(tmp_path):
    path = make_film(tmp_path / "a.mp4", grey10([64, 502, 721, 940]), Film(transfer=HLG, crf=0))
    video = read_video(path)
    assert video.warning == "a.mp4: the clip is HDR (HLG) and was tone-mapped to SDR (bt2390-203)"
    levels = video.frames[:, 24, 32].astype(int)
    assert (levels.max(1) - levels.min(1) <= 1).all()  # grey stays grey
    assert levels[0, 0] == 0
    assert levels[-1, 0] == 255


def test_the_dolby_vision_profile_is_read_and_one_without_a_base_layer_refused(shared, tmp_path):
    path = shared / "data/phone/iphone_dolbyvision_hlg10_rot90_4f.mov"
    assert dolby_vision(path) == DolbyVision(8, 4)
    data = bytearray(path.read_bytes())
    at = data.index(b"dvvC") + 4
    data[at + 2], data[at + 4] = 5 << 1, 0
    (tmp_path / "five.mov").write_bytes(data)
    with pytest.raises(VideoError, match=r"five\.mov is Dolby Vision profile 5\.0, which has no base layer"):
        read_video(tmp_path / "five.mov")


def test_files_of_other_kinds_have_no_dolby_vision(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\0\0\0\1moov")
    (tmp_path / "b.bin").write_bytes(b"\0\0\0\x10free" + b"x" * 8 + b"\0\0\0\0moov" + b"y" * 40)
    assert dolby_vision(tmp_path / "a.bin") is None
    assert dolby_vision(tmp_path / "b.bin") is None


def test_frames_before_a_change_of_size_come_first(tmp_path):
    make_mpeg4(tmp_path / "a.m4v", [(64, 48), (96, 64)])
    with VideoReader(tmp_path / "a.m4v") as reader:
        shots = iter(reader)
        assert [next(shots).picture.shape for _ in range(2)] == [(48, 64, 3)] * 2
        with pytest.raises(VideoError, match="changes from 64x48 to 96x64"):
            list(shots)


def test_only_the_camera_and_the_place_are_read_from_metadata():
    facts = camera_facts(
        {
            "com.android.manufacturer": "Xiaomi",
            "com.android.model": "24129PN74C",
            "com.xiaomi.product.marketname": "Xiaomi 15",
            "com.android.capture.fps": "240.000000",
            "location": "+40.0+010.0/",
            "artist": "somebody",
        }
    )
    assert (facts.make, facts.model, facts.market_name) == ("Xiaomi", "24129PN74C", "Xiaomi 15")
    assert (facts.capture_fps, facts.location) == (240, "+40.0+010.0/")
    assert camera_facts({"com.android.capture.fps": "fast"}).capture_fps is None
