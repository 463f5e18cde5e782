"""Lay a plane's motion over flow: a hand that only turns moves a whole picture by one homography.

Flow between a blurry frame and a sharp one is noisy, and it fails where there is no texture or where the content leaves
the frame. A homography that is fitted robustly to all of it averages that noise away. It is laid over the flow where
the scene follows it, and nowhere else.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, grid, round_trip_px, warp
from hvdbench.frames import Gray, Image

Alignment = Literal["dis", "planes", "refined"]
Matrix = NDArray[np.float64]  # (3, 3)

SAMPLES = 4000  # enough for eight numbers; fitting more takes longer than the flow
LEAST_SAMPLES = 50
_AGREE_PX = 0.5  # forward-backward error of a match that counts
_INLIER_PX = 0.6
FOLLOWS_PX = 1.2  # flow of a blurry frame is this noisy where a plane explains all
PLANAR_SHARE = 0.94  # flat scenes have 0.94 to 1, the demo's moving cup 0.92 at most, a walk through a street 0.82
_UNIT_PX = 320
"""Longer side of the frames that distances between flows in px are for; those of larger frames grow along."""
_REDUCED = 4  # times; errors of a window are smooth
_WINDOW_PX = 10.0
_VETO = (3.0, 5.0)  # flow fits blur and noise too, so a right plane's error is up to twice as large
_AROUND = 7  # reduced pixels
_LEAST_SCALE = 0.1  # a hand turns by a few degrees between frames, which changes depth by a few percent
_FLOOR = 4.0  # squared levels, of rounding
_BAND_ROWS = 256


def lay_plane(flow_ab: Flow, flow_ba: Flow, a: Gray, b: Gray) -> tuple[Flow, Flow]:
    """Lay the plane of a pair of frames over its two flows, if the pair is planar.

    A pair is planar if 94 % of the matches on which the two flows agree lie within 1.2 px of one homography. There the
    homography replaces the flow, both ways, except near where it fits the pictures much worse than the flow does. With
    ``q`` the ratio of both squared errors in a Gaussian window of 10 px, of pixels where the two flows agree, its
    weight falls from 1 at q = 3 to 0 at q = 5, and about 12 px around stay with the flow too. That leaves small things
    that move by themselves to the flow.

    Laying it whole matters: both flows then lead back exactly, and the mask trusts what flow alone cannot follow.

    Args:
        flow_ab, flow_ba: the flows between frames a and b, (H, W, 2) px.
        a, b: uint8 gray pictures (H, W).

    Returns:
        Both flows; those given, if no plane explains the pair.
    """
    forward = fit_plane(flow_ab, flow_ba)
    if forward is None:
        return flow_ab, flow_ba
    backward = np.asarray(np.linalg.inv(forward), np.float64)
    return laid_whole(flow_ab, flow_ba, forward, a, b), laid_whole(flow_ba, flow_ab, backward, b, a)


def fit_plane(flow_ab: Flow, flow_ba: Flow) -> Matrix | None:
    """Fit one homography from frame a to frame b to the flows between them, on an even grid of about 4000 pixels.

    Returns:
        The homography (MAGSAC++; the same for the same flows), or None if it explains less than 94 % of the matches on
        which the flows agree, or if there are fewer than 50 of those.
    """
    height, width = flow_ab.shape[:2]
    here, found = matches(flow_ab, flow_ba, SAMPLES)
    forward = robust_homography(here, found, height, width)
    if forward is None:
        return None
    return forward if (misses_px(forward, here, found) < FOLLOWS_PX).mean() >= PLANAR_SHARE else None


def unit_px(height: int, width: int) -> float:
    """Return how many px of a frame stand for one of a frame of 320 px, at least 1.

    Errors of flow that is searched on coarser levels grow with the frame. With fixed distances, on validation clips of
    640x384 with something that moves, things that a plane explains were left to flow, which cost 0.3 to 0.8 dB.
    """
    return max(1.0, max(height, width) / _UNIT_PX)


def matches(flow_ab: Flow, flow_ba: Flow, samples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """List the matches on which two flows agree to half a unit, on an even grid of about ``samples`` pixels.

    Returns:
        Their places in frame a and in frame b, (N, 2) px each, x first.
    """
    height, width = flow_ab.shape[:2]
    step = max(1, round((height * width / samples) ** 0.5))
    y, x = (places.ravel() for places in np.mgrid[step // 2 : height : step, step // 2 : width : step])
    there = flow_ab[y, x]
    here = np.stack([x, y], axis=-1).astype(np.float32)
    found = here + there
    column, row = np.rint(found[:, 0]).astype(np.intp), np.rint(found[:, 1]).astype(np.intp)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    round_trip = there + flow_ba[row.clip(0, height - 1), column.clip(0, width - 1)]
    good = inside & (np.hypot(round_trip[:, 0], round_trip[:, 1]) < _AGREE_PX * unit_px(height, width))
    return here[good], found[good]


def robust_homography(here: NDArray[np.float32], found: NDArray[np.float32], height: int, width: int) -> Matrix | None:
    """Fit a homography to matches by MAGSAC++; None if there are fewer than 50, or if a horizon crosses the frame."""
    if len(here) < LEAST_SAMPLES:
        return None
    forward, _ = cv2.findHomography(
        here, found, cv2.USAC_MAGSAC, _INLIER_PX * unit_px(height, width), None, 2000, 0.999
    )
    homography = None if forward is None else np.asarray(forward, np.float64)
    return homography if homography is not None and keeps_in_front(homography, height, width) else None


def misses_px(homography: Matrix, here: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far from each match a homography leads, (N,) px."""
    moved = cv2.perspectiveTransform(here[:, None], homography)[:, 0]
    return np.asarray(np.hypot(*(moved - found).T), np.float32)


