"""Re-blur consistency: a sharp picture, blurred along the motion of its exposure, must give the blurry frame back.

Notation: ``u`` (H, W, 2) is the motion of frame i in px per frame interval; the exposure covers the share ``tau`` of the
interval, so a point travels ``tau * u`` while the shutter is open. ``K`` is the mean of warps along that path.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, warp
from hvdbench.frames import Image
from hvdbench.methods.alignment import Aligner

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Exposure shares that the fit chooses from."""


def exposure_motion(aligner: Aligner, index: int, sigma_px: float = 2.0) -> Flow:
    """Estimate the motion of a frame, (H, W, 2) px per frame interval, from the flow to its two neighbours.

    ``u = (flow(i, i+1) - flow(i, i-1)) / 2``, smoothed; the first and last frame have one neighbour.
    """
    last = len(aligner.frames) - 1
    ahead = aligner.flow(index, index + 1) if index < last else None
    behind = aligner.flow(index, index - 1) if index > 0 else None
    if ahead is not None and behind is not None:
        motion = (ahead - behind) / 2
    else:
        motion = ahead if ahead is not None else -behind  # type: ignore[operator]
    return np.asarray(cv2.GaussianBlur(motion, (0, 0), sigma_px), np.float32)


def motion_pairs(count: int) -> list[tuple[int, int]]:
    """Name the flow pairs that :func:`exposure_motion` reads over a clip of ``count`` frames."""
    return [(i, i + 1) for i in range(count - 1)]


def reblur(image: Image, motion: Flow, tau: float, samples: int = 11) -> Image:
    """Blur along the motion: ``K image``, the mean of ``samples`` bicubic warps over the exposure.

    Args:
        image: float32 (H, W) or (H, W, C).
        motion: (H, W, 2) px per frame interval.
        tau: exposure share; 0 gives the image back.
        samples: odd, so that mid-exposure is one of them.
    """
    total = np.zeros_like(image, dtype=np.float32)
    for share in np.linspace(-0.5, 0.5, samples):
        total += warp(image, np.asarray(share * tau * motion, np.float32))
    return total / np.float32(samples)


def fit_exposure_share(
    sharp: Sequence[Image], blurry: Sequence[Image], masks: Sequence[Image], motions: Sequence[Flow]
) -> tuple[float, dict[float, float]]:
    """Find the exposure share, one number a clip, at which warped sharp frames re-blur best to the input.

    Args:
        sharp: gray pictures warped onto the blurry frames, float32 (H, W).
        blurry: the frames themselves, gray.
        masks: where the warp can be trusted.
        motions: (H, W, 2) each.

    Returns:
        The share of :data:`SHARES` with the smallest masked mean squared error, and the error at each.
    """
    errors = {
        tau: float(
            np.mean([_masked_mse(reblur(s, u, tau), b, m) for s, b, m, u in zip(sharp, blurry, masks, motions, strict=True)])
        )
        for tau in SHARES
    }
    return min(errors, key=lambda tau: (errors[tau], tau)), errors


def _masked_mse(a: Image, b: Image, mask: Image) -> float:
    return float((mask * (a - b) ** 2).sum() / (mask.sum() + 1e-6))


def flow_explains_blur(sharp: Image, blurry: Image, mask: Image, motion: Flow) -> bool:
    """Tell whether the blur of a frame follows its flow better than any straight line does.

    Tremor bends inside an exposure, and then neither the flow nor its kernel is right; correcting with it does harm
    (1.6-6 dB on simulated tremor). The flow's kernel must beat the best of 96 straight global kernels.

    Args:
        sharp: gray picture warped onto the frame, float32 (H, W).
        blurry: the frame, gray.
        mask: where the warp can be trusted.
        motion: (H, W, 2).
    """
    along_flow = min(_masked_mse(reblur(sharp, motion, tau), blurry, mask) for tau in SHARES)
    along_line = min(
        _masked_mse(np.asarray(cv2.filter2D(sharp, cv2.CV_32F, kernel), np.float32), blurry, mask)
        for kernel in _line_kernels()
    )
    return along_flow < along_line


