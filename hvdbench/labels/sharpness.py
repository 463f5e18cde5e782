"""Find sharp frames without a truth: variance of the Laplacian, Otsu's threshold, 20-frame segments.

This is the rule of SelfHVD's section 3.1 (arXiv:2508.08605). A frame above the clip's own threshold is sharp. In a
segment without a sharp frame the sharpest one is selected, so that every stretch of the clip has a frame to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, to_gray
from hvdbench.metrics.sharpness import colour_sharpness, gray_sharpness, sharpness

ABOVE = "above the threshold"
BELOW = "below the threshold"
SEGMENT = "sharpest of its segment"

Measure = Literal["gray", "colour", "luma"]
MEASURES: tuple[Measure, ...] = ("gray", "colour", "luma")

_BINS = 256
_NARROW = np.asarray(np.rint(16 + np.arange(256) * (219 / 255)), np.uint8)  # full to narrow range
_FLAT = 1e-9  # a spread of sharpness below this share of the largest value is rounding, not two kinds of frames


@dataclass(frozen=True)
class SharpLabels:
    """The labels that one labeller gave to the T frames of a clip."""

    sharpness: NDArray[np.float64]
    """The labeller's measure (T,), larger is sharper; the paper's is the variance of the Laplacian, squared levels."""
    is_sharp: NDArray[np.bool_]
    """Whether the labeller calls the frame sharp, (T,). The paper's also calls a frame sharp that is selected because
    its segment has no other; labellers with a scale of their own do not."""
    threshold: float
    """The threshold on ``sharpness``; a frame selected for its segment lies at or below it."""
    reason: tuple[str, ...]
    """The reason for each frame's label, T phrases."""
    labeller: str
    """The name under which the labels are stored."""
    is_clue: NDArray[np.bool_] | None = None
    """Whether the labeller chooses the frame to borrow from, (T,); None where it chooses those that it calls sharp."""

    @property
    def from_segment(self) -> NDArray[np.bool_]:
        """Whether a frame is selected only because its segment has no other, (T,)."""
        return np.array([reason == SEGMENT for reason in self.reason], np.bool_)

    @property
    def is_selected(self) -> NDArray[np.bool_]:
        """Whether a frame is selected, for itself or for its segment, so that methods borrow from it, (T,)."""
        return (self.is_sharp if self.is_clue is None else self.is_clue) | self.from_segment

    @property
    def is_passed(self) -> NDArray[np.bool_]:
        """Whether a frame is selected and also sharp, so that methods may pass it through unchanged, (T,)."""
        return self.is_selected & self.is_sharp

    @property
    def selected(self) -> NDArray[np.intp]:
        """The indices of the selected frames, ascending; every segment has at least one."""
        return np.flatnonzero(self.is_selected)

    def of_frames(self, places: Sequence[int]) -> "SharpLabels":
        """Return the labels of some frames of the clip; the sharpest is selected where none of them was."""
        index = np.array(places, np.intp)
        some = replace(
            self,
            sharpness=self.sharpness[index],
            is_sharp=self.is_sharp[index],
            reason=tuple(self.reason[place] for place in places),
            is_clue=None if self.is_clue is None else self.is_clue[index],
        )
        return some if some.is_selected.any() else with_segments(some, segment_length=len(index))


