"""Scores of a restored clip by frame, and their means over kinds of frames and pixels."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.clips import Clip
from hvdbench.frames import Frame, Frames
from hvdbench.metrics.fidelity import psnr, psnr_registered, ssim
from hvdbench.metrics.sharpness import gray_sharpness, shift_px

CAP_DB = 80.0
FEWEST_OBJECT_PX = 200
ORACLE = {0: "oracle_sharp", 1: "oracle_mild", 2: "oracle_blurry"}

Row = dict[str, float]


def score_clip(restored: Frames, clip: Clip, known: list[Row] | None = None) -> list[Row]:
    """Score every frame.

    Args:
        restored: (T, H, W, 3) uint8.
        clip: with its truths.
        known: the input's scores, taken for frames that are the input's; None: all are computed.
    """
    rows = []
    for index, frame in enumerate(restored):
        same = known is not None and np.array_equal(frame, clip.blurry[index])
        rows.append(known[index] if same and known is not None else _score(frame, clip, index))
    return rows


def _score(frame: Frame, clip: Clip, index: int) -> Row:
    row: Row = {
        "sharpness": gray_sharpness(frame),
        "shift_px": shift_px(frame, clip.blurry[index]),
    }
    for name, frames in clip.truths.items():
        truth = frames[index]
        row[f"psnr_{name}"] = min(CAP_DB, psnr(frame, truth))
        row[f"ssim_{name}"] = ssim(frame, truth)
        row[f"registered_{name}"] = min(CAP_DB, psnr_registered(frame, truth))
        if clip.objects is not None and clip.objects[index].sum() >= FEWEST_OBJECT_PX:
            row[f"moving_{name}"] = _psnr_of(frame, truth, clip.objects[index])
            row[f"static_{name}"] = _psnr_of(frame, truth, ~clip.objects[index])
    return row


def _psnr_of(frame: Frame, truth: Frame, pixels: NDArray[np.bool_]) -> float:
    """Return the PSNR over some pixels."""
    error = float(np.square(frame[pixels].astype(np.float64) - truth[pixels]).mean())
    return min(CAP_DB, 10 * math.log10(255.0**2 / error)) if error > 0 else CAP_DB


def subsets(clip: Clip) -> Mapping[str, NDArray[np.bool_]]:
    """Return kinds of frames by name, (T,) each; kinds that do not occur are left out."""
    selected = clip.labels.is_selected
    found = {"all": np.ones(len(selected), bool), "selected": selected, "not_selected": ~selected}
    if clip.oracle is not None:
        found |= {name: clip.oracle == value for value, name in ORACLE.items()}
    return {name: mask for name, mask in found.items() if mask.any()}


def summarise(rows: list[Row], before: list[Row], clip: Clip) -> dict[str, dict[str, float]]:
    """Return means by kind of frame.

    Args:
        rows: of the restored clip.
        before: of the input.
        clip: the clip.

    Returns:
        Kind → metric → value. ``worse_<truth>`` is the share of frames below the input, ``sharpness_ratio`` the mean
        sharpness over the input's, ``shift_px`` a median.
    """
    return {name: _means(rows, before, mask) for name, mask in subsets(clip).items()}


def _means(rows: list[Row], before: list[Row], mask: NDArray[np.bool_]) -> dict[str, float]:
    chosen = [(rows[i], before[i]) for i in np.flatnonzero(mask)]
    found: dict[str, float] = {"frames": float(len(chosen))}
    for metric in sorted({key for row, _ in chosen for key in row} - {"sharpness", "shift_px"}):
        found[metric] = float(np.mean([row[metric] for row, _ in chosen if metric in row]))
        if metric.startswith("psnr_"):
            worse = [row[metric] < old[metric] - 1e-9 for row, old in chosen]
            found[f"worse_{metric[5:]}"] = float(np.mean(worse))
    total = sum(old["sharpness"] for _, old in chosen)
    found["sharpness_ratio"] = sum(row["sharpness"] for row, _ in chosen) / total if total > 0 else math.nan
    found["shift_px"] = float(np.median([row["shift_px"] for row, _ in chosen]))
    return {key: round(value, 4) for key, value in found.items()}


def facts_of(clip: Clip) -> dict[str, Any]:
    """Describe a clip in numbers."""
    extent = None if clip.extent_px is None else [round(float(v), 1) for v in np.percentile(clip.extent_px, (50, 90))]
    oracle = None if clip.oracle is None else np.bincount(clip.oracle, minlength=3).tolist()
    return {
        "kind": clip.kind,
        "role": clip.role,
        "frames": len(clip.blurry),
        "selected": int(clip.labels.is_selected.sum()),
        "oracle_sharp_mild_blurry": oracle,
        "extent_px_median_p90": extent,
        "object_pixels": clip.objects is not None,
        "truths": sorted(clip.truths),
    }
