"""Measure what can be known about a restored clip without its truth."""

from pathlib import Path

import numpy as np

from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.metrics.sharpness import gray_sharpness, shift_px

SHARPER_THAN_REST = 1.15
"""A clip has nothing to borrow if its sharpest frame has less than this times the median sharpness."""
SMALLEST_SCORED_PX = 27


def advice(source: Path, labels: SharpLabels) -> list[str]:
    """Return advice on a clip in which no frame is sharper than the rest; otherwise nothing."""
    median = float(np.median(labels.sharpness))
    best = float(labels.sharpness.max())
    if median <= 0 or best >= SHARPER_THAN_REST * median:
        return []
    return [
        f"no frame of {source} is sharper than the rest (the sharpest has {best / median:.2f} times the median "
        f"sharpness): there is little to borrow, so expect little; a longer piece of the clip, with a moment where the "
        f"camera held still, gives more"
    ]


def measure(blurry: Frames, restored: Frames, labels: SharpLabels) -> dict[str, float | int | None]:
    """Measure what needs no truth, over the frames that were not selected as sharp."""
    rest = ~labels.is_selected
    found: dict[str, float | int | None] = {"frames": len(blurry), "selected": int(labels.is_selected.sum())}
    return found | measure_change(blurry[rest], restored[rest])


def measure_change(blurry: Frames, restored: Frames) -> dict[str, float | int | None]:
    """Measure how much sharper the frames became and how far they moved.

    The values are None where there are no frames, or frames under 27 px a side.
    """
    if not len(blurry) or min(blurry.shape[1:3]) < SMALLEST_SCORED_PX:
        return {"sharpness_ratio": None, "shift_px_median": None}
    before = float(np.mean([gray_sharpness(frame) for frame in blurry]))
    after = float(np.mean([gray_sharpness(frame) for frame in restored]))
    shifts = np.array([shift_px(*pair) for pair in zip(restored, blurry, strict=True)])
    known = shifts[np.isfinite(shifts)]
    ratio = round(after / before, 3) if before > 0 else None
    shift = round(float(np.median(known)), 3) if len(known) else None
    return {"sharpness_ratio": ratio, "shift_px_median": shift}
