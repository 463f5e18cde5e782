import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hvdbench.errors import DatasetError
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import select_sharp
from hvdbench.labels.stored import write_labels
from hvdbench.store import ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder

BLURRY = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
RECIPE = {"fps": 240, "lens": {"stroke_deg": 0.7}}


def open_writer(folder: Path, **changes) -> DatasetWriter:
    settings = {"name": "toy", "origin": "simulated", "recipe": RECIPE, "provenance": {"licence": "CC0"}} | changes
    return DatasetWriter(folder, **settings)


def add_clip(writer: DatasetWriter, name: str, split: str = "train") -> ClipFolder:
    clip = writer.clip_folder(split, name)
    with atomic_folder(clip.folder) as folder:
        write_clip(folder / "blur", BLURRY)
        write_clip(folder / "sharp", 255 - BLURRY)
        ClipFolder(folder).edit_tracks(fill_tracks)
        digest = ClipFolder(folder).digest()
    writer.finish(clip, digest)
    return clip


def fill_tracks(tracks: h5py.File) -> None:
    tracks["t_s"] = np.array([0.0, 1 / 30])
    tracks["oracle/class"] = np.array([0, 2], np.uint8)
    tracks.attrs["origin"] = "simulated"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "toy"


def test_labels_made_by_hand_outlive_overwriting(tmp_path):
    add_clip(open_writer(tmp_path / "d"), "a")
    kept = tmp_path / "d" / "annotations" / "eve.csv"
    kept.parent.mkdir()
    kept.write_text("clip,frame,label\n")
    open_writer(tmp_path / "d", recipe={"other": 1}, overwrite=True)
    assert kept.is_file()
    assert not (tmp_path / "d" / "train" / "a").exists()


def test_a_dataset_reads_back_what_was_written(folder):
    writer = open_writer(folder)
    add_clip(writer, "b")
    add_clip(writer, "a")
    add_clip(writer, "z", split="test")
    dataset = Dataset.open(folder)
    assert (dataset.name, dataset.origin) == ("toy", "simulated")
    assert [(clip.split, clip.name) for clip in dataset.clips()] == [("test", "z"), ("train", "a"), ("train", "b")]
    clip = dataset.clips("test")[0]
    np.testing.assert_array_equal(clip.blurry(), BLURRY)
    np.testing.assert_array_equal(clip.truth("mid"), 255 - BLURRY)
    assert clip.truth("centroid") is None
    np.testing.assert_array_equal(clip.track("oracle/class"), [0, 2])
    assert clip.track("oracle/object_mask") is None
    assert clip.attributes() == {"origin": "simulated"}


