"""Measure how close a restored frame is to the ground truth: PSNR, SSIM and PSNR after registration, on 8-bit RGB.

These are the metrics of the protocol hvdbench-1. Each function takes the restored frame first. ``docs/protocol.md``
defines the metrics in words.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Image, to_gray
from hvdbench.metrics.metric import Metric
from hvdbench.metrics.ssim import mean_ssim
from hvdbench.metrics.ssim_window import WINDOW_PX

PSNR_CAP_DB = 80.0
"""The largest PSNR on a board, dB. Rounding to 8 bits limits a computed frame to 58.9 dB, so only copies reach it."""
REGISTRATION_BORDER_PX = 8
REGISTRATION_MINIMUM_PX = WINDOW_PX + 2 * REGISTRATION_BORDER_PX

_PEAK = 255.0
_ECC_STEPS, _ECC_TOLERANCE, _ECC_BLUR_PX = 50, 1e-6, 5


def psnr(restored: Frame, truth: Frame) -> float:
    """Return the peak signal-to-noise ratio of a frame.

    The peak is 255, and the squared error is averaged over all pixels and the three colours at once.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: ground truth of the same size.

    Returns:
        The ratio in dB; infinity if the frames are equal, which boards cap at :data:`PSNR_CAP_DB`.

    Raises:
        InputError: if a frame is not uint8 RGB, the sizes differ, or a side is under 11 px.
    """
    check_pair(restored, truth)
    squared_error = round(cv2.norm(restored, truth, cv2.NORM_L2SQR))  # OpenCV squares a root, which is rounded
    return _decibel(squared_error, restored.size)


def ssim(restored: Frame, truth: Frame) -> float:
    """Return the structural similarity of a frame (Wang et al., TIP 2004), the mean over the three colours.

    The window is an 11x11 Gaussian of sigma 1.5 px, the variances are those of the population, ``K1`` is 0.01, ``K2``
    is 0.03 and the range is 255. Only pixels whose window lies inside the frame count, so 5 px are cut on every side.
    Packages that also state "Gaussian 11, 1.5" differ by up to 0.004, since they treat borders and colours in other
    ways. The value is scikit-image's with ``gaussian_weights=True`` and ``use_sample_covariance=False``, within 1e-7.
    :mod:`hvdbench.metrics.ssim` explains the computation.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: ground truth of the same size.

    Raises:
        InputError: if a frame is not uint8 RGB, the sizes differ, or a side is under 11 px.
    """
    check_pair(restored, truth)
    return mean_ssim(restored, truth)


def psnr_registered(restored: Frame, truth: Frame) -> float:
    """Return the PSNR of a frame that was translated onto the ground truth, with 8 px cut on every side.

    The translation maximises the enhanced correlation coefficient of the gray frames (Evangelidis & Psarakis, TPAMI
    2008; OpenCV's ``findTransformECC``, at most 50 steps). The frame is moved by cubic interpolation and is not rounded
    to 8 bits again. If the search does not converge, or finds a shift of more than 8 px, the frame is not moved; the
    border is cut in any case.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: ground truth of the same size.

    Returns:
        The ratio in dB; infinity if the frames are equal.

    Raises:
        InputError: if a frame is not uint8 RGB, the sizes differ, or a side is under 27 px.
    """
    check_pair(restored, truth, REGISTRATION_MINIMUM_PX)
    inside = slice(REGISTRATION_BORDER_PX, -REGISTRATION_BORDER_PX)
    kept = truth[inside, inside].astype(np.float32)
    moved = translated(restored, truth)[0][inside, inside]
    return _decibel(float(np.square(moved - kept, dtype=np.float64).sum()), kept.size)


def masked_psnr(restored: Frame | Image, reference: Frame | Image, mask: NDArray[np.bool_]) -> float:
    """Return the PSNR over the pixels of a mask.

    The peak is 255, and the squared error is averaged over these pixels and the three colours at once.

    Args:
        restored: (H, W, 3) in [0, 255].
        reference: frame of the same size.
        mask: (H, W), True where a pixel counts.

    Returns:
        The ratio in dB, at most 80.

    Raises:
        InputError: if the sizes differ or the mask is empty.
    """
    if restored.shape != reference.shape or mask.shape != restored.shape[:2] or not mask.any():
        raise InputError(
            f"a restored frame {restored.shape}, a reference {reference.shape} and a mask {mask.shape} with "
            f"{int(mask.sum())} pixels cannot be compared: they must have one size, and the mask at least one pixel"
        )
    difference = restored[mask].astype(np.float64) - reference[mask]
    error = float(np.square(difference).mean())
    return min(PSNR_CAP_DB, 10.0 * math.log10(_PEAK**2 / error)) if error > 0 else PSNR_CAP_DB


def check_pair(a: Frame, b: Frame, minimum_px: int = WINDOW_PX) -> None:
    """Check that two frames are uint8 RGB, have the same size, and have at least ``minimum_px`` on each side.

    Raises:
        InputError: if they cannot be compared; the message states what was found and what was expected.
    """
    for frame in (a, b):
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise InputError(f"a frame must be uint8 RGB (H, W, 3), but this one is {frame.dtype} {frame.shape}")
    if a.shape != b.shape:
        raise InputError(f"the frames are {_size(a)} and {_size(b)}: only frames of one size can be compared")
    if min(a.shape[:2]) < minimum_px:
        raise InputError(f"the frames are {_size(a)}: this metric needs at least {minimum_px} px a side")


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]} px"


def _decibel(squared_error: float, count: int) -> float:
    return 10.0 * math.log10(_PEAK**2 * count / squared_error) if squared_error > 0 else math.inf


def translated(restored: Frame, truth: Frame) -> tuple[NDArray[np.float32], bool]:
    """Move a restored frame onto the truth by one global translation, as :func:`psnr_registered` does.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: ground truth of the same size.

    Returns:
        The moved frame, float32 (H, W, 3) in [0, 255] but for the overshoot of cubic interpolation, and whether a
        translation was found. If none was found, the frame is not moved.
    """
    still = restored.astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_TOLERANCE)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(  # type: ignore[call-overload]
            to_gray(truth), to_gray(restored), start, cv2.MOTION_TRANSLATION, criteria, None, _ECC_BLUR_PX
        )
    except cv2.error:  # OpenCV raises this if the search does not converge
        return still, False
    shift = found[:, 2]
    if not np.isfinite(shift).all() or np.abs(shift).max() > REGISTRATION_BORDER_PX:
        return still, False
    if not shift.any():
        return still, True
    size = (restored.shape[1], restored.shape[0])
    moved = cv2.warpAffine(still, found, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.asarray(moved, np.float32), True


PSNR = Metric("psnr", "PSNR", "dB", "higher", decimals=2, function=psnr, is_usual=True)
SSIM = Metric("ssim", "SSIM", "", "higher", decimals=4, function=ssim, is_usual=True)
PSNR_REGISTERED = Metric(
    "psnr_registered", "PSNR registered", "dB", "higher", decimals=2, function=psnr_registered, is_usual=True
)
PSNR_GAIN = Metric("psnr_gain", "gain", "dB", "higher", decimals=2, is_usual=True)
WORSE_SHARE = Metric(
    "worse_share", "worse frames", "%", "lower", decimals=1, factor=100.0, least=0.0, most=1.0, is_usual=True
)
UNREGISTERED_SHARE = Metric(
    "unregistered_share",
    "frames not registered",
    "%",
    "lower",
    decimals=1,
    factor=100.0,
    least=0.0,
    most=1.0,
    is_usual=True,
)
