"""Sequences of sub-frames that others restored, from a folder to a board; and a method that restores several."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.errors import FitError, InputError
from hvdbench.frames import write_clip, write_frame
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.opening import open_measure
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_series import list_candidates, series_sha256, write_series
from hvdbench.scoring.stored_scores import measure_clip
from hvdbench.store import SERIES_FOLDER, Dataset, DatasetWriter

FRAMES, COUNT, SIZE = 3, 7, (32, 40)
RANDOM = np.random.default_rng(9)
TRUTH = RANDOM.integers(30, 226, (2, FRAMES, COUNT, *SIZE, 3), dtype=np.uint8)  # of two clips
RESTORED = np.clip(TRUTH + RANDOM.integers(-9, 10, TRUTH.shape), 0, 255).astype(np.uint8)
NAMES = [f"{frame:08d}" for frame in range(FRAMES)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    writer = DatasetWriter(tmp_path / "data", name="exposed", origin="simulated", recipe={}, provenance={})
    for number, sequences in enumerate(TRUTH):
        clip = writer.clip_folder("test", f"clip{number}")
        write_clip(clip.folder / "blur", np.rint(sequences.mean(axis=1)).astype(np.uint8))
        write_clip(clip.folder / "sharp", sequences[:, COUNT // 2])
        write_sequences(clip.folder / SERIES_FOLDER, sequences)
        writer.finish(clip, clip.digest())
    return writer.dataset()


def write_sequences(folder: Path, sequences: np.ndarray) -> None:
    for name, sequence in zip(NAMES, sequences, strict=True):
        for number, frame in enumerate(sequence, start=1):
            folder.mkdir(parents=True, exist_ok=True)
            write_frame(folder / f"{name}_{number}.png", frame)


def score(dataset: Dataset, tmp_path: Path, *more: str) -> pd.DataFrame:
    result = CliRunner().invoke(
        cli,
        [
            *("score", str(tmp_path / "theirs"), "--data", str(dataset.folder), "--name", "theirs", "--board", "mine"),
            *("--boards", str(tmp_path / "boards"), "--runs", str(tmp_path / "runs"), *more),
        ],
    )
    assert result.exit_code == 0, result.output
    return pd.read_csv(tmp_path / "boards" / "mine.csv")


def test_a_folder_of_sequences_reaches_a_board_in_either_order(dataset: Dataset, tmp_path: Path) -> None:
    write_sequences(tmp_path / "theirs" / "clip0", RESTORED[0])
    write_sequences(tmp_path / "theirs" / "clip1", RESTORED[1][:, ::-1])  # backward
    rows = score(dataset, tmp_path, "--metric", "ppsnr", "--metric", "pssim_pair")
    mine = rows[(rows["method"] == "theirs") & (rows["subset"] == "all")].set_index(["clip", "metric"])["value"]
    each = np.array(
        [
            [[psnr(*pair) for pair in zip(one, other, strict=True)] for one, other in zip(ours, theirs, strict=True)]
            for ours, theirs in zip(RESTORED, TRUTH, strict=True)
        ]
    )  # (clips, frames, places)
    assert mine["clip0", "ppsnr_mean"] == pytest.approx(each[0].mean())
    assert mine["*", "ppsnr_mean"] == pytest.approx(each.mean())
    for place in range(COUNT):
        assert mine["*", f"ppsnr-{place + 1}"] == pytest.approx(each[:, :, place].mean())
    assert 0.8 < mine["*", "pssim_pair_mean"] < 1
    assert mine["*", "psnr"] == pytest.approx(each[:, :, COUNT // 2].mean())  # the middle frame stands for the clip
    assert set(rows[rows["metric"] == "ppsnr_mean"]["truth"]) == {"mid"}


def test_a_sequence_that_is_not_whole_is_one_sentence(dataset: Dataset, tmp_path: Path) -> None:
    for number in range(2):
        write_sequences(tmp_path / "theirs" / f"clip{number}", RESTORED[number])
    (tmp_path / "theirs" / "clip1" / f"{NAMES[1]}_4.png").unlink()
    arguments = ["score", str(tmp_path / "theirs"), "--data", str(dataset.folder), "--name", "theirs"]
    places = ["--boards", str(tmp_path / "boards"), "--runs", str(tmp_path / "runs"), "--metric", "ppsnr"]
    result = CliRunner().invoke(cli, [*arguments, *places])
    assert result.exit_code == 1
    assert isinstance(result.exception, InputError)
    assert "clip1 does not have the same pictures of every frame" in str(result.exception)


def test_frames_alone_have_no_sequences_and_the_metric_is_left_out(dataset: Dataset, tmp_path: Path) -> None:
    for number in range(2):
        write_clip(tmp_path / "theirs" / f"clip{number}", RESTORED[number][:, COUNT // 2])
    rows = score(dataset, tmp_path, "--metric", "ppsnr")
    assert "ppsnr_mean" not in set(rows["metric"])
    assert "psnr" in set(rows["metric"])


def test_the_best_of_several_candidates_is_scored(dataset: Dataset, tmp_path: Path) -> None:
    clip = dataset.clips()[0]
    run = tmp_path / "runs" / "clip0"
    write_clip(run, RESTORED[0][:, COUNT // 2])
    far = np.clip(TRUTH[0] + RANDOM.integers(-70, 71, TRUTH[0].shape), 0, 255).astype(np.uint8)
    write_series(run, (far, RESTORED[0][:, ::-1]), NAMES)
    assert [len(series) for series in list_candidates(run)] == [COUNT, COUNT]
    found = measure_clip(RunClip(run, clip), open_measure("ppsnr")).table["ppsnr_mean_mid"]
    expected = [
        np.mean([psnr(*pair) for pair in zip(one, other, strict=True)])
        for one, other in zip(RESTORED[0], TRUTH[0], strict=True)
    ]
    np.testing.assert_allclose(found, expected)


def test_kept_scores_belong_to_the_sequences_that_were_scored(dataset: Dataset, tmp_path: Path) -> None:
    clip, run, measure = dataset.clips()[0], tmp_path / "runs" / "clip0", open_measure("ppsnr")
    write_clip(run, RESTORED[0][:, COUNT // 2])
    write_series(run, (RESTORED[0],), NAMES)
    before, digest = measure_clip(RunClip(run, clip), measure).table, series_sha256(run)
    write_frame(run / SERIES_FOLDER / f"{NAMES[0]}_1.png", TRUTH[0, 0, 0])
    after = measure_clip(RunClip(run, clip), measure).table
    assert series_sha256(run) != digest
    assert after["ppsnr-1_mid"][0] == 80.0 > before["ppsnr-1_mid"][0]


def test_sequences_of_other_lengths_and_runs_without_them_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    clip, run = dataset.clips()[0], tmp_path / "runs" / "clip0"
    write_clip(run, RESTORED[0][:, COUNT // 2])
    with pytest.raises(FitError, match="has no sequences of sub-frames"):
        measure_clip(RunClip(run, clip), open_measure("ppsnr"))
    write_series(run, (RESTORED[0][:, :5],), NAMES)
    with pytest.raises(InputError, match=r"has 5 instants of 3 frames, and .* has 7 of 3"):
        measure_clip(RunClip(run, clip), open_measure("ppsnr"))
    with pytest.raises(InputError, match="all of one shape"):
        write_series(tmp_path, (RESTORED[0], RESTORED[0][:, :5]), NAMES)
