"""Define the settings of BluRef."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from hvdbench.flow import Preset
from hvdbench.methods.rivals.settings import RivalSettings, Way
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import (
    MOST_BATCH,
    MOST_FRAMES,
    MOST_PX,
    MOST_RATE,
    MOST_ROUNDS,
    MOST_STEPS,
    MOST_WEIGHT,
    Betas,
)
from hvdbench.recipe.trust import Part


class BlurefFaults(Settings):
    """The faults of the published code, each ``meant`` (put right) or ``published``; see docs/rivals.md."""

    stretch: Way = "meant"
    """``published`` stretches each target so that its brightest value is 255, but not the input."""
    inputs: Way = "meant"
    """``published`` trains on the network's own outputs from the second round on, though it restores blurry frames."""
    trust: Way = "meant"
    """``published`` counts every match above the least confidence as sure."""


class BlurefSettings(RivalSettings):
    """Settings of the matching, of the pseudo-sharp targets, and of the training on them."""

    as_: BlurefFaults = Field(BlurefFaults(), alias="as")
    """Which of the published code's faults are kept."""
    network: Annotated[str, Part("network")] = "nafnet@small"
    """Network that is trained, for single pictures or, with ``window_frames``, for clips."""
    network_arguments: dict[str, object] = {}
    """Constructor arguments of the network."""
    start_from: str = ""
    """Weights that the fit starts from: a file, or the name of registered weights or of those inside the package; empty
    for the identity."""
    window_frames: int = Field(1, ge=1, le=MOST_FRAMES)
    """Number of frames, odd, of which the network restores the middle one in training; above 1 for a network for clips,
    which then restores whole clips."""
    labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects the reference frames."""
    matcher: Literal["dis", "sea_raft"] = "dis"
    """What stands for the dense matcher: OpenCV's DIS with forward-backward confidence, or SEA-RAFT, whose weights must
    be available, with its own confidence."""
    matcher_weights: str = ""
    """SEA-RAFT's weight file, or a registered name; if empty, the registered file in the weights' folder."""
    flow: Preset = "medium"
    """OpenCV DIS preset of the matcher ``dis``."""
    mask_scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """With ``dis``: the loss of confidence for each px of forward-backward error."""
    references: Literal["sharp", "blurry"] = "sharp"
    """Which frames are matched with a blurry one: ``sharp``, those that the labeller selects, or ``blurry``, its blurry
    neighbours, which breaks the method and shows what the sharpness of the references is worth."""
    references_each_side: int = Field(2, ge=1, le=MOST_ROUNDS)
    """Number of references before and after a blurry frame that are matched with it."""
    least_confidence: float = Field(0.53, ge=0, lt=1)
    """Confidence at and below which a match counts for nothing."""
    rounds: int = Field(3, ge=1, le=MOST_ROUNDS)
    """Number of times that targets are made; each time but the first on the network's outputs."""
    steps: int = Field(600, ge=0, le=MOST_STEPS)
    """Number of optimiser steps of all rounds together."""
    crop_px: int = Field(256, ge=8, le=MOST_PX)
    """Side of the random crops, in px."""
    batch: int = Field(4, ge=1, le=MOST_BATCH)
    """Number of crops of one step."""
    learning_rate: float = Field(1e-3, gt=0, le=MOST_RATE)
    """AdamW's learning rate at the start."""
    final_learning_rate: float = Field(1e-7, ge=0, le=MOST_RATE)
    """Learning rate at which the cosine ends, after the last round."""
    weight_decay: float = Field(1e-3, ge=0, le=MOST_WEIGHT)
    """AdamW's weight decay."""
    betas: Betas = (0.9, 0.9)
    """AdamW's decay rates of the two moments."""
    clip_gradient: float = Field(0.01, gt=0, le=MOST_WEIGHT)
    """Largest norm of the whole gradient."""
    pass_through: bool = True
    """Whether frames that are selected and surely sharp stay as they are."""

    @field_validator("window_frames")
    @classmethod
    def _is_odd(cls, window_frames: int) -> int:
        if window_frames % 2 == 0:
            raise ValueError(f"a window of {window_frames} frames has no middle one: choose an odd number")
        return window_frames
