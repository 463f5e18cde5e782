"""What each part of SelfHVD adds to the small networks that start from weights of hvdbench.

``python -m benchmarks.small_networks --work FOLDER`` makes the demo's clips, fits ``selfhvd_<network>_small`` to all of
them by each set of parts, three seeds each, and prints a table: PSNR against the centroid truth over the frames of the
middle of each clip that are not selected, and the difference from the weights that every fit starts from, with its
interval over clips, of which each is a mean over seeds. All fits have as many steps; the last weights count, never the
best. One core needs about a quarter of an hour a network. What is done is kept in ``FOLDER``.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import hvdbench
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import DatasetError
from hvdbench.frames import Frames
from hvdbench.labels.stored import labels_of
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.metrics.fidelity import psnr
from hvdbench.statistics.intervals import clip_interval
from hvdbench.store import ClipFolder, Dataset
from hvdbench.workspace.atomic import atomic_write_text

NETWORKS = ("basicvsrpp", "estrnn")
PARTS: Mapping[str, Mapping[str, Any]] = {
    "+ stage 1": {"stage1_share": 1.0},
    "+ SEVD": {"scscm": False},
    "+ SCSCM": {"sevd": False},
    "+ both": {},
}
INPUT, CONTROL, START = "input", "`warp_average`", "supervised start"
FRAMES = 12
Scores = dict[str, float]  # dB by clip


@dataclass(frozen=True)
class Middle:
    """The middle frames of a clip.

    Attributes:
        name: name of the clip.
        clip: the whole clip.
        frames: numbers of the frames that are restored.
        blurry: these frames.
        truth: their centroid truth.
    """

    name: str
    clip: ClipFolder
    frames: slice
    blurry: Frames
    truth: Frames

    def score(self, restored: Frames) -> float:
        """Return the mean PSNR over the frames that are not selected."""
        selected = labels_of(self.clip).is_selected[self.frames]
        return float(np.mean([psnr(restored[i], self.truth[i]) for i in np.flatnonzero(~selected)]))


def middle_of(clip: ClipFolder) -> Middle:
    """Read the middle of a clip."""
    blurry, truth = clip.blurry(), clip.truth("centroid")
    if truth is None:
        raise DatasetError(f"clip '{clip.name}' has no centroid truth")
    first = (len(blurry) - FRAMES) // 2
    frames = slice(first, first + FRAMES)
    return Middle(clip.name, clip, frames, blurry[frames], truth[frames])


def control_scores(clips: Sequence[Middle]) -> dict[str, Scores]:
    """Score the input and the control that learns nothing."""
    control = load_method("warp_average").scheme
    warped = {one.name: control.restore(one.clip.blurry(), labels_of(one.clip), Budget()).frames for one in clips}
    return {
        INPUT: {one.name: one.score(one.blurry) for one in clips},
        CONTROL: {one.name: one.score(warped[one.name][one.frames]) for one in clips},
    }


def start_scores(network: str, clips: Sequence[Middle]) -> Scores:
    """Score the weights that every fit starts from."""
    method = load_method(f"{network}_pretrained")
    return {one.name: one.score(method.restore(one.blurry, labels_of(one.clip), Budget()).frames) for one in clips}


def fit_scores(network: str, part: str, seed: int, steps: int, folder: Path, clips: Sequence[Middle]) -> Scores:
    """Fit by some parts of SelfHVD, and score the last weights."""
    method = load_method(f"selfhvd_{network}_small", overrides={"fallback": False, **PARTS[part]})
    scheme = method.trained_scheme.with_steps(steps)
    trained, _ = train_scheme(scheme, open_reader(folder), None, Budget(seed=seed))
    trained.eval()
    return {one.name: one.score(scheme.restore_with(trained, one.blurry, Budget()).frames) for one in clips}


def table(scores: Mapping[str, Mapping[str, Scores]], start: str) -> str:
    """Write the table: rows by name, each of scores by seed."""
    lines = ["| fit | PSNR centroid | to the start | clips above / below |", "|---|---:|---:|---:|"]
    before = _over_seeds(scores[start])
    for name, by_seed in scores.items():
        own = _over_seeds(by_seed)
        gaps = [own[clip] - before[clip] for clip in before]
        cells = ["", ""]
        if name != start:
            found = clip_interval(gaps)
            cells = [
                f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]",
                f"{sum(gap > 0 for gap in gaps)} / {sum(gap < 0 for gap in gaps)}",
            ]
        lines.append(f"| {name} | {np.mean(list(own.values())):.2f} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _over_seeds(by_seed: Mapping[str, Scores]) -> Scores:
    runs = list(by_seed.values())
    return {clip: float(np.mean([run[clip] for run in runs])) for clip in runs[0]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_networks", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="clips and scores; a second call goes on there")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=24)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = given.work / "demo"
    if not folder.is_dir():
        hvdbench.synth("demo", output=folder)
        hvdbench.label(folder)
    clips = [middle_of(clip) for clip in Dataset.open(folder).clips("test")]
    file = given.work / f"scores.{given.steps}.json"
    kept: dict[str, dict[str, Scores]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def keep(row: str, seed: str, scores: Scores) -> None:
        kept.setdefault(row, {})[seed] = scores
        atomic_write_text(file, json.dumps(kept, indent=1) + "\n")

    if INPUT not in kept:
        for row, scores in control_scores(clips).items():
            keep(row, "any", scores)
    for network in given.networks:
        if f"{network}: {START}" not in kept:
            keep(f"{network}: {START}", "any", start_scores(network, clips))
        for part in PARTS:
            row = f"{network}: {part}"
            for seed in given.seeds:
                if str(seed) not in kept.get(row, {}):
                    keep(row, str(seed), fit_scores(network, part, seed, given.steps, folder, clips))
                    print(row, seed, kept[row][str(seed)], flush=True)
        rows = {name: kept[name] for name in (INPUT, CONTROL)}
        rows |= {name: kept[f"{network}: {name}"] for name in (START, *PARTS)}
        print(f"\n{network}, {given.steps} steps, seeds {given.seeds}\n\n{table(rows, START)}\n", flush=True)


if __name__ == "__main__":
    main()
