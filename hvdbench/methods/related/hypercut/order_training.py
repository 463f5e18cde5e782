"""Train the network that orders frames (Eq. 5-6): a pair and its reverse lie on different sides of a plane."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.errors import FitError, InputError
from hvdbench.frames import Frames
from hvdbench.methods.related.hypercut.augmentation import augmented
from hvdbench.methods.related.hypercut.order import build_order, consistent_share, hit_share
from hvdbench.methods.related.hypercut.settings import HyperCutSettings, OrderTrainingSettings
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.training.network_training import NetworkTraining, TrainingT
from hvdbench.methods.training.objective import Objective, StepLoss, bare
from hvdbench.networks.hypercut import MIN_SIZE_PX, HyperCUT
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.workspace.progress import Progress

_AUGMENTATION = 5  # keeps these draws apart from those of the window, which has the same seed and index
_LEAST_SUBFRAMES = 3


class VectorsOfSequences(nn.Module):
    """HyperCUT behind the interface of networks of clips; (N, T, 3, H, W) RGB to vectors (N, T - 1, D, 1, 1)."""

    spec: NetworkSpec = NetworkSpec(min_size_px=MIN_SIZE_PX)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        assert isinstance(self.network, HyperCUT)
        vectors: Tensor = self.network(self.network.normalised(clip))
        return vectors[..., None, None]


class SubframesObjective(Objective):
    """What the objectives share: clips whose exposures come with their sharp sub-frames."""

    def __init__(self, settings: HyperCutSettings, count: int | None) -> None:
        self.settings, self.count = settings, count

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Check that all clips have the sub-frames that the network needs, and return them as they are.

        Raises:
            FitError: if one does not.
        """
        for clip in clips.clips:
            found, needed = clip.subframes, self.count or _LEAST_SUBFRAMES
            if found < needed or found % 2 == 0 or (self.count and found != needed):
                has = f"{found} sharp sub-frames of each exposure" if found else "no sharp sub-frames of its exposures"
                raise FitError(
                    f"clip '{clip.key}' has {has}, and {needed}{'' if self.count else ' or more, an odd number,'} are "
                    "learned from: make a dataset with 'subframes' (recipe 'blur2vid_handheld')"
                )
        return clips


class OrderObjective(SubframesObjective):
    """The loss of Eq. 6, and the term that asks all pairs of an exposure to lie on one side; half of each."""

    def __init__(self, settings: OrderTrainingSettings, seed: int) -> None:
        super().__init__(settings, None)
        self.augmentation, self.seed = settings.augmentation, seed

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Encode the pairs of each exposure, changed at random, and compare their sides."""
        order = bare(network).get_submodule("inner")
        assert isinstance(order, HyperCUT)
        exposures = []
        for row, index in enumerate(batch["index"].tolist()):
            random = np.random.default_rng([self.seed, index, _AUGMENTATION])
            exposures.append(augmented(batch["subframes"][row, 0], self.augmentation, random))
        vectors = network(torch.stack(exposures))[..., 0, 0]  # (N, T - 1, D)
        loss = order.order_loss(vectors)
        sides = order.hyperplane(vectors.detach()).squeeze(-1)
        terms = {"diff": loss.diff.detach(), "same": loss.same.detach()}
        shares = {"hit_share": hit_share(sides), "consistent_share": consistent_share(sides)}
        return StepLoss(loss.total, {**terms, **shares})


class HyperCutTraining(NetworkTraining[TrainingT]):
    """What all trainings of HyperCUT share: they learn from the sharp sub-frames of exposures."""

    reads_truth: ClassVar[bool] = True
    reads_subframes: ClassVar[bool] = True
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False

    @property
    def made_from(self) -> str | None:
        """Nothing, since no weights of it come with hvdbench that restore frames."""
        return None


class OrderTraining(HyperCutTraining[OrderTrainingSettings]):
    """A training of the network that orders frames."""

    Settings: ClassVar[type[Settings]] = OrderTrainingSettings

    def build(self, seed: int = 0) -> HyperCUT:
        """Build the network with random weights drawn from ``seed``, and its plane, which stays as it is drawn.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network does not take its arguments, or is another one.
        """
        settings = self.settings
        arguments = {"as_meant": settings.as_ == "meant", **settings.network_arguments}
        return build_order(settings.network, arguments, seed)

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network as one of clips, whose results are vectors."""
        return VectorsOfSequences(network)

    def objective(self, seed: int = 0) -> OrderObjective:
        """Build the objective of the training."""
        return OrderObjective(self.settings, seed)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Refuse to restore.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"network '{self.settings.network}' restores no frames: it is trained for methods such as "
            "'blur2vid_jin_hypercut', whose recipes name its weights"
        )
