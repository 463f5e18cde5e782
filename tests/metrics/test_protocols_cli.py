import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from hvdbench.cli.score.protocols import protocols
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import write_clip
from hvdbench.metrics.protocols.frame_pair import measure_frame
from hvdbench.metrics.protocols.known import PROTOCOLS, find_protocol
from hvdbench.scoring.differences import differences, pairs_of_dataset, pairs_of_folders
from hvdbench.store import Dataset

NAMES = ("--protocol", "hvdbench-1", "--protocol", "basicsr-y", "--protocol", "estrnn-2020")


def frames(seed, count=5, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype(np.uint8)


@pytest.fixture
def clips(tmp_path):
    for index, name in enumerate(("one", "two")):
        write_clip(tmp_path / "run" / name, frames(index))
        write_clip(tmp_path / "truth" / name / "sharp", frames(index + 10))
    return tmp_path


def test_the_list_names_every_protocol_in_three_formats():
    for kind in ("text", "csv", "md"):
        result = CliRunner().invoke(protocols, ["list", "--format", kind])
        assert result.exit_code == 0, result.output
        assert all(protocol.name in result.output for protocol in PROTOCOLS)


def test_a_folder_of_clips_is_scored_under_each_protocol(clips):
    arguments = ["diff", str(clips / "run"), "--truth", str(clips / "truth"), *NAMES]
    result = CliRunner().invoke(protocols, [*arguments, "--format", "csv", "-o", str(clips / "table.csv")])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(clips / "table.csv").set_index("protocol")
    assert list(table["frames"]) == [10, 10, 2]
    assert table["psnr_difference"].iloc[0] == table["ssim_difference"].iloc[0] == 0
    truth, run = (np.concatenate([frames(seed + add) for seed in (0, 1)]) for add in (10, 0))
    expected = np.mean([measure_frame(find_protocol("basicsr-y"), *pair).psnr for pair in zip(run, truth, strict=True)])
    assert table["psnr"]["basicsr-y r1"] == pytest.approx(expected, abs=1e-12)
    markdown = CliRunner().invoke(protocols, arguments)
    assert "| basicsr-y r1 |" in markdown.stdout
    assert find_protocol("estrnn-2020").differs in markdown.stdout


def test_each_clip_has_rows_of_its_own_on_request(clips):
    arguments = ["diff", str(clips / "run"), "--truth", str(clips / "truth"), *NAMES, "--by-clip"]
    result = CliRunner().invoke(protocols, [*arguments, "--format", "csv", "-o", str(clips / "table.csv")])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(clips / "table.csv")
    assert list(table["clip"]) == ["*"] * 3 + ["one"] * 3 + ["two"] * 3
    for index, clip in enumerate(("one", "two")):
        rows = table[table["clip"] == clip].set_index("protocol")
        pairs = list(zip(frames(index), frames(index + 10), strict=True))
        for name, counted in (("hvdbench-1", pairs), ("basicsr-y", pairs), ("estrnn-2020", pairs[2:3])):
            expected = np.mean([measure_frame(find_protocol(name), *pair).psnr for pair in counted])
            assert rows["psnr"][f"{name} r1"] == pytest.approx(expected, abs=1e-12)
        assert rows["psnr_difference"].iloc[0] == 0
        assert rows["psnr_difference"].iloc[1] == pytest.approx(rows["psnr"].iloc[1] - rows["psnr"].iloc[0])
    of_clips = table[table["protocol"] == "basicsr-y r1"].set_index("clip")["psnr"]
    assert of_clips["*"] == pytest.approx((of_clips["one"] + of_clips["two"]) / 2, abs=1e-12)
    markdown = CliRunner().invoke(protocols, arguments)
    assert "| two | basicsr-y r1 |" in markdown.stdout


def test_sequences_are_known_by_the_names_of_the_truth(tmp_path):
    names = [f"{index:04d}_{place}.png" for index in (0, 1) for place in range(1, 8)]
    truth = frames(1, 14)
    write_clip(tmp_path / "truth", truth, names)
    write_clip(tmp_path / "run", np.concatenate([truth[6::-1], truth[7:]]) // 2 * 2, names)
    (row,) = differences(pairs_of_folders(tmp_path / "run", tmp_path / "truth"), [find_protocol("rb2v")])["psnr"]
    assert row > 45  # though the first sequence is given backward
    plain = frames(1, 14)
    write_clip(tmp_path / "plain", plain)
    pairs = pairs_of_folders(tmp_path / "plain", tmp_path / "plain")
    assert [pair.sequence for pair in pairs.values()] == [1]
    (tmp_path / "truth/0001_3.png").unlink()
    (tmp_path / "run/0001_3.png").unlink()
    with pytest.raises(InputError, match="not all 7 of '0001'"):
        pairs_of_folders(tmp_path / "run", tmp_path / "truth")


def test_one_folder_of_frames_is_a_clip(clips):
    pairs = pairs_of_folders(clips / "run/one", clips / "truth/one/sharp")
    table = differences(pairs, [find_protocol("basicsr-rgb")])
    assert (table["clips"][0], table["frames"][0]) == (1, 5)


def test_what_does_not_fit_is_refused(clips):
    (clips / "run/two/00000004.png").unlink()
    with pytest.raises(InputError, match=r"4 frames, and the clip has 5: .*1 missing: 00000004"):
        pairs_of_folders(clips / "run", clips / "truth")
    with pytest.raises(InputError, match="has no clip 'one'"):
        pairs_of_folders(clips / "run/one", clips / "truth")
    with pytest.raises(InputError, match="neither frames nor folders"):
        pairs_of_folders(clips / "run", clips)
    write_clip(clips / "small", frames(0, size=(20, 32)))
    with pytest.raises(InputError, match="32x20 px"):
        differences(pairs_of_folders(clips / "small", clips / "truth/one/sharp"))
    result = CliRunner().invoke(protocols, ["diff", str(clips / "run")])
    assert result.exit_code == 2


def test_a_run_is_paired_with_a_datasets_truth(tmp_path, monkeypatch):
    class Clip:
        def __init__(self, split, name):
            self.split, self.name, self.folder = split, name, tmp_path / "data" / split / name

    known = [Clip("test", "a"), Clip("test", "b"), Clip("train", "c")]
    for index, clip in enumerate(known):
        write_clip(clip.folder / "sharp", frames(index))
    for name in ("a", "b"):
        write_clip(tmp_path / "run/test" / name, frames(7))
    dataset = Dataset.__new__(Dataset)
    monkeypatch.setattr(Dataset, "clips", lambda _, split=None: [c for c in known if split in (None, c.split)])
    object.__setattr__(dataset, "folder", tmp_path / "data")
    assert list(pairs_of_dataset(tmp_path / "run", dataset)) == ["test/a", "test/b"]
    assert list(pairs_of_dataset(tmp_path / "run/test/a", dataset, "train")) == ["train/c"]
    with pytest.raises(InputError, match=r"no frames for 1 of 1 clips .train/c"):
        pairs_of_dataset(tmp_path / "run", dataset, "train")
    with pytest.raises(DatasetError, match="no truth 'centroid'"):
        pairs_of_dataset(tmp_path / "run", dataset, "test", "centroid")
    with pytest.raises(DatasetError, match="split 'val'"):
        pairs_of_dataset(tmp_path / "run", dataset, "val")
