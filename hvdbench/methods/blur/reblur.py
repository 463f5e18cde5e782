"""Re-blur consistency: a sharp picture, blurred along the motion of its exposure, must reproduce the blurry frame.

Notation: ``u`` (H, W, 2) is the motion of frame i in px per frame interval; the exposure covers the share ``tau`` of
the interval, so a point travels ``tau * u`` while the shutter is open. ``K`` is the mean along that path.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.averaging import average_along_line

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The exposure shares that the fit chooses from."""
KEEP_BLURRY = (8.0, 128.0)
"""Factor and offset on the error of the blurry frame, so that it wins only where nothing sharp fits."""
AS_EQUAL = (1.0, 0.0)
"""Factor and offset with which a frame competes as an equal with those that are warped onto it."""
_BAND_ROWS = 256


def exposure_motion(aligner: Aligner, index: int, sigma_px: float = 2.0) -> Flow:
    """Estimate the motion of a frame, (H, W, 2) px per frame interval, from the flow to its two neighbours.

    The motion is ``u = (flow(i, i+1) - flow(i, i-1)) / 2``, smoothed. The first and the last frame use their one
    neighbour, and the only frame of a clip has no motion. An aligner with a guide enlarges what its guide finds.
    """
    if aligner.guide is not None:
        return aligner.enlarged(exposure_motion(aligner.guide, index, sigma_px))
    last = len(aligner.frames) - 1
    seen = [aligner.flow(index, index + 1)] if index < last else []
    seen += [-aligner.flow(index, index - 1)] if index > 0 else []
    if not seen:
        return np.zeros((*aligner.frames.shape[1:3], 2), np.float32)
    motion = seen[0] if len(seen) == 1 else 0.5 * (seen[0] + seen[1])
    return np.asarray(cv2.GaussianBlur(motion, (0, 0), sigma_px), np.float32)


def reblur(image: Image, motion: Flow, tau: float) -> Image:
    """Blur a picture along the motion: ``K image``, its mean over the places that the exposure passes.

    Args:
        image: picture to blur, float32 (H, W) or (H, W, 3).
        motion: (H, W, 2) px per frame interval.
        tau: exposure share of the frame interval; 0 returns the picture unchanged.
    """
    return average_along_line(image, np.float32(tau) * motion)


def blend_by_reblur(
    candidates: Sequence[Image],
    masks: Sequence[Image],
    blurry: Image,
    motion: Flow,
    tau: float,
    *,
    tolerance: float = 8.0,
    keep_blurry: tuple[float, float] = KEEP_BLURRY,
    window: int = 7,
) -> Image:
    """Blend candidates by how well each re-blurs to the input, softly and locally.

    Args:
        candidates: sharp frames warped onto this one, float32 (H, W, 3) in [0, 255].
        masks: where each candidate can be trusted, (H, W).
        blurry: the blurry frame, float32 (H, W, 3).
        motion: (H, W, 2) px per frame interval.
        tau: exposure share of the frame interval.
        tolerance, keep_blurry: as for :func:`blend_by_errors`.
        window: as for :func:`reblur_errors`.
    """
    everyone = [*candidates, blurry]
    errors = reblur_errors(everyone, blurry, motion, tau, window=window)
    return blend_by_errors(everyone, errors, masks, tolerance=tolerance, keep_blurry=keep_blurry)


def reblur_errors(
    pictures: Sequence[Image], blurry: Image, motion: Flow, tau: float, *, window: int = 7
) -> NDArray[np.float32]:
    """Return ``e``, the ``window``² mean of ``(K picture - blurry)²``, for each of n pictures: (n, H, W)."""
    return np.stack([_local_error(reblur(picture, motion, tau), blurry, window) for picture in pictures])


def blend_by_errors(
    pictures: Sequence[Image],
    errors: NDArray[np.float32],
    masks: Sequence[Image],
    *,
    tolerance: float = 8.0,
    keep_blurry: tuple[float, float] = KEEP_BLURRY,
) -> Image:
    """Blend pictures by their re-blur errors: the weights are ``mask * exp(-(e - min e) / (2 tolerance²))``.

    Args:
        pictures: n pictures, float32 (H, W, 3) in [0, 255]; the last is the blurry frame, whose error is raised to
            ``e * keep_blurry[0] + keep_blurry[1]``, so that it wins only where nothing sharp fits.
        errors: re-blur errors of the pictures, (n, H, W).
        masks: where each picture but the last can be trusted, (H, W).
        tolerance: re-blur error that still counts as a fit, in 8-bit levels.
        keep_blurry: factor and offset applied to the error of the blurry frame.
    """
    blended = np.zeros_like(pictures[-1])
    for top in range(0, len(blended), _BAND_ROWS):  # whole frames would take a gigabyte at 3840x2160
        rows = slice(top, top + _BAND_ROWS)
        error = np.concatenate([errors[:-1, rows], errors[-1:, rows] * keep_blurry[0] + keep_blurry[1]])
        trust = np.stack([*(mask[rows] for mask in masks), np.ones_like(error[-1])])
        # a candidate that cannot be trusted must not set the smallest error
        smallest = np.where(trust > 0.05, error, np.inf).min(axis=0)
        weights = trust * np.exp(-np.maximum(error - smallest, 0.0) / (2 * tolerance**2))
        weights /= weights.sum(axis=0)
        for weight, picture in zip(weights, pictures, strict=True):
            blended[rows] += weight[..., None] * picture[rows]
    return blended


def _local_error(a: Image, b: Image, window: int) -> Image:
    squared = (a - b) ** 2
    squared = (squared[..., 0] + squared[..., 1] + squared[..., 2]) / np.float32(3)
    return np.asarray(cv2.boxFilter(squared, cv2.CV_32F, (window, window)), np.float32)


def correct(
    restored: Image,
    blurry: Image,
    motion: Flow,
    tau: float,
    *,
    steps: int = 4,
    pull: float = 0.1,
    lacking: Image | None = None,
) -> Image:
    """Move a picture towards one that re-blurs to the input: ``R += K'(B - K R) - pull (R - R0)``, ``steps`` times.

    ``K'`` is taken as ``K``: exact where the motion is locally even, since the path is symmetric about mid-exposure.

    Args:
        restored: start R0, float32 (H, W, 3) in [0, 255].
        blurry: the blurry frame B, float32 (H, W, 3).
        motion: (H, W, 2) px per frame interval.
        tau: exposure share of the frame interval.
        steps: number of steps; more steps sharpen more and ring more.
        pull: strength of the pull back towards the start.
        lacking: ``B - K R0``, where it is known already.
    """
    current = restored.copy()
    for step in range(steps):
        missing = blurry - reblur(current, motion, tau) if step or lacking is None else lacking
        current += reblur(missing, motion, tau) - pull * (current - restored)
    return np.clip(current, 0.0, 255.0)
