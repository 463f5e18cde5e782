"""Settings of DaDeblur, and of the trainings of the two networks that it needs."""

from typing import Annotated, Literal

from pydantic import Field

from hvdbench.flow import Preset
from hvdbench.methods.inference.runner import Precision
from hvdbench.methods.rivals.settings import RivalSettings, Way
from hvdbench.methods.training.network_training import NetworkTrainingSettings
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_BATCH, MOST_FRAMES, MOST_PX, MOST_RATE, MOST_ROUNDS, MOST_STEPS, MOST_WEIGHT
from hvdbench.recipe.trust import Part
from hvdbench.store import Truth


class SearchSettings(Settings):
    """Settings of the search for sharp regions (RSDM)."""

    share: float = Field(0.2, gt=0, le=1)
    """Number of regions that are looked for, as a share of the number of frames."""
    start: float = Field(0.1, gt=0, lt=1)
    """First threshold of the bisection, in units of the estimator's longest path."""
    most_halvings: int = Field(20, ge=1, le=MOST_ROUNDS)
    """Halvings after which the threshold is used whose number of regions came nearest; the published search has no
    such end."""
    least_side_px: int = Field(256, ge=8, le=MOST_PX)
    """Least height and width of a region."""
    least_side_share: float = Field(0.8, gt=0, le=1)
    """The same as a share of the frame's shorter side, where that is less; ours, for frames that no region of 256 px
    fits into."""
    largest_side_px: int = Field(512, ge=16, le=MOST_PX)
    """Height and width to which a larger region is cut down, around its middle; ours, since a training crop is far
    smaller and diffusion takes long."""
    inverted: bool = False
    """Whether the regions are looked for among the blurriest parts of frames in place of the sharpest ones: a broken
    variant, to compare with."""


class ConditionSettings(Settings):
    """Settings of the conditions under which regions are blurred (DBCGM)."""

    extra_px: float = Field(10.0, ge=0, le=MOST_PX)
    """Length that is added to every magnitude, in px of a frame that is ``extra_width_px`` wide."""
    extra_width_px: int = Field(640, ge=1, le=MOST_PX)
    """Width that ``extra_px`` belongs to, that of BSD; on other frames it grows and shrinks with the width."""
    flow: Preset = "medium"
    """OpenCV DIS preset of the flow that gives the direction; RAFT in the paper."""
    shuffled: bool = False
    """Whether each region gets the condition of another one, turned by a quarter: a broken variant, to compare with."""


class PairSettings(Settings):
    """Settings of what the fine-tuning learns from.

    With the defaults it is one blurred middle frame for each region, as published.
    """

    twins: int = Field(1, ge=1, le=MOST_ROUNDS)
    """Number of times that each region is blurred. The first time it has the condition of the paper; further times,
    ours, it has the direction and length of a frame without a region, another one for each region and time."""
    keeps_sharp: bool = False
    """Whether each region is also a pair with itself, so that the network learns to leave sharp frames as they are;
    ours."""
    adds_noise: bool = False
    """Whether what is learned from gets normal noise as strong as that of the clip's frames, since blurring averages
    noise out, and a region that is a pair with itself would teach to keep it; ours."""
    blurs: Literal["middle", "window", "both"] = "middle"
    """What is blurred: the ``middle`` frame of a window alone, as published; the whole ``window``, ours, in which each
    neighbour is blurred by as much as it lacks; or ``both`` in turn."""


class EstimatorSettings(Settings):
    """Settings of a network that comes with weights and a unit of length."""

    network: Annotated[str, Part("network")]
    """Network of the catalogue."""
    weights: str
    """Its weights: a file, or the name of registered weights or of those inside the package."""
    longest_px: float = Field(gt=0, le=MOST_PX)
    """Length of the path that its number 1 stands for, in px."""


class DiffusionSettings(Settings):
    """Settings of the sampling."""

    steps: int = Field(20, ge=1, le=MOST_ROUNDS)
    """Steps of DDIM for each region."""
    context_px: int = Field(16, ge=0, le=MOST_PX)
    """Px around a region that are blurred along with it and then cut off; the code blurs the whole frame."""


