"""Prepare a clip to be judged: its labels, its blur, the plan, and a warped sharp frame with a mask for each pair."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import round_trip_px
from hvdbench.frames import Frames, Image
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.blur.reblur import reblur
from hvdbench.workflows.heldout.plan import FEWEST_WITHHELD, HeldOutPlan, Pair, plan_held_out
from hvdbench.workspace.engine import thread_map

ROUND_TRIP_PX = 1.0
"""The largest forward-backward error of a pixel that counts, in px."""
REBLUR_LEVELS = 10.0
"""Largest local RMS difference, in 8-bit levels, from the re-blurred reference to the input at a pixel that counts."""
FEWEST_SHARE = 0.2
"""The smallest share of a frame's pixels that must count; a pair below it is left out."""
SMALLEST_SIDE_PX = 48
_WINDOW_PX = 7
_BORDER_PX = 8


@dataclass(frozen=True)
class Reference:
    """A withheld sharp frame, warped to the view of a blurry neighbour.

    Attributes:
        picture: float32 RGB (H, W, 3) in [0, 255], warped along the flow between the two frames of the input.
        mask: (H, W), True where the picture can be trusted.
    """

    picture: Image
    mask: NDArray[np.bool_]

    @property
    def coverage(self) -> float:
        """The share of the frame's pixels that count."""
        return float(self.mask.mean())


@dataclass(frozen=True)
class HeldOutClip:
    """A clip that can be judged by its own sharp frames.

    Attributes:
        name: the clip's name in tables and errors.
        frames: the whole input, uint8 RGB (T, H, W, 3).
        labels: the paper's labels of the whole input.
        model: the model of the clip's blur.
        plan: which frames are withheld and which are compared.
    """

    name: str
    frames: Frames
    labels: SharpLabels
    model: ExposureModel
    plan: HeldOutPlan

    def reference(self, pair: Pair) -> Reference:
        """Warp the withheld frame of a pair onto the compared one.

        Flow, mask and blur come from the input alone, so that they are the same for every method. A pixel counts if the
        flow comes back to within :data:`ROUND_TRIP_PX`, if the reference, blurred along the frame's motion, looks like
        the input (:data:`REBLUR_LEVELS`), and if it lies at least 8 px from the border.
        """
        aligner, target, source = self.model.aligner, pair.compared, pair.withheld
        picture = aligner.warped(target, source)
        round_trip = round_trip_px(aligner.flow(target, source), aligner.flow(source, target))
        blurred = reblur(picture, self.model.motion(target), self.model.tau)
        squared = ((blurred - aligner.blurry(target)) ** 2).mean(axis=-1)
        local = cv2.boxFilter(np.asarray(squared, np.float32), cv2.CV_32F, (_WINDOW_PX, _WINDOW_PX))
        mask = (round_trip <= ROUND_TRIP_PX) & (np.asarray(local) <= REBLUR_LEVELS**2)
        inside = np.zeros_like(mask)
        inside[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
        return Reference(picture, mask & inside)


def open_clip(frames: Frames, name: str, workers: int = 1) -> HeldOutClip:
    """Prepare a clip for held-out scores.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        name: the clip's name in tables and errors.
        workers: number of threads; the result does not depend on it.

    Returns:
        The clip; its plan contains only pairs in which at least :data:`FEWEST_SHARE` of the pixels can be trusted.

    Raises:
        InputError: if frames are under 48 px a side, if too few are surely sharp, or if too few of these fit their
            neighbours.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(
            f"{name} has frames of {width}x{height} px, and a held-out score needs at least {SMALLEST_SIDE_PX} a side"
        )
    labels = label_paper(frames)
    model = fit_exposure_model(Aligner(frames), labels.is_selected, workers)
    plan = plan_held_out(labels, model.confirmed_sharp(labels.is_sharp), name)
    clip = HeldOutClip(name, frames, labels, model, plan)
    fit = list(thread_map(lambda pair: clip.reference(pair).coverage >= FEWEST_SHARE, plan.pairs, workers))
    pairs = tuple(pair for pair, fits in zip(plan.pairs, fit, strict=True) if fits)
    withheld = len({pair.withheld for pair in pairs})
    if withheld < FEWEST_WITHHELD:
        raise InputError(
            f"{name} has {withheld} sharp frames that fit a blurry neighbour on {FEWEST_SHARE:.0%} of the picture; a "
            f"held-out score needs {FEWEST_WITHHELD}: choose a clip with less motion between frames"
        )
    return replace(clip, plan=replace(plan, pairs=pairs))
