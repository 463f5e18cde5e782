import os

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

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
    for name in ("10.png", "2.png", "001.png", "b2.png", "B10.png", "b.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    found = [path.name for path in frames.list_frames(tmp_path)]
    assert found == ["001.png", "2.png", "10.png", "b.png", "b2.png", "B10.png"]


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
        ["¹.png", "²0.png", "³0.png"],  # not in the order of Unicode, which has ² and ³ before ¹
        ["8.png", "9.png", "010.png", "0011.png"],
        ["-10.png", "-9.png", "0.png", "1.png"],
        ["t=-0.5.png", "t=-0.25.png", "t=0.png", "t=0.25.png"],
        ["0,05.png", "0,1.png", "0,15.png"],
        ["1e-05.png", "0.05.png", "1.0.png"],  # as Python prints seconds
        ["1.png", "9" * 60 + ".png", "1" + "0" * 60 + ".png"],
        ["take-1.png", "take-2.png", "take-10.png"],  # hyphens
        ["一_1.png", "一_2.png", "一_10.png"],
        ["Frame_1.png", "frame_2.png", "Frame_3.PNG"],
    ],
)
def test_numbers_in_names_are_put_in_order_by_what_they_mean(tmp_path, ordered):
    assert listed(tmp_path, sorted(ordered, reverse=True)) == ordered


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "01.png"],
        ["a.png", "A.png"],
        ["é.png", "e\u0301.png"],  # one name in two spellings of Unicode
        ["0.png", "-0.png", "1.png"],
        ["1.png", "①.png"],
    ],
)
def test_two_names_of_one_place_are_refused(tmp_path, names):
    with pytest.raises(InputError, match="whose numbers and letters are the same, so which comes first is not known"):
        listed(tmp_path, names)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["一.png", "二.png", "三.png"], "count in numerals that are no digits: use digits"),
        (["-1.png", "-2.png"], "follows a minus or a hyphen: rename the frames"),
    ],
)
def test_names_whose_order_nobody_can_tell_are_refused(tmp_path, names, words):
    with pytest.raises(InputError, match=words):
        listed(tmp_path, names)


@pytest.mark.parametrize("suffix", [".heic", ".AVIF", ".gif", ".ppm"])
def test_a_frame_of_a_kind_that_is_not_read_is_refused_and_not_passed_over(tmp_path, suffix):
    with pytest.raises(
        InputError, match=r"0002\.\w+ is a picture of a kind that is not read here, so a frame would be"
    ):
        listed(tmp_path, ["0001.png", f"0002{suffix}", "0003.png"])


def test_pictures_of_other_kinds_that_are_no_frames_do_not_disturb(tmp_path):
    found = listed(tmp_path, ["IMG_1.JPG", "IMG_2.JPG", "IMG_1.DNG", "preview.gif"])
    assert found == ["IMG_1.JPG", "IMG_2.JPG"]


def test_a_folder_of_pictures_that_are_not_read_is_told_so(tmp_path):
    assert listed(tmp_path, ["1.HEIC", "2.heic"]) == []
    with pytest.raises(InputError, match=r"looked for .*; its 2 pictures of other kinds \(\.heic\) are not"):
        frames.read_clip(tmp_path)


def test_a_pattern_finds_names_in_any_case_of_letters(tmp_path):
    for name in ("1.PNG", "2.png", "3.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in frames.list_frames(tmp_path, "*.png")] == ["1.PNG", "2.png"]


def test_what_macos_and_windows_leave_beside_frames_is_no_frame(tmp_path):
    rubbish = [".DS_Store", "Thumbs.db", "desktop.ini", "._0.png", "._1.png", ".hidden.jpg"]
    assert listed(tmp_path, ["0.png", "1.png", *rubbish]) == ["0.png", "1.png"]
    for name in ("__MACOSX", ".git", ".thumbnails", "@eaDir", "$RECYCLE.BIN", "#recycle", "clip b", "clip a"):
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
    with pytest.raises(InputError, match="breaks off before a part"):
        frames.read_frame(tmp_path / "0.png")
    capfd.readouterr()  # the decoder's own complaint


def test_of_a_damaged_tiff_the_decoders_log_does_not_reach_the_terminal(tmp_path, capfd):
    cv2.imwrite(str(tmp_path / "0.tif"), np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    whole = (tmp_path / "0.tif").read_bytes()
    (tmp_path / "0.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is not a picture that can be decoded"):
        frames.read_frame(tmp_path / "0.tif")
    assert capfd.readouterr().err == ""


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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_of_every_mode_are_read_as_another_library_reads_them_or_refused(tmp_path, mode, suffix):
    gradient = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    rgb = Image.fromarray(np.dstack([gradient, gradient[::-1], 255 - gradient]))
    picture = Image.fromarray(gradient.astype(np.uint16) * 257) if mode == "I;16" else rgb.convert(mode)
    if mode in ("LA", "RGBA"):
        picture.putalpha(Image.fromarray(gradient))
    picture.save(tmp_path / f"0{suffix}")
    if mode in ("LA", "RGBA") and suffix == ".tif":
        with pytest.raises(InputError, match="is a TIFF picture with a channel beside its colours, such as alpha"):
            frames.read_frame(tmp_path / "0.tif")
        return
    expected = gradient[..., None].repeat(3, 2) if mode == "I;16" else np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(frames.read_frame(tmp_path / f"0{suffix}"), expected)


@pytest.mark.parametrize(
    ("mode", "suffix", "words"),
    [
        ("CMYK", ".jpg", "is a JPEG picture of CMYK, and RGB is expected"),
        ("CMYK", ".tif", "is a TIFF picture of CMYK, and RGB is expected"),
        ("LAB", ".tif", "is a TIFF picture of CIE Lab, and RGB is expected"),
    ],
)
def test_colours_that_are_no_rgb_are_refused(tmp_path, mode, suffix, words):
    Image.fromarray(np.zeros((20, 20, len(mode)), np.uint8), mode if mode == "CMYK" else "LAB").save(
        tmp_path / f"0{suffix}"
    )
    with pytest.raises(InputError, match=words):
        frames.read_frame(tmp_path / f"0{suffix}")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_pictures_are_turned_as_their_exif_says(tmp_path, suffix, turn):
    gradient = np.add.outer(np.arange(0, 128, 4), np.arange(0, 96, 2)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    lossless = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(np.dstack([gradient, gradient, gradient])).save(tmp_path / f"0{suffix}", exif=exif, **lossless)
    with Image.open(tmp_path / f"0{suffix}") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    np.testing.assert_array_equal(frames.read_frame(tmp_path / f"0{suffix}"), expected)


@pytest.mark.parametrize("kind", ["heic", "GIF"])
def test_a_picture_under_the_suffix_of_another_kind_is_named(tmp_path, kind):
    content = b"GIF89a" + bytes(40) if kind == "GIF" else b"\0\0\0\x18ftypheic" + bytes(40)
    (tmp_path / "0.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"0\.jpg is a file of the kind '{kind}', whatever its name says"):
        frames.read_frame(tmp_path / "0.jpg")


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
