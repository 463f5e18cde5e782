"""Supervised training: the counterpart of every self-supervised recipe, on the same clips with their truth."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hvdbench.methods.training.network_training import NetworkTraining, NetworkTrainingSettings
from hvdbench.methods.training.objective import Objective, StepLoss
from hvdbench.recipe import Settings
from hvdbench.store import Truth


class SupervisedSettings(NetworkTrainingSettings):
    """Settings of a training over clips with their truth."""

    truth: Truth = "mid"
    """Instant that the truth shows: mid-exposure, or the centroid of the exposure."""
    loss: Literal["charbonnier", "l1"] = "charbonnier"
    """Distance between output and truth."""
    charbonnier_epsilon: float = Field(1e-6, gt=0, le=1)
    """Constant ``ε`` of ``sqrt(d² + ε²)``."""


class SupervisedObjective(Objective):
    """The distance between output and truth, a mean over all frames, pixels and colours."""

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

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the middle frame of the first window: blurry, restored, true, and the error multiplied by eight."""
        middle = batch["blurry"].shape[1] // 2
        blurry, truth = batch["blurry"][:1], batch["truth"][:1]
        restored = network(blurry)
        shown = [clip[0, middle].clamp(0, 1) for clip in (blurry, restored, truth)]
        shown.append((8 * (shown[1] - shown[2]).abs()).clamp(0, 1))
        side_by_side = torch.cat(shown, dim=2).permute(1, 2, 0)  # (h, 4w, 3)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)


class Supervised(NetworkTraining[SupervisedSettings]):
    """A scheme that trains a network on the truth, and restores clips with it."""

    Settings: ClassVar[type[Settings]] = SupervisedSettings
    reads_truth: ClassVar[bool] = True

    @property
    def truth(self) -> Truth:
        """The kind of truth that it learns from."""
        return self.settings.truth

    def objective(self, seed: int = 0) -> SupervisedObjective:
        """Build the objective of the training."""
        return SupervisedObjective(self.settings)


def charbonnier_loss(difference: Tensor, epsilon: float) -> Tensor:
    """Return the mean of ``sqrt(d² + ε²)`` (Charbonnier et al., ICIP 1994): L1 with a smooth bottom."""
    return (difference.square() + epsilon**2).sqrt().mean()
