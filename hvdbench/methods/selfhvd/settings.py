"""SelfHVD's switches, one a part of the method; recipes say where each value comes from."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.trust import Part

RANDOM_WEIGHTS = "random"
"""Stands where a weight file is named: the module with random weights, for dry runs."""
FlowModelName = Literal["sea_raft", "dis_medium", "dis_fast"]
Clues = Literal["sharp", "random", "off"]
Supervision = Literal["select", "always_sharp", "always_teacher"]


class FlowSettings(Settings):
    """How sharp frames are aligned (Eq. 3)."""

    model: FlowModelName = "sea_raft"
    """SEA-RAFT, whose weights must be there, or OpenCV's DIS, which needs none."""
    weights: str = ""
    """SEA-RAFT's weight file, a name of the registry, or ``random``; empty: the registry's, in the weights' folder."""
    arguments: dict[str, Any] = {}
    """SEA-RAFT's constructor arguments; its default is the published spring-M."""
    on: Literal["output", "input"] = "output"
    """What the sharp frame is aligned to: the network's output, as the paper has it, or the blurry frame, which
    training does not change, so that the label cannot drift with the output."""
    cache: bool = False
    """Align all frames once, whole, before the first step, and cut warped frames and masks, in 8 bits, with each
    window; only for flow on the input, which training does not change."""
    own_label: Literal["aligned", "in_place"] = "aligned"
    """Whether a selected frame, whose label is itself, is aligned to its output like all others, or taken where it
    is."""
    pairs_at_once: int = Field(16, ge=1)
    """Most pairs of pictures that SEA-RAFT works on at once; bounds memory, changes nothing else."""

    @model_validator(mode="after")
    def _fits(self) -> "FlowSettings":
        if self.cache and self.on != "input":
            raise ValueError("cache needs on = 'input': flow on the output changes with every step")
        return self


class MaskSettings(Settings):
    """Where a warped sharp frame is trusted (Eqs. 4, 5)."""

    occlusion: bool = True
    """``M_occ``, the forward-backward check. Off: 1 everywhere in the losses; Eq. 8 asks it all the same."""
    uncertainty: bool = True
    """``M_uncer``, the flow's confidence both ways. Off: 1 everywhere."""
    scale: float = Field(0.5, gt=0)
    """``s`` of Eq. 5, per px."""


class PerceptualSettings(Settings):
    """The VGG losses (Eqs. 11, 12)."""

    weight: float = Field(1.0, ge=0)
    """``β`` of Eqs. 13, 14; at 0 no VGG is made and no weights are asked for."""
    layer: str = Field("relu5_4", pattern=r"^relu([12]_[12]|[345]_[1234])$")
    """Layer of VGG19 whose features are compared."""
    weights: str = ""
    """torchvision's weight file, a name of the registry, or ``random``; empty: the registry's, in the folder of
    weights."""


class AnchorSettings(Settings):
    """When the anchor of SCSCM moves on: the ``e`` of Eqs. 9, 10."""

    updates: int = Field(2, ge=1)
    """Most updates in all; the first is the end of stage 1."""
    shift_limit_px: float = Field(0.1, ge=0)
    """The model counts as aligned with its input up to this median shift."""
    sharpness_gain: float = Field(1.02, gt=0)
    """The model counts as sharper from this multiple of the anchor's mean sharpness."""


class SelfHvdObjectiveSettings(Settings):
    """What both stages strive for."""

    distortion_threshold: float = Field(0.5, ge=0, le=1)
    """``τ`` of Eq. 8."""
    spatial_consistency: float = Field(1.0, ge=0)
    """``λ`` of Eq. 14."""
    perceptual: PerceptualSettings = PerceptualSettings()
    flow: FlowSettings = FlowSettings()
    masks: MaskSettings = MaskSettings()
    sevd: bool = True
    """Self-enhanced video deblurring: clues removed and the better target chosen. Off: stage 2 keeps Eq. 6."""
    clues: Clues = "sharp"
    """What is removed from the input of stage 2: sharp frames (RSCR), as many frames whatever they are, or nothing."""
    segment_frames: int = Field(20, ge=1)
    """Length of the segments within which frames are removed, counted from the window's first frame."""
    supervision: Supervision = "select"
    """The target in stage 2: Eq. 8's choice (SIS), the warped sharp frame always, or the teacher's output always."""
    scscm: bool = True
    """Self-constrained spatial consistency maintenance, Eq. 10."""
    anchor: AnchorSettings = AnchorSettings()
    reblur: float = Field(0.0, ge=0)
    """Weight of re-blur consistency in both stages: ours, not the paper's."""


class SelfHvdSettings(SelfHvdObjectiveSettings):
    """A training over clips: network, windows, loop, and what both stages strive for."""

    network: Annotated[str, Part("network")]
    """A video network of the catalogue, or an import string."""
    network_arguments: dict[str, Any] = {}
    """The network's constructor arguments."""
    start_from: str = ""
    """Weights that a training starts from, a file or a name of the registry; empty: random ones."""
    start_parts: dict[str, str] = {}
    """Weights of parts of the network, by the part's name, e.g. ``{spynet = "spynet"}``; taken after ``start_from``."""
    zero_flow_start: bool = False
    """Let an untrained SPyNet start at zero flow; for fits without its pre-trained weights."""
    splits: tuple[str, ...] = ()
    """Splits whose clips are trained on; empty: all of the dataset."""
    window: WindowSettings = WindowSettings()
    engine: EngineSettings = EngineSettings()
    stage1_share: float = Field(0.5, ge=0, le=1)
    """Share of the engine's steps that belong to stage 1."""

    @property
    def stage1_steps(self) -> int:
        """Steps of stage 1."""
        return round(self.stage1_share * self.engine.steps)
