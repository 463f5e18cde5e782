"""Files that declare far more than they hold are refused before memory is taken, in a sentence."""

import struct
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
