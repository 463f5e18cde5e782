"""The fit that the measurements share: the paper's two stages on the fusion network, on every frame."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frames
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.candidates import stack_candidates
from hvdbench.methods.fusion.fit import FusionFit, FusionFitSettings
from hvdbench.methods.restoration import Budget
from hvdbench.methods.warp_average import warp_average
from hvdbench.metrics.fidelity import psnr

STEPS: Mapping[str, Any] = {"batch": 4, "stage1_steps": 200, "stage2_steps": 100, "learning_rate": 3e-4}
CAP_DB = 80.0


def two_stages(aligner: Aligner, is_sharp: NDArray[np.bool_], seed: int) -> dict[str, Frames]:
    """Fit to a clip by its labels, and restore all its frames after either stage; nothing passes through.

    Args:
        aligner: of the clip; what it takes for flow is all that the fit knows of motion.
        is_sharp: (T,) labels; without one the network stays as it begins.
        seed: of weights and crops.
    """
    stack = stack_candidates(aligner, range(len(aligner.frames)), is_sharp)
    fit = FusionFit(stack, FusionFitSettings.model_validate(STEPS), Budget(seed=seed))
    found = {}
    for stage, run in (("stage 1", fit.first_stage), ("stage 2", fit.second_stage)):
        found[stage] = to_frames(apply_fusion(run(), stack, "cpu"))
    return found


def averaged(aligner: Aligner, is_sharp: NDArray[np.bool_]) -> Frames:
    """Restore all frames without learning: the average of the neighbouring sharp ones, warped, by the same labels."""
    selected = np.flatnonzero(is_sharp)
    pictures = [warp_average(aligner, i, sharp_neighbours(i, selected)) for i in range(len(aligner.frames))]
    return to_frames(np.stack(pictures))


def to_frames(pictures: NDArray[np.float32]) -> Frames:
    """Round to 8 bit."""
    return np.asarray(np.rint(np.clip(pictures, 0, 255)), np.uint8)


def mean_psnr(restored: Frames, truth: Frames, chosen: NDArray[np.bool_]) -> float:
    """Average the PSNR of some frames (T,), each capped at 80 dB."""
    return float(np.mean([frame_psnr(restored[i], truth[i]) for i in np.flatnonzero(chosen)]))


def frame_psnr(frame: Frame, truth: Frame) -> float:
    """Return a frame's PSNR, capped at 80 dB."""
    return min(CAP_DB, psnr(frame, truth))


def weighted_psnr(frame: NDArray[np.floating], truth: Frame, weight: NDArray[np.floating]) -> float:
    """Return the PSNR in which each pixel counts by a weight (H, W); NaN where they sum to under 20 pixels."""
    total = float(weight.sum())
    if total < 20:
        return math.nan
    error = float((np.square(frame.astype(np.float64) - truth).mean(axis=-1) * weight).sum() / total)
    return min(CAP_DB, 10 * math.log10(255.0**2 / error)) if error > 0 else CAP_DB
