"""Releases that are whole, and those that are not: counts, names, splits and exchanged folders."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_release import make_release

from hvdbench.dataset.importing import AdoptRequest, adopt
from hvdbench.dataset.wholeness import check_release
from hvdbench.errors import InputError
from hvdbench.frames import write_frame
from hvdbench.sources.layout import load_layout

OWN = """
title = "Night walks"
[[patterns]]
blurry = "{split}/{clip}/in/*.png"
sharp = "{split}/{clip}/out/*.png"
[parts.train]
clips = { park = 3, street = 2 }
total = 5
stated_by = "its authors"
[parts.test]
clips = ["000..002"]
frames = 2
[parts.val]
count = 1
"""
WHOLE = {"train/park": 3, "train/street": 2, "test/000": 2, "test/001": 2, "test/002": 2, "val/any": 4}


def make(tmp_path: Path, counts: dict[str, int]) -> tuple[Path, str]:
    """Write pairs of textured frames, and the layout; return the folder and the layout's path."""
    (tmp_path / "walks.toml").write_text(OWN, encoding="utf-8")
    random = np.random.default_rng(3)
    for clip, count in counts.items():
        for index in range(count):
            picture = random.integers(0, 256, (32, 48, 3), np.uint8)
            for kind, frame in (("in", cv2.GaussianBlur(picture, (0, 0), 2)), ("out", picture)):
                folder = tmp_path / "walks" / clip / kind
                folder.mkdir(parents=True, exist_ok=True)
                write_frame(folder / f"{index:04d}.png", frame)
    return tmp_path / "walks", str(tmp_path / "walks.toml")


def test_a_whole_release_keeps_its_name_and_lacks_nothing(tmp_path: Path) -> None:
    root, layout = make(tmp_path, WHOLE)
    adopted = adopt(AdoptRequest(root, layout, tmp_path / "out"))
    assert adopted.dataset.name == "walks"
    assert not any("subset" in note or "nothing of" in note for note in adopted.notes)
    assert check_release(root, layout) == [
        f"{root} is Night walks",
        "test: 3 clips, 6 paired frames",
        "train: 2 clips, 5 paired frames",
        "val: 1 clips, 4 paired frames",
    ]


def test_a_split_that_is_not_there_is_told(tmp_path: Path) -> None:
    root, layout = make(tmp_path, {"train/park": 3, "train/street": 2})
    adopted = adopt(AdoptRequest(root, layout, tmp_path / "out"))
    assert adopted.dataset.name == "walks"
    assert adopted.notes[-1] == "nothing of test, val was found"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train/park": 3}, r"1 of the 2 clips of Night walks, train are missing \(street\); download the rest"),
        ({"test/001": 2}, r"2 of the 3 clips of Night walks, test are missing \(000, 002\)"),
        (WHOLE | {"train/park": 2}, r"frames of Night walks, train are missing \(park has 2 of 3\)"),
        (WHOLE | {"test/000": 1}, r"frames of Night walks, test are missing \(000 has 1 of 2\)"),
        (WHOLE | {"train/park": 4}, r"contains 4 frames, and clip park of Night walks, train has 3"),
        (WHOLE | {"val/other": 4}, r"has 2 clips of Night walks, val, which has 1"),
        (WHOLE | {"train/harbour": 3}, r"clip 'harbour' in .* is not one of Night walks, train"),
        (WHOLE | {"test/park": 2}, r"clip 'park' in .* is of the split train of Night walks, and it was found in test"),
    ],
)
def test_what_is_missing_or_too_much_is_refused(tmp_path: Path, counts: dict[str, int], said: str) -> None:
    root, layout = make(tmp_path, counts)
    with pytest.raises(InputError, match=said):
        adopt(AdoptRequest(root, layout, tmp_path / "out"))
    with pytest.raises(InputError, match=said.partition(";")[0]):
        check_release(root, layout)
    assert not (tmp_path / "out").exists()


def test_a_subset_says_so_in_its_name_and_its_notes(tmp_path: Path) -> None:
    root, layout = make(tmp_path, {"train/park": 3})
    adopted = adopt(AdoptRequest(root, layout, tmp_path / "out", incomplete=True))
    assert adopted.dataset.name == "walks-subset"
    assert "it is a subset: 1 of the 2 clips of Night walks, train are missing (street)" in adopted.notes


def test_too_much_is_no_subset(tmp_path: Path) -> None:
    root, layout = make(tmp_path, WHOLE | {"train/park": 4})
    with pytest.raises(InputError, match="contains 4 frames, and clip park"):
        adopt(AdoptRequest(root, layout, tmp_path / "out", incomplete=True))


