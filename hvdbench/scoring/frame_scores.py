"""The scores of every frame that each board has: PSNR, SSIM, sharpness, shift."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import REGISTRATION_MINIMUM_PX, psnr, psnr_registered, ssim
from hvdbench.metrics.protocols.known import PSNR_CAP_DB
from hvdbench.metrics.sharpness import laplacian_variance, shift_px
from hvdbench.scoring.frame_files import FrameSequence
from hvdbench.scoring.run_clip import TRUTHS
from hvdbench.store import Truth

PROTOCOL = "hvdbench-1"
FRAME_COLUMNS = (
    "frame",
    "selected",
    *(f"{metric}_{truth}" for metric in ("psnr", "ssim", "psnr_registered", "psnr_gain") for truth in TRUTHS),
    "sharpness",
    "sharpness_input",
    "sharpness_ratio",
    "shift_px",
)


def score_frames(
    restored: FrameSequence,
    blurry: FrameSequence,
    truths: Mapping[Truth, FrameSequence | None],
    selected: NDArray[np.bool_],
) -> pd.DataFrame:
    """Score every frame of one clip, one frame of each stream in memory at a time.

    Args:
        restored: uint8 RGB (T, H, W, 3), a method's output.
        blurry: its input, of the same shape.
        truths: ``mid`` and ``centroid``; one that is absent or None gives NaN.
        selected: (T,) True where the frame was selected as sharp.

    Returns:
        T rows with :data:`FRAME_COLUMNS`. PSNRs are capped at 80 dB and ``psnr_gain`` is to the input; ``_registered``
        is NaN for frames under 27 px a side, ``sharpness_ratio`` where the input is flat.

    Raises:
        InputError: shapes that do not fit, frames under 11 px a side, or an unknown truth.
    """
    given = {name: frames for name, frames in truths.items() if frames is not None}
    unknown = set(given) - set(TRUTHS)
    if unknown:
        raise InputError(f"no truth named '{min(unknown)}' (known: {', '.join(TRUTHS)})")
    for name, frames in {"input": blurry, **{f"{name} truth": frames for name, frames in given.items()}}.items():
        if frames.shape != restored.shape:
            raise InputError(f"the restored frames are {_shape(restored)}, those of the {name} {_shape(frames)}")
    if selected.shape != (len(restored),) or selected.dtype != np.bool_:
        raise InputError(f"{len(restored)} frames were restored, the selection is {selected.dtype} {selected.shape}")
    rows = []
    for index, (frame, before) in enumerate(zip(restored, blurry, strict=True)):
        row: dict[str, float | int | bool] = {"frame": index, "selected": bool(selected[index])}
        for name, frames in given.items():
            row |= _fidelity(frame, before, frames[index], name)
        row |= _without_truth(frame, before)
        rows.append(row)
    return frame_table(pd.DataFrame(rows, columns=list(FRAME_COLUMNS)))


def frame_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Give the scores of frames their columns, in order, and their types."""
    types = dict.fromkeys(FRAME_COLUMNS, "float64") | {"frame": "int64", "selected": "bool"}
    return scores[list(FRAME_COLUMNS)].astype(types)


def _fidelity(frame: Frame, before: Frame, truth: Frame, name: Truth) -> dict[str, float]:
    score = capped(psnr(frame, truth))
    registrable = min(frame.shape[:2]) >= REGISTRATION_MINIMUM_PX
    return {
        f"psnr_{name}": score,
        f"ssim_{name}": ssim(frame, truth),
        f"psnr_registered_{name}": capped(psnr_registered(frame, truth)) if registrable else math.nan,
        f"psnr_gain_{name}": score - capped(psnr(before, truth)),
    }


def _without_truth(frame: Frame, before: Frame) -> dict[str, float]:
    after, ahead = laplacian_variance(frame), laplacian_variance(before)
    return {
        "sharpness": after,
        "sharpness_input": ahead,
        "sharpness_ratio": after / ahead if ahead > 0 else math.nan,
        "shift_px": shift_px(frame, before),
    }


def capped(value: float) -> float:
    """Cap a PSNR at 80 dB."""
    return min(value, PSNR_CAP_DB)


def _shape(frames: FrameSequence) -> str:
    return "x".join(map(str, frames.shape))
