"""Follow how the picture moves through a clip: one similarity for each step, joined to a smooth path.

The path is the motion of a point of the view between the middles of exposures; the motion within one follows from it.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from hvdbench.flow import Flow, flow_dis
from hvdbench.frames import Gray

Array = NDArray[np.float64]

FLOW_SIDE_PX = 480
_GRID_PX = 8
_TUKEY = 4.685  # 95 % efficiency on normal errors
_LEAST_SPREAD_PX = 0.05
_ROUNDS = 8
_CHECK_SIDE_PX = 96
_LEAST_CORRELATION = 0.4
"""Least correlation of a frame and the next laid over it, both much reduced; below it the view was lost."""


def reduced(gray: Gray, longest_px: int) -> Gray:
    """Shrink a gray picture (H, W) by area averaging so that no side is longer than ``longest_px``."""
    height, width = gray.shape
    if max(height, width) <= longest_px:
        return gray
    scale = longest_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


class ViewFollower:
    """Follow the view through a clip whose frames come one by one; only the last one is kept, reduced."""

    def __init__(self) -> None:
        self._last: Gray | None = None
        self._places: list[Array] = []
        self._starts: list[int] = []

    def add(self, gray: Gray) -> tuple[Array, bool]:
        """Take the next frame.

        Args:
            gray: the frame, uint8 (H, W), of the same size as those before it.

        Returns:
            The place of the view (4,), as in a row of :func:`view_path`, and whether a new stretch begins here.
        """
        small = reduced(gray, FLOW_SIDE_PX)
        place, is_new = np.zeros(4), True
        if self._last is not None:
            place = self._places[-1]
            step = fit_similarity(flow_dis(self._last, small, "fast"))
            is_new = _correlation(self._last, small, step) < _LEAST_CORRELATION
            if not is_new:
                per_px = gray.shape[1] / small.shape[1]
                place = place + step * (1.0, 1.0, per_px, per_px)
        if is_new:
            self._starts.append(len(self._places))
        self._places.append(place)
        self._last = small
        return place, is_new

    def path(self) -> tuple[Array, list[slice]]:
        """Return the path (T, 4) and the stretches so far, as :func:`view_path` does."""
        bounds = [*self._starts, len(self._places)]
        return np.reshape(self._places, (-1, 4)), [slice(*both) for both in pairwise(bounds)]


def view_path(grays: Sequence[Gray]) -> tuple[Array, list[slice]]:
    """Follow the view through a clip.

    Args:
        grays: T gray pictures, uint8 (H, W).

    Returns:
        The path (T, 4), which holds growth, turn (rad), shift x and shift y of the picture's centre (px) since frame 0,
        small angles added up; and the stretches of frames between which the view could be followed (a cut ends one).
    """
    follower = ViewFollower()
    for gray in grays:
        follower.add(gray)
    return follower.path()


def fit_similarity(flow: Flow, rounds: int = _ROUNDS) -> Array:
    """Fit ``(a x − b y + c, b x + a y + d)`` to a flow, x and y from the picture's centre.

    The fit is by weighted least squares with Tukey's biweight, begun at the median shift, on every eighth pixel, so
    that things with a motion of their own and parallax are left out.

    Args:
        flow: the flow (H, W, 2), px.
        rounds: how often the weights are computed anew.

    Returns:
        The values a (growth), b (turn), c and d (shift of the centre, px).
    """
    height, width = flow.shape[:2]
    start_y, start_x = min(_GRID_PX // 2, height - 1), min(_GRID_PX // 2, width - 1)
    y, x = np.mgrid[start_y:height:_GRID_PX, start_x:width:_GRID_PX].astype(np.float64).reshape(2, -1)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    u, v = flow[start_y::_GRID_PX, start_x::_GRID_PX].reshape(-1, 2).astype(np.float64).T
    found = np.array([0.0, 0.0, np.median(u), np.median(v)])
    for _ in range(rounds):
        a, b, c, d = found
        off = np.hypot(u - (a * x - b * y + c), v - (b * x + a * y + d))
        spread = max(1.4826 * float(np.median(off)), _LEAST_SPREAD_PX)
        weight = np.clip(1.0 - (off / (_TUKEY * spread)) ** 2, 0.0, None) ** 2
        total = weight.sum()
        mx, my, mu, mv = ((weight * values).sum() / total for values in (x, y, u, v))
        dx, dy, du, dv = x - mx, y - my, u - mu, v - mv
        spread_xy = (weight * (dx * dx + dy * dy)).sum()
        if spread_xy > 0:
            a = (weight * (dx * du + dy * dv)).sum() / spread_xy
            b = (weight * (dx * dv - dy * du)).sum() / spread_xy
        found = np.array([a, b, mu - a * mx + b * my, mv - b * mx - a * my])
    return found


def _correlation(a: Gray, b: Gray, step: Array) -> float:
    """Correlate a with b moved back onto it, where they overlap; the result is 1 where either is flat."""
    height, width = a.shape
    growth, turn, shift_x, shift_y = step
    x, y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array([[1 + growth, -turn, 0.0], [turn, 1 + growth, 0.0]])
    matrix[:, 2] = np.array([x + shift_x, y + shift_y]) - matrix[:, :2] @ (x, y)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(b, matrix, (width, height), flags=flags)
    inside = cv2.warpAffine(np.ones_like(b), matrix, (width, height), flags=flags)
    first, second = (reduced(np.asarray(picture * inside, np.uint8), _CHECK_SIDE_PX) for picture in (a, back))
    both = reduced(np.asarray(inside * 255, np.uint8), _CHECK_SIDE_PX) == 255
    values = np.stack([first[both], second[both]]).astype(np.float64)
    if values.shape[1] < 16:
        return 0.0
    if (values.std(axis=1) < 0.5).any():
        return 1.0
    return float(np.asarray(np.corrcoef(values))[0, 1])


def exposure_tracks(
    path: Array, stretches: Sequence[slice], share: float, points: Array, samples: int
) -> NDArray[np.float32]:
    """Follow points of the view through each exposure, on cubic splines through the middles of the exposures.

    Args:
        path: the path of the view (T, 4), from :func:`view_path`.
        stretches: the stretches of connected frames.
        share: the exposure time over the frame time.
        points: (P, 2) px from the picture's centre.
        samples: the number M of times, evenly over the exposure, ends included.

    Returns:
        The places (T, M, P, 2) in px, relative to the middle of the exposure.
    """
    offsets = share * np.linspace(-0.5, 0.5, samples)
    moved = np.zeros((len(path), samples, 4))
    for stretch in stretches:
        known = path[stretch]
        if len(known) > 1:
            places = np.arange(len(known))
            spline = CubicSpline(places, known, bc_type="natural")
            moved[stretch] = spline(places[:, None] + offsets) - known[:, None]
    growth, turn, shift_x, shift_y = (moved[..., index, None] for index in range(4))
    x, y = points[:, 0], points[:, 1]
    return np.stack([growth * x - turn * y + shift_x, turn * x + growth * y + shift_y], axis=-1).astype(np.float32)


def frame_points(width: int, height: int, columns: int, rows: int) -> Array:
    """Return an even grid of points from corner to corner, (columns * rows, 2) px from the picture's centre."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, columns) * (width - 1), np.linspace(-0.5, 0.5, rows) * (height - 1))
    return np.stack([x.ravel(), y.ravel()], axis=1)
