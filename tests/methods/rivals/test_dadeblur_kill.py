"""A run of DaDeblur over clips that is killed, and the same command again: the frames are those of a run in one go."""

import signal
import time
from pathlib import Path

import pytest
from made_dataset import made_frames
from made_lab import run, start

from hvdbench.frames import write_clip
from hvdbench.store import DatasetWriter

EVAL = ("eval", "--method", "dadeblur@tiny", "--data", "small", "--engine", "local:1")


def make_clips(folder: Path) -> None:
    writer = DatasetWriter(folder, name="small", origin="simulated", recipe={}, provenance={})
    for number, name in enumerate(("one", "two")):
        clip = writer.clip_folder("test", name)
        for place, stream in enumerate(("blur", "sharp")):
            write_clip(clip.folder / stream, made_frames((9, 48, 64), 10 * number + place))
        writer.finish(clip, clip.digest())


def pictures(folder: Path) -> dict[str, bytes]:
    """Return the restored frames below a folder by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


@pytest.mark.slow
def test_a_killed_run_over_clips_ends_with_the_same_bytes(tmp_path):
    make_clips(tmp_path / "small")
    killed = start(tmp_path, *EVAL, "--runs", "killed")
    end = time.monotonic() + 300
    while not list((tmp_path / "killed").rglob("one/*.json")) and killed.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    half = pictures(tmp_path / "killed")
    assert not any("two" in name for name in half)
    for runs in ("killed", "whole"):
        code, said = run(tmp_path, *EVAL, "--runs", runs)
        assert code == 0, said
    whole = pictures(tmp_path / "whole")
    assert len(whole) >= 18
    assert pictures(tmp_path / "killed") == whole
    assert half.items() <= whole.items()
