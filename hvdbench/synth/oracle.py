"""What counts as a sharp frame, from how far points of it truly move: never from what it looks like."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hvdbench.recipe import Settings

SHARP, MILD, BLURRY = 0, 1, 2
Share = Annotated[float, Field(gt=0, lt=1)]


class OracleSettings(Settings):
    """Where the oracle draws its lines; the displacements themselves are stored, so that others may be drawn later.

    Points of HVD's frames that look sharp move by 0.003 of the frame's width or less; those figures are medians over
    a frame, so the median is the like-for-like statistic.
    """

    sharp_share: Share = 0.003
    """A frame is sharp up to this displacement, as a share of its width."""
    blurry_share: Share = 0.006
    """A frame is blurry above this displacement, as a share of its width; mild between."""
    statistic: Literal["median", "max"] = "median"
    """Over the points of the frame: ``median``, or ``max``, which is the strict reading."""

    @model_validator(mode="after")
    def _ordered(self) -> "OracleSettings":
        if self.sharp_share > self.blurry_share:
            raise ValueError(
                f"sharp_share must not exceed blurry_share, found {self.sharp_share:g} above {self.blurry_share:g}"
            )
        return self

    def classify(self, extent_px: NDArray[np.float64], width: int) -> int:
        """Classify a frame by how far its points move (P,) px: 0 sharp, 1 mild, 2 blurry."""
        moved = float(np.median(extent_px) if self.statistic == "median" else np.max(extent_px))
        if moved <= self.sharp_share * width:
            return SHARP
        return BLURRY if moved > self.blurry_share * width else MILD
