"""Find frames that repeat the picture of the frame before, and stretches in which the picture is frozen.

Cameras, converters and shared videos repeat frames to keep a rate, and encoders give the copy other noise. The measure
is the mean absolute difference of luma in blocks of 16x16 px (of the picture shrunk to 320 px), the largest of them.
"""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.ingest.scenes import Look

STILL, NEARLY_STILL, OF_RECENT = 1.0, 6.0, 0.15  # levels of 255; the last a share
FROZEN_REPEATS = 3
_BLOCK_PX, _RECENT = 16, 4


def largest_change(one: Look, other: Look) -> float:
    """Return the largest block mean of the absolute difference, in levels of 255."""
    change = cv2.absdiff(one.gray, other.gray).astype(np.float32)
    height, width = change.shape
    blocks = max(1, width // _BLOCK_PX), max(1, height // _BLOCK_PX)
    return float(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA).max())


class Repeats:
    """Distinguishes copies from frames that merely moved little.

    A copy changes by at most 1 level, or by at most 6 and 0.15 of the largest of the four changes before: a hand
    does not come to rest within one frame, and where it rests for longer, the limit is again 1 level.
    """

    def __init__(self) -> None:
        self._last: Look | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def is_repeat(self, look: Look) -> bool:
        """Return whether a frame repeats the frame of the call before."""
        last, self._last = self._last, look
        if last is None or last.gray.shape != look.gray.shape:
            return False
        change, usual = largest_change(last, look), max(self._recent, default=0.0)
        self._recent.append(change)
        return change <= STILL or (change <= NEARLY_STILL and change <= OF_RECENT * usual)


def frozen(duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the frames (T,) of every run in which at least 3 in a row repeat the one before, with the first of it."""
    found = np.zeros(len(duplicate), np.bool_)
    start = 0
    for index in range(1, len(duplicate) + 1):
        if index == len(duplicate) or not duplicate[index]:
            if index - 1 - start >= FROZEN_REPEATS:
                found[start:index] = True
            start = index
    return found
