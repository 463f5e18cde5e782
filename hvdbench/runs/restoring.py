"""Keep runs on disk: the frames that a method restored of each clip of a dataset, and what they came from.

``runs/<method>/<dataset>/<split>/<clip>/`` contains one PNG per frame and ``run.json``. A finished clip with the same
digest is not made again; one with another digest is refused, unless overwriting is requested.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hvdbench.errors import DatasetError, HvdbenchError
from hvdbench.frames import Frames, list_frames, read_frame, write_clip
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import labels_of
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.stages import Stages
from hvdbench.metrics.efficiency import SECONDS_BY_STAGE
from hvdbench.recipe import digest_of
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip, frames_sha256
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.run_series import series_sha256, write_series
from hvdbench.store import ClipFolder, Dataset
from hvdbench.workspace.atomic import atomic_folder, atomic_write_text, check_replaceable, recover
from hvdbench.workspace.locks import locked
from hvdbench.workspace.manifest import file_sha256, versions
from hvdbench.workspace.names import checked_key, checked_name
from hvdbench.workspace.parsing import read_json
from hvdbench.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

_LEAST_TO_MEASURE_PX = 1_000_000  # over all frames; the noise clips that speed is measured on hold 160 000


@dataclass(frozen=True)
class RunJob:
    """One clip to restore; picklable, for a worker process.

    Attributes:
        method: the method, open and with its weights.
        clip: the clip.
        labels: the clip's labels by the method's labeller.
        out: the folder for the restored frames.
        digest: digest of everything that changes the frames.
        dataset: the dataset's name.
        clip_digest: the clip's digest, as the dataset's manifest states it.
        budget: the budget of the restoration, without listener or progress.
        labels_s: seconds that it took to read or make the labels.
    """

    method: Method
    clip: ClipFolder
    labels: SharpLabels
    out: Path
    digest: str
    dataset: str
    clip_digest: str
    budget: Budget
    labels_s: float = 0.0


def run_folder(runs: Path, method: str, dataset: str, clip: ClipFolder) -> Path:
    """Return the folder of one clip's run.

    Raises:
        InputError: if a name could be a path.
    """
    key = checked_key(f"{clip.split}/{clip.name}", "the clip")
    return runs / checked_name(method, "the method") / checked_name(dataset, "the dataset") / key


def plan_run(
    method: Method, dataset: Dataset, *, workspace: Workspace | None = None, budget: Budget | None = None
) -> tuple[Run, list[RunJob]]:
    """List what is left to do to restore every clip of a dataset.

    Args:
        method: the method that restores, with its weights.
        dataset: the dataset whose clips are restored; labels that it does not store are made, but not stored.
        workspace: where runs lie, and whether those from other settings are replaced.
        budget: seed, threads and device of each job, and how a network is run.

    Returns:
        The run as it will be, and one job for each clip that is not finished.

    Raises:
        DatasetError: if a run from other settings is there and may not be replaced.
        InputError: if a name could be a path, or if a folder is there that hvdbench did not make.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    jobs: list[RunJob] = []
    folders: dict[str, Path] = {}
    digests: dict[str, str] = {}
    for clip in dataset.clips():
        key = f"{clip.split}/{clip.name}"
        out = run_folder(workspace.runs, method.name, dataset.name, clip)
        clip_digest = str(dataset.manifest["clips"][key])
        stages = Stages()
        with stages.stage("labels"):
            labels = labels_of(clip, method.scheme.labeller)
        digest = _digest(method, clip_digest, labels, budget)
        folders[key], digests[key] = out, digest
        recover(out)
        if not _finished(RunClip(out, clip), digest, clip_digest, workspace.overwrite):
            check_replaceable(out)
            own = budget.for_clip(key)
            jobs.append(RunJob(method, clip, labels, out, digest, dataset.name, clip_digest, own, stages.total_s))
    return Run(method.name, folders, digest_of(digests)), jobs


def tell_before(jobs: Sequence[RunJob], budget: Budget) -> None:
    """Announce how long a network is going to take for the remaining clips, where that is worth measuring.

    An error here is ignored, since the run itself raises it again.
    """
    workers = min(budget.engine.workers, len(jobs))
    try:
        files = [list_frames(job.clip.folder / "blur") for job in jobs]
        clips = [(read_frame(frames[0]).shape[:2], len(frames)) for frames in files]
        pixels = sum(height * width * count for (height, width), count in clips)
        if not jobs or pixels < _LEAST_TO_MEASURE_PX:
            return
        from hvdbench.methods.inference.network_restoration import plan_clips, tell_if_long

        job, threads = jobs[0], 1 if workers > 1 else None
        plans = plan_clips(job.method, clips, job.budget.inference, device=job.budget.device, threads=threads)
    except (HvdbenchError, ValueError, RuntimeError) as error:
        logger.debug("there is no estimate: %s", error)
        return
    tell_if_long(budget.announce, job.method.name, plans, workers)


def do_jobs(jobs: Sequence[RunJob], budget: Budget, *, what: str) -> None:
    """Restore and score clips, one job per clip, on the budget's engine."""
    if jobs:
        budget.progress(0, len(jobs), what)
    for done, _ in enumerate(budget.engine.map(restore_clip_job, jobs)):
        budget.progress(done + 1, len(jobs), what)


