"""Windows over time: which frames go into a network together, and which of its results are kept."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames
from hvdbench.networks.spec import NetworkSpec

_DEFAULT_OVERLAP_SHARE = 4


@dataclass(frozen=True)
class Window:
    """Frames of a clip that go into a network together.

    Attributes:
        frames: (T, H, W, 3) uint8.
        start: number of the first of them in the clip.
        first: number of the first frame whose result is kept.
        last: number after the last one.
        is_end: whether the clip ends here.
    """

    frames: Frames
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


def stream_windows(frames: Iterable[Frame], window: int | None, overlap: int) -> Iterator[Window]:
    """Cut frames that come one after the other into the windows of :func:`plan_windows`, without knowing their count.

    No more than ``window + 1`` frames are held at a time; all of them where ``window`` is None.

    Raises:
        InputError: a frame has another size than those before it.
        ValueError: a frame is no (H, W, 3) uint8, or no frame of a window would be left to keep.
    """
    if window is not None:
        check_window(window, overlap)
    source = _checked(frames)
    held: deque[Frame] = deque(maxlen=window)  # always the last frames read
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


def _checked(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Pass frames on that are frames and of one size."""
    shape: tuple[int, ...] | None = None
    for number, frame in enumerate(frames):
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:
            raise ValueError(f"frames must be a non-empty (H, W, 3) uint8, not {frame.shape} {frame.dtype}")
        if shape is not None and frame.shape != shape:
            found, expected = f"{frame.shape[1]}x{frame.shape[0]}", f"{shape[1]}x{shape[0]}"
            raise InputError(f"frame {number} is {found}, those before it are {expected}: a clip has one size")
        shape = frame.shape
        yield frame
