"""Train the kernel network on pairs of sharp and blurry frames: it blurs each sharp one as its twin is blurred."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.supervised import charbonnier_loss
from hvdbench.methods.training.network_training import NetworkTraining, NetworkTrainingSettings
from hvdbench.methods.training.objective import Objective, StepLoss
from hvdbench.networks.rivals.kernel_wizard import KernelWizard
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.store import Truth


class KernelTrainingSettings(NetworkTrainingSettings):
    """Settings of the training of a kernel network."""

    truth: Truth = "centroid"
    """Instant that the sharp frames show; at the centroid of the exposure, the code has no shift to carry."""
    charbonnier_epsilon: float = Field(1e-3, gt=0, le=1)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""


class KernelObjective(Objective):
    """The reconstruction loss: the distance of each sharp frame, blurred by its pair's code, to its blurry twin."""

    def __init__(self, settings: KernelTrainingSettings) -> None:
        self.settings = settings

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Blur the sharp frames of the windows by their codes and compare them with the blurry ones."""
        sharp, blurry = batch["truth"], batch["blurry"]
        error = network(torch.cat([sharp, blurry], dim=1)) - blurry
        distance = charbonnier_loss(error, self.settings.charbonnier_epsilon)
        without = charbonnier_loss(sharp - blurry, self.settings.charbonnier_epsilon)
        return StepLoss(distance, {"reconstruction": distance.detach(), "of_sharp": without.detach()})

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the first frame: sharp, blurred by the code, blurry, and the error multiplied by eight."""
        sharp, blurry = batch["truth"][:1, :1], batch["blurry"][:1, :1]
        made = network(torch.cat([sharp, blurry], dim=1))
        shown = [picture[0, 0].clamp(0, 1) for picture in (sharp, made, blurry)]
        shown.append((8 * (shown[1] - shown[2]).abs()).clamp(0, 1))
        side_by_side = torch.cat(shown, dim=2).permute(1, 2, 0)  # (h, 4w, 3)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)


class KernelTraining(NetworkTraining[KernelTrainingSettings]):
    """A scheme that trains a kernel network, for Blur2Blur; it restores nothing itself."""

    Settings: ClassVar[type[Settings]] = KernelTrainingSettings
    reads_truth: ClassVar[bool] = True
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False

    @property
    def truth(self) -> Truth:
        """The kind of truth that it learns from."""
        return self.settings.truth

    def build(self, seed: int = 0) -> KernelWizard:
        """Build the network with random weights drawn from ``seed``.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if it is no kernel network.
        """
        return build_kernel(self.settings.network, self.settings.network_arguments, seed)

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network as one that takes sharp frames and then as many blurry ones, and returns blurred ones."""
        assert isinstance(network, KernelWizard)
        return _OfPairs(network)

    def objective(self, seed: int = 0) -> KernelObjective:
        """Build the objective of the training."""
        return KernelObjective(self.settings)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Refuse to restore, since the network blurs.

        Raises:
            InputError: always.
        """
        raise InputError(
            "a kernel network blurs pictures and restores none: train it with 'hvdbench train', and name its weights "
            "as kernel_weights in a recipe of the scheme blur2blur"
        )


def build_kernel(name: str, arguments: Mapping[str, object], seed: int = 0) -> KernelWizard:
    """Build a kernel network with random weights drawn from ``seed``.

    Args:
        name: of the catalogue, with a preset if wanted, or an import string.
        arguments: constructor arguments, over those of the preset.
        seed: random seed.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if it is no kernel network, or does not take the arguments.
    """
    asked = NamedPreset.parse(name)
    found = resolve("network", asked.name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = found.build(asked.preset, **arguments)
        except (TypeError, ValueError) as error:
            raise InputError(f"network '{name}' cannot be made with {dict(arguments)}: {error}") from error
    if not isinstance(network, KernelWizard):
        raise InputError(f"network '{name}' is a {type(network).__name__}: name a kernel network, 'kernel_wizard'")
    return network


class _OfPairs(nn.Module):
    """A kernel network behind the interface of networks of clips."""

    def __init__(self, network: KernelWizard) -> None:
        super().__init__()
        self.network = network
        self.spec = NetworkSpec(
            size_multiple=network.size_multiple, min_size_px=network.min_size_px, min_frames=2, context_frames=0
        )

    def forward(self, clip: Tensor) -> Tensor:
        sharp, blurry = (frames.flatten(0, 1) for frames in clip.chunk(2, dim=1))  # (N*T, 3, H, W)
        blurred: Tensor = self.network.adapt(sharp, self.network(sharp, blurry))
        return blurred.reshape(len(clip), -1, *blurred.shape[1:])
