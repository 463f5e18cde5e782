"""Datasets in the forms of others: read back equal, by BSD's and BasicSR's own rules, and by lmdb's own reader."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from made_dataset import LARGE, SMALL, make_dataset

from hvdbench.cli.data.dataset import dataset as command
from hvdbench.dataset.exporting import FORMS, export_dataset
from hvdbench.dataset.importing import AdoptRequest, adopt
from hvdbench.errors import InputError
from hvdbench.frames import read_clip
from hvdbench.store import Dataset, DatasetWriter

FOLDERS = [name for name, form in FORMS.items() if not form.is_lmdb]


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "made")


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("transfer", ["link", "copy"])
@pytest.mark.parametrize("form", FOLDERS)
def test_folders_read_back_equal_and_the_dataset_stays_as_it_is(
    made: Dataset, tmp_path: Path, form: str, transfer: str
) -> None:
    before = files_of(made.folder)
    export_dataset(made, tmp_path / "out", form, transfer=transfer)
    places = FORMS[form]
    layout = f'title = "Back"\n[[patterns]]\nblurry = "{places.blurry}/*.png"\nsharp = "{places.sharp}/*.png"\n'
    (tmp_path / "back.toml").write_text(layout)
    record = json.loads((tmp_path / "out" / "hvdbench-export.json").read_text())
    assert record["digest"] == made.digest
    for exported, key in record["clips"].items():
        for stream, place in (("blur", places.blurry), ("sharp", places.sharp)):
            split, clip = exported.split("/")
            folder = tmp_path / "out" / place.format(split=split, clip=clip)
            assert folder.is_dir() == (made.folder / key / stream).is_dir()
            if folder.is_dir():
                np.testing.assert_array_equal(read_clip(folder), read_clip(made.folder / key / stream))
                assert next(folder.iterdir()).is_symlink() == (transfer == "link")
    assert files_of(made.folder) == before
    assert made.verify() == []


def test_an_exported_dataset_is_imported_again_with_the_same_frames(made: Dataset, tmp_path: Path) -> None:
    notes = export_dataset(made, tmp_path / "BSD_own", "bsd")
    assert notes == [
        "2 clips have other names here, which hvdbench-export.json lists",
        "1 clips have no truth 'mid', so only their blurry frames were written",
    ]
    layout = '[[patterns]]\nblurry = "{split}/{clip}/Blur/RGB/*.png"\nsharp = "{split}/{clip}/Sharp/RGB/*.png"\n'
    (tmp_path / "own.toml").write_text('title = "Own"\n' + layout)
    (tmp_path / "BSD_own" / "train" / "001").rename(tmp_path / "aside")  # it has no truth
    back = adopt(AdoptRequest(tmp_path / "BSD_own", str(tmp_path / "own.toml"), tmp_path / "back")).dataset
    (clip,) = back.clips()
    np.testing.assert_array_equal(clip.blurry(), read_clip(made.folder / LARGE / "blur"))
    np.testing.assert_array_equal(clip.truth("mid"), read_clip(made.folder / LARGE / "sharp"))


def test_bsd_is_as_its_own_reader_expects_it(made: Dataset, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "out", "bsd")
    clips = sorted((path.name for path in (tmp_path / "out" / "train").iterdir()), key=int)  # as ESTRNN sorts them
    assert clips == ["000", "001"]
    frames = sorted(path.name for path in (tmp_path / "out" / "train" / "000" / "Blur" / "RGB").iterdir())
    assert frames == [f"{number:08d}.png" for number in range(19)]


@pytest.mark.parametrize(("form", "last"), [("basicsr", ""), ("kair", " 00000000")])
def test_meta_info_has_name_number_and_shape_of_every_clip(made: Dataset, tmp_path: Path, form: str, last: str) -> None:
    export_dataset(made, tmp_path / "out", form)
    lines = (tmp_path / "out" / "meta_info_train_GT.txt").read_text().splitlines()
    assert lines == [f"large 19 (150,200,3){last}", f"small 5 (64,48,3){last}"]


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.is_lmdb])
def test_lmdb_files_read_back_equal_by_lmdbs_own_reader_under_basicsrs_keys(
    made: Dataset, tmp_path: Path, form: str
) -> None:
    lmdb = pytest.importorskip("lmdb", reason="needs the package lmdb")
    export_dataset(made, tmp_path / "out", form)
    for stream, place in (("blur", FORMS[form].blurry), ("sharp", FORMS[form].sharp)):
        path = tmp_path / "out" / place.format(split="train", clip="x").partition("/")[0]
        assert sorted(file.name for file in path.iterdir()) == ["data.mdb", "lock.mdb", "meta_info.txt"]
        lines = (path / "meta_info.txt").read_text().splitlines()
        environment = lmdb.open(str(path), readonly=True, lock=False)
        with environment.begin() as transaction:
            keys = {key.decode() for key, _ in transaction.cursor()}
            # A line is a picture's name, shape and level of compression; the name without its suffix is the key.
            assert keys == {line.split(" ")[0].split(".")[0] for line in lines}
            for line in lines:
                name, shape, level = line.split(" ")
                key = name.split(".png")[0]
                clip, frame = key.split("/")
                data = np.frombuffer(transaction.get(key.encode()), np.uint8)
                picture = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
                expected = read_clip(made.folder / "train" / clip / stream)[int(frame)]
                np.testing.assert_array_equal(picture, expected)
                assert shape == f"({expected.shape[0]},{expected.shape[1]},3)"
                assert level == "1"
        environment.close()
        assert len(keys) == (24 if stream == "blur" else 19)


def test_lmdb_that_is_not_installed_is_said_and_nothing_is_left(
    made: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(InputError, match=r"lmdb is not installed: run pip install hvdbench\[lmdb\]"):
        export_dataset(made, tmp_path / "out", "basicsr-lmdb")
    assert not (tmp_path / "out").exists()


def test_names_with_spaces_and_dots_become_words_where_lists_part_their_fields_by_these(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "made", name="made", origin="demo", recipe={}, provenance={})
    source = make_dataset(tmp_path / "source")
    for name in ("a walk", "a.walk"):
        clip = writer.clip_folder("train", name)
        shutil.copytree(source.folder / SMALL / "blur", clip.folder / "blur")
        writer.finish(clip, clip.digest())
    export_dataset(writer.dataset(), tmp_path / "out", "basicsr")
    lines = (tmp_path / "out" / "meta_info_train_GT.txt").read_text().splitlines()
    assert lines == ["a-walk 5 (64,48,3)", "a-walk-2 5 (64,48,3)"]
    clips = json.loads((tmp_path / "out" / "hvdbench-export.json").read_text())["clips"]
    assert clips == {"train/a-walk": "train/a walk", "train/a-walk-2": "train/a.walk"}


def test_the_other_truth_is_written_on_request(made: Dataset, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "out", "gopro", truth="centroid")
    np.testing.assert_array_equal(
        read_clip(tmp_path / "out" / "train" / "large" / "sharp"), read_clip(made.folder / LARGE / "sharp_centroid")
    )


def test_a_truth_that_is_not_there_is_asked_for_by_the_other_name(made: Dataset, tmp_path: Path) -> None:
    (made.folder / LARGE / "sharp").rename(tmp_path / "aside")
    with pytest.raises(InputError, match=r"has no truth 'mid', but the other: choose another --truth"):
        export_dataset(made, tmp_path / "out", "gopro")


def test_nothing_is_written_over_or_into_what_is_there(made: Dataset, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="full is not empty: choose another --out"):
        export_dataset(made, tmp_path / "full", "gopro")
    for out in (made.folder / "out", tmp_path):
        with pytest.raises(InputError, match="is inside the other: choose another --out"):
            export_dataset(made, out, "gopro")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_the_command_writes_and_says_so(made: Dataset, tmp_path: Path) -> None:
    asked = ["export", str(made.folder), "--as", "gopro", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(command, asked)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'out'} has been written as gopro reads it" in result.output
    assert (tmp_path / "out" / "train" / "large" / "blur" / "000018.png").is_symlink()


def test_the_command_offers_every_form() -> None:
    (choice,) = [option.type for option in command.commands["export"].params if option.name == "form"]
    assert list(choice.choices) == list(FORMS)
