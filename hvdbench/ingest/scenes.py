"""Find where a video cuts from one scene to the next, while it is read, one frame late.

A cut is a frame whose colours differ from those before by far more than motion has lately brought, and whose middle is
nowhere in the frame before. Over shaky, blurry and panning clips the histogram distance of neighbouring frames stayed
below 0.14; across cuts between them it was 0.30 and more. A flash is not a cut: the frame after it looks like the one
before. Fades and dissolves are not found.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import HvdbenchError
from hvdbench.frames import Frame, Gray, to_gray
from hvdbench.video.reader import Shot

CUT_DISTANCE, OVER_RECENT, SAME_MIDDLE = 0.22, 3.0, 0.85
_LOOK_PX, _THUMB_PX, _RECENT = 320, 64, 8


@dataclass(frozen=True)
class Look:
    """What is compared of a frame.

    Attributes:
        gray: luma, at most 320 px a side.
        histogram: shares of 8x8x8 colours, (512,).
    """

    gray: Gray
    histogram: NDArray[np.float64]


def look_of(picture: Frame) -> Look:
    """Shrink a picture (H, W, 3) to what is compared."""
    height, width = picture.shape[:2]
    scale = min(_LOOK_PX / max(height, width), 1)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    bins = (small >> 5).astype(np.int64)
    counts = np.bincount(((bins[..., 0] * 8 + bins[..., 1]) * 8 + bins[..., 2]).ravel(), minlength=512)
    return Look(to_gray(small), counts / counts.sum())


def distance(one: Look, other: Look) -> float:
    """Return the share of pixels, 0 to 1, whose colour differs."""
    return float(np.abs(one.histogram - other.histogram).sum() / 2)


def middle_similarity(one: Look, other: Look) -> float:
    """Return the highest correlation of one's middle with any place of the other: brightness does not matter."""
    thumbs = [
        np.asarray(cv2.resize(look.gray, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)) for look in (one, other)
    ]
    quarter = _THUMB_PX // 4
    middle = thumbs[0][quarter:-quarter, quarter:-quarter]
    return float(cv2.matchTemplate(thumbs[1], middle, cv2.TM_CCOEFF_NORMED).max())


class SceneCuts:
    """Distinguishes cuts from motion by the frames before."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def is_cut(self, before: Look, here: Look, after: Look | None) -> bool:
        """Return whether a new scene begins with ``here``; call it for every frame but the first."""
        change = distance(before, here)
        usual = float(np.median(self._recent)) if self._recent else 0.0
        found = (
            change > CUT_DISTANCE
            and change > OVER_RECENT * usual
            and middle_similarity(before, here) < SAME_MIDDLE
            and not (after is not None and distance(before, after) < change / 2)
        )
        if found:
            self._recent.clear()
        else:
            self._recent.append(change)
        return found


@dataclass(frozen=True)
class Seen:
    """A frame, what is compared of it, and whether a scene begins with it."""

    shot: Shot
    look: Look
    begins: bool


def with_cuts(shots: Iterable[Shot], *, detect: bool = True) -> Iterator[Seen]:
    """Mark the frames that begin a scene: the first, those after a cut, and those where the clock starts again.

    One frame is held back. Where reading fails part-way, the frames before are yielded first, and then the error is
    raised.

    Args:
        shots: frames in order.
        detect: whether to look for cuts.
    """
    cuts = SceneCuts()
    before: Look | None = None
    last: Seen | None = None
    failure: HvdbenchError | None = None
    frames = iter(shots)
    while True:
        try:
            shot = next(frames, None)
        except HvdbenchError as error:
            shot, failure = None, error
        look = look_of(shot.picture) if shot is not None else None
        if last is not None:
            cut = before is not None and detect and cuts.is_cut(before, last.look, look)
            yield Seen(last.shot, last.look, last.begins or cut)
            before = last.look
        if shot is None or look is None:
            break
        last = Seen(shot, look, last is None or shot.starts_anew or _goes_back(last.shot, shot))
    if failure:
        raise failure


def _goes_back(last: Shot, shot: Shot) -> bool:
    return last.time_s is not None and shot.time_s is not None and shot.time_s < last.time_s
