"""Score one pair of frames under one protocol."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Image
from hvdbench.metrics.fidelity import REGISTRATION_MINIMUM_PX, check_pair, psnr, translated
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.ssim import mean_ssim, ssim_map
from hvdbench.metrics.ssim_window import K1, K2, RADIUS_PX, WINDOW_PX, gaussian_taps

_PEAK = 255.0
_LUMA = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
_LUMA_BLACK = np.float32(16)
_GRAY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, full range
_ECC = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 0.0)
_ECC_BLUR_PX = 5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FrameScore:
    """The scores of a frame under a protocol.

    Attributes:
        psnr: dB, infinite for equal frames unless the protocol caps it.
        ssim: at most 1.
        is_registered: False where the protocol registers and no motion was found; the frame was scored without
            registration.
    """

    psnr: float
    ssim: float
    is_registered: bool = True


def measure_frame(protocol: Protocol, restored: Frame | Image, truth: Frame, *, similarity: bool = True) -> FrameScore:
    """Score one restored frame.

    Args:
        protocol: how.
        restored: RGB (H, W, 3), uint8, or float32 in [0, 1] (clipped, then made 8 bit as the protocol does).
        truth: uint8 RGB (H, W, 3).
        similarity: whether SSIM is measured too; it is NaN without.

    Raises:
        InputError: if the types differ from these, sizes differ, or a side is under 11 px (27 px where a translation is
            sought).
    """
    frame = to_8_bit(restored, protocol)
    check_pair(frame, truth, REGISTRATION_MINIMUM_PX if protocol.registration == "translation" else WINDOW_PX)
    if protocol.registration == "homography":
        return _under_homography(frame, truth, similarity)
    if protocol.registration == "pixels":
        return _under_shift(frame, truth, similarity)
    is_registered = True
    moved: Frame | Image = frame
    if protocol.rounding == "none" and restored.dtype == np.float32:
        moved = np.multiply(restored, _PEAK, dtype=np.float32)
    if protocol.registration == "translation":
        moved, is_registered = translated(frame, truth)
    inside = slice(protocol.border_px, -protocol.border_px or None)
    pair: tuple[Frame | Image, Frame | Image] = moved[inside, inside], truth[inside, inside]
    if protocol.colour == "y":
        pair = luma(pair[0]), luma(pair[1])
    closeness = _psnr(*pair)
    alike = math.nan
    if similarity:
        alike = _SIMILARITY.get(protocol.ssim, _ssim)(*pair)
    capped = closeness if protocol.cap_db is None else min(closeness, protocol.cap_db)
    return FrameScore(capped, alike, is_registered)


def to_8_bit(frame: Frame | Image, protocol: Protocol) -> Frame:
    """Make floats in [0, 1] 8 bit as a protocol does: clipped, then rounded (half to even) or truncated.

    Raises:
        InputError: if the frame is neither uint8 nor float32.
    """
    if frame.dtype == np.uint8:
        return np.asarray(frame, np.uint8)
    if frame.dtype != np.float32:
        raise InputError(f"a restored frame must be uint8, or float32 in [0, 1], found {frame.dtype}")
    levels = np.multiply(np.clip(frame, 0, 1), _PEAK, dtype=np.float32)
    return np.asarray(levels if protocol.rounding == "truncate" else np.rint(levels), np.float32).astype(np.uint8)


def uniform_ssim(restored: Frame | Image, truth: Frame | Image) -> float:
    """Return scikit-image's SSIM at its defaults: a 7x7 window without weights, sample variances, mean over colours."""
    from skimage.metrics import structural_similarity  # imported late because it is slow

    levels = (np.asarray(frame, np.float64) for frame in (truth, restored))
    return float(structural_similarity(*levels, channel_axis=2, data_range=_PEAK))  # type: ignore[no-untyped-call]


def luma(frame: Frame | Image) -> Image:
    """Return BT.601's luma of studio range, 16 to 235, float32 (H, W).

    It is 65.481 R + 128.553 G + 24.966 B + 16 of colours in [0, 1].
    """
    return np.asarray(frame.astype(np.float32) @ _LUMA + _LUMA_BLACK, np.float32)


