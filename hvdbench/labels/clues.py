"""Choose the frames that a method borrows from, and judge apart from that which are sharp; the labeller ``clues``.

Restoration borrows from the sharpest frames there are nearby, sharp or not. So a frame is chosen where its blur extent
(:mod:`hvdbench.labels.extent`) is small among its neighbours', whereas the labeller ``extent`` judges every frame by
one limit and leaves hardly any in a clip that is blurry throughout. The verdict of ``extent`` stands beside the choice,
because a frame that is chosen though it is not sharp has to be restored too.
"""

from dataclasses import replace

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.labels.extent import SHARP_BELOW, UNKNOWN_EXTENT, ExtentLabeller, extent_verdict
from hvdbench.labels.registration import Array
from hvdbench.labels.sharpness import SharpLabels, with_segments

LABELLER = "clues"
BELOW_MEDIAN = "blur extent well below the local median"
LEAST = "least blur extent of its neighbours"
NOT_CHOSEN = "more blur than its neighbours"
SHARE_OF_MEDIAN = 0.8
"""A frame is chosen below this share of the local median. It was measured on REDS 027; docs/labels.md has the table."""
MEDIAN_REACH = 10
"""Frames on each side over which the local median is taken, so that its window is as long as a segment of the paper."""
LEAST_REACH = 3
"""Frames on each side among which a frame that is chosen as the least has the smallest extent."""
_FLOOR_SHARE = 0.1  # of the limit of sharp frames; extents much below it are noise, and are treated as equal


def choose_clues(extent_px: Array, width: int, *, segment_length: int = 20) -> SharpLabels:
    """Choose clues by the blur extents of a clip.

    A frame is chosen if its extent is below 0.8 times the median of the 21 frames around it, or if none of the three
    frames on either side has a smaller one. Extents are levelled off at a tenth of the limit of sharp frames before
    they are compared. A segment without a chosen frame has its sharpest one selected.

    ``is_clue`` marks the frames that were chosen, and ``reason`` says why. ``sharpness``, its threshold and
    ``is_sharp`` are the labeller ``extent``'s: a chosen frame may be blurry, and a sharp one may not be chosen.

    Args:
        extent_px: (T,) blur extents, px; NaN where a frame has no texture, and such a frame is never chosen.
        width: width of the frames in which extents are measured, px.
        segment_length: frames per segment, 20 in the paper.

    Raises:
        InputError: if there is no frame, an extent is negative or infinite, the width is not positive, or segments have
            less than one frame.
    """
    extent_px = np.asarray(extent_px, np.float64)
    if extent_px.ndim != 1 or not len(extent_px) or np.isinf(extent_px).any() or (extent_px < 0).any():
        raise InputError(
            f"clues are chosen by one blur extent of 0 px or more for each frame, found {extent_px.shape} values, "
            f"of which {int((np.isinf(extent_px) | (extent_px < 0)).sum())} are negative or infinite: measure them by "
            "hvdbench.labels.extent.ExtentMeter"
        )
    if width < 1:
        raise InputError(f"the width of the frames is {width}: give the width in which extents are measured, px")
    known = ~np.isnan(extent_px)
    levelled = np.where(known, np.hypot(extent_px, _FLOOR_SHARE * SHARP_BELOW * width), np.inf)
    count = len(levelled)
    is_low, is_least = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for index in np.flatnonzero(known):
        around = levelled[max(0, index - MEDIAN_REACH) : index + MEDIAN_REACH + 1]
        is_low[index] = levelled[index] < SHARE_OF_MEDIAN * float(np.median(around[np.isfinite(around)]))
        before = levelled[max(0, index - LEAST_REACH) : index]
        after = levelled[index + 1 : index + LEAST_REACH + 1]
        is_least[index] = bool((before > levelled[index]).all() and (after >= levelled[index]).all())
    reason = [
        BELOW_MEDIAN if low else LEAST if least else NOT_CHOSEN for low, least in zip(is_low, is_least, strict=True)
    ]
    for index in np.flatnonzero(~known):
        reason[index] = UNKNOWN_EXTENT
    verdict = extent_verdict(extent_px, width)
    labels = replace(verdict, reason=tuple(reason), labeller=LABELLER, is_clue=is_low | is_least)
    return with_segments(labels, segment_length=segment_length)


def label_clues(frames: Frames, *, segment_length: int = 20) -> SharpLabels:
    """Choose the clues of a clip in memory.

    A clip that is read frame by frame is labelled by a :class:`ClueChooser` instead, to the same result.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        segment_length: frames per segment, 20 in the paper.

    Raises:
        InputError: if there is no frame, frames are not 8-bit RGB, or segments have less than one frame.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) == 0:
        raise InputError(f"labels are made from uint8 RGB (T, H, W, 3), found {frames.dtype} {frames.shape}")
    chooser = ClueChooser()
    for frame in frames:
        chooser.add(frame)
    return chooser.labels(segment_length=segment_length)


class ClueChooser(ExtentLabeller):
    """Choose the clues of a clip whose frames come one by one; four reduced frames are kept at a time."""

    def labels(self, *, segment_length: int = 20) -> SharpLabels:
        """Choose among all frames so far, as :func:`choose_clues` does.

        Raises:
            InputError: if there is no frame, or segments have less than one frame.
        """
        return choose_clues(*self.measured(), segment_length=segment_length)
