"""Picture files of several pages and JPEG files that break off, written by another library."""

import io

import numpy as np
import pytest
from PIL import Image

from hvdbench.errors import InputError
from hvdbench.frames import read_frame
from hvdbench.workspace.picture_files import fault_of_bytes, page_count


def pictures(count: int) -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (count, 32, 48, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in noise]


def saved(count: int, kind: str, **options) -> bytes:
    first, *others = pictures(count)
    file = io.BytesIO()
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(file, kind, **more, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_pages_are_counted_as_they_were_written(kind, count):
    assert page_count(saved(count, kind)) == count


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_a_file_of_several_pages_is_refused_and_never_its_first_page_read(tmp_path, suffix):
    kind = {".tif": "TIFF", ".png": "PNG", ".webp": "WEBP"}[suffix]
    (tmp_path / f"a{suffix}").write_bytes(saved(3, kind))
    with pytest.raises(InputError, match=rf"a\{suffix} contains 3 pages, but a frame is one: write each page"):
        read_frame(tmp_path / f"a{suffix}")
    (tmp_path / f"b{suffix}").write_bytes(saved(1, kind))
    assert read_frame(tmp_path / f"b{suffix}").shape == (32, 48, 3)


def test_a_big_tiff_is_counted_too():
    assert page_count(saved(4, "TIFF", big_tiff=True)) == 4


def test_a_thumbnail_in_a_tiff_file_is_no_page():
    first, second = pictures(2)
    second.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: a reduced picture of another
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=[second])
    assert page_count(file.getvalue()) == 1


@pytest.mark.parametrize("keep", [4, 8, 20, 200])
@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP", "JPEG"])
def test_a_file_that_was_cut_off_anywhere_is_no_traceback(kind, keep):
    data = saved(1, kind)[:keep]
    assert page_count(data) == 1
    assert isinstance(fault_of_bytes(data), str) == (kind == "JPEG")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_copy_that_broke_off_is_refused(tmp_path, progressive):
    data = saved(1, "JPEG", progressive=progressive)
    assert fault_of_bytes(data) is None
    assert fault_of_bytes(data + bytes(4096)) is None  # whole, and filled up
    half = len(data) // 2
    for broken, words in ((data[:half], "has no end mark"), (data[:half] + bytes(half), f"its last {half}")):
        (tmp_path / "a.jpg").write_bytes(broken)
        with pytest.raises(InputError, match=rf"a\.jpg is a JPEG picture that breaks off: .*{words}"):
            read_frame(tmp_path / "a.jpg")


def test_the_end_mark_of_a_thumbnail_is_not_taken_for_the_pictures(tmp_path):
    whole, thumbnail = saved(1, "JPEG"), saved(1, "JPEG")
    block = b"Exif\0\0" + thumbnail
    held = whole[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + whole[2:]
    assert fault_of_bytes(held) is None
    assert fault_of_bytes(held[:-400]) is not None


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("JPEG", {"quality": 95, "optimize": True}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 95}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_a_hole_that_a_copy_left_within_a_compressed_picture_is_refused(tmp_path, kind, options, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    whole, path = file.getvalue(), tmp_path / f"0.{kind.lower()}"
    path.write_bytes(whole)
    assert read_frame(path).shape == (96, 128, 3)
    at = len(whole) // 2
    path.write_bytes(whole[:at] + bytes(1024) + whole[at + 1024 :])
    with pytest.raises(InputError, match=r"is damaged: 10\d\d bytes from byte \d+ on are zeros, as where a copy"):
        read_frame(path)
    capfd.readouterr()  # the decoder's own complaint


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_whose_codes_are_zeros_is_read(tmp_path, level, progressive):
    flat = Image.new("RGB", (960, 544), (level,) * 3)
    flat.save(tmp_path / "0.jpg", optimize=True, progressive=progressive)
    assert bytes(512) in (tmp_path / "0.jpg").read_bytes()
    np.testing.assert_array_equal(read_frame(tmp_path / "0.jpg"), np.full((544, 960, 3), level, np.uint8))


def test_what_follows_a_jpeg_picture_in_its_file_is_no_part_of_it(tmp_path):
    film_of_a_motion_photo = b"MotionPhoto_Data\0\0\0\x18ftypmp42" + bytes(5000)
    (tmp_path / "0.jpg").write_bytes(saved(1, "JPEG") + film_of_a_motion_photo)
    assert read_frame(tmp_path / "0.jpg").shape == (32, 48, 3)
