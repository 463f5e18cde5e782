"""A dataset of two small clips, the command line as other processes run it, and several of these at once."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from made_dataset import made_frames

from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import Dataset, DatasetWriter

CLIPS = ("one", "two")
ROOT = Path(__file__).resolve().parent.parent


def make_lab(folder: Path, name: str = "small", *, labelled: bool = True) -> Dataset:
    """Write two clips of three frames of 36x28 px with truth at mid-exposure."""
    writer = DatasetWriter(folder, name=name, origin="simulated", recipe={}, provenance={})
    for number, clip_name in enumerate(CLIPS):
        clip = writer.clip_folder("test", clip_name)
        for place, stream in enumerate(("blur", "sharp")):
            write_clip(clip.folder / stream, made_frames((3, 28, 36), 10 * number + place))
        is_sharp = np.array([False, True, False])
        if labelled:
            write_labels(clip, SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * 3, "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset()


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start ``hvdbench`` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", "from hvdbench.cli.main import main; main()", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *words: str) -> tuple[int, str]:
    """Run ``hvdbench`` in a folder; return its exit code and all that it said."""
    process = start(folder, *words)
    out, err = process.communicate()
    return process.returncode, out + err


def at_once(folder: Path, commands: Sequence[Sequence[str]]) -> None:
    """Run several at once, all of which must end well."""
    processes = [start(folder, *words) for words in commands]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
