"""How the picture moves from frame to frame: one shift, turn and zoom for each step."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, flow_dis
from hvdbench.frames import Frames, Gray, to_gray

Array = NDArray[np.float64]

FLOW_WIDTH_PX = 640
_GRID_PX = 8
_TUKEY = 4.685  # 95 % efficiency on normal errors
_LEAST_SPREAD_PX = 0.05
_ROUNDS = 20


@dataclass(frozen=True)
class ViewMotion:
    """Motion of the view over T frames.

    Attributes:
        shift_px: (T - 1, 2) by how far the picture's centre moves to the next frame, x first, px of the frames given.
        roll_deg: (T - 1,) turn of the picture about its centre.
        zoom: (T - 1,) growth of the picture less 1.
    """

    shift_px: Array
    roll_deg: Array
    zoom: Array


def view_motion(frames: Frames) -> ViewMotion:
    """Measure the motion of the view between neighbouring frames.

    Dense flow (DIS) on pictures at most 640 px wide, fitted by a similarity that leaves out what moves otherwise
    (things of their own, parallax).

    Args:
        frames: uint8 RGB (T, H, W, 3), T >= 2.
    """
    scale = min(1.0, FLOW_WIDTH_PX / frames.shape[2])
    small = [_reduced(to_gray(frame), scale) for frame in frames]
    steps = np.array([fit_similarity(flow_dis(a, b)) for a, b in pairwise(small)])
    per_px = frames.shape[2] / small[0].shape[1]
    return ViewMotion(steps[:, 2:] * per_px, np.degrees(np.arctan2(steps[:, 1], 1.0 + steps[:, 0])), steps[:, 0])


def _reduced(gray: Gray, scale: float) -> Gray:
    if scale == 1.0:
        return gray
    size = (round(gray.shape[1] * scale), max(1, round(gray.shape[0] * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def fit_similarity(flow: Flow) -> Array:
    """Fit ``(a x − b y + c, b x + a y + d)`` to a flow, x and y from the picture's centre.

    Iterated weighted least squares with Tukey's biweight, begun at the median shift, on every eighth pixel.

    Args:
        flow: (H, W, 2) px.

    Returns:
        a (zoom less 1), b (turn), c, d (shift of the centre, px).
    """
    height, width = flow.shape[:2]
    start_y, start_x = min(_GRID_PX // 2, height - 1), min(_GRID_PX // 2, width - 1)
    y, x = np.mgrid[start_y:height:_GRID_PX, start_x:width:_GRID_PX].astype(np.float64).reshape(2, -1)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    moved = flow[start_y::_GRID_PX, start_x::_GRID_PX].reshape(-1, 2).astype(np.float64)
    one, none = np.ones_like(x), np.zeros_like(x)
    design = np.stack([np.stack([x, -y, one, none], axis=1), np.stack([y, x, none, one], axis=1)], axis=1)  # (n, 2, 4)
    found = np.array([0.0, 0.0, *np.median(moved, axis=0)])
    for _ in range(_ROUNDS):
        off = np.linalg.norm(moved - design @ found, axis=1)
        spread = max(1.4826 * float(np.median(off)), _LEAST_SPREAD_PX)
        weight = np.clip(1.0 - (off / (_TUKEY * spread)) ** 2, 0.0, None) ** 2
        normal = np.einsum("n,nij,nik->jk", weight, design, design)
        found = np.linalg.lstsq(normal, np.einsum("n,nij,ni->j", weight, design, moved), rcond=None)[0]
    return np.asarray(found, np.float64)
