"""Sub-frames of exposures: on the disk, through every reader, in a pack, and in the windows of a training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_dataset import made_frames

from hvdbench.dataset.facts import Box, ClipReader, SomeClips, read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import FitError, InputError
from hvdbench.frames import list_series, write_clip, write_frame
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings, loader
from hvdbench.store import SERIES_FOLDER, Dataset, DatasetWriter

FRAMES, COUNT, HEIGHT, WIDTH = 12, 7, 20, 30
KEY, WITHOUT = "test/exposed", "train/plain"
TRUTH = np.stack([made_frames((FRAMES, HEIGHT, WIDTH), seed) for seed in range(COUNT)], axis=1)  # (T, N, H, W, 3)


def make(folder: Path, *, counts: tuple[int, ...] = (COUNT, 0)) -> Dataset:
    writer = DatasetWriter(folder, name="made", origin="demo", recipe={}, provenance={})
    for key, count in zip((KEY, WITHOUT), counts, strict=False):
        clip = writer.clip_folder(*key.split("/"))
        write_clip(clip.folder / "blur", TRUTH[:, 3])
        for frame in range(FRAMES if count else 0):
            for number in range(count):
                path = clip.folder / SERIES_FOLDER / f"{frame:08d}_{number + 1}.png"
                path.parent.mkdir(exist_ok=True)
                write_frame(path, TRUTH[frame, number])
        writer.finish(clip, clip.digest())
    return writer.dataset()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores") / "made"
    dataset = make(folder)
    packs = {kind: pack_dataset(dataset, folder.with_name(f"{kind}.h5"), kind=kind).path for kind in ("zstd", "raw")}
    return {"folder": folder, **packs}


@pytest.fixture(params=("folder", "zstd", "raw"))
def reader(request: pytest.FixtureRequest, stores: dict[str, Path]) -> ClipReader:
    return open_reader(stores[request.param])


def test_every_reader_gives_the_subframes_in_the_order_of_time(reader: ClipReader) -> None:
    clip, plain = reader.clips
    assert (clip.subframes, plain.subframes) == (COUNT, 0)
    assert clip.streams == ("blur", *(f"sharp_series/{number}" for number in range(1, COUNT + 1)))
    np.testing.assert_array_equal(read_subframes(reader, clip, range(FRAMES)), TRUTH)
    found = read_subframes(reader, clip, [10, 2, 2], Box(3, 5, 8, 9))
    np.testing.assert_array_equal(found, TRUTH[[10, 2, 2], :, 3:11, 5:14])
    with pytest.raises(InputError, match=r"'train/plain' of 'made' has no sub-frames"):
        read_subframes(reader, plain, [0])


def test_more_than_nine_subframes_are_counted_as_a_person_counts(tmp_path: Path) -> None:
    for number in range(1, 12):
        write_frame(tmp_path / f"00000000_{number}.png", TRUTH[0, 0])
    assert [paths[0].stem for paths in list_series(tmp_path)] == [f"00000000_{number}" for number in range(1, 12)]


def test_a_subframe_that_is_missing_is_an_error_and_never_a_gap(tmp_path: Path) -> None:
    dataset = make(tmp_path / "made", counts=(COUNT,))
    lost = dataset.folder / KEY / SERIES_FOLDER / "00000004_3.png"
    lost.rename(lost.with_name("00000004_8.png"))
    with pytest.raises(InputError, match=r"1, 2, 3, 4, 5, 6, 7, 8 of 12 frames, and some are missing"):
        open_reader(dataset.folder)
    lost.with_name("00000004_8.png").rename(lost.with_name("other.png"))
    with pytest.raises(InputError, match="is not named <frame>_<number>"):
        open_reader(dataset.folder)


def test_a_pack_may_leave_the_subframes_out_or_take_nothing_else(stores: dict[str, Path], tmp_path: Path) -> None:
    dataset = Dataset.open(stores["folder"])
    without = open_reader(pack_dataset(dataset, tmp_path / "without.h5", streams=["blur"]).path)
    assert without.clips[0].streams == ("blur",)
    only = open_reader(pack_dataset(dataset, tmp_path / "only.h5", streams=[SERIES_FOLDER]).path)
    assert only.clips[0].subframes == COUNT
    with pytest.raises(InputError, match=r"no clip has a stream 'sharp' \(found: blur, sharp_series\)"):
        pack_dataset(dataset, tmp_path / "none.h5", streams=["sharp"])


def test_windows_of_a_training_turn_subframes_as_they_turn_the_blurry_frame(stores: dict[str, Path]) -> None:
    reader = some_of(open_reader(stores["folder"]), KEY)
    windows = TrainingWindows(
        reader, WindowSettings(crop_px=16, clip_frames=2), 3, 8, with_sharp=False, with_subframes=True
    )
    for index in range(8):
        item = windows[index]
        assert item["subframes"].shape == (2, COUNT, 3, 16, 16)
        torch.testing.assert_close(item["subframes"][:, 3], item["blurry"])  # the blurry frames are the fourth ones
        assert not torch.equal(item["subframes"][:, 0], item["blurry"])
    batch = next(iter(loader(windows, 4)))
    assert batch["subframes"].dtype == torch.float32
    assert float(batch["subframes"].max()) <= 1
    torch.testing.assert_close(batch["subframes"][2], windows[2]["subframes"])


def test_other_trainings_do_not_read_the_subframes(stores: dict[str, Path]) -> None:
    reader = some_of(open_reader(stores["folder"]), KEY)
    windows = TrainingWindows(reader, WindowSettings(crop_px=16, clip_frames=2), 3, 1, with_sharp=False)
    assert sorted(windows[0]) == ["blurry", "index", "is_selected"]


def test_clips_without_subframes_are_refused_where_they_are_asked_for(tmp_path: Path, stores: dict[str, Path]) -> None:
    settings = WindowSettings(crop_px=16, clip_frames=2)
    with pytest.raises(FitError, match=r"'train/plain' has 0 sub-frames .* as the first \(7\)"):
        TrainingWindows(open_reader(stores["folder"]), settings, 0, 1, with_sharp=False, with_subframes=True)
    none = open_reader(make(tmp_path / "none", counts=(0, 0)).folder)
    with pytest.raises(FitError, match=r"has 0 sub-frames"):
        TrainingWindows(none, settings, 0, 1, with_sharp=False, with_subframes=True)


def some_of(reader: ClipReader, key: str) -> ClipReader:
    return SomeClips(reader, tuple(clip for clip in reader.clips if clip.key == key))
