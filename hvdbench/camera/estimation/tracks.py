"""Follow points from one frame to another: corners, pyramidal Lucas-Kanade, checked forwards and backwards."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Gray

Points = NDArray[np.float64]  # (N, 2), x first, pixel centres at integers

MOST_CORNERS = 400
FIELDS = 6  # a side: corners are drawn from 6x6 fields in turn, so that one rich spot does not take them all

_CORNER_QUALITY = 0.002  # of the strongest corner's
_SPACING = 1.0 / 50.0  # of the frame's longer side
_WINDOW_PX = 17
_LEVELS = 4
_RETURN_PX = 0.3  # how far off its start a point may come back


@dataclass(frozen=True)
class Cornered:
    """A frame, gray (H, W) uint8, with its corners (N, 2), at most 400 and spread over it."""

    gray: Gray
    corners: Points

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return int(self.gray.shape[1]), int(self.gray.shape[0])


def find_corners(gray: Gray) -> Cornered:
    """Find the corners of a frame (H, W) uint8, the strongest of each of its fields first."""
    size = np.array(gray.shape[::-1])
    spacing_px = max(3.0, _SPACING * float(size.max()))
    found: Any = cv2.goodFeaturesToTrack(gray, 0, _CORNER_QUALITY, spacing_px, blockSize=5)
    if found is None:
        return Cornered(gray, np.empty((0, 2)))
    points = np.asarray(found, np.float64).reshape(-1, 2)  # the strongest first
    field = field_of(points, (int(size[0]), int(size[1])), FIELDS)
    rank = np.zeros(len(points), np.int64)  # of a corner within its field
    for number in np.unique(field):
        members = np.flatnonzero(field == number)
        rank[members] = np.arange(len(members))
    chosen = np.argsort(rank, kind="stable")[:MOST_CORNERS]
    return Cornered(gray, points[np.sort(chosen)])


def field_of(points: Points, size: tuple[int, int], side: int) -> NDArray[np.int64]:
    """Number the field (N,) that each point (N, 2) lies in, of ``side`` x ``side`` over a frame of a width, height."""
    column, row = np.clip(points * side / np.array(size), 0, side - 1).astype(np.int64).T
    return np.asarray(row * side + column, np.int64)


def follow(first: Cornered, second: Cornered) -> tuple[Points, Points]:
    """Follow the corners of ``first`` into ``second``.

    Returns:
        Their places in ``first`` and in ``second``, (N, 2) each; kept are those that come back to within 0.3 px of
        their start when followed backwards, and that lie inside the frame.
    """
    if not len(first.corners):
        return np.empty((0, 2)), np.empty((0, 2))
    start = first.corners.astype(np.float32).reshape(-1, 1, 2)
    end, found = _flow(first.gray, second.gray, start)
    back, found_back = _flow(second.gray, first.gray, end)
    off_px = np.linalg.norm((back - start).reshape(-1, 2), axis=1)
    place = end.reshape(-1, 2)
    inside = ((place >= 0) & (place <= np.array(second.size) - 1)).all(axis=1)
    kept = found & found_back & inside & (off_px < _RETURN_PX)
    return first.corners[kept], place[kept].astype(np.float64)


def _flow(first: Gray, second: Gray, start: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        start,
        np.empty(0, np.float32),
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS - 1,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 0.003),
    )
    return np.asarray(end, np.float32), np.asarray(status).ravel().astype(bool)
