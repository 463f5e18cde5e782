"""SelfHVD trained over the clips of a dataset, without truth, for any video network of the catalogue.

Stage 1 and 2 of the paper (Eqs. 6-10, 13, 14). Sharp frames are aligned to the blurry input once, by DIS flow; the VGG
terms and the uncertainty mask need weights and are off.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hvdbench.catalog import resolve
from hvdbench.engine import thread_map
from hvdbench.errors import FitError, RecipeError
from hvdbench.flow import Preset
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.alignment import Aligner, nearest_sharp
from hvdbench.methods.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.selfhvd import equations
from hvdbench.recipe import Settings


class SelfHvdDatasetSettings(Settings):
    """A training over clips."""

    network: str
    """A video network of the catalogue, or an import string."""
    network_arguments: dict[str, Any] = {}
    """The network's constructor arguments."""
    crop_px: int = Field(256, ge=8)
    """Side of the random crops."""
    clip_frames: int = Field(10, ge=2)
    """Consecutive frames in a training window."""
    batch: int = Field(1, ge=1)
    stage1_steps: int = Field(100_000, ge=0)
    stage2_steps: int = Field(100_000, ge=0)
    learning_rate: float = Field(1e-4, gt=0)
    final_learning_rate: float = Field(1e-7, ge=0)
    distortion_threshold: float = Field(0.5, ge=0, le=1)
    """``τ`` of Eq. 8."""
    spatial_consistency: float = Field(1.0, ge=0)
    """``λ`` of Eq. 14."""
    flow: Preset = "medium"
    """OpenCV DIS preset of the alignment, on the blurry input."""
    mask_scale: float = Field(0.5, gt=0)
    """``s`` of Eq. 5, per px."""
    zero_flow_start: bool = False
    """Let an untrained SPyNet start at zero flow; for fits without its pre-trained weights."""


@dataclass(frozen=True)
class TrainingClip:
    """A clip with its labels, aligned once.

    Attributes:
        frames: (T, H, W, 3) uint8.
        warped: (T, H, W, 3) uint8, ``S_{j→i}``: each frame's nearest sharp frame warped onto it.
        masks: (T, H, W) uint8, ``M_i``.
        is_sharp: (T,).
    """

    frames: Frames
    warped: Frames
    masks: NDArray[np.uint8]
    is_sharp: NDArray[np.bool_]


def align_clip(blurry: Frames, labels: SharpLabels, settings: SelfHvdDatasetSettings, workers: int) -> TrainingClip:
    """Warp each frame's nearest sharp frame onto it (Eq. 3); a sharp frame's own label is itself.

    Raises:
        FitError: no frame is selected.
    """
    if not labels.is_selected.any():
        raise FitError("no frame of the clip is sharper than the rest: there is nothing to learn from")
    aligner = Aligner(blurry, settings.flow, settings.mask_scale)
    nearest = {i: nearest_sharp(i, labels.selected) for i in range(len(blurry)) if not labels.is_selected[i]}
    warped, masks = blurry.copy(), np.full(blurry.shape[:3], 255, np.uint8)

    def align(i: int) -> None:
        j = nearest[i]
        if j is not None:
            warped[i] = np.rint(aligner.warped(i, j))
            masks[i] = np.rint(255 * aligner.mask(i, j))

    list(thread_map(align, list(nearest), workers))
    return TrainingClip(blurry, warped, masks, labels.is_selected)


def remove_clues(is_sharp: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.intp]:
    """Choose, for each slot of a window, the frame that stands in it once some sharp clues are removed (RSCR).

    ``l`` of the ``L`` sharp frames, 0 < l ≤ L, drawn evenly, are replaced by their temporally closest blurry frame.

    Args:
        is_sharp: (T,) labels of the window.
        random: the draw.

    Returns:
        (T,) frame index for each slot; a window without sharp or without blurry frames stays as it is.
    """
    slots = np.arange(len(is_sharp))
    sharp, blurry = np.flatnonzero(is_sharp), np.flatnonzero(~is_sharp)
    if len(sharp) and len(blurry):
        for i in random.choice(sharp, random.integers(1, len(sharp) + 1), replace=False):
            slots[i] = blurry[np.argmin(np.abs(blurry - i))]
    return slots


@dataclass(frozen=True)
class _Window:
    blurry: Tensor  # (N, T, 3, h, w)
    warped: Tensor  # (N, T, 3, h, w)
    masks: Tensor  # (N, T, 1, h, w)
    is_sharp: NDArray[np.bool_]  # (N, T)


