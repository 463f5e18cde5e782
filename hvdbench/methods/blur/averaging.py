"""Average a picture along the path that each of its points takes during an exposure.

The loops are compiled (:mod:`hvdbench.methods.blur.path_kernel`), at the first call and then from a cache on disk.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image


def average_along_line(image: Image, motion: Flow) -> Image:
    """Average a picture along a straight path centred on each pixel, with borders reflected.

    The cubic interpolation of the picture is integrated along the path, at about one place per pixel of its length, so
    a path of any length is averaged evenly.

    Args:
        image: float32 (H, W) or (H, W, 3).
        motion: the path from its begin to its end, (H, W, 2) px; where it is 0 the picture stays exactly as it is.

    Raises:
        ValueError: if a motion is not finite.
    """
    from hvdbench.methods.blur.path_kernel import straight_mean

    motion = np.ascontiguousarray(motion, np.float32)
    source, stride, start = _with_margin(image, 0.5 * _farthest(motion))
    target = np.empty(image.shape, np.float32)
    colours = 1 if image.ndim == 2 else image.shape[2]
    straight_mean(source, stride, start, colours, motion, 0.5, target.reshape(-1))
    return target


def average_along_path(image: Image, motion: Flow, shares: NDArray[np.float64], shifts: NDArray[np.float64]) -> Image:
    """Average a gray picture over bilinear samples at ``shares[n] * motion + shifts[n]`` from each pixel.

    Args:
        image: float32 (H, W); its borders are reflected.
        motion: (H, W, 2) px.
        shares: (N,) share of the motion at each sample.
        shifts: (N, 2) further shift of each sample, one for the whole picture, px.

    Raises:
        ValueError: if a motion or a shift is not finite.
    """
    from hvdbench.methods.blur.path_kernel import bent_mean

    motion = np.ascontiguousarray(motion, np.float32)
    farthest = float(np.abs(shares).max()) * _farthest(motion) + float(np.abs(shifts).max())
    source, stride, start = _with_margin(image, farthest)
    target = np.empty(image.shape, np.float32)
    bent_mean(source, stride, start, motion, shares.astype(np.float32), shifts.astype(np.float32), target)
    return target


def _farthest(motion: Flow) -> float:
    return float(np.abs(motion).max(initial=0.0))


def _with_margin(image: Image, reach_px: float) -> tuple[NDArray[np.float32], int, int]:
    """Reflect a picture's borders as far as paths reach; return its floats, those per row, and where it begins."""
    from hvdbench.methods.blur.path_kernel import REACH_PX

    if not math.isfinite(reach_px):
        raise ValueError("the motion of a blur has values that are not finite: every pixel needs a finite motion")
    margin = math.ceil(reach_px) + REACH_PX
    wide = cv2.copyMakeBorder(np.asarray(image, np.float32), margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    colours = 1 if image.ndim == 2 else image.shape[2]
    stride = wide.shape[1] * colours
    return np.asarray(wide, np.float32).reshape(-1), stride, margin * (stride + colours)
