"""Windows over time: which frames go into a network together, and which of its results are kept."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.networks.spec import NetworkSpec

Level = TypeVar("Level", np.uint8, np.uint16)
"""How a clip holds its colours, in 8 or 16 bits."""

_LEVEL_TYPES = (np.uint8, np.uint16)
_DEFAULT_OVERLAP_SHARE = 4


@dataclass(frozen=True)
class Window(Generic[Level]):
    """Frames of a clip that go into a network together.

    Attributes:
        frames: (T, H, W, 3) uint8 or uint16.
        start: number of the first of them in the clip.
        first: number of the first frame whose result is kept.
        last: number after the last one.
        is_end: whether the clip ends here.
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
        window: frames in a window; at least T means a single one.
        overlap: frames of context at each end of a window that is not an end of the clip.

    Returns:
        (start, stop, first, last) a window: frames ``start:stop`` go in, ``first:last`` are kept. The kept ranges
        follow one another without gaps.

    Raises:
        ValueError: no frame would be left to keep.
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
    """Cut frames that come one after the other into the windows of :func:`plan_windows`, without knowing their count.

    No more than ``window + 1`` frames are held at a time; all of them where ``window`` is None.

    Raises:
        InputError: a frame has another size or another type than those before it.
        ValueError: a frame is no (H, W, 3) uint8 or uint16, or no frame of a window would be left to keep.
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
    """Cut frames that come one after the other into parts that follow one another, the last as long as it gets.

    Each frame is in one part alone: for networks that carry a state. ``length + 1`` frames are held at a time.

    Raises:
        InputError: a frame has another size or another type than those before it.
        ValueError: a frame is no (H, W, 3) uint8 or uint16.
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
    """Check a window and fill in the overlap that was left open.

    Raises:
        ValueError: the window is too short for the network or the overlap.
    """
    if window is None:
        return None, 0
    if window < spec.min_frames:
        raise ValueError(f"a window of {window} frames is too short for this network, which takes {spec.min_frames}")
    if overlap is None:
        overlap = window // _DEFAULT_OVERLAP_SHARE if spec.context_frames is None else spec.context_frames
        if window <= 2 * overlap:
            raise ValueError(f"this network looks {overlap} frames ahead and back: use a window over {2 * overlap}")
    check_window(window, overlap)
    return window, overlap


def check_window(window: int, overlap: int) -> None:
    """Refuse a window in which no frame would be left to keep."""
    if overlap < 0 or window <= 2 * overlap:
        raise ValueError(f"a window of {window} frames has no centre between {overlap} frames of overlap at each end")


def is_clip(frames: NDArray[Any]) -> TypeGuard[NDArray[np.uint8] | NDArray[np.uint16]]:
    """Return whether an array is a clip: (T, H, W, 3) uint8 or uint16, with at least one pixel."""
    return frames.ndim == 4 and frames.shape[3] == 3 and frames.dtype in _LEVEL_TYPES and frames.size > 0


def _checked(frames: Iterable[NDArray[Level]]) -> Iterator[NDArray[Level]]:
    """Pass frames on that are frames, of one size and type."""
    before: NDArray[Level] | None = None
    for number, frame in enumerate(frames):
        if not is_clip(frame[np.newaxis]):
            raise ValueError(f"frames must be non-empty (H, W, 3) uint8 or uint16, not {frame.shape} {frame.dtype}")
        if before is not None and frame.shape != before.shape:
            found, expected = f"{frame.shape[1]}x{frame.shape[0]}", f"{before.shape[1]}x{before.shape[0]}"
            raise InputError(f"frame {number} is {found}, those before it are {expected}: a clip has one size")
        if before is not None and frame.dtype != before.dtype:
            raise InputError(
                f"frame {number} is {frame.dtype}, those before it are {before.dtype}: a clip has one type"
            )
        before = frame
        yield frame