def restore_clip_job(job: RunJob) -> None:
    """Restore one clip, write its run whole or not at all, and score it; the scores are kept beside the frames.

    Frames are scored in the subsets of the paper's labels whatever the method borrows from, so that all methods are
    compared on the same frames.

    If another process restores the same clip, this one waits for it and uses its result.
    """
    clip = job.clip
    blurry = clip.blurry()
    place = RunClip(job.out, clip)
    with locked(job.out):
        if not _finished(place, job.digest, job.clip_digest, overwrite=True):
            _restore(job, place, blurry)
    score_clip(place, labels_of(clip, frames=blurry), job.budget.protocol)


def _restore(job: RunJob, place: RunClip, blurry: Frames) -> None:
    """Restore one clip and write its run."""
    method, clip, labels = job.method, place.clip, job.labels
    names = tuple(path.stem for path in list_frames(clip.folder / "blur"))
    budget = replace(job.budget, frame_names=names)
    started = time.perf_counter()
    restoration = method.restore(blurry, labels, budget)
    seconds = time.perf_counter() - started
    manifest = {
        "method": method.name,
        "recipe": method.recipe.values.model_dump(mode="json"),
        "recipe_digest": method.digest,
        "run_digest": job.digest,
        "dataset": job.dataset,
        "clip": budget.clip,
        "clip_digest": place.clip_digest,
        "labeller": method.scheme.labeller,
        "selected": labels.selected.tolist(),
        "seed": budget.seed,
        "device": budget.device,
        "weights_sha256": file_sha256(method.weights),
        "made_from": method.made_from,
        "inference_asked": budget.inference.values(),
        "versions": versions(),
        "facts": restoration.facts | {SECONDS_BY_STAGE: _seconds_by_stage(job, restoration, seconds)},
        "seconds_per_frame": round(seconds / len(blurry), 4),
        "frames_per_s": round(len(blurry) / seconds, 3),
        "peak_bytes": restoration.facts.get("peak_bytes") or _peak_bytes(budget.device),
    }
    with atomic_folder(job.out) as folder:
        write_clip(folder, restoration.frames, _frame_names(clip))
        manifest["frames_sha256"] = frames_sha256(folder)
        if restoration.series:
            write_series(folder, restoration.series, names)
            manifest["series_sha256"] = series_sha256(folder)
        atomic_write_text(folder / "run.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def _seconds_by_stage(job: RunJob, restoration: Restoration, seconds: float) -> dict[str, float]:
    """Return the seconds of each stage of a clip's run: the method's own, its labels, and its share of a training.

    A method that does not tell its stages apart only restores.
    """
    own = restoration.facts.get(SECONDS_BY_STAGE)
    found: dict[str, float] = dict(own) if isinstance(own, dict) else {"restoring": seconds}
    for name, more in [("labels", job.labels_s), *_training_share(job.method.weights, job.dataset).items()]:
        found[name] = found.get(name, 0.0) + more
    return {name: round(value, 3) for name, value in found.items()}


def _training_share(weights: Path | None, dataset: str) -> dict[str, float]:
    """Return a clip's share of the training of weights over clips of the same dataset, in seconds by stage.

    A training on another dataset was done once for all, and is not part of what a clip takes.
    """
    if weights is None:
        return {}
    try:
        trained = read_json(weights.parent / "train.json")
        if trained["dataset"] != dataset or trained["weights_sha256"] != file_sha256(weights):
            return {}
        count = len(trained["clips"])
        return {str(name): float(value) / count for name, value in trained["facts"][SECONDS_BY_STAGE].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return {}  # trained elsewhere, or by an older version


def _digest(method: Method, clip_digest: str, labels: SharpLabels, budget: Budget) -> str:
    """Hash everything that changes the frames; how a network is run is included only if it is not the usual way."""
    how: list[object] = [] if budget.inference.is_usual else [budget.inference.values()]
    selected, passed, weights = labels.is_selected.tolist(), labels.is_passed.tolist(), file_sha256(method.weights)
    how += [] if passed == selected else [{"passed": passed}]
    return digest_of([method.digest, clip_digest, selected, budget.seed, weights, *how])


def _peak_bytes(device: str) -> int | None:
    """Return the most memory, in bytes, that tensors took on a GPU, or that this process took since it began."""
    if device.startswith("cuda"):
        import torch

        from hvdbench.methods.inference.memory import peak_memory

        return peak_memory(torch.device(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _finished(place: RunClip, digest: str, clip_digest: str, overwrite: bool) -> bool:
    """Return whether a clip's run is there, the same and whole; a run that lost frames is made again.

    Scoring refuses frames that were changed since, or that were restored from an earlier state of the clip; overwriting
    makes them again.

    Raises:
        DatasetError: if a run from other settings is there and may not be replaced.
    """
    path = place.folder / "run.json"
    if not path.is_file():
        return False
    try:
        manifest = read_json(path)
        found, read = manifest["run_digest"], manifest.get("clip_digest", clip_digest)
    except (ValueError, KeyError, TypeError, AttributeError):  # damaged, so its origin is not known
        found = read = None
    if found == digest:
        whole = {file.name for file in list_frames(place.folder, "*.png")} == set(_frame_names(place.clip))
        return whole and not (overwrite and (read != clip_digest or place.was_changed))
    if overwrite:
        return False
    raise DatasetError(
        f"{place.folder} contains a run from other settings: use --overwrite or choose another --runs folder"
    )


def _frame_names(clip: ClipFolder) -> list[str]:
    return [path.with_suffix(".png").name for path in list_frames(clip.folder / "blur")]
