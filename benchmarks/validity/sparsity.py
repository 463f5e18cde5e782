"""(d) Fewer and fewer sharp frames: where learning from them stops helping."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.selfhvd_tiny.arms import CORRECTION_STEPS, PLAIN, RC, Prepared, apply, controls, fit, prepare
from benchmarks.validity.clips import planted_clip
from benchmarks.validity.fits import mean_psnr
from hvdbench.frames import Frames
from hvdbench.labels.extent import label_extent
from hvdbench.synth.oracle import SHARP


def measure(name: str, share: float, seed: int, work: Path, data: Path) -> dict[str, Any]:
    """Restore a clip with planted sharp frames by everything, its labels the paper's.

    Scored are the same frames for every share.
    """
    clip, scored = planted_clip(name, share, work, data)
    if clip.oracle is None:
        raise ValueError(f"{name} has no oracle")
    sharp, selected, extent = clip.oracle == SHARP, clip.labels.is_selected, label_extent(clip.blurry)
    rows = {
        arm: {truth: round(mean_psnr(frames, known, scored), 4) for truth, known in clip.truths.items()}
        for arm, frames in _arms(prepare(clip), seed)
    }
    nearest = [min((int(abs(i - j)) for j in np.flatnonzero(sharp)), default=-1) for i in np.flatnonzero(scored)]
    labels = {
        "sharp": int(sharp.sum()),
        "selected": int(selected.sum()),
        "selected_sharp": int((selected & sharp).sum()),
        "selected_scored": int((selected & scored).sum()),
        "extent_calls_sharp": int(extent.is_sharp.sum()),
        "extent_right": int((extent.is_sharp & sharp).sum()),
        "mean_distance": round(float(np.mean(nearest)), 2),
    }
    return {"clip": name, "share": share, "seed": seed, "frames": int(scored.sum()), "labels": labels, "rows": rows}


def _arms(prepared: Prepared, seed: int) -> Iterator[tuple[str, Frames]]:
    for control in controls(prepared):
        yield control.arm, control.frames
    start = fit(prepared, seed, PLAIN)
    yield "stage 1", apply(start.first_stage(), prepared)
    yield "stage 2", apply(start.second_stage(), prepared)
    yield "stage 2 rc", apply(fit(prepared, seed, RC, with_blend=True).run(), prepared, CORRECTION_STEPS)