class SelfHvdDataset:
    """Trains a video network by SelfHVD and restores clips with it."""

    Settings: ClassVar[type[Settings]] = SelfHvdDatasetSettings

    def __init__(self, settings: SelfHvdDatasetSettings) -> None:
        self.settings = settings

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network, its initial weights drawn from ``seed``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network_class = resolve("network", self.settings.network)
            try:
                network: nn.Module = network_class(**self.settings.network_arguments)
            except (TypeError, ValueError) as error:
                given = ", ".join(f"{key} = {value}" for key, value in self.settings.network_arguments.items())
                raise RecipeError(f"network '{self.settings.network}' does not take {given}: {error}") from error
        if self.settings.zero_flow_start and hasattr(network, "spynet"):
            network.spynet.start_at_zero_flow()  # type: ignore[union-attr, operator]
        return network

    def train(self, clips: Sequence[TrainingClip], budget: Budget) -> tuple[nn.Module, dict[str, Any]]:
        """Run both stages over the clips in a fixed number of steps.

        Returns:
            The network and JSON-able facts: losses every tenth step, seconds.
        """
        started = time.perf_counter()
        network = self.build(budget.seed).to(budget.device).train()
        random = np.random.default_rng(budget.seed)
        settings = self.settings
        total = settings.stage1_steps + settings.stage2_steps
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, total), settings.final_learning_rate)
        anchor: nn.Module | None = None
        losses = []
        for step in range(total):
            window = self._draw(clips, random, budget.device)
            if step < settings.stage1_steps:
                restored = network(window.blurry)
                loss = equations.reconstruction_loss(restored, window.warped, window.masks)  # Eq. 13
            else:
                anchor = anchor or copy.deepcopy(network).requires_grad_(False)
                loss = self._stage2_loss(network, anchor, window, random)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 10 == 0 or step == total - 1:
                losses.append(float(loss.detach()))
                budget.progress(step + 1, total, "train")
        facts = {"loss": losses, "steps": total, "seconds": round(time.perf_counter() - started, 1)}
        return network.eval(), facts

    def restore(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights, run as the budget says."""
        return restore_with(network, blurry, budget)  # type: ignore[arg-type]

    def _stage2_loss(
        self, network: nn.Module, anchor: nn.Module, window: _Window, random: np.random.Generator
    ) -> Tensor:
        """Give Eq. 14 without its VGG term; the frame in a slot decides its targets."""
        slots = torch.from_numpy(np.stack([remove_clues(row, random) for row in window.is_sharp])).to(
            window.blurry.device
        )
        rows = torch.arange(len(slots), device=slots.device).unsqueeze(1)

        def at_slots(clip: Tensor) -> Tensor:
            return clip[rows, slots].flatten(0, 1)  # (N*T, C, h, w)

        with torch.no_grad():
            teacher = at_slots(network(window.blurry))
            held = at_slots(anchor(window.blurry)) if self.settings.spatial_consistency > 0 else None
        warped, masks = at_slots(window.warped), at_slots(window.masks)
        restored = network(window.blurry[rows, slots]).flatten(0, 1)  # (N*T, 3, h, w)
        take_sharp = equations.sharp_frame_is_better(warped, masks, teacher, self.settings.distortion_threshold)
        loss = equations.self_enhanced_loss(restored, warped, masks, teacher, take_sharp)
        if held is not None:
            loss = loss + self.settings.spatial_consistency * equations.spatial_consistency_loss(restored, held)
        return loss

    def _draw(self, clips: Sequence[TrainingClip], random: np.random.Generator, device: str) -> _Window:
        """Draw windows of consecutive frames, cropped, flipped and turned at random."""
        drawn = []
        for _ in range(self.settings.batch):
            clip = clips[int(random.integers(len(clips)))]
            count, height, width = clip.frames.shape[:3]
            length = min(self.settings.clip_frames, *(len(c.frames) for c in clips))
            size = min(self.settings.crop_px, *(side // 4 * 4 for c in clips for side in c.frames.shape[1:3]))
            first = int(random.integers(count - length + 1))
            top, left = int(random.integers(height - size + 1)), int(random.integers(width - size + 1))
            cut = (slice(first, first + length), slice(top, top + size), slice(left, left + size))
            flip, turns = bool(random.random() < 0.5), int(random.integers(4))

            def turn(frames: NDArray[np.uint8], flip: bool = flip, turns: int = turns) -> Tensor:
                turned = np.rot90(frames[:, :, ::-1] if flip else frames, turns, axes=(1, 2))
                return torch.from_numpy(np.ascontiguousarray(turned)).to(device).float() / 255

            drawn.append(
                (
                    turn(clip.frames[cut]).permute(0, 3, 1, 2),  # (T, 3, h, w)
                    turn(clip.warped[cut]).permute(0, 3, 1, 2),
                    turn(clip.masks[cut]).unsqueeze(1),  # (T, 1, h, w)
                    clip.is_sharp[cut[0]],
                )
            )
        blurry, warped, masks, is_sharp = zip(*drawn, strict=True)
        return _Window(torch.stack(blurry), torch.stack(warped), torch.stack(masks), np.stack(is_sharp))
