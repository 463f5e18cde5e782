"""All scores of a run: what every board has, and the metrics and strata that were asked for, clip by clip."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.labels.stored import labels_of
from hvdbench.metrics.measure import EFFICIENCY, measured_with
from hvdbench.metrics.opening import OTHERS, measurable, open_measure
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.run_tables import RunScores, asked_metric, run_strata
from hvdbench.scoring.stored_scores import measure_clip, read_kept
from hvdbench.scoring.stratified import strata_table
from hvdbench.store import TRUTH_FOLDERS, Dataset
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What is scored beside what every board has.

    Attributes:
        metrics: as they were asked for; see :func:`hvdbench.metrics.opening.metric_names`.
        strata: whether gains are told by strata too.
    """

    metrics: tuple[str, ...] = ()
    strata: bool = False


def clips_of(run: Run, dataset: Dataset) -> list[RunClip]:
    """Put each clip of a run beside the dataset's."""
    return [RunClip(run.folders[f"{clip.split}/{clip.name}"], clip) for clip in dataset.clips()]


def score(run: Run, dataset: Dataset) -> pd.DataFrame:
    """Score every frame of a run against whatever truth the dataset has, or read the scores kept.

    Raises:
        DatasetError: a clip was changed since the dataset was made.
        InputError: frames were changed since they were restored, were restored from another version of the clip, or
            do not fit it.
    """
    return _score(clips_of(run, dataset), run, dataset)


def _score(places: Sequence[RunClip], run: Run, dataset: Dataset) -> pd.DataFrame:
    tables = []
    for place in places:
        clip = place.clip
        digest = str(dataset.manifest["clips"][f"{clip.split}/{clip.name}"])
        place.check_clip(digest)
        place.check_origin(digest)
        place.check_frames()
        table = score_clip(place, labels_of(clip))
        tables.append(table.assign(method=run.method, split=clip.split, clip=clip.name))
    return pd.concat(tables, ignore_index=True)


def usable(asked: Asked, dataset: Dataset, *, fallback: Fallback, run: Run | None = None) -> Asked:
    """Leave out the metrics that cannot be measured, after a sentence for each.

    Args:
        asked: metrics and strata.
        dataset: that is scored.
        fallback: whether the others may stand in.
        run: stored frames; a metric stays whose scores are kept beside all of them.

    Raises:
        UnknownNameError: there is no such metric.
        InputError: a metric that is on every board, or of sets of pictures.
        StrictError: one cannot be measured, in strict mode.
    """
    has_truth = any((clip.folder / name).is_dir() for clip in dataset.clips() for name in TRUTH_FOLDERS.values())

    def is_kept(name: str) -> bool:
        return run is not None and _is_kept(name, run, dataset)

    names = measurable(asked.metrics, fallback=fallback, has_truth=has_truth, is_kept=is_kept)
    return Asked(tuple(names), asked.strata)


def _is_kept(name: str, run: Run, dataset: Dataset) -> bool:
    found = (read_kept(place, measured_with(name)) for place in clips_of(run, dataset))
    return all(kept is not None and kept.is_whole for kept in found)


def score_all(
    run: Run,
    dataset: Dataset,
    asked: Asked,
    *,
    fallback: Fallback,
    engine: Engine,
    device: str = "cpu",
    progress: Progress = silent,
) -> RunScores:
    """Score a run, measure what was asked for beside it, and read what is kept.

    Args:
        run: frames of every clip.
        dataset: that they were restored from.
        asked: what :func:`usable` left.
        fallback: whether the other metrics may stand in for one that cannot be opened.
        engine: one job a clip.
        device: where pyiqa's networks run.
        progress: called with (done, total, what).

    Raises:
        DatasetError, InputError: as :func:`score`.
        StrictError: a metric cannot be opened, in strict mode.
    """
    places = clips_of(run, dataset)
    frames = _score(places, run, dataset)
    measures = tuple(dict.fromkeys(measured_with(name) for name in asked.metrics if name != EFFICIENCY))
    problems: dict[str, str] = {}
    if measures or asked.strata:
        jobs = [MeasureJob(place, measures, device, asked.strata) for place in places]
        what = f"measure: {', '.join([*measures, *(['strata'] if asked.strata else [])])}"
        progress(0, len(jobs), what)
        for done, (_, found) in enumerate(engine.map(measure_job, jobs)):
            problems |= found
            progress(done + 1, len(jobs), what)
    metrics = []
    for name in asked.metrics:
        if measured_with(name) in problems:
            fallback.take(problems[measured_with(name)], OTHERS)
            continue
        metric = asked_metric(name, places, run.method)
        if metric.is_empty:
            logger.warning("metric '%s' has no value on any frame of '%s'", name, run.method)
        metrics.append(metric)
    return RunScores(frames, tuple(metrics), run_strata(places, run.method) if asked.strata else None)


@dataclass(frozen=True)
class MeasureJob:
    """One clip to measure; picklable, for a worker process."""

    place: RunClip
    measures: tuple[str, ...]
    device: str
    strata: bool


def measure_job(job: MeasureJob) -> dict[str, str]:
    """Measure a clip of a run; the scores are kept beside its frames.

    Returns:
        Why a measure could not be made, by its name; one whose scores are kept to the end needs none.
    """
    problems = {}
    for name in job.measures:
        try:
            measure = open_measure(name, job.device)
        except (InputError, WeightsError) as error:
            kept = read_kept(job.place, name)
            if kept is None or not kept.is_whole:
                problems[name] = str(error)
            continue
        try:
            measure_clip(job.place, measure)
        except FitError as error:
            problems[name] = str(error)
    if job.strata:
        strata_table(job.place)
    return problems
