"""Choose the frames that are learned from: of every 20, the one with the highest MVL (Ren et al., section III-B1)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import ClipReader, SomeClips
from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import BELOW, SharpLabels, with_segments
from hvdbench.metrics.sharpness import gray_sharpness


def label_by_mvl(frames: Frames, segment_frames: int) -> SharpLabels:
    """Select the frame with the highest MVL of each segment of a clip, uint8 RGB (T, H, W, 3)."""
    return _labels(np.array([gray_sharpness(frame) for frame in frames]), segment_frames)


def as_sharp_as_chosen(labels: SharpLabels, segment_frames: int, share: float) -> NDArray[np.bool_]:
    """Return which frames have at least a share of the MVL of their segment's chosen frame, (T,).

    Args:
        labels: labels of :func:`label_by_mvl`, with segments of the same length.
        segment_frames: length of the segments.
        share: share of the chosen frame's MVL, in (0, 1].
    """
    found = labels.sharpness
    starts = np.arange(len(found)) // segment_frames * segment_frames  # of each frame's segment
    highest = np.array([found[start : start + segment_frames].max() for start in starts])
    return np.asarray(found >= share * highest)


def sharpest_of_segments(sharpness: NDArray[np.float64], segment_frames: int) -> NDArray[np.intp]:
    """Return the number of the sharpest frame of each segment, the first one where several are equally sharp.

    Args:
        sharpness: MVL of each frame, up to a constant factor, (T,).
        segment_frames: length of the segments; the first begins at frame 0, and the last may be shorter.
    """
    return _labels(sharpness, segment_frames).selected


def _labels(sharpness: NDArray[np.float64], segment_frames: int) -> SharpLabels:
    """Return labels that call no frame sharp and select the sharpest one of each segment."""
    none = np.zeros(len(sharpness), np.bool_)
    labels = SharpLabels(sharpness, none, float("inf"), (BELOW,) * len(sharpness), "mvl")
    return with_segments(labels, segment_length=segment_frames)


def only_chosen_frames(reader: ClipReader, segment_frames: int) -> SomeClips:
    """Return a reader of the same clips, whose windows begin at the chosen frames alone."""
    chosen = []
    for clip in reader.clips:
        starts = sharpest_of_segments(clip.sharpness, segment_frames)
        is_selected = np.zeros(clip.frame_count, np.bool_)
        is_selected[starts] = True
        chosen.append(replace(clip, is_selected=is_selected, starts=starts))
    return SomeClips(reader, tuple(chosen))


def mean_mvl(reader: SomeClips) -> float:
    """Return the mean MVL a pixel of the chosen frames, from which the constant ``N`` of Eq. 3 is made.

    Raises:
        FitError: if it is 0, because every chosen frame is flat.
    """
    found = float(np.mean(np.concatenate([clip.sharpness[clip.is_selected] for clip in reader.clips])))
    if found <= 0:
        raise FitError("the sharpest frames have no texture at all, so there is nothing to learn from")
    return found
