import cv2
import numpy as np
import pytest

from hvdbench import frames
from hvdbench.errors import InputError


@pytest.fixture
def clip() -> frames.Frames:
    return np.random.default_rng(0).integers(0, 256, (3, 11, 17, 3), dtype=np.uint8)


def test_a_written_clip_reads_back_equal_under_counted_names(tmp_path, clip):
    frames.write_clip(tmp_path / "blur", clip)
    assert [path.name for path in frames.list_frames(tmp_path / "blur")] == [f"{index:08d}.png" for index in range(3)]
    np.testing.assert_array_equal(frames.read_clip(tmp_path / "blur"), clip)


def test_colours_are_red_first(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    frames.write_frame(tmp_path / "red.png", red)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "red.png"))[0, 0], [0, 0, 255])  # OpenCV: blue first
    np.testing.assert_array_equal(frames.read_frame(tmp_path / "red.png"), red)


def test_names_count_as_a_person_does(tmp_path):
    for name in ("10.png", "2.png", "1.png", "b2.png", "b10.png", "01.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    found = [path.name for path in frames.list_frames(tmp_path)]
    assert found == ["01.png", "1.png", "2.png", "10.png", "b2.png", "b10.png"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder of frames"):
        frames.read_clip(tmp_path / "nowhere")


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds no frames \(looked for \.bmp, "):
        frames.read_clip(tmp_path)


def test_two_sizes_in_a_clip_are_an_error_with_both(tmp_path, clip):
    frames.write_frame(tmp_path / "0.png", clip[0])
    frames.write_frame(tmp_path / "1.png", clip[1][:, :16])
    with pytest.raises(InputError, match=r"1\.png is 16x11, the frames before it are 17x11: a clip has one size"):
        frames.read_clip(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "0.png").write_bytes(content)
    with pytest.raises(InputError, match=rf"0\.png is not a picture that can be decoded \({len(content)} bytes\)"):
        frames.read_frame(tmp_path / "0.png")


def test_a_picture_that_is_cut_off_is_refused_not_filled_with_gray(tmp_path, clip, capfd):
    frames.write_frame(tmp_path / "0.png", clip[0])
    whole = (tmp_path / "0.png").read_bytes()
    (tmp_path / "0.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is not a picture that can be decoded"):
        frames.read_frame(tmp_path / "0.png")
    capfd.readouterr()  # the decoder's own complaint


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(InputError, match=r"0\.png cannot be read: No such file"):
        frames.read_frame(tmp_path / "0.png")


def test_sixteen_bits_are_scaled_and_gray_is_repeated(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.array([[0, 0x80FF, 0xFFFF]], np.uint16))
    np.testing.assert_array_equal(frames.read_frame(tmp_path / "0.png"), [[[0] * 3, [0x80] * 3, [255] * 3]])


def test_alpha_is_dropped(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.full((2, 2, 4), 7, np.uint8))
    np.testing.assert_array_equal(frames.read_frame(tmp_path / "0.png"), np.full((2, 2, 3), 7))


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path, clip):
    with pytest.raises(InputError, match=r"no picture format '\.gif' \(known: \.bmp, "):
        frames.write_frame(tmp_path / "0.gif", clip[0])
    assert not list(tmp_path.iterdir())


def test_gray_is_the_bt601_luma_rounded():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    expected = np.rint(colours @ np.array([0.299, 0.587, 0.114]))
    np.testing.assert_array_equal(frames.to_gray(colours), expected)


def test_light_and_display_undo_each_other_for_all_values():
    values = np.arange(256, dtype=np.uint8)
    light = frames.to_linear(values)
    assert (light[0], light[255]) == (0.0, 1.0)
    assert light[128] == pytest.approx((128 / 255) ** 2.2, rel=1e-6)
    np.testing.assert_array_equal(frames.to_display(light), values)


def test_light_outside_the_range_is_clipped():
    np.testing.assert_array_equal(frames.to_display(np.array([-0.5, 1.5], np.float32)), [0, 255])