def otsu_threshold(values: NDArray[np.float64]) -> float:
    """Find the threshold between two kinds of values by Otsu's method (Automatica, 1975).

    The histogram has 256 equal bins from the smallest to the largest value. The threshold is the centre of the last bin
    of the lower class, the first such bin where several divide the values equally well. Values that are all equal (up
    to rounding) have no two kinds: the threshold is then the largest value, so none lies above it.

    Args:
        values: (T,) the values, finite.

    Raises:
        InputError: if there is no value, or one that is not finite.
    """
    if values.size == 0:
        raise InputError("a threshold needs at least one value, and the clip has no frames")
    if not np.isfinite(values).all():
        raise InputError(
            f"a threshold needs finite values: value {int(np.argmin(np.isfinite(values)))} is NaN or infinite"
        )
    low, high = float(values.min()), float(values.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return high
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    lower, lower_sum = np.cumsum(counts), np.cumsum(counts * centres)
    upper, upper_sum = lower[-1] - lower, lower_sum[-1] - lower_sum
    between = lower[:-1] * upper[:-1] * (lower_sum[:-1] / lower[:-1] - upper_sum[:-1] / upper[:-1]) ** 2
    return float(centres[np.argmax(between)])


def select_sharp(values: NDArray[np.float64], *, segment_length: int = 20, labeller: str = "paper") -> SharpLabels:
    """Label frames by their sharpness alone.

    Args:
        values: (T,) sharpness of every frame of one clip.
        segment_length: frames per segment; the first begins at frame 0 and the last may be shorter.
        labeller: the name under which the labels are stored.

    Raises:
        InputError: if there is no frame, a sharpness is not finite, or segments have less than one frame.
    """
    values = np.asarray(values, np.float64)
    threshold = otsu_threshold(values)
    is_sharp = values > threshold
    reason = tuple(ABOVE if above else BELOW for above in is_sharp)
    labels = with_segments(SharpLabels(values, is_sharp, threshold, reason, labeller), segment_length=segment_length)
    return replace(labels, is_sharp=labels.is_selected)


def with_segments(labels: SharpLabels, *, segment_length: int = 20) -> SharpLabels:
    """Select the sharpest frame of each segment without a selected one; its ``reason`` says so, ``is_sharp`` stays.

    Args:
        labels: the labels of one clip.
        segment_length: frames per segment; the first begins at frame 0 and the last may be shorter.

    Raises:
        InputError: if segments have less than one frame.
    """
    if segment_length < 1:
        raise InputError(f"segment_length is {segment_length}: it must be at least one frame")
    reason, is_selected = list(labels.reason), labels.is_selected
    for start in range(0, len(reason), segment_length):
        segment = slice(start, start + segment_length)
        if not is_selected[segment].any():
            reason[start + int(np.argmax(labels.sharpness[segment]))] = SEGMENT
    return replace(labels, reason=tuple(reason))


def label_paper(frames: Frames, *, segment_length: int = 20, measure: Measure = "gray") -> SharpLabels:
    """Label the frames of a clip by the paper's rule (section 3.1): :func:`measured`, then :func:`select_sharp`.

    The paper states neither the colour nor the bins of the histogram; gray and 256 are our reading.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        segment_length: frames per segment, 20 in the paper.
        measure: the values that the Laplacian is taken of. Labels by another measure than gray are stored under
            ``paper-<measure>``.

    Raises:
        InputError: if there is no frame, or frames are not 8-bit RGB.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) == 0:
        raise InputError(f"labels are made from uint8 RGB (T, H, W, 3), found {frames.dtype} {frames.shape}")
    values = np.array([measured(frame, measure) for frame in frames], np.float64)
    return select_sharp(values, segment_length=segment_length, labeller=paper_name(measure))


def paper_name(measure: Measure) -> str:
    """Return the name that the paper's labels by a measure are stored under."""
    return "paper" if measure == "gray" else f"paper-{measure}"


def measured(frame: Frame, measure: Measure = "gray") -> float:
    """Return the variance of a frame's Laplacian: of its BT.601 ``gray``, of all ``colour`` values, or of its ``luma``.

    ``luma`` is the gray in the narrow range (16 to 235) that a video's Y plane has; for a video it is read from the
    plane itself, see :mod:`hvdbench.labels.film`.
    """
    if measure == "luma":
        return sharpness(np.asarray(cv2.LUT(to_gray(frame), _NARROW), np.uint8))
    return colour_sharpness(frame) if measure == "colour" else gray_sharpness(frame)
