"""A user's own pair of folders: frames that belong together by name, and nothing that nobody stated."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.dataset.pairs import pair_clip
from hvdbench.errors import InputError
from hvdbench.frames import write_clip
from hvdbench.store import Dataset


def levels(*values: int) -> np.ndarray:
    return np.stack([np.full((16, 24, 3), value, np.uint8) for value in values])


def pair(root: Path, blurry: list[str], sharp: list[str]) -> tuple[list[int], list[int]]:
    """Pair frames of the levels 10, 20 … with truths of the levels 11, 21 …, and return both as they were written."""
    write_clip(root / "in", levels(*(10 * (1 + n) for n in range(len(blurry)))), [f"{name}.png" for name in blurry])
    write_clip(root / "out", levels(*(11 + 10 * n for n in range(len(sharp)))), [f"{name}.png" for name in sharp])
    clip = pair_clip(root / "in", root / "out", root / "mine", clip="one").clips()[0]
    truth = clip.truth("mid")
    assert truth is not None
    return clip.blurry()[:, 0, 0, 0].tolist(), truth[:, 0, 0, 0].tolist()


def test_truths_are_paired_by_name_in_whatever_order_they_are_listed(tmp_path):
    assert pair(tmp_path, ["dawn", "noon"], ["noon", "dawn"]) == ([10, 20], [21, 11])


@pytest.mark.parametrize("sharp", [["0_sharp", "3_sharp", "7_sharp"], ["0", "3", "7"], ["gt_0", "gt_3", "gt_7"]])
def test_truths_of_the_same_numbers_are_paired(tmp_path, sharp):
    assert pair(tmp_path, ["0_blur", "3_blur", "7_blur"], sharp) == ([10, 20, 30], [11, 21, 31])


def test_another_frame_missing_on_each_side_is_refused_though_the_counts_agree(tmp_path):
    with pytest.raises(InputError, match=r"out has 3 frames, .* \(1 missing: 00000002; 1 that no frame .*: 00000001"):
        pair(tmp_path, ["00000000", "00000002", "00000003"], ["00000000", "00000001", "00000003"])
    assert not (tmp_path / "mine" / "test").exists()


def test_no_rate_is_invented(tmp_path):
    pair(tmp_path, ["0", "1"], ["0", "1"])
    clip = pair_clip(tmp_path / "in", tmp_path / "out", tmp_path / "mine", clip="two").clips()[-1]
    assert clip.track("t_s") is None


def test_a_pair_goes_to_the_split_and_has_the_rate_that_were_stated(tmp_path):
    pair(tmp_path, ["0", "1", "2"], ["0", "1", "2"])
    asked = ["pair", str(tmp_path / "in"), str(tmp_path / "out"), "-o", str(tmp_path / "mine"), "--clip", "two"]
    CliRunner().invoke(cli, [*asked, "--split", "train", "--fps", "25"], catch_exceptions=False)
    clips = {f"{clip.split}/{clip.name}": clip for clip in Dataset.open(tmp_path / "mine").clips()}
    assert sorted(clips) == ["test/one", "train/two"]
    np.testing.assert_allclose(clips["train/two"].track("t_s"), [0, 0.04, 0.08])


def test_the_same_pair_again_is_left_as_it_is_and_another_one_of_its_name_is_refused(tmp_path):
    first = pair(tmp_path, ["0", "1"], ["0", "1"])
    before = Dataset.open(tmp_path / "mine").digest
    assert pair(tmp_path, ["0", "1"], ["0", "1"]) == first
    with pytest.raises(InputError, match="already has another clip 'test/one': replace it with --overwrite"):
        pair(tmp_path, ["0", "1", "2"], ["0", "1", "2"])
    assert Dataset.open(tmp_path / "mine").digest == before
    assert Dataset.open(tmp_path / "mine").verify() == []
