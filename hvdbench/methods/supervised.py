"""Supervised training: the twin of every self-supervised recipe, on the same clips with their truth."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hvdbench.frames import Frames
from hvdbench.methods.building import build_network, load_start
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.training.objective import StepLoss
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.recipe.trust import Part
from hvdbench.store import Truth


class SupervisedSettings(Settings):
    """A training over clips with their truth."""

    network: Annotated[str, Part("network")]
    """A video network of the catalogue, or an import string."""
    network_arguments: dict[str, Any] = {}
    """The network's constructor arguments."""
    start_from: str = ""
    """Weights that a training starts from, a file or a name of the registry; empty: random ones."""
    start_parts: dict[str, str] = {}
    """Weights of parts of the network, by the part's name; taken after ``start_from``."""
    zero_flow_start: bool = False
    """Let an untrained SPyNet start at zero flow; for fits without its pre-trained weights."""
    truth: Truth = "mid"
    """Instant that the truth shows: mid-exposure, or the centroid of the exposure."""
    splits: tuple[str, ...] = ()
    """Splits whose clips are trained on; empty: all of the dataset."""
    loss: Literal["charbonnier", "l1"] = "charbonnier"
    charbonnier_epsilon: float = Field(1e-6, gt=0)
    """``ε`` of ``sqrt(d² + ε²)``."""
    window: WindowSettings = WindowSettings()
    engine: EngineSettings = EngineSettings()


class SupervisedObjective:
    """The distance to the truth, a mean over all frames, pixels and colours."""

    def __init__(self, settings: SupervisedSettings) -> None:
        self.settings = settings

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Restore the windows and compare them with their truth."""
        difference = network(batch["blurry"]) - batch["truth"]
        l1 = difference.abs().mean()
        if self.settings.loss == "l1":
            return StepLoss(l1, {"l1": l1.detach()})
        charbonnier = charbonnier_loss(difference, self.settings.charbonnier_epsilon)
        return StepLoss(charbonnier, {"charbonnier": charbonnier.detach(), "l1": l1.detach()})

    def at_validation(self, network: nn.Module, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Decide nothing."""
        return {}

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the first window's middle frame: blurry, restored, true, and how far off it is, eight times."""
        middle = batch["blurry"].shape[1] // 2
        blurry, truth = batch["blurry"][:1], batch["truth"][:1]
        restored = network(blurry)
        shown = [clip[0, middle].clamp(0, 1) for clip in (blurry, restored, truth)]
        shown.append((8 * (shown[1] - shown[2]).abs()).clamp(0, 1))
        side_by_side = torch.cat(shown, dim=2).permute(1, 2, 0)  # (h, 4w, 3)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)

    def state(self) -> dict[str, Tensor]:
        """Give nothing: the weights are all there is."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take up nothing."""


class Supervised:
    """Makes what a supervised training needs, and restores clips with what it gave.

    Attributes:
        reads_truth: of every clip that it is trained on.
    """

    Settings: ClassVar[type[Settings]] = SupervisedSettings
    reads_truth: ClassVar[bool] = True

    def __init__(self, settings: SupervisedSettings) -> None:
        self.settings = settings

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network, its random weights drawn from ``seed``.

        Raises:
            UnknownNameError: no such network.
            InputError: it does not take its arguments.
        """
        settings = self.settings
        return build_network(
            settings.network, settings.network_arguments, seed, zero_flow_start=settings.zero_flow_start
        )

    def start(self, seed: int = 0) -> nn.Module:
        """Build the network with the weights that a training starts from: the recipe's, else those of ``seed``.

        Raises:
            WeightsError: a weight file is missing, damaged, or belongs to another network.
        """
        network = self.build(seed)
        load_start(network, self.settings.start_from or None, self.settings.start_parts)
        return network

    def objective(self, seed: int = 0) -> SupervisedObjective:
        """Make what the training strives for."""
        return SupervisedObjective(self.settings)

    def restore(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights, (T, H, W, 3) uint8 RGB."""
        return restore_with(cast(VideoNetwork, network), blurry, budget)


def charbonnier_loss(difference: Tensor, epsilon: float) -> Tensor:
    """Give the mean of ``sqrt(d² + ε²)`` (Charbonnier et al., ICIP 1994): L1 with a smooth bottom."""
    return (difference.square() + epsilon**2).sqrt().mean()
