"""Frames of no dataset, measured by metrics that need no truth, through the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.frames import to_gray, write_clip, write_frame
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.sharpness import sharpness
from hvdbench.video.writer import write_video
from hvdbench.workflows.frames_alone import alone_table, measure_alone
from hvdbench.workspace.fallback import Fallback

FLAT = np.stack([np.full((48, 64, 3), level, np.uint8) for level in (40, 90, 140)])


def noise(seed: int = 0, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 64, 3), dtype=np.uint8)


def expected(frames: np.ndarray) -> float:
    return float(np.mean([sharpness(to_gray(frame)) for frame in frames]))


def measured(folder: Path, *names: str) -> dict[str, tuple[int, float]]:
    found = measure_alone(folder, names or ("sharpness",), fallback=Fallback(), budget=Budget())
    return {row["clip"]: (row["frames"], row["sharpness"]) for row in found.to_dict("records")}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["score", *words])
    assert done.exit_code == code, done.output
    return done.output if code == 0 else str(done.exception)


def test_a_folder_of_one_clip_is_measured_without_a_dataset_and_without_a_board(here):
    write_clip(here / "theirs", noise())
    text = said("theirs", "--metric", "sharpness")
    assert "all frames of 1 clip, compared with nothing; no board is written" in text
    assert f"{expected(noise()):.1f}" in text
    assert sorted(path.name for path in here.iterdir()) == ["theirs"]


def test_a_demo_dataset_that_lies_there_is_not_taken_for_frames_of_others(here):
    (here / "datasets" / "goproshake").mkdir(parents=True)
    (here / "datasets" / "goproshake" / "dataset.json").write_text("{}")
    write_clip(here / "theirs", noise())
    assert "compared with nothing" in said("theirs", "--metric", "sharpness")


def test_clips_in_folders_and_films_are_measured_one_by_one(here):
    write_clip(here / "theirs" / "test" / "a", noise(1))
    write_clip(here / "theirs" / "b", noise(2))
    for name, frame in zip(("0", "1", "2"), noise(3), strict=True):
        (here / "theirs" / "c" / name).mkdir(parents=True)
        write_frame(here / "theirs" / "c" / name / f"{name}_500.png", frame)
    write_video(here / "theirs" / "d.mkv", FLAT, fps=25)
    found = measured(here / "theirs")
    assert found == {
        "b": (3, pytest.approx(expected(noise(2)))),
        "c": (3, pytest.approx(expected(noise(3)))),
        "d": (3, pytest.approx(0, abs=1)),
        "test/a": (3, pytest.approx(expected(noise(1)))),
    }
    assert measured(here / "theirs" / "d.mkv") == {"d": (3, pytest.approx(0, abs=1))}
    text = said("theirs", "--metric", "sharpness")
    assert "all frames of 4 clips" in text
    assert "mean over clips" in text


def test_inputs_and_truths_beside_results_are_left_out(here, caplog):
    names = [f"{index:08d}" for index in range(3)]
    write_clip(here / "theirs", noise(), [f"{name}_ours.png" for name in names])
    write_clip(here / "theirs", FLAT, [f"{name}_gt.png" for name in names])
    assert measured(here / "theirs") == {"theirs": (3, pytest.approx(expected(noise())))}
    assert "3 pictures are called inputs or truths and were left out" in caplog.text


def test_the_mean_over_clips_has_its_interval(here):
    for name in "abc":
        write_clip(here / "theirs" / name, noise(ord(name)))
    found = measure_alone(here / "theirs", ["sharpness"], fallback=Fallback(), budget=Budget())
    table = alone_table(found)
    assert table.rows[-1].cells["2"].value == pytest.approx(found["sharpness"].mean())
    assert table.below[0].startswith("the 95 % intervals of the means are sharpness ")
    assert table.below[1] == "Student's t over 3 clips"


def test_a_metric_of_pairs_of_frames_or_with_a_truth_asks_for_the_dataset(here):
    write_clip(here / "theirs", noise())
    assert "metric 'flicker' compares them with a truth or an input" in said("theirs", "--metric", "flicker", code=1)
    assert "name it with --data (metrics that need no truth, such as niqe" in said("theirs", code=1)


def test_a_folder_without_frames_is_refused(here):
    (here / "empty").mkdir()
    (here / "empty" / "notes.json").write_text(json.dumps({}))
    assert "empty contains no frames and no video" in said("empty", "--metric", "sharpness", code=1)
