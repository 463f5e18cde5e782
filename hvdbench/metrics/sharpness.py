"""Measure what needs no truth: how sharp a frame is, and whether it has moved off its input."""

from collections.abc import Callable

import cv2
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Gray, to_gray
from hvdbench.metrics.fidelity import check_pair
from hvdbench.metrics.metric import Metric

_STRIP = 150_000  # values


def sharpness(gray: Gray) -> float:
    """Measure the sharpness of a frame: the variance of its Laplacian (Eq. 1).

    The 3x3 mask with -4 in its middle, borders reflected about the outermost pixel. The sums are of integers, so the
    value is exact and does not hang on the machine.

    Args:
        gray: uint8 (H, W).

    Returns:
        Squared gray levels, 0 for a flat frame.

    Raises:
        InputError: if the frame is not an 8-bit gray picture.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or gray.size == 0:
        raise InputError(f"sharpness needs a gray frame, uint8 (H, W), found {gray.dtype} {gray.shape}")
    return _variance(gray)


def gray_sharpness(frame: Frame) -> float:
    """Measure the sharpness of a colour frame's 8-bit BT.601 gray: ``sharpness(to_gray(frame))``, but faster.

    Noise and ringing raise it too, so it can show "not softer than the input", but never quality alone.

    Args:
        frame: uint8 RGB (H, W, 3).

    Returns:
        Squared gray levels.

    Raises:
        InputError: if the frame is not an 8-bit colour picture.
    """
    _check_colour(frame)
    return _variance(frame, to_gray)


def colour_sharpness(frame: Frame) -> float:
    """Measure the variance of the Laplacian over all three channels together, as ``cv2.Laplacian(frame).var()`` would.

    Another reading of Eq. 1, which states no colour; exact, as :func:`sharpness` is.

    Args:
        frame: uint8 RGB (H, W, 3).

    Returns:
        Squared levels.

    Raises:
        InputError: if the frame is not an 8-bit colour picture.
    """
    _check_colour(frame)
    return _variance(frame)


def _check_colour(frame: Frame) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:
        raise InputError(f"a frame's sharpness needs uint8 RGB (H, W, 3), found {frame.dtype} {frame.shape}")


def _variance(picture: Frame | Gray, convert: Callable[[Frame], Gray] | None = None) -> float:
    """Return the variance of the Laplacian of every value of an 8-bit picture, from two exact sums.

    It works strip by strip, so that intermediate values stay in the processor's cache.
    """
    height = len(picture)
    count = picture.size if convert is None else height * picture.shape[1]
    rows = max(1, _STRIP * height // count)
    total = total_squares = 0
    for top in range(0, height, rows):
        first = max(0, top - 1)  # a row more on either side, whose own values are dropped
        strip = picture[first : top + rows + 1]
        around = cv2.Laplacian(strip if convert is None else convert(strip), cv2.CV_16S, ksize=1)
        laplacian = around[top - first : top - first + min(rows, height - top)]
        total += round(sum(cv2.sumElems(laplacian)))
        total_squares += round(cv2.norm(laplacian, cv2.NORM_L2SQR))
    return (count * total_squares - total * total) / (count * count)


def shift_px(restored: Frame, blurry: Frame) -> float:
    """Return the length of the global shift between a restored frame and its input.

    Phase correlation of the grays under a Hann window (OpenCV's ``phaseCorrelate``), sub-pixel. A method fitted to
    misaligned labels drifts off its input: this shows it without a truth.

    Args:
        restored: uint8 RGB (H, W, 3).
        blurry: the same size.

    Returns:
        px; 0 for equal frames, NaN where one of two different frames is flat, which has no place.

    Raises:
        InputError: if frames are not uint8 RGB, differ in size, or have a side under 11 px.
    """
    check_pair(restored, blurry)
    a, b = to_gray(restored), to_gray(blurry)
    if np.array_equal(a, b):
        return 0.0
    if a.min() == a.max() or b.min() == b.max():
        return float("nan")
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(a.astype(np.float32), b.astype(np.float32), window)
    return float(np.hypot(x, y))


SHARPNESS = Metric("sharpness", "sharpness", "", "higher", decimals=1, needs="nothing", is_usual=True)
SHARPNESS_RATIO = Metric("sharpness_ratio", "sharpness ratio", "", "higher", decimals=2, needs="nothing", is_usual=True)
SHIFT_PX = Metric("shift_px", "shift", "px", "lower", decimals=3, needs="nothing", is_usual=True)
