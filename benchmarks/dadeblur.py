"""Measure DaDeblur and its broken variants: ``python -m benchmarks.dadeblur DATASET --clips NAME...``.

Each clip is restored by the weights that the fine-tuning starts from (``start``), by the recipe (``dadeblur``), and by
the recipe with one thing changed. PSNR is against the centroid truth, over all frames and over those that the paper's
labeller does not select.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hvdbench.errors import FitError
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.fidelity import psnr
from hvdbench.store import Dataset

VARIANTS: Mapping[str, Mapping[str, object]] = {
    "start": {"fine_tuning": {"steps": 0}},
    "dadeblur": {},
    "shuffled": {"condition": {"shuffled": True}},
    "no_extra": {"condition": {"extra_px": 0.0}},
    "network": {"without_blurring": "network"},
} | {f"as.{fault}": {"as": {fault: "published"}} for fault in ("search", "trim", "margin", "ends", "unit", "last_step")}


def main() -> None:
    """Print a line for each clip and variant, and the mean over clips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--clips", nargs="+", required=True)
    parser.add_argument("--variant", nargs="+", default=["start", "dadeblur", "shuffled"], choices=sorted(VARIANTS))
    parser.add_argument("--method", default="dadeblur")
    parser.add_argument("--steps", type=int, default=None)
    given = parser.parse_args()
    gains: dict[str, list[tuple[float, float]]] = {}
    print(f"{'clip':20} {'variant':14} {'all dB':>8} {'gain':>7} {'blurred dB':>10} {'gain':>7} {'seconds':>8}")
    for clip in (found for found in Dataset.open(given.dataset).clips() if found.name in given.clips):
        blurry, truth = clip.blurry(), clip.truth("centroid")
        assert truth is not None
        labels = label_paper(blurry)
        before = np.array([psnr(*pair) for pair in zip(blurry, truth, strict=True)])
        rest = ~labels.is_selected
        print(f"{clip.name:20} {'input':14} {before.mean():8.3f} {'':7} {before[rest].mean():10.3f}", flush=True)
        for name in given.variant:
            scheme = load_method(given.method, overrides=VARIANTS[name]).scheme
            if given.steps is not None and scheme.fit_steps:
                scheme = scheme.with_steps(given.steps)
            started = time.perf_counter()
            try:
                found = scheme.restore(blurry, labels, Budget())
            except FitError as error:
                print(f"{clip.name:20} {name:14} {error}", flush=True)
                continue
            after = np.array([psnr(*pair) for pair in zip(found.frames, truth, strict=True)])
            gain = float((after - before).mean()), float((after - before)[rest].mean())
            gains.setdefault(name, []).append(gain)
            print(
                f"{clip.name:20} {name:14} {after.mean():8.3f} {gain[0]:+7.3f} {after[rest].mean():10.3f} "
                f"{gain[1]:+7.3f} {time.perf_counter() - started:8.1f}  "
                f"{len(found.facts.get('sharp_regions', []))} regions, {found.facts.get('length_px', '-')} px",
                flush=True,
            )
    for name, of_clips in gains.items():
        every, rest_gain = np.mean(of_clips, axis=0)
        print(f"{'mean':20} {name:14} {'':8} {every:+7.3f} {'':10} {rest_gain:+7.3f}")


if __name__ == "__main__":
    main()
