"""A made tree of every layout: it is read, verified and scored, and what is not the release is refused."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_release import FRAMES, MadeClip, make_release, split_here

from hvdbench.cli.main import cli
from hvdbench.dataset.importing import Adopted, AdoptRequest, adopt
from hvdbench.dataset.wholeness import check_release
from hvdbench.errors import InputError
from hvdbench.frames import read_clip
from hvdbench.sources.layout import layout_names, load_layout
from hvdbench.workspace.names import kept_name

LAYOUTS = {name: load_layout(name)[1] for name in layout_names()}
BLURRY = [name for name, layout in LAYOUTS.items() if layout.is_blurry]
PAIRED = [name for name in BLURRY if any(pattern.sharp for pattern in LAYOUTS[name].patterns)]
NAMED = [name for name in BLURRY if LAYOUTS[name].names_are_known]


@dataclass(frozen=True)
class Made:
    root: Path
    clips: list[MadeClip]

    def copy(self, to: Path) -> "Made":
        shutil.copytree(self.root, to)
        return Made(to, [clip.moved(self.root, to) for clip in self.clips])


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    base = tmp_path_factory.mktemp("releases")
    return {name: Made(base / name, make_release(base / name, name)) for name in LAYOUTS}


def take(root: Path, name: str, out: Path) -> Adopted:
    return adopt(AdoptRequest(root, name, out, incomplete=True))


@pytest.mark.parametrize("name", BLURRY)
def test_a_tree_of_every_layout_is_read_and_verified(trees: dict[str, Made], name: str, tmp_path: Path) -> None:
    made, layout = trees[name], LAYOUTS[name]
    dataset = take(made.root, name, tmp_path / "out").dataset
    prefix = {"val": "val_", "valid": "valid_"}
    expected = {
        f"{split_here(layout, clip.split)}/{kept_name(prefix.get(clip.split, '') + clip.name)}": clip
        for clip in made.clips
    }
    assert set(dataset.manifest["clips"]) == set(expected)
    assert dataset.verify() == []
    provenance = dataset.manifest["provenance"]
    assert (provenance["release"], provenance["licence"]) == (name, layout.licence)
    for clip in dataset.clips():
        assert clip.blurry().shape[0] == FRAMES
        source = expected[f"{clip.split}/{clip.name}"]
        if layout.clip_names.startswith("train|"):
            continue  # frames of several clips lie in one folder of truth
        np.testing.assert_array_equal(clip.blurry(), read_clip(source.blurry))
        truth = clip.truth("mid")
        assert (truth is None) == (name not in PAIRED)
        if truth is not None and layout.sharp_per_blurry == 1:
            np.testing.assert_array_equal(truth, read_clip(source.sharp))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tree_of_every_layout_is_checked_without_being_written(trees: dict[str, Made], name: str) -> None:
    before = sorted(trees[name].root.rglob("*"))
    found = check_release(trees[name].root, name, incomplete=True)
    assert found[0] == f"{trees[name].root} is {LAYOUTS[name].title}"
    kind = "paired" if name in PAIRED else "blurry" if name in BLURRY else "sharp"
    assert any(f" {kind} frames" in line for line in found)
    assert sorted(trees[name].root.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", BLURRY)
def test_a_tree_of_every_layout_is_scored(trees: dict[str, Made], name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    root = str(trees[name].root)
    imported = ["dataset", "import", root, "--layout", name, "-o", "data", "--incomplete", "--name", "made"]
    assert runner.invoke(cli, imported).exit_code == 0
    result = runner.invoke(cli, ["eval", "--method", "blurry", "--data", "data", "--engine", "local:1"])
    assert result.exit_code == 0, result.output
    board = (tmp_path / "leaderboards" / "made.csv").read_text()
    assert ("psnr" in board) == (name in PAIRED)


# What is not the release, or not whole ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRED)
def test_a_missing_sharp_frame_is_refused(trees: dict[str, Made], name: str, tmp_path: Path) -> None:
    made = trees[name].copy(tmp_path / "release")
    lost = sorted(made.clips[0].sharp.iterdir())[-1]
    lost.unlink()
    with pytest.raises(InputError, match=r"has no truth|must have as many of each|each blurry frame has 7"):
        take(made.root, name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [name for name in BLURRY if LAYOUTS[name].parts])
def test_a_release_that_is_not_whole_is_refused_with_what_is_missing(
    trees: dict[str, Made], name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"(are missing|are there).*; download the rest, or import .*--incomplete"):
        adopt(AdoptRequest(trees[name].root, name, tmp_path / "out"))
    assert take(trees[name].root, name, tmp_path / "out").dataset.name.endswith("-subset")


@pytest.mark.parametrize("name", PAIRED)
def test_exchanged_folders_are_refused(trees: dict[str, Made], name: str, tmp_path: Path) -> None:
    made = trees[name].copy(tmp_path / "release")
    layout = LAYOUTS[name]
    for clip in made.clips:
        for blurry in sorted(clip.blurry.iterdir()):
            for sharp in _sharp_of(blurry, clip, layout.sharp_per_blurry):
                aside = blurry.with_name("aside")
                shutil.copy(blurry, aside)
                shutil.copy(sharp, blurry)
                aside.rename(sharp)
    with pytest.raises(InputError, match=r"are sharper than those of .* seem to be exchanged"):
        take(made.root, name, tmp_path / "out")


def _sharp_of(blurry: Path, clip: MadeClip, count: int) -> list[Path]:
    names = [blurry.name.replace("blur_", "gt_").replace("_blur", "_gt")]
    if count > 1:
        names = [path.name for path in sorted(clip.sharp.glob(f"{blurry.stem}_*"))][count // 2 : count // 2 + 1]
    return [clip.sharp / name for name in names]


@pytest.mark.parametrize("name", NAMED)
def test_a_renamed_clip_is_refused(trees: dict[str, Made], name: str, tmp_path: Path) -> None:
    made = trees[name].copy(tmp_path / "release")
    for folder in {made.clips[0].blurry, made.clips[0].sharp} - {None, made.root / "GT"}:
        inside = folder.relative_to(made.root).parts
        clip = max(place for place, part in enumerate(inside) if made.clips[0].name.endswith(part))
        place = made.root.joinpath(*inside[: clip + 1])
        if place.exists():
            place.rename(place.with_name("my_walk"))
    said = r"my_walk.* (is not one of|is in none of)|lists .*, which is not there|my_walk contains no"
    with pytest.raises(InputError, match=said):
        take(made.root, name, tmp_path / "out")


@pytest.mark.parametrize("name", BLURRY)
def test_the_tree_of_every_other_layout_is_refused(trees: dict[str, Made], name: str, tmp_path: Path) -> None:
    for other, made in trees.items():
        if other == name:
            continue
        with pytest.raises(InputError) as refused:
            take(made.root, name, tmp_path / "out")
        reason = str(refused.value)
        if LAYOUTS[other].names_are_known or LAYOUTS[other].has_own_folder:
            assert (
                f"is laid out as {LAYOUTS[other].title} is, and not as {LAYOUTS[name].title}" in reason
                or f"{LAYOUTS[name].title} has no sharp frames" in reason
                or "finds no sharp frames" in reason
                or "is not one of" in reason
            ), (other, reason)
    assert not (tmp_path / "out").exists()
