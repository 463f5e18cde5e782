"""Texts in HDF5 files whose stored lengths were damaged: HDF5 would make room for gigabytes before it looks."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_lab import make_lab

from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.pack_reader import open_pack
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError
from hvdbench.store.text_lengths import check_texts
from hvdbench.store.tracks import field_of, open_tracks

HUGE = 1_300_000_000
TEXT = "a text of nineteen."
LISTS = h5py.vlen_dtype(np.dtype("f8"))
FORMS: tuple[dict[str, Any], ...] = ({}, {"libver": "latest"}, {"userblock_size": 1024})


def lengthened(path: Path, length: int, before: int) -> None:
    """Write another length into every reference to a text or list of ``before`` units."""
    data = path.read_bytes()
    with h5py.File(path, "r") as file:
        base = file.userblock_size
    heaps = [at - base for at in range(len(data)) if data.startswith(b"GCOL", at)]
    found = [struct.pack("<IQ", before, heap) for heap in heaps]
    assert any(old in data for old in found)
    for old in found:
        data = data.replace(old, struct.pack("<I", length) + old[4:])
    path.write_bytes(data)


def with_field(file: h5py.File) -> None:
    file.create_dataset("reason", data=[TEXT] * 3, dtype=h5py.string_dtype())


def with_lists(file: h5py.File) -> None:
    file.create_dataset("lists", (1,), LISTS)[0] = np.zeros(len(TEXT))


def with_attribute(file: h5py.File) -> None:
    file.attrs["device"] = TEXT


def with_attributes_below(file: h5py.File) -> None:
    group = file.create_group("labels/paper")
    for number in range(6):  # of which HDF5 moves some into a second block of the group's head
        group.attrs[f"text_{number}"] = [TEXT, TEXT]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fill", [with_field, with_lists, with_attribute, with_attributes_below])
def test_a_text_that_declares_more_than_its_file_is_refused_before_it_is_read(
    tmp_path: Path, fill: Callable[[h5py.File], None], form: dict[str, Any]
) -> None:
    path = tmp_path / "tracks.h5"
    with h5py.File(path, "w", **form) as file:
        file["t_s"] = np.arange(3)
        fill(file)
    with open_tracks(path) as tracks:
        assert field_of(tracks, "t_s").tolist() == [0, 1, 2]
    lengthened(path, HUGE, len(TEXT))
    expected = r"declares \d{10,11} bytes of text, and the file has"
    if form.get("libver") == "latest":  # where checksums of heads keep HDF5 from what was not made on purpose
        expected = f"({expected}|incorrect metadata checksum)"
    with pytest.raises(DatasetError, match=f"tracks.h5 is damaged .*{expected}"), open_tracks(path):
        pass


@pytest.mark.parametrize("form", FORMS)
def test_the_lengths_of_every_form_of_head_are_checked(tmp_path: Path, form: dict[str, Any]) -> None:
    path = tmp_path / "tracks.h5"
    with h5py.File(path, "w", **form) as file:
        with_attributes_below(file)
    whole = path.read_bytes()
    lengthened(path, HUGE, len(TEXT))
    damaged = path.read_bytes()
    path.write_bytes(whole)
    with h5py.File(path, "r") as file:  # as where the checksums fit what was changed
        check_texts(file["labels/paper"], io.BytesIO(whole))
        with pytest.raises(ValueError, match=f"text_0 declares {2 * HUGE} bytes of text"):
            check_texts(file["labels/paper"], io.BytesIO(damaged))


def test_many_references_to_one_long_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("reason", data=["x" * 50_000] + [TEXT] * 999, dtype=h5py.string_dtype())
        start = file["reason"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[start : start + 16_000] = bytes(data[start : start + 16]) * 1000
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="/reason declares 50000000 bytes of text"), open_tracks(path):
        pass


@pytest.mark.parametrize("kind", [[("text", h5py.string_dtype()), ("number", "i4")], [("lists", LISTS, (2,))]])
def test_texts_within_other_values_are_refused(tmp_path: Path, kind: list[Any]) -> None:
    with h5py.File(tmp_path / "tracks.h5", "w") as file:
        file.create_dataset("odd", (2,), np.dtype(kind))
    with (
        pytest.raises(DatasetError, match="odd holds texts or lists within other values"),
        open_tracks(tmp_path / "tracks.h5"),
    ):
        pass


def test_texts_whose_lengths_cannot_be_checked_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "chunks.h5", "w") as file:
        file.create_dataset("reason", data=[TEXT] * 3, dtype=h5py.string_dtype(), chunks=(1,))
    with (
        pytest.raises(DatasetError, match="the texts of /reason are not one piece"),
        open_tracks(tmp_path / "chunks.h5"),
    ):
        pass
    with h5py.File(tmp_path / "many.h5", "w", libver="latest") as file:
        for number in range(20):  # more than 8 leave the head of the group
            file.attrs[f"text_{number}"] = TEXT
    with pytest.raises(DatasetError, match="is stored in a form that is not read"), open_tracks(tmp_path / "many.h5"):
        pass


def test_fields_without_a_value_and_numbers_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "tracks.h5", "w", libver="latest") as file:
        file.create_dataset("none", (0,), h5py.string_dtype())
        file.create_dataset("empty", (4,), h5py.string_dtype())
        file["fixed"], file["pairs"] = np.array([b"ab"]), np.zeros(2, "f4,i2")
        for number in range(20):
            file.attrs[f"number_{number}"] = number
    with open_tracks(tmp_path / "tracks.h5") as tracks:
        assert field_of(tracks, "empty").tolist() == [b""] * 4
        assert field_of(tracks, "none").size == 0
        assert tracks.attrs["number_19"] == 19


@pytest.mark.parametrize("kind", ["raw", "zstd"])
@pytest.mark.parametrize("text", ["clips", "manifest", "name", "streams"])
def test_a_pack_whose_text_declares_gigabytes_is_refused(tmp_path: Path, kind: Any, text: str) -> None:
    path = tmp_path / "lab.h5"
    pack_dataset(make_lab(tmp_path / "lab"), path, kind=kind)
    with h5py.File(path, "r+") as file:
        key = file["clips"].asstr()[0]
        if text in file:
            start, value = file[text].id.get_offset(), file[text][()]
            length = len(value if isinstance(value, bytes) else value[0])
        else:
            (file if text == "name" else file[key]).attrs[text] = TEXT if text == "name" else [TEXT]
            start, length = None, len(TEXT)
    if start is None:
        lengthened(path, HUGE, length)
    else:
        data = bytearray(path.read_bytes())
        assert data[start : start + 4] == struct.pack("<I", length)
        data[start : start + 4] = struct.pack("<I", HUGE)
        path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"lab.h5 is .*declares \d{10} bytes of text.*'hvdbench pack"):
        open_reader(path)


def test_a_head_that_goes_on_in_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    with h5py.File(path, "w") as file:
        with_attributes_below(file)
        address = h5py.h5o.get_info(file["labels/paper"].id).addr
    whole = bytearray(path.read_bytes())
    at = whole.index(struct.pack("<HH", 0x10, 16), address) + 8
    whole[at : at + 16] = struct.pack("<QQ", address + 16, int.from_bytes(whole[address + 8 : address + 12], "little"))
    path.write_bytes(whole)
    with pytest.raises(DatasetError, match="damaged"), open_tracks(path) as tracks:
        dict(tracks["labels/paper"].attrs)


def test_a_whole_pack_is_opened(tmp_path: Path) -> None:
    pack_dataset(make_lab(tmp_path / "lab"), tmp_path / "lab.h5", kind="raw")
    with open_pack(tmp_path / "lab.h5") as file:
        assert len(file["clips"].asstr()[()]) == len(open_reader(tmp_path / "lab.h5").clips)


@pytest.mark.parametrize("form", [{}, {"userblock_size": 1024}])
@pytest.mark.parametrize(
    ("at", "size"),
    [("free", 0), ("free", 8), ("free", 1 << 40), ("first", 1 << 40), ("first", 2**64 - 16), ("whole", 1 << 40)],
)
def test_a_heap_whose_pieces_do_not_follow_each_other_is_refused(
    tmp_path: Path, at: str, size: int, form: dict[str, Any]
) -> None:
    path = tmp_path / "tracks.h5"
    with h5py.File(path, "w", **form) as file:
        with_attribute(file)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    place = heap + {"whole": 8, "first": 24, "free": 24 + 16 + 24}[at]  # the text takes 24 bytes after its head
    data[place : place + 8] = struct.pack("<Q", size)
    path.write_bytes(data)
    expected = "damaged .*(heap within the file|heap with the texts of the attribute device)"
    with pytest.raises(DatasetError, match=expected), open_tracks(path):
        pass


def test_texts_in_many_heaps_are_read(tmp_path: Path) -> None:
    path, texts = tmp_path / "tracks.h5", [f"{number}" * (number % 90) for number in range(2000)]
    with h5py.File(path, "w") as file:
        file.create_dataset("reason", data=[*texts, "x" * 100_000], dtype=h5py.string_dtype())
    with open_tracks(path) as tracks:
        assert tracks["reason"].asstr()[()].tolist() == [*texts, "x" * 100_000]