def volume_ssim(restored: Frame | Image, truth: Frame | Image) -> float:
    """Return SSIM as MATLAB computes it of a colour picture: a volume (H, W, 3), repeated beyond its border.

    The Gaussian of sigma 1.5 runs over 11 values of each of the three axes, so that most of its weight along the
    colours lies on the outer two, repeated; the mean is over all pixels, none cut.
    """
    taps = gaussian_taps()
    reach = np.clip(np.arange(3)[:, None] + np.arange(-RADIUS_PX, RADIUS_PX + 1), 0, 2)
    mixing = np.zeros((3, 3))
    np.add.at(mixing, (np.repeat(np.arange(3), WINDOW_PX), reach.ravel()), np.tile(taps, 3))

    def blurred(volume: Array) -> Array:
        plane = cv2.sepFilter2D(volume, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(plane @ mixing.T, np.float64)

    x, y = restored.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = blurred(x), blurred(y)
    both, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance, variances = blurred(x * y) - both, blurred(x * x + y * y) - squares
    c1, c2 = (K1 * _PEAK) ** 2, (K2 * _PEAK) ** 2
    similarity = (2 * both + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(similarity.mean())


_SIMILARITY = {"volume": volume_ssim, "uniform": uniform_ssim}


def _psnr(restored: Frame | Image, truth: Frame | Image) -> float:
    if restored.dtype == truth.dtype == np.uint8:
        return psnr(np.asarray(restored, np.uint8), np.asarray(truth, np.uint8))
    squared = np.square(np.subtract(restored, truth, dtype=np.float64))
    return _decibel(float(squared.mean()), _PEAK)


def _ssim(restored: Frame | Image, truth: Frame | Image) -> float:
    if restored.dtype == truth.dtype == np.uint8:
        return mean_ssim(np.asarray(restored, np.uint8), np.asarray(truth, np.uint8))
    return mean_ssim(restored.astype(np.float32), truth.astype(np.float32))


def _decibel(mean_squared_error: float, peak: float) -> float:
    return 10.0 * math.log10(peak**2 / mean_squared_error) if mean_squared_error > 0 else math.inf


def _under_homography(restored: Frame, truth: Frame, similarity: bool) -> FrameScore:
    """Score as RealBlur's evaluation does, on values in [0, 1]."""
    x, z = truth.astype(np.float32) / np.float32(_PEAK), restored.astype(np.float32) / np.float32(_PEAK)
    energy = float(np.sum(z * z))
    matched = np.asarray(z * np.float32(float(np.sum(x * z)) / energy) if energy > 0 else z, np.float32)
    found = _homography(matched, x)
    if found is None:
        moved, covered = matched, np.ones_like(matched)
    else:
        size = (truth.shape[1], truth.shape[0])
        cubic, nearest = (kind | cv2.WARP_INVERSE_MAP for kind in (cv2.INTER_CUBIC, cv2.INTER_NEAREST))
        moved = np.asarray(
            cv2.warpPerspective(matched, found, size, flags=cubic, borderMode=cv2.BORDER_REFLECT), np.float32
        )
        covered = np.asarray(cv2.warpPerspective(np.ones_like(matched), found, size, flags=nearest), np.float32)
    moved, x = moved * covered, x * covered
    if not covered.any():
        return FrameScore(math.nan, math.nan, is_registered=False)
    error = float(np.square(moved - x).sum(dtype=np.float64)) / float(covered.sum(dtype=np.float64))
    alike = _covered_ssim(x, moved, covered) if similarity else math.nan
    return FrameScore(_decibel(error, 1.0), alike, is_registered=found is not None)


def _under_shift(restored: Frame, truth: Frame, similarity: bool) -> FrameScore:
    """Score as the benchmark of Köhler et al. does: brightness matched, shifted by whole pixels, on gray, 0 to 255.

    The shift is where the circular correlation of the means over the colours is largest. The shifted frame is 0 where
    nothing is left of it, the truth is made 0 there too, and the mean is over all pixels.
    """
    x, z = truth.astype(np.float64), restored.astype(np.float64)
    energy = float(np.sum(z * z))
    matched = z * (float(np.sum(x * z)) / energy) if energy > 0 else z
    spectra = [np.fft.rfft2(frame.mean(axis=2)) for frame in (x, matched)]
    correlation = np.fft.irfft2(spectra[0] * spectra[1].conj(), s=x.shape[:2])
    place = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
    shift = [int(at) if at < side // 2 else int(at) - side for at, side in zip(place, x.shape[:2], strict=True)]
    there = tuple(slice(max(by, 0), side + min(by, 0)) for by, side in zip(shift, x.shape[:2], strict=True))
    here = tuple(slice(max(-by, 0), side - max(by, 0)) for by, side in zip(shift, x.shape[:2], strict=True))
    moved, covered = np.zeros_like(x), np.zeros_like(x)
    moved[there], covered[there] = matched[here], x[there]
    pair = moved @ _GRAY, covered @ _GRAY
    alike = float(ssim_map(*pair, peak=_PEAK).mean()) if similarity else math.nan
    return FrameScore(_decibel(float(np.square(pair[0] - pair[1]).mean()), _PEAK), alike)


def _covered_ssim(truth: Image, moved: Image, covered: Image) -> float:
    inside = slice(RADIUS_PX, -RADIUS_PX)
    weight = covered[inside, inside].astype(np.float64)
    every = ssim_map(truth, moved, peak=1.0) * weight
    return float((every.sum(axis=(0, 1)) / np.maximum(weight.sum(axis=(0, 1)), 1.0)).mean())


def _homography(restored: Image, truth: Image) -> NDArray[np.float32] | None:
    gray = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32) for picture in (truth, restored)]
    start = np.eye(3, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(  # type: ignore[call-overload]
            gray[0], gray[1], start, cv2.MOTION_HOMOGRAPHY, _ECC, None, _ECC_BLUR_PX
        )
    except cv2.error:  # OpenCV's word for "did not converge"
        return None
    return np.asarray(found, np.float32) if np.isfinite(found).all() else None
