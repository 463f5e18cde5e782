"""Score every frame under a protocol: PSNR, SSIM and their gain, together with sharpness and shift."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import PSNR_CAP_DB, REGISTRATION_MINIMUM_PX, psnr_registered
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.frame_pair import measure_frame
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.metrics.sharpness import gray_sharpness, shift_px
from hvdbench.scoring.frame_files import FrameSequence
from hvdbench.scoring.run_clip import TRUTHS
from hvdbench.store import Truth

PROTOCOL = DEFAULT.name


def frame_columns(protocol: Protocol) -> tuple[str, ...]:
    """List the columns of frame scores under a protocol.

    ``registered_<truth>`` is present where the protocol registers frames: 1 where a motion was found, otherwise 0.
    """
    more = ["psnr_registered"] if protocol.also_registered else []
    registers = ["registered"] if protocol.registration != "none" else []
    return (
        "frame",
        "selected",
        *(f"{metric}_{truth}" for metric in ("psnr", "ssim", *more, "psnr_gain", *registers) for truth in TRUTHS),
        "sharpness",
        "sharpness_input",
        "sharpness_ratio",
        "shift_px",
    )


FRAME_COLUMNS = frame_columns(DEFAULT)


def score_frames(
    restored: FrameSequence,
    blurry: FrameSequence,
    truths: Mapping[Truth, FrameSequence | None],
    selected: NDArray[np.bool_],
    protocol: Protocol = DEFAULT,
) -> pd.DataFrame:
    """Score every frame of one clip, one frame of each stream in memory at a time.

    Args:
        restored: a method's output, uint8 RGB (T, H, W, 3).
        blurry: the method's input, of the same shape.
        truths: the truths ``mid`` and ``centroid``; the scores of one that is absent or None are NaN.
        selected: (T,) True where the frame was selected as sharp.
        protocol: how PSNR and SSIM are computed, and which frames count.

    Returns:
        T rows with :func:`frame_columns`. ``psnr_gain`` is relative to the input under the same protocol. A frame that
        does not count has NaN everywhere. ``psnr_registered`` is NaN for frames under 27 px a side, and
        ``sharpness_ratio`` is NaN where the input is flat.

    Raises:
        InputError: if shapes do not fit, frames are under 11 px a side (27 px where the protocol seeks a translation),
            or a truth is unknown.
    """
    given = {name: frames for name, frames in truths.items() if frames is not None}
    unknown = set(given) - set(TRUTHS)
    if unknown:
        raise InputError(f"there is no truth named '{min(unknown)}' (known: {', '.join(TRUTHS)})")
    for name, frames in {"input": blurry, **{f"{name} truth": frames for name, frames in given.items()}}.items():
        if frames.shape != restored.shape:
            raise InputError(
                f"the restored frames are {_shape(restored)}, and those of the {name} are {_shape(frames)}"
            )
    if selected.shape != (len(restored),) or selected.dtype != np.bool_:
        raise InputError(
            f"{len(restored)} frames were restored, and the selection is {selected.dtype} {selected.shape}"
        )
    counts = protocol.counts(np.arange(len(restored)), len(restored))
    rows = []
    for index, (frame, before) in enumerate(zip(restored, blurry, strict=True)):
        row: dict[str, float | int | bool] = {"frame": index, "selected": bool(selected[index])}
        if counts[index]:
            for name, frames in given.items():
                row |= _fidelity(protocol, frame, before, frames[index], name)
            row |= _without_truth(frame, before)
        rows.append(row)
    return frame_table(pd.DataFrame(rows, columns=list(frame_columns(protocol))), protocol)


def frame_table(scores: pd.DataFrame, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Put the columns of frame scores in order and set their types."""
    columns = list(frame_columns(protocol))
    types = dict.fromkeys(columns, "float64") | {"frame": "int64", "selected": "bool"}
    return scores[columns].astype(types)


def _fidelity(protocol: Protocol, frame: Frame, before: Frame, truth: Frame, name: Truth) -> dict[str, float]:
    score = measure_frame(protocol, frame, truth)
    found = {
        f"psnr_{name}": score.psnr,
        f"ssim_{name}": score.ssim,
        f"psnr_gain_{name}": score.psnr - measure_frame(protocol, before, truth, similarity=False).psnr,
    }
    if protocol.registration != "none":
        found[f"registered_{name}"] = float(score.is_registered)
    if protocol.also_registered:
        registrable = min(frame.shape[:2]) >= REGISTRATION_MINIMUM_PX
        registered = min(psnr_registered(frame, truth), PSNR_CAP_DB) if registrable else math.nan
        found[f"psnr_registered_{name}"] = registered
    return found


def _without_truth(frame: Frame, before: Frame) -> dict[str, float]:
    after, ahead = gray_sharpness(frame), gray_sharpness(before)
    return {
        "sharpness": after,
        "sharpness_input": ahead,
        "sharpness_ratio": after / ahead if ahead > 0 else math.nan,
        "shift_px": shift_px(frame, before),
    }


def _shape(frames: FrameSequence) -> str:
    return "x".join(map(str, frames.shape))
