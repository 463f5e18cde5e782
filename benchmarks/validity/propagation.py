"""(b) How errors of labels and of flow come through the fit: the same frames, the same steps, other labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.clips import Clip
from benchmarks.validity.clips import exact_clip, exact_dataset
from benchmarks.validity.exact import ExactAligner, ExactFlows
from benchmarks.validity.fits import averaged, mean_psnr, two_stages
from hvdbench.labels.extent import label_extent
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.synth.oracle import BLURRY, SHARP

CORRUPTED = (0.1, 0.2, 0.4)
Variants = dict[str, tuple[NDArray[np.bool_], bool]]
"""Labels and whether the flow is exact, by name."""


def variants(clip: Clip, seed: int) -> Variants:
    """Return the labels to fit by; corrupted ones turn that share of the oracle's over, other frames for each seed."""
    if clip.oracle is None:
        raise ValueError(f"{clip.name} has no oracle")
    oracle = clip.oracle == SHARP
    found: Variants = {
        "oracle": (oracle, False),
        "paper": (clip.labels.is_selected, False),
        "extent": (label_extent(clip.blurry).is_selected, False),
    }
    random = np.random.default_rng([seed, 7])
    for share in CORRUPTED:
        turned = oracle.copy()
        turned[random.permutation(len(turned))[: round(share * len(turned))]] ^= True
        found[f"{round(100 * share)} % of the oracle's turned over"] = (turned, False)
    found["oracle, exact flow"] = (oracle, True)
    found["paper, exact flow"] = (clip.labels.is_selected, True)
    return found


def label_facts(labels: NDArray[np.bool_], oracle: NDArray[np.int64]) -> dict[str, float]:
    """Count the selected frames, and give the shares that the oracle calls sharp, and blurry; the rest are mild."""
    chosen = max(1, int(labels.sum()))
    return {
        "selected": int(labels.sum()),
        "accuracy": round(float((labels == (oracle == SHARP)).mean()), 4),
        "precision": round(float((labels & (oracle == SHARP)).sum() / chosen), 4),
        "blurry": round(float((labels & (oracle == BLURRY)).sum() / chosen), 4),
    }


def measure(name: str, seed: int, work: Path, data: Path) -> dict[str, Any]:
    """Fit to a clip by all labels; scored are the frames that the oracle does not call sharp, whatever the labels."""
    clip, flows = exact_clip(name, work, data), ExactFlows.of(exact_dataset(name, work))
    if clip.oracle is None:
        raise ValueError(f"{name} has no oracle")
    scored = clip.oracle != SHARP
    plain, exact = Aligner(clip.blurry), ExactAligner(clip.blurry, exact=flows)

    def scores(frames: NDArray[np.uint8]) -> dict[str, float]:
        return {truth: round(mean_psnr(frames, known, scored), 4) for truth, known in clip.truths.items()}

    rows: dict[str, Any] = {"input": {"input": scores(clip.blurry)}}
    for variant, (labels, is_exact) in variants(clip, seed).items():
        aligner = exact if is_exact else plain
        stages = {"warp_average": averaged(aligner, labels), **two_stages(aligner, labels, seed)}
        rows[variant] = {stage: scores(frames) for stage, frames in stages.items()}
        rows[variant]["labels"] = label_facts(labels, clip.oracle)
    return {"clip": name, "seed": seed, "frames": int(scored.sum()), "rows": rows}
