"""Define the settings of the video codec in a dataset recipe, the table ``[codec]``."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from hvdbench.recipe import Settings

CodecName = Literal["h264", "hevc"]
Quality = Annotated[int, Field(ge=0, le=51)]


class CodecSettings(Settings):
    """The settings of the video codec that blurry frames go through."""

    codec: CodecName = "h264"
    """Codec: ``h264`` or ``hevc``."""
    crf: tuple[Quality, Quality] = (18, 28)
    """Range of the constant quality, both ends included, drawn evenly for each clip; smaller is better."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "medium"
    """Effort of the encoder."""
    keyframe_s: float = Field(default=1.0, gt=0, le=3600)
    """Longest time between key frames."""

    @model_validator(mode="after")
    def _ordered(self) -> "CodecSettings":
        if self.crf[0] > self.crf[1]:
            raise ValueError(f"crf must rise, found {self.crf[0]} before {self.crf[1]}")
        return self

    def draw_crf(self, generator: np.random.Generator) -> int:
        """Draw the quality of one clip."""
        return int(generator.integers(self.crf[0], self.crf[1] + 1))
