"""How far warped frames are off, and what that costs: alignment by flow, by planes laid over it, and by exact flow.

``python -m benchmarks.frame_alignment WORK --data SHARED`` makes the four scenes of the demo under WORK, each as a clip
of its own, with the noise of the demo and with more (read 0.008, shot 0.0008); ``--data`` adds REDS 027 from
``paired/``. It prints a row for each clip and alignment: the end-point error against exact flow between each blurry
frame and its two sharp neighbours, inside and outside the mask that flow alone gives (px, clips of the demo's noise),
and the PSNR of ``warp_average`` and ``reblur_blend`` against the centroid truth, over frames that are not selected by
the paper's labels.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validity.exact import ExactAligner, ExactFlows, end_point_error
from hvdbench.flow import flow_dis, occlusion_mask, round_trip_px
from hvdbench.frames import Frames, read_clip, to_gray
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.reblur_blend import ReblurBlendSettings, blend, corrected
from hvdbench.methods.warp_average import warp_average
from hvdbench.metrics.fidelity import psnr
from hvdbench.store import Dataset
from hvdbench.workflows.datasets import SynthRequest, synth
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback

SCENES = ("coffee", "astronaut", "motorcycle", "cup")
NOISE: dict[str, dict[str, float]] = {"": {}, "_noisy": {"read": 0.008, "shot": 0.0008}}
VISIBLE_PX = 0.5


@dataclass(frozen=True)
class Case:
    """A clip, its truth, its labels, and its exact flow where that is known."""

    name: str
    blurry: Frames
    truth: Frames
    labels: SharpLabels
    exact: ExactFlows | None

    def aligners(self) -> dict[str, Aligner]:
        """Return an aligner of each kind that the clip allows."""
        found = {"dis": Aligner(self.blurry), "planes": Aligner(self.blurry, alignment="planes")}
        return found if self.exact is None else {**found, "exact": ExactAligner(self.blurry, exact=self.exact)}


def cases(work: Path, data: Path | None, only: Sequence[str]) -> Iterator[Case]:
    """Make or open the clips."""
    for ending, noise in NOISE.items():
        for scene in SCENES:
            name = scene + ending
            if only and name not in only:
                continue
            if not (work / name).exists():
                changes: dict[str, Any] = {"clips": [scene]} | ({"noise": noise} if noise else {})
                request = SynthRequest(recipe="demo", out=work / name, overrides=changes)
                synth(request, fallback=Fallback(), engine=Engine())
            dataset = Dataset.open(work / name)
            clip = dataset.clips()[0]
            blurry, truth = clip.blurry(), clip.truth("centroid")
            if truth is None:
                raise ValueError(f"{name} has no centroid truth: remove {work / name} and run again")
            yield Case(name, blurry, truth, label_paper(blurry), None if noise else ExactFlows.of(dataset))
    if data is not None and (not only or "reds_027" in only):
        folder = data / "paired" / "reds_027_x4_f000-039"
        blurry = read_clip(folder / "blur")
        yield Case("reds_027", blurry, read_clip(folder / "sharp"), label_paper(blurry), None)


def errors_px(case: Case, aligner: Aligner) -> tuple[float, float]:
    """Average the end-point error inside and outside the mask of flow alone, over pixels that both frames show."""
    if case.exact is None:
        return float("nan"), float("nan")
    inside: list[float] = []
    outside: list[float] = []
    grays = [to_gray(frame) for frame in case.blurry]
    for i in np.flatnonzero(~case.labels.is_selected).tolist():
        for j in sharp_neighbours(i, case.labels.selected):
            exact = case.exact.centroid(i, j)
            seen = round_trip_px(exact, case.exact.centroid(j, i)) < VISIBLE_PX
            mask = occlusion_mask(flow_dis(grays[i], grays[j]), flow_dis(grays[j], grays[i]))
            error = end_point_error(aligner.flow(i, j), exact)
            for found, weight in ((inside, mask * seen), (outside, (1 - mask) * seen)):
                found.append(float((error * weight).sum() / max(float(weight.sum()), 1.0)))
    return float(np.mean(inside)), float(np.mean(outside))


def restored_db(case: Case, aligner: Aligner) -> tuple[float, float]:
    """Average the PSNR of ``warp_average`` and ``reblur_blend`` over the frames that are not selected."""
    selected, model = case.labels.selected, fit_exposure_model(aligner, case.labels.is_selected)
    steps = ReblurBlendSettings().correction_steps
    averages, blends = [], []
    for i in np.flatnonzero(~case.labels.is_selected).tolist():
        average = warp_average(aligner, i, sharp_neighbours(i, selected))
        averages.append(psnr(_rounded(average), case.truth[i]))
        blends.append(psnr(_rounded(corrected(blend(model, i, selected), i, model, steps)), case.truth[i]))
    return float(np.mean(averages)), float(np.mean(blends))


def _rounded(picture: Any) -> Any:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("work", type=Path, help="folder for the clips that are made")
    parser.add_argument("--data", type=Path, help="folder that contains paired/reds_027_x4_f000-039")
    parser.add_argument("--only", nargs="+", default=[], help="names of clips")
    given = parser.parse_args(arguments)
    print("| clip | alignment | EPE in M | EPE outside M | warp_average | reblur_blend |\n|---|---|---|---|---|---|")
    for case in cases(given.work, given.data, given.only):
        for kind, aligner in case.aligners().items():
            numbers = (*errors_px(case, aligner), *restored_db(case, aligner))
            print(f"| {case.name} | {kind} | " + " | ".join(f"{value:.2f}" for value in numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