def test_the_whole_test_set_of_gopro_is_taken_for_it(tmp_path: Path) -> None:
    kinds = {"blur": 2.0, "sharp": 0.5}
    picture = np.random.default_rng(5).integers(0, 256, (8, 8, 3), np.uint8)
    for kind, sigma in kinds.items():
        write_frame(tmp_path / f"{kind}.png", cv2.GaussianBlur(picture, (0, 0), sigma))
    for clip, count in dict(load_layout("gopro")[1].parts["test"].clips).items():
        for kind in kinds:
            folder = tmp_path / "GOPRO_Large" / "test" / clip / kind
            folder.mkdir(parents=True)
            for index in range(count):
                os.link(tmp_path / f"{kind}.png", folder / f"{index:06d}.png")
    lines = check_release(tmp_path / "GOPRO_Large", "gopro")
    assert lines[1:] == ["test: 11 clips, 1111 paired frames", "nothing of train was found"]
    assert check_release(tmp_path / "GOPRO_Large" / "test", "gopro")[1] == lines[1]  # the split's own folder will do
    (tmp_path / "GOPRO_Large" / "test" / "GOPR0384_11_00" / "blur" / "000099.png").unlink()
    (tmp_path / "GOPRO_Large" / "test" / "GOPR0384_11_00" / "sharp" / "000099.png").unlink()
    with pytest.raises(InputError, match=r"frames of GOPRO_Large, test are missing \(GOPR0384_11_00 has 99 of 100\)"):
        check_release(tmp_path / "GOPRO_Large", "gopro")


def test_a_layout_of_ones_own_is_taken_at_its_word_where_a_release_lies_alike(tmp_path: Path) -> None:
    make_release(tmp_path / "mine", "reds")
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\n[[patterns]]\nblurry = "{split}/{split}_blur/{clip}/*.png"\n'
        'sharp = "{split}/{split}_sharp/{clip}/*.png"\n'
    )
    adopted = adopt(AdoptRequest(tmp_path / "mine", str(tmp_path / "mine.toml"), tmp_path / "out"))
    assert adopted.dataset.manifest["provenance"]["release"] == "mine"


# Exchanged folders --------------------------------------------------------------------------------------------------


def exchanged(tmp_path: Path, *, share: float) -> tuple[Path, str]:
    """Write six clips of three pairs of which a share is the wrong way round."""
    (tmp_path / "pairs.toml").write_text(
        'title = "Pairs"\n[[patterns]]\nblurry = "{clip}/in/*.png"\nsharp = "{clip}/out/*.png"\n'
    )
    random = np.random.default_rng(7)
    for number in range(18):
        picture = random.integers(0, 256, (32, 48, 3), np.uint8)
        frames = (cv2.GaussianBlur(picture, (0, 0), 2), picture)
        for kind, frame in zip(("in", "out") if number >= share * 18 else ("out", "in"), frames, strict=True):
            folder = tmp_path / "pairs" / f"clip{number // 3}" / kind
            folder.mkdir(parents=True, exist_ok=True)
            write_frame(folder / f"{number:04d}.png", frame)
    return tmp_path / "pairs", str(tmp_path / "pairs.toml")


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_pairs_that_are_not_clearly_exchanged_are_taken(tmp_path: Path, share: float) -> None:
    root, layout = exchanged(tmp_path, share=share)
    assert len(adopt(AdoptRequest(root, layout, tmp_path / "out")).dataset.clips()) == 6


def test_exchanged_pairs_are_refused_unless_the_user_names_the_folders(tmp_path: Path) -> None:
    root, layout = exchanged(tmp_path, share=1.0)
    with pytest.raises(InputError, match=r"in are sharper than those of .*out, as in 18 of the 18 pairs"):
        adopt(AdoptRequest(root, layout, tmp_path / "out"))
    given = AdoptRequest(root, layout, tmp_path / "out", blur="{clip}/in/*.png", sharp="{clip}/out/*.png")
    assert len(adopt(given).dataset.clips()) == 6


def test_noise_on_blurry_frames_does_not_pass_for_sharpness(tmp_path: Path) -> None:
    (tmp_path / "pairs.toml").write_text(
        'title = "Pairs"\n[[patterns]]\nblurry = "{clip}/in/*.png"\nsharp = "{clip}/out/*.png"\n'
    )
    random = np.random.default_rng(11)
    for index in range(4):
        coarse = random.integers(0, 256, (60, 80, 3), np.uint8)
        sharp = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_NEAREST)
        blurry = cv2.GaussianBlur(sharp, (0, 0), 8) + random.normal(0, 12, sharp.shape)
        for kind, frame in (("in", np.clip(blurry, 0, 255).astype(np.uint8)), ("out", sharp)):
            folder = tmp_path / "pairs" / "walk" / kind
            folder.mkdir(parents=True, exist_ok=True)
            write_frame(folder / f"{index:04d}.png", frame)
    assert len(adopt(AdoptRequest(tmp_path / "pairs", str(tmp_path / "pairs.toml"), tmp_path / "out")).dataset.clips())