def test_the_manifest_tells_recipe_digest_and_provenance(folder):
    writer = open_writer(folder)
    add_clip(writer, "a")
    writer.dataset()
    manifest = json.loads((folder / "dataset.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["recipe"] == RECIPE
    assert len(manifest["recipe_digest"]) == 16
    assert manifest["provenance"] == {"licence": "CC0"}
    assert manifest["versions"].keys() == {"hvdbench", "numpy"}
    assert list(manifest["clips"]) == ["train/a"]
    assert len(manifest["clips"]["train/a"]) == 64


def test_the_same_clips_give_the_same_bytes_in_any_order(tmp_path):
    for name, order in (("one", "ab"), ("two", "ba")):
        writer = open_writer(tmp_path / name)
        for clip in order:
            add_clip(writer, clip)
    assert (tmp_path / "one" / "dataset.json").read_bytes() == (tmp_path / "two" / "dataset.json").read_bytes()
    assert Dataset.open(tmp_path / "one").digest == Dataset.open(tmp_path / "two").digest


def test_a_killed_run_goes_on_where_it_was(folder):
    add_clip(open_writer(folder), "a")
    half = folder / "train" / ".partial-99999999-b"  # no process has that number
    (half / "blur").mkdir(parents=True)
    writer = open_writer(folder)
    assert writer.has("train", "a")
    assert not writer.has("train", "b")
    add_clip(writer, "b")
    assert not half.exists()
    assert [clip.name for clip in writer.dataset().clips()] == ["a", "b"]
    assert writer.dataset().verify() == []


def test_a_clip_that_was_deleted_is_made_again(folder):
    clip = add_clip(open_writer(folder), "a")
    clip.folder.rename(folder.parent / "elsewhere")
    assert not open_writer(folder).has("train", "a")


def test_provenance_does_not_decide_whether_it_is_the_same_dataset(folder):
    add_clip(open_writer(folder), "a")
    assert open_writer(folder, provenance={"licence": "none"}).has("train", "a")


def test_a_dataset_from_other_values_is_refused_and_left_alone(folder):
    clip = add_clip(open_writer(folder), "a")
    with pytest.raises(DatasetError, match=r"made from other values \(digest [0-9a-f]{16}, asked for [0-9a-f]{16}\)"):
        open_writer(folder, recipe={"fps": 120})
    assert clip.folder.is_dir()
    assert Dataset.open(folder).verify() == []


def test_overwrite_begins_anew_where_values_differ(folder):
    clip = add_clip(open_writer(folder), "a")
    writer = open_writer(folder, recipe={"fps": 120}, overwrite=True)
    assert not writer.has("train", "a")
    assert not clip.folder.exists()


def test_a_folder_that_only_a_file_manager_has_looked_into_is_empty(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/.DS_Store").write_bytes(b"system")
    add_clip(open_writer(tmp_path / "toy"), "a")
    (tmp_path / "toy/train/a/blur/._00000000.png").write_bytes(b"system")
    assert Dataset.open(tmp_path / "toy").verify() == []


def test_a_folder_of_something_else_is_refused_and_left_alone(folder):
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(DatasetError, match=r"is not empty and contains no dataset\.json"):
            open_writer(folder, overwrite=overwrite)
    assert (folder / "thesis.tex").exists()


def add_byte(clip: ClipFolder) -> None:
    path = clip.folder / "blur" / "00000001.png"
    path.write_bytes(path.read_bytes() + b"\0")


def change_byte(clip: ClipFolder) -> None:
    path = clip.folder / "sharp" / "00000000.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def drop_frame(clip: ClipFolder) -> None:
    (clip.folder / "blur" / "00000000.png").unlink()


def change_truth(clip: ClipFolder) -> None:
    (clip.folder / "sharp").rename(clip.folder / "sharp_centroid")


def change_track(clip: ClipFolder) -> None:
    def edit(tracks: h5py.File) -> None:
        tracks["oracle/class"][0] = 1

    clip.edit_tracks(edit)


def break_tracks(clip: ClipFolder) -> None:
    clip.tracks_path.write_bytes(clip.tracks_path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [add_byte, change_byte, drop_frame, change_truth, change_track, break_tracks])
def test_verify_finds_a_changed_clip_and_names_it(folder, damage: Callable[[ClipFolder], None]):
    writer = open_writer(folder)
    add_clip(writer, "a")
    damage(add_clip(writer, "b"))
    assert Dataset.open(folder).verify() == [f"{folder / 'train' / 'b'} differs from what was written"]


def test_verify_finds_a_missing_clip(folder):
    clip = add_clip(open_writer(folder), "a")
    clip.folder.rename(folder / "elsewhere")
    assert Dataset.open(folder).verify() == [f"{clip.folder} is missing"]


def test_labels_do_not_change_a_clips_digest(folder):
    clip = add_clip(open_writer(folder), "a")
    before = clip.digest()
    write_labels(clip, select_sharp(np.array([1.0, 9.0])))
    assert clip.track("labels/paper/is_sharp") is not None
    assert clip.digest() == before
    assert Dataset.open(folder).verify() == []


def test_an_edit_of_the_tracks_that_fails_changes_nothing(folder):
    clip = add_clip(open_writer(folder), "a")
    before = clip.tracks_path.read_bytes()

    def edit(tracks: h5py.File) -> None:
        tracks["oracle/class"][0] = 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clip.edit_tracks(edit)
    assert clip.tracks_path.read_bytes() == before
    assert not list(clip.folder.glob(".partial-*"))


def test_a_clip_without_tracks_has_no_fields_and_can_get_some(tmp_path):
    write_clip(tmp_path / "a" / "blur", BLURRY)
    clip = ClipFolder(tmp_path / "a")
    assert clip.track("t_s") is None
    assert clip.attributes() == {}
    clip.edit_tracks(fill_tracks)
    assert clip.track("t_s") is not None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", r"dataset\.json is not JSON"),
        (b"\xff\xfe\x00", r"dataset\.json is not JSON"),
        (b"[]", r"dataset\.json is not the manifest of a dataset"),
        (b'{"clips": {}, "schema": 2}', r"dataset\.json has schema 2, and this version reads 1"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_why(folder, content, sentence):
    folder.mkdir()
    (folder / "dataset.json").write_bytes(content)
    with pytest.raises(DatasetError, match=sentence):
        Dataset.open(folder)


def test_a_folder_without_a_manifest_says_how_to_make_one(folder):
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"contains no dataset\.json \(make one with 'hvdbench synth'\)"):
        Dataset.open(folder)


def test_a_split_without_clips_is_named(folder):
    add_clip(open_writer(folder), "a")
    with pytest.raises(DatasetError, match="contains no finished clip in split 'test'"):
        Dataset.open(folder).clips("test")
