"""Compare a restored frame with a sharp frame that its method never saw, after a small registration.

The score is the PSNR inside a mask.

:mod:`hvdbench.workflows.heldout` makes the reference and the mask; ``docs/held-out.md`` explains the number.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import warp
from hvdbench.frames import Frame, Image, to_gray

_ECC_STEPS, _ECC_TOLERANCE, _ECC_BLUR_PX = 50, 1e-6, 5


def register(restored: Frame, reference: Image, mask: NDArray[np.bool_], reach_px: float) -> tuple[Image, float]:
    """Move a restored frame onto the reference by one small translation.

    The translation maximises the enhanced correlation coefficient of the grays inside the mask (Evangelidis & Psarakis,
    TPAMI 2008). It is removed whole up to ``reach_px``, not at all from twice that on, and between the two in a
    part that falls evenly. Instants of one exposure lie within the reach, an output that has moved does not.

    Args:
        restored: uint8 RGB (H, W, 3).
        reference: float32 (H, W, 3) in [0, 255].
        mask: (H, W), True where a pixel counts.
        reach_px: the largest shift that is removed whole; 0 leaves the frame where it is.

    Returns:
        The moved frame, float32 (H, W, 3), with cubic interpolation, and the length in px of the translation that was
        found. Where none was found the length is NaN and the frame stays.
    """
    still = np.asarray(restored, np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_TOLERANCE)
    target = to_gray(np.asarray(np.rint(np.clip(reference, 0, 255)), np.uint8))
    start, inside = np.eye(2, 3, dtype=np.float32), mask.astype(np.uint8)
    try:
        _, found = cv2.findTransformECC(
            target, to_gray(restored), start, cv2.MOTION_TRANSLATION, criteria, inside, _ECC_BLUR_PX
        )
    except cv2.error:  # OpenCV raises it where the search did not converge
        return still, math.nan
    move = np.asarray(found[:, 2], np.float32)
    length = float(np.hypot(move[0], move[1]))
    if not math.isfinite(length):
        return still, math.nan
    share = taken_out(length, reach_px)
    if share == 0:
        return still, length
    flow = np.broadcast_to(np.float32(share) * move, (*restored.shape[:2], 2))
    return warp(still, np.ascontiguousarray(flow)), length


def taken_out(length_px: float, reach_px: float) -> float:
    """Return the share of a translation that registration removes: 1 up to the reach, 0 from twice the reach on."""
    if length_px <= reach_px:
        return 1.0 if length_px > 0 else 0.0
    return max(0.0, 2 * reach_px / length_px - 1.0)
