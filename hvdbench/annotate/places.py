"""Follow textured places through a clip, so that the same thing is compared from frame to frame.

Flow is DIS between neighbouring frames at a width of 640 px at most, kept at a quarter of that. It only decides which
part of a frame is shown; pixels are never resampled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import Flow, flow_dis
from hvdbench.frames import Gray, Image, read_frame, to_gray

COUNT = 3
_WORK_PX = 640  # longest side that flow is estimated at
_CELL_PX = 4  # of the working picture, side of a cell that flow is kept for
_APART = 0.24  # of the longer side, between two places
_MARGIN = 0.08  # of each side, where no place begins
_EDGE = 0.015  # of each side, where a place is given up
_ROUND_TRIP = 0.012  # of the longer side, forward-backward error from which a place is lost
_SPREAD = 0.025  # of the longer side, standard deviation over which texture is summed

Point = NDArray[np.float64]  # (2,) x, y in px of the frame
Spot = tuple[int, int, int]  # x, y, number of the place
Track = list[Spot | None]


@dataclass(frozen=True)
class ClipFlow:
    """Flow and texture of a clip, small enough to be kept.

    Attributes:
        size_px: width and height of the frames.
        forward: (T - 1, h, w, 2) float16, px of the frames: flow from each frame to the next, a value a cell.
        backward: the same from each frame but the first to the one before.
        texture: (T, h, w) float16, how much there is to see around each cell.
    """

    size_px: tuple[int, int]
    forward: NDArray[np.float16]
    backward: NDArray[np.float16]
    texture: NDArray[np.float16]

    @property
    def count(self) -> int:
        return len(self.texture)

    def follow(self, frame: int, x: float, y: float) -> list[tuple[int, int] | None]:
        """Follow one point of a frame both ways through the clip; None from where it is lost."""
        found: list[tuple[int, int] | None] = [None] * self.count
        for way in (1, -1):
            point: Point | None = np.array([x, y], np.float64)
            at = frame
            while point is not None:
                found[at] = _whole(point)
                if not 0 <= at + way < self.count:
                    break
                point = self._step(point, at, way)
                at += way
        return found

    def places(self) -> list[Track]:
        """Choose :data:`COUNT` places in the middle frame and follow them both ways.

        A place that leaves the frame, or that flow there and back does not return to, is replaced by another with a
        new number.

        Returns:
            For each of them and each frame x, y and the number.
        """
        tracks: list[Track] = [[None] * self.count for _ in range(COUNT)]
        start = self.count // 2
        first: list[tuple[Point, int]] = []
        for slot in range(COUNT):
            first.append((self._best(start, [point for point, _ in first]), slot))
        numbers = COUNT
        for way in (1, -1):
            now = list(first)
            frames = range(start, self.count) if way == 1 else range(start, -1, -1)
            for frame in frames:
                for slot, (point, number) in enumerate(now):
                    tracks[slot][frame] = (*_whole(point), number)
                if not 0 <= frame + way < self.count:
                    break
                moved = [self._step(point, frame, way) for point, _ in now]
                for slot, there in enumerate(moved):
                    if there is None:
                        there = self._best(frame + way, [one for one in moved if one is not None])
                        moved[slot] = there
                        now[slot], numbers = (there, numbers), numbers + 1
                    else:
                        now[slot] = (there, now[slot][1])
        return tracks

    def _step(self, point: Point, frame: int, way: int) -> Point | None:
        """Move a point to the neighbouring frame; None where it is lost."""
        ahead, back = (self.forward, self.backward) if way == 1 else (self.backward, self.forward)
        step = frame if way == 1 else frame - 1
        there = point + self._at(ahead[step], point)
        width, height = self.size_px
        away = float(np.hypot(*(there + self._at(back[step], there) - point)))
        x, y = there / (width, height)
        inside = _EDGE <= x <= 1 - _EDGE and _EDGE <= y <= 1 - _EDGE
        return there if inside and away <= max(1.5, _ROUND_TRIP * max(self.size_px)) else None

    def _at(self, flow: NDArray[np.float16], point: Point) -> Point:
        """Read a flow at a point, bilinear between the centres of cells."""
        height, width = flow.shape[:2]
        x, y = (point + 0.5) * (width, height) / self.size_px - 0.5
        x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
        left, top = int(x), int(y)
        right, bottom, a, b = min(left + 1, width - 1), min(top + 1, height - 1), x - left, y - top
        corners = flow[[top, top, bottom, bottom], [left, right, left, right]].astype(np.float64)
        weights = np.array([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b])
        return np.asarray(weights @ corners, np.float64)

    def _best(self, frame: int, taken: Sequence[Point]) -> Point:
        """Find the place with most to see, off the border and away from those taken."""
        texture = self.texture[frame].astype(np.float32)
        height, width = texture.shape
        scale = np.array(self.size_px) / (width, height)
        y, x = np.mgrid[0:height, 0:width]
        centres = (np.stack([x, y], axis=-1) + 0.5) * scale - 0.5
        right, bottom = int(_MARGIN * width), int(_MARGIN * height)
        inner = (x >= right) & (x < width - right) & (y >= bottom) & (y < height - bottom)
        free = inner.copy()
        for point in taken:
            free &= np.hypot(*np.moveaxis(centres - point, -1, 0)) >= _APART * max(self.size_px)
        value = np.where(free if free.any() else inner, texture, -1.0)
        row, column = np.unravel_index(int(value.argmax()), value.shape)
        return np.asarray(centres[row, column], np.float64)


def clip_flow(files: Sequence[Path], *, progress: Callable[[int], None] = lambda done: None) -> ClipFlow:
    """Estimate the flow between all neighbours of a clip.

    Args:
        files: its frames, one at a time in memory.
        progress: function called with the number of frames done; an exception from it ends the work.

    Raises:
        InputError: if a file is not a picture, or two frames differ in size.
    """
    forward: list[Flow] = []
    backward: list[Flow] = []
    texture: list[Image] = []
    size: tuple[int, int] | None = None
    before: Gray | None = None
    for done, path in enumerate(files):
        frame = read_frame(path)
        height, width = frame.shape[:2]
        if size is not None and size != (width, height):
            raise InputError(
                f"{path} is {width}x{height}, and the frames before it are {size[0]}x{size[1]}: all frames of a clip "
                "must have one size"
            )
        size = (width, height)
        scale = min(1.0, _WORK_PX / max(size))
        gray = np.asarray(cv2.resize(to_gray(frame), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        texture.append(_cells(_texture(gray)))
        if before is not None:
            forward.append(_small(flow_dis(before, gray, "fast"), size))
            backward.append(_small(flow_dis(gray, before, "fast"), size))
        before = gray
        progress(done + 1)
    if size is None:
        raise InputError("there are no frames to follow")
    cells = (*texture[0].shape, 2)
    ahead, back = (np.array(flows, np.float16).reshape(-1, *cells) for flows in (forward, backward))
    return ClipFlow(size, ahead, back, np.array(texture, np.float16))


def _texture(gray: Gray) -> Image:
    """Sum what has edges in two directions (the smaller eigenvalue of the structure tensor) around each pixel."""
    corners = np.sqrt(np.maximum(cv2.cornerMinEigenVal(gray, 7), 0.0))
    spread = max(1.0, _SPREAD * max(gray.shape))
    return np.asarray(cv2.GaussianBlur(corners, (0, 0), spread, borderType=cv2.BORDER_REFLECT), np.float32)


def _small(flow: Flow, size: tuple[int, int]) -> Flow:
    height, width = flow.shape[:2]
    scale = np.array([size[0] / width, size[1] / height], np.float32)
    return np.asarray(np.clip(_cells(flow) * scale, -60_000, 60_000), np.float32)


def _cells(picture: Image) -> Image:
    height, width = picture.shape[:2]
    size = (max(1, width // _CELL_PX), max(1, height // _CELL_PX))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _whole(point: Point) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
