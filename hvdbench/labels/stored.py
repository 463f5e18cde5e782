"""Read the labels of a dataset's clip, or make them in memory where none are stored; all readers of labels call this.

:func:`labels_of` never writes. Labels are stored only by commands that say so, through :func:`ensure_labels`.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from hvdbench.catalog import resolve
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import Frames, list_frames, read_frame
from hvdbench.labels.arriving import open_labeller, parted
from hvdbench.labels.sharpness import MEASURES, Measure, SharpLabels, paper_name
from hvdbench.store import ClipFolder
from hvdbench.store.tracks import bounded, open_tracks

DEFAULT_LABELLER = "paper"
"""The labeller whose labels methods learn from and scores are split by, where none is named."""

_CLUE = "is_clue"
_CLIPS_KEPT = 4096  # labels are small, about 20 bytes per frame
_Stamp = tuple[tuple[str, int, int], ...]  # of each frame: name, bytes, time of last change in ns


def labels_of(
    clip: ClipFolder,
    labeller: str = DEFAULT_LABELLER,
    measure: Measure | None = None,
    *,
    frames: Frames | None = None,
) -> SharpLabels:
    """Return a clip's stored labels, or else labels made now, which are not written anywhere.

    Labels that were made are kept in memory until the process ends or a frame of the clip changes. Labels by an import
    string are made anew each time, since only they know the name that they would be stored under.

    Args:
        clip: a clip of a dataset.
        labeller: a name of the catalogue, ``paper-colour``, ``paper-luma``, or an import string.
        measure: the measure of the labeller ``paper``; None means its usual one.
        frames: the clip's blurry frames, uint8 RGB (T, H, W, 3), if they are in memory already.

    Raises:
        DatasetError: if the stored labels are damaged.
        InputError: if the labels have to be made and a frame cannot be read, and under the conditions of
            :func:`stored_name`.
        UnknownNameError: if there is no such labeller.
    """
    name = stored_name(labeller, measure)
    if ":" in name:
        return make_labels(name, clip.blurry() if frames is None else frames, measure)
    stored = read_labels(clip, name)
    if stored is not None:
        return stored
    if frames is not None:
        return make_labels(name, frames)
    folder = (clip.folder / "blur").resolve()
    return _made(folder, name, _stamp(folder))


def ensure_labels(clip: ClipFolder, labeller: str = DEFAULT_LABELLER, measure: Measure | None = None) -> SharpLabels:
    """Return a clip's labels as :func:`labels_of` does, and store them where they are not stored yet.

    Nothing is stored in object storage.

    Raises:
        HvdbenchError: under the conditions of :func:`labels_of` and :func:`write_labels`.
    """
    labels = labels_of(clip, labeller, measure)
    if clip.remote is None and (":" in labeller or read_labels(clip, labels.labeller) is None):
        write_labels(clip, labels)
    return labels


def stored_name(labeller: str, measure: Measure | None) -> str:
    """Return the name under which a labeller's labels are stored.

    Raises:
        InputError: if a measure is unknown, or is given for a labeller that takes none.
        UnknownNameError: if there is no such labeller.
    """
    if measure is None:
        return labeller
    if measure not in MEASURES:
        raise InputError(f"there is no measure '{measure}' (known: {', '.join(MEASURES)})")
    if "measure" not in inspect.signature(resolve("labeller", labeller)).parameters:
        raise InputError(f"labeller '{labeller}' takes no measure: leave --measure out, or name --labeller paper")
    return paper_name(measure) if labeller == "paper" else labeller


def make_labels(labeller: str, frames: Frames, measure: Measure | None = None) -> SharpLabels:
    """Label frames (T, H, W, 3), uint8 RGB, by a labeller, a stored name such as ``paper-colour``, or an import string.

    Raises:
        HvdbenchError: if there is no such labeller, or if it refuses the frames.
    """
    labeller, measure = parted(labeller) if measure is None else (labeller, measure)
    make: Callable[..., SharpLabels] = resolve("labeller", labeller)
    return make(frames) if measure is None else make(frames, measure=measure)


def has_labels(clip: ClipFolder, name: str) -> bool:
    """Return whether a clip stores labels under a name."""
    return clip.track(f"labels/{name}/is_sharp") is not None


def read_labels(clip: ClipFolder, name: str) -> SharpLabels | None:
    """Read the labels that :func:`write_labels` stored under a name, or None where there are none.

    Raises:
        DatasetError: if the labels are incomplete.
    """
    if not has_labels(clip, name):
        return None
    with open_tracks(clip.tracks_path) as tracks:
        group = tracks[f"labels/{name}"]
        if name == "clues" and _CLUE not in group:
            return None  # they were stored when the choice stood in the place of the verdict
        try:
            return SharpLabels(
                sharpness=np.asarray(bounded(group, "sharpness")[()], np.float64),
                is_sharp=np.asarray(bounded(group, "is_sharp")[()], np.bool_),
                threshold=float(group.attrs["threshold"]),
                reason=tuple(bounded(group, "reason").asstr()[()]),
                labeller=name,
                is_clue=np.asarray(bounded(group, _CLUE)[()], np.bool_) if _CLUE in group else None,
            )
        except KeyError as error:
            raise DatasetError(
                f"{clip.tracks_path}: labels/{name} is incomplete ({error}): run 'hvdbench label' again"
            ) from error


def write_labels(clip: ClipFolder, labels: SharpLabels) -> None:
    """Store labels in the clip's ``tracks.h5`` under ``labels/<labeller>``, replacing older ones of that name.

    Raises:
        DatasetError: if the clip has another number of frames, or may not be written to.
    """
    count = len(labels.is_sharp)
    stored = clip.track("t_s")
    if stored is not None and len(stored) != count:
        raise DatasetError(
            f"{clip.tracks_path} has {len(stored)} frames, and there are {count} labels of '{labels.labeller}': the "
            "labels are of another clip, or the clip lost frames"
        )
    try:
        clip.edit_tracks(_writer(labels))
    except PermissionError as error:
        raise DatasetError(
            f"{clip.folder} cannot be written to, so its labels cannot be stored there: change its permissions, or "
            "copy the dataset"
        ) from error


def _writer(labels: SharpLabels) -> Callable[[h5py.File], None]:
    def write(tracks: h5py.File) -> None:
        name = f"labels/{labels.labeller}"
        if name in tracks:
            del tracks[name]
        group = tracks.create_group(name)
        group.attrs["threshold"] = labels.threshold
        group.create_dataset("sharpness", data=labels.sharpness)
        group.create_dataset("is_sharp", data=labels.is_sharp)
        if labels.is_clue is not None:
            group.create_dataset(_CLUE, data=labels.is_clue)
        group.create_dataset("reason", data=list(labels.reason), dtype=h5py.string_dtype())

    return write


def _stamp(folder: Path) -> _Stamp:
    files = [(path.name, path.stat()) for path in list_frames(folder)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)


@lru_cache(_CLIPS_KEPT)
def _made(folder: Path, name: str, stamp: _Stamp) -> SharpLabels:
    """Label a folder of frames, which are read one by one."""
    labeller = open_labeller(name)
    for file, _, _ in stamp:
        labeller.add(read_frame(folder / file))
    return labeller.labels()
