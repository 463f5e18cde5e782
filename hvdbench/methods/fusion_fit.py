"""Fit the fusion network to one clip by SelfHVD's two stages, without truth, in a fixed number of steps."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from hvdbench.flow import Flow
from hvdbench.methods.candidates import FIRST_SHARP_SLOT, CandidateStack
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd import equations
from hvdbench.networks.fusion import FusionNetwork
from hvdbench.recipe import Settings


class FusionFitSettings(Settings):
    """The fit's values; those of the paper are marked in the recipes."""

    channels: int = Field(32, ge=1)
    blocks: int = Field(3, ge=0)
    patch_px: int = Field(64, ge=8, multiple_of=2)
    """Side of the random crops, even."""
    batch: int = Field(8, ge=1)
    stage1_steps: int = Field(300, ge=0)
    stage2_steps: int = Field(300, ge=0)
    learning_rate: float = Field(3e-4, gt=0)
    """Adam's, falling by a cosine to a thirtieth in each stage."""
    warm_up_steps: int = Field(20, ge=0)
    distortion_threshold: float = Field(0.5, ge=0, le=1)
    """``τ`` of Eq. 8."""
    spatial_consistency: float = Field(1.0, ge=0)
    """``λ`` of Eq. 14."""
    reblur: float = Field(0.0, ge=0)
    """Weight of the re-blur consistency loss; 0 turns it off."""
    learn_blend: bool = False
    """Take the last candidate, a blend of all sharp neighbours, as label and starting point; else one of the two warped
    neighbouring sharp frames as label, and the blurry frame as starting point."""


@dataclass(frozen=True)
class ReblurModel:
    """The blur of the stacked frames: motion (N, H, W, 2), exposure share, and whose blur the flow explains (N,)."""

    motion: NDArray[np.float32] | list[Flow]
    tau: float
    explained: NDArray[np.bool_]


@dataclass
class FitRecord:
    """What happened during a fit: losses every ten steps, and how often Eq. 8 took the sharp frame."""

    loss: list[float] = field(default_factory=list)
    sharp_share: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    candidates: Tensor  # (N, C, 3, h, w)
    masks: Tensor  # (N, C, 1, h, w)
    is_sharp: Tensor  # (N, C)
    label: Tensor  # (N, 3, h, w)
    label_mask: Tensor  # (N, 1, h, w)
    motion: Tensor | None  # (N, 2, h, w)
    explained: Tensor | None  # (N,)


