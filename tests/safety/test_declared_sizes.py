"""Files that declare far more than they hold are refused before memory is taken, in a sentence."""

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from made_dataset import LARGE, make_dataset

from hvdbench import frames as reading
from hvdbench.cli.main import cli
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_clip, read_frame
from hvdbench.store import Dataset
from hvdbench.store.tracks import field_of, open_tracks


def png(width: int, height: int) -> bytes:
    """Return a gray PNG of this size whose rows are all zeros, as far as 100 rows go."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes((width + 1) * min(height, 100)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("size", "found"), [((10_001, 10_000), "10001x10000 pixels"), ((65_535, 65_535), "too many pixels")]
)
def test_a_picture_of_too_many_pixels_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], found: str
) -> None:
    monkeypatch.setattr(reading.cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "0.png").write_bytes(png(*size))
    with pytest.raises(InputError, match=f"0.png has .*{found}, and at most 100 million are read"):
        read_frame(tmp_path / "0.png")


def test_a_picture_within_the_bound_is_read(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png(300, 100))
    assert read_frame(tmp_path / "0.png").shape == (100, 300, 3)


def test_a_clip_that_does_not_fit_into_memory_is_refused_after_its_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(200, 100))
    monkeypatch.setattr(reading, "free_memory", lambda: 3 * 200 * 100 * 3 - 1)
    with pytest.raises(InputError, match="GiB are free"):
        read_clip(tmp_path)
    monkeypatch.setattr(reading, "free_memory", lambda: None)
    assert read_clip(tmp_path).shape == (3, 100, 200, 3)


@pytest.mark.parametrize("count", [500_000_000, 10**12])
def test_a_field_that_declares_more_than_its_file_holds_is_refused(tmp_path: Path, count: int) -> None:
    dataset = make_dataset(tmp_path)
    clip = dataset.clips()[0]
    with h5py.File(clip.tracks_path, "a") as tracks:
        tracks.create_dataset("t_s", (count,), "f8", chunks=True)
    with pytest.raises(DatasetError, match=f"t_s declares {8 * count} bytes, of which the file holds 0"):
        clip.track("t_s")
    found = CliRunner().invoke(cli, ["verify", str(tmp_path)])
    assert isinstance(found.exception, DatasetError)
    assert "1 of 2 clips fail" in str(found.exception)


def test_a_field_that_packs_well_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "tracks.h5", "w") as tracks:
        tracks.create_dataset("zeros", data=np.zeros(4_000_000), chunks=(1_000_000,), compression="gzip")
        tracks.create_dataset("empty", data=np.zeros((0, 3)))
    with open_tracks(tmp_path / "tracks.h5") as tracks:
        assert field_of(tracks, "zeros").sum() == 0
        assert field_of(tracks, "empty").shape == (0, 3)


@pytest.mark.parametrize("at", [0, 9, 40, 200, 600, 1200, 2000])
def test_damaged_tracks_end_in_a_sentence(tmp_path: Path, at: int) -> None:
    make_dataset(tmp_path)
    path = tmp_path / LARGE / "tracks.h5"
    data = bytearray(path.read_bytes())
    data[at : at + 64] = bytes(byte ^ 0xA5 for byte in data[at : at + 64])
    path.write_bytes(data)
    dataset = Dataset.open(tmp_path)
    assert len(dataset.verify()) <= 1
    clip = next(one for one in dataset.clips() if f"{one.split}/{one.name}" == LARGE)
    said = [sentence_of(read) for read in (lambda: clip.track("labels/paper/is_sharp"), clip.attributes, clip.digest)]
    assert all(not sentence or str(path) in sentence for sentence in said)
    assert at > 0 or all(said)


def sentence_of(read: Callable[[], object]) -> str:
    """Return the sentence with which reading ends, empty where it does not."""
    try:
        read()
    except DatasetError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("size", [(9_000, 9_000), (100_000_000, 1)])
def test_a_png_that_is_too_short_for_its_pixels_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(reading.cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "0.png").write_bytes(png(*size)[:33] + png(3, 3)[33:])
    with pytest.raises(InputError, match=f"0.png declares {size[0]}x{size[1]} pixels, which a PNG of .* cannot hold"):
        read_frame(tmp_path / "0.png")


@pytest.mark.parametrize("bits", [(1, 0), (2, 3), (8, 0), (8, 6), (16, 2), (16, 6)])
def test_a_png_that_packs_as_well_as_deflate_can_is_decoded(tmp_path: Path, bits: tuple[int, int]) -> None:
    depth, kind = bits
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[kind]
    row = 1 + (2000 * depth * channels + 7) // 8
    head = struct.pack(">IIBBBBB", 2000, 3000, depth, kind, 0, 0, 0)
    parts = [
        (b"IHDR", head),
        *([(b"PLTE", bytes(12))] if kind == 3 else []),
        (b"IDAT", zlib.compress(bytes(row * 3000), 9)),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in [*parts, (b"IEND", b"")]:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    (tmp_path / "0.png").write_bytes(data)
    assert read_frame(tmp_path / "0.png").shape == (3000, 2000, 3)


PACK_FIELDS: dict[str, Callable[[h5py.File], object]] = {
    "a mask of 8 TB": lambda file: replaced(file, f"{LARGE}/is_selected", (2**43,), "?"),
    "numbers of 16 GB": lambda file: replaced(file, f"{LARGE}/sharpness", (2**31,), "f8"),
    "keys of 16 GB": lambda file: replaced(file, "clips", (2**31,), h5py.string_dtype()),
    "frames of 30 GB": lambda file: replaced(file, f"{LARGE}/blur", (10, 100_000, 100_000, 3), "u1"),
    "two schemas": lambda file: file.attrs.__setitem__("schema", [1, 1]),
    "two formats": lambda file: file.attrs.__setitem__("format", [1, 1]),
    "another kind": lambda file: file.attrs.__setitem__("kind", "zip"),
    "two kinds": lambda file: file.attrs.__setitem__("kind", [1, 1]),
    "frames in chunks": lambda file: file.attrs.__setitem__("kind", "raw"),
    "one number": lambda file: replaced(file, f"{LARGE}/sharpness", (1,), "f8"),
}  # fmt: skip


def replaced(file: h5py.File, name: str, shape: tuple[int, ...], kind: object) -> None:
    """Put an empty field in place of another; it declares a size, and holds nothing."""
    del file[name]
    file.create_dataset(name, shape, kind, chunks=tuple(min(side, 64) for side in shape))


@pytest.mark.parametrize("change", PACK_FIELDS)
def test_a_pack_whose_fields_declare_something_else_is_refused_at_once(tmp_path: Path, change: str) -> None:
    pack_dataset(make_dataset(tmp_path / "made"), tmp_path / "made.h5", kind="zstd")
    with h5py.File(tmp_path / "made.h5", "a") as file:
        PACK_FIELDS[change](file)
    began = time.process_time()
    with pytest.raises(DatasetError, match="'hvdbench pack") as caught:
        open_reader(tmp_path / "made.h5")
    assert len(str(caught.value)) < 600
    assert time.process_time() - began < 5
