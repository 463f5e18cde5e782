"""Fit the fusion network to one clip by SelfHVD's two stages, without sharp labels, in a fixed number of steps."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from hvdbench.frames import Frames
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.batches import Batch, CropDrawer, Labels, Pairs, ReblurModel, labels_of_stack
from hvdbench.methods.fusion.candidates import CandidateStack
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd import equations
from hvdbench.methods.selfhvd.anchor import AnchorDecision, AnchorRule
from hvdbench.methods.selfhvd.settings import AnchorSettings
from hvdbench.metrics.sharpness import gray_sharpness, shift_px
from hvdbench.networks.fusion import FusionNetwork
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_BATCH, MOST_BLOCKS, MOST_CHANNELS, MOST_PX, MOST_RATE, MOST_STEPS, MOST_WEIGHT

_WATCHED_FRAMES = 12
_RUNAWAY = 2.0


class FusionFitSettings(Settings):
    """Settings of the fit; the recipes mark which values are the paper's."""

    channels: int = Field(32, ge=1, le=MOST_CHANNELS)
    """Channels of the network's features."""
    blocks: int = Field(3, ge=0, le=MOST_BLOCKS)
    """Residual blocks of the network."""
    patch_px: int = Field(64, ge=8, le=MOST_PX, multiple_of=2)
    """Side of the random crops in px, even."""
    batch: int = Field(8, ge=1, le=MOST_BATCH)
    """Crops of one optimiser step."""
    stage1_steps: int = Field(300, ge=0, le=MOST_STEPS)
    """Optimiser steps of stage 1."""
    stage2_steps: int = Field(300, ge=0, le=MOST_STEPS)
    """Optimiser steps of stage 2."""
    learning_rate: float = Field(3e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate, which falls by a cosine to a thirtieth within each stage."""
    warm_up_steps: int = Field(20, ge=0, le=MOST_STEPS)
    """Steps over which the learning rate rises linearly at the start."""
    distortion_threshold: float = Field(0.5, ge=0, le=1)
    """Threshold ``τ`` of Eq. 8."""
    self_enhanced: bool = True
    """Whether stage 2 removes clues and uses Eq. 7; without it, stage 2 keeps Eq. 6 on the input with all its clues."""
    teacher_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Number of steps for which the teacher of Eq. 7 is held; with 0 it is the current network, as in the paper."""
    spatial_consistency: float = Field(1.0, ge=0, le=MOST_WEIGHT)
    """Weight ``λ`` of Eq. 14."""
    reblur: float = Field(0.0, ge=0, le=MOST_WEIGHT)
    """Weight of the re-blur consistency loss; 0 turns it off."""
    learn_blend: bool = False
    """Whether the last candidate, a blend of all sharp neighbours, is label and starting point; else one of the two
    warped neighbouring sharp frames is the label, and the blurry frame the starting point."""
    exact_share: float = Field(0.0, ge=0, le=1)
    """Share of each batch whose sharp picture is known; all losses are weighted alike. 1 makes the fit supervised."""
    refresh_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Steps between alignments of the labels to the network's output, as in the paper; with 0 they are aligned once, to
    the input."""
    refresh_inputs: bool = False
    """Whether the network's input is re-aligned with the labels, like a network that aligns features to its output."""
    validate_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Steps of stage 2 between checks whether the anchor of Eq. 9 moves on; with 0 it stays the end of stage 1."""
    anchor: AnchorSettings = AnchorSettings()
    """Rule by which the anchor moves on."""


@dataclass
class FitRecord:
    """A record of a fit: losses every ten steps, and how often Eq. 8 chose the sharp frame."""

    loss: list[float] = field(default_factory=list)
    sharp_share: list[float] = field(default_factory=list)
    anchor: list[AnchorDecision] = field(default_factory=list)
    """Decisions on the anchor, each with its numbers."""
    stage2_discarded: bool = False
    """Whether stage 2 ran away, so that the network of the end of stage 1 was kept."""


class FusionFit:
    """A fit of one network to one stack of candidates.

    Args:
        stack: blurry frames with their aligned neighbours.
        settings: steps, sizes and weights of the fit.
        budget: seed, device and progress.
        blur: blur of the frames, needed where ``settings.reblur`` is above 0.
        pairs: frames with a known sharp picture, needed where ``settings.exact_share`` is above 0.
        realign: function that aligns the stack anew, to the restored frames (N, H, W, 3) float32 in [0, 255]; needed
            where ``settings.refresh_steps`` is above 0.
    """

    def __init__(
        self,
        stack: CandidateStack,
        settings: FusionFitSettings,
        budget: Budget,
        blur: ReblurModel | None = None,
        *,
        pairs: Pairs | None = None,
        realign: Callable[[NDArray[np.float32]], CandidateStack] | None = None,
    ) -> None:
        self.stack, self.settings, self.budget, self.blur = stack, settings, budget, blur
        self.pairs, self.realign = pairs if settings.exact_share > 0 else None, realign
        self.record = FitRecord()
        self._random = np.random.default_rng(budget.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(budget.seed)
            slots = stack.colours.shape[1]
            favoured, favour = (slots - 1, 4.0) if settings.learn_blend else (0, 2.0)
            self.network = FusionNetwork(slots, settings.channels, settings.blocks, favoured=favoured, favour=favour)
        self.network.to(budget.device)
        self._labels = labels_of_stack(stack, settings.learn_blend)

    def run(self) -> FusionNetwork:
        """Run both stages and return the network.

        If no frame has a label, the network stays as it starts, a blend by masks. If stage 2 ran away
        (:meth:`has_run_away`), the network of the end of stage 1 is returned.
        """
        self.first_stage()
        self.second_stage()
        if self.settings.stage2_steps and self.has_run_away():
            self.record.stage2_discarded = True
            self.network = self._start
        return self.network

    def first_stage(self) -> FusionNetwork:
        """Run stage 1 and return the network."""
        return self._stage(self.settings.stage1_steps, self._stage1_loss, 0)

    def second_stage(self) -> FusionNetwork:
        """Run stage 2 from the current network, which becomes the anchor of Eq. 9, and return the network."""
        self._start = copy.deepcopy(self.network)
        self._anchor = copy.deepcopy(self.network).requires_grad_(False)
        self._rule = AnchorRule(self.settings.anchor)
        if self.settings.validate_steps:
            self._rule.observe(self._measured())
        self._rule.take_first(0)
        return self._stage(self.settings.stage2_steps, self._stage2_loss, self.settings.stage1_steps)

    def has_run_away(self) -> bool:
        """Return whether an output is over twice as sharp, or over twice as far from the input, as every candidate.

        A network that learns from its own output alone can run away: Eq. 8 prefers the sharper picture, so noise that
        the network makes is never taken back, and a drift that teacher and pupil share costs nothing. The output ends
        as noise or flat.
        """
        rows = self._watched()
        outputs, candidates = self._outputs(rows), [self.stack.colours[row] for row in rows]

        def sharpest_and_farthest(pictures: Frames, blurry: NDArray[np.uint8]) -> tuple[float, float]:
            away = [np.abs(picture.astype(np.int16) - blurry).mean() for picture in pictures]
            return max(map(gray_sharpness, pictures)), float(max(away))

        allowed = np.max([sharpest_and_farthest(row, row[0]) for row in candidates], axis=0)
        found = np.max([sharpest_and_farthest(r[None], c[0]) for r, c in zip(outputs, candidates, strict=True)], axis=0)
        return bool((found > _RUNAWAY * np.maximum(allowed, 1.0)).any())

    def release(self) -> None:
        """Drop the stack and what was made from it; only the network and the record stay."""
        del self.stack, self._labels, self.blur, self.pairs

    def branch(self, settings: FusionFitSettings) -> "FusionFit":
        """Return a copy of this fit that continues with other settings and the same random state."""
        other = copy.copy(self)
        other.settings, other.network = settings, copy.deepcopy(self.network)
        other.pairs = self.pairs if settings.exact_share > 0 else None
        other._random, other.record = copy.deepcopy(self._random), copy.deepcopy(self.record)
        return other

    def _stage(self, steps: int, loss_of: Callable[[Batch], Tensor], done: int) -> FusionNetwork:
        settings, total = self.settings, self.settings.stage1_steps + self.settings.stage2_steps
        learned = round(settings.batch * (1 - settings.exact_share)) if self.pairs else settings.batch
        drawer, exact = self._drawer(self._labels), self._exact_drawer()
        learned = learned if len(drawer.labelled) else 0
        if not learned and exact is None:
            return self.network
        optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self._rate(step, steps))
        for step in range(steps):
            if settings.refresh_steps and self.realign is not None and step and step % settings.refresh_steps == 0:
                self._refresh(self.realign)
                drawer = self._drawer(self._labels)
            if (
                settings.validate_steps
                and loss_of == self._stage2_loss
                and step
                and step % settings.validate_steps == 0
            ):
                self._validate(step)
            loss = torch.zeros((), device=self.budget.device)
            if learned:
                loss = loss + loss_of(drawer.draw(learned)) * (learned / settings.batch)
            if exact is not None and learned < settings.batch:
                rest = settings.batch - learned
                loss = loss + self._exact_loss(exact.draw(rest)) * (rest / settings.batch)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 10 == 0 or step == steps - 1:
                self.record.loss.append(float(loss.detach()))
                self.budget.progress(done + step + 1, total, "fit")
        return self.network

    def _refresh(self, realign: Callable[[NDArray[np.float32]], CandidateStack]) -> None:
        """Align the labels to the output, and the inputs as well where that is set."""
        aligned = realign(apply_fusion(self.network, self.stack, self.budget.device))
        self._labels = labels_of_stack(aligned, self.settings.learn_blend)
        if self.settings.refresh_inputs:
            self.stack = aligned

    def _validate(self, step: int) -> None:
        """Move the anchor on if the rule decides so."""
        decision = self._rule.consider(step, self._measured())
        self.record.anchor.append(decision)
        if decision.moved:
            self._anchor = copy.deepcopy(self.network).requires_grad_(False)

    def _measured(self) -> dict[str, float]:
        """Measure the median shift of output to input, and the mean sharpness, over some evenly spread frames."""
        rows = self._watched()
        outputs, blurry = self._outputs(rows), self.stack.colours[rows, 0]
        shifts = [shift_px(after, before) for after, before in zip(outputs, blurry, strict=True)]
        return {"shift_px": float(np.median(shifts)), "sharpness": float(np.mean([*map(gray_sharpness, outputs)]))}

    def _watched(self) -> NDArray[np.intp]:
        """Choose some evenly spread rows."""
        count = len(self.stack.index)
        return np.unique(np.linspace(0, count - 1, min(count, _WATCHED_FRAMES)).round().astype(np.intp))

    def _outputs(self, rows: NDArray[np.intp]) -> Frames:
        outputs = np.empty((len(rows), *self.stack.colours.shape[2:]), np.uint8)
        for place, row in enumerate(rows):  # one by one: copies of whole stacks take gigabytes at 2160p
            restored = apply_fusion(self.network, self.stack.rows(np.array([row])), self.budget.device)[0]
            outputs[place] = np.rint(np.nan_to_num(restored))
        return outputs

    def _rate(self, step: int, steps: int) -> float:
        warm = min(1.0, (step + 1) / max(1, self.settings.warm_up_steps))
        return warm * (1 / 30 + (1 - 1 / 30) * 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))

    def _drawer(self, labels: Labels) -> CropDrawer:
        blur = self.blur if self.settings.reblur > 0 else None
        return CropDrawer(self.stack, labels, self.settings.patch_px, self._random, self.budget.device, blur)

    def _exact_drawer(self) -> CropDrawer | None:
        if self.pairs is None:
            return None
        size, device = self.settings.patch_px, self.budget.device
        return CropDrawer(self.pairs.stack, self.pairs.labels(), size, self._random, device)

    def _exact_loss(self, batch: Batch) -> Tensor:
        """Return the L1 distance of the output to known sharp pictures."""
        restored, _ = self.network(batch.candidates, batch.masks, batch.is_sharp)
        return equations.reconstruction_loss(restored, batch.label, batch.label_mask)

    def _stage1_loss(self, batch: Batch) -> Tensor:
        """Return Eq. 13 without its VGG term, plus the re-blur term where it is on."""
        restored, _ = self.network(batch.candidates, batch.masks, batch.is_sharp)
        return equations.reconstruction_loss(restored, batch.label, batch.label_mask) + self._reblur_term(
            restored, batch
        )

    def _stage2_loss(self, batch: Batch) -> Tensor:
        """Return Eq. 14 without its VGG term, plus the re-blur term where it is on."""
        anchor = None
        if self.settings.spatial_consistency > 0:
            with torch.no_grad():
                anchor, _ = self._anchor(batch.candidates, batch.masks, batch.is_sharp)
        if self.settings.self_enhanced:
            restored, loss = self._self_enhanced(batch)
        else:
            restored, _ = self.network(batch.candidates, batch.masks, batch.is_sharp)
            loss = equations.reconstruction_loss(restored, batch.label, batch.label_mask)
        if anchor is not None:
            loss = loss + self.settings.spatial_consistency * equations.spatial_consistency_loss(restored, anchor)
        return loss + self._reblur_term(restored, batch)

    def _self_enhanced(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Restore without clues; return the output and the loss of Eq. 7."""
        every, done = self.settings.teacher_steps, len(self.record.sharp_share)
        if every and done % every == 0:
            self._teacher = copy.deepcopy(self.network).requires_grad_(False)
        with torch.no_grad():
            teacher, _ = (self._teacher if every else self.network)(batch.candidates, batch.masks, batch.is_sharp)
        take_sharp = equations.sharp_frame_is_better(
            batch.label, batch.label_mask, teacher, self.settings.distortion_threshold
        )
        self.record.sharp_share.append(float(take_sharp.float().mean()))
        restored, _ = self.network(*self._remove_clues(batch))
        return restored, equations.self_enhanced_loss(restored, batch.label, batch.label_mask, teacher, take_sharp)

    def _reblur_term(self, restored: Tensor, batch: Batch) -> Tensor:
        if batch.motion is None or batch.explained is None or self.blur is None or self.settings.reblur <= 0:
            return restored.new_zeros(())
        blurry = batch.candidates[:, 0]
        return self.settings.reblur * equations.reblur_loss(
            restored, blurry, batch.motion, self.blur.tau, batch.explained
        )

    def _remove_clues(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Replace a random part of each frame's sharp clues by the closest blurry frame, the frame itself (RSCR)."""
        is_sharp = batch.is_sharp.bool()
        keep = torch.from_numpy(self._random.random(tuple(is_sharp.shape)) < 0.5).to(is_sharp.device)
        drop = is_sharp & ~keep
        # at least one clue must go, so where the draw kept all, all of them go
        none = ~drop.any(dim=1, keepdim=True)
        drop = drop | (none & is_sharp)
        gone = drop[:, :, None, None, None]
        candidates = torch.where(gone, batch.candidates[:, :1], batch.candidates)
        return candidates, torch.where(gone, torch.ones_like(batch.masks), batch.masks), (is_sharp & ~drop).float()
