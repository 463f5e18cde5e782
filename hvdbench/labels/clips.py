"""Find and label clips of any kind: those of a dataset, a folder of frames, or a video.

Labels of a dataset's clips are stored in their ``tracks.h5`` where that is requested.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frames, list_folders, list_frames, read_clip
from hvdbench.labels.film import luma_sharpness
from hvdbench.labels.sharpness import Measure, SharpLabels, select_sharp
from hvdbench.labels.stored import DEFAULT_LABELLER, ensure_labels, labels_of, make_labels, stored_name
from hvdbench.store import ClipFolder, Dataset, open_remote
from hvdbench.tables.texts import csv_of
from hvdbench.video.container import films_in, note_on_films
from hvdbench.video.reader import read_video
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.objects.location import Location, Place
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)

CSV_COLUMNS = ("clip", "frame", "sharpness", "is_sharp", "threshold", "reason", "is_selected")


@dataclass(frozen=True)
class LabelSource:
    """A clip that can be labelled.

    Attributes:
        name: ``<split>/<clip>`` in a dataset, otherwise the name of the folder or video.
        path: the folder of frames, or the video.
        stored: the dataset's clip; None where there is no dataset to keep labels in.
    """

    name: str
    path: Path
    stored: ClipFolder | None = None

    @property
    def place(self) -> Path:
        """The folder of frames, or the video; of a dataset's clip in object storage, that of its copy."""
        return self.path if self.stored is None else self.stored.folder / "blur"

    def frames(self) -> Frames:
        """Read the clip, uint8 RGB (T, H, W, 3)."""
        return read_video(self.place).frames if self.place.is_file() else read_clip(self.place)

    def oracle(self) -> NDArray[np.integer] | None:
        """Read the oracle's classes (T,), or None where the clip has none."""
        return None if self.stored is None else self.stored.track("oracle/class")


@dataclass(frozen=True)
class LabelledClip:
    """A clip with its labels."""

    source: LabelSource
    labels: SharpLabels


def find_clips(place: Place) -> list[LabelSource]:
    """Find the clips at a place: a dataset's clips, a folder of clip folders, one folder of frames, or a video.

    The frames of a clip folder lie directly in it, or in its ``blur``.

    Raises:
        InputError: if nothing is there, or there are no frames.
        DatasetError: if a dataset cannot be read.
    """
    if isinstance(place, Location):
        found = open_remote(place)
        if isinstance(found, Dataset):
            return _of_dataset(found)
        place = found
    path = place
    if path.is_file():
        return [LabelSource(path.stem, path)]
    if not path.is_dir():
        raise InputError(
            f"{path} does not exist: name a dataset, a folder of frames, a folder of those, or a video file"
        )
    if (path / "dataset.json").is_file():
        return _of_dataset(Dataset.open(path))
    if list_frames(path):
        if note := note_on_films(path):
            logger.warning("%s", note)
        return [LabelSource(path.resolve().name, path)]
    sources = []
    for folder in list_folders(path):
        frames = folder / "blur" if (folder / "blur").is_dir() else folder
        if list_frames(frames):
            sources.append(LabelSource(folder.name, frames))
    if not sources:
        films = ": name one of its videos" if films_in(path) else ""
        raise InputError(f"{path} is not a dataset, and neither it nor a folder in it contains frames{films}")
    return sources


def _of_dataset(dataset: Dataset) -> list[LabelSource]:
    return [LabelSource(f"{clip.split}/{clip.name}", clip.place / "blur", clip) for clip in dataset.clips()]


def label_source(
    source: LabelSource, labeller: str = DEFAULT_LABELLER, measure: Measure | None = None, *, store: bool = False
) -> SharpLabels:
    """Label one clip, or read the labels that its dataset stores.

    Args:
        source: the clip.
        labeller: a name of the catalogue, or an import string.
        measure: the measure of the labeller ``paper``; None means its usual one.
        store: whether labels that a dataset's clip lacks are written to it.

    Raises:
        HvdbenchError: under the conditions of :func:`hvdbench.labels.stored.labels_of`, and if a video or a folder of
            frames cannot be read.
    """
    if source.stored is not None:
        return (ensure_labels if store else labels_of)(source.stored, labeller, measure)
    name = stored_name(labeller, measure)
    if source.path.is_file() and name == "paper-luma":
        return select_sharp(luma_sharpness(source.path), labeller=name)
    return make_labels(labeller, source.frames(), measure)


def label_clips(
    sources: Sequence[LabelSource],
    labeller: str = DEFAULT_LABELLER,
    measure: Measure | None = None,
    *,
    store: bool = False,
    progress: Progress = silent,
) -> list[LabelledClip]:
    """Label clips one after the other.

    Args:
        sources: the clips.
        labeller, measure, store: the same as for :func:`label_source`.
        progress: function called with clips done, their number, and what is being done.

    Raises:
        HvdbenchError: under the conditions of :func:`label_source`.
    """
    found = []
    for done, source in enumerate(sources, start=1):
        found.append(LabelledClip(source, label_source(source, labeller, measure, store=store)))
        progress(done, len(sources), f"label by {labeller}")
    return found


def write_labels_csv(path: Path, found: Sequence[LabelledClip]) -> None:
    """Write labels as a CSV of :data:`CSV_COLUMNS`, one row per frame; ``is_sharp`` and ``is_selected`` are 1 or 0."""
    rows: list[Sequence[object]] = [CSV_COLUMNS]
    for clip in found:
        labels = clip.labels
        frames = zip(
            labels.sharpness.tolist(), labels.is_sharp.tolist(), labels.reason, labels.is_selected.tolist(), strict=True
        )
        for frame, (value, sharp, reason, selected) in enumerate(frames):
            rows.append(
                [clip.source.name, frame, value, int(sharp), float(labels.threshold), str(reason), int(selected)]
            )
    atomic_write_text(path, csv_of(rows))


def label_lines(found: Sequence[LabelledClip]) -> list[str]:
    """Write one line on each clip's labels: how many frames are sharp, how many others are selected, and which."""
    lines = []
    for clip in found:
        labels = clip.labels
        sharp, only = int(labels.is_sharp.sum()), int((labels.is_selected & ~labels.is_sharp).sum())
        why = "for their segment" if labels.is_clue is None else "among their neighbours"
        extra = f", {only} more selected {why}" if only else ""
        lines.append(f"{clip.source.name}: {sharp} of {len(labels.is_sharp)} frames sharp{extra}  {run_string(labels)}")
    return lines


def run_string(labels: SharpLabels) -> str:
    """Write a clip's labels as one letter per frame.

    ``S`` is sharp and selected, ``s`` selected for its segment or though it is not sharp, ``-`` sharp and not selected,
    and ``.`` neither.
    """
    own = labels.is_passed & ~labels.from_segment
    kinds = zip(own, labels.is_selected, labels.is_sharp, strict=True)
    return "".join("S" if one else "s" if selected else "-" if sharp else "." for one, selected, sharp in kinds)
