"""Train networks of sequences from one blurry picture: Jin's, Purohit's and Zhong's, with or without HyperCUT (Eq. 8).

As methods that restore clips they return the middle frame of each sequence.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.building import flow_of_pictures
from hvdbench.methods.related.hypercut.losses import sequence_loss
from hvdbench.methods.related.hypercut.order import open_order, ordered, regulariser
from hvdbench.methods.related.hypercut.order_training import HyperCutTraining, SubframesObjective
from hvdbench.methods.related.hypercut.sequences import PlanesOfPictures, build_sequence_network, plausible_sequences
from hvdbench.methods.related.hypercut.settings import (
    JinSettings,
    PurohitSettings,
    SequenceTrainingSettings,
    ZhongSettings,
)
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.stages import stage
from hvdbench.methods.training.objective import StepLoss
from hvdbench.networks.hypercut import SPREAD, HyperCUT
from hvdbench.networks.related.purohit import flow_terms, scales_of
from hvdbench.networks.related.sequence import FRAMES, MIDDLE, SequenceNetwork, frames_of
from hvdbench.networks.related.zhong import class_of, guess_terms, rough_of
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.workspace.progress import Progress

SequenceT = TypeVar("SequenceT", bound=SequenceTrainingSettings, covariant=True)


class SequenceObjective(SubframesObjective):
    """The loss of Eq. 8: the distance of a backbone, and α times the regulariser of the order.

    Args:
        settings: loss and regulariser.
        order: trained network of the order, frozen; None for no regulariser.
    """

    settings: SequenceTrainingSettings

    def __init__(self, settings: SequenceTrainingSettings, order: HyperCUT | None) -> None:
        super().__init__(settings, FRAMES)
        self.order = order
        self.is_published = settings.as_ == "published"

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Move the network of the order to the device, and check the clips."""
        if self.order is not None:
            self.order.to(device)
        return super().prepare(clips, selection, device=device, folder=folder, progress=progress)

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Make the sequences of the windows, compare them with their truth, and look at their order."""
        blurry, truth = batch["blurry"][:, 0], self.in_order(batch["subframes"][:, 0])
        inputs = self.inputs(blurry, truth)
        planes = network(inputs[:, None])[:, 0]
        terms = self.distances(planes, inputs, truth)
        if self.order is not None:
            order = self.settings.order
            terms["order"] = order.alpha * regulariser(self.order.ahead(frames_of(planes)), order.form)
        return StepLoss(torch.stack(list(terms.values())).sum(), {name: term.detach() for name, term in terms.items()})

    @property
    def sees_direction(self) -> bool:
        """Whether the loss, that of the order aside, is another one where the true frames are reversed."""
        return self.settings.loss != "order_invariant"

    def in_order(self, truth: Tensor) -> Tensor:
        """Return the true frames (N, 7, 3, h, w) in the order that the regulariser asks for; without one, as they are.

        The published code reverses all of them, since what it asks, whether a sum of softplus is above zero, is always
        so. The order-invariant loss does not see the difference, so that with it nothing is reversed.
        """
        if self.order is not None and self.is_published:
            return truth.flip(1)
        if self.order is None or not self.sees_direction:
            return truth
        with torch.no_grad():
            return ordered(truth, self.order.ahead(truth))

    def inputs(self, blurry: Tensor, truth: Tensor) -> Tensor:
        """Return the planes that the network takes, (N, C, h, w); in this base class, the blurry picture."""
        return blurry

    @abstractmethod
    def distances(self, planes: Tensor, inputs: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms of the loss but that of the order, each a scalar.

        Args:
            planes: (N, C', h, w), what the network returned.
            inputs: (N, C, h, w), what it took.
            truth: (N, 7, 3, h, w).
        """

    def distance_of(self, made: Tensor, truth: Tensor) -> Tensor:
        """Return the distance that the settings name, of RGB frames (N, 7, 3, h, w) in [0, 1].

        As in the published code it is one of pictures that were divided by ImageNet's spreads: squared, it is 20 times
        that of pictures in [0, 1], and the weights of the other terms, such as α, are chosen for it.
        """
        settings = self.settings
        epsilon = settings.charbonnier_epsilon
        spread = made.new_tensor(SPREAD)[:, None, None]
        made, truth = made / spread, truth / spread
        return sequence_loss(made, truth, settings.loss, middle=not self.is_published, epsilon=epsilon)

    @torch.no_grad()
    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the first window: its blurry picture and the seven frames, above them the same with the true frames."""
        blurry, truth = batch["blurry"][:1, 0], self.in_order(batch["subframes"][:1, 0])
        made = frames_of(network(self.inputs(blurry, truth)[:, None])[:, 0])
        rows = [torch.cat((blurry[0], *frames[0]), dim=2) for frames in (truth, made)]
        levels = (255 * torch.cat(rows, dim=1).clamp(0, 1)).float().round().byte()  # (3, 2h, 8w)
        return np.asarray(levels.permute(1, 2, 0).cpu().numpy(), np.uint8)


class JinObjective(SequenceObjective):
    """Jin's loss: the distance at the whole size, a mean over the frames."""

    def distances(self, planes: Tensor, inputs: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return the distance."""
        return {"frames": self.distance_of(frames_of(planes), truth) / FRAMES}


class PurohitObjective(SequenceObjective):
    """Purohit's loss: the distance at four sizes, and the smoothness of the flows."""

    settings: PurohitSettings

    def inputs(self, blurry: Tensor, truth: Tensor) -> Tensor:
        """Return the blurry picture, and as published the true middle frame beside it."""
        return torch.cat((blurry, truth[:, MIDDLE]), dim=1) if self.is_published else blurry

    def distances(self, planes: Tensor, inputs: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return the mean distance over the sizes, and the weighted smoothness."""
        found = []
        for level, made in enumerate(scales_of(planes)):
            true = F.avg_pool2d(truth.flatten(1, 2), 2**level, ceil_mode=True)  # (N, 21, h, w)
            found.append(self.distance_of(made, frames_of(true)))
        length, variation = flow_terms(planes)
        flows = length if self.is_published else variation
        return {"frames": torch.stack(found).mean(), "flows": self.settings.smoothness * flows}


class ZhongObjective(SequenceObjective):
    """Zhong's losses: the distances of both stages, and those of the guidance that is guessed."""

    settings: ZhongSettings

    @property
    def sees_direction(self) -> bool:
        """Whether the loss sees the direction of the true frames: it does, since their flow is part of the input."""
        return True

    def inputs(self, blurry: Tensor, truth: Tensor) -> Tensor:
        """Return the blurry picture and its guidance: the signs of the flow from the first true frame to the last."""
        flow = flow_of_pictures(truth[:, 0], truth[:, -1])
        moves = flow.norm(dim=1, keepdim=True) >= self.settings.still_px
        signs = torch.where(flow < 0, -1.0, 1.0) * moves  # never 0 along one side alone
        return torch.cat((blurry, signs.to(blurry)), dim=1)

    def distances(self, planes: Tensor, inputs: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return the distances, the cross-entropy and the divergence, weighted."""
        settings = self.settings
        logits, divergence = guess_terms(planes)
        return {
            "frames": self.distance_of(frames_of(planes), truth) / FRAMES,
            "rough": settings.rough_weight * self.distance_of(rough_of(planes), truth) / FRAMES,
            "guess": settings.class_weight * F.cross_entropy(logits, class_of(inputs[:, 3:])),
            "divergence": settings.divergence_weight * divergence,
        }


class SequenceTraining(HyperCutTraining[SequenceT]):
    """What the trainings of all networks of sequences share."""

    def build(self, seed: int = 0) -> SequenceNetwork:
        """Build the network with random weights drawn from ``seed``.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network does not take its arguments, or makes no sequences.
        """
        return build_sequence_network(self.settings.network, self._arguments, seed)

    @property
    def _arguments(self) -> dict[str, object]:
        return dict(self.settings.network_arguments)

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network as one of clips, whose results are what a training compares."""
        assert isinstance(network, SequenceNetwork)
        return PlanesOfPictures(network)

    def loaded(self, device: str = "cpu") -> SequenceNetwork:
        """Build the network with its weights, in evaluation, on a device.

        Raises:
            WeightsError: if no weights were given, or they are missing, damaged, or of another network.
        """
        network = self._loaded()
        assert isinstance(network, SequenceNetwork)
        return network.to(device)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip, (T, H, W, 3) uint8 RGB, by the middle frame of each picture's sequence.

        All sequences are part of the result, for metrics of sequences.

        Raises:
            InputError: under the conditions of :func:`sequence_of`.
        """
        if not isinstance(network, SequenceNetwork):
            raise InputError(f"{type(network).__name__} makes no sequences")
        network, count = network.to(budget.device).eval(), self.settings.guesses
        with stage("restoring"):
            series = plausible_sequences(network, blurry, count, budget.device, seed=budget.seed)
        return Restoration(series[0][:, MIDDLE], series=series)


class JinTraining(SequenceTraining[JinSettings]):
    """A training of Jin's network."""

    Settings: ClassVar[type[Settings]] = JinSettings

    def objective(self, seed: int = 0) -> JinObjective:
        """Build the objective of the training."""
        return JinObjective(self.settings, open_order(self.settings.order))


class PurohitTraining(SequenceTraining[PurohitSettings]):
    """A training of Purohit's network."""

    Settings: ClassVar[type[Settings]] = PurohitSettings

    @property
    def _arguments(self) -> dict[str, object]:
        return {"centre_given": self.settings.as_ == "published", **self.settings.network_arguments}

    def objective(self, seed: int = 0) -> PurohitObjective:
        """Build the objective of the training."""
        return PurohitObjective(self.settings, open_order(self.settings.order))


class ZhongTraining(SequenceTraining[ZhongSettings]):
    """A training of Zhong's networks."""

    Settings: ClassVar[type[Settings]] = ZhongSettings

    def objective(self, seed: int = 0) -> ZhongObjective:
        """Build the objective of the training."""
        return ZhongObjective(self.settings, open_order(self.settings.order))
