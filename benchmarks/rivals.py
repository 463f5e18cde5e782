"""Measure rivals and their variants: ``python -m benchmarks.rivals DATASET --arms NAME... -o FILE``.

An arm is a method's reference (``ren2020@tiny``), or the same with settings that differ
(``dadeblur:condition.shuffled=true,as.unit="published"``: TOML values). Each arm restores each clip by its own labels,
once for each seed. The file holds one JSON line for each clip, arm and seed, and a second run measures only what is
missing there. The lines carry PSNR against both truths, over all frames and over those that the arm's labeller does not
select. At the end each arm is compared with the first one, clip by clip over the mean of its seeds.
"""

import argparse
import json
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.labels.stored import make_labels
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.fidelity import psnr
from hvdbench.statistics.comparison import compare_scores
from hvdbench.store import ClipFolder, Dataset

Row = dict[str, Any]
BLURRY = "input"
"""The arm that leaves the clip as it is; its rows are written for every clip."""


def open_arm(arm: str, weights: Path | None) -> Method:
    """Return the method of an arm, with its settings changed as the arm says."""
    reference, _, changes = arm.partition(":")
    method = load_method(reference, overrides=_nested(tomllib.loads(changes.replace(",", "\n"))))
    return method.with_weights(weights) if weights is not None and method.is_trained else method


def _nested(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values as plain dictionaries; TOML has made tables of dotted keys already."""
    return {key: _nested(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def scores_of(frames: Frames, clip: ClipFolder, selected: NDArray[np.bool_]) -> Row:
    """Return PSNR in dB by truth and group of frames: ``centroid``, ``centroid_blurry``, ``mid``, ``mid_blurry``."""
    row: Row = {}
    for truth in ("centroid", "mid"):
        sharp = clip.truth(truth)
        if sharp is None:
            continue
        found = np.array([psnr(*pair) for pair in zip(frames, sharp, strict=True)])
        row |= {truth: float(found.mean()), f"{truth}_blurry": float(found[~selected].mean())}
    return row


def measure(clip: ClipFolder, arm: str, seed: int, weights: Path | None) -> Row:
    """Restore one clip by one arm, and return the line of the file."""
    blurry = clip.blurry()
    row: Row = {"clip": clip.name, "arm": arm, "seed": seed}
    if arm == BLURRY:
        return row | scores_of(blurry, clip, make_labels("paper", blurry).is_selected)
    method = open_arm(arm, weights)
    labels = make_labels(method.scheme.labeller, blurry)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        found = method.restore(blurry, labels, Budget(seed=seed))
    except FitError as error:
        return row | {"failed": str(error)}
    spent = {"seconds": round(time.perf_counter() - wall, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    # the frames are grouped by the paper's labels for every arm, whatever its own labeller is
    return row | scores_of(found.frames, clip, make_labels("paper", blurry).is_selected) | spent


def compare(rows: list[Row], arms: list[str], value: str) -> Iterator[str]:
    """Return a line for each arm: its mean gain, and how far the first arm is above it, with the interval."""

    def by_clip(arm: str) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for row in rows:
            if row["arm"] == arm and value in row:
                found.setdefault(row["clip"], []).append(row[value])
        return {clip: float(np.mean(values)) for clip, values in found.items()}

    before, first = by_clip(BLURRY), by_clip(arms[0])
    for arm in arms:
        mine = by_clip(arm)
        shared = [clip for clip in mine if clip in before and clip in first]
        if not shared:
            continue
        gain = np.mean([mine[clip] - before[clip] for clip in shared])
        line = f"{arm:60} {value:16} {gain:+7.3f} dB on {len(shared)} clips"
        if arm != arms[0]:
            found = compare_scores([first[clip] for clip in shared], [mine[clip] for clip in shared])
            gap = found.difference
            line += f"; first minus this {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], {found.above} of {gap.n}"
        yield line


def main() -> None:
    """Measure what the file lacks, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--arms", nargs="+", required=True)
    parser.add_argument("--clips", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(row["clip"], row["arm"], row["seed"]) for row in rows}
    clips = [clip for clip in Dataset.open(given.dataset).clips() if not given.clips or clip.name in given.clips]
    with given.out.open("a") as file:
        for seed in range(given.seeds):
            for clip in clips:
                for arm in [BLURRY, *given.arms] if seed == 0 else given.arms:
                    if (clip.name, arm, seed) in done:
                        continue
                    rows.append(measure(clip, arm, seed, given.weights))
                    file.write(json.dumps(rows[-1]) + "\n")
                    file.flush()
                    print(json.dumps(rows[-1]), flush=True)
    for value in ("centroid", "centroid_blurry"):
        print("\n".join(compare(rows, given.arms, value)))


if __name__ == "__main__":
    main()
