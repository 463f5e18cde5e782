"""Cut clips into windows over time: which frames go into a network together, and which of its results are kept."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.networks.spec import NetworkSpec

Level = TypeVar("Level", np.uint8, np.uint16)
"""The type of a clip's colours, 8 or 16 bits."""

_LEVEL_TYPES = (np.uint8, np.uint16)
_DEFAULT_OVERLAP_SHARE = 4


@dataclass(frozen=True)
class Window(Generic[Level]):
    """A window: frames of a clip that go into a network together.

    Attributes:
        frames: (T, H, W, 3) uint8 or uint16.
        start: number, in the clip, of the window's first frame.
        first: number, in the clip, of the first frame whose result is kept.
        last: number after that of the last frame whose result is kept.
        is_end: whether the clip ends with this window.
    """

    frames: NDArray[Level]
    start: int
    first: int
    last: int
    is_end: bool


def plan_windows(frame_count: int, window: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Cut a clip into windows of equal length, the last moved back to end with the clip.

    Args:
        frame_count: T.
        window: number of frames in a window; from T on there is a single window.
        overlap: frames of context at each end of a window that is not an end of the clip.

    Returns:
        For each window (start, stop, first, last): frames ``start:stop`` go in, and ``first:last`` are kept. The kept
        ranges follow one another without gaps.

    Raises:
        ValueError: if no frame would be left to keep.
    """
    if window >= frame_count:
        return [(0, frame_count, 0, frame_count)]
    check_window(window, overlap)
    windows = []
    first = 0
    while first < frame_count:
        start = min(max(first - overlap, 0), frame_count - window)
        stop = start + window
        last = frame_count if stop == frame_count else stop - overlap
        windows.append((start, stop, first, last))
        first = last
    return windows


def stream_windows(frames: Iterable[NDArray[Level]], window: int | None, overlap: int) -> Iterator[Window[Level]]:
    """Cut frames that arrive one after the other into the windows of :func:`plan_windows`, whatever their number.

    At most ``window + 1`` frames are in memory at a time, or all of them if ``window`` is None.

    Raises:
        InputError: if a frame has another size or type than those before it.
        ValueError: if a frame is not (H, W, 3) uint8 or uint16, or no frame of a window would be left to keep.
    """
    if window is not None:
        check_window(window, overlap)
    source = _checked(frames)
    held: deque[NDArray[Level]] = deque(maxlen=window)  # always the last frames read
    ahead = next(source, None)
    read = first = 0
    while ahead is not None:
        full_at = None if window is None else max(first - overlap, 0) + window
        while ahead is not None and read != full_at:
            held.append(ahead)
            read += 1
            ahead = next(source, None)
        last = read if ahead is None else read - overlap
        yield Window(np.stack(held), read - len(held), first, last, ahead is None)
        first = last


def stream_parts(frames: Iterable[NDArray[Level]], length: int | None) -> Iterator[Window[Level]]:
    """Cut frames that arrive one after the other into parts that follow one another; the last part may be shorter.

    Each frame is in one part only, as networks that carry a state need it. At most ``length + 1`` frames are in memory
    at a time.

    Raises:
        InputError: if a frame has another size or type than those before it.
        ValueError: if a frame is not (H, W, 3) uint8 or uint16.
    """
    held: list[NDArray[Level]] = []
    start = 0
    source = _checked(frames)
    ahead = next(source, None)
    while ahead is not None:
        held.append(ahead)
        ahead = next(source, None)
        if ahead is None or len(held) == length:
            stop = start + len(held)
            yield Window(np.stack(held), start, start, stop, ahead is None)
            held.clear()
            start = stop


def fill_window(spec: NetworkSpec, window: int | None, overlap: int | None) -> tuple[int | None, int]:
    """Check a window, and fill in the overlap if it was left open.

    Raises:
        ValueError: if the window is too short for the network or the overlap.
    """
    if window is None:
        return None, 0
    if window < spec.min_frames:
        raise ValueError(
            f"a window of {window} frames is too short for this network, which needs at least {spec.min_frames}"
        )
    if overlap is None:
        overlap = window // _DEFAULT_OVERLAP_SHARE if spec.context_frames is None else spec.context_frames
        if window <= 2 * overlap:
            raise ValueError(
                f"a window of {window} frames is too short for this network, which looks {overlap} frames ahead and "
                f"back: choose a window over {2 * overlap}"
            )
    check_window(window, overlap)
    return window, overlap


def check_window(window: int, overlap: int) -> None:
    """Refuse a window in which no frame would be left to keep."""
    if overlap < 0 or window <= 2 * overlap:
        raise ValueError(
            f"a window of {window} frames keeps no frame between {overlap} frames of overlap at each end: choose a "
            "longer window or a smaller overlap"
        )


def is_clip(frames: NDArray[Any]) -> TypeGuard[NDArray[np.uint8] | NDArray[np.uint16]]:
    """Return whether an array is a clip: (T, H, W, 3) uint8 or uint16, with at least one pixel."""
    return frames.ndim == 4 and frames.shape[3] == 3 and frames.dtype in _LEVEL_TYPES and frames.size > 0


def _checked(frames: Iterable[NDArray[Level]]) -> Iterator[NDArray[Level]]:
    """Pass frames on, and refuse what is not a frame or has another size or type than the frames before it."""
    before: NDArray[Level] | None = None
    for number, frame in enumerate(frames):
        if not is_clip(frame[np.newaxis]):
            raise ValueError(f"frames must be non-empty (H, W, 3) uint8 or uint16, not {frame.shape} {frame.dtype}")
        if before is not None and frame.shape != before.shape:
            found, expected = f"{frame.shape[1]}x{frame.shape[0]}", f"{before.shape[1]}x{before.shape[0]}"
            raise InputError(f"frame {number} is {found} px, but those before it are {expected}: a clip has one size")
        if before is not None and frame.dtype != before.dtype:
            raise InputError(
                f"frame {number} is {frame.dtype}, but those before it are {before.dtype}: a clip has one type"
            )
        before = frame
        yield frame
