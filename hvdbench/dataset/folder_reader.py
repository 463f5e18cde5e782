"""Read parts of clips for training, from a dataset's folder or from a pack that ``hvdbench pack`` made.

Both give the same bytes. A reader may be sent to worker processes: each opens its own files at its first read.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts, ClipReader, subframe_stream
from hvdbench.dataset.pack_reader import PackReader
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import Frames, list_frames, list_series, read_frame
from hvdbench.labels.sharpness import select_sharp
from hvdbench.labels.stored import labels_of
from hvdbench.store import SERIES_FOLDER, TRUTH_FOLDERS, ClipFolder, Dataset
from hvdbench.workspace.objects.door import look
from hvdbench.workspace.objects.location import Location, Place

logger = logging.getLogger(__name__)

STREAMS = ("blur", *TRUTH_FOLDERS.values())
"""Streams of one picture for each frame; those of sub-frames follow them (:func:`subframe_stream`)."""


def is_pack(place: Place) -> bool:
    """Return whether a place is a file, as packs are, and not a folder.

    Raises:
        InputError: if the server of an address cannot be asked.
    """
    return look(place) is not None if isinstance(place, Location) else place.is_file()


def open_reader(path: Place) -> ClipReader:
    """Open a dataset's folder, or a pack of a dataset, on the disk or at an address.

    Clips of a folder that were never labelled are labelled in memory; nothing is written.

    Raises:
        DatasetError: if the path is neither of the two, damaged, or of another schema.
        InputError: if the path does not exist.
    """
    if is_pack(path):
        return PackReader(path)
    if isinstance(path, Location) or path.is_dir():
        return FolderReader(path)
    raise InputError(f"{path} does not exist: name a dataset's folder, or a file made by 'hvdbench pack'")


def select_by_segments(clips: Sequence[ClipFacts], segment_frames: int) -> dict[str, NDArray[np.bool_]]:
    """Select frames again in segments of another length than the paper's 20 frames; returns clip keys → (T,).

    Raises:
        InputError: if segments have less than one frame.
    """
    return {clip.key: select_sharp(clip.sharpness, segment_length=segment_frames).is_selected for clip in clips}


class FolderReader(CheckedReader):
    """Reads PNG files; each is decoded whole, whatever the box."""

    def __init__(self, folder: Place) -> None:
        dataset = Dataset.open(folder)
        clips: list[ClipFacts] = []
        self._clips: dict[str, ClipFolder] = {}
        self._files: dict[tuple[str, str], list[Path]] = {}  # relative to the clip's folder, which may be copied anew
        for clip in dataset.clips():
            facts, files = look_at(clip)
            clips.append(facts)
            self._clips[facts.key] = clip
            for stream, paths in files.items():
                self._files[facts.key, stream] = [path.relative_to(clip.folder) for path in paths]
        super().__init__(clips, name=dataset.name, origin=dataset.origin, digest=dataset.digest)

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip; see :meth:`ClipReader.read`."""
        wanted, box = self._check(key, stream, frames, box)
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        facts, folder, files = self._facts[key], self._clips[key].folder, self._files[key, stream]
        found = np.empty((len(wanted), box.height, box.width, 3), np.uint8)
        for frame in np.unique(wanted):
            picture = read_frame(folder / files[frame])
            if picture.shape[:2] != (facts.height, facts.width):
                size, expected = f"{picture.shape[1]}x{picture.shape[0]}", f"{facts.width}x{facts.height}"
                raise DatasetError(
                    f"{folder / files[frame]} is {size}, and the clip's first frame is {expected}: all frames of a "
                    "clip must have one size"
                )
            found[wanted == frame] = picture[rows, columns]
        return found

    def close(self) -> None:
        """Do nothing, since no file stays open."""


def stream_files(clip: ClipFolder) -> dict[str, list[Path]]:
    """List the frame files of each stream that a clip has.

    Raises:
        DatasetError: if there are no blurry frames, or a truth has another number of frames.
        InputError: if the sub-frames of a frame are not all there.
    """
    files = {stream: list_frames(clip.folder / stream) for stream in STREAMS if (clip.folder / stream).is_dir()}
    series = list_series(clip.folder / SERIES_FOLDER)
    files |= {subframe_stream(number): paths for number, paths in enumerate(series, start=1)}
    count = len(files.get("blur", ()))
    if not count:
        raise DatasetError(f"{clip.folder / 'blur'} contains no frames: make the dataset again")
    for stream, paths in files.items():
        if len(paths) != count:
            raise DatasetError(
                f"{clip.folder / stream} contains {len(paths)} frames, and {clip.folder / 'blur'} contains {count}: "
                "make the dataset again"
            )
    return files


def look_at(clip: ClipFolder) -> tuple[ClipFacts, dict[str, list[Path]]]:
    """Collect the facts of a clip and the frame files of each of its streams; labels are made where none are stored.

    Raises:
        DatasetError: under the conditions of :func:`stream_files` and :func:`labels_of`, and if the labels are for
            another number of frames.
    """
    files = stream_files(clip)
    labels = labels_of(clip)
    first = files["blur"][0]
    if len(labels.is_selected) != len(files["blur"]):
        found, count = len(labels.is_selected), len(files["blur"])
        raise DatasetError(
            f"{clip.tracks_path} has labels for {found} frames, and the clip has {count}: run 'hvdbench label'"
        )
    height, width, _ = read_frame(first).shape
    key = f"{clip.split}/{clip.name}"
    streams = tuple(files)
    return ClipFacts(key, len(files["blur"]), height, width, streams, labels.is_selected, labels.sharpness), files
