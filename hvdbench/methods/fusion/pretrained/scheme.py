"""Restore a clip by fusion whose weights were trained before, on synthesised clips of other scenes with their truth."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from hvdbench.errors import FitError, InputError
from hvdbench.flow import finest_level
from hvdbench.frames import Frames, Image
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model, fits_better
from hvdbench.methods.blur.reduction import reduced, reduction
from hvdbench.methods.building import load_start
from hvdbench.methods.fusion.pretrained.adaptation import adapt, adaptation_cost
from hvdbench.methods.fusion.pretrained.objective import FusionObjective
from hvdbench.methods.fusion.pretrained.planes import FramePlanes, frame_planes
from hvdbench.methods.fusion.pretrained.settings import FusionTrainingSettings
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import FitCost, TrainedScheme
from hvdbench.methods.stages import measured, stage
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.candidate_fusion import PICTURES, CandidateFusion, blended
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.store import Truth
from hvdbench.workspace.engine import thread_map

_TRUSTED, _REACH_PX, _BEYOND = 0.3, 2, 4.0
"""Mask and reach, on the network's copy, of what limits a restored pixel, and how many levels it may lie beyond: 1 px
with 8 levels and 2 px with 8 come out within 0.01 dB of these on validation clips."""
_BAND_ROWS = 128  # of all pictures and weights at once: those of whole frames of 3840x2160 would take two gigabytes


class PretrainedFusion(TrainedScheme[FusionTrainingSettings]):
    """A scheme that aligns, blends by re-blur, and lets a network that was trained before correct the blend.

    Nothing is learned from the clip itself, unless the settings ask for steps of an adaptation. Without weights of its
    own it takes those inside the package.
    """

    Settings: ClassVar[type[Settings]] = FusionTrainingSettings
    reads_truth: ClassVar[bool] = True
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False
    takes_16_bits: ClassVar[bool] = True
    adapts: ClassVar[bool] = True

    @property
    def window(self) -> WindowSettings:
        """The settings of the windows that the network is trained on."""
        return self.settings.window

    @property
    def engine(self) -> EngineSettings:
        """The settings of the training loop."""
        return self.settings.engine

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose clips are trained on; empty for all of the dataset."""
        return self.settings.splits

    @property
    def truth(self) -> Truth:
        """The kind of truth that it learns from."""
        return self.settings.truth

    def build(self, seed: int = 0) -> CandidateFusion:
        """Build the network with random weights drawn from ``seed``; it returns the blend."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CandidateFusion(self.settings.channels, self.settings.blocks)

    def start(self, seed: int = 0) -> CandidateFusion:
        """Build the network with the weights that a training starts from.

        Raises:
            WeightsError: if the file is missing, damaged, or belongs to another network.
        """
        network = self.build(seed)
        load_start(network, self.settings.start_from or None, {})
        return network

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network as one that takes its planes as the frames of a clip, (N, PLANES, 1, H, W)."""
        return _OfPlanes(network)

    def objective(self, seed: int = 0) -> FusionObjective:
        """Build the objective of the training."""
        return FusionObjective(self.settings, seed)

    def with_steps(self, steps: int) -> Self:
        """Return the same training with this number of steps."""
        engine = self.settings.engine.model_copy(update={"steps": steps})
        return type(self)(self.settings.model_copy(update={"engine": engine}))

    @property
    def fit_steps(self) -> int:
        """The number of steps of the adaptation to each clip; 0 if there is none."""
        return self.settings.adaptation.steps

    def with_fit_steps(self, steps: int) -> Self:
        """Return the same scheme and weights with this number of steps of the adaptation to each clip."""
        adaptation = self.settings.adaptation.model_copy(update={"steps": steps})
        changed = copy.copy(self)
        changed.settings = self.settings.model_copy(update={"adaptation": adaptation})
        return changed

    def fit_cost(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> FitCost:
        """Time a few steps of an adaptation to a clip, and a part of its preparation.

        Raises:
            WeightsError: if the weights are missing, damaged, or of another network.
        """
        network, model = self._model(blurry, labels, budget)
        return adaptation_cost(network, model, labels, self.settings, budget)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Refuse to restore without labels, since the network blends frames that are known to be sharp.

        Raises:
            InputError: always.
        """
        raise InputError("pre-trained fusion needs the labels of a clip, so it cannot restore frames alone")

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore the frames that are not selected, and selected ones that labels and motion do not both call sharp.

        Raises:
            FitError: if no frame is selected.
            WeightsError: if the weights are missing, damaged, or of another network.
        """
        with measured() as stages:
            found = self._restored(blurry, labels, budget)
        return Restoration(found.frames, found.facts | stages.facts)

    def _restored(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip, and mark the stages of the work."""
        started = time.perf_counter()
        adapted = dict[str, object]()
        with stage("flow"):
            network, model = self._model(blurry, labels, budget)
        if self.fit_steps:
            with stage("training"):
                outcome = adapt(network, model, labels, self.settings, budget)
            network, adapted = outcome.network, {"adaptation": outcome.facts}
        if reduction(*blurry.shape[1:3]) > 1:
            model = replace(model, aligner=replace(model.aligner, frames=blurry, guide=model.aligner))
        confirmed = model.confirmed_sharp(labels.is_passed)
        passed = confirmed if self.settings.pass_through else np.zeros(len(blurry), bool)
        todo = [int(i) for i in np.flatnonzero(~passed) if budget.keeps(int(i))]
        restored = blurry.copy()

        def one(i: int) -> Image:
            return apply_network(network, frame_planes(model, i, labels.selected), budget.device)

        with stage("restoring"), _threads_shared_by(budget.workers):
            for done, picture in enumerate(thread_map(one, todo, budget.workers)):
                restored[todo[done]] = model.aligner.stored(picture)
                budget.progress(done + 1, len(todo), "align, blend and correct")
        return Restoration(
            restored,
            {
                "exposure_share": model.tau,
                "flow": model.aligner.preset,
                "passed_through": np.flatnonzero(passed).tolist(),
                "selected_but_restored": np.flatnonzero(labels.is_selected & ~passed).tolist(),
                "seconds": round(time.perf_counter() - started, 1),
                **adapted,
            },
        )

    def _model(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> tuple[CandidateFusion, ExposureModel]:
        """Load the network, and fit the blur model of a clip, on copies of the size that the network sees.

        Raises:
            FitError: if no frame is selected.
            WeightsError: if the weights are missing, damaged, or of another network.
        """
        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest: there is nothing to borrow from")
        network = self._loaded().to(budget.device)
        assert isinstance(network, CandidateFusion)
        budget.progress(0, 1, "flow and exposure")
        factor = reduction(*blurry.shape[1:3])
        seen = blurry if factor == 1 else np.stack([reduced(frame, factor, multiple=2) for frame in blurry])
        aligner = Aligner(seen, self.settings.flow, self.settings.mask_scale, alignment=self.settings.alignment)
        is_sharp, workers = labels.is_selected, budget.workers
        model = fit_exposure_model(aligner, is_sharp, workers, with_paths=False)
        if self.settings.flow == "by_size" and finest_level(*seen.shape[1:3]) > 1:
            finer = replace(aligner, preset="medium")
            if fits_better(finer, model, is_sharp, workers):
                model = fit_exposure_model(finer, is_sharp, workers, with_paths=False)
        return network, model


@contextmanager
def _threads_shared_by(workers: int) -> Iterator[None]:
    """Divide torch's threads among frames that are restored side by side, instead of giving each frame all of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def apply_network(network: CandidateFusion, frame: FramePlanes, device: str) -> Image:
    """Restore a frame from its planes to (H, W, 3) in [0, 255].

    The network chooses on the copy that it sees, whatever the size of the frame.
    """
    height, width = frame.blend.shape[:2]
    restored = np.empty((height, width, 3), np.float32)
    with torch.inference_mode():
        chosen = torch.cat(network.choose(torch.from_numpy(frame.planes[None]).to(device) / 255), dim=1)
        rows = _BAND_ROWS // frame.factor
        for top in range(0, chosen.shape[2], rows):
            band = slice(top * frame.factor, min(height, (top + rows) * frame.factor))
            pictures = np.stack([picture[band] for picture in frame.pictures])
            masks = np.stack([_everywhere(mask, frame.blend)[band] for mask in frame.masks])
            large = _enlarged(chosen, top, rows, frame.factor)[:, :, : band.stop - band.start, :width]
            of_pictures = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)[None] / 255
            picture = blended(
                of_pictures,
                torch.from_numpy(masks).to(device)[None],
                large[:, : len(PICTURES)],
                large[:, len(PICTURES) :],
            )
            restored[band] = 255 * picture[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return within_range(restored, frame)


def within_range(restored: Image, frame: FramePlanes) -> Image:
    """Limit a restored frame to what the blurry frame and the pictures that are trusted show around each pixel.

    Corrections towards the input ring where it is clipped, or where flow is wrong: beside a lit tube on a real clip of
    HVD the network left ragged black edges. On eight validation clips the limit changes
    PSNR by -0.01 to +0.01 dB.
    """
    low, high = frame.pictures[0].copy(), frame.pictures[0].copy()
    for picture, mask in zip(frame.pictures[-len(frame.masks) :], frame.masks, strict=True):
        if mask is not None:
            trusted = (mask > _TRUSTED)[..., None]
            np.minimum(low, picture, out=low, where=trusted)
            np.maximum(high, picture, out=high, where=trusted)
    side = 2 * _REACH_PX * frame.factor + 1
    around = np.ones((side, side), np.uint8)
    low, high = cv2.erode(low, around) - _BEYOND, cv2.dilate(high, around) + _BEYOND
    return np.asarray(np.clip(restored, low, high), np.float32)


def _everywhere(mask: Image | None, blend: Image) -> Image:
    return np.zeros(blend.shape[:2], np.float32) if mask is None else mask


def _enlarged(chosen: Tensor, top: int, rows: int, factor: int) -> Tensor:
    """Enlarge some rows of what the network chose, bilinearly, as if all of it were."""
    if factor == 1:
        return chosen[:, :, top : top + rows]
    first, last = max(0, top - 1), min(chosen.shape[2], top + rows + 1)
    large = torch.nn.functional.interpolate(chosen[:, :, first:last], scale_factor=factor, mode="bilinear")
    start = (top - first) * factor
    return large[:, :, start : start + rows * factor]


class _OfPlanes(nn.Module):
    """A network of planes behind the interface of networks of clips."""

    spec: NetworkSpec = NetworkSpec()

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        restored: Tensor = self.network(clip.squeeze(2))
        return restored.unsqueeze(1)