def _line_kernels() -> list[NDArray[np.float32]]:
    lengths = np.linspace(2.0, 15.0, 8)
    angles = np.arange(12) * math.pi / 12
    return [line_kernel(float(length), float(angle)) for length in lengths for angle in angles]


def line_kernel(length_px: float, angle_rad: float) -> NDArray[np.float32]:
    """Draw the kernel of a straight, even motion: sums to 1, odd size, bilinear splat of a finely sampled line."""
    radius = math.ceil(length_px / 2) + 1
    size = 2 * radius + 1
    along = np.linspace(-0.5, 0.5, 8 * size) * length_px
    x, y = radius + along * math.cos(angle_rad), radius + along * math.sin(angle_rad)
    kernel = np.zeros((size, size))
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (1 - np.abs(x - x0 - dx)) * (1 - np.abs(y - y0 - dy))
            np.add.at(kernel, (y0 + dy, x0 + dx), weight)
    return np.asarray(kernel / kernel.sum(), np.float32)


def blend_by_reblur(
    candidates: Sequence[Image],
    masks: Sequence[Image],
    blurry: Image,
    motion: Flow,
    tau: float,
    *,
    tolerance: float = 8.0,
    keep_blurry: tuple[float, float] = (2.0, 32.0),
    window: int = 7,
) -> Image:
    """Choose, softly and locally, the candidate that re-blurs best to the input.

    With ``e`` the ``window``² mean of ``(K candidate - blurry)²``, the weights are
    ``mask * exp(-(e - min e) / (2 tolerance²))``. The blurry frame is the last candidate, its error raised to
    ``e * keep_blurry[0] + keep_blurry[1]``, so that it wins only where nothing sharp fits.

    Args:
        candidates: sharp frames warped onto this one, float32 (H, W, 3) in [0, 255].
        masks: where each can be trusted, (H, W).
        blurry: the frame, float32 (H, W, 3).
        motion: (H, W, 2).
        tau: exposure share.
        tolerance: in 8-bit levels.
        keep_blurry: factor and offset on the blurry candidate's error.
        window: side of the local mean, px.
    """
    everyone = [*candidates, blurry]
    errors = np.stack([_local_error(reblur(c, motion, tau), blurry, window) for c in everyone])  # (n, H, W)
    errors[-1] = errors[-1] * keep_blurry[0] + keep_blurry[1]
    trust = np.stack([*masks, np.ones_like(blurry[..., 0])])
    # a candidate that cannot be trusted must not set the smallest error
    smallest = np.where(trust > 0.05, errors, np.inf).min(axis=0)
    weights = trust * np.exp(-np.maximum(errors - smallest, 0.0) / (2 * tolerance**2))
    weights /= weights.sum(axis=0)
    return np.asarray((weights[..., None] * np.stack(everyone)).sum(axis=0), np.float32)


def _local_error(a: Image, b: Image, window: int) -> Image:
    squared = ((a - b) ** 2).mean(axis=-1)
    return np.asarray(cv2.boxFilter(squared, cv2.CV_32F, (window, window)), np.float32)


def correct(
    restored: Image, blurry: Image, motion: Flow, tau: float, *, steps: int = 4, pull: float = 0.1
) -> Image:
    """Move a picture towards one that re-blurs to the input: ``R += K'(B - K R) - pull (R - R0)``, ``steps`` times.

    ``K'`` is taken as ``K``: exact where the motion is locally even, since the path is symmetric about mid-exposure.

    Args:
        restored: the start R0, float32 (H, W, 3) in [0, 255].
        blurry: B.
        motion: (H, W, 2).
        tau: exposure share.
        steps: more sharpen more, and ring more.
        pull: back towards the start.
    """
    current = restored.copy()
    for _ in range(steps):
        missing = blurry - reblur(current, motion, tau)
        current += reblur(missing, motion, tau) - pull * (current - restored)
    return np.clip(current, 0.0, 255.0)
