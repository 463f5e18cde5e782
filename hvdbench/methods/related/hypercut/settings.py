"""Settings of HyperCUT: of the training of the order, and of the trainings of sequences from one blurry picture."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from hvdbench.methods.training.network_training import NetworkTrainingSettings
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_PX, MOST_WEIGHT
from hvdbench.recipe.trust import Part

Way = Literal["meant", "published"]
Level = Annotated[float, Field(ge=0, le=255)]
Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(ge=0, lt=1)]


class AugmentationSettings(Settings):
    """How the frames of an exposure are changed at random, all of them alike."""

    moved_share: Share = 0.6
    """Share of the exposures that are moved, turned and sheared."""
    shift: Spread = 0.05
    """Largest move along each side, as a share of it."""
    turn_deg: float = Field(5.0, ge=0, le=45)
    """Largest turn to either side."""
    shear_deg: float = Field(7.0, ge=0, le=45)
    """Largest shear along x and along y, to either side."""
    coloured_share: Share = 0.6
    """Share of the exposures whose colours are changed."""
    brightness: Spread = 0.4
    """Largest change of the factor on all values."""
    contrast: Spread = 0.3
    """Largest change of the factor on the distance from the mean luma."""
    saturation: Spread = 0.2
    """Largest change of the factor on the distance from each pixel's luma."""
    hue: float = Field(0.2, ge=0, le=0.5)
    """Largest turn of the hue, as a share of the whole circle."""
    noisy_share: Share = 0.4
    """Share of the exposures that get noise, the same on all frames."""
    noise_levels: tuple[Level, Level] = (10.0**0.5, 50.0**0.5)
    """Least and largest standard deviation of the noise, in levels of 255."""


class HyperCutSettings(NetworkTrainingSettings):
    """Settings that all trainings of HyperCUT share."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    as_: Way = Field("meant", alias="as")
    """Which of the two is followed where they disagree: ``meant``, the paper, or ``published``, the code with its
    faults, which docs/related.md lists."""
    splits: tuple[str, ...] = ("train",)
    """Splits whose clips are trained on; empty for all of the dataset."""
    window: WindowSettings = WindowSettings(clip_frames=1)
    """What a training window is; only its first frame's exposure is learned from."""


class OrderTrainingSettings(HyperCutSettings):
    """Settings of the training of the network that orders frames."""

    network: Annotated[str, Part("network")] = "hypercut"
    """HyperCUT, at one of its sizes."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """Random changes of the frames."""


class OrderSettings(Settings):
    """Settings of the regulariser by a trained order (Eq. 7-8)."""

    weights: str = ""
    """Weights of HyperCUT, of any size: a file, or the name of registered weights or of those inside the package; empty
    for no regulariser."""
    alpha: float = Field(0.2, ge=0, le=MOST_WEIGHT)
    """Weight ``α`` of the regulariser in Eq. 8."""
    form: Literal["softplus", "linear"] = "softplus"
    """``softplus`` of each inner product, as in the published code, or the product itself, ``linear``, as Eq. 7 is
    printed, which has no lower bound."""


class SequenceTrainingSettings(HyperCutSettings):
    """Settings that the trainings of all networks of sequences share."""

    loss: Literal["order_invariant", "l2", "charbonnier"] = "order_invariant"
    """Distance between the frames and the true ones: ``order_invariant`` (Eq. 3), or one that knows which frame is
    which, ``l2`` (Eq. 4, squared) or ``charbonnier``."""
    charbonnier_epsilon: float = Field(1e-3, gt=0, le=1)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""
    order: OrderSettings = OrderSettings()
    """The regulariser by a trained order; without weights there is none."""
    guesses: int = Field(1, ge=1, le=99)
    """Number of plausible sequences that are made of each picture of a clip that is scored; networks other than Zhong's
    know only one, and make it again."""


class JinSettings(SequenceTrainingSettings):
    """Settings of the training of Jin's network."""

    network: Annotated[str, Part("network")] = "jin_sequence"
    """Jin's network, at one of its sizes."""


class PurohitSettings(SequenceTrainingSettings):
    """Settings of the training of Purohit's network.

    With ``as = "published"`` the true middle frame is part of its input, so that it can restore nothing without it.
    """

    network: Annotated[str, Part("network")] = "purohit_sequence"
    """Purohit's network, at one of its sizes."""
    smoothness: float = Field(0.02, ge=0, le=MOST_WEIGHT)
    """Weight of the total variation of the flows; ``published`` has the mean of their lengths in its place."""


class ZhongSettings(SequenceTrainingSettings):
    """Settings of the training of Zhong's networks."""

    network: Annotated[str, Part("network")] = "zhong_sequence"
    """Zhong's networks, at one of their sizes."""
    loss: Literal["order_invariant", "l2", "charbonnier"] = "l2"
    """As for the others; a guidance says which way each pixel moved, so that this network can know which frame is
    which."""
    rough_weight: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight of the first stage's distance."""
    class_weight: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight of the cross-entropy of the guessed guidance."""
    divergence_weight: float = Field(0.01, ge=0, le=MOST_WEIGHT)
    """Weight of the divergence of its code from the prior."""
    still_px: float = Field(0.5, ge=0, le=MOST_PX)
    """Length of the motion during the exposure, in px, below which a pixel counts as still."""
