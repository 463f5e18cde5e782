"""Run the whole pipeline on embedded scenes: shake them, label, fit, score, and write a board and a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.boards.entering import enter
from hvdbench.boards.files import read_beside
from hvdbench.boards.settings import settings_of
from hvdbench.boards.text.texts import export
from hvdbench.errors import DatasetError
from hvdbench.frames import Frames, read_clip
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.pages.board.page import write_page
from hvdbench.pages.leaderboard_page import Story
from hvdbench.pages.view import ClipView
from hvdbench.runs.restoring import do_jobs, plan_run
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_metrics import score
from hvdbench.store import Dataset, Truth
from hvdbench.workflows.datasets import ClipLabels, SynthRequest, accuracy_rows, label, synth
from hvdbench.workflows.train import made_from
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import versions
from hvdbench.workspace.parsing import read_json
from hvdbench.workspace.progress import Progress, silent
from hvdbench.workspace.workspace import Workspace

METHODS = ("blurry", "warp_average", "reblur_blend", "selfhvd_fusion", "selfhvd_rc_fusion", "fusion_pretrained")
"""The rows of the demo's board, with the headline last."""

INTRO = (
    "Four scenes made from photographs inside scikit-image were shaken by a simulated hand, steadied by a simulated "
    "optical stabiliser and blurred by their exposure, so that sharp frames occur by nature and the truth is known. "
    "The methods below saw the blurry frames alone.",
    "warp_average learns nothing: it warps and averages the two neighbouring sharp frames. A method that does not beat "
    "it on a clip has learned nothing from that clip.",
    "fusion_pretrained brings weights that were trained on synthesised clips of other scenes. The fits named selfhvd "
    "learn from each of these clips alone.",
)


@dataclass(frozen=True)
class DemoResult:
    """Where the demo's results lie, and the lines that a terminal shows of them."""

    board: Path
    page: Path
    table: str
    label_lines: list[str]


def run_demo(out: Path, *, engine: Engine, seed: int = 0, progress: Progress = silent) -> DemoResult:
    """Run the demo in a folder, or finish it there; results of the same settings are used again.

    Args:
        out: the folder that receives ``datasets/``, ``runs/``, ``leaderboards/`` and ``index.html``.
        engine: what runs the jobs, one for each clip and method.
        seed: random seed of the fits.
        progress: function called with (done, total, what).

    Raises:
        DatasetError: if ``out`` contains a demo made from other settings.
    """
    request = SynthRequest(recipe="demo", out=out / "datasets" / "demo")
    dataset = synth(request, fallback=Fallback(), engine=engine, progress=progress)
    labelled = label(dataset, progress=progress)
    workspace, budget = Workspace(runs=out / "runs"), Budget(seed=seed, engine=engine, progress=progress)
    runs: dict[str, Run] = {}
    jobs = []
    for name in METHODS:
        try:
            runs[name], todo = plan_run(load_method(name), dataset, workspace=workspace, budget=budget)
        except DatasetError as error:
            raise DatasetError(f"{out} contains a demo made from other settings: choose another --out") from error
        jobs += todo
    # The long fits run first, so that no worker is left with a long one at the end.
    do_jobs(jobs[::-1], budget, what="fit, restore, score")
    path = out / "leaderboards" / "demo.csv"
    scores = {name: score(run, dataset) for name, run in runs.items()}
    for name, run in runs.items():
        source = load_method(name).made_from or made_from(dataset, None)
        enter(scores[name], run, dataset, path, origin="demo", seed=seed, source=source)
    page = out / "index.html"
    progress(0, 1, "page")
    lines = accuracy_rows(labelled)
    story = Story(
        title="hvdbench demo",
        intro=INTRO,
        notes=_notes(runs),
        clips=[clip_view(found, runs, scores, line) for found, line in zip(labelled, lines, strict=True)],
        manifest=_manifest(dataset, runs, seed),
    )
    board, papers = read_beside(str(path))
    write_page(page, board, papers, runs=out / "runs", data=[dataset.folder], story=story)
    progress(1, 1, "page")
    return DemoResult(path, page, export(board, "text", truths=settings_of(board).truths), lines)


def clip_view(
    found: ClipLabels, runs: Mapping[str, Run], scores: Mapping[str, Any], accuracy: str, truth: Truth = "centroid"
) -> ClipView:
    """Gather what a page shows of one clip of a dataset."""
    clip, labels = found.clip, found.labels
    key = f"{clip.split}/{clip.name}"
    frames: dict[str, Frames] = {"blurry": clip.blurry()}
    frames |= {name: read_clip(run.folders[key]) for name, run in runs.items() if name != "blurry"}
    sharp = clip.truth(truth)
    psnr = {}
    if sharp is not None:
        frames["sharp"] = sharp
        for name, table in scores.items():
            rows = table[(table["split"] == clip.split) & (table["clip"] == clip.name)].sort_values("frame")
            psnr[name] = rows[f"psnr_{truth}"].to_numpy(np.float64)
    attributes = clip.attributes()
    count = len(labels.is_sharp)
    times = clip.track("t_s")
    return ClipView(
        name=clip.name,
        scene_kind=str(attributes.get("scene_kind", "video")),
        source=str(attributes.get("source", "")),
        t_s=np.arange(count, dtype=np.float64) if times is None else times,
        frames=frames,
        truth=truth if sharp is not None else None,
        is_selected=labels.is_selected,
        oracle_class=clip.track("oracle/class"),
        sharpness=labels.sharpness,
        threshold=labels.threshold,
        psnr=psnr,
        displacement_px=clip.track("oracle/displacement_median_px"),
        exposure_residual_px=clip.track("exposure/residual_px"),
        exposure_hand_px=clip.track("exposure/hand_px"),
        path_t_s=clip.track("path/t_s"),
        path_hand_deg=clip.track("path/hand_deg"),
        path_lens_deg=clip.track("path/lens_deg"),
        path_residual_deg=clip.track("path/residual_deg"),
        notes=(accuracy, *_fit_notes(runs, key)),
    )


def _fit_notes(runs: Mapping[str, Run], key: str) -> list[str]:
    """Describe in a sentence what the headline method did to a clip."""
    name = list(runs)[-1]
    facts = read_json(runs[name].folders[key] / "run.json")["facts"]
    if "exposure_share" not in facts:
        return []
    line = (
        f"{name}: exposure share {facts['exposure_share']:g}, {len(facts['passed_through'])} selected frames passed "
        f"through, {len(facts['selected_but_restored'])} restored although selected"
    )
    if "explained_by_flow" in facts:
        line += f", flow explains the blur of {len(facts['explained_by_flow'])} frames"
    return [line]


def _notes(runs: Mapping[str, Run]) -> list[str]:
    """Return the title and the note of each method from its recipe."""
    notes = [(name, load_method(name).recipe.values) for name in runs]
    return [f"{name}: {values.title}. {values.note}".strip() for name, values in notes]


def _manifest(dataset: Dataset, runs: Mapping[str, Run], seed: int) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "recipe_digest": dataset.manifest["recipe_digest"],
        "runs": {name: run.digest for name, run in runs.items()},
        "seed": seed,
        "versions": versions(),
    }
