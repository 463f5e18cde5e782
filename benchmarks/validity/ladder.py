"""(d) Labels that are ever less sharp, in clips without a sharp frame: how sharp must a label be to help?"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.clips import planted_clip
from benchmarks.validity.fits import averaged, mean_psnr, two_stages
from hvdbench.methods.blur.alignment import Aligner

RUNG = 6
RUNGS = 4


def rungs(extent_px: NDArray[np.float64]) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_]]:
    """Cut frames by their blur: six that are the sharpest, the six after them, and so on, and the blurriest to score.

    Args:
        extent_px: (T,).

    Returns:
        Labels (T,) for each of four rungs, and the frames (T,) that are on none of them.
    """
    order = np.argsort(extent_px, kind="stable")
    found = []
    for rung in range(RUNGS):
        labels = np.zeros(len(order), bool)
        labels[order[rung * RUNG : (rung + 1) * RUNG]] = True
        found.append(labels)
    return found, ~np.logical_or.reduce(found)


def measure(name: str, seed: int, work: Path, data: Path) -> dict[str, Any]:
    """Fit to a clip without sharp frames by labels of every rung; scored are its blurriest frames."""
    clip, _ = planted_clip(name, 0.0, work, data)
    if clip.extent_px is None:
        raise ValueError(f"{name} has no oracle")
    every, scored = rungs(clip.extent_px)
    aligner, truth = Aligner(clip.blurry), clip.truths["centroid"]
    rows = []
    for labels in every:
        stages = {"warp_average": averaged(aligner, labels), **two_stages(aligner, labels, seed)}
        row = {stage: round(mean_psnr(frames, truth, scored), 4) for stage, frames in stages.items()}
        rows.append(row | {"label_px": round(float(clip.extent_px[labels].mean()), 3)})
    return {
        "clip": name,
        "seed": seed,
        "frames": int(scored.sum()),
        "scored_px": round(float(clip.extent_px[scored].mean()), 3),
        "input": round(mean_psnr(clip.blurry, truth, scored), 4),
        "rows": rows,
    }
