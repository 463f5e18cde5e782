"""The objective of SelfHVD, stage by stage: Eqs. 6 to 14 over training windows, for any video network."""

import copy
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.methods.selfhvd import equations
from hvdbench.methods.selfhvd.aligned_clips import (
    WARPED,
    AlignedClips,
    FrameLabel,
    draw_window_slots,
    input_label,
    label_of,
)
from hvdbench.methods.selfhvd.anchor import AnchorRule
from hvdbench.methods.selfhvd.clues import at_slots, gather, own_slots
from hvdbench.methods.selfhvd.flows import FlowModel, make_flows
from hvdbench.methods.selfhvd.panel import PanelRow, draw_panel
from hvdbench.methods.selfhvd.perceptual import make_features
from hvdbench.methods.selfhvd.reblur_term import WindowBlur, fit_blur, reblur_term
from hvdbench.methods.selfhvd.settings import SelfHvdObjectiveSettings
from hvdbench.methods.training.objective import (
    ANCHOR_UPDATE,
    MASK_COVERAGE,
    SHARP_CHOSEN_SHARE,
    Objective,
    StepLoss,
    bare,
)
from hvdbench.workspace.progress import Progress

logger = logging.getLogger(__name__)

OCCLUSION_COVERAGE = "occlusion_coverage"
"""Logged term: the mean of ``M_occ``, the share of trusted area that Eq. 8 asks for."""
CLUES_REMOVED_SHARE = "clues_removed_share"
"""Logged term: the share of frames that another frame replaces (RSCR)."""
ON_OUTPUT_SHARE = "aligned_to_output_share"
"""Logged term: the share of frames whose label is aligned to the output, not to the input."""
EXPLAINED_SHARE = "explained_share"
"""Logged term: the share of frames whose blur the flow explains, where re-blur consistency is on."""
_PANEL_ROWS = 3
_ANCHOR_PREFIX = "anchor."
_RULE_KEY = "anchor_rule"


@dataclass(frozen=True)
class _Pass:
    """The tensors of one pass of stage 2 with self-enhancement; pictures (N * T, 3, h, w), all by slot."""

    slots: Tensor  # (N, T), the frame k in slot i
    restored: Tensor  # R̃_i, with gradient
    teacher: Tensor  # R_k
    label: FrameLabel  # S_{J(k)→k} and its masks
    takes_sharp: Tensor  # (N * T,), c


