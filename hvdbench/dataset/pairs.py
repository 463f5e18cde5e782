"""Add a user's own paired clips, with blurry and sharp frames from anywhere, to a dataset that every command takes."""

from pathlib import Path

import h5py
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import list_frames, read_frames, write_clip
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.frame_names import Matched, match_names
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
        sharp: the folder of truth frames, of equal number and size, paired by name
            (:func:`hvdbench.workspace.frame_names.match_names`).
        out: the dataset's folder.
        clip: the clip's name.
        source: where the frames come from, for the manifest.
        split: the clip's split; supervised training reads ``train`` alone.
        fps: frames per second; None: unknown, and then frames get no times.
        overwrite: whether to replace a clip of that name.

    Raises:
        InputError: if frames are missing, sizes or counts differ, names leave open which frames belong together, the
            another clip of that name exists, or a name could be a path.
        DatasetError: if ``out`` is another kind of dataset.
    """
    checked_name(clip, "the clip")
    checked_key(f"{split}/{clip}", "the clip")
    inputs, truths = list_frames(blurry), list_frames(sharp)
    if len(inputs) != len(truths):
        raise InputError(f"{blurry} contains {len(inputs)} frames, {sharp} {len(truths)}: a pair has as many of each")
    matched = match_names(truths, [path.stem for path in inputs], whose=str(sharp)) if inputs else Matched(())
    paired = [truths[index] for index in matched.files if index is not None]
    pictures = {"blur": read_frames(inputs, blurry), TRUTH_FOLDERS["mid"]: read_frames(paired, sharp)}
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
    target = writer.clip_folder(split, clip)
    with atomic_folder(target.folder) as folder:
        for name, frames in pictures.items():
            write_clip(folder / name, frames)
        written = ClipFolder(folder)
        written.edit_tracks(lambda tracks: _write_facts(tracks, len(paired), source, fps))
        digest = written.digest()
        if writer.digest_of(split, clip) not in ("", digest) and not overwrite:
            raise InputError(
                f"{out} already has another clip '{split}/{clip}': replace it with --overwrite, or name another"
            )
    writer.finish(target, digest)
    return writer.dataset()


def _write_facts(tracks: h5py.File, count: int, source: str, fps: float | None) -> None:
    """Write what is known of the clip; folders of frames state no times."""
    tracks.attrs.update({"origin": "measured", "source": source, "trajectory": "", "scene_kind": "video"})
    if fps is not None:
        tracks.create_dataset("t_s", data=np.arange(count, dtype=np.float64) / fps)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}x{shape[1]}"
