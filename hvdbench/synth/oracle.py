"""Define which frames count as sharp, by how far their points truly move and never by how they look."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hvdbench.recipe import Settings

SHARP, MILD, BLURRY = 0, 1, 2
Share = Annotated[float, Field(gt=0, lt=1)]


class OracleSettings(Settings):
    """The limits by which the oracle classifies frames; displacements are stored, so others can be applied later.

    Points of HVD's frames that look sharp move by 0.003 of the frame's width or less. Those figures are medians over a
    frame, so the median is the statistic to compare with them.
    """

    sharp_share: Share = 0.003
    """Largest displacement of a sharp frame, as a share of its width."""
    blurry_share: Share = 0.006
    """Displacement above which a frame is blurry, as a share of its width; frames between the two limits are mild."""
    statistic: Literal["median", "max"] = "median"
    """Statistic over the points of the frame: ``median``, or ``max``, which is stricter."""

    @model_validator(mode="after")
    def _ordered(self) -> "OracleSettings":
        if self.sharp_share > self.blurry_share:
            raise ValueError(
                f"sharp_share must not exceed blurry_share, found {self.sharp_share:g} above {self.blurry_share:g}"
            )
        return self

    def classify(self, extent_px: NDArray[np.float64], width: int) -> int:
        """Classify a frame by how far its points move, (P,) px: 0 sharp, 1 mild, 2 blurry."""
        moved = float(np.median(extent_px) if self.statistic == "median" else np.max(extent_px))
        if moved <= self.sharp_share * width:
            return SHARP
        return BLURRY if moved > self.blurry_share * width else MILD