class FineTuningSettings(Settings):
    """Settings of the fine-tuning of the deblurring network on the pairs."""

    steps: int = Field(60, ge=0, le=MOST_STEPS)
    """Optimiser steps; with 0 the clip is restored by the weights that the fine-tuning starts from."""
    learning_rate: float = Field(5e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate at the start."""
    final_learning_rate: float = Field(1e-7, ge=0, le=MOST_RATE)
    """Learning rate at which the cosine ends."""
    batch: int = Field(8, ge=1, le=MOST_BATCH)
    """Windows of a step."""
    crop_px: int = Field(256, ge=16, le=MOST_PX)
    """Side of a crop in px, at most."""
    clip_gradient: float = Field(20.0, gt=0, le=MOST_WEIGHT)
    """Largest norm of the gradient."""
    flips_and_turns: bool = True
    """Whether windows are mirrored and turned by quarters, as published; the blur turns along, so that the directions
    of conditions then hardly matter."""
    ema_decay: float | None = Field(None, gt=0, lt=1)
    """Decay per step of an average of the weights, which is what restores; left out: the last weights, as published."""
    precision: Precision = "float32"
    """Number format that the network computes in while it is fine-tuned."""


class FaultSettings(Settings):
    """The faults of the published code, each ``meant`` (put right) or ``published``; see docs/rivals.md."""

    search: Way = "meant"
    """``published`` halves the threshold until the number of regions is within 2 of what is looked for, without an
    end."""
    trim: Way = "meant"
    """``published`` leaves one line that should be cut off at each side of a region that is trimmed."""
    margin: Way = "meant"
    """``published`` leaves out three frames at each end of the clip, though two have too few neighbours."""
    ends: Way = "meant"
    """``published`` gives the frames next to those at the ends their own magnitude, not that of their neighbours."""
    unit: Way = "meant"
    """``published`` divides lengths by the estimator's longest path (205 px), not the blurring network's (147 px)."""
    last_step: Way = "meant"
    """``published`` ends the sampling at the first step of the diffusion, which holds 0.001 of noise."""


class DaDeblurSettings(RivalSettings):
    """Settings of DaDeblur."""

    as_: FaultSettings = Field(FaultSettings(), alias="as")
    """Which of the published code's faults are kept."""
    network: Annotated[str, Part("network")] = "estrnn@small"
    """ESTRNN at one of its sizes, which is fine-tuned."""
    start_from: str = "estrnn_pretrained"
    """Weights that the fine-tuning starts from."""
    published_network: Annotated[str, Part("network")] = ""
    """ESTRNN at the size of ``published_start``; empty for none."""
    published_start: str = ""
    """Weights of the authors that are used instead of ``start_from`` where their file is there; empty for none."""
    estimator: EstimatorSettings = EstimatorSettings(network="bme", weights="bme_gopro", longest_px=205.0)
    """The blur magnitude estimator (BME)."""
    without_estimator: Literal["motion", "network"] = "motion"
    """What measures the blur where these weights are missing: ``motion``, the flow to the neighbouring frames times the
    share of the exposure that re-blurs the clip's sharp frames best, or the ``network`` of ``estimator_stand_in``."""
    estimator_stand_in: EstimatorSettings = EstimatorSettings(
        network="bme@tiny", weights="bme_tiny.safetensors", longest_px=12.3
    )
    """A small estimator that takes its place; its unit of length is that of ``motion`` too."""
    blurring: EstimatorSettings = EstimatorSettings(network="id_blau", weights="id_blau_gopro", longest_px=147.0)
    """The blurring network (ID-Blau)."""
    without_blurring: Literal["network", "line"] = "line"
    """What blurs where these weights are missing: the ``network`` of ``blurring_stand_in``, or the mean along a
    straight ``line`` of the condition's direction and length, which is no network."""
    line_response: str = "linear"
    """Camera response by which levels become the light that a line averages, such as ``gamma2.2``; with ``linear`` the
    levels themselves are averaged, as in GoPro's blur, which ID-Blau learned."""
    blurring_stand_in: EstimatorSettings = EstimatorSettings(
        network="id_blau@tiny", weights="id_blau_tiny.safetensors", longest_px=8.82
    )
    """A small blurring network that takes its place."""
    search: SearchSettings = SearchSettings()
    """The search for sharp regions."""
    condition: ConditionSettings = ConditionSettings()
    """The conditions under which they are blurred."""
    diffusion: DiffusionSettings = DiffusionSettings()
    """The sampling."""
    pairs: PairSettings = PairSettings()
    """What the fine-tuning learns from."""
    fine_tuning: FineTuningSettings = FineTuningSettings()
    """The fine-tuning."""


class ExposureTrainingSettings(NetworkTrainingSettings, RivalSettings):
    """Settings that the trainings of both networks share."""

    longest_px: float = Field(205.0, gt=0, le=MOST_PX)
    """Length of the path that 1 stands for, in px."""
    truth: Truth = "centroid"
    """Instant that the sharp frames show."""
    flow: Preset = "medium"
    """OpenCV DIS preset of the flow between the sharp frames, of which the paths are made."""
    frames_per_clip: int = Field(10, ge=1, le=MOST_FRAMES)
    """Frames of each clip, evenly spread, whose paths are measured."""
    shortest_px: float = Field(0.0, ge=0, le=MOST_PX)
    """Median length of the path, in px, from which a measured frame is trained on."""
    splits: tuple[str, ...] = ("train",)
    """Splits whose clips are trained on; empty for all of the dataset."""
    window: WindowSettings = WindowSettings(crop_px=128, clip_frames=1, flips_and_turns=False)
    """What a training window is; mirroring and turns belong to the loss, which turns the paths along."""


class EstimatorTrainingSettings(ExposureTrainingSettings):
    """Settings of a training of BME."""

    as_: Way = Field("meant", alias="as")
    """``published`` compares each estimate with the paths of all windows of the batch, since the shapes (N, 1, H, W)
    and (N, H, W) broadcast."""


class BlurringTrainingSettings(ExposureTrainingSettings):
    """Settings of a training of ID-Blau."""

    as_: Way = Field("meant", alias="as")
    """``published`` mirrors and turns the pictures, and of the paths only the directions, while the map stays."""
    charbonnier_epsilon: float = Field(1e-3, gt=0, le=1)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""
