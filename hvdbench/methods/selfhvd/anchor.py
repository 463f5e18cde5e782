"""The anchor of SCSCM: an earlier state of the model, and the rule by which it moves on (Eq. 9's ``e``).

According to the paper, ``e`` is updated "if the output from the latest model is still aligned with the input and is
sharper than the previous output". The two tests for that, with their limits, are ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hvdbench.methods.selfhvd.settings import AnchorSettings

_NUMBERS = ("updates", "step", "sharpness", "latest_sharpness")


@dataclass(frozen=True)
class AnchorDecision:
    """The decision of a validation, with the numbers that it is based on.

    Attributes:
        moved: whether the current model became the anchor.
        shift_px: median shift of the current model's output to its input.
        sharpness: mean sharpness of the current model's output.
        sharpness_ratio: ratio of that sharpness to the anchor's before the decision; NaN where that is not known.
        updates: number of updates so far, including this one.
    """

    moved: bool
    shift_px: float
    sharpness: float
    sharpness_ratio: float
    updates: int


@dataclass
class AnchorRule:
    """A rule that counts the anchor's updates and decides on the next one.

    Attributes:
        settings: limits of the rule.
        updates: number of updates so far; 0 means that there is no anchor yet.
        step: optimiser steps that the anchor has seen; -1 without an anchor.
        sharpness: sharpness of the anchor's outputs; NaN where it was not measured.
        latest_sharpness: sharpness of the model's outputs at the last validation.
    """

    settings: AnchorSettings = field(default_factory=AnchorSettings)
    updates: int = 0
    step: int = -1
    sharpness: float = math.nan
    latest_sharpness: float = math.nan

    def observe(self, measured: Mapping[str, float]) -> None:
        """Record a validation before there is an anchor."""
        self.latest_sharpness = measured.get("sharpness", math.nan)

    def take_first(self, step: int) -> None:
        """Make the model at the end of stage 1 the anchor, update 1, with the sharpness of the last validation."""
        self.updates, self.step, self.sharpness = 1, step, self.latest_sharpness

    def consider(self, step: int, measured: Mapping[str, float]) -> AnchorDecision:
        """Decide whether the current model becomes the anchor; numbers that were not measured leave it unchanged.

        The anchor moves if the model is aligned with its input, is sharper than the anchor, and updates are left. If
        the anchor's sharpness was never measured, the first one measured after it is used instead. At the anchor's own
        step the model is the anchor, so its sharpness becomes the anchor's.
        """
        shift_px, sharpness = measured.get("shift_px", math.nan), measured.get("sharpness", math.nan)
        ratio = sharpness / self.sharpness if self.sharpness > 0 else math.nan
        is_aligned = shift_px <= self.settings.shift_limit_px
        is_sharper = ratio >= self.settings.sharpness_gain
        is_another = step != self.step
        moved = is_aligned and is_sharper and is_another and 0 < self.updates < self.settings.updates
        if moved:
            self.updates, self.step, self.sharpness = self.updates + 1, step, sharpness
        elif not is_another or math.isnan(self.sharpness):
            self.sharpness = sharpness
        self.observe(measured)
        return AnchorDecision(moved, shift_px, sharpness, ratio, self.updates)

    def state(self) -> Tensor:
        """Return the rule's numbers as one float64 tensor."""
        return torch.tensor([float(getattr(self, name)) for name in _NUMBERS], dtype=torch.float64)

    def load_state(self, state: Tensor) -> None:
        """Restore the numbers that :meth:`state` returned."""
        updates, step, self.sharpness, self.latest_sharpness = state.tolist()
        self.updates, self.step = int(updates), int(step)
