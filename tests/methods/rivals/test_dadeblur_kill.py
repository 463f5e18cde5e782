"""A run of DaDeblur over clips that is killed, and the same command again: the frames are those of a run in one go."""

import signal
import time
from pathlib import Path

import pytest
from made_dataset import made_frames
from made_lab import run, start

from hvdbench.frames import write_clip
from hvdbench.store import DatasetWriter

EVAL = ("eval", "--method", "dadeblur@tiny", "--data", "../small", "--engine", "local:1")


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
    folders = [tmp_path / name for name in ("killed", "whole")]
    for folder in folders:
        folder.mkdir()
    restored = [folder / "runs" / "dadeblur@tiny" for folder in folders]
    killed = start(folders[0], *EVAL)
    end = time.monotonic() + 600
    while not list(restored[0].rglob("one/*.png")) and killed.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    half = pictures(restored[0])
    assert not any("two" in name for name in half)
    for folder in folders:
        code, said = run(folder, *EVAL)
        assert code == 0, said
    again, whole = (pictures(folder) for folder in restored)
    assert len(whole) == 18
    assert again == whole
    assert half.items() <= whole.items()
