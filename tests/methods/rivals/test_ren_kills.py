"""Ren et al.'s runs after kill -9: the same command finishes to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_dataset import make_dataset

COMMAND = [sys.executable, "-c", "from hvdbench.cli.main import main; main()"]


def run(asked: list[str], out: Path, killed_when: Callable[[], bool] | None = None) -> None:
    """Run a command to its end, or kill it as soon as a condition holds."""
    with subprocess.Popen(
        [*COMMAND, *asked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=out, start_new_session=True
    ) as process:
        if killed_when is not None:
            give_up_s = time.monotonic() + 120
            while not killed_when() and process.poll() is None and time.monotonic() < give_up_s:
                time.sleep(0.005)
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == (0 if killed_when is None else -signal.SIGKILL)


def contents(folder: Path, pattern: str) -> dict[str, bytes]:
    """Return the files that a run has finished, by their path in the folder."""
    found = [path.relative_to(folder) for path in folder.rglob(pattern)]
    return {str(path): (folder / path).read_bytes() for path in found if ".partial-" not in str(path)}


@pytest.mark.slow
def test_an_evaluation_that_was_killed_between_clips_ends_in_the_same_frames(tmp_path):
    make_dataset(tmp_path / "made", labelled=False)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    asked = ["eval", "--method", "ren2020_small@tiny", "--data", str(tmp_path / "made")]
    asked += ["--runs", "runs", "--boards", "boards", "--engine", "local:1"]
    runs = tmp_path / "killed" / "runs"
    run(asked, tmp_path / "whole")
    whole = contents(tmp_path / "whole" / "runs", "*.png")
    run(asked, tmp_path / "killed", lambda: bool(contents(runs, "*.png")))
    assert 0 < len(contents(runs, "*.png")) < len(whole)
    run(asked, tmp_path / "killed")
    assert contents(runs, "*.png") == whole
    boards = [contents(tmp_path / name / "boards", "*.csv") for name in ("whole", "killed")]
    assert boards[0].keys() == boards[1].keys() != set()


@pytest.mark.slow
@pytest.mark.parametrize("inner_steps", [1, 0])
def test_a_meta_training_that_was_killed_ends_in_the_same_weights(tmp_path, inner_steps):
    make_dataset(tmp_path / "made", labelled=False)
    recipe = tmp_path / "meta.toml"
    recipe.write_text(f'based_on = "ren2020_maml_small@tiny"\n[settings]\ninner_steps = {inner_steps}\n')
    asked = ["train", str(recipe), "--data", str(tmp_path / "made"), "--engine", "local:1", "-o"]
    run([*asked, "whole"], tmp_path)
    run([*asked, "killed"], tmp_path, lambda: (tmp_path / "killed/checkpoints/00000010").is_dir())
    assert not (tmp_path / "killed/weights.safetensors").exists()
    run([*asked, "killed"], tmp_path)
    assert contents(tmp_path / "killed", "weights.safetensors") == contents(tmp_path / "whole", "weights.safetensors")
    assert contents(tmp_path / "whole", "weights.safetensors")
