"""One's own pairs of folders as clips of a dataset."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.dataset.pairs import pair_clip
from hvdbench.errors import InputError
from hvdbench.frames import write_frame


def write(folder: Path, names: list[str], level: int = 0) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        write_frame(folder / f"{name}.png", np.full((16, 24, 3), level + index, np.uint8))
    return folder


def test_a_pair_goes_to_the_split_that_was_asked_for(tmp_path: Path) -> None:
    blur, sharp = write(tmp_path / "b", ["1", "2", "3"]), write(tmp_path / "s", ["1", "2", "3"], 100)
    asked = ["pair", str(blur), str(sharp), "-o", str(tmp_path / "mine"), "--clip", "walk"]
    CliRunner().invoke(cli, [*asked, "--split", "train", "--fps", "25"], catch_exceptions=False)
    CliRunner().invoke(cli, asked, catch_exceptions=False)
    dataset = pair_clip(blur, sharp, tmp_path / "mine", clip="stairs")
    assert sorted(f"{clip.split}/{clip.name}" for clip in dataset.clips()) == ["test/stairs", "test/walk", "train/walk"]
    by_key = {f"{clip.split}/{clip.name}": clip for clip in dataset.clips()}
    np.testing.assert_allclose(by_key["train/walk"].track("t_s"), [0, 0.04, 0.08])
    assert by_key["test/walk"].track("t_s") is None  # nobody said how long a frame lasts


def test_frames_of_one_number_belong_together(tmp_path: Path) -> None:
    blur, later = write(tmp_path / "b", ["001", "002", "003"]), write(tmp_path / "s", ["002", "003", "004"])
    with pytest.raises(
        InputError, match=r"b/001\.png would be paired with .*s/002\.png: paired frames must have the same number"
    ):
        pair_clip(blur, later, tmp_path / "mine", clip="walk")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("names", [["frame_1", "frame_2"], ["IMG_0731", "IMG_0732"], ["a", "b"]])
def test_frames_are_paired_in_order_where_their_names_do_not_say_otherwise(tmp_path: Path, names: list[str]) -> None:
    blur, sharp = write(tmp_path / "b", ["1", "2"]), write(tmp_path / "s", names)
    assert len(pair_clip(blur, sharp, tmp_path / "mine", clip="walk").clips()) == 1


def test_a_pair_has_as_many_frames_of_each(tmp_path: Path) -> None:
    blur, sharp = write(tmp_path / "b", ["1", "2"]), write(tmp_path / "s", ["1"])
    with pytest.raises(InputError, match=r"b contains 2 frames, and .*s contains 1: a pair must have as many of each"):
        pair_clip(blur, sharp, tmp_path / "mine", clip="walk")
