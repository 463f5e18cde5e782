import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import hdf5plugin
import numpy as np
import pytest
from click.testing import CliRunner
from made_dataset import LARGE, SMALL, make_dataset

from hvdbench.cli.data.pack import pack as pack_command
from hvdbench.dataset import packing
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.pack_reader import decode, encode
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_clip
from hvdbench.store import Dataset
from hvdbench.workspace.engine import Engine


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "made")


def test_a_coded_column_is_what_one_works_out_by_hand() -> None:
    # green 10, 30, 20; red 12, 29, 30; blue 9, 30, 20, in chunks of two rows
    column = np.array([[12, 10, 9], [29, 30, 30], [30, 20, 20]], np.uint8).reshape(1, 3, 1, 3)
    # red - green: 2, -1, 10; blue - green: -1, 0, 0; then row 1 minus row 0, row 2 begins a chunk
    coded = np.array([[2, 10, 255], [253, 20, 1], [10, 20, 0]], np.uint8).reshape(1, 3, 1, 3)
    np.testing.assert_array_equal(encode(column, 2), coded)
    np.testing.assert_array_equal(decode(coded, 2), column)


@pytest.mark.parametrize("height", [1, 2, 127, 128, 129, 300])
def test_every_value_survives_the_coding(height: int) -> None:
    frames = np.random.default_rng(height).integers(0, 256, (3, height, 5, 3), np.uint8)
    before = frames.copy()
    np.testing.assert_array_equal(decode(encode(frames, 128), 128), frames)
    np.testing.assert_array_equal(frames, before)


def test_a_pack_says_what_it_holds(dataset: Dataset) -> None:
    pack = pack_dataset(dataset)
    assert (pack.path, pack.clips, pack.frames, pack.is_new) == (dataset.folder.with_name("made.h5"), 2, 62, True)
    assert pack.size_bytes == pack.path.stat().st_size
    with h5py.File(pack.path) as file:
        assert file.attrs["format"] == "hvdbench pack"
        assert (file.attrs["digest"], file.attrs["origin"]) == (dataset.digest, "demo")
        clip = file[LARGE]
        assert clip.attrs["sha256"] == dataset.manifest["clips"][LARGE]
        assert clip["blur"].chunks == (8, 128, 128, 3)
        assert file[SMALL]["blur"].chunks == (5, 64, 48, 3)
        assert list(clip["blur"]._filters) == ["32015"]  # zstd's registered number
        assert list(file[SMALL].attrs["streams"]) == ["blur"]
        assert "sharpness" in clip
    assert [path.name for path in dataset.folder.parent.iterdir() if path.name.startswith(".")] == []


def test_the_lines_in_the_docs_read_a_stream(dataset: Dataset) -> None:
    with h5py.File(pack_dataset(dataset).path) as file:
        coded = file[LARGE]["blur"][0:8]
    for top in range(0, coded.shape[1], 128):
        coded[:, top : top + 128] = coded[:, top : top + 128].cumsum(axis=1, dtype="uint8")
    coded[..., 0] += coded[..., 1]
    coded[..., 2] += coded[..., 1]
    np.testing.assert_array_equal(coded, read_clip(dataset.folder / LARGE / "blur")[:8])


def test_a_raw_pack_lies_in_one_piece_a_stream(dataset: Dataset) -> None:
    pack = pack_dataset(dataset, kind="raw")
    with h5py.File(pack.path) as file:
        stored = file[LARGE]["sharp"]
        start, shape = stored.id.get_offset(), stored.shape
    mapped = np.memmap(pack.path, np.uint8, "r", start, shape)
    np.testing.assert_array_equal(mapped, read_clip(dataset.folder / LARGE / "sharp"))


def test_the_bytes_do_not_depend_on_the_workers_or_the_time(dataset: Dataset, tmp_path: Path) -> None:
    one = pack_dataset(dataset, tmp_path / "one.h5")
    two = pack_dataset(dataset, tmp_path / "two.h5", engine=Engine(2))  # seconds later
    assert one.path.read_bytes() == two.path.read_bytes()


def test_only_the_streams_asked_for_are_packed_and_always_the_blurry_one(dataset: Dataset) -> None:
    reader = open_reader(pack_dataset(dataset, streams=["sharp"]).path)
    assert [clip.streams for clip in reader.clips] == [("blur", "sharp"), ("blur",)]
    with pytest.raises(InputError, match="no stream named 'shrap'"):
        pack_dataset(dataset, streams=["shrap"])


def test_a_stream_that_no_clip_has_is_refused(dataset: Dataset) -> None:
    shutil.rmtree(dataset.folder / LARGE / "sharp")
    with pytest.raises(InputError, match=r"no clip has a stream 'sharp' \(found: blur, sharp_centroid\)"):
        pack_dataset(dataset, streams=["sharp"])


def test_the_same_pack_is_kept_another_refused_unless_overwritten(dataset: Dataset) -> None:
    pack = pack_dataset(dataset)
    written = pack.path.stat().st_mtime_ns
    assert not pack_dataset(dataset).is_new
    assert pack.path.stat().st_mtime_ns == written
    with pytest.raises(DatasetError, match=r"other data or settings: choose another file with -o, or --overwrite"):
        pack_dataset(dataset, kind="raw")
    assert pack_dataset(dataset, kind="raw", overwrite=True).is_new


