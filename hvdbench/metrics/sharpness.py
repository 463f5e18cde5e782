"""What needs no truth: how sharp a frame is, and whether it has moved off its input."""

import cv2
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Gray, to_gray
from hvdbench.metrics.fidelity import check_pair


def sharpness(gray: Gray) -> float:
    """Measure the sharpness of a frame: the variance of its Laplacian (Eq. 1).

    The 3x3 mask with -4 in its middle, borders reflected about the outermost pixel. The sums are of integers, so the
    value is exact and does not hang on the machine.

    Args:
        gray: uint8 (H, W).

    Returns:
        Squared gray levels, 0 for a flat frame.

    Raises:
        InputError: not an 8-bit gray picture.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or gray.size == 0:
        raise InputError(f"sharpness is measured on uint8 gray (H, W), found {gray.dtype} {gray.shape}")
    laplacian = cv2.Laplacian(gray, cv2.CV_16S, ksize=1)
    total = round(cv2.sumElems(laplacian)[0])
    total_squares = round(cv2.norm(laplacian, cv2.NORM_L2SQR))
    count = laplacian.size
    return (count * total_squares - total * total) / (count * count)


def laplacian_variance(frame: Frame) -> float:
    """Give the variance of the Laplacian of the frame's 8-bit gray (Eq. 1), squared gray levels.

    Noise and ringing raise it too: a number for "not softer than the input", never for quality alone.

    Args:
        frame: uint8 RGB (H, W, 3).

    Raises:
        InputError: not uint8 RGB, or under 11 px a side.
    """
    check_pair(frame, frame)
    return sharpness(to_gray(frame))


def shift_px(restored: Frame, blurry: Frame) -> float:
    """Give the length of the global shift between a restored frame and its input.

    Phase correlation of the grays under a Hann window (OpenCV's ``phaseCorrelate``), sub-pixel. A method fitted to
    misaligned labels drifts off its input: this shows it without a truth.

    Args:
        restored: uint8 RGB (H, W, 3).
        blurry: the same size.

    Returns:
        px; 0 for equal frames, NaN where one of two different frames is flat, which has no place.

    Raises:
        InputError: not uint8 RGB, two sizes, or under 11 px a side.
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
