import pickle
import signal
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from made_dataset import LARGE, SELECTED, SMALL, made_frames, make_dataset

from hvdbench.dataset.facts import Box, ClipReader
from hvdbench.dataset.folder_reader import open_reader, select_by_segments
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_clip, write_frame
from hvdbench.labels.sharpness import label_paper
from hvdbench.store import Dataset

STORES = ("folder", "zstd", "raw")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores") / "made"
    dataset = make_dataset(folder)
    packs = {kind: pack_dataset(dataset, folder.with_name(f"{kind}.h5"), kind=kind).path for kind in ("zstd", "raw")}
    return {"folder": folder, **packs}


@pytest.fixture(params=STORES)
def reader(request: pytest.FixtureRequest, stores: dict[str, Path]) -> ClipReader:
    return open_reader(stores[request.param])


def test_the_facts_are_those_of_the_dataset(reader: ClipReader, stores: dict[str, Path]) -> None:
    large, small = reader.clips
    assert (large.key, large.frame_count, large.height, large.width) == (LARGE, 19, 150, 200)
    assert large.streams == ("blur", "sharp", "sharp_centroid")
    assert (small.key, small.streams) == (SMALL, ("blur",))
    assert np.flatnonzero(large.is_selected).tolist() == [4, 10, 16]
    assert large.sharpness[4] == 2.0
    assert (reader.name, reader.origin) == ("made", "demo")
    assert reader.digest == open_reader(stores["folder"]).digest


def test_any_frames_and_any_box_are_the_pixels_of_the_png_files(reader: ClipReader, stores: dict[str, Path]) -> None:
    random = np.random.default_rng(0)
    for clip in reader.clips:
        for stream in clip.streams:
            whole = read_clip(stores["folder"] / clip.key / stream)
            np.testing.assert_array_equal(reader.read(clip.key, stream, range(clip.frame_count)), whole)
            for _ in range(12):
                frames = random.integers(0, clip.frame_count, 5).tolist()  # in any order, and some twice
                height, width = int(random.integers(1, clip.height + 1)), int(random.integers(1, clip.width + 1))
                top = int(random.integers(clip.height - height + 1))
                left = int(random.integers(clip.width - width + 1))
                found = reader.read(clip.key, stream, frames, Box(top, left, height, width))
                np.testing.assert_array_equal(found, whole[frames, top : top + height, left : left + width])


def test_what_is_not_there_is_refused_in_one_sentence(reader: ClipReader) -> None:
    with pytest.raises(InputError, match="no clip 'train/none'"):
        reader.read("train/none", "blur", [0])
    with pytest.raises(InputError, match=r"no stream 'sharp' \(known: blur\)"):
        reader.read(SMALL, "sharp", [0])
    with pytest.raises(InputError, match="frames 0 to 4, and frames -1 to 2"):
        reader.read(SMALL, "blur", [2, -1])
    with pytest.raises(InputError, match="and frames none"):
        reader.read(SMALL, "blur", [])
    for box in (Box(-1, 0, 4, 4), Box(0, 45, 4, 4), Box(0, 0, 0, 4)):
        with pytest.raises(InputError, match="not inside the 48x64 frames"):
            reader.read(SMALL, "blur", [0], box)


def test_a_reader_is_handed_on_while_it_is_open(reader: ClipReader) -> None:
    before = reader.read(LARGE, "blur", [0, 1])
    twin = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(twin.read(LARGE, "blur", [0, 1]), before)
    reader.close()
    np.testing.assert_array_equal(reader.read(LARGE, "blur", [0, 1]), before)


def test_a_fresh_process_reads_with_a_reader_that_it_was_handed(stores: dict[str, Path]) -> None:
    reader = open_reader(stores["zstd"])
    expected = int(reader.read(LARGE, "blur", [3]).sum())
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).read(sys.argv[1], 'blur', [3]).sum())"
    command = [sys.executable, "-c", code, LARGE]
    done = subprocess.run(command, input=pickle.dumps(reader), capture_output=True, check=True)
    assert int(done.stdout) == expected


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 on
@pytest.mark.parametrize("store", STORES)
def test_a_forked_process_reads_beside_its_parent(store: str, stores: dict[str, Path]) -> None:
    reader = open_reader(stores[store])
    expected = [int(reader.read(LARGE, "blur", [i]).sum()) for i in range(19)]
    with get_context("fork").Pool(2, initializer=_keep, initargs=(reader,)) as pool:
        waiting = pool.map_async(_sum, range(19))
        mine = [int(reader.read(LARGE, "blur", [i]).sum()) for i in range(19)]
        assert waiting.get(20) == mine == expected
        pool.close()
        pool.join()


def _keep(reader: ClipReader) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an earlier test may have left the command's handler to be inherited
    globals()["_reader"] = reader


def _sum(frame: int) -> int:
    return int(globals()["_reader"].read(LARGE, "blur", [frame]).sum())


def test_a_clip_without_labels_gets_the_papers_and_nothing_is_written(tmp_path: Path) -> None:
    make_dataset(tmp_path / "made", labelled=False)
    before = {path: path.read_bytes() for path in (tmp_path / "made").rglob("*.*")}
    clip = open_reader(tmp_path / "made").clips[0]
    expected = label_paper(made_frames((19, 150, 200), 0))
    np.testing.assert_array_equal(clip.is_selected, expected.is_selected)
    np.testing.assert_array_equal(clip.sharpness, expected.sharpness)
    pack_dataset(Dataset.open(tmp_path / "made"), tmp_path / "pack.h5")
    np.testing.assert_array_equal(open_reader(tmp_path / "pack.h5").clips[0].is_selected, expected.is_selected)
    assert {path: path.read_bytes() for path in (tmp_path / "made").rglob("*.*")} == before


def test_frames_are_selected_again_with_other_segments(stores: dict[str, Path]) -> None:
    selected = select_by_segments(open_reader(stores["folder"]).clips, 2)
    # above the threshold: 4, 10, 16; every other pair of frames gives its first, as all are equal
    assert np.flatnonzero(selected[LARGE]).tolist() == list(range(0, 19, 2))
    assert np.flatnonzero(selected[SMALL]).tolist() == [*SELECTED[SMALL], 4]


def test_a_folder_that_is_not_whole_is_told(tmp_path: Path) -> None:
    make_dataset(tmp_path / "made")
    (tmp_path / "made" / LARGE / "sharp" / "00000018.png").unlink()
    with pytest.raises(DatasetError, match="sharp contains 18 frames"):
        open_reader(tmp_path / "made")
    write_frame(tmp_path / "made" / LARGE / "sharp" / "00000018.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"00000018\.png is 8x8, and the clip's first frame is 200x150"):
        open_reader(tmp_path / "made").read(LARGE, "sharp", [18])


def test_what_is_neither_a_dataset_nor_a_pack_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_reader(tmp_path / "none.h5")
    with pytest.raises(DatasetError, match="not a dataset"):
        open_reader(tmp_path)
    (tmp_path / "text.h5").write_text("not a pack")
    with pytest.raises(DatasetError, match="not an HDF5 file"):
        open_reader(tmp_path / "text.h5")
