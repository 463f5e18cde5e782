"""The switches of Ren et al.'s method; recipes state where each value comes from."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hvdbench.methods.training.network_training import NetworkTrainingSettings
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_CHANNELS, MOST_FRAMES, MOST_RATE, MOST_ROUNDS, MOST_WEIGHT, Betas
from hvdbench.recipe.trust import Part

KernelKind = Literal["symmetric", "asymmetric", "simulated"]


class KernelSettings(Settings):
    """Settings of how sharp patches are blurred (section III-B2)."""

    kind: KernelKind = "symmetric"
    """Kind of blur kernel: a line whose middle is the kernel's (the paper's), a line that begins there, or the path of
    a simulated shaking hand (Kupyn et al., CVPR 2018, Algorithm 1)."""
    size_px: int = Field(31, ge=3, le=1023)
    """Size ``p``, odd, in px; lengths lie between 0 and it."""
    length_power: float = Field(1.0, ge=1, le=10)
    """Power of a uniform number in (0, 1] that is a length's share of ``p``; above 1 short lines are more frequent."""
    gamma: float = Field(2.2, ge=0.1, le=10)
    """Exponent by which levels become light before they are blurred; 1 blurs the levels themselves."""
    noise: float = Field(0.0, ge=0, le=50)
    """Standard deviation of the noise that is added to blurred patches, in levels of 255, because blurring takes away
    the noise of the frame that a patch is cut from, while a frame that the camera blurred has its own."""

    @field_validator("size_px")
    @classmethod
    def _is_odd(cls, size_px: int) -> int:
        if size_px % 2 == 0:
            raise ValueError(f"a kernel of {size_px} px has no middle pixel: choose an odd number")
        return size_px


class LossSettings(Settings):
    """Settings of the loss of Eqs. 2 and 3."""

    pixel: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight of the mean absolute difference of the pictures themselves, which the sum of Eq. 2 begins with here."""
    perceptual: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Factor on the differences of VGG19's features; at 0 no VGG is built and no weights are needed."""
    layers: dict[str, Annotated[float, Field(ge=0, le=MOST_WEIGHT)]] = {
        "relu1_2": 0.385,
        "relu2_2": 0.208,
        "relu3_2": 0.27,
        "relu4_2": 0.179,
        "relu5_2": 6.67,
    }
    """Weights ``λ`` of Eq. 2 by VGG19's layers, after a ReLU (``relu1_2``) or before it (``conv1_2``)."""
    weights: str = ""
    """VGG19's weights: torchvision's file, a registered name, or ``random``. If empty, the registered file in the
    weights' folder, and where that is missing the perceptual loss is off."""
    reweighting: bool = True
    """Whether a patch counts by its MVL over its mean, Eq. 3."""

    @field_validator("layers")
    @classmethod
    def _are_layers(cls, layers: dict[str, float]) -> dict[str, float]:
        from hvdbench.methods.selfhvd.perceptual import LAYERS

        unknown = [name for name in layers if name not in LAYERS]
        if unknown:
            raise ValueError(f"VGG19 has no layer '{unknown[0]}' (known: {', '.join(LAYERS)})")
        if min(layers.values(), default=0) < 0:
            raise ValueError("a weight is below 0, which would reward a difference")
        return layers

    @model_validator(mode="after")
    def _is_something(self) -> "LossSettings":
        if self.pixel == 0 and not self.compared_layers:
            raise ValueError("pixel is 0 and no layer of VGG19 has a weight: there is nothing to learn from")
        return self

    @property
    def compared_layers(self) -> dict[str, float]:
        """The weights of the layers that count, the factor included; empty for no perceptual loss."""
        weights = {name: self.perceptual * weight for name, weight in self.layers.items()}
        return {name: weight for name, weight in weights.items() if weight > 0}


