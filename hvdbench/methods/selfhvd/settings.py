"""The switches of SelfHVD, one for each part of the method; recipes state where each value comes from."""

from typing import Any, Literal

from pydantic import Field, model_validator

from hvdbench.methods.training.network_training import NetworkTrainingSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_BATCH, MOST_FRAMES, MOST_PX, MOST_ROUNDS, MOST_WEIGHT

RANDOM_WEIGHTS = "random"
"""The word that replaces a weight file to get random weights, for dry runs."""
FlowModelName = Literal["sea_raft", "dis_medium", "dis_fast"]
Clues = Literal["sharp", "random", "off"]
Supervision = Literal["select", "always_sharp", "always_teacher"]


class FlowSettings(Settings):
    """Settings of how sharp frames are aligned (Eq. 3)."""

    model: FlowModelName = "sea_raft"
    """Flow model: SEA-RAFT, whose weights must be available, or OpenCV's DIS, which needs none."""
    weights: str = ""
    """SEA-RAFT's weight file, a registered name, or ``random``; empty: the registered file in the weights' folder."""
    arguments: dict[str, Any] = {}
    """Constructor arguments of SEA-RAFT; its default is the published spring-M."""
    on: Literal["output", "input"] = "output"
    """Pictures that the sharp frame is aligned to: the network's output, as in the paper, or the blurry frame, which
    training does not change, so that the label cannot drift with the output."""
    output_share: float = Field(0.8, ge=0, le=1)
    """With ``on = "output"``: share of the mean mask of an alignment to the input that the alignment to the output must
    reach. A frame that does not reach it is aligned to the input. With 0 every frame is aligned to the output, as in
    the paper, even where a network from random weights returns nothing that could be aligned."""
    cache: bool = False
    """Whether all frames are aligned once, whole, before the first step, and the warped frames and masks are cut with
    each window, in 8 bits; only for flow on the input, which training does not change."""
    own_label: Literal["aligned", "in_place"] = "aligned"
    """Whether a selected frame, which is its own label, is aligned to its output like all others or taken where it
    is."""
    pairs_at_once: int = Field(16, ge=1, le=MOST_BATCH)
    """Most pairs of pictures that SEA-RAFT works on at once; it bounds memory and does not change results."""

    @model_validator(mode="after")
    def _fits(self) -> "FlowSettings":
        if self.cache and self.on != "input":
            raise ValueError("cache needs on = 'input': flow on the output changes with every step")
        return self


class MaskSettings(Settings):
    """Settings of where a warped sharp frame is trusted (Eqs. 4, 5)."""

    occlusion: bool = True
    """Whether ``M_occ``, the forward-backward check, is on. If off, it is 1 in the losses, but Eq. 8 still uses it."""
    uncertainty: bool = True
    """Whether ``M_uncer``, the flow's confidence both ways, is on. If off, it is 1 everywhere."""
    scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """Scale ``s`` of Eq. 5, per px."""
    divided: bool = True
    """Whether the masked losses, Eqs. 6, 7, 11 and 12, are divided by the mean of the mask, so that they are means over
    the trusted pixels. If off, they are only multiplied by the mask, as in the paper, and an output that cannot be
    aligned has the smallest loss."""
    least_coverage: float = Field(0.02, ge=0, lt=1)
    """Smallest mean of the mask, over the steps between two lines of the log, at which the training goes on."""


class PerceptualSettings(Settings):
    """Settings of the VGG losses (Eqs. 11, 12)."""

    weight: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight ``β`` of Eqs. 13, 14; at 0 no VGG is built and no weights are needed."""
    layer: str = Field("relu5_4", pattern=r"^(relu|conv)([12]_[12]|[345]_[1234])$")
    """Layer of VGG19 whose features are compared: after a ReLU, such as ``relu5_4``, or before it, ``conv5_4``."""
    weights: str = ""
    """torchvision's weight file, a registered name, or ``random``; if empty, the registered file in the weights'
    folder."""


class AnchorSettings(Settings):
    """Settings of when the anchor of SCSCM, the ``e`` of Eqs. 9, 10, moves on."""

    updates: int = Field(2, ge=1, le=MOST_ROUNDS)
    """Most updates in all; the first one is the end of stage 1."""
    shift_limit_px: float = Field(0.1, ge=0, le=MOST_PX)
    """Largest median shift, in px, at which the model counts as aligned with its input."""
    sharpness_gain: float = Field(1.02, gt=0, le=MOST_WEIGHT)
    """Multiple of the anchor's mean sharpness from which the model counts as sharper."""


class SelfHvdObjectiveSettings(Settings):
    """Settings of the objective of both stages."""

    distortion_threshold: float = Field(0.5, ge=0, le=1)
    """Threshold ``τ`` of Eq. 8."""
    spatial_consistency: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight ``λ`` of Eq. 14."""
    perceptual: PerceptualSettings = PerceptualSettings()
    """VGG losses, Eqs. 11, 12."""
    flow: FlowSettings = FlowSettings()
    """How sharp frames are aligned, Eq. 3."""
    masks: MaskSettings = MaskSettings()
    """Where a warped sharp frame is trusted, Eqs. 4, 5."""
    sevd: bool = True
    """Whether stage 2 removes clues and chooses the better target, as in Eq. 7. If off, it keeps Eq. 6."""
    clues: Clues = "sharp"
    """Frames removed from the input of stage 2: sharp ones (RSCR), as many of any kind, or none."""
    segment_frames: int = Field(20, ge=1, le=MOST_FRAMES)
    """Length of the segments within which frames are removed, counted from the window's first frame."""
    supervision: Supervision = "select"
    """Target in stage 2: Eq. 8's choice (SIS), always the warped sharp frame, or always the teacher's output."""
    scscm: bool = True
    """Whether self-constrained spatial consistency maintenance, Eq. 10, is on."""
    anchor: AnchorSettings = AnchorSettings()
    """When the anchor of SCSCM moves on, Eqs. 9, 10."""
    reblur: float = Field(0.0, ge=0, le=MOST_WEIGHT)
    """Weight of re-blur consistency in both stages; ours, not the paper's."""
    fallback: bool = True
    """Whether a training whose last weights are farther from the labels than its first ones ends with the best weights
    of all validations. If off, it ends with the last ones, as in the paper."""


class SelfHvdSettings(SelfHvdObjectiveSettings, NetworkTrainingSettings):
    """Settings of a training over clips: network, windows, loop, and the objective of both stages."""

    stage1_share: float = Field(0.5, ge=0, le=1)
    """Share of the engine's steps that belong to stage 1."""

    @property
    def stage1_steps(self) -> int:
        """The number of steps of stage 1."""
        return round(self.stage1_share * self.engine.steps)
