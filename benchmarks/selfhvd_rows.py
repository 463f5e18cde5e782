"""The rows of SelfHVD's Table 3 on one machine: recipes trained for the time given, and scored on held-out clips.

``python -m benchmarks.selfhvd_rows DATASET --work FOLDER --minutes 60 --device cuda --precision bfloat16`` trains each
recipe on the split ``train``, all for as many steps, and scores it on the split ``test`` over time: PSNR of the frames
not selected against both truths, sharpness, shift, beside the blurry input and ``warp_average``. Clips a second and
peak memory (on a CPU: of the whole process so far) are of single steps, in float32 and in bfloat16. ``--minutes`` is
what the first recipe takes, from its steps as they are timed here; ``--steps`` names them. Recipes that differ in stage
2 alone go on from one stage 1. What is done is kept in ``FOLDER``, so that the same command goes on.
"""

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from benchmarks.networks import machine as gpu_machine
from benchmarks.selfhvd_tiny.machine import machine as cpu_machine
from hvdbench.dataset.facts import ClipReader
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.frames import Frames
from hvdbench.labels.stored import labels_of
from hvdbench.methods.inference.options import PrecisionName
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.checkpoints import checkpoint_folder, list_checkpoints, read_tensors
from hvdbench.methods.training.cost import StepCost, measure_step
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.samples import TrainingWindows
from hvdbench.methods.training.scheme import only_splits, train_scheme
from hvdbench.methods.training.validation import batch_of
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.sharpness import gray_sharpness, shift_px
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import digest_of
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset, Truth
from hvdbench.workspace.atomic import atomic_write_text

WHOLE = "selfhvd_basicvsrpp"
RECIPES = (WHOLE, f"{WHOLE}_without_sevd", f"{WHOLE}_without_scscm", f"{WHOLE}_without_sevd_scscm")
TWIN = "supervised_basicvsrpp"
OF_STAGE2 = frozenset(
    {"sevd", "scscm", "clues", "supervision", "distortion_threshold", "spatial_consistency", "anchor"}
)
"""Settings that change nothing before stage 2."""
PRECISIONS: tuple[PrecisionName, ...] = ("float32", "bfloat16")
TIMED = 3


@dataclass(frozen=True)
class TestClip:
    """A held-out clip: input, truths, and which frames are not selected."""

    blurry: Frames
    truths: dict[str, Frames]
    chosen: list[int]


def read_test_clip(clip: ClipFolder) -> TestClip:
    """Read a clip with its truths."""
    kinds = cast(tuple[Truth, ...], tuple(TRUTH_FOLDERS))
    truths = {str(kind): truth for kind in kinds if (truth := clip.truth(kind)) is not None}
    return TestClip(clip.blurry(), truths, np.flatnonzero(~labels_of(clip).is_selected).tolist())


def score(restored: Sequence[Frames], clips: Sequence[TestClip]) -> dict[str, float]:
    """Return means over clips of means over the frames not selected."""
    found: dict[str, list[float]] = {}
    for frames, clip in zip(restored, clips, strict=True):
        per_clip = {
            f"psnr_{name}": [psnr(frames[i], truth[i]) for i in clip.chosen] for name, truth in clip.truths.items()
        }
        sharper = [gray_sharpness(frames[i]) / gray_sharpness(clip.blurry[i]) for i in clip.chosen]
        per_clip |= {"sharpness_ratio": sharper, "shift_px": [shift_px(frames[i], clip.blurry[i]) for i in clip.chosen]}
        for name, values in per_clip.items():
            known = [value for value in values if np.isfinite(value)]
            if known:
                found.setdefault(name, []).append(float(np.mean(known)))
    return {name: round(float(np.mean(values)), 3) for name, values in found.items()}


