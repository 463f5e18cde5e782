"""The labels of a dataset's clip: read where they are stored, else made and stored."""

import logging

import numpy as np

from hvdbench.catalog import resolve
from hvdbench.frames import list_frames, read_frame
from hvdbench.labels.sharpness import SharpLabels, measured, read_labels, select_sharp, write_labels
from hvdbench.store import ClipFolder

LABELLER = "paper"

logger = logging.getLogger(__name__)


def labels_of(clip: ClipFolder, labeller: str = LABELLER) -> SharpLabels:
    """Read a clip's labels, or make and store them; the paper's are made a frame at a time.

    Raises:
        DatasetError: the stored labels are damaged.
    """
    if labeller == LABELLER:
        return selection_of(clip)
    if clip.track(f"labels/{labeller}/is_sharp") is not None:
        return read_labels(clip, labeller)
    labels: SharpLabels = resolve("labeller", labeller)(clip.blurry())
    write_labels(clip, labels)
    return labels


def selection_of(clip: ClipFolder) -> SharpLabels:
    """Read a clip's labels, or make them a frame at a time and store them.

    Raises:
        DatasetError: the stored labels are damaged.
    """
    if clip.track(f"labels/{LABELLER}/is_sharp") is not None:
        return read_labels(clip, LABELLER)
    sharpness = np.array([measured(read_frame(path)) for path in list_frames(clip.folder / "blur")], np.float64)
    labels = select_sharp(sharpness, labeller=LABELLER)
    try:
        write_labels(clip, labels)
    except PermissionError:
        logger.warning("%s may not be written: its labels are made anew for each run", clip.folder)
    return labels
