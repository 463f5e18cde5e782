"""Define the switches of CDVD-TSP; recipes state where each value comes from."""

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from hvdbench.methods.rivals.settings import RivalSettings
from hvdbench.methods.training.network_training import NetworkTrainingSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_WEIGHT
from hvdbench.store import Truth


class HardExampleSettings(Settings):
    """Settings of the second term of the loss, which looks at some pixels alone."""

    weight: float = Field(2.0, ge=0, le=MOST_WEIGHT)
    """Weight of the term beside the mean absolute difference; 0 leaves it out."""
    top_share: float = Field(0.5, ge=0, le=1)
    """Share of a window's pixels that count because their error is largest, summed over outputs and colours."""
    random_share: float = Field(0.1, ge=0, le=1)
    """Share of a window's pixels that are drawn at random and count too, whether they are among the others or not."""


class CdvdTspSettings(NetworkTrainingSettings, RivalSettings):
    """Settings of the training of CDVD-TSP.

    ``window.clip_frames`` is the number of frames that one restored frame depends on: 5 with two stages, 3 with one.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    as_: Literal["meant", "published"] = Field("meant", alias="as")
    """Which of the two is followed where they disagree: ``meant``, the paper, or ``published``, the code with its
    faults, which docs/related.md lists. Weights record the prior that they were trained with, and keep to it."""
    truth: Truth = "mid"
    """Instant that the truth shows: mid-exposure, or the centroid of the exposure."""
    stages: Literal[1, 2] = 2
    """How often each frame is restored, with the same weights."""
    prior: bool = True
    """Whether the network is given the temporal sharpness prior."""
    flow: Literal["pwc_net", "dis"] = "pwc_net"
    """Flow between the frames of each stage: the PWC-Net inside the network, or OpenCV's DIS, of which nothing is
    trained."""
    joint_training: bool = True
    """Whether the PWC-Net is trained with the restoration; if not, it stays as it starts."""
    relative_floor: float | None = Field(None, gt=0, le=1)
    """Where it is set, the loss of each output is divided by the mean absolute error of its blurry frame plus this, so
    that a frame that is nearly sharp counts as much as a blurry one; ours. None leaves the published loss."""
    hard_examples: HardExampleSettings = HardExampleSettings()
    """The hard-example mining."""

    @model_validator(mode="after")
    def _fits(self) -> "CdvdTspSettings":
        frames = 2 * self.stages + 1
        if self.window.clip_frames != frames:
            raise ValueError(
                f"window.clip_frames is {self.window.clip_frames}, but a frame that is restored in {self.stages} "
                f"stage{'s' if self.stages > 1 else ''} depends on {frames} frames: set it to {frames}"
            )
        return self
