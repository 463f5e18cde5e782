"""Report what was measured once on three real clips of the HVD data set (left halves of SelfHVD's comparisons).

Extents were estimated like here, against SelfHVD's output (right halves), with a floor of about 4 px. The clips are
night streets, 85 frames in all; they play at 10 fps and were taken at 24 to 30. ``docs/realism.md`` says more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hvdbench.realism.clip import COMMON_WIDTH_PX
from hvdbench.realism.series import run_lengths, stay_share


@dataclass(frozen=True)
class ReportedClip:
    """One clip; lengths in px of its own width.

    Attributes:
        name, width_px, frames: of the clip.
        motion_px: 10, 50, 90 % of the motion per frame.
        extent_px: 10, 50, 90 % of the blur's extent.
        slope, correlation: of extent on motion; the slope goes with a line through the origin.
        sharp_share: of frames.
        runs: a letter a frame, ``S`` sharp.
        shift_x_acf1: autocorrelation of the horizontal motion at one frame.
        zoom_percent: a frame.
        roll_sd_deg: a frame.
        sharpness_range: largest over least variance of the Laplacian (after a Gaussian of 1 px).
        above_6hz_y: share of the vertical motion's power, at 30 fps; None where it was not written down.
    """

    name: str
    width_px: int
    frames: int
    motion_px: tuple[float, float, float]
    extent_px: tuple[float, float, float]
    slope: float
    correlation: float
    sharp_share: float
    runs: str
    shift_x_acf1: float
    zoom_percent: float
    roll_sd_deg: float
    sharpness_range: float
    above_6hz_y: float | None = None

    def values(self) -> dict[str, float]:
        """Return the numbers under the keys of :mod:`hvdbench.realism.statistic`, lengths at a width of 1920."""
        scale = COMMON_WIDTH_PX / self.width_px
        sharp = np.array([letter == "S" for letter in self.runs])
        found = {f"motion_p{p}": scale * value for p, value in zip((10, 50, 90), self.motion_px, strict=True)}
        found |= {f"extent_p{p}": scale * value for p, value in zip((10, 50, 90), self.extent_px, strict=True)}
        found |= {
            "frames": float(self.frames),
            "extent_slope_origin": self.slope,
            "extent_correlation": self.correlation,
            "sharp_share": 100.0 * self.sharp_share,
            "sharp_run": float(run_lengths(sharp).mean()),
            "sharp_run_longest": float(run_lengths(sharp).max()),
            "blurry_run": float(run_lengths(~sharp).mean()),
            "blurry_run_longest": float(run_lengths(~sharp).max()),
            "stay_sharp": stay_share([sharp]),
            "stay_blurry": stay_share([~sharp]),
            "shift_x_acf1": self.shift_x_acf1,
            "zoom_median": self.zoom_percent,
            "roll_sd": self.roll_sd_deg,
            "sharpness_range": self.sharpness_range,
        }
        return found | ({} if self.above_6hz_y is None else {"above_6hz_y": 100.0 * self.above_6hz_y})


REPORTED: Mapping[str, ReportedClip] = {
    clip.name: clip
    for clip in (
        ReportedClip(
            name="HVD 002",
            width_px=1792,
            frames=30,
            motion_px=(4.9, 19.0, 43.0),
            extent_px=(4.6, 14.6, 27.9),
            slope=0.63,
            correlation=0.92,
            sharp_share=0.23,
            runs="....SSS.....S.S...S.......S...",
            shift_x_acf1=0.79,
            zoom_percent=1.22,
            roll_sd_deg=0.22,
            sharpness_range=5.5,
            above_6hz_y=0.48,
        ),
        ReportedClip(
            name="HVD 004",
            width_px=1920,
            frames=27,
            motion_px=(14.0, 25.0, 49.0),
            extent_px=(10.0, 18.0, 30.0),
            slope=0.64,
            correlation=0.92,
            sharp_share=0.04,
            runs=".........S.................",
            shift_x_acf1=0.57,
            zoom_percent=0.81,
            roll_sd_deg=0.20,
            sharpness_range=3.0,
        ),
        ReportedClip(
            name="HVD 008",
            width_px=2048,
            frames=28,
            motion_px=(6.2, 13.0, 33.0),
            extent_px=(5.0, 12.7, 27.6),
            slope=0.82,
            correlation=0.94,
            sharp_share=0.18,
            runs=".S....S....SSS..............",
            shift_x_acf1=0.87,
            zoom_percent=0.21,
            roll_sd_deg=0.18,
            sharpness_range=2.6,
        ),
    )
}
"""By name; the sharpness ranges are of rounded bounds (2-11, 2-6, 9-23)."""
