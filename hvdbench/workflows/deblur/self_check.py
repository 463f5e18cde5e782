"""Measure what can be known about a restored clip without its truth, frame after frame."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import flow_dis
from hvdbench.frames import Frame, to_gray
from hvdbench.labels.clues import SHARE_OF_MEDIAN
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.metrics.sharpness import gray_sharpness, shift_px
from hvdbench.metrics.temporal import brightness_step, visible, warping_error

SHARPER_THAN_REST = 1.15
"""A clip has nothing to borrow if its sharpest frame has less than this times the median variance of the Laplacian."""
SMALLEST_SCORED_PX = 27
STEADINESS_PX = 640
"""Steadiness is measured on frames whose longer side is reduced to this, which costs a fraction of the restoration."""

Measured = dict[str, float | int | None]


def advice(source: Path, labels: SharpLabels) -> list[str]:
    """Return advice on a clip in which no frame is sharper than the rest; otherwise nothing."""
    median = float(np.median(labels.sharpness))
    best = float(labels.sharpness.max())
    needed = SHARPER_THAN_REST if labels.is_clue is None else 1.0 / SHARE_OF_MEDIAN  # of blur extents
    if median <= 0 or best >= needed * median:
        return []
    return [
        f"no frame of {source} is sharper than the rest (the sharpest has {best / median:.2f} times the median "
        f"sharpness): there is little to borrow, so expect little; a longer piece of the clip, with a moment where the "
        f"camera held still, gives more"
    ]


class Change:
    """Measure how much sharper frames became and how far they moved; frames under 27 px a side are not measured."""

    def __init__(self) -> None:
        self._before: list[float] = []
        self._after: list[float] = []
        self._shifts_px: list[float] = []

    def add(self, blurry: Frame, restored: Frame) -> None:
        """Take the next frame before and after, uint8 RGB (H, W, 3)."""
        if min(blurry.shape[:2]) < SMALLEST_SCORED_PX:
            return
        self._before.append(gray_sharpness(blurry))
        self._after.append(gray_sharpness(restored))
        self._shifts_px.append(shift_px(restored, blurry))

    @property
    def measured(self) -> Measured:
        """The ratio of the mean sharpness to the input's, and the median shift in px; None where nothing was found."""
        before = float(np.mean(self._before)) if self._before else 0.0
        known = [shift for shift in self._shifts_px if np.isfinite(shift)]
        ratio = round(float(np.mean(self._after)) / before, 3) if before > 0 else None
        return {"sharpness_ratio": ratio, "shift_px_median": round(float(np.median(known)), 3) if known else None}


class Steadiness:
    """Measure how steady a clip is before and after, from each frame to the next, along the motion of the input."""

    def __init__(self) -> None:
        self._last: tuple[Frame, Frame] | None = None
        self._rows: list[tuple[float, float, float, float]] = []

    def add(self, blurry: Frame, restored: Frame) -> None:
        """Take the next frame before and after, as :func:`reduced` returns them."""
        last, self._last = self._last, (blurry, restored)
        if last is None:
            return
        gray_a, gray_b = to_gray(last[0]), to_gray(blurry)
        flow_ab = flow_dis(gray_a, gray_b)
        seen = visible(flow_ab, flow_dis(gray_b, gray_a))
        pairs = ((last[0], blurry), (last[1], restored))
        errors = [warping_error(a, b, flow_ab, seen) for a, b in pairs]
        steps = [brightness_step(a, b, flow_ab) for a, b in pairs]
        self._rows.append((errors[0], errors[1], steps[0], steps[1]))

    @property
    def measured(self) -> Measured:
        """The means over the pairs of frames: warping error (squared, of values in [0, 1]) and flicker (gray levels).

        The values are None for a clip of one frame, and where no pixel is seen in two frames.
        """
        names = ("warping_error_before", "warping_error_after", "flicker_before", "flicker_after")
        rows = np.array(self._rows, np.float64).reshape(-1, len(names))
        known = rows[np.isfinite(rows).all(axis=1)]
        means = known.mean(axis=0) if len(known) else [None] * len(names)
        digits = (6, 6, 3, 3)
        return {
            name: None if mean is None else round(float(mean), places)
            for name, mean, places in zip(names, means, digits, strict=True)
        }


def steadiness_lines(measured: Measured) -> list[str]:
    """Describe in a sentence how steady a clip is before and after; nothing where it is not known."""
    if measured.get("warping_error_before") is None:
        return []
    return [
        f"from frame to frame: warping error {measured['warping_error_before']} in the input and "
        f"{measured['warping_error_after']} restored, brightness flicker {measured['flicker_before']} and "
        f"{measured['flicker_after']} gray levels (lower is steadier; blur alone lowers both)"
    ]


def reduced(picture: Frame, longest_px: int = STEADINESS_PX) -> Frame:
    """Reduce a picture, uint8 RGB, by area averaging until no side is longer than ``longest_px``."""
    height, width = picture.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: NDArray[Any] = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
