"""docs/training.md, "A network of one's own": its files are written and its commands run, exactly as they stand."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hvdbench.frames import list_frames, read_frames
from hvdbench.store import Dataset

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## A network of one's own") : PAGE.index("## A method of one's own")]
METHODS = ("three", "single", "middle")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


def written(folder: Path) -> Path:
    """Write the page's files, each under the name in its first line."""
    for block in (*blocks("python"), *blocks("toml")):
        first, _, content = block.partition("\n")
        (folder / first.removeprefix("# ")).write_text(content)
    return folder


def frames_of(folder: Path) -> np.ndarray:
    return read_frames(list_frames(folder), folder)


def run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "hvdbench"
    program = [sys.executable, "-c", "from hvdbench.cli.main import main; main()", *words[1:]]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "", "HVDBENCH_HOME": str(ROOT)}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_three_networks_go_from_their_code_to_a_table_by_the_page_alone(tmp_path):
    written(tmp_path)
    (commands,) = blocks("console")
    told = {command: run(command, tmp_path) for command in commands.splitlines()}

    board = pd.read_csv(tmp_path / "leaderboards" / "demo@tiny.csv")
    assert set(board["method"]) == {*METHODS, "blurry"}
    compared = next(text for command, text in told.items() if " compare " in command)
    assert "Differences are three less single, clip by clip" in compared
    table = (tmp_path / "table.tex").read_text()
    assert table.count("\\begin{tabular}") == 1
    assert all(re.search(rf"^{method} & demo & 4 &", table, re.MULTILINE) for method in (*METHODS, "blurry"))

    unseen = Dataset.open(tmp_path / "unseen")
    made = {}
    for method in METHODS:
        run_folder = tmp_path / "runs" / method / "demo@tiny"
        trained = json.loads((run_folder / "train.json").read_text())
        assert trained["dataset_digest"] == Dataset.open(tmp_path / "learn").digest != unseen.digest
        steps = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
        losses = [line["loss"] for line in steps if line["kind"] == "step"]
        assert losses[-1] < losses[0]
        made[method] = frames_of(run_folder / "test" / "cup")
    blurry = next(clip for clip in unseen.clips() if clip.name == "cup").blurry()
    for name, frames in made.items():
        assert frames.shape == blurry.shape
        assert 0 < np.abs(frames.astype(int) - blurry).mean() < 10
        assert all((frames != other).any() for key, other in made.items() if key != name)


@pytest.mark.slow
def test_the_page_s_last_command_scores_trained_weights_without_their_recipe(tmp_path):
    written(tmp_path)
    for command in blocks("console")[0].splitlines()[:2]:
        run(command, tmp_path)
    run("hvdbench train single.toml --data learn --trust --steps 10", tmp_path)
    run(
        "hvdbench eval --method single.toml --data unseen --trust --weights runs/single/demo@tiny/weights.safetensors",
        tmp_path,
    )
    (last,) = re.findall(r"`(hvdbench eval --method nets_of_mine:OneFrame [^`]*)`", SECTION)
    run(last.replace("\n", " "), tmp_path)
    frames = [frames_of(tmp_path / "runs" / name / "demo@tiny/test/cup") for name in ("single", "OneFrame-weights")]
    np.testing.assert_array_equal(*frames)
