import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_dataset import LARGE, SELECTED, SMALL, make_dataset
from numpy.typing import NDArray
from torch.utils.data import default_collate

from hvdbench.dataset.facts import ClipReader
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import FitError
from hvdbench.frames import read_clip, write_clip
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings, loader, nearest_selected, to_float
from hvdbench.store import Dataset, DatasetWriter

PLAIN = WindowSettings(crop_px=32, clip_frames=4, flips_and_turns=False)
TURNED = WindowSettings(crop_px=32, clip_frames=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "made"
    make_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def reader(folder: Path) -> ClipReader:
    return open_reader(folder)


def of_clip(windows: TrainingWindows, key: str) -> int:
    """Find a window of a clip."""
    return next(k for k in range(len(windows)) if windows.draw(k).clip.key == key)


def assert_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(b[name]), err_msg=name)


def test_the_nearest_selected_frame_is_the_earlier_of_two_equally_near() -> None:
    is_selected = np.isin(np.arange(9), [1, 3, 6])
    # frame 0: 1; 2 lies between 1 and 3; 4: 3; 5: 6; 7, 8: 6
    np.testing.assert_array_equal(nearest_selected(is_selected), [1, 1, 1, 3, 3, 6, 6, 6, 6])


def test_a_window_is_cut_out_of_the_frames_where_its_draw_says(reader: ClipReader, folder: Path) -> None:
    windows = TrainingWindows(reader, PLAIN, 3, 100)
    for key in (LARGE, SMALL):
        index = of_clip(windows, key)
        draw, item = windows.draw(index), windows[index]
        box = draw.box
        clip = read_clip(folder / key / "blur")[:, box.top : box.top + 32, box.left : box.left + 32]
        frames = np.arange(draw.start, draw.start + 4)
        nearest = [min(SELECTED[key], key=lambda j, i=i: (abs(j - i), j)) for i in frames]
        assert item["index"] == index
        assert item["blurry"].dtype == torch.float32
        assert item["blurry"].shape == item["sharp"].shape == (4, 3, 32, 32)
        np.testing.assert_array_equal(item["blurry"] * 255, clip[frames].transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(item["sharp"] * 255, clip[nearest].transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(item["nearest"], nearest - frames)
        np.testing.assert_array_equal(item["is_selected"], np.isin(frames, SELECTED[key]))
        assert item["nearest"].dtype == torch.int64
        assert item["is_selected"].dtype == torch.bool


def test_blurry_sharp_and_truth_are_mirrored_and_turned_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (6, 40, 48, 3), np.uint8)
    writer = DatasetWriter(tmp_path / "same", name="same", origin="demo", recipe={}, provenance={})
    clip = writer.clip_folder("train", "a")
    still = np.repeat(frames[:1], 6, axis=0)
    write_clip(clip.folder / "blur", still)
    write_clip(clip.folder / "sharp", still)
    write_clip(clip.folder / "sharp_centroid", 255 - still)
    writer.finish(clip, clip.digest())
    reader = open_reader(tmp_path / "same")
    mid = TrainingWindows(reader, TURNED, 0, 40, "mid")
    centroid = TrainingWindows(reader, TURNED, 0, 40, "centroid")
    seen = set()
    for k in range(40):
        draw, item = mid.draw(k), mid[k]
        seen.add((draw.mirrored, draw.turns))
        cut = still[0, draw.box.top : draw.box.top + 32, draw.box.left : draw.box.left + 32]
        turned = np.rot90(np.flip(cut, 1) if draw.mirrored else cut, draw.turns)
        for name in ("blurry", "sharp", "truth"):
            np.testing.assert_array_equal(item[name][0] * 255, turned.transpose(2, 0, 1), err_msg=name)
        np.testing.assert_array_equal(centroid[k]["truth"][0] * 255, 255 - turned.transpose(2, 0, 1))
    assert len(seen) == 8


def test_a_window_depends_on_seed_and_number_alone(reader: ClipReader) -> None:
    first, longer = TrainingWindows(reader, TURNED, 1, 10), TrainingWindows(reader, TURNED, 1, 50)
    assert_equal(first[7], longer[7])
    other = TrainingWindows(reader, TURNED, 2, 10)
    assert any(first.draw(k).box != other.draw(k).box for k in range(10))


@pytest.mark.parametrize("kind", ["zstd", "raw"])
def test_a_pack_gives_the_same_windows_as_the_folder(
    reader: ClipReader, folder: Path, tmp_path: Path, kind: str
) -> None:
    path = pack_dataset(Dataset.open(folder), tmp_path / "made.h5", kind=kind).path  # type: ignore[arg-type]
    packed = open_reader(path)
    ours, theirs = TrainingWindows(reader, TURNED, 0, 12), TrainingWindows(packed, TURNED, 0, 12)
    for k in range(12):
        assert_equal(ours[k], theirs[k])


def test_uint8_windows_become_the_same_floats_on_the_device(reader: ClipReader) -> None:
    windows = TrainingWindows(reader, TURNED, 0, 4)
    small = windows.in_uint8()
    assert small[1]["blurry"].dtype == torch.uint8
    assert not windows.as_uint8
    batch = to_float(default_collate([small[0], small[1]]))
    assert_equal(batch, default_collate([windows[0], windows[1]]))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 on
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_on_where_a_run_stopped_whatever_the_workers(reader: ClipReader, workers: int) -> None:
    windows = TrainingWindows(reader, TURNED, 0, 13)
    expected = [default_collate([windows[k], windows[k + 1]]) for k in (4, 6, 8, 10)]
    batches = loader(windows, 2, workers, 4)
    assert len(batches) == 4
    state = torch.random.get_rng_state()
    for found, wanted in zip(batches, expected, strict=True):
        assert_equal(found, wanted)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_two_processes_see_the_halves_of_one_twice_as_large_batch(reader: ClipReader) -> None:
    windows = TrainingWindows(reader, TURNED, 0, 10)
    whole = [batch["index"].tolist() for batch in loader(windows, 4, start=1)]
    parts = [[b["index"].tolist() for b in loader(windows, 2, start=1, rank=r, processes=2)] for r in (0, 1)]
    assert whole == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole


def test_crops_and_windows_shrink_to_what_every_clip_has(reader: ClipReader, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hvdbench"):
        windows = TrainingWindows(reader, WindowSettings(), 0, 4)
    assert windows[0]["blurry"].shape == (5, 3, 48, 48)
    assert "windows have 5 frames, not 10, since clip 'train/small' has no more" in caplog.text
    assert "crops are 48 px, not 256, since clip 'train/small' is no larger" in caplog.text


class Made:
    """A reader of one clip that is never read."""

    name, origin, digest = "made", "demo", "0"

    def __init__(self, reader: ClipReader, **changes: Any) -> None:
        self.clips = (replace(reader.clips[0], **changes),)

    def read(self, *_: object) -> NDArray[np.uint8]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_clips_that_cannot_be_trained_on_are_named(reader: ClipReader) -> None:
    none = np.zeros(19, bool)
    with pytest.raises(FitError, match="'train/large' has no selected frame to learn from"):
        TrainingWindows(Made(reader, is_selected=none), PLAIN, 0, 1)
    TrainingWindows(Made(reader, is_selected=none), PLAIN, 0, 1, "mid", with_sharp=False)
    with pytest.raises(FitError, match=r"'train/small' has no truth 'sharp' \(it has blur\)"):
        TrainingWindows(reader, PLAIN, 0, 1, "mid")
    with pytest.raises(FitError, match="'train/large' is 200x7, but a crop needs 8 px"):
        TrainingWindows(Made(reader, height=7), PLAIN, 0, 1)
    with pytest.raises(FitError, match="'train/large' has 1 frame, but a training window needs 2"):
        TrainingWindows(Made(reader, frame_count=1, is_selected=none[:1] == 0), PLAIN, 0, 1)


def test_another_selection_stands_in_for_the_labels(reader: ClipReader) -> None:
    chosen = {LARGE: np.arange(19) == 0}
    windows = TrainingWindows(reader, PLAIN, 0, 100, selection=chosen)
    index = of_clip(windows, LARGE)
    start = windows.draw(index).start
    np.testing.assert_array_equal(windows[index]["nearest"], -np.arange(start, start + 4))
    with pytest.raises(FitError, match=r"has 19 frames, but its selection has \(3,\)"):
        TrainingWindows(reader, PLAIN, 0, 1, selection={LARGE: np.ones(3, bool)})


def test_without_sharp_frames_none_are_read(reader: ClipReader) -> None:
    item = TrainingWindows(reader, PLAIN, 0, 1, with_sharp=False)[0]
    assert sorted(item) == ["blurry", "index", "is_selected"]


def test_a_window_past_the_end_is_no_window(reader: ClipReader) -> None:
    windows = TrainingWindows(reader, PLAIN, 0, 2)
    assert len(list(windows)) == 2
    with pytest.raises(IndexError):
        windows[-1]
