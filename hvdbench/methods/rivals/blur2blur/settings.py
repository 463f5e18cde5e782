"""Define the settings of Blur2Blur."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hvdbench.methods.rivals.settings import RivalSettings, Way
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_BATCH, MOST_CLIPS, MOST_PX, MOST_RATE, MOST_STEPS, MOST_WEIGHT, Betas
from hvdbench.recipe.trust import Part


class KnownBlurSettings(Settings):
    """Settings of the known blur, of which pairs are made from the clip's sharp frames."""

    kind: Literal["motion", "defocus"] = "motion"
    """``motion``: the mean along a straight path with a turn, as of a camera that moves while the shutter is open; or
    ``defocus``: the mean over a disc."""
    shortest_px: float = Field(1.0, gt=0, le=MOST_PX)
    """Least length of the path, or diameter of the disc, in px."""
    longest_px: float = Field(18.0, gt=0, le=MOST_PX)
    """Greatest length of the path, or diameter of the disc, in px."""
    most_turn_deg: float = Field(1.0, ge=0, le=180)
    """Greatest turn of the camera about its axis during an exposure, in degrees; only for ``motion``."""
    suits_clip: bool = False
    """Whether lengths and turns are made smaller by one factor, so that the known pairs are about as blurry as the
    clip's frames of unknown blur. Otherwise a deblurrer of long blur over-sharpens a clip with hardly any."""
    pairs: int = Field(40, ge=1, le=MOST_CLIPS)
    """Number of pairs that are made of a clip."""

    @model_validator(mode="after")
    def _ordered(self) -> "KnownBlurSettings":
        if self.shortest_px > self.longest_px:
            raise ValueError("shortest_px is above longest_px")
        return self


class DeblurrerSettings(Settings):
    """Settings of the network that removes the known blur."""

    network: Annotated[str, Part("network")] = "mimo_unet@small"
    """Network that is trained on the pairs; a MIMO-UNet, because its loss is one of three scales. With ``start_from``
    and no steps it may be any network for pictures or clips."""
    start_from: str = ""
    """Weights of a network that removes the known blur already: a file, or the name of registered weights or of those
    inside the package; empty for the identity."""
    steps: int = Field(250, ge=0, le=MOST_STEPS)
    """Number of optimiser steps; with 0 it stays as it starts."""
    batch: int = Field(4, ge=1, le=MOST_BATCH)
    """Number of crops of one step."""
    learning_rate: float = Field(1e-3, gt=0, le=MOST_RATE)
    """Adam's learning rate at the start; it falls to 0 along a cosine."""
    frequency: float = Field(0.1, ge=0, le=MOST_WEIGHT)
    """Weight of the distance between Fourier transforms."""

    @model_validator(mode="after")
    def _is_trained_once(self) -> "DeblurrerSettings":
        if self.start_from and self.steps > 0:
            raise ValueError(
                f"start_from names a deblurrer that is trained already, and steps is {self.steps}: set steps to 0"
            )
        return self


class TranslatorSettings(Settings):
    """Settings of the network that translates the unknown blur to the known one, and of its adversary."""

    network: Annotated[str, Part("network")] = "mimo_unet"
    """Generator; a MIMO-UNet, because the adversary and the losses look at three scales. It starts at the identity."""
    discriminator: Annotated[str, Part("network")] = "patch_gan"
    """Adversary that judges patches."""
    steps: int = Field(200, ge=0, le=MOST_STEPS)
    """Number of optimiser steps of each of the two; with 0 nothing is translated."""
    batch: int = Field(1, ge=1, le=MOST_BATCH)
    """Number of crops of one step."""
    learning_rate: float = Field(2e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate of both during the first third of the steps; it falls to 0 linearly after that."""
    betas: Betas = (0.5, 0.999)
    """Adam's decay rates of the two moments."""
    gradient_penalty: float = Field(1e-4, ge=0, le=MOST_WEIGHT)
    """Weight of the adversary's gradient penalty."""
    perceptual: float = Field(0.8, ge=0, le=MOST_WEIGHT)
    """Weight of the distance between VGG16's features of the translated and of the given picture; at 0 no VGG is built
    and no weights are needed."""
    perceptual_weights: str = ""
    """torchvision's VGG16 weight file, a registered name, or ``random``; if empty, the registered file in the weights'
    folder."""
    pixel: float = Field(0.0, ge=0, le=MOST_WEIGHT)
    """Weight of the mean absolute difference between the translated and the given picture, which stands in for VGG's
    where its weights are not at hand."""

    @model_validator(mode="after")
    def _holds(self) -> "TranslatorSettings":
        if self.perceptual == 0 and self.pixel == 0:
            raise ValueError("nothing ties the translated picture to the given one: set perceptual or pixel above 0")
        return self


class Blur2blurFaults(Settings):
    """The faults of the published code, each ``meant`` (put right) or ``published``; see docs/rivals.md."""

    load_size: Way = "meant"
    """``published`` resizes the pictures of unknown blur and the sharp ones to a short side of 512 px for the training
    of the translator, but not the known pairs."""
    test_size: Way = "meant"
    """``published`` resizes a frame to multiples of 256 px before it is translated; it is brought back at the end, so
    that it can be scored."""
    pairs: Way = "meant"
    """``published`` takes a known pair by the number of a sharp picture, so that only the first 40 % are used."""
    normalisation: Way = "meant"
    """``published`` gives VGG16 pictures without ImageNet's mean and deviation."""


class Blur2blurSettings(RivalSettings):
    """Settings of the three parts: the known blur, the deblurrer of it, and the translator to it."""

    as_: Blur2blurFaults = Field(Blur2blurFaults(), alias="as")
    """Which of the published code's faults are kept."""
    labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects the sharp frames."""
    kernel: Annotated[str, Part("network")] = "kernel_wizard"
    """Kernel network, which blurs a sharp frame as a known pair is blurred."""
    kernel_weights: str = ""
    """Its weights: a file, a registered name, or weights inside the package; empty: the adversary sees the blurry
    pictures of the known pairs themselves."""
    known: KnownBlurSettings = KnownBlurSettings()
    """The known blur."""
    deblurrer: DeblurrerSettings = DeblurrerSettings()
    """The network that removes it."""
    translator: TranslatorSettings = TranslatorSettings()
    """The network that translates to it."""
    crop_px: int = Field(256, ge=16, le=MOST_PX)
    """Side of the random crops, in px."""
    pass_through: bool = True
    """Whether frames that are selected and surely sharp stay as they are."""
