"""An evaluation of a rival that is fitted to each clip: killed and run again, it ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from made_clip import shaken

from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import select_sharp
from hvdbench.labels.stored import write_labels
from hvdbench.store import DatasetWriter

CLIPS = ("one", "two", "three")
COMMAND = [sys.executable, "-c", "from hvdbench.cli.main import main; main()", "eval", "--engine", "local:1"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three clips, of which every fourth frame is sharp."""
    folder = tmp_path_factory.mktemp("data") / "made"
    writer = DatasetWriter(folder, name="made", origin="demo", recipe={}, provenance={})
    labels = select_sharp(np.where(np.arange(8) % 4 == 0, 100.0, 1.0), labeller="paper")
    for number, name in enumerate(CLIPS):
        clip = writer.clip_folder("test", name)
        for stream in ("blur", "sharp", "sharp_centroid"):
            write_clip(clip.folder / stream, np.roll(shaken(8, 80, 64), 5 * number, axis=2))
        write_labels(clip, labels)
        writer.finish(clip, clip.digest())
    return writer.dataset().folder


def finished(home):
    # a clip is written in a hidden folder, which gets its name when it is whole
    return sorted(path for path in home.glob("runs/*@tiny/*/test/*/run.json") if not path.parent.name.startswith("."))


def results(home):
    """Return the bytes of each restored frame, by its path."""
    kept = [path for run in finished(home) for path in run.parent.rglob("*.png")]
    assert kept
    return {str(path.relative_to(home)): path.read_bytes() for path in kept}


def options(home, method, dataset):
    return [
        *("--method", method, "--data", str(dataset), "--boards", str(home / "leaderboards")),
        *("--runs", str(home / "runs")),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bluref@tiny", "blur2blur@tiny"])
def test_an_evaluation_that_was_killed_goes_on_to_the_same_bytes(dataset, tmp_path, method):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*COMMAND, *options(whole, method, dataset)], check=True, stdout=subprocess.DEVNULL)
    command = [*COMMAND, *options(killed, method, dataset)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        give_up_s = time.monotonic() + 300
        while not finished(killed) and process.poll() is None and time.monotonic() < give_up_s:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in finished(killed)}
    assert 0 < len(before) < len(CLIPS)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # what was done is not done again
    assert len(finished(killed)) == len(CLIPS)
    assert results(killed) == results(whole)
