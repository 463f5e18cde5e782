"""Labelling clips: what ``label`` does.

A clip is one of a dataset, a folder of frames, or a film; labels of a dataset's clips are kept in their ``tracks.h5``.
"""

import csv
import inspect
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.catalog import resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frames, list_frames, read_clip
from hvdbench.labels.film import luma_sharpness
from hvdbench.labels.sharpness import (
    MEASURES,
    Measure,
    SharpLabels,
    paper_name,
    read_labels,
    select_sharp,
    write_labels,
)
from hvdbench.store import ClipFolder, Dataset
from hvdbench.video.whole import read_video
from hvdbench.workspace.atomic import atomic_write_text

Progress = Callable[[int, int, str], None]

CSV_COLUMNS = ("clip", "frame", "sharpness", "is_sharp", "threshold", "reason")


@dataclass(frozen=True)
class LabelSource:
    """A clip that can be labelled.

    Attributes:
        name: ``<split>/<clip>`` in a dataset, else the folder's or the film's name.
        path: the folder of frames, or the film.
        stored: the dataset's clip, None where there is no dataset to keep labels in.
    """

    name: str
    path: Path
    stored: ClipFolder | None = None

    def frames(self) -> Frames:
        """Read the clip, uint8 RGB (T, H, W, 3)."""
        return read_video(self.path).frames if self.path.is_file() else read_clip(self.path)

    def oracle(self) -> NDArray[np.integer] | None:
        """Read the oracle's classes (T,), None where the clip has none."""
        return None if self.stored is None else self.stored.track("oracle/class")


@dataclass(frozen=True)
class LabelledClip:
    """A clip with its labels."""

    source: LabelSource
    labels: SharpLabels


def find_clips(path: Path) -> list[LabelSource]:
    """Find what there is to label: a dataset's clips, a folder of clip folders, one folder of frames, or a film.

    In a clip folder the frames lie in it, or in its ``blur``.

    Raises:
        InputError: nothing there, or no frames.
        DatasetError: a dataset that cannot be read.
    """
    if path.is_file():
        return [LabelSource(path.stem, path)]
    if not path.is_dir():
        raise InputError(f"{path} does not exist: name a dataset, a folder of frames, a folder of those, or a film")
    if (path / "dataset.json").is_file():
        return [
            LabelSource(f"{clip.split}/{clip.name}", clip.folder / "blur", clip) for clip in Dataset.open(path).clips()
        ]
    if list_frames(path):
        return [LabelSource(path.resolve().name, path)]
    found = []
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        place = folder / "blur" if (folder / "blur").is_dir() else folder
        if list_frames(place):
            found.append(LabelSource(folder.name, place))
    if not found:
        raise InputError(f"{path} is no dataset, and neither it nor a folder in it holds frames")
    return found


def stored_name(labeller: str, measure: Measure | None) -> str:
    """Name under which a labeller's labels are kept.

    Raises:
        InputError: a measure that is not known, or one for a labeller that takes none.
        UnknownNameError: no such labeller.
    """
    takes_measure = "measure" in inspect.signature(resolve("labeller", labeller)).parameters
    if measure is not None and measure not in MEASURES:
        raise InputError(f"no measure '{measure}' (known: {', '.join(MEASURES)})")
    if measure is not None and not takes_measure:
        raise InputError(f"labeller '{labeller}' takes no measure: leave --measure out, or name --labeller paper")
    return paper_name(measure) if labeller == "paper" and measure is not None else labeller


def label_source(source: LabelSource, labeller: str = "paper", measure: Measure | None = None) -> SharpLabels:
    """Label one clip, or read the labels kept; those of a dataset's clip are kept.

    Labels by an import string are made anew each time: only they know the name that they are kept under.

    Raises:
        HvdbenchError: as :func:`stored_name`; frames that cannot be read; stored labels that are damaged.
    """
    name = stored_name(labeller, measure)
    kept = source.stored is not None and ":" not in name
    if source.stored is not None and kept and source.stored.track(f"labels/{name}/is_sharp") is not None:
        return read_labels(source.stored, name)
    if source.path.is_file() and labeller == "paper" and measure == "luma":
        labels = select_sharp(luma_sharpness(source.path), labeller=name)
    else:
        make: Callable[..., SharpLabels] = resolve("labeller", labeller)
        labels = make(source.frames()) if measure is None else make(source.frames(), measure=measure)
    if source.stored is not None:
        write_labels(source.stored, labels)
    return labels


def label_clips(
    sources: Sequence[LabelSource],
    labeller: str = "paper",
    measure: Measure | None = None,
    *,
    progress: Progress = lambda done, total, what: None,
) -> list[LabelledClip]:
    """Label clips one after the other.

    Raises:
        HvdbenchError: as :func:`label_source`.
    """
    found = []
    for done, source in enumerate(sources, start=1):
        found.append(LabelledClip(source, label_source(source, labeller, measure)))
        progress(done, len(sources), f"label by {labeller}")
    return found


def write_labels_csv(path: Path, found: Sequence[LabelledClip]) -> None:
    """Write labels as a CSV of :data:`CSV_COLUMNS`, a row a frame; ``is_sharp`` is 1 or 0."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for clip in found:
        labels = clip.labels
        for frame, (value, sharp, reason) in enumerate(
            zip(labels.sharpness.tolist(), labels.is_sharp.tolist(), labels.reason, strict=True)
        ):
            table.writerow([clip.source.name, frame, repr(value), int(sharp), repr(labels.threshold), reason])
    atomic_write_text(path, text.getvalue())


def label_lines(found: Sequence[LabelledClip]) -> list[str]:
    """Word each clip's labels in a line: how many frames, and which."""
    lines = []
    for clip in found:
        labels = clip.labels
        sharp, only = int(labels.is_sharp.sum()), int((labels.is_selected & ~labels.is_sharp).sum())
        extra = f", {only} more selected for their segment" if only else ""
        lines.append(f"{clip.source.name}: {sharp} of {len(labels.is_sharp)} frames sharp{extra}  {run_string(labels)}")
    return lines


def run_string(labels: SharpLabels) -> str:
    """Write a clip's labels as a letter a frame: ``S`` sharp, ``s`` selected for its segment, ``.`` neither."""
    pairs = zip(labels.is_sharp, labels.from_segment, strict=True)
    return "".join("s" if segment else "S" if sharp else "." for sharp, segment in pairs)