def test_new_labels_make_another_pack(dataset: Dataset) -> None:
    pack_dataset(dataset)
    with h5py.File(dataset.folder / LARGE / "tracks.h5", "a") as tracks:
        tracks["labels/paper/is_sharp"][0] = True
    with pytest.raises(DatasetError, match="other data or settings"):
        pack_dataset(dataset)


def test_what_is_no_pack_is_not_replaced_without_being_asked(dataset: Dataset, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = 1
    with pytest.raises(DatasetError, match="is an HDF5 file, but not a pack"):
        pack_dataset(dataset, tmp_path / "other.h5")
    with pytest.raises(InputError, match="is a folder: name the file"):
        pack_dataset(dataset, tmp_path)


def test_a_stopped_run_goes_on_where_it_was(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = dataset.folder / SMALL / "blur" / "00000003.png"
    good = frame.read_bytes()
    frame.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"00000003\.png is not a picture"):
        pack_dataset(dataset)
    assert not dataset.folder.with_name("made.h5").exists()
    frame.write_bytes(good)
    packed = []
    real = packing._pack_clip
    monkeypatch.setattr(packing, "_pack_clip", lambda job: (packed.append(job.facts.key), real(job)))
    pack = pack_dataset(dataset)
    assert packed == [SMALL]
    fresh = pack_dataset(dataset, dataset.folder.with_name("fresh.h5"))
    assert pack.path.read_bytes() == fresh.path.read_bytes()


def test_packing_holds_a_few_frames_at_a_time(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    most = []
    real = packing.read_frames
    monkeypatch.setattr(packing, "read_frames", lambda files, folder: (most.append(len(files)), real(files, folder))[1])
    pack_dataset(dataset)
    assert max(most) == 8


def test_a_truncated_pack_and_one_of_another_schema_are_told(dataset: Dataset) -> None:
    path = pack_dataset(dataset).path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"made.h5 is truncated: a pack was expected; make it again"):
        open_reader(path)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 99
    with pytest.raises(DatasetError, match="pack of schema 99, and this version reads 1"):
        open_reader(path)
    assert pack_dataset(dataset, overwrite=True).is_new


def test_a_damaged_chunk_and_a_missing_clip_are_told(dataset: Dataset) -> None:
    path = pack_dataset(dataset).path
    with h5py.File(path) as file:
        place = file[SMALL]["blur"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place : place + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="train/small/blur is damaged"):
        open_reader(path).read(SMALL, "blur", [0])
    with h5py.File(path, "a") as file:
        del file[SMALL]["is_selected"]
    with pytest.raises(DatasetError, match="incomplete pack"):
        open_reader(path)


def test_without_the_plugin_zstd_is_refused_and_raw_works(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack_dataset(dataset).path
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    for attempt in (lambda: open_reader(path), lambda: pack_dataset(dataset, overwrite=True)):
        with pytest.raises(
            DatasetError, match=r"need the package hdf5plugin.*pip install hdf5plugin, or pack with --raw"
        ):
            attempt()
    raw = pack_dataset(dataset, path.with_name("raw.h5"), kind="raw").path
    assert open_reader(raw).read(SMALL, "blur", [0]).shape == (1, 64, 48, 3)


def test_real_frames_are_packed_no_larger_than_png(shared: Path, tmp_path: Path) -> None:
    real = shared / "data" / "paired" / "reds_020_720p_f000-007" / "blur"
    frames = read_clip(real)[:, :512, :512]
    png = sum(len(cv2.imencode(".png", frame[..., ::-1])[1]) for frame in frames)
    with h5py.File(tmp_path / "real.h5", "w") as file:
        layout = dict(chunks=(8, 128, 128, 3), **hdf5plugin.Zstd(clevel=packing.ZSTD_LEVEL))
        stored = file.create_dataset("blur", data=encode(frames, 128), **layout)
        assert stored.id.get_storage_size() <= 1.0 * png


def test_the_command_packs_and_says_so(dataset: Dataset) -> None:
    first = CliRunner().invoke(pack_command, [str(dataset.folder), "--engine", "local:1"], catch_exceptions=False)
    assert "made.h5: packed, 2 clips, 62 frames" in first.stdout
    again = CliRunner().invoke(pack_command, [str(dataset.folder), "--engine", "local:1"], catch_exceptions=False)
    assert "made.h5: is packed already" in again.stdout
    out = dataset.folder.with_name("raw.h5")
    arguments = [str(dataset.folder), "-o", str(out), "--raw", "--streams", "blur, sharp", "--engine", "local:1"]
    CliRunner().invoke(pack_command, arguments, catch_exceptions=False)
    assert [clip.streams for clip in open_reader(out).clips] == [("blur", "sharp"), ("blur",)]


def test_the_command_answers_a_folder_that_is_no_dataset_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(pack_command, [str(tmp_path)])
    assert isinstance(result.exception, DatasetError)
    assert "is not a dataset" in str(result.exception)


def test_packing_and_reading_do_without_torch() -> None:
    code = (
        "import sys, hvdbench.dataset.packing; sys.exit(any(name in sys.modules for name in ('torch', 'hdf5plugin')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