class SelfHvdObjective(Objective):
    """The objective of SelfHVD's two stages.

    Args:
        settings: switches and weights of the losses.
        stage1_steps: number of steps before stage 2; with 0 the training starts with stage 2.
        seed: random seed of the removal of clues.
        flows: model that aligns sharp frames; None for the one that the settings choose.
        features: module that returns ``φ`` of pictures; None for the one that the settings choose.

    Raises:
        WeightsError: if weights that the settings need are missing.
    """

    def __init__(
        self,
        settings: SelfHvdObjectiveSettings,
        stage1_steps: int,
        seed: int = 0,
        *,
        flows: FlowModel | None = None,
        features: nn.Module | None = None,
    ) -> None:
        self.settings = settings
        self.stage1_steps = stage1_steps
        self._seed = seed
        self._flows = flows or make_flows(settings.flow)
        self._features = features if features is not None else make_features(settings.perceptual)
        self._rule = AnchorRule(settings.anchor)
        self._anchor: nn.Module | None = None
        self._anchor_weights: dict[str, Tensor] = {}  # loaded weights, kept until there is a network to copy

    @property
    def validate_at(self) -> tuple[int, ...]:
        """The step at which the first anchor is taken, so that its sharpness is known."""
        return (self.stage1_steps,)

    @property
    def least_coverage(self) -> float:
        """The mean mask below which the training stops."""
        return self.settings.masks.least_coverage

    @torch.no_grad()
    def distance(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return Eq. 6, divided by the mean of the mask, with labels that are aligned to the input.

        So neither the stage of the training nor what the output can be aligned to changes what it measures. Without
        the fallback there is no distance.
        """
        if not self.settings.fallback:
            return None
        slots = own_slots(batch["blurry"])
        if WARPED in batch:
            label = self._label(batch["blurry"], batch, slots)
        else:
            label = input_label(batch, slots, self._flows, self.settings)
        restored = network(batch["blurry"]).flatten(0, 1)
        return equations.reconstruction_loss(restored, label.warped, label.mask, divided=True)

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Align the labels of all clips before the first step, if the settings ask for that."""
        if not self.settings.flow.cache:
            return clips
        return AlignedClips(
            clips, selection, self._flows, self.settings, device=device, folder=folder, progress=progress
        )

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Return Eq. 13 before ``stage1_steps``, Eq. 14 from then on."""
        if step < self.stage1_steps:
            return self._stage1(network, batch)
        anchor = self._held_anchor(network, step) if self._has_consistency else None
        return self._stage2(network, anchor, batch)

    def at_validation(self, network: nn.Module, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Take or move the anchor; return the decision with the numbers that it is based on."""
        if not self._has_consistency:
            return {}
        if step < self.stage1_steps:
            self._rule.observe(measured)
            return {}
        if self._anchor is None and not self._anchor_weights:
            self._rule.observe(measured)
            self._held_anchor(network, step)
            return {ANCHOR_UPDATE: 1.0, "anchor_updates": 1.0}
        decision = self._rule.consider(step, measured)
        if decision.moved:
            self._anchor, self._anchor_weights = _frozen_copy(network), {}
        logger.info(
            "step %d: shift %.3f px, sharpness %.1f, %.3f of the anchor's: the anchor %s (update %d of %d)",
            step,
            decision.shift_px,
            decision.sharpness,
            decision.sharpness_ratio,
            "moves here" if decision.moved else "stays",
            decision.updates,
            self.settings.anchor.updates,
        )
        numbers = {
            ANCHOR_UPDATE: float(decision.moved),
            "anchor_updates": float(decision.updates),
            "anchor_shift_px": decision.shift_px,
            "anchor_sharpness_ratio": decision.sharpness_ratio,
        }
        return {name: value for name, value in numbers.items() if not math.isnan(value)}

    @torch.no_grad()
    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw Figure 3 for the first window: the frames that the mask trusts most, moderately and least."""
        first = {name: value[:1] for name, value in batch.items()}
        seen = self._pass(network, first)
        coverage = seen.label.occlusion.flatten(1).mean(1)
        order = coverage.argsort(descending=True).tolist()
        chosen = [order[round(i * (len(order) - 1) / (_PANEL_ROWS - 1))] for i in range(_PANEL_ROWS)]
        without_clues = at_slots(first["blurry"], seen.slots)
        return draw_panel(
            [
                PanelRow(
                    without_clues[i],
                    seen.restored[i],
                    seen.label.warped[i],
                    seen.teacher[i],
                    seen.label.occlusion[i],
                    bool(seen.takes_sharp[i]),
                    f"{i}" if seen.slots[0, i] == i else f"{i} shows {int(seen.slots[0, i])}",
                )
                for i in dict.fromkeys(chosen)
            ]
        )

    def state(self) -> dict[str, Tensor]:
        """Return the anchor's weights and the numbers of its rule."""
        weights = self._anchor.state_dict() if self._anchor is not None else self._anchor_weights
        held = {_ANCHOR_PREFIX + name: value.detach().clone() for name, value in weights.items()}
        return held | {_RULE_KEY: self._rule.state()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state` returned; the anchor is built at the next loss."""
        self._anchor = None
        self._anchor_weights = {
            name.removeprefix(_ANCHOR_PREFIX): value.detach().clone()
            for name, value in state.items()
            if name.startswith(_ANCHOR_PREFIX)
        }
        self._rule.load_state(state[_RULE_KEY])

    @property
    def _has_consistency(self) -> bool:
        return self.settings.scscm and self.settings.spatial_consistency > 0

    def _held_anchor(self, network: nn.Module, step: int) -> nn.Module:
        """Return the anchor; at the first call in stage 2 the current network becomes the anchor."""
        if self._anchor is None:
            self._anchor = _frozen_copy(network)
            if self._anchor_weights:
                self._anchor.load_state_dict(self._anchor_weights)
                self._anchor_weights = {}
            else:
                self._rule.take_first(step)
        return self._anchor

    def _stage1(self, network: nn.Module, batch: Mapping[str, Tensor]) -> StepLoss:
        """Compute Eq. 13 and its logged terms."""
        restored = network(batch["blurry"])  # (N, T, 3, h, w)
        slots = own_slots(batch["blurry"])
        label = self._label(restored, batch, slots)
        reconstruction, perceptual = self._reconstruction(restored.flatten(0, 1), label)
        total = equations.stage1_loss(reconstruction, perceptual, self.settings.perceptual.weight)
        terms = {"rec": reconstruction} | self._vgg_term(perceptual)
        return self._finished(total, terms, restored, batch, slots, label)

    def _stage2(self, network: nn.Module, anchor: nn.Module | None, batch: Mapping[str, Tensor]) -> StepLoss:
        """Compute Eq. 14 and its logged terms; without self-enhancement its first and last terms are Eq. 13's."""
        if self.settings.sevd:
            seen = self._pass(network, batch)
            slots, restored, label = seen.slots, seen.restored, seen.label
            first, perceptual = self._self_enhanced(seen)
            terms = {"sevd": first, SHARP_CHOSEN_SHARE: seen.takes_sharp.float().mean()}
        else:
            slots = own_slots(batch["blurry"])
            clip = network(batch["blurry"])
            label = self._label(clip, batch, slots)
            restored = clip.flatten(0, 1)
            first, perceptual = self._reconstruction(restored, label)
            terms = {"rec": first}
        consistency = restored.new_zeros(())
        if anchor is not None:
            earlier = equations.earlier_output(anchor, batch["blurry"])
            consistency = equations.spatial_consistency_loss(restored, at_slots(earlier, slots))
            terms["scscm"] = consistency
        weights = (self.settings.spatial_consistency, self.settings.perceptual.weight)
        total = equations.stage2_loss(first, consistency, perceptual, *weights)
        terms |= self._vgg_term(perceptual)
        return self._finished(total, terms, restored.view_as(batch["blurry"]), batch, slots, label)

    def _pass(self, network: nn.Module, batch: Mapping[str, Tensor]) -> _Pass:
        """Remove clues, restore with and without them, align the labels of the slots' frames, and choose (SIS)."""
        slots = draw_window_slots(batch, self.settings.clues, self.settings.segment_frames, seed=self._seed)
        with torch.no_grad():
            all_restored = bare(network)(batch["blurry"])
        restored = network(gather(batch["blurry"], slots)).flatten(0, 1)
        label = self._label(all_restored, batch, slots)
        teacher = at_slots(all_restored, slots)
        return _Pass(slots, restored, teacher, label, self._takes_sharp(label, teacher))

    def _label(self, restored: Tensor, batch: Mapping[str, Tensor], slots: Tensor) -> FrameLabel:
        return label_of(restored, batch, slots, self._flows, self.settings)

    def _takes_sharp(self, label: FrameLabel, teacher: Tensor) -> Tensor:
        """Choose the target of each frame: by Eq. 8, or the same for all frames."""
        if self.settings.supervision == "select":
            threshold = self.settings.distortion_threshold
            return equations.sharp_frame_is_better(label.warped, label.occlusion, teacher, threshold)
        always_sharp = self.settings.supervision == "always_sharp"
        return torch.full((len(teacher),), always_sharp, device=teacher.device)

    def _reconstruction(self, restored: Tensor, label: FrameLabel) -> tuple[Tensor, Tensor]:
        """Return Eqs. 6 and 11."""
        divided = self.settings.masks.divided
        loss = equations.reconstruction_loss(restored, label.warped, label.mask, divided=divided)
        if self._features is None:
            return loss, loss.new_zeros(())
        own, (wanted,) = self._features_of(restored, label.warped)
        return loss, equations.perceptual_loss(own, wanted, label.mask, divided=divided)

    def _self_enhanced(self, seen: _Pass) -> tuple[Tensor, Tensor]:
        """Return Eqs. 7 and 12."""
        label, chosen, divided = seen.label, seen.takes_sharp, self.settings.masks.divided
        loss = equations.self_enhanced_loss(
            seen.restored, label.warped, label.mask, seen.teacher, chosen, divided=divided
        )
        if self._features is None:
            return loss, loss.new_zeros(())
        own, (sharp, teacher) = self._features_of(seen.restored, label.warped, seen.teacher)
        return loss, equations.self_enhanced_perceptual_loss(own, sharp, label.mask, teacher, chosen, divided=divided)

    def _vgg_term(self, perceptual: Tensor) -> dict[str, Tensor]:
        return {} if self._features is None else {"vgg": perceptual}

    def _features_of(self, restored: Tensor, *targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return ``φ`` of the output, with gradient, and of the targets, without."""
        assert self._features is not None
        self._features.to(restored.device)
        with torch.no_grad():
            wanted = [self._features(target) for target in targets]
        return self._features(restored), wanted

    def _finished(
        self,
        total: Tensor,
        terms: dict[str, Tensor],
        restored: Tensor,
        batch: Mapping[str, Tensor],
        slots: Tensor,
        label: FrameLabel,
    ) -> StepLoss:
        """Add the re-blur term where it is on, and the terms that are only logged."""
        if self.settings.reblur > 0:
            blur = fit_blur(batch["blurry"], batch["sharp"], batch["is_selected"], self._flows, self.settings.masks)
            shown = WindowBlur(gather(blur.path, slots), gather(blur.explained, slots))
            reblur = reblur_term(restored, gather(batch["blurry"], slots), shown)
            total = total + self.settings.reblur * reblur
            terms |= {"reblur": reblur, EXPLAINED_SHARE: shown.explained.float().mean()}
        terms |= {
            MASK_COVERAGE: label.mask.mean(),
            OCCLUSION_COVERAGE: label.occlusion.mean(),
            ON_OUTPUT_SHARE: label.on_output.float().mean(),
            CLUES_REMOVED_SHARE: (slots != own_slots(batch["blurry"])).float().mean(),
        }
        return StepLoss(total, {name: value.detach() for name, value in terms.items()})


def _frozen_copy(network: nn.Module) -> nn.Module:
    return copy.deepcopy(bare(network)).eval().requires_grad_(False)
