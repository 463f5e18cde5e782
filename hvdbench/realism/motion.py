"""Measure how the picture moves from frame to frame: one shift, turn and zoom for each step."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import flow_dis
from hvdbench.frames import Frames, Gray, to_gray
from hvdbench.labels.registration import fit_similarity

Array = NDArray[np.float64]

FLOW_WIDTH_PX = 640
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
    steps = np.array([fit_similarity(flow_dis(a, b), _ROUNDS) for a, b in pairwise(small)])
    per_px = frames.shape[2] / small[0].shape[1]
    return ViewMotion(steps[:, 2:] * per_px, np.degrees(np.arctan2(steps[:, 1], 1.0 + steps[:, 0])), steps[:, 0])


def _reduced(gray: Gray, scale: float) -> Gray:
    if scale == 1.0:
        return gray
    size = (round(gray.shape[1] * scale), max(1, round(gray.shape[0] * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
