import os

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


def listed(folder, names):
    """Put empty files into a folder and list it."""
    for name in names:
        (folder / name).touch()
    return [path.name for path in frames.list_frames(folder)]


@pytest.mark.parametrize(
    "ordered",
    [
        ["0.05.png", "0.1.png", "0.15.png", "0.2.png", "1.05.png", "1.1.png"],  # as a program prints seconds
        ["rgb_0.png", "rgb_0.5.png", "rgb_1.png"],
        ["1305031102.175304.png", "1305031102.211214.png", "1305031103.043227.png"],  # TUM RGB-D
        ["1403636579763555584.png", "1403636579813555456.png"],  # EuRoC, ns
        [f"shot1.{index}.png" for index in range(1, 13)],  # a counter, not tenths
        ["v1.8.png", "v1.9.png", "v1.10.png", "v1.11.png"],
        ["shot1²0.png", "shot1²1.png", "shot1²2.png"],
        ["①1.png", "①2.png", "①10.png"],
        ["٩.png", "١٠.png"],  # 9 and 10 in Arabic digits
    ],
)
def test_numbers_in_names_are_put_in_order_by_what_they_mean(tmp_path, ordered):
    assert listed(tmp_path, sorted(ordered, reverse=True)) == ordered


def test_what_macos_and_windows_leave_beside_frames_is_no_frame(tmp_path):
    rubbish = [".DS_Store", "Thumbs.db", "desktop.ini", "._0.png", "._1.png", ".hidden.jpg"]
    assert listed(tmp_path, ["0.png", "1.png", *rubbish]) == ["0.png", "1.png"]
    for name in ("__MACOSX", ".git", "clip b", "clip a"):
        (tmp_path / name).mkdir()
    assert [path.name for path in frames.list_folders(tmp_path)] == ["clip a", "clip b"]


def test_a_frame_that_lies_there_twice_is_refused_unless_one_kind_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"contains 0\.jpg and 0\.png, which would be the same frame twice"):
        listed(tmp_path, ["0.png", "0.jpg", "1.png", "1.jpg"])
    assert [path.name for path in frames.list_frames(tmp_path, "*.png")] == ["0.png", "1.png"]


def test_a_link_to_nothing_among_frames_is_refused_and_one_to_a_frame_is_read(tmp_path, clip):
    frames.write_clip(tmp_path / "clip", clip)
    (tmp_path / "clip/00000003.png").symlink_to(tmp_path / "clip/00000000.png")
    assert len(frames.list_frames(tmp_path / "clip")) == 4
    (tmp_path / "clip/00000004.png").symlink_to("nothing.png")
    with pytest.raises(InputError, match=r"00000004\.png is a link to a file that is not there"):
        frames.list_frames(tmp_path / "clip")


def test_a_name_that_is_no_utf8_is_refused_in_words_that_can_be_printed(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"a\xb2\xe2.png")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    with pytest.raises(InputError, match=r"a\\xb2\\xe2\.png has a name that is not UTF-8") as caught:
        frames.list_frames(tmp_path)
    assert str(caught.value).encode("utf-8")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder of frames"):
        frames.read_clip(tmp_path / "nowhere")


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"contains no frames \(looked for \.bmp, "):
        frames.read_clip(tmp_path)


def test_two_sizes_in_a_clip_are_an_error_with_both(tmp_path, clip):
    frames.write_frame(tmp_path / "0.png", clip[0])
    frames.write_frame(tmp_path / "1.png", clip[1][:, :16])
    with pytest.raises(
        InputError,
        match=r"1\.png is 16x11, and the frames before it are 17x11: all frames of a clip must have one size",
    ):
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


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_rounded_to_eight_and_gray_is_repeated(tmp_path, suffix):
    codes = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    cv2.imwrite(str(tmp_path / f"0{suffix}"), codes)
    expected = np.array([(int(code) * 510 + 65535) // 131070 for code in codes.flat])  # 255 c / 65535, rounded half up
    found = frames.read_frame(tmp_path / f"0{suffix}")
    np.testing.assert_array_equal(found, expected.reshape(256, 256, 1).repeat(3, axis=2))
    np.testing.assert_array_equal(frames.read_frame16(tmp_path / f"0{suffix}")[..., 1], codes)


def test_a_picture_of_floats_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((20, 20, 3), np.float32))
    with pytest.raises(InputError, match=r"a\.tiff is a picture of float32: pictures of 8 or 16 bits"):
        frames.read_frame(tmp_path / "a.tiff")


def test_alpha_is_dropped(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.full((2, 2, 4), 7, np.uint8))
    np.testing.assert_array_equal(frames.read_frame(tmp_path / "0.png"), np.full((2, 2, 3), 7))


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path, clip):
    with pytest.raises(InputError, match=r"'\.gif' is not a picture format that can be written \(known: \.bmp, "):
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
