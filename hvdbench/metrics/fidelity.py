"""Closeness to the truth: PSNR, SSIM and PSNR after registration, on 8-bit RGB (protocol hvdbench-1).

All three take the restored frame first. ``docs/protocol.md`` gives the definitions in words.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, to_gray

WINDOW_PX = 11
REGISTRATION_BORDER_PX = 8
REGISTRATION_MINIMUM_PX = WINDOW_PX + 2 * REGISTRATION_BORDER_PX

_PEAK = 255.0
_RADIUS_PX = WINDOW_PX // 2
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_BAND_ROWS = 32  # at a time, so that the planes stay in cache: 1.7 times as fast as whole 720p frames
_ECC_STEPS, _ECC_TOLERANCE, _ECC_BLUR_PX = 50, 1e-6, 5


def psnr(restored: Frame, truth: Frame) -> float:
    """Give the peak signal-to-noise ratio in dB: peak 255, one mean over all pixels and the three colours.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: the same size.

    Returns:
        dB; infinity where the frames are equal (boards cap it: see :data:`hvdbench.evaluation.PSNR_CAP_DB`).

    Raises:
        InputError: not uint8 RGB, two sizes, or under 11 px a side.
    """
    check_pair(restored, truth)
    squared_error = round(cv2.norm(restored, truth, cv2.NORM_L2SQR))  # OpenCV squares a root: an integer up to rounding
    return _decibel(squared_error, restored.size)


def ssim(restored: Frame, truth: Frame) -> float:
    """Give the structural similarity (Wang et al., TIP 2004), the mean over the three colours.

    An 11x11 Gaussian window of sigma 1.5 px, variances of the population, ``K1`` 0.01, ``K2`` 0.03, range 255, and only
    the pixels whose window lies inside the frame (5 px are cut all round). Packages that say "Gaussian 11, 1.5" differ
    by up to 0.004 through border and colour; this is scikit-image's value with ``gaussian_weights=True``,
    ``use_sample_covariance=False``.

    Only four planes are filtered instead of five: with ``a = x + y`` and ``b = x - y`` both ``var x + var y`` and
    ``2 cov`` follow from the variances of a and b. In float64: float32 is off by up to 7e-5 on flat patches.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: the same size.

    Raises:
        InputError: not uint8 RGB, two sizes, or under 11 px a side.
    """
    check_pair(restored, truth)
    height, width = restored.shape[:2]
    total = 0.0
    for top in range(0, height - 2 * _RADIUS_PX, _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS + 2 * _RADIUS_PX)
        total += float(_ssim_map(restored[band], truth[band]).sum())
    count: int = (height - 2 * _RADIUS_PX) * (width - 2 * _RADIUS_PX) * 3
    return total / count


def psnr_registered(restored: Frame, truth: Frame) -> float:
    """Give the PSNR after a global translation onto the truth, with 8 px cut all round.

    The translation maximises the enhanced correlation coefficient of the grays (Evangelidis & Psarakis, TPAMI 2008;
    OpenCV's ``findTransformECC``, at most 50 steps) and the warp is cubic, not rounded to 8 bit. Where the search does
    not converge or wants to move by more than the 8 px, the frame stays where it is; the border is cut either way.

    Args:
        restored: uint8 RGB (H, W, 3).
        truth: the same size.

    Returns:
        dB; infinity where the frames are equal.

    Raises:
        InputError: not uint8 RGB, two sizes, or under 27 px a side.
    """
    check_pair(restored, truth, REGISTRATION_MINIMUM_PX)
    inside = slice(REGISTRATION_BORDER_PX, -REGISTRATION_BORDER_PX)
    kept = truth[inside, inside].astype(np.float32)
    moved = _register(restored, truth)[inside, inside]
    return _decibel(float(np.square(moved - kept, dtype=np.float64).sum()), kept.size)


def check_pair(a: Frame, b: Frame, minimum_px: int = WINDOW_PX) -> None:
    """Refuse what is no pair of equally sized uint8 RGB frames of at least ``minimum_px`` a side.

    Raises:
        InputError: with what was found and what was expected.
    """
    for frame in (a, b):
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise InputError(f"a frame is uint8 RGB (H, W, 3), found {frame.dtype} {frame.shape}")
    if a.shape != b.shape:
        raise InputError(f"the frames are {_size(a)} and {_size(b)}: only frames of one size can be compared")
    if min(a.shape[:2]) < minimum_px:
        raise InputError(f"the frames are {_size(a)}: this metric needs at least {minimum_px} px a side")


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]} px"


def _decibel(squared_error: float, count: int) -> float:
    return 10.0 * math.log10(_PEAK**2 * count / squared_error) if squared_error > 0 else math.inf


def _gaussian_taps() -> NDArray[np.float64]:
    offset = np.arange(-_RADIUS_PX, _RADIUS_PX + 1)
    weight = np.exp(-(offset**2) / (2 * 1.5**2))
    return np.asarray(weight / weight.sum(), np.float64)


_TAPS = _gaussian_taps()


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, _TAPS, _TAPS)
    return np.asarray(blurred[_RADIUS_PX:-_RADIUS_PX, _RADIUS_PX:-_RADIUS_PX], np.float64)


def _ssim_map(x: Frame, y: Frame) -> NDArray[np.float64]:
    """SSIM of every pixel whose window lies inside the band: (h - 10, w - 10, 3)."""
    x16, y16 = x.astype(np.int16), y.astype(np.int16)
    a, b = (x16 + y16).astype(np.float64), (x16 - y16).astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    np.square(a, out=a)
    np.square(b, out=b)
    variance_a, variance_b = _blur(a), _blur(b)
    np.square(mean_a, out=mean_a)
    np.square(mean_b, out=mean_b)
    variance_a -= mean_a
    variance_b -= mean_b
    similarity = (mean_a - mean_b + 2 * _C1) * (variance_a - variance_b + 2 * _C2)
    similarity /= (mean_a + mean_b + 2 * _C1) * (variance_a + variance_b + 2 * _C2)
    return np.asarray(similarity, np.float64)


def _register(restored: Frame, truth: Frame) -> NDArray[np.float32]:
    """Move the restored frame onto the truth; as it is where no translation is found."""
    still = restored.astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_TOLERANCE)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(  # type: ignore[call-overload]
            to_gray(truth), to_gray(restored), start, cv2.MOTION_TRANSLATION, criteria, None, _ECC_BLUR_PX
        )
    except cv2.error:  # OpenCV's word for "did not converge"
        return still
    shift = found[:, 2]
    if not np.isfinite(shift).all() or np.abs(shift).max() > REGISTRATION_BORDER_PX or not shift.any():
        return still
    size = (restored.shape[1], restored.shape[0])
    moved = cv2.warpAffine(still, found, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.asarray(moved, np.float32)