class CriticSettings(Settings):
    """Settings of the Markovian discriminator and its WGAN-GP loss."""

    weight: float = Field(1e-3, ge=0, le=MOST_WEIGHT)
    """Weight of the critic's judgement in the loss; with 0 there is no critic."""
    channels: int = Field(32, ge=1, le=MOST_CHANNELS)
    """Channels of its hidden layers."""
    layers: int = Field(5, ge=1, le=16)
    """Number of its hidden layers."""
    gradient_penalty: float = Field(10.0, ge=0, le=MOST_WEIGHT)
    """Weight of the penalty on gradients whose norm is not 1."""
    steps: int = Field(5, ge=1, le=MOST_ROUNDS)
    """Steps of the critic before each step of the network."""
    learning_rate: float = Field(1e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate of the critic."""
    betas: Betas = (0.0, 0.9)
    """Adam's decay rates of the critic."""


class RenSettings(NetworkTrainingSettings):
    """Settings of a fit to one clip: network, patches, loop, kernels and losses.

    ``window.crop_px`` is the side of the blurry patches that the network is fitted on.
    """

    window: WindowSettings = WindowSettings(clip_frames=1, flips_and_turns=False)
    """The patches; ``clip_frames`` must be 1."""
    segment_frames: int = Field(20, ge=1, le=MOST_FRAMES)
    """Length of the segments of which the frame with the highest MVL is learned from."""
    blurs: int = Field(1, ge=1, le=MOST_ROUNDS)
    """Number of blurry copies of a patch, each with a kernel of its own, that make the window of a network for clips,
    as if a camera before a still scene shook; 1 for a network for pictures."""
    kernels: KernelSettings = KernelSettings()
    """How sharp patches are blurred."""
    loss: LossSettings = LossSettings()
    """The loss between restored and sharp patches."""
    critic: CriticSettings = CriticSettings()
    """The critic that tells restored patches from sharp ones."""
    refines: Annotated[str, Part("scheme")] = ""
    """Method whose restored frames take the clip's place, a recipe's name or a folder of results, so that the fit is a
    post-processing (section IV-E); empty for the clip itself."""
    keep_above: float | None = Field(None, gt=0, le=1)
    """Share of the highest MVL of a segment from which a frame stays as it is, because it is as sharp as what the
    network was fitted to; left out: every frame goes through the network."""
    refines_weights: str = ""
    """Weights of that method, a file or a registered name; empty for its own."""

    @model_validator(mode="after")
    def _fits(self) -> "RenSettings":
        if self.window.clip_frames != 1:
            raise ValueError(
                f"window.clip_frames is {self.window.clip_frames}: the network restores single frames, so it must be 1"
            )
        if self.refines_weights and not self.refines:
            raise ValueError("refines_weights names weights, but refines names no method that they belong to")
        return self


class RenMamlSettings(RenSettings):
    """Settings of the meta-training over outside clips (Algorithm 1), and of the fit to each clip from its weights.

    ``engine`` is the loop of the meta-training: its batch is the number of images, its learning rate is ``β``.
    """

    inner_rate: float = Field(0.01, gt=0, le=MOST_RATE)
    """Step size ``α`` of the adaptation to each image."""
    inner_steps: Literal[0, 1] = 1
    """Number of steps of adaptation to each image: 1 as in Algorithm 1, or 0 for a plain training of the same network
    on the same images with the same loss, which the meta-training is compared with."""
    reweights_images: bool = True
    """Whether an outside image counts by its MVL over the mean of all clips, as Eq. 3 weights the patches of one clip.
    Clips differ in it so much that few of them decide; without it, all images count alike. The fit is not affected."""
    second_order: bool = True
    """Whether the gradient goes through the adaptation, as in Algorithm 1; if not, it is the adapted weights' own
    (first-order MAML)."""
    fine_tuning: EngineSettings = EngineSettings(steps=1000)
    """The loop of the fit to each clip."""

    @model_validator(mode="after")
    def _restores_pictures(self) -> "RenMamlSettings":
        if self.blurs != 1:
            raise ValueError(
                f"blurs is {self.blurs}: the meta-training is one of a network for pictures, so it must be 1"
            )
        return self
