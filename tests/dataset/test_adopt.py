"""Others' releases as datasets: layouts, pairs, links, names and what is refused."""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from hvdbench.dataset import importing
from hvdbench.dataset.importing import Adopted, adopt
from hvdbench.errors import DatasetError, HvdbenchError, InputError, UnknownNameError
from hvdbench.frames import read_clip, read_frame, write_frame
from hvdbench.sources.release import find_clips
from hvdbench.store import Dataset

AdoptRequest = partial(importing.AdoptRequest, incomplete=True)  # a few clips stand for a release; test_wholeness.py


def write_pictures(folder: Path, count: int = 3, *, start: int = 0, name: str = "{:08d}.png", size=(24, 16)) -> Path:
    """Pictures of one colour each, which tells the folder's kind and the number."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        level = (200 if "sharp" in folder.parts or "GT" in folder.parts else 0) + index
        write_frame(folder / name.format(start + index), np.full((size[1], size[0], 3), level, np.uint8))
    return folder


def gopro(root: Path) -> Path:
    for clip in ("train/GOPR0372_07_00", "test/GOPR0384_11_00"):
        for kind in ("blur", "blur_gamma", "sharp"):
            write_pictures(root / clip / kind, start=47, name="{:06d}.png")
    return root


def reds(root: Path, *, nested: bool = True) -> Path:
    for split in ("train", "val"):
        for kind in ("blur", "sharp"):
            write_pictures(root / (split if nested else "") / f"{split}_{kind}" / "000")
    return root


def take(root: Path, layout: str, **values) -> Adopted:
    return adopt(AdoptRequest(root, layout, root.parent / "dataset", **values))


def keys(adopted: Adopted) -> list[str]:
    return [f"{clip.split}/{clip.name}" for clip in adopted.dataset.clips()]


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("transfer", ["link", "copy"])
def test_gopro_becomes_a_dataset_and_stays_as_it_is(tmp_path, transfer):
    root = gopro(tmp_path / "GOPRO_Large")
    before = tree(root)
    adopted = take(root, "gopro", transfer=transfer)
    dataset = adopted.dataset
    assert (dataset.name, dataset.origin) == ("gopro-subset", "measured")
    assert keys(adopted) == ["test/GOPR0384_11_00", "train/GOPR0372_07_00"]
    for clip in dataset.clips():
        np.testing.assert_array_equal(clip.blurry()[:, 0, 0, 0], [0, 1, 2])
        np.testing.assert_array_equal(clip.truth("mid")[:, 0, 0, 0], [200, 201, 202])
        assert clip.truth("centroid") is None
        assert (clip.folder / "blur" / "00000002.png").is_symlink() == (transfer == "link")
    assert dataset.clips("test")[0].track("t_s") == pytest.approx([0, 11 / 240, 22 / 240])
    assert dataset.clips("train")[0].attributes()["licence"] == "CC BY 4.0 (GOPRO_Large)"
    assert dataset.verify() == []
    assert tree(root) == before


def test_links_and_copies_have_one_digest(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    linked = adopt(AdoptRequest(root, "gopro", tmp_path / "linked"))
    copied = adopt(AdoptRequest(root, "gopro", tmp_path / "copied", transfer="copy"))
    assert linked.dataset.digest == copied.dataset.digest


def test_a_release_that_changes_or_goes_is_told_by_verify(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    dataset = take(root, "gopro").dataset
    write_frame(root / "test/GOPR0384_11_00/blur/000047.png", np.full((16, 24, 3), 9, np.uint8))
    (fault,) = dataset.verify()
    assert fault.endswith("GOPR0384_11_00 differs from what was written")
    shutil.rmtree(root)
    assert len(dataset.verify()) == 2


def test_names_that_frames_had_stay_in_the_manifest(tmp_path):
    adopted = take(gopro(tmp_path / "GOPRO_Large"), "gopro")
    names = adopted.dataset.manifest["provenance"]["original_names"]
    assert names["test/GOPR0384_11_00"] == {"blur": "000047.png … 000049.png", "sharp": "000047.png … 000049.png"}
    root = write_pictures(tmp_path / "hvd/train/blur/a").parents[2]
    (root / "train/blur/a/00000002.png").rename(root / "train/blur/a/00000005.png")
    odd = adopt(AdoptRequest(root, "hvd-official", tmp_path / "odd"))
    assert odd.dataset.manifest["provenance"]["original_names"] == {
        "train/a": {"blur": ["00000000.png", "00000001.png", "00000005.png"]}
    }
    whole = adopt(AdoptRequest(reds(tmp_path / "REDS"), "reds", tmp_path / "whole"))
    assert whole.dataset.manifest["provenance"]["original_names"] == {}


def test_the_other_blur_of_gopro_is_another_dataset_by_name(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    shutil.rmtree(root / "test/GOPR0384_11_00/blur")  # it is not looked at
    word = take(root, "gopro", blur="blur_gamma")
    assert word.dataset.name == "gopro-blur_gamma-subset"
    assert word.dataset.manifest["recipe"]["patterns"][0] == "{split}/{clip}/blur_gamma/*.png"
    pattern = adopt(AdoptRequest(root, "gopro", tmp_path / "b", name="g", blur="{split}/{clip}/blur_gamma/*.png"))
    assert (pattern.dataset.name, pattern.dataset.digest) == ("g", word.dataset.digest)


@pytest.mark.parametrize("nested", [True, False])
def test_reds_is_read_nested_or_flat_and_its_validation_clips_are_test(tmp_path, nested):
    adopted = take(reds(tmp_path / "REDS", nested=nested), "reds")
    assert keys(adopted) == ["test/val_000", "train/000"]
    assert adopted.dataset.clips("train")[0].track("t_s") == pytest.approx(np.arange(3) / 24)


def test_a_split_without_any_truth_is_taken_without(tmp_path):
    root = reds(tmp_path / "REDS")
    write_pictures(root / "test" / "test_blur" / "000")
    adopted = take(root, "reds")
    assert keys(adopted) == ["test/000", "test/val_000", "train/000"]
    assert adopted.dataset.clips("test")[0].truth("mid") is None
    assert "there is no truth for test" in adopted.notes


OFFICIAL = [
    ("{split}/blur/{clip}", "{split}/sharp/{clip}"),
    ("{split}/blur/{clip}", "{split}/GT/{clip}"),
    ("{split}/{clip}/blur", "{split}/{clip}/sharp"),
]


@pytest.mark.parametrize(("blur", "sharp"), OFFICIAL)
def test_the_authors_goproshake_is_found_by_guesses_and_that_is_said(tmp_path, blur, sharp):
    root = tmp_path / "release"
    for folder in (blur, sharp):
        write_pictures(root / folder.format(split="train", clip="001"))
    adopted = take(root, "goproshake-official")
    assert (adopted.dataset.name, adopted.dataset.origin) == ("goproshake-official", "measured")
    assert adopted.dataset.clips()[0].truth("mid") is not None
    note = (
        f"the layout of goproshake-official is not known here, and {blur}/*.png and {sharp}/*.png is a guess that fits"
    )
    assert adopted.notes == (note,)
    assert adopted.dataset.manifest["provenance"]["notes"] == [note]


def test_patterns_say_how_any_release_is_laid_out(tmp_path):
    root = tmp_path / "release"
    write_pictures(root / "data/testing/hand_a/in")
    write_pictures(root / "data/testing/hand_a/sharp")
    adopted = take(
        root, "goproshake-official", blur="data/{split}/{clip}/in/*", sharp="data/{split}/{clip}/sharp/*.png"
    )
    assert keys(adopted) == ["test/hand_a"]
    assert adopted.notes == ("it was read as data/{split}/{clip}/in/* and data/{split}/{clip}/sharp/*.png",)


@pytest.mark.parametrize("folders", ["test/blur/002", "test_blur/002", "test/002"])
def test_the_authors_hvd_has_no_truth(tmp_path, folders):
    write_pictures(tmp_path / "hvd" / folders)
    adopted = take(tmp_path / "hvd", "hvd-official")
    assert keys(adopted) == ["test/002"]
    clip = adopted.dataset.clips()[0]
    assert clip.truth("mid") is None
    assert clip.track("t_s") is None  # its rate is not known
    assert clip.attributes()["origin"] == "measured"


def test_without_split_in_the_pattern_all_is_test(tmp_path):
    write_pictures(tmp_path / "hvd" / "002")
    assert keys(take(tmp_path / "hvd", "hvd-official", blur="{clip}/*")) == ["test/002"]


def test_frames_that_are_no_png_are_decoded_and_written_as_png(tmp_path):
    folder = write_pictures(tmp_path / "hvd/test/blur/a", name="{}.jpg", start=9)  # 9, 10, 11: in the order of counting
    adopted = take(tmp_path / "hvd", "hvd-official")
    clip = adopted.dataset.clips()[0]
    np.testing.assert_array_equal(clip.blurry(), read_clip(folder))
    assert not (clip.folder / "blur/00000000.png").is_symlink()
    assert "3 frames are not 8-bit RGB PNGs, so they were decoded and written as such" in adopted.notes
    names = adopted.dataset.manifest["provenance"]["original_names"]
    assert names == {"test/a": {"blur": "9.jpg … 11.jpg"}}


def test_a_png_that_is_not_8_bit_rgb_is_decoded_too(tmp_path):
    folder = write_pictures(tmp_path / "hvd/test/blur/a")
    cv2.imwrite(str(folder / "00000001.png"), np.full((16, 24), 257 * 7, np.uint16))
    adopted = take(tmp_path / "hvd", "hvd-official")
    clip = adopted.dataset.clips()[0]
    assert [(clip.folder / "blur" / f"{i:08d}.png").is_symlink() for i in range(3)] == [True, False, True]
    assert cv2.imread(str(clip.folder / "blur/00000001.png"), cv2.IMREAD_UNCHANGED).shape == (16, 24, 3)
    assert (clip.blurry()[1] == 7).all()
    assert "1 frames are not 8-bit RGB PNGs, so they were decoded and written as such" in adopted.notes


def test_a_folder_that_holds_the_release_will_do(tmp_path):
    adopted = adopt(AdoptRequest(gopro(tmp_path / "data/GOPRO_Large").parent, "gopro", tmp_path / "dataset"))
    assert "it was found in GOPRO_Large" in adopted.notes
    gopro(tmp_path / "data/again")
    with pytest.raises(InputError, match=r"data contains several releases \(GOPRO_Large, again\): name one"):
        adopt(AdoptRequest(tmp_path / "data", "gopro", tmp_path / "other"))


def test_folders_without_pictures_and_what_is_hidden_are_passed_over(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    for kind in ("blur", "sharp"):
        (root / "test/empty" / kind).mkdir(parents=True)
        write_pictures(root / "test/.hidden" / kind)
    (root / "test/GOPR0384_11_00/blur/Thumbs.db").touch()
    assert keys(take(root, "gopro")) == ["test/GOPR0384_11_00", "train/GOPR0372_07_00"]


def test_a_stopped_import_goes_on_and_other_files_are_refused(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    seen = []

    def stop(done: int, total: int, text: str) -> None:
        seen.append((done, total, text))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adopt(AdoptRequest(root, "gopro", tmp_path / "dataset"), progress=stop)
    assert seen == [(1, 2, "import gopro-subset")]
    half = Dataset.open(tmp_path / "dataset").clips()
    assert len(half) == 1
    stamp = half[0].tracks_path.stat().st_mtime_ns
    assert len(keys(take(root, "gopro"))) == 2
    assert half[0].tracks_path.stat().st_mtime_ns == stamp
    shutil.rmtree(root / "train")
    with pytest.raises(DatasetError, match="choose another --out, or --overwrite it"):
        take(root, "gopro")
    assert keys(take(root, "gopro", overwrite=True)) == ["test/GOPR0384_11_00"]


def spoil_count(root: Path) -> None:
    (root / "test/GOPR0384_11_00/sharp/000049.png").unlink()


def spoil_number(root: Path) -> None:
    folder = root / "test/GOPR0384_11_00/sharp"
    (folder / "000049.png").rename(folder / "000050.png")


def spoil_size(root: Path) -> None:
    write_pictures(root / "test/GOPR0384_11_00/sharp", 1, start=48, name="{:06d}.png", size=(26, 16))


def spoil_png(root: Path) -> None:
    (root / "test/GOPR0384_11_00/blur/000048.png").write_text("not a picture at all, it says")


def lose_truth(root: Path) -> None:
    write_pictures(root / "test/GOPR0385_11_01/blur")


def lose_blur(root: Path) -> None:
    shutil.rmtree(root / "test/GOPR0384_11_00/blur")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_count, r"blur contains 3 frames, and .*sharp contains 2: a pair must have as many of each"),
        (
            spoil_number,
            r"blur/000049.png would be paired with .*sharp/000050.png: paired frames must have the same number",
        ),
        (
            spoil_size,
            r"blur/000047.png is 24x16, and .*sharp/000048.png is 26x16: a clip and its truth must have one size",
        ),
        (spoil_png, r"blur/000048.png is not a PNG, in spite of its name: the release is damaged"),
        (
            lose_truth,
            r"GOPR0385_11_01/blur contains blurry frames, and \{split\}/\{clip\}/sharp/\*.png finds no sharp frames",
        ),
        (
            lose_blur,
            r"GOPR0384_11_00/sharp contains sharp frames, and \{split\}/\{clip\}/blur/\*.png finds no blurry frames",
        ),
    ],
)
def test_a_damaged_release_is_refused_before_anything_is_written(tmp_path, spoil, said):
    root = gopro(tmp_path / "GOPRO_Large")
    spoil(root)
    with pytest.raises(InputError, match=said):
        take(root, "gopro")
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (
            {"layout": "gorpo"},
            UnknownNameError,
            r"no layout named 'gorpo'; did you mean 'gopro'\? \(known: b-aist, bdd100k, ",
        ),
        (
            {"layout": "reds"},
            InputError,
            r"GOPRO_Large is laid out as GOPRO_Large is, and not as REDS: import it with ",
        ),
        ({"name": "goproshake"}, InputError, "'goproshake' is the name of a dataset that hvdbench makes"),
        ({"name": "goproshake-hvdbench-1"}, InputError, "is the name of a dataset that hvdbench makes"),
        ({"name": "a/b"}, InputError, "'a/b' cannot name a dataset"),
        ({"sharp": "gt"}, InputError, r"GOPRO_Large contains no sharp clips: looked for gt"),
        ({"blur": "{split}/blur/*.png"}, InputError, r"'\{split\}/blur/\*.png' is not a pattern of frames"),
        ({"blur": "{split}/{clp}/*.png"}, InputError, "is not a pattern of frames"),
        ({"blur": "/data/{clip}/*.png"}, InputError, "is not a pattern of frames"),
        ({"blur": "../{clip}/*.png"}, InputError, "is not a pattern of frames"),
        ({"blur": "{split}/{clip}.png"}, InputError, "is not a pattern of frames"),
    ],
)
def test_what_cannot_be_asked_for_is_answered_in_one_sentence(tmp_path, values, kind, said):
    root = gopro(tmp_path / "GOPRO_Large")
    with pytest.raises(kind, match=said) as caught:
        adopt(AdoptRequest(**{"root": root, "layout": "gopro", "out": tmp_path / "dataset"} | values))
    assert isinstance(caught.value, HvdbenchError)
    assert not (tmp_path / "dataset").exists()


def test_a_dataset_within_the_release_or_around_it_is_refused(tmp_path):
    root = gopro(tmp_path / "GOPRO_Large")
    for out in (root / "dataset", tmp_path, root):
        with pytest.raises(InputError, match="is inside the other: choose another --out"):
            adopt(AdoptRequest(root, "gopro", out))
    with pytest.raises(InputError, match="gone is not a folder"):
        adopt(AdoptRequest(tmp_path / "gone", "gopro", tmp_path / "dataset"))


def test_two_folders_that_would_be_one_clip_are_refused(tmp_path):
    for folder in ("a", "b"):
        write_pictures(tmp_path / "r" / folder / "test" / "one")
    with pytest.raises(InputError, match=r"a/test/one and .*b/test/one would both be the clip test/one: rename one"):
        find_clips(tmp_path / "r", "*/{split}/{clip}/*")


def test_a_real_pair_of_reds_is_linked_as_it_is(tmp_path, shared):
    root = tmp_path / "REDS"
    for kind in ("blur", "sharp"):
        (root / f"train_{kind}").mkdir(parents=True)
        (root / f"train_{kind}" / "000").symlink_to(shared / "data/paired/reds_small_train000" / kind)
    dataset = take(root, "reds").dataset
    assert dataset.verify() == []
    (clip,) = dataset.clips()
    first = sorted((shared / "data/paired/reds_small_train000/blur").iterdir())[0]
    np.testing.assert_array_equal(clip.blurry()[0], read_frame(first))
    assert json.loads((dataset.folder / "dataset.json").read_text())["origin"] == "measured"


def test_clips_of_any_name_are_taken_over_and_their_own_names_kept(tmp_path):
    own = ["a:b", "x" * 150, "视频"]
    for name in own:
        for kind in ("blur", "sharp"):
            write_pictures(tmp_path / "mine/train" / name / kind)
    adopted = take(tmp_path / "mine", "gopro", blur="{split}/{clip}/blur/*.png", sharp="{split}/{clip}/sharp/*.png")
    names = [clip.name for clip in adopted.dataset.clips()]
    assert "视频" in names
    assert sorted(name for name in names if name.isascii()) == [
        "a-b-" + hashlib.sha256(b"a:b").hexdigest()[:8],
        "x" * 91 + "-" + hashlib.sha256(b"x" * 150).hexdigest()[:8],
    ]
    kept = adopted.dataset.manifest["provenance"]["original_names"]
    assert sorted(entry["clip"] for entry in kept.values()) == own[:2]
    assert {clip.attributes()["source"].rpartition("/")[2] for clip in adopted.dataset.clips()} == set(own)


def test_pictures_with_suffixes_in_capitals_and_a_systems_files_are_read_as_they_should(tmp_path):
    root = gopro(tmp_path / "set")
    for picture in sorted(root.glob("train/*/*/*.png"))[::2]:
        picture.rename(picture.with_suffix(".PNG"))
    for folder in root.glob("*/*/*"):
        (folder / "._000047.png").write_bytes(b"system")
        (folder / ".DS_Store").write_bytes(b"system")
    (root / "train/@eaDir/blur").mkdir(parents=True)
    shutil.copy(next(root.glob("test/*/blur/*.png")), root / "train/@eaDir/blur/a.png")
    adopted = take(root, "gopro")
    assert keys(adopted) == ["test/GOPR0384_11_00", "train/GOPR0372_07_00"]
    assert [len(clip.blurry()) for clip in adopted.dataset.clips()] == [3, 3]
