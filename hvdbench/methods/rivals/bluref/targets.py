"""Make BluRef's pseudo-sharp targets: sharp frames warped onto a blurry one and merged by confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from hvdbench.flow import Flow, warp
from hvdbench.frames import Frames, Image
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.rivals.bluref.settings import BlurefFaults, BlurefSettings
from hvdbench.methods.selfhvd.flows import FlowModel, make_flows
from hvdbench.methods.selfhvd.settings import FlowSettings
from hvdbench.workspace.engine import thread_map

_NOTHING = 1e-6
_WHITE = 255.0
_NO_FAULTS = BlurefFaults()


@dataclass(frozen=True)
class Targets:
    """Pseudo-sharp pictures of N blurry frames.

    Attributes:
        colours: uint8 (N, H, W, 3).
        masks: confidence of each pixel, uint8 (N, H, W, 1), 255 where a reference was matched surely.
    """

    colours: NDArray[np.uint8]
    masks: NDArray[np.uint8]

    @property
    def coverage(self) -> float:
        """The mean of the masks, 0 to 1."""
        return float(self.masks.mean() / _WHITE)


class Matcher(Protocol):
    """A matcher of a clip's frames; it sees frames as the network restored them so far."""

    def match(self, target: int, reference: int) -> tuple[Image, Image]:
        """Return a reference warped onto a frame, float32 (H, W, 3) in [0, 255], and its confidence (H, W)."""
        ...


class DisMatcher:
    """DIS on ``seen``; the confidence is that of the mask of Eq. 5 of SelfHVD, by the forward-backward error."""

    def __init__(self, frames: Frames, seen: Frames, settings: BlurefSettings) -> None:
        self._aligner = Aligner(frames, settings.flow, settings.mask_scale, seen)

    def match(self, target: int, reference: int) -> tuple[Image, Image]:
        """Match two frames."""
        return self._aligner.warped(target, reference), self._aligner.mask(target, reference)


class FlowMatcher:
    """A flow model with a confidence of its own, such as SEA-RAFT, on ``seen``."""

    def __init__(self, frames: Frames, seen: Frames, flows: FlowModel, device: str) -> None:
        self._frames, self._seen, self._flows, self._device = frames, seen, flows, device

    def match(self, target: int, reference: int) -> tuple[Image, Image]:
        """Match two frames."""
        pictures = [
            torch.from_numpy(self._seen[k]).to(self._device).permute(2, 0, 1)[None].float() / _WHITE
            for k in (target, reference)
        ]
        found = self._flows(*pictures)
        flow: Flow = np.ascontiguousarray(found.flow_ij[0].permute(1, 2, 0).cpu().numpy())
        warped = np.clip(warp(self._frames[reference], flow), 0.0, _WHITE)
        return np.asarray(warped, np.float32), np.asarray(found.confidence_ij[0, 0].cpu().numpy(), np.float32)


def make_matcher(frames: Frames, seen: Frames, settings: BlurefSettings, device: str) -> Matcher:
    """Build the matcher that the settings choose.

    Args:
        frames: frames of the clip, which are warped, uint8 (T, H, W, 3).
        seen: frames that are compared, of the same shape.
        settings: settings of the method.
        device: device that SEA-RAFT computes on.

    Raises:
        WeightsError: if SEA-RAFT's weights are missing, damaged or of another network.
    """
    if settings.matcher == "dis":
        return DisMatcher(frames, seen, settings)
    return FlowMatcher(frames, seen, make_flows(FlowSettings(weights=settings.matcher_weights)), device)


def merge(
    warped: Sequence[Image], confidences: Sequence[Image], least: float, faults: BlurefFaults = _NO_FAULTS
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Merge warped references into a pseudo-sharp picture and its mask.

    The picture is the mean of the references weighted by confidence, and the mask is the largest confidence of any. The
    published code counts every match above the least confidence as sure (``trust``), and then stretches each target's
    contrast so that its brightest value is 255, although the input of the network is not stretched (``stretch``).

    Args:
        warped: N references, float32 (H, W, 3) in [0, 255].
        confidences: their confidences, (H, W) in [0, 1].
        least: confidence at and below which a match counts for nothing.
        faults: which faults of the published code are kept.

    Returns:
        The picture, uint8 (H, W, 3), and the mask, uint8 (H, W, 1); both are 0 where nothing was matched.
    """
    trust = np.stack(confidences)
    trust = np.where(trust > least, 1.0 if faults.trust == "published" else trust, 0.0)  # (N, H, W)
    total = trust.sum(axis=0)
    merged = (trust[..., None] * np.stack(warped)).sum(axis=0) / np.maximum(total, _NOTHING)[..., None]
    if faults.stretch == "published" and merged.max() > 0:
        merged = merged * (_WHITE / merged.max())
    mask = trust.max(axis=0)[..., None]
    return np.asarray(np.rint(np.clip(merged, 0, _WHITE)), np.uint8), np.asarray(np.rint(_WHITE * mask), np.uint8)


def make_targets(
    matcher: Matcher, index: Sequence[int], selected: NDArray[np.intp], settings: BlurefSettings, workers: int = 1
) -> Targets:
    """Make the targets of the frames ``index``.

    Args:
        matcher: matcher of the clip.
        index: frames that are to be restored.
        selected: frames that are references; a frame is never its own.
        settings: settings of the method.
        workers: number of threads; the result does not depend on it.
    """

    def one(i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        matched = [matcher.match(i, j) for j in sharp_neighbours(i, selected, settings.references_each_side)]
        return merge(
            [picture for picture, _ in matched],
            [confidence for _, confidence in matched],
            settings.least_confidence,
            settings.as_,
        )

    made = list(thread_map(one, list(index), workers))
    return Targets(np.stack([colours for colours, _ in made]), np.stack([mask for _, mask in made]))