class FusionFit:
    """One network, fitted to one stack of candidates.

    Args:
        stack: the blurry frames with their aligned neighbours.
        settings: steps, sizes, weights.
        blur: needed where ``settings.reblur`` is above 0.
        budget: seed, device and progress.
    """

    def __init__(
        self, stack: CandidateStack, settings: FusionFitSettings, budget: Budget, blur: ReblurModel | None
    ) -> None:
        self.stack, self.settings, self.budget, self.blur = stack, settings, budget, blur
        self.record = FitRecord()
        self._random = np.random.default_rng(budget.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(budget.seed)
            slots = stack.colours.shape[1]
            favoured, favour = (slots - 1, 4.0) if settings.learn_blend else (0, 2.0)
            self.network = FusionNetwork(slots, settings.channels, settings.blocks, favoured=favoured, favour=favour)
        self.network.to(budget.device)
        label_slots = slice(-1, None) if settings.learn_blend else slice(FIRST_SHARP_SLOT, FIRST_SHARP_SLOT + 2)
        first = label_slots.indices(slots)[0]
        labelled = stack.masks[:, label_slots].max(axis=(2, 3)) > 0  # (N, 1 or 2)
        self._labelled = np.flatnonzero(labelled.any(axis=1))
        self._label_slots = [first + np.flatnonzero(row) for row in labelled]

    def run(self) -> FusionNetwork:
        """Run both stages and give the network; without a label anywhere it stays as it begins, a blend by masks."""
        if not len(self._labelled):
            return self.network
        total = self.settings.stage1_steps + self.settings.stage2_steps
        self._stage(self.settings.stage1_steps, self._stage1_loss, 0, total)
        self._anchor = copy.deepcopy(self.network).requires_grad_(False)
        self._stage(self.settings.stage2_steps, self._stage2_loss, self.settings.stage1_steps, total)
        return self.network

    def _stage(self, steps: int, loss_of: Callable[[_Batch], Tensor], done: int, total: int) -> None:
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate, betas=(0.9, 0.999))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self._rate(step, steps))
        for step in range(steps):
            loss = loss_of(self._draw())
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 10 == 0 or step == steps - 1:
                self.record.loss.append(float(loss.detach()))
                self.budget.progress(done + step + 1, total, "fit")

    def _rate(self, step: int, steps: int) -> float:
        warm = min(1.0, (step + 1) / max(1, self.settings.warm_up_steps))
        return warm * (1 / 30 + (1 - 1 / 30) * 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))

    def _stage1_loss(self, batch: _Batch) -> Tensor:
        """Eq. 13 without its VGG term, plus the re-blur term where it is on."""
        restored, _ = self.network(batch.candidates, batch.masks, batch.is_sharp)
        return equations.reconstruction_loss(restored, batch.label, batch.label_mask) + self._reblur_term(
            restored, batch
        )

    def _stage2_loss(self, batch: _Batch) -> Tensor:
        """Eq. 14 without its VGG term, plus the re-blur term where it is on."""
        with torch.no_grad():
            teacher, _ = self.network(batch.candidates, batch.masks, batch.is_sharp)
            anchor = None
            if self.settings.spatial_consistency > 0:
                anchor, _ = self._anchor(batch.candidates, batch.masks, batch.is_sharp)
        take_sharp = equations.sharp_frame_is_better(
            batch.label, batch.label_mask, teacher, self.settings.distortion_threshold
        )
        self.record.sharp_share.append(float(take_sharp.float().mean()))
        restored, _ = self.network(*self._remove_clues(batch))
        loss = equations.self_enhanced_loss(restored, batch.label, batch.label_mask, teacher, take_sharp)
        if anchor is not None:
            loss = loss + self.settings.spatial_consistency * equations.spatial_consistency_loss(restored, anchor)
        return loss + self._reblur_term(restored, batch)

    def _reblur_term(self, restored: Tensor, batch: _Batch) -> Tensor:
        if batch.motion is None or batch.explained is None or self.blur is None or self.settings.reblur <= 0:
            return restored.new_zeros(())
        blurry = batch.candidates[:, 0]
        return self.settings.reblur * equations.reblur_loss(
            restored, blurry, batch.motion, self.blur.tau, batch.explained
        )

    def _remove_clues(self, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Replace a random part of each frame's sharp clues by the closest blurry frame, the frame itself (RSCR)."""
        is_sharp = batch.is_sharp.bool()
        keep = torch.from_numpy(self._random.random(tuple(is_sharp.shape)) < 0.5).to(is_sharp.device)
        drop = is_sharp & ~keep
        # at least one clue goes: where the draw kept all, all go
        none = ~drop.any(dim=1, keepdim=True)
        drop = drop | (none & is_sharp)
        gone = drop[:, :, None, None, None]
        candidates = torch.where(gone, batch.candidates[:, :1], batch.candidates)
        return candidates, torch.where(gone, torch.ones_like(batch.masks), batch.masks), (is_sharp & ~drop).float()

    def _draw(self) -> _Batch:
        """Draw random crops of random frames, flipped at random, each with one of its labels."""
        size = min(self.settings.patch_px, *(side // 2 * 2 for side in self.stack.colours.shape[2:4]))
        rows = self._random.choice(self._labelled, self.settings.batch)
        height, width = self.stack.colours.shape[2:4]
        colours, masks, labels, label_masks, motions = [], [], [], [], []
        for row in rows:
            top = int(self._random.integers(0, height - size + 1))
            left = int(self._random.integers(0, width - size + 1))
            flip_y, flip_x = self._random.random(2) < 0.5
            slot = int(self._random.choice(self._label_slots[row]))
            ys = slice(top, top + size)
            xs = slice(left, left + size)
            step = (slice(None, None, -1 if flip_y else 1), slice(None, None, -1 if flip_x else 1))
            crop = self.stack.colours[row, :, ys, xs][:, *step]
            mask = self.stack.masks[row, :, ys, xs][:, *step]
            colours.append(crop)
            masks.append(mask)
            labels.append(crop[slot])
            label_masks.append(mask[slot])
            if self.blur is not None and self.settings.reblur > 0:
                sign = np.array([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0], np.float32)
                motions.append(self.blur.motion[row][ys, xs][*step] * sign)
        return self._batch(rows, colours, masks, labels, label_masks, motions)

    def _batch(
        self,
        rows: NDArray[np.intp],
        colours: list[NDArray[np.uint8]],
        masks: list[NDArray[np.uint8]],
        labels: list[NDArray[np.uint8]],
        label_masks: list[NDArray[np.uint8]],
        motions: list[NDArray[np.float32]],
    ) -> _Batch:
        device = self.budget.device

        def picture(arrays: list[NDArray[np.uint8]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device).movedim(-1, -3).float() / 255  # (..., 3, h, w)

        def plane(arrays: list[NDArray[np.uint8]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device).float().unsqueeze(-3) / 255  # (..., 1, h, w)

        motion = explained = None
        if self.blur is not None and motions:
            motion = torch.from_numpy(np.stack(motions)).to(device).permute(0, 3, 1, 2)  # (N, 2, h, w)
            explained = torch.from_numpy(self.blur.explained[rows]).to(device)
        return _Batch(
            picture(colours),
            plane(masks),
            torch.from_numpy(self.stack.is_sharp[rows]).float().to(device),
            picture(labels),
            plane(label_masks),
            motion,
            explained,
        )


def apply_fusion(network: FusionNetwork, stack: CandidateStack, device: str) -> NDArray[np.float32]:
    """Restore every frame of a stack: float32 (N, H, W, 3) in [0, 255]; odd sizes are padded by repetition."""
    height, width = stack.colours.shape[2:4]
    restored = np.empty((len(stack.index), height, width, 3), np.float32)
    for row in range(len(stack.index)):
        colours = torch.from_numpy(stack.colours[row : row + 1]).to(device).movedim(-1, -3).float() / 255
        masks = torch.from_numpy(stack.masks[row : row + 1]).to(device).float().unsqueeze(2) / 255  # (1, C, 1, H, W)
        if height % 2 or width % 2:
            edge = (0, width % 2, 0, height % 2, 0, 0)
            colours = torch.nn.functional.pad(colours, edge, mode="replicate")
            masks = torch.nn.functional.pad(masks, edge, mode="replicate")
        with torch.no_grad():
            flags = torch.from_numpy(stack.is_sharp[row : row + 1]).float().to(device)
            picture, _ = network(colours, masks, flags)  # (1, 3, H, W)
        restored[row] = 255 * picture[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return restored
