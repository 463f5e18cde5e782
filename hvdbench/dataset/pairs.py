"""Add a user's own paired clips, with blurry and sharp frames from anywhere, to a dataset that every command takes."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frames, list_frames, read_clip, write_clip
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.names import checked_key, checked_name


def pair_clip(
    blurry: Path,
    sharp: Path,
    out: Path,
    *,
    clip: str,
    source: str = "",
    split: str = "test",
    fps: float | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Add a pair of frame folders to a dataset as one clip with truth at mid-exposure.

    A dataset that is absent is made.

    The dataset takes its folder's name and the origin ``measured``, since nothing in it was simulated here. Frames are
    written as PNG.

    Args:
        blurry: the folder of input frames.
        sharp: the folder of truth frames, of equal number and size, paired in natural order of their names.
        out: the dataset's folder.
        clip: the clip's name.
        source: where the frames come from, for the manifest.
        split: the clip's split; supervised training reads ``train`` alone.
        fps: frames per second; None: unknown, and then frames get no times.
        overwrite: whether to replace a clip of that name.

    Raises:
        InputError: if frames are missing, sizes or counts differ, the numbers in the frames' names say that they are
            paired otherwise, the clip already exists, or a name could be a path.
        DatasetError: if ``out`` is another kind of dataset.
    """
    checked_name(clip, "the clip")
    checked_key(f"{split}/{clip}", "the clip")
    ours, theirs = list_frames(blurry), list_frames(sharp)
    if len(ours) != len(theirs):
        raise InputError(
            f"{blurry} contains {len(ours)} frames, and {sharp} contains {len(theirs)}: a pair must have as many of "
            "each"
        )
    if {number_of(file) for file in ours} & {number_of(file) for file in theirs}:  # else each camera counts by itself
        check_numbers(ours, theirs)
    pictures = {"blur": read_clip(blurry), TRUTH_FOLDERS["mid"]: read_clip(sharp)}
    found, expected = (frames.shape for frames in pictures.values())
    if found != expected:
        raise InputError(
            f"{blurry} has frames of {_size(found)}, and {sharp} has frames of {_size(expected)}: a pair must have one "
            "size"
        )
    writer = DatasetWriter(
        out,
        name=out.resolve().name,
        origin="measured",
        recipe={"kind": "paired clips"},
        provenance={"pairs": "own files"},
    )
    if writer.has(split, clip) and not overwrite:
        raise InputError(f"{out} already has a clip '{split}/{clip}': replace it with --overwrite, or name another")
    target = writer.clip_folder(split, clip)
    with atomic_folder(target.folder) as folder:
        for name, frames in pictures.items():
            write_clip(folder / name, frames)
        written = ClipFolder(folder)
        written.edit_tracks(_tracks(pictures["blur"], source, fps))
        digest = written.digest()
    writer.finish(target, digest)
    return writer.dataset()


def check_numbers(blurry: Sequence[Path], sharp: Sequence[Path]) -> None:
    """Refuse frames that would be paired with a frame of another number.

    Raises:
        InputError: for the first such pair.
    """
    for ours, theirs in zip(blurry, sharp, strict=False):
        if number_of(ours) != number_of(theirs):
            raise InputError(
                f"{ours} would be paired with {theirs}: paired frames must have the same number in their names"
            )


def number_of(file: Path) -> int | None:
    """Return the last number in a frame's name; None where it has none."""
    found = re.findall(r"\d+", file.stem)
    return int(found[-1]) if found else None


def _tracks(frames: Frames, source: str, fps: float | None) -> Callable[[h5py.File], None]:
    def write(tracks: h5py.File) -> None:
        tracks.attrs.update({"origin": "measured", "source": source, "trajectory": "", "scene_kind": "video"})
        if fps is not None:
            tracks.create_dataset("t_s", data=np.arange(len(frames), dtype=np.float64) / fps)

    return write


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}x{shape[1]}"
