"""How far warped frames are off, and what that costs: each way of alignment beside exact flow.

``python -m benchmarks.frame_alignment DATASET --root PHOTOGRAPHS`` takes a dataset that hvdbench made, such as that of
the recipe ``pretrain_validation``, and prints a row for each clip and alignment, and means:

- the end-point error between each blurry frame and its two sharp neighbours, inside and outside the mask M of Eq. 5
  that flow alone gives, over pixels that both frames show. Exact flow is simulated again between the centroids of both
  exposures, for any two frames, from the camera that the dataset records; nothing is chained;
- the PSNR of ``warp_average``, of the re-blur blend and, with ``--fusion``, of a pre-trained fusion against the
  centroid truth. All rows share the exposure share that flow alone finds, so that they differ in alignment alone;
- the CPU time of a pair of frames of 1280x720, both ways, flow included: frames of the first clip of each kind of
  scene, enlarged.

Frames that the paper's labels select are left out, and of the others every third is measured.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from benchmarks.validity.exact import ExactAligner, ExactFlows, end_point_error
from hvdbench.flow import flow_dis, occlusion_mask, round_trip_px
from hvdbench.frames import Frames, Image, read_clip, to_gray
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.blur.planes import Alignment
from hvdbench.methods.reblur_blend import blend
from hvdbench.methods.warp_average import warp_average
from hvdbench.metrics.fidelity import psnr
from hvdbench.store import Dataset

ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)
VISIBLE_PX = 0.5
TIMED_SIZE = (1280, 720)
TIMES = 3
SEEDS = 3

Restore = Callable[[ExposureModel, int, Any], Image]


@dataclass(frozen=True)
class Case:
    """A clip, its kind of scene, its truth, its labels, and its exact flow where that is known."""

    name: str
    kind: str
    blurry: Frames
    truth: Frames
    labels: SharpLabels
    exact: ExactFlows | None

    def aligners(self) -> dict[str, Aligner]:
        """Return an aligner of each kind that the clip allows."""
        found: dict[str, Aligner] = {kind: Aligner(self.blurry, alignment=kind) for kind in ALIGNMENTS}
        return found if self.exact is None else {**found, "exact": ExactAligner(self.blurry, exact=self.exact)}

    def measured(self, every: int) -> list[int]:
        """List the frames that are measured."""
        return [int(i) for i in np.flatnonzero(~self.labels.is_selected)[::every]]


def cases(dataset: Dataset, root: Path | None, clips_of_a_kind: int, only: Sequence[str]) -> Iterator[Case]:
    """Open the first clips of each kind of scene, or those of some names."""
    opened: dict[str, int] = {}
    for clip in dataset.clips():
        kind, blurry, truth = str(clip.attributes()["scene_kind"]), clip.blurry(), clip.truth("centroid")
        is_asked = clip.name in only if only else opened.get(kind, 0) < clips_of_a_kind
        if truth is not None and is_asked:
            opened[kind] = opened.get(kind, 0) + 1
            yield Case(clip.name, kind, blurry, truth, label_paper(blurry), ExactFlows.of(dataset, clip, root))


def paired(folder: Path) -> Case:
    """Open a clip of others with its sharp frames, whose exact flow nobody knows."""
    blurry = read_clip(folder / "blur")
    return Case(folder.name, folder.name, blurry, read_clip(folder / "sharp"), label_paper(blurry), None)


def errors_px(case: Case, aligner: Aligner, frames: Sequence[int]) -> tuple[float, float]:
    """Average the end-point error inside and outside the mask of flow alone, over pixels that both frames show."""
    if case.exact is None:
        return float("nan"), float("nan")
    inside: list[float] = []
    outside: list[float] = []
    grays = [to_gray(frame) for frame in case.blurry]
    for i in frames:
        for j in sharp_neighbours(i, case.labels.selected):
            exact = case.exact.centroid(i, j)
            seen = round_trip_px(exact, case.exact.centroid(j, i)) < VISIBLE_PX
            mask = occlusion_mask(flow_dis(grays[i], grays[j]), flow_dis(grays[j], grays[i]))
            error = end_point_error(aligner.flow(i, j), exact)
            for found, weight in ((inside, mask * seen), (outside, (1 - mask) * seen)):
                found.append(float((error * weight).sum() / max(float(weight.sum()), 1.0)))
    return float(np.mean(inside)), float(np.mean(outside))


def restored_db(case: Case, model: ExposureModel, frames: Sequence[int], ways: Sequence[Restore]) -> list[float]:
    """Average the PSNR of each way to restore frames."""
    found = [[psnr(_rounded(way(model, i, case.labels.selected)), case.truth[i]) for i in frames] for way in ways]
    return [float(np.mean(values)) for values in found]


def _averaged(model: ExposureModel, index: int, selected: Any) -> Image:
    return warp_average(model.aligner, index, sharp_neighbours(index, selected))


def fusion(recipe: str, steps: int = 0, seed: int = 0) -> Restore:
    """Open a pre-trained fusion with its weights, as a way to restore a frame.

    Args:
        recipe: the method.
        steps: steps of an adaptation to each clip, whose weights are taken whatever held-out frames say of them.
        seed: seed of the adaptation.
    """
    from hvdbench.methods.building import load_start  # torch takes longer to come than a clip without it
    from hvdbench.methods.fusion.pretrained.adaptation import AdaptationFit
    from hvdbench.methods.fusion.pretrained.places import PlaceMaker
    from hvdbench.methods.fusion.pretrained.planes import frame_planes
    from hvdbench.methods.fusion.pretrained.scheme import PretrainedFusion, apply_network
    from hvdbench.methods.recipe import load_method
    from hvdbench.methods.restoration import Budget

    scheme = load_method(recipe).scheme
    if not isinstance(scheme, PretrainedFusion):
        raise ValueError(f"{recipe} is not a fusion that was trained before")
    network = scheme.build()
    load_start(network, str(scheme.weights), {})
    network.eval()
    adapted: dict[int, Any] = {}

    def adapt(model: ExposureModel, selected: Any) -> Any:
        is_selected, none = np.isin(np.arange(len(model.aligner.frames)), selected), np.array([], np.intp)
        how = scheme.settings.adaptation
        maker = PlaceMaker(model, is_selected, how.item_px, seed)
        sharp = [int(i) for i in np.flatnonzero(model.confirmed_sharp(is_selected))] or [int(i) for i in selected]
        places = maker.exact(sharp, how.items, none), maker.warped(how.items, none)
        fit = AdaptationFit(network, *places, scheme.settings, Budget(seed=seed))
        for _ in range(steps):
            fit.step()
        return fit.averaged

    def restore(model: ExposureModel, index: int, selected: Any) -> Image:
        used = network
        if steps:
            key = id(model.aligner)
            if key not in adapted:
                adapted.clear()  # frames come clip by clip, and an aligner that is gone may lend its number to another
                adapted[key] = adapt(model, selected)
            used = adapted[key]
        return apply_network(used, frame_planes(model, index, selected), "cpu")

    return restore


def seconds_of_a_pair(case: Case, kind: Alignment) -> float:
    """Take the least CPU time of a few alignments of a frame and its sharp neighbour, enlarged, both ways."""
    blurred = case.measured(1)[0]
    sharp = sharp_neighbours(blurred, case.labels.selected)[0]
    frames = np.stack([cv2.resize(case.blurry[i], TIMED_SIZE) for i in (blurred, sharp)])
    taken = []
    for _ in range(TIMES):
        aligner, started = Aligner(frames, alignment=kind), time.process_time()
        aligner.flow(0, 1), aligner.flow(1, 0)
        taken.append(time.process_time() - started)
    return min(taken)


def _rounded(picture: Image) -> Any:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def measure(case: Case, every: int, ways: Sequence[Restore], *, timed: bool) -> dict[str, list[float]]:
    """Measure each alignment of a clip: both errors, the PSNR of each way, and seconds, NaN where it is not timed."""
    frames, rows = case.measured(every), dict[str, list[float]]()
    model = fit_exposure_model(Aligner(case.blurry), case.labels.is_selected, with_paths=False)
    for kind, aligner in case.aligners().items():
        seconds = seconds_of_a_pair(case, kind) if timed and kind in ALIGNMENTS else float("nan")
        restored = restored_db(case, replace(model, aligner=aligner), frames, ways)
        rows[kind] = [*errors_px(case, aligner, frames), *restored, seconds]
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset", type=Path, help="folder of a dataset that hvdbench made")
    parser.add_argument("--root", type=Path, help="folder of the pictures that the dataset was made from")
    parser.add_argument("--paired", type=Path, nargs="*", default=[], help="further clips, folders with blur and sharp")
    parser.add_argument("--clips", type=int, default=2, help="number of clips of each kind of scene")
    parser.add_argument("--only", nargs="+", default=[], help="names of clips, in place of a number of each kind")
    parser.add_argument("--every", type=int, default=3, help="distance of the frames that are measured")
    parser.add_argument("--fusion", help="method whose pre-trained network is measured too, such as fusion_pretrained")
    parser.add_argument(
        "--adapted", type=int, help="steps in which that network is adapted to each clip, in three seeds"
    )
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    ways: list[Restore] = [_averaged, blend]
    titles = ["EPE in M, px", "outside M", "`warp_average`, dB", "blend"]
    if given.fusion:
        ways.append(fusion(given.fusion))
        titles.append(f"`{given.fusion}`")
        for seed in range(SEEDS if given.adapted else 0):
            ways.append(fusion(given.fusion, given.adapted, seed))
            titles.append(f"adapted, seed {seed}")
    titles.append("CPU s per 720p pair")
    print(f"| scenes | alignment | {' | '.join(titles)} |\n|---|---|" + "---:|" * len(titles))
    kinds: dict[str, list[dict[str, list[float]]]] = {}
    for case in cases(Dataset.open(given.dataset), given.root, given.clips, given.only):
        rows = kinds.setdefault(case.kind, [])
        rows.append(measure(case, given.every, ways, timed=not rows))
        print_means(case.name, rows[-1:])
    for kind, rows in kinds.items():
        print_means(f"{kind}, mean", rows)
    print_means("all, mean", [row for rows in kinds.values() for row in rows])
    for folder in given.paired:
        print_means(folder.name, [measure(paired(folder), given.every, ways, timed=False)])


def print_means(name: str, rows: Sequence[dict[str, list[float]]]) -> None:
    """Print a row for each alignment: the means over clips of what was measured."""
    for kind in rows[0]:
        columns = np.array([row[kind] for row in rows]).T
        known = [column[np.isfinite(column)] for column in columns]
        means = [f"{column.mean():.2f}" if len(column) else "–" for column in known]
        print(f"| {name} | {kind} | " + " | ".join(means) + " |", flush=True)


if __name__ == "__main__":
    main()
