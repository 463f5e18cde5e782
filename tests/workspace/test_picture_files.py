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