def keeps_in_front(homography: Matrix, height: int, width: int) -> bool:
    """Return whether both the homography and its inverse keep the whole frame on one side of the horizon."""
    if not np.isfinite(homography).all() or abs(np.linalg.det(homography)) < _LEAST_SCALE:
        return False
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    scales = [corners @ (way[2] / way[2, 2]) for way in (homography, np.linalg.inv(homography))]
    return bool(np.min(scales) > _LEAST_SCALE)


def plane_flow(homography: Matrix, height: int, width: int) -> Flow:
    """Return the flow of a plane whose points move by a homography, (H, W, 2) px."""
    x, flow = np.arange(width, dtype=np.float64), np.empty((height, width, 2), np.float32)
    for top in range(0, height, _BAND_ROWS):  # in float64 a whole frame of 3840x2160 would take half a gigabyte
        y = np.arange(top, min(height, top + _BAND_ROWS), dtype=np.float64)[:, None]
        across, down, scale = (row[0] * x + (row[1] * y + row[2]) for row in homography)
        flow[top : top + _BAND_ROWS, :, 0] = across / scale
        flow[top : top + _BAND_ROWS, :, 1] = down / scale
    return np.asarray(flow - grid(height, width), np.float32)


def laid_whole(flow_ab: Flow, flow_ba: Flow, homography: Matrix, a: Gray, b: Gray) -> Flow:
    """Lay a homography over a flow, except near where it fits the pictures much worse; see :func:`lay_plane`."""
    height, width = a.shape
    plane = plane_flow(homography, height, width)
    # covered parts fit neither, and would make the thing that covers them look as if it fitted both
    agree = np.asarray(round_trip_px(flow_ab, flow_ba) < _AGREE_PX * unit_px(height, width), np.float32)
    ratio = (_error(plane, agree, a, b) + _FLOOR) / (_error(flow_ab, agree, a, b) + _FLOOR)
    fits = np.clip((_VETO[1] - ratio) / (_VETO[1] - _VETO[0]), 0.0, 1.0)
    kept = cv2.GaussianBlur(cv2.erode(fits, np.ones((_AROUND, _AROUND), np.uint8)), (0, 0), 0.25 * _AROUND)
    weight = np.asarray(cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)[..., None]
    return np.asarray(flow_ab + weight * (plane - flow_ab), np.float32)


def _error(flow_ab: Flow, agree: Image, a: Gray, b: Gray) -> Image:
    """Return the squared difference of b warped to a where the flows agree, averaged over a window, at a quarter."""
    difference = warp(b, flow_ab, "linear") - a
    small = (max(1, a.shape[1] // _REDUCED), max(1, a.shape[0] // _REDUCED))
    squared = cv2.resize(agree * difference * difference, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(squared, (0, 0), _WINDOW_PX / _REDUCED), np.float32)