def overridden(name: str, given: argparse.Namespace, steps: int | None) -> tuple[Method, list[str]]:
    """Load a recipe as it is trained here, and say what was laid over it."""
    settings = load_method(name).scheme.settings
    engine: dict[str, Any] = {"precision": given.precision}
    over: dict[str, Any] = {"splits": ["train"]}
    if steps is not None:
        each = steps // given.checks
        engine |= {"steps": steps, "checkpoint_every": each, "validate_every": max(1, each // 2), "keep": given.checks}
    if given.batch:
        engine["batch"] = given.batch
    told = []
    if given.without_weights:
        if hasattr(settings, "flow") and settings.flow.model == "sea_raft":
            over["flow"] = {"model": "dis_medium"}
            told.append("flow.model = dis_medium")
        if hasattr(settings, "perceptual") and settings.perceptual.weight > 0:
            over["perceptual"] = {"weight": 0.0}
            told.append("perceptual.weight = 0")
        if settings.start_from or any(settings.start_parts.values()):
            over |= {"start_from": "", "start_parts": dict.fromkeys(settings.start_parts, ""), "zero_flow_start": True}
            told.append("random weights, SPyNet at zero flow")
        engine["frozen_steps"] = dict.fromkeys(settings.engine.frozen_steps, 0)
    if given.flow_on and hasattr(settings, "flow"):
        over["flow"] = over.get("flow", {}) | {"on": given.flow_on}
        told.append(f"flow.on = {given.flow_on}")
    return load_method(name, overrides=over | {"engine": engine}), told


def speeds(method: Method, clips: ClipReader, given: argparse.Namespace) -> dict[str, Any]:
    """Time the first and the last step in each precision: clips a second and peak memory, by stage."""
    scheme, settings = method.scheme, method.scheme.settings
    truth = settings.truth if scheme.reads_truth else None
    with_sharp = not scheme.reads_truth
    windows = TrainingWindows(clips, settings.window, given.seed, settings.engine.batch, truth, with_sharp)
    device = torch.device(given.device)
    batch = batch_of(windows, range(settings.engine.batch), device)
    found: dict[str, Any] = {}
    for precision in PRECISIONS:
        door = RgbNetwork(scheme.start(given.seed)).to(device).train()
        door.precision = precision
        for stage, step in (("first", 0), ("last", settings.engine.steps - 1)):
            objective = scheme.objective(given.seed)
            costs = [measure_step(door, objective, batch, 1, step) for _ in range(TIMED)]
            known = [cost for cost in costs if isinstance(cost, StepCost)]
            seconds = statistics.median(cost.seconds for cost in known)
            peak = max(cost.bytes or 0 for cost in known)
            found[f"{precision}, {stage} step"] = {
                "seconds": round(seconds, 4),
                "clips_per_s": round(settings.engine.batch / seconds, 3),
                "peak_gib": round(peak / 2**30, 3),
            }
    return found


def steps_for(minutes: float, speed: dict[str, Any], precision: str, checks: int) -> int:
    """Return the steps that fit into the time, a multiple of the checks; half of them in each stage."""
    seconds = statistics.mean(speed[f"{precision}, {stage} step"]["seconds"] for stage in ("first", "last"))
    return max(1, int(60 * minutes / seconds / checks)) * checks


def stage1_key(method: Method, given: argparse.Namespace) -> str:
    """Return what moves a run's numbers; equal for recipes that differ in stage 2 alone."""
    values = method.recipe.values
    settings = {key: value for key, value in values.settings.items() if key not in OF_STAGE2}
    return digest_of([values.scheme, settings, given.digest, given.seed])


def share_stage1(method: Method, folder: Path, key: str, given: argparse.Namespace) -> str | None:
    """Copy the end of stage 1 from a run that has it; give that run's name."""
    at = getattr(method.scheme.settings, "stage1_steps", 0)
    if not at or list_checkpoints(folder):
        return None
    for other in sorted((given.work / "runs").iterdir()) if (given.work / "runs").is_dir() else []:
        if (other / f"stage1-{key}").is_file() and (checkpoint_folder(other, at) / "state.json").is_file():
            shutil.copytree(checkpoint_folder(other, at), checkpoint_folder(folder, at))
            shutil.copy(other / "log.jsonl", folder / "log.jsonl")
            return str(other.name)
    return None


def train_row(name: str, clips: ClipReader, test: Sequence[TestClip], given: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe, or go on with it, and score its checkpoints."""
    method, told = overridden(name, given, given.steps)
    folder, key = given.work / "runs" / method.name, stage1_key(method, given)
    budget = Budget(seed=given.seed, device=given.device, announce=_tell)
    folder.mkdir(parents=True, exist_ok=True)
    shared = share_stage1(method, folder, key, given)
    has_anchor = getattr(method.scheme.settings, "scscm", False)  # a run without one leaves none to go on from
    if has_anchor:
        (folder / f"stage1-{key}").touch()
    speed = speeds(method, clips, given)
    network, result = train_scheme(method.trained_scheme, open_reader(given.dataset), folder, budget, digest=key)
    if not result.is_finished:
        raise KeyboardInterrupt
    over_time = []
    for path in list_checkpoints(folder):
        notes = json.loads((path / "state.json").read_text(encoding="utf-8"))["notes"]
        average = path / "ema.safetensors"
        network.load_state_dict(read_tensors(average if average.is_file() else path / "model.safetensors"))
        facts = {"step": int(path.name), "seconds": round(notes["seconds"], 1)}
        over_time.append(facts | score(restore_all(network, test, given.device), test))
        _tell(f"{method.name} {over_time[-1]}")
    return {
        "row": method.name,
        "laid over the recipe": told,
        "stage 1 from": shared or method.name,
        "settings": method.recipe.values.settings,
        "seconds with validation": over_time[-1]["seconds"],
        "peak_gib": round((result.facts["peak_bytes"] or 0) / 2**30, 3),
        "speed": speed,
        "scores": {key: value for key, value in over_time[-1].items() if key not in ("step", "seconds")},
        "over_time": over_time,
        "warnings": result.facts["warnings"],
    }


def restore_all(network: nn.Module, test: Sequence[TestClip], device: str) -> list[Frames]:
    """Restore the held-out clips, in float32."""
    return [restore_clip(cast(VideoNetwork, network.eval()), clip.blurry, device=device) for clip in test]


def control_rows(dataset: Dataset, test: Sequence[TestClip]) -> list[dict[str, Any]]:
    """Score what nothing was learned for."""
    warped = load_method("warp_average").scheme
    restored = [
        warped.restore(c.blurry(), labels_of(c, warped.labeller), Budget()).frames for c in dataset.clips("test")
    ]
    return [
        {"row": "blurry", "scores": score([clip.blurry for clip in test], test)},
        {"row": "warp_average", "scores": score(restored, test)},
    ]


def _tell(line: str) -> None:
    print(line, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selfhvd_rows", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=[*RECIPES, TWIN])
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of the first recipe's training; sets the steps of all")
    length.add_argument("--steps", type=int)
    parser.add_argument("--checks", type=int, default=4, help="scores over time; an even number")
    parser.add_argument("--batch", type=int, help="in place of the recipes'")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--without-weights", action="store_true", help="DIS, no VGG losses, random SPyNet")
    parser.add_argument("--flow-on", choices=("output", "input"), help="in place of the recipes'")
    parser.add_argument("--tiny", action="store_true", help="each recipe's @tiny size")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.checks < 2 or given.checks % 2 or (given.steps and given.steps % given.checks):
        parser.error("--checks must be even, and --steps a multiple of it: stage 1 ends at one of them")
    given.recipes = [f"{name}@tiny" if given.tiny else name for name in given.recipes]
    return given


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, score, keep."""
    given = parse(arguments)
    dataset = Dataset.open(given.dataset)
    given.digest, rows_file = dataset.digest, given.work / "rows.json"
    given.work.mkdir(parents=True, exist_ok=True)
    asked = ("batch", "precision", "without_weights", "flow_on", "checks", "minutes", "device", "seed")
    facts = {"dataset": dataset.name, "dataset_digest": dataset.digest} | {key: getattr(given, key) for key in asked}
    facts |= {"machine": cpu_machine() if given.device == "cpu" else gpu_machine(given.device)}
    kept: dict[str, Any] = {"facts": dict(facts), "rows": []}
    if rows_file.is_file():
        kept = json.loads(rows_file.read_text(encoding="utf-8"))
    before = {key: value for key, value in kept["facts"].items() if key != "steps"}
    if before != facts or given.steps not in (None, kept["facts"].get("steps", given.steps)):
        sys.exit(f"{rows_file} holds rows of another command, data or machine: name another --work")
    clips, test = only_splits(open_reader(given.dataset), ["train"]), [read_test_clip(c) for c in dataset.clips("test")]
    given.steps = given.steps or kept["facts"].get("steps")
    if given.steps is None:
        speed = speeds(overridden(given.recipes[0], given, None)[0], clips, given)
        given.steps = steps_for(given.minutes, speed, given.precision, given.checks)
    kept["facts"]["steps"] = given.steps
    _tell(json.dumps(kept["facts"]))

    def keep(row: dict[str, Any]) -> None:
        kept["rows"].append(row)
        atomic_write_text(rows_file, json.dumps(kept, indent=1) + "\n")
        _tell(json.dumps({key: value for key, value in row.items() if key not in ("settings", "over_time")}))

    done = {row["row"] for row in kept["rows"]}
    for row in [] if "blurry" in done else control_rows(dataset, test):
        keep(row)
    for name in given.recipes:
        if load_method(name).name not in done:
            keep(train_row(name, clips, test, given))


if __name__ == "__main__":
    main()
