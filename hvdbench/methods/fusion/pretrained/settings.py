"""Settings of the fusion that is trained before it sees a user's clip."""

from pydantic import Field

from hvdbench.flow import Preset
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.recipe import Settings
from hvdbench.store import Truth


class FusionTrainingSettings(Settings):
    """Settings of alignment, network and training."""

    flow: Preset = "medium"
    """OpenCV DIS preset of the flow on the blurry input."""
    mask_scale: float = Field(0.5, gt=0)
    """Scale ``s`` of Eq. 5, per px."""
    channels: int = Field(32, ge=1)
    """Channels of the network's features."""
    blocks: int = Field(4, ge=0)
    """Residual blocks of the network."""
    start_from: str = ""
    """Weights that a training starts from, a file or a registered name; empty for an untrained network."""
    shipped: str = ""
    """Name of the weights inside the package that are used where none are named; empty for none."""
    pass_through: bool = True
    """Whether selected frames stay as they are if their motion confirms that they are sharp."""
    truth: Truth = "centroid"
    """Instant that the truth shows; flow on a blurry frame finds the centroid of its exposure."""
    charbonnier_epsilon: float = Field(1e-3, gt=0)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""
    relative_floor: float = Field(0.004, gt=0)
    """Error that is added to the blend's, by which each window's loss is divided so that noisy and clean clips count
    alike; as a share of full scale."""
    flicker: float = Field(0.2, ge=0)
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
