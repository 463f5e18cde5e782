"""Draw the paths of the image centre inside exposures: their scale and their outline as SVG."""

from dataclasses import dataclass

import numpy as np

from hvdbench.pages.charts import ticks
from hvdbench.pages.view import Floats


@dataclass(frozen=True)
class ExposureScale:
    """How exposure paths of one clip are drawn: one scale for all frames, so that they compare."""

    half_range_px: float
    bar_px: float

    @property
    def bar_units(self) -> float:
        return 50 * self.bar_px / self.half_range_px

    def path(self, points_px: Floats) -> str:
        """Return (M, 2) displacements as the path of an SVG of 100 x 100 units, its centre at the origin."""
        units = 50 + 50 * np.asarray(points_px, np.float64) / self.half_range_px
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in np.clip(units, -200, 300))


def exposure_scale(residual_px: Floats, hand_px: Floats | None) -> ExposureScale:
    """Choose a scale that shows every residual path whole, and the hand's up to twice as far.

    Args:
        residual_px: (T, M, 2).
        hand_px: (T, M, 2) or None.
    """
    residual = float(np.nanmax(np.abs(residual_px), initial=0.0))
    hand = 0.0 if hand_px is None else float(np.nanmax(np.abs(hand_px), initial=0.0))
    half = 1.12 * max(residual, min(hand, 2 * residual), 1.5)
    bar = max(tick for tick in ticks(0, 0.8 * half, 3) if tick > 0)
    return ExposureScale(half, bar)
