"""Settings of the fusion that is trained before it sees a user's clip."""

from typing import Annotated

from pydantic import Field

from hvdbench.flow import Preset
from hvdbench.methods.blur.planes import Alignment
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import (
    MOST_BATCH,
    MOST_BLOCKS,
    MOST_CHANNELS,
    MOST_CLIPS,
    MOST_PX,
    MOST_RATE,
    MOST_STEPS,
    MOST_WEIGHT,
)
from hvdbench.recipe.trust import Part
from hvdbench.store import Truth


class AdaptationSettings(Settings):
    """Settings of the adaptation of weights that were trained before to one clip."""

    steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Optimiser steps on each clip, or on each window of a long one; 0 leaves the weights as they are."""
    learning_rate: float = Field(1e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate, constant after the warm-up, so that a run of fewer steps begins like a longer one."""
    warm_up_steps: int = Field(20, ge=0, le=MOST_STEPS)
    """Steps over which the learning rate rises linearly at the start."""
    ema_decay: float = Field(0.98, ge=0, lt=1)
    """Decay of the average of the weights, which is what is used in the end."""
    exact_share: float = Field(0.5, ge=0, le=1)
    """Share of crops whose label is exact, a sharp frame blurred again; the labels of the others are warped."""
    items: int = Field(24, ge=1, le=MOST_CLIPS)
    """Places of the clip that crops are drawn from, of each of the two kinds."""
    item_px: int = Field(256, ge=16, le=MOST_PX, multiple_of=2)
    """Side of such a place in px, at most."""
    crop_px: int = Field(64, ge=8, le=MOST_PX, multiple_of=2)
    """Side of a crop in px, at most."""
    batch: int = Field(8, ge=1, le=MOST_BATCH)
    """Crops of a step."""
    held_out: int = Field(6, ge=2, le=MOST_CLIPS)
    """Sharp frames, at most a third of them, that nothing is learned from and that decide whether it helped."""


class FusionTrainingSettings(Settings):
    """Settings of alignment, network and training."""

    flow: Preset = "medium"
    """OpenCV DIS preset of the flow on the blurry input; ``by_size`` searches large frames on coarser levels, unless
    frames that are warped along finer flow re-blur to the input much better."""
    alignment: Alignment = "dis"
    """What aligns frames: ``dis``, flow alone, ``planes``, with a homography over it where the scene follows one, or
    ``refined``, with one that is fitted to the pictures."""
    labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects the frames that are borrowed from."""
    training_alignment: Alignment = "dis"
    """What aligns the clips of a training."""
    training_labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects them in the clips of a training."""
    mask_scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """Scale ``s`` of Eq. 5, per px."""
    channels: int = Field(32, ge=1, le=MOST_CHANNELS)
    """Channels of the network's features."""
    blocks: int = Field(4, ge=0, le=MOST_BLOCKS)
    """Residual blocks of the network."""
    start_from: str = ""
    """Weights that a training starts from, a file or a registered name; empty for an untrained network."""
    shipped: str = ""
    """Weights inside the package, by their name, that are used where the user names none; empty for none."""
    pass_through: bool = True
    """Whether selected frames that are sharp stay as they are if their motion confirms it."""
    truth: Truth = "centroid"
    """Instant that the truth shows; flow on a blurry frame finds the centroid of its exposure."""
    charbonnier_epsilon: float = Field(1e-3, gt=0, le=1)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""
    relative_floor: float = Field(0.004, gt=0, le=1)
    """Error that is added to the blend's, by which each window's loss is divided so that noisy and clean clips count
    alike; as a share of full scale."""
    flicker: float = Field(0.2, ge=0, le=MOST_WEIGHT)
    """Weight of the change of the error from frame to frame."""
    selected_weight: float = Field(0.25, ge=0, le=1)
    """Weight of frames that are selected, relative to the others."""
    mix_colours: bool = True
    """Whether the order of the three colours is drawn for each window."""
    splits: tuple[str, ...] = ("train",)
    """Splits whose clips are trained on; empty for all of the dataset."""
    window: WindowSettings = WindowSettings(crop_px=64, clip_frames=2, flips_and_turns=False)
    """What a training window is; mirroring and turns belong to the loss, which turns the path along."""
    engine: EngineSettings = EngineSettings()
    """The training loop."""
    adaptation: AdaptationSettings = AdaptationSettings()
    """The adaptation to a clip, which ``hvdbench deblur`` makes only where it is asked for."""
