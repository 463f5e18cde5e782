"""Train the two networks of DaDeblur on clips with their truth: the blur magnitude estimator, and the diffusion."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.dadeblur.exposure_clips import STREAM, ExposureClips, decoded, turned_alike
from hvdbench.methods.rivals.dadeblur.networks import OfPictures, OfPlanes, build_part
from hvdbench.methods.rivals.dadeblur.settings import (
    BlurringTrainingSettings,
    EstimatorTrainingSettings,
    ExposureTrainingSettings,
)
from hvdbench.methods.rivals.settings import Way
from hvdbench.methods.supervised import charbonnier_loss
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.methods.training.objective import Objective, StepLoss, bare
from hvdbench.networks.rivals.id_blau import CHANGE_UNIT, IdBlau
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.store import Truth
from hvdbench.workspace.progress import Progress

_TURNS, _NOISE = 3, 4  # keep these draws apart from that of the window, which has the same seed and index
TrainingT = TypeVar("TrainingT", bound=ExposureTrainingSettings, covariant=True)


class ExposureObjective(Objective):
    """What both objectives share: clips with measured exposures, and windows that are mirrored and turned here."""

    def __init__(self, settings: ExposureTrainingSettings, way: Way, seed: int) -> None:
        self.settings, self.way, self.seed = settings, way, seed

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Measure the exposures of all clips once and return a reader with them."""
        return ExposureClips(clips, settings=self.settings, folder=folder, progress=progress)

    def drawn(self, batch: Mapping[str, Tensor], way: Way) -> tuple[Tensor, Tensor, Tensor]:
        """Return blurry and sharp pictures (N, 3, h, w) and exposures (N, 3, h, w), each window turned in its way."""
        windows = []
        for row, index in enumerate(batch["index"].tolist()):
            random = np.random.default_rng([self.seed, index, _TURNS])
            pictures = [batch[name][row, 0] for name in ("blurry", "truth")]
            exposure = decoded(batch[STREAM][row, 0], self.settings.longest_px)
            (blurry, truth), exposure = turned_alike(pictures, exposure, random, way)
            windows.append((blurry, truth, exposure))
        blurry, truth, exposure = (torch.stack(parts) for parts in zip(*windows, strict=True))
        return blurry, truth, exposure


class EstimatorObjective(ExposureObjective):
    """The L1 distance between the estimated magnitude and the measured length.

    The published loss has a second term whose function is defined nowhere, so nothing is known of it.
    """

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Estimate the magnitudes of the windows and compare them with the lengths of their paths."""
        blurry, _, exposure = self.drawn(batch, "meant")
        estimated, length = network(blurry[:, None])[:, 0], exposure[:, 2:]
        if self.way == "published":
            length = length[:, 0]  # (N, h, w), which broadcasts to (N, N, h, w)
        l1 = (estimated - length).abs().mean()
        return StepLoss(l1, {"l1_px": self.settings.longest_px * l1.detach()})


class BlurringObjective(ExposureObjective):
    """The Charbonnier distance between what the diffusion's network predicts and what it should.

    That is the noise, as published, or the change of the sharp picture, as the network declares.
    """

    def __init__(self, settings: BlurringTrainingSettings, seed: int) -> None:
        super().__init__(settings, settings.as_, seed)
        self.epsilon = settings.charbonnier_epsilon

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Add noise to the blurry windows and predict."""
        blurry, truth, exposure = self.drawn(batch, self.way)
        diffusion = bare(network).get_submodule("inner")
        assert isinstance(diffusion, IdBlau)
        seeds = [np.random.default_rng([self.seed, index, _NOISE]) for index in batch["index"].tolist()]
        steps = torch.tensor([int(random.integers(len(diffusion.betas))) for random in seeds]).to(blurry.device)
        drawn = [random.standard_normal(blurry.shape[1:], np.float32) for random in seeds]
        noise = torch.from_numpy(np.stack(drawn)).to(blurry)
        noisy = diffusion.perturbed(blurry - 0.5, steps, noise)
        wanted = noise if diffusion.predicts == "noise" else (blurry - truth) / CHANGE_UNIT
        planes = OfPlanes.joined(noisy, torch.cat((truth - 0.5, exposure), dim=1), steps)
        difference = network(planes)[:, :, 0] - wanted
        loss = charbonnier_loss(difference, self.epsilon)
        return StepLoss(loss, {diffusion.predicts: difference.detach().abs().mean()})


class ExposureTraining(NetworkTraining[TrainingT]):
    """What the trainings of both networks share."""

    reads_truth: ClassVar[bool] = True
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False

    @property
    def truth(self) -> Truth:
        """The kind of truth that it learns from."""
        return self.settings.truth

    @property
    def made_from(self) -> str | None:
        """Nothing, since it restores no frames."""
        return None

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network with random weights drawn from ``seed``.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network does not take its arguments, or is of another kind.
        """
        return build_part(self.settings.network, self.settings.network_arguments, seed)

    @abstractmethod
    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network behind the interface of networks of clips."""

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Refuse to restore.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"network '{self.settings.network}' restores no frames: it is trained for the method 'dadeblur', whose "
            "recipe names its weights"
        )


class EstimatorTraining(ExposureTraining[EstimatorTrainingSettings]):
    """A training of the blur magnitude estimator."""

    Settings: ClassVar[type[Settings]] = EstimatorTrainingSettings

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the estimator as a network of clips, whose results have one channel."""
        return OfPictures(network)

    def objective(self, seed: int = 0) -> EstimatorObjective:
        """Build the objective of the training."""
        return EstimatorObjective(self.settings, self.settings.as_, seed)


class BlurringTraining(ExposureTraining[BlurringTrainingSettings]):
    """A training of the blurring network."""

    Settings: ClassVar[type[Settings]] = BlurringTrainingSettings

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the diffusion as a network of planes."""
        return OfPlanes(network)

    def objective(self, seed: int = 0) -> BlurringObjective:
        """Build the objective of the training."""
        return BlurringObjective(self.settings, seed)
