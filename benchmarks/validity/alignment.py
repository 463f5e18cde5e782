"""(a) How far warped sharp frames are off: flow against exact flow, warped pictures against the truth."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.selfhvd_tiny.clips import Clip
from benchmarks.validity.clips import exact_clip, exact_dataset
from benchmarks.validity.exact import ExactFlows, end_point_error
from benchmarks.validity.fits import averaged, two_stages, weighted_psnr
from hvdbench.flow import occlusion_mask, round_trip_px, warp
from hvdbench.frames import Frames
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.synth.oracle import SHARP

Row = dict[str, Any]
MASK_SCALE = 0.5
VISIBLE_PX = 0.5  # the exact flow and back, where a point is seen in both frames
EACH_SIDE = 2
FAR = 10
DISTANCES: Mapping[str, tuple[float, float]] = {"1": (1, 1), "2": (2, 2), "3-4": (3, 4), "5-10": (5, 10)}
EXTENTS: Mapping[str, tuple[float, float]] = {"1-2": (0, 2), "2-4": (2, 4), "4-8": (4, 8), "over 8": (8, math.inf)}


def measure(name: str, work: Path, data: Path) -> list[Row]:
    """Measure all pairs of a frame that is not sharp and a sharp one near it: two on either side, up to 10 frames off.

    The flow is estimated from the input, from what ``warp_average`` and the fit made of it, and from the truth itself.
    """
    clip, flows = exact_clip(name, work, data), ExactFlows.of(exact_dataset(name, work))
    if clip.oracle is None:
        raise ValueError(f"{name} has no oracle")
    sharp = np.flatnonzero(clip.oracle == SHARP)
    plain = Aligner(clip.blurry)
    starts: dict[str, Frames] = {
        "input": clip.blurry,
        "warp_average": averaged(plain, clip.labels.is_selected),
        "fit": two_stages(plain, clip.labels.is_selected, 0)["stage 2"],
        "truth": clip.truths["centroid"],
    }
    rows = []
    for i in np.flatnonzero(clip.oracle != SHARP).tolist():
        for j in sharp_neighbours(i, sharp, EACH_SIDE):
            if abs(i - j) <= FAR:
                rows += [_pair(clip, flows, frames, start, i, j) for start, frames in starts.items()]
    return rows


def _pair(clip: Clip, flows: ExactFlows, frames: Frames, start: str, i: int, j: int) -> Row:
    both = np.stack([frames[i], clip.blurry[j]])
    aligner = Aligner(both)
    found = aligner.flow(0, 1)
    mask = occlusion_mask(found, aligner.flow(1, 0), MASK_SCALE)
    exact, back = flows.centroid(i, j), flows.centroid(j, i)
    visible = (round_trip_px(exact, back) < VISIBLE_PX).astype(np.float32)
    error = end_point_error(found, exact)
    truth, warped = clip.truths["centroid"][i], np.clip(warp(clip.blurry[j], found), 0, 255)
    inside, outside = mask * visible, (1 - mask) * visible
    row = {
        "clip": clip.name,
        "start": start,
        "distance": abs(i - j),
        "extent_px": round(float(clip.extent_px[i]), 3) if clip.extent_px is not None else None,
        "epe": _mean(error, visible),
        "epe_median": float(np.median(error[visible > 0])),
        "epe_inside": _mean(error, inside),
        "epe_outside": _mean(error, outside),
        "mask_visible": _mean(mask, visible),
        "mask_hidden": _mean(mask, 1 - visible),
        "hidden_share": float(1 - visible.mean()),
        "psnr_inside": weighted_psnr(warped, truth, mask),
        "psnr_outside": weighted_psnr(warped, truth, 1 - mask),
        "blurry_inside": weighted_psnr(clip.blurry[i], truth, mask),
        "blurry_outside": weighted_psnr(clip.blurry[i], truth, 1 - mask),
        "exact_inside": weighted_psnr(np.clip(warp(clip.blurry[j], exact), 0, 255), truth, mask),
    }
    if start == "input":
        row["epe_mid"] = _mean(end_point_error(found, flows.mid(i, j)), visible)
    return {key: _short(value) for key, value in row.items()}


def _mean(values: Any, weight: Any) -> float:
    total = float(weight.sum())
    return float((values * weight).sum() / total) if total >= 20 else math.nan


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else round(value, 4)


MEASURED = (
    "epe",
    "epe_median",
    "epe_inside",
    "epe_outside",
    "epe_mid",
    "mask_visible",
    "mask_hidden",
    "psnr_inside",
    "psnr_outside",
    "blurry_inside",
    "blurry_outside",
    "exact_inside",
)


def binned(rows: Sequence[Row]) -> dict[str, Any]:
    """Average pairs by where the flow started, over all and by distance, extent and clip."""
    found: dict[str, Any] = {}
    for start in dict.fromkeys(row["start"] for row in rows):
        mine = [row for row in rows if row["start"] == start]
        groups: dict[str, dict[str, list[Row]]] = {
            "all": {"all": mine},
            "distance": _cut(mine, "distance", DISTANCES, closed=True),
            "extent_px": _cut(mine, "extent_px", EXTENTS, closed=False),
            "clip": {clip: [r for r in mine if r["clip"] == clip] for clip in dict.fromkeys(r["clip"] for r in mine)},
        }
        found[start] = {
            kind: {name: _average(group) for name, group in by_name.items() if group}
            for kind, by_name in groups.items()
        }
    return found


def _cut(
    rows: Sequence[Row], key: str, bins: Mapping[str, tuple[float, float]], *, closed: bool
) -> dict[str, list[Row]]:
    def within(value: float, low: float, high: float) -> bool:
        return low <= value <= high if closed else low <= value < high

    return {name: [row for row in rows if within(row[key], *ends)] for name, ends in bins.items()}


def _average(rows: Iterable[Row]) -> dict[str, float]:
    known = list(rows)
    found: dict[str, float] = {"pairs": len(known)}
    for name in MEASURED:
        values = [row[name] for row in known if row.get(name) is not None]
        if values:
            found[name] = round(float(np.mean(values)), 3)
    return found
